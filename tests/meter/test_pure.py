"""The parts without torch: prediction, thresholds, totals, peaks."""

import json
from pathlib import Path

import pytest

from bench.meter_peaks import TARGET, document
from flops_meter.peaks import peak_flop_per_second
from flops_meter.prediction import Predictor
from flops_meter.threshold import Threshold
from flops_meter.work import Totals


def work(batch: int, length: int) -> dict[str, int]:
    return {"dense": 7 * batch * length + 3 * batch, "paired": 5 * batch * length**2}


def test_sizes_not_seen_are_predicted_exactly() -> None:
    predictor = Predictor()
    for sizes in ((1, 8), (2, 16), (4, 24), (1, 40), (2, 9), (4, 33), (3, 17)):
        predictor.add((*sizes, *sizes, 5), work(*sizes))
    assert predictor.predict((3, 30, 3, 30, 5)) == work(3, 30)
    assert predictor.predict((3, 30, 3, 29, 5)) is None, "sizes that do not vary together as before"
    assert predictor.predict((3, 30, 3, 30, 6)) is None, "a size that never varied"
    assert predictor.predict((3, 41, 3, 41, 5)) is None, "longer than what was counted"
    assert predictor.recall((3, 41, 3, 41, 5)) == work(3, 41)


def test_nothing_is_predicted_from_too_little() -> None:
    predictor = Predictor()
    for sizes in ((1, 8), (2, 16), (4, 24)):
        predictor.add(sizes, work(*sizes))
    assert predictor.predict((5, 100)) is None
    assert predictor.predict((1, 8)) == work(1, 8)


def test_work_that_is_no_polynomial_is_counted_each_time() -> None:
    predictor = Predictor()
    for length in range(8, 40):
        predictor.add((length,), {"dense": length if length % 16 else 3 * length})
    assert predictor.predict((100,)) is None


def test_a_formula_is_given_up_where_a_count_says_otherwise() -> None:
    predictor = Predictor()
    for length in range(8, 20, 2):
        predictor.add((length,), {"dense": 4 * length})
    assert predictor.predict((15,)) == {"dense": 60}
    predictor.add((115,), {"dense": 5 * 115})
    assert predictor.worst_deviation > 0.1
    assert predictor.predict((15,)) is None


def test_what_holds_is_the_last_count_or_the_mean_of_those_that_differ() -> None:
    """A pipeline's first backward works shapes out, and makes half of the gradients: it is forgotten."""
    predictor = Predictor()
    for flop in (1000, 2000):
        predictor.add((8,), {"dense": flop})
    assert predictor.predict((8,)) == {"dense": 1500}
    for flop in (2000, 2000):
        predictor.add((8,), {"dense": flop})
    assert predictor.predict((8,)) == {"dense": 2000}


@pytest.mark.parametrize(
    ("environment", "flop"),
    [
        ({}, 10**23 / 3),
        ({"PRETRAIN_FLOPS": "1.5e24"}, 5e23),
        ({"PRETRAIN_FLOPS": "1e21"}, 10**23 / 3),
        ({"FLOPS_METER_THRESHOLD": "7e20", "PRETRAIN_FLOPS": "1.5e24"}, 7e20),
        ({"FLOPS_METER_THRESHOLD": "much"}, 10**23 / 3),
    ],
)
def test_the_line_is_one_third_of_the_original(environment: dict[str, str], flop: float) -> None:
    """Guidelines, downstream modifiers: one third of the original's compute; of 1e23 where nobody knows that."""
    assert Threshold.from_environment(environment).flop == pytest.approx(flop)


LINE = 3 * 10**22
HALF = 15 * 10**21


@pytest.mark.parametrize(
    ("counts", "projected"),
    [
        ([(Totals(model_flop=10**21, steps=100), 1500)], HALF),
        ([(Totals(model_flop=HALF, steps=9), None)], HALF),
        ([(Totals(model_flop=HALF), 1500)], HALF),
        ([(Totals(model_flop=HALF // 5, steps=20, uncounted_steps=80), None)], HALF),
        ([(Totals(model_flop=HALF // 10, steps=20, uncounted_steps=80), 200)], HALF),
        ([(Totals(model_flop=10**20, steps=2), 100), (Totals(model_flop=2 * 10**20, steps=2), 100)], HALF),
        ([(Totals(model_flop=HALF - 10**20, steps=9), 9), (Totals(model_flop=10**20, steps=5), None)], HALF),
    ],
)
def test_the_warning_comes_when_the_projected_total_is_over_the_share(
    counts: list[tuple[Totals, int | None]], projected: int
) -> None:
    """Steps that are not counted are like those that are; each of several counts goes on to its own end."""
    assert Threshold(LINE, projected / LINE).warning(counts) is None, "greater than, not equal"
    assert Threshold(LINE, 0.9999 * projected / LINE).warning(counts) is not None


def test_totals_are_read_with_care() -> None:
    totals = Totals(model_flop=5, steps=2)
    assert Totals.from_dict(totals.to_dict()) == totals
    for wrong in (-1, 1.5, "7", True, None):
        with pytest.raises(ValueError, match="model_flop"):
            Totals.from_dict({"model_flop": wrong})


def test_peaks_are_the_auditors() -> None:
    """The meter's table is made from the auditor's, and holds dense figures."""
    assert Path(TARGET).read_text() == document()
    assert json.loads(document())["dense_tflops"]["H100"] == 989.4


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA A100-SXM4-40GB", 312.0),
        ("NVIDIA A10G", 70.0),
        ("NVIDIA A10", None),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA L4", 121.0),
        ("Tesla V100-SXM2-16GB", 125.0),
        ("NVIDIA GB200", 2500.0),
        ("Something else", None),
    ],
)
def test_peaks_by_the_drivers_name(name: str, tflops: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOPS_METER_PEAK_TFLOPS", raising=False)
    assert peak_flop_per_second(name) == (None if tflops is None else pytest.approx(tflops * 1e12))
    monkeypatch.setenv("FLOPS_METER_PEAK_TFLOPS", "7")
    assert peak_flop_per_second(name) == 7e12
