"""`make bench` runs what it names, one after another, and says which could not measure (bench/everything.py)."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import everything
from bench.figures import Figure
from bench.rows import OF_ROWS, with_figures

AUDIT_ROW = {
    **{"points": 600, "whole_ms": 4.0, "floor_ms": 1.0, "target_ms": 8},
    **{"us_a_point": 1.5, "us_a_point_by_botocore": 6.0, "target_us": 2},
}
RECOMPUTE_ROW = {"points": 600, "records_per_second": 200, "floor_ms": 2.0, "target": 400}
PROCESSES = {
    "python -c pass": {"seconds": 0.02},
    "import boto3": {"seconds": 0.3},
    "flops-auditor --version": {"seconds": 0.08},
}


WAYS = [{"name": name, "most": most} for name, most in (("ours", 50.0), ("asks", 1.0), ("rule", 100.0), ("step", 25.0))]


@pytest.mark.parametrize(
    ("bench", "printed", "ratios"),
    [
        ("audit_cpu", {"rows": [AUDIT_ROW]}, {"CPU of an audit by its points (600)": 0.25}),
        ("recompute", {"rows": [RECOMPUTE_ROW]}, {"verify --recompute, 600 points a record": 0.4}),
        ("cost_beside", {"rows": WAYS}, {"a million jobs: ours": 0.5, "a million jobs: asks": None}),
        ("start_up", {"target_seconds": 0.25, "processes": PROCESSES}, {"flops-auditor --version": 0.25}),
    ],
)
def test_rows_of_a_benchmark_become_figures(bench: str, printed: dict[str, Any], ratios: dict[str, float]) -> None:
    made = {each.key: each.ratio for each in OF_ROWS[bench](printed)}
    assert ratios.items() <= made.items()
    document = with_figures(bench, json.dumps(printed))
    assert {each["name"] for each in document["figures"]} == {name.partition(" (")[0] for name in made}


def test_the_parser_is_beside_that_of_botocore_where_there_are_points() -> None:
    *_, parser = OF_ROWS["audit_cpu"]({"rows": [AUDIT_ROW]})
    assert (parser.value, parser.floor, parser.target) == (1.5, 6.0, 2)


def test_without_points_an_audit_is_beside_the_call_that_asks_for_them() -> None:
    nothing = {**AUDIT_ROW, "points": 0, "us_a_point": None, "floor_ms": 0.01, "collect_ms": 0.8}
    [alone] = OF_ROWS["audit_cpu"]({"rows": [nothing]})
    assert (alone.floor, alone.floor_is) == (0.8, "botocore's one call")


def test_what_has_figures_keeps_them_and_no_figures_are_an_error() -> None:
    document = {"bench": "watch", "figures": [Figure("watch", 1, "s").as_json()]}
    assert with_figures("watch", json.dumps(document)) == document
    for printed in ('{"figures": []}', "a table", "{}"):
        with pytest.raises((ValueError, KeyError)):
            with_figures("watch", printed)


MEASURES = """
import json
print(json.dumps({"bench": "some", "figures": [{"name": "one", "value": 3, "unit": "s", "target": 2, "met": False}]}))
raise SystemExit(1)
"""


@pytest.fixture
def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two benchmarks: one measures and misses its target, one breaks."""
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "some.py").write_text(MEASURES)
    (tmp_path / "bench" / "broken.py").write_text("raise SystemExit('no room')")
    monkeypatch.setattr(everything, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def everything_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(everything, "COMMANDS", dict.fromkeys(names, ()))
    monkeypatch.setattr(sys, "argv", ["everything", "--folder", str(folder / "out")])
    code = everything.main()
    return code, json.loads((folder / "out" / "all.json").read_text())


def test_a_missed_target_is_a_figure_and_no_failure(
    benches: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = everything_of(benches, monkeypatch, "some")
    assert code == 0
    assert [each["name"] for bench in document["benches"] for each in bench["figures"]] == ["one"]
    assert json.loads((benches / "out" / "some.json").read_text())["figures"] == document["benches"][0]["figures"]
    assert "1/1 some: " in (printed := capsys.readouterr().out)
    assert "1 over target" in printed


def test_one_that_cannot_measure_is_told_and_keeps_no_other_from_it(
    benches: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = everything_of(benches, monkeypatch, "broken", "some")
    assert code == 1
    assert [each["bench"] for each in document["benches"]] == ["some"]
    assert "1/2 broken: could not measure: exit code 1" in capsys.readouterr().out
