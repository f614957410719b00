"""The parts without torch: prediction, thresholds, totals, peaks."""

import json
from pathlib import Path
from random import Random

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
    assert predictor.predict((5, 100, 5, 100, 5)) == work(5, 100)
    assert predictor.predict((5, 100, 5, 99, 5)) is None, "sizes that do not vary together as before"
    assert predictor.predict((5, 100, 5, 100, 6)) is None, "a size that never varied"


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


def test_predictions_are_checked_now_and_then_and_given_up() -> None:
    predictor = Predictor()
    for length in range(8, 14):
        predictor.add((length,), {"dense": 4 * length})
    asked = [predictor.predict((length,)) for length in range(100, 3000)]
    first = asked.index(None)
    assert 1 <= first < 2900 and asked[:first] == [{"dense": 4 * length} for length in range(100, 100 + first)]
    predictor.add((115,), {"dense": 5 * 115})
    assert predictor.worst_deviation > 0.1
    assert predictor.predict((200,)) is None


def test_a_call_that_was_unlike_all_later_ones_is_forgotten() -> None:
    """A pipeline's first backward works shapes out, and makes half of the gradients."""
    predictor = Predictor()
    predictor.add((8,), {"dense": 1000})
    predictor.add((8,), {"dense": 2000})
    assert predictor.predict((8,)) == {"dense": 2000}


def test_work_that_chance_decides_is_counted_every_second_time() -> None:
    predictor, random = Predictor(), Random(1)
    true = told = 0
    counts = 0
    for _ in range(4000):
        now = random.choice((1000, 2000, 3000))
        found = predictor.predict((8,))
        if found is None:
            counts += 1
            predictor.add((8,), {"dense": now})
        true += now
        told += now if found is None else found["dense"]
    assert abs(told / true - 1) < 0.02
    assert counts <= 2100


def test_work_that_grows_unseen_is_found_soon() -> None:
    """Two small batches first, then large ones of the same looks."""
    predictor = Predictor()
    true = told = 0
    for place in range(100):
        now = 10 if place < 2 else 1000
        found = predictor.predict((8,))
        if found is None:
            predictor.add((8,), {"dense": now})
        true += now
        told += now if found is None else found["dense"]
    assert told / true > 0.98


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


def test_the_warning_comes_when_the_projected_total_is_over_the_share() -> None:
    line = Threshold(3 * 10**22, 0.5)
    assert line.warning(Totals(model_flop=10**21, steps=100), 1500) is None
    assert line.warning(Totals(model_flop=10**21, steps=100), 1501) is not None
    assert line.warning(Totals(model_flop=15 * 10**21, steps=9), None) is None, "greater than, not equal"
    assert line.warning(Totals(model_flop=15 * 10**21 + 1, steps=9), None) is not None


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
