"""By which factor each caution raises a bound, what a run that is no training counts, and words that carry figures."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.domain.compute.architecture import ALL, architecture
from flops_auditor.domain.compute.attention import attention_flop, most_attention_flop
from flops_auditor.domain.compute.cautions import (
    LENGTH_UNKNOWN,
    LESS_THAN_PLANNED,
    LESS_THAN_SAMPLES,
    ONE_ANSWER_OF_TWO,
    PEAK_OF_THE_MFU,
    PEAK_WITH_SPARSITY,
    REFERENCE_MODEL,
    SHAPE_UNKNOWN,
    TRAINER_LEAVES_OUT,
    Caution,
    cautions_of,
    unknown_attention,
)
from flops_auditor.domain.compute.run_estimate import NOTHING_BOUNDS, TRAINS_ALL_THE_SAME
from flops_auditor.domain.compute.run_tokens import Tokens, measured_tokens
from flops_auditor.domain.compute.tiers import (
    HardwareUse,
    Measured,
    Tier,
    choose,
    counted,
    hardware_mfu,
    hardware_occupancy,
    reported,
)
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.emitted import Emitted
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.meter_words import Suspicion
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import UnreadableAmount, exact, parse_amount, percent
from flops_auditor.domain.values.remarks import Kind, Remark
from tests.fakes.jobs import describe
from tests.unit.test_estimate import SHAPE, TERA
from tests.unit.test_job_estimate import busy, estimated

MODEL = ModelSize(8 * 10**9, 8 * 10**9, "a test", shape=SHAPE)
HOUR = TrainingTime((), Fraction(3600), Kind("x", "x")())
NOTHING = Observations({}, {})


def use(peak: int = 989, ceiling_peak: int = 1979, occupancy: Fraction | None = None) -> HardwareUse:
    return HardwareUse(
        "x", Fraction(8), Fraction(3600), Fraction(peak * TERA), Fraction(ceiling_peak * TERA), occupancy
    )


def cautions(
    tiers: Sequence[Tier],
    declared: Declared,
    model: ModelSize | None = MODEL,
    uses: Sequence[HardwareUse] = (),
    observed: Observations = NOTHING,
    *,
    tagged: bool = False,
) -> dict[str, Caution]:
    """By kind."""
    found = cautions_of(choose(tiers, None), declared, model, HOUR, uses, observed, tagged_tokens=tagged)
    return {each.remark.kind.name: each for each in found}


def by_tokens(
    tokens: int = 10**9, trainable: int | None = ALL, model: ModelSize = MODEL, length: int | None = 4096
) -> Tier:
    return architecture(model, trainable, Tokens(tokens, "x", least=tokens, most=tokens), length, [])[0]


def times(tier: Tier, factor: Fraction) -> int:
    return -int(-(tier.upper_flop or 0) * factor // 1)


def facts(remark: Remark) -> dict[str, Any]:
    return dict(remark.facts)


def test_tokens_that_are_less_than_planned_may_be_as_many_as_planned() -> None:
    tier, declared = by_tokens(10**9), Declared(tokens=10**9, planned_tokens=3 * 10**9, sequence_length=4096)
    found = cautions([tier], declared, tagged=True)[LESS_THAN_PLANNED.name]
    assert (found.flop, facts(found.remark)) == (times(tier, Fraction(3)), {"said": 10**9, "planned": 3 * 10**9})
    near = replace(declared, planned_tokens=11 * 10**8)
    assert LESS_THAN_PLANNED.name not in cautions([tier], near, tagged=True)
    counted = Declared(planned_tokens=3 * 10**9, sequence_length=4096)
    assert cautions([tier], counted)[LESS_THAN_PLANNED.name].flop == times(tier, Fraction(3))
    signed = replace(declared, amended=frozenset({"tokens"}))
    assert LESS_THAN_PLANNED.name not in cautions([tier], signed)


def test_tokens_that_are_less_than_the_samples_hold_may_be_padded() -> None:
    """A counter leaves padding out; the hardware multiplies it all the same."""
    observed = replace(NOTHING, emitted={"sample_rate": Emitted(Fraction(1000), "train_samples_per_second")})
    uses, tier = [use()], by_tokens(10**9)
    declared = Declared(sequence_length=4096)
    padded = cautions([tier], declared, uses=uses, observed=observed)[LESS_THAN_SAMPLES.name]
    sampled = 1000 * 3600 * 4096
    assert facts(padded.remark) == {"said": 10**9, "sampled": sampled}
    assert padded.flop == times(tier, Fraction(sampled, 10**9))
    rollouts = Declared(sequence_length=4096, technique="grpo")
    assert LESS_THAN_SAMPLES.name not in cautions([tier], rollouts, uses=uses, observed=observed)


def test_a_tagged_number_of_answers_may_be_of_one_of_two() -> None:
    tier, declared = by_tokens(), Declared(tokens=10**9, technique="orpo", sequence_length=4096)
    found = cautions([tier], declared, tagged=True)[ONE_ANSWER_OF_TWO.name]
    assert (found.flop, facts(found.remark)) == (times(tier, Fraction(2)), {"technique": "ORPO"})


def test_another_source_with_more_active_parameters_counts_by_their_ratio() -> None:
    other = ModelSize(20 * 10**9, 20 * 10**9, "another source", shape=SHAPE)
    model = replace(MODEL, others=(other,))
    tier, attention = by_tokens(model=model), attention_flop(SHAPE.attended, 4096)
    [found] = cautions([tier], Declared(tokens=10**9, sequence_length=4096), model).values()
    assert found.flop == times(tier, Fraction(120 * 10**9 + attention, 48 * 10**9 + attention))


def test_a_source_that_contradicts_the_size_counts_with_its_own_attention() -> None:
    """A size without a shape would have next to no attention, and so lower the bound by what it contradicts."""
    tiny = replace(MODEL, total=5, active=5, shape=None)
    declared = Declared(tokens=10**9)
    of_the_table = max(each.flop for each in cautions([by_tokens(length=None)], declared, MODEL).values())
    contradicted = cautions([by_tokens(model=tiny, length=None)], declared, replace(tiny, others=(MODEL,)))
    assert max(each.flop for each in contradicted.values()) == of_the_table
    reports = reported(Measured(Fraction(10**20)), "total_flos", [])
    left_out = max(each.flop for each in cautions([reports], declared, MODEL).values())
    assert cautions([reports], declared, replace(tiny, others=(MODEL,)))[TRAINER_LEAVES_OUT.name].flop == left_out


@pytest.mark.parametrize(
    ("trainable", "efficient", "share"),
    [(None, False, Fraction(2, 6)), (10**8, False, Fraction(2, 4)), (None, True, Fraction(2, 6))],
)
def test_a_reference_model_adds_a_forward_pass(trainable: int | None, efficient: bool, share: Fraction) -> None:
    declared = Declared(
        tokens=10**9,
        technique="dpo",
        trainable_parameters=trainable,
        parameter_efficient=efficient,
        sequence_length=4096,
    )
    tier = by_tokens(trainable=ALL if trainable is None else trainable)
    found = cautions([tier], declared)[REFERENCE_MODEL.name]
    assert (found.flop, found.updates) == (times(tier, 1 + share), False)
    assert facts(found.remark) == {"technique": "DPO", "share": share}
    whole = replace(declared, trainable_parameters=MODEL.total)
    assert facts(cautions([tier], whole)[REFERENCE_MODEL.name].remark)["share"] == Fraction(2, 6)


@pytest.mark.parametrize(("partial", "per_token"), [(False, 6), (True, 4)])
def test_attention_over_an_unknown_length_counts_at_its_most(partial: bool, per_token: int) -> None:
    share = Fraction(attention_flop(SHAPE.attended, SHAPE.context), per_token * MODEL.active)
    assert unknown_attention(MODEL, None, partial) == (1 + share, LENGTH_UNKNOWN(context=131072, share=share))
    assert unknown_attention(MODEL, 4096, partial) is None
    shapeless = replace(MODEL, shape=None)
    for length, context, more in ((None, 131_072, " --sequence-length NUMBER"), (2048, 2048, "")):
        options = f"--layers NUMBER --width NUMBER{more}"
        share = Fraction(most_attention_flop(shapeless, length), per_token * MODEL.active)
        assert unknown_attention(shapeless, length, partial) == (
            1 + share,
            SHAPE_UNKNOWN(context=context, share=share, options=options),
        )


def test_the_caution_about_the_length_asks_whether_a_part_is_trained() -> None:
    tier = by_tokens()
    for declared, partial in (
        (Declared(tokens=10**9), False),
        (Declared(tokens=10**9, parameter_efficient=True), True),
    ):
        expected = unknown_attention(MODEL, None, partial)
        assert expected is not None
        found = cautions([tier], declared)[LENGTH_UNKNOWN.name]
        assert (found.flop, found.remark) == (times(tier, expected[0]), expected[1])


def test_what_a_trainer_reports_leaves_out_embeddings_and_attention() -> None:
    tier = reported(Measured(Fraction(10**20)), "total_flos", [])
    attention = Fraction(attention_flop(SHAPE.attended, 4096), 6)
    factor = (MODEL.active + attention) / (MODEL.total - 128256 * 4096)
    found = cautions([tier], Declared(sequence_length=4096))[TRAINER_LEAVES_OUT.name]
    assert (found.flop, facts(found.remark)) == (times(tier, factor), {"name": "total_flos", "times": factor})
    longest = (MODEL.active + Fraction(attention_flop(SHAPE.attended, 131072), 6)) / (MODEL.total - 128256 * 4096)
    assert facts(cautions([tier], Declared())[TRAINER_LEAVES_OUT.name].remark)["times"] == longest
    only_embeddings = replace(MODEL, total=128256 * 4096, active=128256 * 4096)
    assert cautions([tier], Declared(), only_embeddings) == {}
    assert cautions([tier], Declared(), None) == {}


def test_an_mfu_may_be_of_a_faster_precision() -> None:
    uses = [use(), use(peak=100, ceiling_peak=300)]
    tier = hardware_mfu(uses, Fraction(1, 5))
    found = cautions([tier], Declared(), None, uses)[PEAK_OF_THE_MFU.name]
    assert facts(found.remark) == {"times": Fraction(1979 + 300, 989 + 100)}
    assert found.flop == times(tier, Fraction(1979 + 300, 989 + 100))
    assert PEAK_OF_THE_MFU.name not in cautions([tier], Declared(precision="bf16"), None, uses)
    alike = [use(ceiling_peak=989)]
    of_one_peak = cautions([hardware_mfu(alike, Fraction(1, 5))], Declared(), None, alike)
    assert [*of_one_peak] == [PEAK_WITH_SPARSITY.name]


def test_an_mfu_may_be_of_a_peak_with_sparsity_and_the_hardware_bounds_it() -> None:
    uses = [use()]
    tier, declared = hardware_mfu(uses, Fraction(1, 5)), Declared(precision="bf16")
    assert cautions([tier], declared, None, uses)[PEAK_WITH_SPARSITY.name].flop == times(tier, Fraction(2))
    high = hardware_mfu(uses, Fraction(1, 2))
    assert cautions([high], declared, None, uses)[PEAK_WITH_SPARSITY.name].flop == uses[0].most_flop


SHORT = Suspicion(Kind("short", "it may be short")(), None)
TWICE = Suspicion(Kind("twice", "it may be half")(), Fraction(2))
THRICE = Suspicion(Kind("thrice", "it may be a third")(), Fraction(3))


def test_a_count_that_may_be_short_is_bounded_by_the_hardware_or_by_a_persons_tokens() -> None:
    tier, uses = counted(Measured(Fraction(10**18)), []), [use()]
    suspected = Observations({}, {}, suspicions=(SHORT, TWICE, THRICE))
    alone = cautions([tier], Declared(), observed=suspected)
    assert {name: each.flop for name, each in alone.items()} == {
        "twice": times(tier, Fraction(2)),
        "thrice": times(tier, Fraction(3)),
    }
    hardware = hardware_occupancy(uses)
    bounded = cautions([tier, hardware], Declared(), observed=suspected, uses=uses)
    assert bounded["short"].flop == hardware.upper_flop
    by_a_person = by_tokens(10**7)
    signed = Declared(tokens=10**7, amended=frozenset({"tokens"}))
    held = cautions([tier, by_a_person, hardware], signed, observed=suspected, uses=uses)
    assert held["short"].flop == by_a_person.upper_flop
    assert held["thrice"].flop == min(times(tier, Fraction(3)), by_a_person.upper_flop or 0)
    tagged = cautions([tier, by_a_person, hardware], Declared(tokens=10**7), observed=suspected, uses=uses)
    assert tagged["short"].flop == hardware.upper_flop
    unsaid = cautions([tier, by_a_person, hardware], Declared(amended=frozenset({"tokens"})), observed=suspected)
    assert unsaid["short"].flop == hardware.upper_flop


def test_what_is_counted_beside_the_model_is_kept_apart_and_said() -> None:
    tier = counted(Measured(Fraction(10**19)), [use()], Fraction(5 * 10**18))
    assert (tier.best_flop, tier.signal_flop, tier.all_flop) == (10**19, 5 * 10**18, 15 * 10**18)
    assert facts(tier.basis)["share"] == 1
    sometime = counted(Measured(Fraction(10**19), None), [use()])
    assert (sometime.basis.kind is tier.basis.kind, facts(sometime.basis)) == (False, {"flop": Fraction(10**19)})


def test_an_mfu_that_held_nobody_knows_when_gives_the_best_estimate_alone() -> None:
    uses = [use(occupancy=Fraction(4, 5))]
    found, bounds = hardware_mfu(uses, Fraction(2, 5), None), hardware_occupancy(uses)
    assert (found.method, found.implied_utilisation) == ("hardware + MFU", Fraction(2, 5))
    assert (found.best_flop, found.upper_flop) == (8 * 3600 * 989 * TERA * 2 // 5, bounds.upper_flop)


def test_a_run_that_is_no_training_counts_nothing_and_says_what_it_would_be() -> None:
    metrics = [busy(80), {"Label": "train_loss", "Values": [1.0]}]
    found, training = estimated(metrics, {"activity": "not-training"}), estimated(metrics)
    figures = (found.lower_flop, found.best_flop, found.upper_flop, found.firm_flop)
    assert (figures, found.updates_upper_flop, found.signal_flop) == ((0, 0, 0, 0), 0, 0)
    nothing = (found.ceiling_flop, found.accelerator_seconds, found.peak_flop_per_s, found.occupancy, found.tiers)
    assert nothing == (None, None, None, None, ())
    assert found.doubts == (*training.doubts, TRAINS_ALL_THE_SAME(names=("train_loss",)))
    assert found.otherwise is not None
    assert found.otherwise.best_flop == training.best_flop


SERVERLESS = {"ServerlessJobConfig": {"JobType": "FineTuning"}, "ResourceConfig": None}


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"params": "1e9", "tokens": "1e9"}, "how large the model is and how many tokens there were"),
        ({"tokens": "1e9", "base-model": "meta-llama/Llama-3.1-8B"}, "how many tokens there were"),
    ],
)
def test_nothing_bounds_what_a_tag_alone_says_of_hidden_hardware(tags: dict[str, str], what: str) -> None:
    found = estimated((), tags, HyperParameters={}, **SERVERLESS)
    assert found.upper_flop is None
    assert NOTHING_BOUNDS(what=what) in found.assumptions


def test_an_emitted_count_of_tokens_keeps_its_bounds_and_its_share() -> None:
    emitted = Emitted(
        Fraction(10**9), "num_tokens", Fraction(1, 2), least=Fraction(9 * 10**8), most=Fraction(11 * 10**8)
    )
    run = case_of(Evidence(describe(), [])).run
    found = measured_tokens(run, Observations({}, {"tokens": emitted}))
    assert found == Tokens(10**9, "metric num_tokens", Fraction(1, 2), 9 * 10**8, 11 * 10**8, emitted=True)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "unknown"),
        (0, "0 %"),
        (Fraction(1, 10**6), "under 0.001 %"),
        (Fraction(1, 10**5), "0.001 %"),
        (Fraction(1, 3), "33.3 %"),
        (9.99, "999 %"),
        (9.994, "999 %"),
        (9.995, "10 times"),
        (123.4, "123 times"),
        (999.4, "999 times"),
        (999.5, "1000 times"),
        (123_456, "123456 times"),
    ],
)
def test_a_share_in_words(share: Fraction | float | None, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lots", "not a number"),
        ("1e50", "not between 1 and 1e40"),
        (True, "not an amount"),
        ("9" * 65, "not an amount"),
    ],
)
def test_an_amount_that_cannot_be_read_says_why(text: str | bool, problem: str) -> None:
    with pytest.raises(UnreadableAmount) as refused:
        parse_amount(text)
    assert refused.value.problem == problem
    assert str(refused.value).startswith(repr(str(text)[:40]))


def test_a_fraction_is_read_as_it_is_written() -> None:
    assert exact("38/100") == Fraction(19, 50)
    with pytest.raises(ValueError, match="is not a number"):
        exact("38%")
