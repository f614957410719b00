"""Every function is killed after every AWS call it makes; what it leaves must not be told from an undisturbed run.

The calls are not listed here: an undisturbed run is recorded, and each of its calls is a kill point. Delivery guarantee
for alerts: at least once, and exactly once unless the process ends between sns:Publish and the note that it was sent;
for the digest of a week: at most once, and exactly once unless the process ends between keeping and publishing it.
"""

import gzip
import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest

from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.stores.s3_digests import SENT
from flops_auditor.aws.stores.s3_record_lines import KEY as LINES
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.messages.digest import KIND
from flops_auditor.domain.values.archive_keys import CLUSTERS, LOG
from flops_auditor.use_cases.ledger.export_bundle import export_whole
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.operations.send_digest import week_of
from tests.fakes.audit import NOW
from tests.fakes.batch_jobs import batch_job, milliseconds, tries
from tests.fakes.clusters import ARN as CLUSTER
from tests.fakes.clusters import (
    at,
    describe_cluster,
    kubectl,
    line,
    metadata,
    node,
    pod,
    pytorch_job,
    sacct,
    slurm_time,
)
from tests.fakes.customization_jobs import customization, imported, imported_model
from tests.fakes.in_turn import Backwards, InTurn
from tests.fakes.jobs import CREATED, describe, moved
from tests.fakes.lineage import artifact, channel
from tests.fakes.sagemaker_jobs import COUNTED, agent_arn, agent_job, document
from tests.fakes.training_sessions import USAGE, session
from tests.faults import FULL, told
from tests.faults.account import ACCOUNT, OPERATORS, REGION, ROOT, Account, account, event_of
from tests.faults.branches import UNDISTURBED, Switch, branched

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")
BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
MOVED = NOW - CREATED - timedelta(days=90)
RUNNING = ("running#0", "running#1")
INTERIM = (*RUNNING, "opened#0", "learning#0")
HOURS = "without a run, ml.p5.48xlarge, 2026-10-01 00:00 UTC to 2026-10-02 23:59 UTC"
ORDERS = (InTurn, Backwards) if FULL else (InTurn,)
"""In which calls that a function makes side by side may have ended, when it dies."""
CHANGING = {"recorded_at", "collectedAt", "supersedes"}
"""When something was done may differ, and with it the digest of a record; what was done may not."""


@dataclass(frozen=True)
class Outcome:
    """What is left: records and evidence by job without their times, the log, alerts by subject, digests that were
    sent, dead letters, and which jobs each page of reports and kept digest names.
    """

    records: dict[str, Any]
    evidence: dict[str, Any]
    log: list[tuple[str, int]]
    alerts: Counter[str]
    digests: int
    letters: int
    verdict: str
    reports: dict[str, list[str]]
    clusters: list[list[str]]
    """What is kept of clusters, by the parts of the keys, without moments, and how far each file of an operator is."""


def job(name: str, **changes: Any) -> dict[str, Any]:
    """A job that ended months before the tests' time."""
    description = describe(name, **({"hours": 2000, "ResourceConfig": BIG} | changes))
    for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime"):
        description[key] += MOVED - timedelta(days=90)
    for step in description["SecondaryStatusTransitions"]:
        step["StartTime"] += MOVED - timedelta(days=90)
        step["EndTime"] += MOVED - timedelta(days=90)
    return description


def running(**changes: Any) -> dict[str, Any]:
    """A job in progress that has crossed a threshold and may run for months."""
    description = describe("running", ResourceConfig=BIG, TrainingJobStatus="InProgress", SecondaryStatus="Training")
    del description["TrainingEndTime"]
    begun = NOW - timedelta(days=20)
    description |= {"CreationTime": begun, "TrainingStartTime": begun, "LastModifiedTime": begun}
    description["StoppingCondition"] = {"MaxRuntimeInSeconds": 86400 * 120}
    description["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": begun}]
    return description | changes


def scenario(made: Account) -> None:
    """All that functions do, once: audits of every kind, a seal, a reconciliation that finds a lost job, its audit,
    a report, and one of the next day: the digest of the week goes out with the first of them.

    A new function must find its place here: `test_every_function_is_killed` compares with the folder of functions.
    """
    package = {"SourceModelPackageArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/deleted/1"}
    above = job("above", ModelPackageConfig=package)
    small = {"hours": 1, "ResourceConfig": BIG | {"InstanceCount": 1}}
    child = moved(job("child", InputDataConfig=[channel("model", artifact("lost"))], **small), timedelta(days=1))
    jobs = [above, job("below", **small), job("vanished"), child]
    for one in [*jobs, job("lost")]:
        made.load(one)
    made.forget("vanished")
    made.load(running())
    made.calls.customized, made.calls.session = tuned(), opened()
    made.calls.newer = learning()
    made.calls.model = imported("s3://models/of-nobody/", modelArn=tuned()["baseModelArn"])
    made.calls.batch = of_batch()
    made.calls.cluster, made.calls.nodes = describe_cluster(), [node(1), node(2)]
    for key, body in dropped().items():
        boto3.client("s3", REGION).put_object(Bucket=OPERATORS, Key=key, Body=body)
    made.deliver([*(event_of(one) for one in jobs), event_of_tuned(tuned()), event_of_batch(of_batch())])
    made.scheduled("clusters")
    made.scheduled("seal")
    made.scheduled("watch")
    stopped = running(TrainingJobStatus="Stopped", TrainingEndTime=NOW, LastModifiedTime=NOW)
    made.load(stopped)
    made.deliver([event_of(stopped)])
    made.calls.session = opened("Stopped")
    made.calls.newer = learning("Completed")
    made.scheduled("reconcile")
    made.deliver(made.queued())
    made.deliver(made.queued())
    made.now += timedelta(minutes=15)
    made.scheduled("seal")
    made.scheduled("report")
    made.now += timedelta(days=1)
    made.scheduled("report")


def dropped() -> dict[str, bytes]:
    """Files of a cluster's operator, by key: one run of Slurm, one of Kubernetes that goes on from it, and hours; and
    files that are refused.
    """
    of_slurm = f"{CLUSTER}/900"
    continued = {"flops-auditor.dev/lineage": of_slurm}
    job = pytorch_job("on-cluster", metadata=metadata("on-cluster", annotations=continued))
    return {
        f"{REGION}/research/2026-10-01--2026-10-02/slurm.txt": sacct(line("900", Submit=slurm_time(at(-1)))),
        f"{REGION}/research/jobs.json": kubectl(job, pod(1, "on-cluster"), pod(2, "on-cluster")),
        f"{REGION}/research/torn.json": b'{"items": [',
        f"{REGION}/unknown/slurm.txt": sacct(line("900")),
        "odd\u202e/name.txt": b"",
    }


def of_clusters(made: Account, archive: S3Archive) -> list[list[str]]:
    kept = [[part for part in key.split("/") if not part.endswith("Z")] for key in archive.list(CLUSTERS)]
    states = [[item["sk"], json.loads(item["state"])["stage"]] for item in made.items("") if "state" in item]
    return sorted([*kept, *states])


def without_its_reading(evidence: dict[str, Any]) -> dict[str, Any]:
    """Of a run on a cluster: when its file was read, which a kill puts off."""
    told = evidence["description"].get("File", {})
    told.pop("ReadAt", None)
    return evidence


def opened(status: str = "Running") -> dict[str, Any]:
    """A training session that the watch stops, and of which the reconciliation finds the end."""
    times = {"CreationTime": NOW - timedelta(days=30), "LastModifiedTime": NOW - timedelta(days=29)}
    much = {"BillableTokenUsage": {**USAGE, "TrainingTokenCount": 10**14}}
    answer = session(TrainingSessionStatus=status, **times, **much, EndTime=None)
    detail: dict[str, Any] = answer["TrainingSessionDetail"]
    arn = detail["TrainingSessionArn"].replace("support-1", "opened")
    return {**detail, "TrainingSessionArn": arn, "TrainingSessionName": "opened"}


def learning(status: str = "InProgress") -> dict[str, Any]:
    """A job that trains an agent, which the watch stops, and which the reconciliation finds when it has completed."""
    times = {"CreationTime": NOW - timedelta(days=30), "LastModifiedTime": NOW - timedelta(days=29), "EndTime": None}
    named = {"JobName": "learning", "JobArn": agent_arn().replace("agent-1", "learning")}
    much = document(usage={**COUNTED, "TrainTokenCount": 10**14})
    return agent_job(JobStatus=status, config=much, **named, **times)


def of_batch() -> dict[str, Any]:
    """A job of AWS Batch that ended a month ago."""
    begun = NOW - timedelta(days=30)
    attempts = tries(10, begun=begun)
    times = {name: attempts[0][name] for name in ("startedAt", "stoppedAt")}
    tags = {"flops-auditor:base-model": "meta-llama/Llama-3.1-8B"}
    return batch_job(createdAt=milliseconds(begun), attempts=attempts, tags=tags, **times)


def event_of_batch(answer: dict[str, Any]) -> str:
    """AWS's event of a job, whose detail is what DescribeJobs says."""
    return json.dumps({"source": "aws.batch", "detail": answer})


def tuned() -> dict[str, Any]:
    """A model customization job whose data is gone, and which begins from an imported model."""
    base = imported_model().replace("us-west-2", REGION)
    answer = customization(
        baseModelArn=base, creationTime=NOW - timedelta(days=30), lastModifiedTime=NOW - timedelta(days=29)
    )
    arns = {name: answer[name].replace("us-west-2", REGION) for name in ("jobArn", "outputModelArn")}
    return {**answer, **arns, "jobName": "tuned"}


def event_of_tuned(answer: dict[str, Any]) -> str:
    """Its event."""
    detail = {"jobArn": answer["jobArn"], "jobName": answer["jobName"], "jobStatus": answer["status"]}
    return json.dumps({"source": "aws.bedrock", "detail": detail})


def reports_of(jobs: set[str]) -> dict[str, list[str]]:
    """Which of these jobs each page or mail, and the lines for queries, name; it says as of when it is, which may
    differ.
    """
    import boto3

    s3 = boto3.client("s3", REGION)
    listed = s3.list_objects_v2(Bucket="reports").get("Contents", [])
    listed = [each for each in listed if not each["Key"].startswith(SENT)]
    objects = {each["Key"]: s3.get_object(Bucket="reports", Key=each["Key"])["Body"].read() for each in listed}
    pages = {key: (gzip.decompress(body) if key == LINES else body).decode() for key, body in objects.items()}
    return {key: sorted(name for name in jobs if name in page) for key, page in pages.items()}


def outcome_of(made: Account) -> Outcome:
    """Read everything back, and have the ledger verified as a regulator would."""
    import boto3

    archive = S3Archive(boto3.client("s3", REGION), "archive")
    records, evidence = {}, {}
    for item in made.items("RECORD#"):
        line = item["envelope"].encode()
        statement = parse_statement(parse_envelope(line).payload)
        name = f"{statement.predicate['job']['name']}#{item['revision']}"
        assert name not in records
        assert archive.get(f"records/{statement.predicate['job']['id']}/{item['revision']}.json") == line
        if name in INTERIM:  # what a running job has spent depends on when it is looked at
            records[name] = {key: statement.predicate[key] for key in ("verdict", "revision")}
            continue
        records[name] = {key: value for key, value in statement.predicate.items() if key not in CHANGING}
        body = archive.get(f"evidence/{statement.predicate['job']['id']}/{item['revision']}.json")
        assert body is not None
        evidence[name] = without_its_reading({k: v for k, v in json.loads(body).items() if k not in CHANGING})
    leaves = [line for key in archive.list(LOG) for line in (archive.get(key) or b"").splitlines()]
    places = []
    for line in leaves:
        payload = parse_envelope(line).payload
        statement = parse_statement(payload)
        if kind_of(payload) == "record":
            places.append((statement.predicate["job"]["name"], statement.predicate["revision"]))
    with TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle.zip"
        export_whole(archive, made.environment["LEDGER_ID"], bundle, made.now)
        report = verify_bundle(bundle, Demands(as_of=made.now))
    sent = Counter(alert["kind"] for alert in made.alerts())
    names = [alert["subject"] for alert in made.alerts() if alert["kind"] != KIND]
    verdict = report.verdict + "".join(f"; {finding}" for finding in report.findings)
    reports = reports_of({name.partition("#")[0] for name in records})
    kept = of_clusters(made, archive)
    return Outcome(records, evidence, places, Counter(names), sent[KIND], len(made.letters), verdict, reports, kept)


def run(order: type[InTurn], dies_after: Switch) -> tuple[Outcome, list[tuple[str, str]]]:
    """The scenario in a new account, killed where the switch says so; calls side by side are made in this order."""
    with account(order) as made:
        made.calls.dies_after = dies_after
        scenario(made)
        calls = list(made.calls.made)
        return outcome_of(made), calls


def run_undisturbed(order: type[InTurn], folder: Path) -> tuple[Outcome, list[tuple[str, str]]]:
    """The scenario, killed nowhere."""
    found: tuple[Outcome, list[tuple[str, str]]] = branched(partial(run, order), [], folder)[UNDISTURBED]
    return found


def kill_points(calls: list[tuple[str, str]]) -> list[int]:
    """Every call; in the short set the last that each function makes of a kind, when most is there to be spoiled."""
    if FULL:
        return list(range(len(calls)))
    return sorted({call: number for number, call in enumerate(calls)}.values())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, list[tuple[str, str]]]:
    return run_undisturbed(InTurn, tmp_path_factory.mktemp("undisturbed"))


def test_the_undisturbed_run_is_complete(undisturbed: tuple[Outcome, list[tuple[str, str]]]) -> None:
    found, _ = undisturbed
    assert {name: record["verdict"] for name, record in found.records.items()} == {
        "above#0": "above",
        "below#0": "below",
        "vanished#0": "above",
        "lost#0": "above",
        "child#0": "below",
        "child#1": "above",
        "running#0": "above",
        "running#1": "above",
        "tuned#0": "indeterminate",
        "opened#0": "indeterminate",
        "opened#1": "indeterminate",
        "learning#0": "indeterminate",
        "learning#1": "indeterminate",
        "tune-1#0": "below",
        "tune-900#0": "below",
        "on-cluster#0": "below",
        f"{HOURS}#0": "indeterminate",
    }
    every = ["above", "below", "child", "learning", "lost", "on-cluster", "opened", "running", "tune-1", "tune-900"]
    every += ["tuned", "vanished", HOURS]
    days = [NOW.date(), NOW.date() + timedelta(days=1)]
    pages = {f"reports/{name}.html": every for name in (*days, "latest")}
    mail = found.reports[f"digests/{week_of(NOW)}.txt"]
    assert found.reports == {**pages, f"digests/{week_of(NOW)}.txt": mail, LINES: every}
    assert set(mail) >= set(every) - {"below", "tune-1", "tune-900", "on-cluster", HOURS}, (
        "a mail has room for the largest"
    )
    assert found.digests == 1
    assert len(found.alerts) == found.alerts.total() == 15
    told_of = {"above": 1, "vanished": 1, "lost": 1, "child": 1, "tuned": 1, "running": 3, "opened": 3, "learning": 3}
    for name, alerts in told_of.items():
        assert sum(name in subject.split() for subject in found.alerts) == alerts
    assert sorted(found.log) == sorted((name[:-2], int(name[-1])) for name in found.records)
    assert (found.letters, found.verdict) == (0, "valid")
    assert sorted(each[1] for each in found.clusters if len(each) == 2) == [
        "recorded",
        "recorded",
        "refused",
        "refused",
        "waits",
    ]


def test_every_function_is_killed(undisturbed: tuple[Outcome, list[tuple[str, str]]]) -> None:
    """No function is left out: a new one must get its place in the scenario."""
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {function for function, _ in undisturbed[1]} == functions


@pytest.mark.parametrize("order", ORDERS)
def test_a_kill_after_any_call_changes_nothing(
    order: type[InTurn], undisturbed: tuple[Outcome, list[tuple[str, str]]], tmp_path: Path
) -> None:
    expected, calls = undisturbed if order is InTurn else run_undisturbed(order, tmp_path)
    wrong = []
    points = kill_points(calls)
    runs = branched(partial(run, order), points, tmp_path)
    _, made_undisturbed = runs.pop(UNDISTURBED)
    assert made_undisturbed == calls, "two undisturbed runs differ"
    for number, (found, made) in runs.items():
        function, call = calls[number]
        assert made[: number + 1] == calls[: number + 1], "the runs differ before the kill"
        doubled = found.alerts - expected.alerts
        allowed = 1 if call == "sns.Publish" else 0
        following = calls[number + 1 : number + 2]
        taken = (function, call) == ("report", "s3.PutObject") and following == [("report", "sns.Publish")]
        same = (
            found.records == expected.records
            and found.evidence == expected.evidence
            and sorted(found.log) == sorted(expected.log)
            and found.letters == 0
            and found.verdict == "valid"
            and found.reports == expected.reports
            and found.clusters == expected.clusters
            and found.digests == (0 if taken else 1)
            and not expected.alerts - found.alerts
            and doubled.total() <= allowed
        )
        if not same:
            wrong.append((number, function, call, found))
    killed = Counter(calls[number][0] for number in points)
    told(f"{len(points)} kill points of {len(calls)}: " + ", ".join(f"{name} {n}" for name, n in killed.items()))
    assert not wrong
