"""The use case of the audit: every step once, whatever is delivered how often and in which order."""

from contextlib import nullcontext
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.runs.pointer import REPLAY_SOURCE, JobPointer
from flops_auditor.domain.runs.sources.training_job_answer import MalformedJob
from flops_auditor.domain.runs.sources.training_job_events import AWS_EVENT_SOURCE
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.audit_job import (
    CLAIM,
    COME_BACK_SECONDS,
    LONGEST_AUDIT_SECONDS,
    PAUSE_SECONDS,
    SPARE_SECONDS,
    Claimed,
    NotFinished,
    NoTimeLeft,
    NotOurs,
    Territory,
    audit_job,
    handle_event,
    may_begin,
    pause_after,
)
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.sources import SourceUnavailable, UnknownTrainingJob
from tests.fakes.audit import (
    FakeMetrics,
    FakeTrainingJobs,
    FixedClock,
    FixedRegions,
    MemoryAlerts,
    MemoryClaims,
    MemoryRecords,
    recorder,
)
from tests.fakes.cases import words
from tests.fakes.jobs import CREATED, describe
from tests.fakes.ledger import MemoryArchive, MemorySigner
from tests.template.loading import load

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}


class CountingSigner(MemorySigner):
    """Counts signatures."""

    def __init__(self) -> None:
        super().__init__()
        self.signed = 0

    def sign(self, digest: bytes) -> bytes:
        self.signed += 1
        return super().sign(digest)


class Broken:
    """Wraps a port; the named call fails once, before or after it took effect."""

    def __init__(self, inner: Any, call: str, after: bool) -> None:
        self._inner, self._call, self._after, self.failed = inner, call, after, False

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._inner, name)
        if name != self._call or self.failed:
            return function

        def fail(*arguments: Any) -> None:
            self.failed = True
            if self._after:
                function(*arguments)
            raise ConnectionError(f"{name} failed")

        return fail


def delivered(pointers: list[JobPointer], made: Recorder) -> None:
    for number, pointer in enumerate(pointers):
        audit_job(pointer, made, owner=f"delivery-{number}")


def predicate_of(line: bytes) -> dict[str, Any]:
    return parse_statement(parse_envelope(line).payload).predicate


def test_one_event_five_times_is_one_record_one_alert_one_signature() -> None:
    """SageMaker may send several events per state change, and SQS delivers at least once."""
    jobs, signer, alerts, records = FakeTrainingJobs(), CountingSigner(), MemoryAlerts(), MemoryRecords()
    pointer = jobs.add(describe(hours=2000, ResourceConfig=BIG))
    delivered([pointer] * 5, recorder(jobs, signer=signer, alerts=alerts, records=records))
    assert signer.signed == 1
    assert len(alerts.sent) == 1
    assert [sorted(revisions) for revisions in records.lines.values()] == [[0]]


def test_events_out_of_order_are_one_record_per_job() -> None:
    """The event is only a pointer: what it says about the status counts for nothing."""
    for order in permutations(range(3)):
        jobs, signer, records = FakeTrainingJobs(), CountingSigner(), MemoryRecords()
        pointers = [jobs.add(describe(f"job-{n}", hours=2000, ResourceConfig=BIG)) for n in range(3)]
        late = [pointers[n].model_copy(update={"status": "InProgress"}) for n in order]
        delivered([pointers[n] for n in order] + late, recorder(jobs, signer=signer, records=records))
        assert signer.signed == 3
        assert len(records.lines) == 3


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("port", "call"),
    [
        ("archive", "put_if_absent"),
        ("records", "commit"),
        ("alerts", "send"),
        ("records", "note_alerts"),
        ("signer", "sign"),
    ],
)
def test_a_delivery_that_dies_anywhere_is_resumed(port: str, call: str, after: bool) -> None:
    """Every write may fail before or after it took effect; the next delivery ends with one record and its alert."""
    jobs, alerts, records, archive = FakeTrainingJobs(), MemoryAlerts(), MemoryRecords(), MemoryArchive()
    pointer = jobs.add(describe(hours=2000, ResourceConfig=BIG))
    twins = {"alerts": alerts, "records": records, "archive": archive, "signer": CountingSigner()}
    broken = Broken(twins[port], call, after)
    made = recorder(jobs, **{**twins, port: broken})
    with pytest.raises(ConnectionError):
        audit_job(pointer, made, owner="first")
    assert broken.failed
    audit_job(pointer, made, owner="second")
    [[line]] = [list(revisions.values()) for revisions in records.lines.values()]
    job_id = predicate_of(line)["job"]["id"]
    assert archive.get(f"records/{job_id}/0.json") == line
    most = 2 if (call in {"send", "note_alerts"} and (after or call == "note_alerts")) else 1
    assert 1 <= len(alerts.sent) <= most


def from_aws(pointer: JobPointer) -> JobPointer:
    return pointer.model_copy(update={"source": "aws.sagemaker"})


def test_a_claimed_job_stays_in_the_queue_until_its_claimant_is_done() -> None:
    jobs, records = FakeTrainingJobs(), MemoryRecords()
    pointer = from_aws(jobs.add(describe()))

    class Slow(MemoryRecords):
        def commit(self, *arguments: Any) -> bool:
            with pytest.raises(Claimed):
                audit_job(pointer, made, owner="me")
            return records.commit(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(records, name)

    made = recorder(jobs, records=Slow(lines=records.lines))
    assert audit_job(pointer, made, owner="another").kind == "recorded"
    assert audit_job(pointer, made, owner="me").kind == "already recorded"


def test_a_claim_of_a_delivery_that_died_runs_out() -> None:
    jobs, clock = FakeTrainingJobs(), FixedClock()
    pointer = from_aws(jobs.add(describe()))
    made = recorder(jobs, clock=clock)
    run = f"{pointer.arn}#{iso(CREATED)}"
    assert made.claims.claim(run, "dead", clock(), clock() + CLAIM)
    for _ in range(4):
        with pytest.raises(Claimed):
            audit_job(pointer, made, owner="me")
        clock.advance(seconds=COME_BACK_SECONDS)
    assert audit_job(pointer, made, owner="me").kind == "recorded"


def event(source: str, arn: str = "", **said: Any) -> dict[str, Any]:
    named = arn or "arn:aws:sagemaker:eu-west-1:123456789012:training-job/fine-tune"
    created = int(CREATED.timestamp() * 1000)
    detail = {"TrainingJobArn": named, "TrainingJobStatus": "Completed", "CreationTime": created, **said}
    return {"source": source, "detail": detail}


HOME = Territory("123456789012", FixedRegions())


@pytest.mark.parametrize("wrong", [{"CreationTime": 1_700_000_000_000}, {"CreationTime": None}, {}])
def test_replays_never_keep_awss_own_event_from_the_record(wrong: dict[str, Any]) -> None:
    """Seen: a flood of replays with a wrong time held the claim, the job was deleted, and the true event ended as done.

    Whatever is replayed meanwhile, the true event of a job that is gone makes its record (docs/adr/0600).
    """
    jobs, records = FakeTrainingJobs(), MemoryRecords()
    jobs.add(describe())

    class Racing(FakeTrainingJobs):
        raced = False

        def describe(self, name: str, region: str) -> Any:
            if not self.raced:  # while a replay is worked on, the job is deleted and its true event comes
                self.raced = True
                jobs.descriptions.clear()
                handle_event(event("aws.sagemaker"), made, "true", HOME)
            return super().describe(name, region)

    jobs.__class__ = Racing
    made = recorder(jobs, records=records)
    for number in range(5):
        handle_event(event("flops-auditor.replay", **wrong), made, f"replay-{number}", HOME)
    [[line]] = [list(revisions.values()) for revisions in records.lines.values()]
    assert predicate_of(line)["job"]["arn"].endswith("/fine-tune")


@pytest.mark.parametrize(
    ("source", "arn", "error"),
    [
        ("flops-auditor.replay", "arn:aws:sagemaker:eu-west-1:999999999999:training-job/x", "NotOurs"),
        ("flops-auditor.replay", "arn:aws:sagemaker:xx-nowhere-1:123456789012:training-job/x", "NotOurs"),
        ("flops-auditor.replay", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/made-up", "UnknownTrainingJob"),
        ("flops-auditor.replay", "nonsense", "MalformedEvent"),
        ("flops-auditor.replay", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/running", "NotFinished"),
    ],
)
def test_a_replay_that_names_nothing_to_audit_is_refused_and_leaves_nothing(source: str, arn: str, error: str) -> None:
    """No claim, no item, no client of a made-up region, no dead letter; the reason is the outcome."""
    jobs = FakeTrainingJobs()
    jobs.add(describe("running", TrainingJobStatus="InProgress"))
    made = recorder(jobs)
    outcome = handle_event(event(source, arn), made, "me", HOME)
    assert outcome.kind == "refused"
    assert outcome.refusal is not None
    assert outcome.refusal.name == error
    assert isinstance(made.claims, MemoryClaims)
    assert isinstance(made.records, MemoryRecords)
    assert not made.claims.held
    assert not made.records.lines
    if error in {"NotOurs", "MalformedEvent"}:
        assert jobs.calls == []


def test_only_a_replay_that_records_nothing_is_paused_after() -> None:
    jobs, clock, paused = FakeTrainingJobs(), FixedClock(), list[float]()
    jobs.add(describe())
    made = recorder(jobs, clock=clock)
    sources = (REPLAY_SOURCE, REPLAY_SOURCE, AWS_EVENT_SOURCE)
    sent = [(handle_event(event(source), made, "me", HOME, paused.append).kind, len(paused)) for source in sources]
    assert sent == [("recorded", 0), ("already recorded", 1), ("already recorded", 1)]


@pytest.mark.parametrize(
    "raised", [UnknownTrainingJob("made up"), SourceUnavailable("busy"), MalformedJob("x")], ids=repr
)
def test_a_replay_that_raises_is_paused_after_as_well(raised: Exception) -> None:
    """It comes back five times, and the services are busiest where it does."""
    clock, paused = FixedClock(), list[float]()

    class Slow(FakeTrainingJobs):
        def describe(self, name: str, region: str) -> dict[str, Any]:
            clock.advance(seconds=3)
            raise raised

    expected = nullcontext() if isinstance(raised, UnknownTrainingJob) else pytest.raises(type(raised))
    with expected:
        handle_event(event(REPLAY_SOURCE), recorder(Slow(), clock=clock), "me", HOME, paused.append)
    assert paused == [3]


@pytest.mark.parametrize("took", [0.0, 0.04, 0.5, 1.6])
def test_replays_take_no_more_than_a_fifth_of_the_time(took: float) -> None:
    """Where the services are slow, since they serve others, replays ask for less; and of at most ten jobs a second."""
    worked, waited = batch_of_ten(took)
    assert worked <= (worked + waited) / 5 + 1e-9
    assert waited >= 10 * PAUSE_SECONDS - 1e-9


@pytest.mark.parametrize("took", [2.0, 3.0, 7.1, 11.0, 11.9])
def test_a_batch_of_slow_replays_comes_to_its_end(took: float) -> None:
    """A function that is ended has all ten of a batch delivered again."""
    worked, waited = batch_of_ten(took)
    assert worked == pytest.approx(10 * took)
    assert worked + waited <= max(TIMEOUT - SPARE_SECONDS, 10 * took) + 1e-9


@pytest.mark.parametrize("took", [0.0, 0.04, 0.5, 2.0, 3.0, 7.1, 7.9])
def test_the_last_of_a_batch_of_replays_has_the_time_to_begin(took: float) -> None:
    left = float(TIMEOUT)
    for others in reversed(range(10)):
        may_begin(left)
        left -= took
        left -= pause_after(took, left, others)
    with pytest.raises(NoTimeLeft, match="39 s are left"):
        may_begin(LONGEST_AUDIT_SECONDS - 1)


TIMEOUT = load()["Resources"]["AuditFunction"]["Properties"]["Timeout"]


def batch_of_ten(took: float) -> tuple[float, float]:
    """Seconds that ten replays of one batch worked, and those that were waited."""
    worked = waited = 0.0
    for others in reversed(range(10)):
        worked += took
        waited += pause_after(took, TIMEOUT - worked - waited, others)
    return worked, waited


@pytest.mark.parametrize("arn", ["arn:aws:sagemaker:eu-west-1:999999999999:training-job/x", "nonsense"])
def test_what_aws_sends_and_nobody_can_audit_stays_an_error(arn: str) -> None:
    with pytest.raises((NotOurs, MalformedEvent)):
        handle_event(event("aws.sagemaker", arn), recorder(), "me", HOME)


def test_a_name_used_again_is_another_job() -> None:
    """A job's name may be used again after deletion: identity is ARN and creation time."""
    jobs, records = FakeTrainingJobs(), MemoryRecords()
    first = jobs.add(describe())
    made = recorder(jobs, records=records)
    delivered([first], made)
    second = jobs.add(describe(CreationTime=CREATED + timedelta(days=9)))
    with pytest.raises(UnknownTrainingJob):
        delivered([first], made)
    delivered([second], made)
    assert len(records.lines) == 2


def test_a_job_in_progress_is_left_in_the_queue() -> None:
    jobs = FakeTrainingJobs()
    pointer = jobs.add(describe(TrainingJobStatus="InProgress"))
    with pytest.raises(NotFinished):
        delivered([pointer], recorder(jobs))


def test_refused_metrics_and_tags_are_in_the_record_and_never_below() -> None:
    jobs, records = FakeTrainingJobs(denied={"sagemaker:ListTags"}), MemoryRecords()
    pointer = jobs.add(describe())
    delivered([pointer], recorder(jobs, FakeMetrics(denied=True), records=records))
    [[line]] = [list(revisions.values()) for revisions in records.lines.values()]
    content = predicate_of(line)
    assert content["verdict"] == "indeterminate"
    assert "sagemaker:ListTags answered AccessDenied" in " ".join(words(content["estimate"]["doubts"]))
    assert "cloudwatch:GetMetricData answered AccessDenied" in " ".join(words(content["estimate"]["doubts"]))


LONE = "x\ud800y"
ESCAPED = r"\ud800"
"""The same in the JSON that a text holds, of which each character is ASCII."""


@pytest.mark.parametrize(
    "changes",
    [
        {"HyperParameters": {LONE: LONE, "model_name_or_path": LONE}},
        {"Environment": {LONE: LONE, "PRETRAIN_FLOPS": LONE, "HF_MODEL_ID": LONE}},
        {"OutputDataConfig": {"S3OutputPath": f"s3://bucket/{LONE}"}},
        {"ModelArtifacts": {"S3ModelArtifacts": f"s3://{LONE}/model.tar.gz"}},
        {"CheckpointConfig": {"S3Uri": f"s3://bucket/{LONE}"}},
        {
            "InputDataConfig": [
                {"ChannelName": LONE, "DataSource": {"S3DataSource": {"S3Uri": f"s3://bucket/{LONE}"}}},
                {"ChannelName": "model", "DataSource": {"S3DataSource": {"S3Uri": f"s3://bucket/{LONE}"}}},
            ]
        },
        {"FinalMetricDataList": [{"MetricName": LONE, "Value": 1.0, "Timestamp": CREATED}]},
        {"AlgorithmSpecification": {"MetricDefinitions": [{"Name": LONE, "Regex": LONE}], "TrainingImage": LONE}},
        {"FailureReason": LONE, "SecondaryStatus": LONE},
        {"ResourceConfig": {"InstanceType": LONE, "InstanceCount": 1}},
        {"HyperParameters": {"c": f'{{"model": "s3://team/{ESCAPED}x"}}', LONE: "1"}},
        {"HyperParameters": {"c": f'{{"model_name_or_path": "{ESCAPED}/x"}}', LONE: "1"}},
        {"HyperParameters": {"c": f'{{"output_dir": "s3://x{ESCAPED}-s3alias/y"}}', LONE: "1"}},
        {"HyperParameters": {"c": f'{{"{ESCAPED}:/": "model", "s3://team/{ESCAPED}": "model"}}', LONE: "1"}},
        {"HyperParameters": {"c": f'{{"model_bucket": "team", "model_key": "{ESCAPED}/output/x"}}', LONE: "1"}},
        {
            "HyperParameters": {
                "c": f'{{"model": "arn:aws:sagemaker:eu-west-1:1:model-package/{ESCAPED}/1"}}',
                LONE: "1",
            }
        },
        {"HyperParameters": {"c": f'{{"model": "\\"s3://team/\\{ESCAPED}\\""}}', LONE: "1"}},
        {
            "Environment": {
                "SM_HPS": f'{{"model_name_or_path": "{ESCAPED}", "output_dir": "s3://team/{ESCAPED}"}}',
                LONE: "",
            }
        },
        {
            "AlgorithmSpecification": {
                "ContainerArguments": ["--model", f'"s3://team/{ESCAPED}"'],
                "TrainingImage": LONE,
            }
        },
        {"DebugHookConfig": {"S3OutputPath": LONE, "HookParameters": {"model": f'"s3://team/{ESCAPED}"'}}},
    ],
    ids=lambda changes: next(iter(changes)),
)
@pytest.mark.parametrize("told_by", ["describe", "event"])
def test_whatever_an_owner_writes_ends_in_a_record(changes: dict[str, Any], told_by: str) -> None:
    """A lone surrogate is no text and cannot be stored: it is recorded as U+FFFD, in tags and metrics as well."""
    job = describe(**changes)
    sources = FakeTrainingJobs()
    if told_by == "describe":
        sources.add(job)
        tags = [{"Key": f"flops-auditor:{LONE}", "Value": LONE}, {"Key": LONE, "Value": "1"}]
        sources.tags_by_arn[job["TrainingJobArn"]] = tags
    metrics = FakeMetrics({job["TrainingJobName"]: [{"Label": LONE, "Timestamps": [CREATED], "Values": [1.0]}]})
    records, archive = MemoryRecords(), MemoryArchive()
    made = recorder(jobs=sources, metrics=metrics, records=records, archive=archive)
    detail = {**job, "CreationTime": iso(CREATED)}
    event = {
        "source": "aws.sagemaker",
        "detail": {k: iso(v) if isinstance(v, datetime) else v for k, v in detail.items()},
    }
    outcome = handle_event(event, made, "delivery", Territory("123456789012", FixedRegions()))
    assert outcome.kind == "recorded"
    stored = records.latest(outcome.job_id)
    assert stored is not None
    stored.line.decode("utf-8")
    assert "\ufffd" in (archive.get(evidence_key(outcome.job_id, 0)) or b"").decode("utf-8")
