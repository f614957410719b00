"""What people read: numbers without exponents, headings that say something, names that break nothing."""

import re
from typing import Any

import pytest

from flops_auditor.domain.lineage.tree import Row
from flops_auditor.use_cases.operations.compare_jobs import RegionState
from flops_auditor_cli.audit_view import figures
from flops_auditor_cli.commands.lineage import rows_of
from flops_auditor_cli.comparison_view import Progress
from flops_auditor_cli.output import Output, digits, emit, say

DOCUMENT: dict[str, Any] = {
    "job": {"name": "a", "status": "Completed"},
    "estimate": {
        "method": "hardware",
        "best_flop": "1000",
        "upper_flop": "2000",
        "cautious_upper_flop": "2000",
        "ceiling_flop": "2000",
        "energy_kwh": "43008.5",
        "assumptions": [],
        "doubts": [{"kind": "no-metric", "words": "no metric"}],
    },
    "cumulative": {"best_flop": "3000", "upper_flop": "4000", "ancestors": [{}, {}]},
    "original": {"base_model": ""},
    "assessments": [],
}
DUTY = {"id": "tell", "state": "owed", "what": "Tell them", "article": "Law, Art. 1", "within_days": 14}


def test_numbers_have_no_exponent() -> None:
    assert [digits(value) for value in (0.9, 12.3456, 999.96, 43008.5, 1e15)] == [
        "0.9",
        "12.35",
        "1000",
        "43008",
        "1" + "0" * 15,
    ]


def test_a_record_shows_its_doubts_its_date_and_what_it_supersedes() -> None:
    record = {
        **DOCUMENT,
        "lineage": {"ancestors": 40, "doubts": [{"kind": "parent", "words": "a parent is missing"}]},
        "previous_verdict": "below",
        "assessments": [{"policy": "p", "duties": [DUTY], "settle": []}],
        "due": [{"policy": "p", "duty": "tell", "day": "2026-12-08"}],
    }
    shown = [(row["what"], row["value"]) for row in figures(record)]
    assert ("Energy", "43008 kWh") in shown
    assert ("With 40 earlier runs", "3.00e3 FLOP, at most 4.00e3 FLOP") in shown
    assert ("Doubt", "no metric") in shown
    assert ("Doubt", "a parent is missing") in shown
    assert ("Superseded verdict", "below") in shown
    assert ("Due", "By 2026-12-08: Tell them (Law, Art. 1).") in shown
    assert "With 2 earlier runs" in [row["what"] for row in figures(DOCUMENT)]


def test_a_lineage_has_exact_figures_for_machines() -> None:
    row = Row("", "a", "fine-tuning", 36488993757959568373164, None, again=False, doubtful=True)
    assert rows_of([row], people=True)[0]["best_flop"] == "3.65e22"
    assert rows_of([row], people=False)[0] == {
        "run": "a",
        "activity": "fine-tuning",
        "best_flop": "36488993757959568373164",
        "upper_flop": "",
        "note": "in doubt",
    }


def test_a_table_without_headings_has_no_empty_line_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    emit([{"what": "Job", "value": "a"}], Output.TABLE, {"what": "", "value": ""})
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_talk_is_one_line_on_stderr_whatever_a_name_holds(capsys: pytest.CaptureFixture[str]) -> None:
    say("job \x1b[31mred\nline " + "x" * 100)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "job �[31mred�line " + "x" * 100 + "\n"


def test_regions_without_jobs_are_not_talked_of(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress(RegionState("us-east-1", 0, 0, 0, ()))
    progress(RegionState("eu-west-1", 0, 0, 0, (), "refused"))
    progress(RegionState("eu-west-2", 100, 90, 0, ()))
    progress(RegionState("eu-west-2", 130, 90, 0, ()))
    progress.end()
    said = "eu-west-1: refused\neu-west-2: 130 jobs, 90 finished, 0 without a record\n"
    assert capsys.readouterr().err == said


def test_no_number_is_broken_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"job": "a-name-of-a-job-" * 3, "flop": "4.82e19", "hours": "651158", "verdict": "indeterminate"}]
    columns = {"job": "Job", "flop": "Best (FLOP)", "hours": "Hours", "verdict": "Verdict"}
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    for width in (40, 60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        emit(rows, Output.TABLE, columns, right=("flop", "hours"))
        shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert max(len(line) for line in shown.splitlines()) <= width
        assert all(word in shown for word in ("4.82e19", "651158", "indeterminate", "Hours", "Verdict")), width
