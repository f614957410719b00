"""`flops-auditor watch` as people see it: golden drawings, plain lines, and how it begins and ends.

The golden files are written again by `python -m tests.unit.test_watch_live`.
"""

import json
import os
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from flops_auditor.domain.values.amounts import flop
from flops_auditor.use_cases.auditing.watch_jobs import Watched, look_at, running_jobs
from flops_auditor_cli import watch_live as live
from flops_auditor_cli.commands import watch
from flops_auditor_cli.main import app
from flops_auditor_cli.outlet import take_all_that_is_written
from flops_auditor_cli.schemas import schema_of, versioned
from flops_auditor_cli.watch_view import Sight, row_of, view_of
from tests.fakes.running import HALF, START, Room, running

FOLDER = Path(__file__).parent / "golden" / "watch"
HOSTILE = "[bold red]x[/]\x1b[2J\x1b]0;t\x07\r\n\u202egpj " + "a" * 300
SIZES = ((80, 24), (160, 40), (40, 12))


@cache
def room() -> Room:
    """Jobs that are over a line, will cross one, end before they do, or are not bounded; one has a hostile name."""
    made = Room()
    made.jobs.add(running("crossing", hosts=64), pretrain_flops="1.5e24")
    made.jobs.add(running("ends-in-time", days=10, hosts=1), pretrain_flops="1.5e24")
    made.jobs.add(running("over-already", hosts=512), pretrain_flops="1e22")
    unknown = running("unbounded") | {"ResourceConfig": {"InstanceType": "ml.p99.48xlarge", "InstanceCount": 4}}
    made.jobs.add(unknown)
    made.jobs.add(running("hostile", hosts=8), pretrain_flops="1.5e24")
    made.metrics.results |= dict.fromkeys(("crossing", "over-already"), HALF)
    made.clock.now = START + timedelta(days=7)
    return made


@cache
def sight() -> Sight:
    """What is seen of it, and a region that is closed."""
    made, done = room(), Watched()
    seen = [look_at(each.job, made.recorder) for each, _ in running_jobs(made.watcher, done)]
    forecasts = [each.seen for each in seen if each is not None]
    forecasts = [
        replace(each, audited=replace(each.audited, run=replace(each.audited.run, name=HOSTILE)))
        if each.audited.run.name == "hostile"
        else each
        for each in forecasts
    ]
    return Sight(made.clock.now, forecasts, ("sagemaker:ListTrainingJobs in us-west-2 answered \x1b[31mAccessDenied",))


def drawn(width: int, height: int) -> str:
    """A screen, and then the plain lines of the same moment."""
    return "\n".join([*live.drawing(sight(), width, height, "foot"), "-----", *live.plain_lines(sight())]) + "\n"


def path_of(width: int, height: int) -> Path:
    return FOLDER / f"{width}x{height}.txt"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_golden_file_is_what_is_drawn(width: int, height: int) -> None:
    assert path_of(width, height).read_text(encoding="utf-8") == drawn(width, height)
    lines = live.drawing(sight(), width, height, "foot")
    assert len(lines) <= height
    assert all(line.isprintable() and len(line) <= width for line in lines)
    assert all(line.isprintable() for line in live.plain_lines(sight()))


def test_a_screen_says_what_machines_are_told() -> None:
    document = view_of(sight(), wide=False).document
    jsonschema.validate(versioned("watch", document), schema_of("watch"))
    jobs = {each["job"]["name"]: each["outlooks"] for each in document["jobs"]}
    [at] = {o["crosses_at"] for o in jobs["crossing"] if o["scenario"] == "relative"}
    text = "\n".join(live.plain_lines(sight()))
    assert f" (no law) at {at[:16].replace('T', ' ')} UTC, before its time limit" in text
    left = next(o["seconds_left"] for o in jobs["crossing"] if o["scenario"] == "relative")
    assert abs((datetime.fromisoformat(at) - sight().at).total_seconds() - left) < 5
    assert all(o["crosses_at"] is None for o in jobs["over-already"] if o["seconds_left"] == 0)
    for outlook in jobs["crossing"]:
        assert outlook["lower_share"] <= outlook["best_share"] <= outlook["upper_share"]


def test_the_line_of_a_law_is_named_before_its_wording() -> None:
    [seen] = [each for each in sight().forecasts if each.audited.run.name == "crossing"]
    law = max((o for o in seen.outlooks if not o.assessment.wording_of), key=lambda o: o.upper_of_line or 0)
    wording = max((o for o in seen.outlooks if o.assessment.wording_of), key=lambda o: o.upper_of_line or 0)
    assert (wording.upper_of_line or 0) > (law.upper_of_line or 0), "the wording's line is the lower one"
    assert seen.closest() is law
    [plain] = [line for line in live.plain_lines(sight()) if "  crossing  " in line]
    assert f" of {flop(law.assessment.threshold_flop)}  " in plain
    severe = replace(wording, assessment=replace(wording.assessment, verdict="above"))
    other = replace(seen, outlooks=(law, severe))
    assert other.closest() is severe
    assert row_of(other)["line"] == f"{flop(severe.assessment.threshold_flop)} (no law)"


def test_a_bar_ends_where_its_shares_do() -> None:
    known = [each.closest() for each in sight().forecasts if each.audited.run.name in ("crossing", "over-already")]
    for width, closest in product((20, 43, 63), known):
        assert closest is not None and closest.upper_of_line is not None
        bar = live.bar_of(closest, width)
        assert len(bar) == width
        room = width - 3
        for signs, share in (
            (live.SURE, closest.lower_of_line),
            (live.SURE + live.LIKELY, closest.best_of_line),
            (live.SURE + live.LIKELY + live.POSSIBLE, closest.upper_of_line),
        ):
            assert share is not None
            assert sum(each in signs for each in bar) == min(room, int(share * room))
        assert bar.endswith(live.OVER) is (closest.upper_of_line > 1)
    assert live.bar_of(None, 12) == "[?????????| "


class Interrupted(Exception):
    """Stands for the SystemExit that an interrupt becomes."""


class Looks:
    """Looks that are counted, and a pause that is interrupted after some."""

    def __init__(self, most: int) -> None:
        self.most, self.made, self.waited = most, 0, []  # type: ignore[var-annotated]

    def look(self) -> Sight:
        self.made += 1
        return sight()

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        if len(self.waited) == self.most:
            raise Interrupted


def test_plain_lines_go_on_until_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    looks = Looks(3)
    with pytest.raises(Interrupted):
        live.watch_in_lines(looks.look, 60, looks.pause)
    out = capsys.readouterr().out.splitlines()
    assert out == live.plain_lines(sight()) * 3
    assert (looks.made, looks.waited) == (3, [60, 60, 60])


def test_lines_end_when_nobody_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        monkeypatch.setattr(sys, "stderr", unread)
        take_all_that_is_written()
        looks = Looks(3)
        live.watch_in_lines(looks.look, 60, looks.pause)
        monkeypatch.undo()
    assert (looks.made, looks.waited) == (1, [])


def test_on_a_terminal_it_is_drawn_again_until_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    looks = Looks(2)
    with pytest.raises(Interrupted):
        live.watch_live(looks.look, 300, looks.pause)
    assert (looks.made, looks.waited) == (2, [300, 300])


@pytest.mark.parametrize(
    ("terminal", "term", "options", "way"),
    [
        (True, "xterm", [], "live"),
        (True, "xterm", ["--interval", "30"], "live"),
        (True, "xterm", ["--once"], "once"),
        (True, "xterm", ["-o", "json"], "once"),
        (True, "xterm", ["--wide"], "once"),
        (True, "dumb", [], "once"),
        (True, "", ["--interval", "30"], "lines"),
        (False, "xterm", [], "once"),
        (False, "xterm", ["--interval", "30"], "lines"),
        (False, "xterm", ["--interval", "30", "--once"], "once"),
    ],
)
def test_how_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, options: list[str], way: str
) -> None:
    ways: list[str] = []
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(watch, "find_deployment", lambda _: None)
    monkeypatch.setattr(watch, "watchers_of", lambda *_: [])
    monkeypatch.setattr(watch, "sight_of", lambda *_: sight())
    monkeypatch.setattr(watch, "can_be_live", lambda: terminal and term not in ("", "dumb"))
    monkeypatch.setattr(watch, "watch_live", lambda look, seconds: ways.append("live"))
    monkeypatch.setattr(watch, "watch_in_lines", lambda look, seconds: ways.append("lines"))
    done = CliRunner().invoke(app, ["watch", *options])
    assert done.exit_code == (3 if way == "once" else 0), done.output
    assert (ways or ["once"]) == [way]
    if "json" in options:
        assert {each["job"]["name"] for each in json.loads(done.stdout)["jobs"]} >= {"crossing", HOSTILE}


@pytest.mark.parametrize(
    ("terminal", "term", "can"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_what_can_be_drawn_on(monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, can: bool) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert live.can_be_live() is can


@pytest.mark.parametrize(("failures", "forecasts", "code"), [((), False, 0), (("x",), False, 4), (("x",), True, 3)])
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, failures: tuple[str, ...], forecasts: bool, code: int) -> None:
    seen = Sight(sight().at, sight().forecasts if forecasts else (), failures)
    monkeypatch.setattr(watch, "find_deployment", lambda _: None)
    monkeypatch.setattr(watch, "watchers_of", lambda *_: [])
    monkeypatch.setattr(watch, "sight_of", lambda *_: seen)
    assert CliRunner().invoke(app, ["watch", "--once"]).exit_code == code


def test_help_names_the_dashboard_of_the_template() -> None:
    told = " ".join(CliRunner().invoke(app, ["watch", "--help"]).output.split())
    assert "Dashboard=true" in told


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        path_of(*size).write_text(drawn(*size), encoding="utf-8")
