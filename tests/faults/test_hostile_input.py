"""Hostile and broken input: no crash without a named error, and never "below" where nothing can be said."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.runs.evidence import (
    BATCH_JOB,
    CUSTOMIZATION_JOB,
    SAGEMAKER_JOB,
    TRAINING_SESSION,
    Evidence,
    parse_evidence,
    plain,
)
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.sources.sagemaker_job_answer import NEITHER, TRAINS
from flops_auditor.domain.runs.sources.training_job_answer import MalformedJob, parse_training_job
from flops_auditor.domain.values.errors import AuditorError, MalformedEvent
from flops_auditor.use_cases.auditing.audit_job import audit_job
from tests.fakes.audit import FakeTrainingJobs, MemoryAlerts, MemoryArchive, MemoryRecords, recorder
from tests.fakes.batch_jobs import ENVIRONMENT, batch_job, environment
from tests.fakes.cases import audit, words
from tests.fakes.customization_jobs import PLACE, custom_model, customization, imported_model, listed
from tests.fakes.jobs import describe
from tests.fakes.sagemaker_jobs import agent_job, document
from tests.fakes.training_sessions import session
from tests.faults import FULL, told
from tests.faults.hostile import AMOUNTS, GARBAGE, TEXTS, answers, json_values, odd, odd_text, paths, replaced

TABLES = load_tables()
EXAMPLES = settings(
    max_examples=4000 if FULL else 150,
    derandomize=not FULL,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
MOST_BYTES_OF_AN_ITEM = 400_000
"""DynamoDB: the size of an item."""
MOST_BYTES_OF_A_MESSAGE = 262_144
"""SNS and SQS: the size of a message."""

TRIED: Counter[str] = Counter()
"""Generated inputs, by property."""

metric_results = st.lists(
    st.fixed_dictionaries(
        {"Label": st.one_of(st.sampled_from(["GPUUtilization algo-1", "mfu", "tokens"]), odd_text)},
        optional={
            "Values": st.one_of(st.lists(odd, max_size=5), odd),
            "Timestamps": st.one_of(st.lists(odd, max_size=5), odd),
        },
    ),
    max_size=4,
)


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    yield
    told("generated inputs: " + ", ".join(f"{name} {count}" for name, count in TRIED.items()))


def audited(description: Any, metrics: Any = (), tags: Any = None) -> dict[str, Any]:
    """The audit as JSON text and back, as it is recorded: what cannot be written is a crash too."""
    found: dict[str, Any] = json.loads(json.dumps(result(audit(Evidence(description, tags, metrics), TABLES))))
    return found


def is_below(evidence: Evidence) -> bool:
    """Whether the evidence is audited as below, which nothing without a bound and nothing with a doubt may be; what is
    not audited meets an error that says what to do next.
    """
    try:
        found = audit(evidence, TABLES)
    except AuditorError as error:
        assert error.remedy
        return False
    json.dumps(result(found))
    if found.verdict == "below":
        assert found.estimate.upper_flop is not None
        assert not found.estimate.doubts
    return found.verdict == "below"


@EXAMPLES
@given(description=answers(), metrics=metric_results)
def test_any_answer_is_audited_or_named(description: dict[str, Any], metrics: list[dict[str, Any]]) -> None:
    """DescribeTrainingJob, of botocore's own shape and off it."""
    TRIED["training jobs"] += 1
    try:
        found = audited(description, metrics)
    except AuditorError as error:
        assert error.remedy
        return
    assert found["verdict"] in {"below", "indeterminate", "above"}
    if found["verdict"] == "below":
        assert found["estimate"]["upper_flop"] is not None
        assert not words(found["estimate"]["doubts"])


@EXAMPLES
@given(
    description=answers("GetModelCustomizationJob", "bedrock"),
    whole=st.booleans(),
    entry=st.one_of(st.none(), st.fixed_dictionaries({}, optional={"Size": odd, "LastModified": odd})),
)
def test_any_customization_job_is_audited_or_named(
    description: dict[str, Any], whole: bool, entry: dict[str, Any] | None
) -> None:
    """GetModelCustomizationJob, of botocore's own shape and off it, beside a whole one and alone."""
    TRIED["customization jobs"] += 1
    given = {**customization(), **description, "jobArn": customization()["jobArn"]} if whole else description
    objects = {} if entry is None else {PLACE: {**listed(), **entry}}
    evidence = Evidence(plain(given), objects=plain(objects), source=CUSTOMIZATION_JOB)
    is_below(evidence)


@EXAMPLES
@given(description=answers("DescribeTrainingSession"), whole=st.booleans())
def test_any_training_session_is_audited_or_named(description: dict[str, Any], whole: bool) -> None:
    """DescribeTrainingSession, of botocore's own shape and off it, beside a whole one and alone."""
    TRIED["training sessions"] += 1
    given, detail = session()["TrainingSessionDetail"], description.get("TrainingSessionDetail")
    if whole and isinstance(detail, dict):
        description = {"TrainingSessionDetail": {**given, **detail, "TrainingSessionArn": given["TrainingSessionArn"]}}
    evidence = Evidence(plain(description), source=TRAINING_SESSION)
    if is_below(evidence):
        counted = evidence.description["TrainingSessionDetail"]["BillableTokenUsage"]
        assert {"TrainingTokenCount", "SampleTokenCount", "PrefillTokenCount"} <= counted.keys()


@EXAMPLES
@given(description=answers("DescribeJob"), whole=st.booleans())
def test_any_job_of_the_newer_kinds_is_audited_or_named(description: dict[str, Any], whole: bool) -> None:
    """DescribeJob, of botocore's own shape and off it, beside a whole one and alone."""
    TRIED["jobs of the newer kinds"] += 1
    given = agent_job()
    evidence = Evidence(
        plain({**given, **description, "JobArn": given["JobArn"]} if whole else description), source=SAGEMAKER_JOB
    )
    if is_below(evidence):
        category, steps = evidence.description["JobCategory"], evidence.description.get("SecondaryStatusTransitions")
        told = evidence.description.get("JobConfigDocument") == given["JobConfigDocument"]
        assert told or category in NEITHER or (category == TRAINS and steps), evidence.description


@EXAMPLES
@given(
    description=answers("DescribeJobs", "batch"),
    whole=st.booleans(),
    environments=answers("DescribeComputeEnvironments", "batch"),
)
def test_any_job_of_batch_is_audited_or_named(
    description: dict[str, Any], whole: bool, environments: dict[str, Any]
) -> None:
    """DescribeJobs and DescribeComputeEnvironments, of botocore's shapes and off these, beside whole ones and alone."""
    TRIED["jobs of AWS Batch"] += 1
    given, jobs = batch_job(), description.get("jobs")
    if whole and isinstance(jobs, list) and jobs and isinstance(jobs[0], dict):
        description = {"jobs": [{**given, **jobs[0], "jobArn": given["jobArn"]}]}
    known = environments.get("computeEnvironments")
    known = [each for each in known if isinstance(each, dict)] if isinstance(known, list) else []
    objects = {f"{ENVIRONMENT}-{number}": {**environment(), **each} for number, each in enumerate(known)}
    is_below(Evidence(plain(description), source=BATCH_JOB, objects=plain(objects)))


@EXAMPLES
@given(path=st.sampled_from([path for path in paths(batch_job()) if path]), new=json_values)
def test_any_part_of_a_job_of_batch_is_read_or_a_doubt(path: tuple[Any, ...], new: Any) -> None:
    """A job with a part of any other form: nothing that cannot be read may read as fewer accelerators or less time."""
    TRIED["parts of jobs of AWS Batch"] += 1
    changed = replaced(batch_job(hours=10**5, tags={}), path, new)
    evidence = Evidence(plain(changed), source=BATCH_JOB, objects={ENVIRONMENT: environment()})
    if is_below(evidence):
        assert path[0] in ("container", "attempts", "startedAt", "stoppedAt", "status"), path


@EXAMPLES
@given(path=st.sampled_from([path for path in paths(document()) if path]), new=json_values)
def test_any_document_of_a_job_is_read_or_a_doubt(path: tuple[Any, ...], new: Any) -> None:
    """A JobConfigDocument with a part of any other form: nothing that cannot be read may read as little."""
    TRIED["documents of jobs"] += 1
    if is_below(Evidence(plain(agent_job(config=replaced(document(), path, new))), source=SAGEMAKER_JOB)):
        assert path[0] != "ServiceOutput" or path[1:2] == ("OutputModelPackageArn",) or type(new) is int


@EXAMPLES
@given(answer=answers("DescribeModelPackage"))
def test_any_model_package_is_followed_or_a_doubt(answer: dict[str, Any]) -> None:
    """DescribeModelPackage, of botocore's own shape and off it: whatever says nothing must not read as no ancestor."""
    TRIED["model packages"] += 1
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1"
    description = describe(ModelPackageConfig={"SourceModelPackageArn": arn})
    run = read_case(Evidence(description, packages={arn: answer}).to_bytes()).run
    followed = [each for each in run.begins if "model-package-group" not in each.location.space]
    assert len(followed) > 1 or run.begins[0].unless_found is not None


@EXAMPLES
@given(
    answer=st.one_of(answers("GetImportedModel", "bedrock"), answers("GetCustomModel", "bedrock")),
    arn=st.sampled_from([imported_model(), custom_model()]),
    own=st.booleans(),
)
def test_any_custom_model_is_followed_or_a_doubt(answer: dict[str, Any], arn: str, own: bool) -> None:
    """GetImportedModel and GetCustomModel, of botocore's own shape and off it: nothing reads as no ancestor."""
    TRIED["custom models"] += 1
    given = {**answer, "modelArn": arn} if own else answer
    evidence = Evidence(
        plain(customization(2, baseModelArn=arn)),
        packages={arn: plain(given)},
        objects={PLACE: plain(listed())},
        source=CUSTOMIZATION_JOB,
    )
    is_below(evidence)
    run = read_case(evidence.to_bytes()).run
    assert len(run.begins) > 1 or run.begins[0].unless_found is not None


@EXAMPLES
@given(event=st.one_of(json_values, st.fixed_dictionaries({"detail": json_values})))
def test_any_event_points_at_a_job_or_is_named(event: Any) -> None:
    TRIED["events"] += 1
    try:
        pointer = read_pointer(event)
    except MalformedEvent:
        return
    assert pointer.arn


@EXAMPLES
@given(said=st.dictionaries(st.sampled_from(["TrainingJobStatus", "CreationTime", "source", "ResourceConfig"]), odd))
def test_an_event_with_a_broken_detail_is_read_or_named(said: dict[str, Any]) -> None:
    TRIED["event details"] += 1
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/job"
    try:
        assert read_pointer({"source": "aws.sagemaker", "detail": {"TrainingJobArn": arn, **said}}).name == "job"
    except MalformedEvent as error:
        assert "CreationTime" in str(error)


@EXAMPLES
@given(body=st.one_of(st.binary(max_size=200), json_values.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_evidence_or_named(body: bytes) -> None:
    TRIED["evidence files"] += 1
    try:
        parse_evidence(body)
    except AuditorError as error:
        assert error.name == "MalformedEvidence"


def test_damage_never_turns_a_large_job_into_one_below() -> None:
    """Each place of the answer is replaced by each garbage: whatever could not be read must not read as little."""
    whole = describe(hours=2000, ResourceConfig=BIG)
    assert audited(whole)["verdict"] == "above"
    tried, wrong = 0, []
    for path in paths(whole):
        for value in GARBAGE:
            tried += 1
            try:
                verdict = audited(replaced(whole, path, value))["verdict"]
            except MalformedJob:
                continue
            if verdict == "below":
                wrong.append((path, value))
    told(f"{tried} damaged answers of DescribeTrainingJob")
    assert not wrong


@pytest.mark.parametrize("tag", ["params", "active-params", "trainable-params", "tokens", "pretrain-flops"])
@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_amount_that_cannot_be_read_is_never_below(tag: str, amount: str) -> None:
    """A small job is below; with an unreadable declaration that bears on figure or threshold it is not."""
    tags = [{"Key": f"flops-auditor:{tag}", "Value": amount}]
    assert audited(describe())["verdict"] == "below"
    assert audited(describe(), tags=tags)["verdict"] == "indeterminate"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "760", None, True, [], -0.0001])
def test_a_metric_that_cannot_be_read_never_lowers_the_bound(value: Any) -> None:
    whole = audited(describe())["estimate"]["upper_flop"]
    metrics = [{"Label": "GPUUtilization algo-1", "Values": [value], "Timestamps": []}]
    assert audited(describe(), metrics)["estimate"]["upper_flop"] == whole


@pytest.mark.parametrize("text", [*TEXTS, "x" * 10**7])
def test_hostile_texts_are_recorded_within_the_limits_and_mailed_as_plain_lines(text: str) -> None:
    """Names, tags and hyperparameters may hold anything and 10 MB of it: the record and its alert stay storable."""
    description = describe(
        hours=2000,
        ResourceConfig=BIG,
        HyperParameters={"model_id": text, text[:1000]: text},
        Environment={"HF_MODEL_ID": text, "PRETRAIN_FLOPS": text},
        FailureReason=text,
        FinalMetricDataList=[{"MetricName": text, "Value": 1e308}],
        InputDataConfig=[{"ChannelName": text, "DataSource": {"S3DataSource": {"S3Uri": text}}}],
        ModelArtifacts={"S3ModelArtifacts": text},
    )
    jobs, records, alerts, archive = FakeTrainingJobs(), MemoryRecords(), MemoryAlerts(), MemoryArchive()
    pointer = jobs.add(description)
    jobs.tags_by_arn[pointer.arn] = [
        {"Key": f"flops-auditor:{name}", "Value": text} for name in ("base-model", "lineage", "activity", "precision")
    ]
    audit_job(pointer, recorder(jobs, records=records, alerts=alerts, archive=archive), owner="me")
    [[line]] = [list(revisions.values()) for revisions in records.lines.values()]
    [summary] = records.summaries.values()
    assert len(line) + sum(len(key) + len(value.encode()) for key, value in summary.items()) < MOST_BYTES_OF_AN_ITEM
    [alert] = alerts.sent
    assert len(alert.subject) <= 100
    assert alert.subject.isascii()
    assert alert.subject.isprintable()
    assert len(alert.body.encode()) < MOST_BYTES_OF_A_MESSAGE
    assert all(character == "\n" or character.isprintable() for character in alert.body)
    assert not any(name.lower().startswith(("bcc:", "to:")) for name in alert.body.splitlines())
    assert all(value.isprintable() for value in alert.attributes.values())


@pytest.mark.parametrize(
    "moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC), "yesterday"], ids=str
)
def test_a_time_that_no_job_can_have_is_named(moment: object) -> None:
    with pytest.raises(MalformedJob, match="CreationTime"):
        parse_training_job(describe(CreationTime=moment))
