"""The tree of a lineage, and the commands around it, on twins."""

import json
from typing import Any, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from flops_auditor.aws.wiring.doors import sources_shut
from flops_auditor.domain.lineage.lineage import Ancestor, Lineage
from flops_auditor.domain.lineage.tree import TreeRow, tree
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor_cli.commands import amend, lineage, watch
from tests.fakes.lineage import World, continuing
from tests.fakes.running import START, Room, running

CONTENT: dict[str, Any] = {
    "job": {"name": "leaf", "activity": "fine-tuning"},
    "estimate": {"best_flop": "1", "upper_flop": None, "doubts": []},
}


def run(name: str, *parents: str, doubts: tuple[str, ...] = ()) -> Ancestor:
    return Ancestor(name, f"arn:training-job/{name}", 10, 20, doubts, parents)


def drawn(*ancestors: Ancestor, parents: tuple[str, ...]) -> list[str]:
    rows = tree(CONTENT, Lineage(parents, ancestors))
    return [row.branch + row.name + (" again" if row.again else "") + (" ?" if row.doubtful else "") for row in rows]


def test_a_job_alone_is_one_line() -> None:
    assert tree(CONTENT, Lineage()) == [TreeRow("", "leaf", "fine-tuning", 1, None)]


def test_a_run_has_the_name_of_its_record_and_the_bound_that_is_added_up() -> None:
    content = {**CONTENT, "estimate": CONTENT["estimate"] | {"cautious_upper_flop": "3"}}
    drawn = tree(content, Lineage(("b2",), (run("b2"),)))
    assert [row.upper_flop for row in drawn] == [3, 20]
    own, earlier = lineage.rows_of(drawn, {"b2": "support-1"})
    assert [each["run"].text for each in (own, earlier)] == ["leaf", "support-1"]


def test_a_diamond_is_drawn_once() -> None:
    ancestors = (run("a"), run("b", "a", doubts=("x",)), run("c", "a"), run("z", "b", "c"))
    assert drawn(*ancestors, parents=("z",)) == [
        "leaf",
        "└─ z",
        "   ├─ b ?",
        "   │  └─ a",
        "   └─ c",
        "      └─ a",
    ]
    deeper = (run("0"), run("a", "0"), *ancestors[1:])
    assert drawn(*deeper, parents=("z",))[-1] == "      └─ a again"


def test_a_chain_of_ten_thousand_is_drawn_in_bounds() -> None:
    ancestors = tuple(run(f"{n:05d}", *([f"{n - 1:05d}"] if n else [])) for n in range(10_000))
    rows = tree(CONTENT, Lineage(("09999",), ancestors))
    assert len(rows) == 400
    assert max(len(row.branch) for row in rows) < 10


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    for module in (lineage, amend, watch):
        module.register(made)
    return made


class Deployed:
    """Outputs of a stack, whatever is asked for."""

    excluded_regions = "none"
    parameters: ClassVar[dict[str, str]] = {}

    def output(self, name: str) -> str:
        return name


class Turns:
    """Nobody else lists."""

    def end(self) -> None:
        """Nobody waits."""


class Recorded:
    """The port `RecordSource` on a world's records."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def named(self, job: str) -> list[dict[str, str]]:
        ids = {name: self._world.job_id(name) for name in self._world.pointers}
        return [{"job_name": name, "job_arn": f"arn:{name}", "job_id": job_id} for name, job_id in ids.items()]

    def names(self, job_ids: list[str]) -> dict[str, str]:
        return {}

    def line(self, row: dict[str, str]) -> bytes:
        line: bytes = self._world.recorder.records.latest(row["job_id"]).line
        return line

    def lineage(self, content: dict[str, Any]) -> Lineage:
        return recorded_lineage(content, self._world.recorder.archive)


def wire(monkeypatch: pytest.MonkeyPatch, world: Any) -> None:
    """Have the commands work on twins."""

    def find_record(table: str, job: str) -> dict[str, str]:
        stored = world.recorder.records.latest(world.job_id(job))
        return {"envelope": stored.line.decode()}

    def recorder_from(environment: object, shut: tuple[str, ...]) -> Any:
        assert shut == sources_shut("training-jobs"), "this stack has no parameter of doors"
        return world.recorder

    for module in (amend, watch):
        monkeypatch.setattr(module, "find_deployment", lambda *_: Deployed())
    monkeypatch.setattr(amend, "find_record", find_record)
    monkeypatch.setattr(lineage, "open_records", lambda *_: Recorded(world))
    monkeypatch.setattr(amend, "recorder_from", recorder_from)


def test_the_lineage_of_a_record_is_shown(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.add(continuing("first"))
    world.add(continuing("second", ["first"], day=1))
    world.audit()
    wire(monkeypatch, world)
    shown = CliRunner().invoke(app, ["lineage", "second"])
    assert shown.exit_code == 0, shown.output
    assert "└─ first" in shown.stdout
    document = json.loads(CliRunner().invoke(app, ["lineage", "second", "-o", "json"]).stdout)
    assert [a["job_arn"].rsplit("/", 1)[1] for a in document["ancestors"]] == ["first"]
    assert int(document["cumulative"]["best_flop"]) == 2 * int(document["estimate"]["best_flop"])


def test_a_record_is_amended_on_the_command_line(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    world = World()
    world.add(continuing("job", hours=1500))
    world.audit()
    wire(monkeypatch, world)
    attachment = tmp_path / "minutes.txt"
    attachment.write_bytes(b"minutes")
    said = ["amend", "job", "--who", "ada", "--why", "counted", "--attachment", str(attachment)]
    better = [*said, "--tokens", "4e11", "--parameters", "8e9", "-o", "json"]
    assert CliRunner().invoke(app, [*better, "--dry-run"]).exit_code == 0
    shown = CliRunner().invoke(app, better)
    assert shown.exit_code == 0, shown.output
    content = world.content("job")
    assert json.loads(shown.stdout)["after"]["revision"] == content["revision"] == 1
    assert content["estimate"]["method"] == "architecture"
    body = world.recorder.archive.get(f"evidence/{content['job']['id']}/1.json")
    assert body is not None
    assert b"attachmentSha256" in body


@pytest.mark.parametrize("wrong", [["--tokens", "many"], ["--mfu", "x"]])
def test_what_is_no_number_is_a_usage_error(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch, wrong: list[str]
) -> None:
    world = World()
    wire(monkeypatch, world)
    assert CliRunner().invoke(app, ["amend", "job", "--who", "a", "--why", "b", *wrong]).exit_code == 2


def test_running_jobs_are_looked_at_and_nobody_is_warned(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()
    room.jobs.add(running(), pretrain_flops="1.5e24")
    room.clock.now = START.replace(day=15)
    wire(monkeypatch, room)
    monkeypatch.setattr(watch, "watchers_of", lambda *_: [(room.watcher, Turns())])
    shown = CliRunner().invoke(app, ["watch"])
    assert shown.exit_code == 0, shown.output
    assert "big-run" in shown.stdout
    [seen] = json.loads(CliRunner().invoke(app, ["watch", "-o", "json"]).stdout)["jobs"]
    shares = {o["scenario"]: float(o["best_share"]) for o in seen["outlooks"]}
    assert 0.6 < shares["relative"] < 0.7
    room.clock.now = START.replace(day=28)
    assert CliRunner().invoke(app, ["watch"]).exit_code == 3
    assert room.alerts.sent == []
    assert room.records.alerts == {}
