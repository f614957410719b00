"""Every configuration against torch's own counter: within 2 % each, and the same again from what is remembered."""

import pytest

from bench.meter_accuracy import reference
from bench.meter_configurations import Configuration, configurations
from flops_meter import FlopsMeter
from tests.meter.against_torch import QUIET, close

ALL = list(configurations())


def test_there_are_at_least_forty() -> None:
    assert len({each.name for each in ALL}) == len(ALL) >= 40


@pytest.mark.parametrize(
    "configuration", [pytest.param(each, id=each.name, marks=[] if each.short else pytest.mark.full) for each in ALL]
)
def test_within_two_per_cent(configuration: Configuration) -> None:
    """Forward and backward without recomputation (Annex A.1); the reference runs eager, without checkpointing."""
    batch = configuration.batch()
    model = configuration.build(reference=True)
    expected = reference(lambda: configuration.run(model, batch))
    meter = FlopsMeter(fused := configuration.build(reference=False), settings=QUIET)
    with meter.step():
        configuration.run(fused, batch)
    first = meter.model_flop
    assert close(first, expected)
    with meter.step():
        configuration.run(fused, batch)
    assert meter.model_flop == 2 * first
    assert meter.executed_flop >= meter.model_flop
    assert meter.totals.inferred_flop == 0 and not meter.unknown_operations
    if configuration.checkpointing:
        assert meter.executed_flop > 1.1 * meter.model_flop
    assert (meter.padding_flop > 0) == ("padded" in configuration.layout)
