"""`flops-auditor explain-cluster` and `record-cluster`: what people and machines are told, and the exit codes."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from flops_auditor import __version__
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.cluster_evidence import hours_of_no_run
from flops_auditor.domain.runs.sources.operators_file import read_operators_file
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.amounts import at_least
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.recomputing.recompute import recompute
from flops_auditor_cli.commands import record_cluster
from flops_auditor_cli.commands.record_cluster import AccountNotRecorded
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.main import app
from flops_auditor_cli.schemas import schema_of
from tests.fakes.audit import recorder
from tests.fakes.clusters import (
    ARN,
    CEILING,
    HOST,
    LAUNCHED,
    NOTHING_BEFORE,
    PEAK,
    READ,
    WHO,
    answers,
    at,
    describe_cluster,
    host,
    instance,
    kubectl,
    line,
    listing,
    node,
    pod,
    pytorch_job,
    sacct,
    slurm_time,
)
from tests.fakes.door_world import newest_content

UNTIL = "2026-10-01T10:00:00Z"
"""Ten hours after the hosts' launch."""


def files(folder: Path, body: bytes, *nodes: dict[str, Any], count: int = 2) -> list[str]:
    """The arguments that name a cluster of hosts, and a file of its operator."""
    (folder / "runs.txt").write_bytes(body)
    (folder / "cluster.json").write_text(json.dumps(describe_cluster(count)))
    (folder / "nodes.json").write_text(json.dumps(listing(*(nodes or map(node, range(1, count + 1))))))
    named = ("--cluster", folder / "cluster.json", "--nodes", folder / "nodes.json")
    return [str(each) for each in (folder / "runs.txt", *named)]


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain-cluster", *arguments, "--until", UNTIL])


def told_by(done: Result) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(told, schema_of("cluster"))
    return told


@pytest.mark.parametrize(
    "body",
    [
        sacct(line(start=0, end=10)),
        kubectl(pytorch_job(start=0, end=10), pod(1, start=0, end=10), pod(2, start=0, end=10)),
    ],
    ids=["Slurm", "Kubernetes"],
)
def test_runs_that_are_below_and_explain_all_are_fine(tmp_path: Path, body: bytes) -> None:
    done = explain(*files(tmp_path, body), "--output", "json")
    told = told_by(done)
    assert (done.exit_code, told["complete"], told["unexplained_seconds"]) == (0, True, 0)
    (run,) = told["runs"]
    assert (run["verdict"], run["accelerator_seconds"], run["doubts"]) == ("below", 16 * 36000, [])
    assert run["job_arn"] == f"{ARN}/{run['run']}"


def test_hours_that_no_run_explains_are_named_with_their_ceiling(tmp_path: Path) -> None:
    arguments = files(tmp_path, sacct(line(start=0, end=10, hosts=host(1)), line("2", start=3, end=5, hosts=host(2))))
    done = explain(*arguments, "--output", "json")
    told = told_by(done)
    assert (done.exit_code, told["complete"]) == (4, False)
    assert told["ceiling_flop_exact"] == str(8 * 3600 * CEILING)
    idle = told["hosts"][0]
    assert (idle["host"], idle["unexplained_host_seconds"]) == (instance(2), 8 * 3600)
    assert [each["from"][11:13] for each in idle["unexplained"]] == ["00", "05"]
    shown = explain(*arguments).stdout
    assert "Runs explain 60 % of 160.00 accelerator hours" in shown
    assert instance(2) in shown
    assert "4.56e20" in shown


def test_a_run_over_a_threshold_says_so(tmp_path: Path) -> None:
    comment = f"{NOTHING_BEFORE};flops-auditor:base-model=meta-llama/Llama-2-7b"
    body = sacct(line(start=0, end=700, hosts="ip-10-1-0-[1-100]", comment=comment, AllocTRES="gres/gpu=800"))
    done = explain(*files(tmp_path, body, count=100), "--output", "json")
    assert (done.exit_code, told_by(done)["runs"][0]["verdict"]) == (3, "above")


def test_why_a_run_is_open_is_said(tmp_path: Path) -> None:
    done = explain(*files(tmp_path, sacct(line(start=0, end=10, comment=""), "torn|line")))
    assert done.exit_code == 4
    assert "nothing says what it goes on from" in done.stdout
    assert "1 line or object of the file cannot be read" in done.stdout
    markdown = explain(*files(tmp_path, sacct(line(comment=""))), "--output", "markdown", "--wide")
    assert "nothing says what it goes on from" in markdown.stdout
    lines = explain(*files(tmp_path, sacct(line(), line("2"))), "--output", "csv").stdout.splitlines()
    assert len(lines) == 3


def test_statements_that_are_not_trusted_leave_it_open(tmp_path: Path) -> None:
    done = explain(*files(tmp_path, sacct(line(start=0, end=10))), "--no-trust-statements")
    assert done.exit_code == 4
    assert "for how long, by whoever operates them = " in done.stdout


def test_hosts_that_aws_counts_and_does_not_list_are_told(tmp_path: Path) -> None:
    done = explain(*files(tmp_path, sacct(line(start=0, end=10, hosts=host(1))), node(1)), "--output", "json")
    told = told_by(done)
    assert (done.exit_code, [each["kind"] for each in told["doubts"]]) == (4, ["cluster-groups-not-listed"])


def test_a_file_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    done = explain(*files(tmp_path, b"no such thing"))
    assert type(done.exception).__name__ == "MalformedOperatorsFile"


def test_a_launch_in_the_future_hides_no_host(tmp_path: Path) -> None:
    nodes = (node(1), node(2, launched=at(24 * 36500)))
    done = explain(*files(tmp_path, sacct(line(start=0, end=10, hosts=host(1))), *nodes))
    assert type(done.exception).__name__ == "MalformedCluster"


def test_a_period_that_is_none_is_not_taken_for_one_without_hours(tmp_path: Path) -> None:
    done = explain(*files(tmp_path, sacct(line())), "--from", "2026-10-05")
    assert done.exit_code == 2
    assert "--from is not before --until" in done.stderr


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A deployment of the cluster's account, in memory."""
    made = SimpleNamespace(recorder=recorder(), account="123456789012")
    outputs = {"RecordKeyArn": f"arn:aws:kms:eu-west-1:{made.account}:key/1"}
    stack = StackValues(outputs, {"Policies": "eu-gpai-guidelines-2025-07"})
    monkeypatch.setattr(record_cluster, "find_deployment", lambda *_: stack)
    monkeypatch.setattr(record_cluster, "environment_of", lambda *_: None)
    monkeypatch.setattr(record_cluster, "recorder_from", lambda _: made.recorder)
    made.outputs = outputs
    return made


def record(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["record-cluster", *arguments, "--who", WHO])


def outcomes(done: Result) -> list[str]:
    told = json.loads(done.stdout)
    jsonschema.validate(told, schema_of("cluster-records"))
    return [each["outcome"] for each in told["runs"]]


def test_runs_are_recorded_once(tmp_path: Path, deployed: Any) -> None:
    arguments = [*files(tmp_path, sacct(line(), line("101", end=None, state="RUNNING"))), "--output", "json"]
    rehearsed = record(*arguments, "--dry-run")
    assert (rehearsed.exit_code, outcomes(rehearsed)) == (4, ["recorded", "goes on"])
    assert outcomes(record(*arguments)) == ["recorded", "goes on"]
    assert outcomes(record(*arguments)) == ["already recorded", "goes on"]
    shown = record(*arguments[:-2])
    assert "tune-100" in shown.stdout
    assert "Runs: 1 already recorded, 1 goes on" in shown.stderr


def test_a_later_file_supersedes_with_a_reason(tmp_path: Path, deployed: Any) -> None:
    record(*files(tmp_path, sacct(line())))
    later = files(tmp_path, sacct(line(), line(start=5, end=6, Submit=slurm_time(at(4)))))
    done = record(*later, "--output", "json")
    assert (done.exit_code, outcomes(done)) == (4, ["recorded otherwise"])
    done = record(*later, "--output", "json", "--why", "an attempt was missing")
    assert (done.exit_code, outcomes(done)) == (0, ["superseded"])


DAY = ("--from", "2026-10-01", "--until", "2026-10-01", "--output", "json")
"""The first day of the hosts, to its last millisecond."""


def of_hours(done: Result) -> dict[str, tuple[str, str]]:
    """The outcome and the verdict of each record of hours, by its name behind the cluster's ARN."""
    told = json.loads(done.stdout)
    jsonschema.validate(told, schema_of("cluster-records"))
    runs = {each["job_arn"].removeprefix(f"{ARN}/"): (each["outcome"], each["verdict"]) for each in told["runs"]}
    return {name: each for name, each in runs.items() if name.startswith("no-run/")}


def newest_of(told: str, deployed: Any) -> dict[str, Any]:
    """The newest record of the hours among those of which a command told."""
    [hours] = [each for each in json.loads(told)["runs"] if "/no-run/" in each["job_arn"]]
    return newest_content(hours["job_id"], deployed.recorder)


def test_hours_that_no_run_had_are_signed_with_the_most_that_they_could_hold(tmp_path: Path, deployed: Any) -> None:
    """Given: two hosts for a day; a run had one of them for ten hours."""
    deployed.recorder = recorder(clock=lambda: datetime.now(UTC))
    arguments = files(tmp_path, sacct(line(start=0, end=10, hosts=host(1))))
    done = record(*arguments, *DAY)
    name = f"no-run/{HOST}/2026-10-01T00:00:00.000Z/2026-10-01T23:59:59.999Z"
    assert of_hours(done) == {name: ("recorded", "indeterminate")}
    content = newest_of(done.stdout, deployed)
    seconds = Fraction(2 * 24 * 3600 * 1000 - 2, 1000) - 10 * 3600
    assert Fraction(content["estimate"]["accelerator_seconds"]) == 8 * seconds
    assert int(content["estimate"]["upper_flop"]) == at_least(8 * seconds * PEAK)
    assert (content["estimate"]["lower_flop"], content["job"]["kind"]) == ("0", "Cluster hours")
    assert "cluster-hours-without-a-run" in {each["kind"] for each in content["estimate"]["doubts"]}
    kept = deployed.recorder.archive.get(evidence_key(content["job"]["id"], 0))
    now = {**content, "code_version": __version__}
    recompute(kept, now, NothingKept(), frozenset(now["tables"].values()), deployed.recorder.services)
    assert of_hours(record(*arguments, *DAY)) == {name: ("already recorded", "indeterminate")}


def test_a_later_file_that_explains_all_hours_supersedes_them_with_none(tmp_path: Path, deployed: Any) -> None:
    record(*files(tmp_path, sacct(line(start=0, end=10, hosts=host(1)))), *DAY)
    whole = files(tmp_path, sacct(line(start=0, end=24), line("2", start=24, end=25)))
    assert [each for each, _ in of_hours(record(*whole, *DAY)).values()] == ["recorded otherwise"]
    done = record(*whole, *DAY, "--why", "the export lacked a run")
    assert list(of_hours(done).values()) == [("superseded", "below")]
    content = newest_of(done.stdout, deployed)
    assert (content["revision"], content["estimate"]["upper_flop"]) == (1, "0")
    assert content["rests_on"]["on_the_jobs_word"], "that runs had them is their operator's word"


def test_a_run_that_has_no_record_yet_explains_no_hours_of_the_record(tmp_path: Path, deployed: Any) -> None:
    arguments = files(tmp_path, sacct(line(start=0, end=None, state="RUNNING", Elapsed="1-00:00:00")))
    done = record(*arguments, *DAY)
    assert list(of_hours(done).values()) == [("recorded", "indeterminate")]
    seconds = Fraction(2 * 24 * 3600 * 1000 - 2, 1000)
    assert Fraction(newest_of(done.stdout, deployed)["estimate"]["accelerator_seconds"]) == 8 * seconds


def test_hours_of_each_type_of_host_are_a_record_of_their_own(tmp_path: Path, deployed: Any) -> None:
    nodes = (node(1), node(2, kind="ml.g5.48xlarge"), node(3, kind="ml.m5.large"))
    done = record(*files(tmp_path, sacct(line(start=0, end=1, hosts=host(1))), *nodes), *DAY)
    assert [name.split("/")[1] for name in of_hours(done)] == ["ml.g5.48xlarge", HOST]


def test_hours_of_hosts_that_were_not_listed_are_not_known(tmp_path: Path, deployed: Any) -> None:
    arguments = files(tmp_path, sacct(line(start=0, end=24, hosts=host(1))), node(1))
    done = record(*arguments, *DAY)
    assert [verdict for _, verdict in of_hours(done).values()] == ["indeterminate"]
    content = newest_of(done.stdout, deployed)
    assert content["estimate"]["upper_flop"] is None
    assert "cluster-groups-not-listed-in-full" in {each["kind"] for each in content["estimate"]["doubts"]}


@pytest.mark.parametrize("there", [(), (node(3, launched=at(50)),)], ids=["none", "later ones"])
def test_hours_of_a_cluster_of_which_no_host_was_listed_then_are_not_known(
    there: tuple[dict[str, Any], ...], tmp_path: Path, deployed: Any
) -> None:
    arguments = files(tmp_path, sacct(), count=len(there) or 8)
    (tmp_path / "nodes.json").write_text(json.dumps(listing(*there)))
    done = record(*arguments, *DAY)
    assert [(name.split("/")[1], verdict) for name, (_, verdict) in of_hours(done).items()] == [(HOST, "indeterminate")]


@pytest.mark.parametrize("today", [(node(3),), (node(3, launched=at(5)),), (node(2),)])
def test_hosts_that_are_gone_do_not_count_as_those_of_today(
    today: tuple[dict[str, Any], ...], tmp_path: Path, deployed: Any
) -> None:
    """AWS counts two hosts, and lists one; an earlier answer has two others."""
    arguments = files(tmp_path, sacct(line(start=0, end=24, hosts="ip-10-1-0-[1-3]")), *today)
    (tmp_path / "before.json").write_text(json.dumps(listing(node(1), node(2))))
    done = record(*arguments, "--nodes", str(tmp_path / "before.json"), *DAY)
    assert [verdict for _, verdict in of_hours(done).values()] == ["indeterminate"]


@pytest.mark.parametrize(
    "period",
    [("--from", "2026-10-01"), ("--until", "2026-10-01"), ("--from", "2026-10-02", "--until", "2026-10-01")],
)
def test_hours_need_a_whole_period(tmp_path: Path, deployed: Any, period: tuple[str, ...]) -> None:
    done = record(*files(tmp_path, sacct(line())), *period)
    assert (done.exit_code, "--from and --until" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"Until": "2126-10-02T00:00:00Z"},
        {"Until": "2026-10-01T00:00:00Z"},
        {"Hours": [{"InstanceId": instance(1), "From": "2026-09-30T00:00:00Z", "Until": "2026-10-01T01:00:00Z"}]},
        {"Hours": [{"InstanceId": instance(1)}]},
        {"Hours": None},
        {"NotListed": None},
    ],
)
def test_hours_that_are_none_are_a_named_error(changes: dict[str, Any]) -> None:
    period = Span(at(0), at(24))
    [of_hours] = hours_of_no_run(
        read_operators_file(sacct(line())), answers(1), WHO, READ, period, {answers(1).hosts[0]: (period,)}, (), ()
    )
    assert case_of(of_hours).run.time.seconds == 24 * 3600
    told = {**of_hours.description, "Told": {**of_hours.description["Told"], **changes}}
    with pytest.raises(MalformedOperatorsFile):
        case_of(replace(of_hours, description=told))


def test_a_cluster_of_another_account_is_refused(tmp_path: Path, deployed: Any) -> None:
    deployed.outputs["RecordKeyArn"] = "arn:aws:kms:eu-west-1:999999999999:key/1"
    assert isinstance(record(*files(tmp_path, sacct(line()))).exception, AccountNotRecorded)


def test_a_run_that_cannot_be_recorded_stops_no_other(
    tmp_path: Path, deployed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = deployed.recorder.archive.put_if_absent
    refused = []

    def refuse(key: str, body: bytes) -> bool:
        if key.startswith("evidence/") and not refused:
            refused.append(key)
        return key not in refused and take(key, body)

    monkeypatch.setattr(deployed.recorder.archive, "put_if_absent", refuse)
    done = record(*files(tmp_path, sacct(line(), line("101"))), "--output", "json")
    assert (done.exit_code, outcomes(done)) == (1, ["recorded"])
    assert "EvidenceLost" in done.stderr


def test_the_hosts_are_of_the_cluster_and_launched_then() -> None:
    assert (node(1)["InstanceType"], node(1)["LaunchTime"]) == (HOST, LAUNCHED.isoformat())
