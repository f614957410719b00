"""Exact figures and remarks of an estimate, from values: what each bound is made of, and what is said of it."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from flops_auditor import data
from flops_auditor.domain.compute import cautions, run_estimate
from flops_auditor.domain.compute.architecture import ATTENTION, IN_FULL
from flops_auditor.domain.compute.attention import most_attention_flop
from flops_auditor.domain.compute.hardware_use import (
    NEVER_ANY,
    NO_HOSTS,
    NOT_DISCLOSED,
    Hardware,
    HostKind,
    MeasuredHosts,
    hardware_of,
    hosts_of,
)
from flops_auditor.domain.compute.run_estimate import Estimate, estimate_job
from flops_auditor.domain.compute.run_tokens import (
    TOKENS_DISAGREE,
    Tokens,
    measured_tokens,
    other_readings,
    tokens_of,
)
from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.runs.declared import Declared, ModelName
from flops_auditor.domain.runs.emitted import SPEAKS_FOR, TIME_UNKNOWN, Emitted
from flops_auditor.domain.runs.meter_words import Suspicion
from flops_auditor.domain.runs.model_size import ModelShape, ModelSize
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.occupancy import Busy
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import Hosts, Run, RunState
from flops_auditor.domain.runs.series import Coverage
from flops_auditor.domain.runs.sources.training_job_metrics import HOST_METRICS
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import at_least, nearest
from flops_auditor.domain.values.remarks import Kind, Remark

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SECONDS = Fraction(36000)
TIME = TrainingTime((), SECONDS, Kind("ten-hours", "ten hours")())
TABLE = data.hardware_table()
H100 = TABLE.instance_types["ml.p5.48xlarge"]
PEAK_FLOP = 8 * SECONDS * H100.peak(None)[0]
CEILING = 8 * SECONDS * H100.ceiling_peak
LOWEST = Fraction(1, 20)
HALF = Fraction(1, 2)
MODEL = ModelSize(7 * 10**9, 7 * 10**9, "a table", shape=ModelShape(32, 4096, 32, 32, 128, 32000, False, 4096))
NOTHING_SAID = Declared()
HALF_BUSY = Busy(Coverage(60, (400,), (), 1), 60)
"""Four of eight accelerators, all the time."""
SAID_OF_COUNT = Kind("short-count", "the count may be short")()
UPDATED, BESIDE = 10**18, 10**17


def run_with(
    time: TrainingTime = TIME, *, disclosed: bool = True, billed: int | None = None, state: RunState = "running"
) -> Run:
    return Run(
        source="sagemaker:training-job",
        arn="arn:aws:sagemaker:eu-west-1:111122223333:training-job/a",
        name="a",
        region="eu-west-1",
        status="Completed",
        state=state,
        created=NOW,
        started=NOW,
        ended=NOW,
        time=time,
        declared=NOTHING_SAID,
        undisclosed="" if disclosed else "secret run",
        host_metrics=HOST_METRICS,
        billed_tokens=billed,
        billed_as="BillableTokenCount",
    )


def hosts(occupancy: Fraction | None = None) -> MeasuredHosts:
    return MeasuredHosts((HostKind(1, H100, occupancy, LOWEST),), (), ())


def observed(**changes: object) -> Observations:
    """Emitted quantities by name, and the rest of what a meter saw."""
    emitted = {name: value for name, value in changes.items() if isinstance(value, Emitted)}
    more = {name: value for name, value in changes.items() if name not in emitted}
    return replace(Observations({}, emitted), **more)  # type: ignore[arg-type]


def estimated(
    declared: Declared = NOTHING_SAID,
    seen: Observations | None = None,
    model: ModelSize | None = None,
    *,
    on: MeasuredHosts | None = None,
    time: TrainingTime = TIME,
) -> Estimate:
    """On one host of H100, half of a peak busy for all that is known."""
    return estimate_job(run_with(time), declared, seen or observed(), hosts() if on is None else on, model)


def undisclosed(
    declared: Declared, seen: Observations, model: ModelSize | None = None, time: TrainingTime = TIME
) -> Estimate:
    """On hardware that the service keeps to itself."""
    return estimate_job(run_with(time, disclosed=False), declared, seen, MeasuredHosts((), (), ()), model)


def emitted(flop: int, share: Fraction | None = Fraction(1), name: str = "counter", **bounds: int) -> Emitted:
    return Emitted(Fraction(flop), name, share, True, **{key: Fraction(value) for key, value in bounds.items()})


def kinds(estimate: Estimate) -> set[Kind]:
    return {remark.kind for remark in estimate.assumptions}


def only(remarks: tuple[Remark, ...], kind: Kind) -> Remark:
    (found,) = [remark for remark in remarks if remark.kind is kind]
    return found


# ----- Tokens


def one_use(seconds: int = 3600) -> HardwareUse:
    return HardwareUse("x", Fraction(8), Fraction(seconds), Fraction(100), Fraction(200))


@pytest.mark.parametrize(("quantity", "seconds"), [("token_rate", 3600), ("token_rate_per_unit", 8 * 3600)])
@pytest.mark.parametrize("share", [HALF, None])
def test_a_rate_counts_for_the_time_that_it_speaks_for(quantity: str, seconds: int, share: Fraction | None) -> None:
    rate = emitted(1000, share, "r" * 90, least=900, most=1200)
    notes: list[Remark] = [NO_HOSTS()]
    found = tokens_of(run_with(), NOTHING_SAID, observed(**{quantity: rate}), (one_use(),), notes)
    spoken_for = seconds // 2 if share else seconds
    assert found == Tokens(
        count=1000 * spoken_for,
        source=f"metric '{'r' * 76} ...' over the training time",
        share=share,
        least=900 * spoken_for if share else 0,
        most=1200 * spoken_for,
        emitted=True,
        rate="r" * 90,
    )
    said = TIME_UNKNOWN(name="r" * 90) if share is None else SPEAKS_FOR(name="r" * 90, share=HALF)
    assert notes == [NO_HOSTS(), said]


def test_counted_tokens_say_for_which_part_they_speak() -> None:
    notes: list[Remark] = []
    found = tokens_of(run_with(), NOTHING_SAID, observed(tokens=emitted(10**6, HALF)), (), notes)
    assert found == Tokens(10**6, "metric counter", HALF, 10**6, 10**6, emitted=True)
    assert notes == [SPEAKS_FOR(name="counter", share=HALF)]


def test_billed_tokens_are_exact() -> None:
    assert measured_tokens(run_with(billed=123), observed()) == Tokens(123, "BillableTokenCount", least=123, most=123)


def test_a_tag_holds_unless_more_was_measured() -> None:
    declared = Declared(tokens=1000)
    notes: list[Remark] = []
    whole = Tokens(1000, declared.tokens_source, least=1000, most=1000)
    assert tokens_of(run_with(), declared, observed(tokens=emitted(1300)), (), notes) == whole
    assert notes == []
    more = observed(tokens=emitted(1301, HALF))
    found = tokens_of(run_with(), declared, more, (), notes)
    assert found == Tokens(1301, "metric counter", HALF, 1301, 1301, emitted=True)
    disagree = TOKENS_DISAGREE(
        said=1000, source=declared.tokens_source, measured=1301, other="metric counter", counts="larger number"
    )
    assert notes == [disagree, SPEAKS_FOR(name="counter", share=HALF)]


def test_planned_tokens_are_an_upper_bound_of_a_run_on_known_hardware() -> None:
    declared = Declared(planned_tokens=5000)
    planned = "hyperparameters: steps x sequences of a step x their length"
    found = tokens_of(run_with(), declared, observed(), (one_use(),), [])
    assert found == Tokens(5000, planned, most=5000)
    assert tokens_of(run_with(), declared, observed(), (), []) is None


def test_what_else_counts_the_tokens_is_a_reading_of_its_own_unless_a_person_signs() -> None:
    both = observed(tokens=emitted(10**6), token_rate=emitted(1000, name="rate"))
    counter = Tokens(10**6, "metric counter", least=10**6, most=10**6, emitted=True)
    of_rate = 1000 * 3600
    rate = Tokens(of_rate, "metric rate over the training time", least=of_rate, most=of_rate, emitted=True, rate="rate")
    tag = Tokens(1000, "tag")

    def others(chosen: Tokens, declared: Declared = NOTHING_SAID, seen: Observations = both) -> list[Tokens]:
        return other_readings(chosen, run_with(), declared, seen, (one_use(),))

    assert others(tag) == [counter, rate]
    assert others(counter) == [rate]
    assert others(rate) == [counter]
    assert others(tag, seen=observed()) == []
    assert others(tag, Declared(tokens=1000)) == [counter, rate]
    assert others(tag, Declared(tokens=1000, amended=frozenset({"tokens"}))) == []
    billed = Tokens(123, "BillableTokenCount", least=123, most=123)
    assert other_readings(tag, run_with(billed=123), NOTHING_SAID, observed(), ()) == [billed]


# ----- What is counted in the container, and beside it


def test_a_count_of_half_the_time_keeps_its_bounds() -> None:
    seen = observed(model_flop=emitted(UPDATED, HALF, least=9 * 10**17, most=12 * 10**17))
    found = estimated(seen=seen, on=hosts(Fraction(1, 20)))
    assert (found.firm_flop, found.lower_flop) == (9 * 10**17, 63 * 10**16)
    found = estimated(seen=seen, on=hosts(Fraction(1, 10)))
    assert found.method == "counted"
    assert found.firm_flop == found.lower_flop == PEAK_FLOP / 200, "by hardware that was busy for so much"
    assert found.best_flop == 2 * UPDATED
    assert found.upper_flop == at_least(Fraction(156 * 10**16) + PEAK_FLOP / 10)
    assert SPEAKS_FOR(name="counter", share=HALF) in found.assumptions
    assert run_estimate.METHOD in kinds(found)


def test_the_rest_of_the_time_goes_on_at_no_more_than_the_hardware_was_busy() -> None:
    counted_flop = nearest(PEAK_FLOP * Fraction(3, 10))
    found = estimated(seen=observed(model_flop=emitted(counted_flop, HALF)), on=hosts(Fraction(1, 10)))
    assert found.tiers[0].best_flop == nearest(counted_flop + PEAK_FLOP / 10)


def test_a_count_at_some_time_is_bounded_by_its_margin_at_least() -> None:
    flop = nearest(PEAK_FLOP * Fraction(3, 10))
    found = estimated(seen=observed(model_flop=emitted(flop, None)), on=hosts(Fraction(1, 100)))
    assert found.tiers[0].upper_flop == at_least(Fraction(flop) * 13 / 10)


@pytest.mark.parametrize("share", [Fraction(1), HALF])
def test_what_only_made_a_signal_counts_on_the_cumulative_basis(share: Fraction) -> None:
    seen = observed(model_flop=emitted(UPDATED, share), generation_flop=Fraction(BESIDE), reference_flop=Fraction(30))
    found = estimated(seen=seen, on=hosts(Fraction(1, 10)))
    assert found.signal_flop == BESIDE + 30
    assert found.tiers[0].signal_flop == BESIDE + 30


def test_a_signal_raises_the_cautious_bound_by_its_margin() -> None:
    beside = nearest(PEAK_FLOP / 10)
    flop = nearest(PEAK_FLOP / 5)
    seen = observed(model_flop=emitted(flop), generation_flop=Fraction(beside))
    found = estimated(seen=seen)
    assert found.upper_flop == at_least(Fraction(flop) * 13 / 10)
    assert found.updates_upper_flop == found.upper_flop
    assert found.cautious_upper_flop == found.upper_flop + at_least(Fraction(beside) * 13 / 10)
    both = run_estimate.CAUTIOUS_BOUNDS(updates=found.updates_upper_flop, flop=found.cautious_upper_flop)
    assert both in found.assumptions
    elsewhere = undisclosed(NOTHING_SAID, seen)
    assert elsewhere.cautious_upper_flop == found.cautious_upper_flop
    bounded = estimated(seen=observed(model_flop=emitted(flop), generation_flop=CEILING - flop))
    assert bounded.cautious_upper_flop == bounded.ceiling_flop == CEILING


def test_where_nothing_speaks_against_a_figure_no_other_bound_is_said() -> None:
    found = estimated(seen=observed(model_flop=emitted(nearest(PEAK_FLOP / 5))))
    assert found.cautious_upper_flop == found.upper_flop
    assert run_estimate.CAUTIOUS_BOUND not in kinds(found)


def test_no_signal_of_what_is_unknown_or_no_training() -> None:
    assert undisclosed(NOTHING_SAID, observed()).signal_flop == 0
    seen = observed(model_flop=emitted(UPDATED), generation_flop=Fraction(BESIDE))
    found = estimated(Declared(activity="not-training"), seen)
    assert found.signal_flop == 0
    assert found.otherwise is not None
    assert found.otherwise.signal_flop == BESIDE


def test_a_count_that_may_be_short_is_a_doubt_where_no_hardware_bounds_it() -> None:
    by_half = Kind("short-by-half", "the count may be half")()
    seen = observed(model_flop=emitted(UPDATED), suspicions=(Suspicion(SAID_OF_COUNT), Suspicion(by_half, Fraction(2))))
    assert undisclosed(NOTHING_SAID, seen).doubts == (SAID_OF_COUNT,)
    assert estimated(seen=seen).doubts == ()
    tokens_alone = replace(seen, emitted={})
    assert undisclosed(Declared(tokens=10**6), tokens_alone, MODEL).doubts == ()


def test_a_caution_about_time_stands_beside_one_about_the_count() -> None:
    time = replace(TIME, unexplained=SECONDS)
    seen = observed(model_flop=emitted(nearest(PEAK_FLOP / 5)), suspicions=(Suspicion(SAID_OF_COUNT),))
    found = estimated(seen=seen, time=time)
    assert {cautions.BESIDE_THE_SPANS, SAID_OF_COUNT.kind} <= kinds(found)
    assert found.cautious_upper_flop == 2 * PEAK_FLOP
    assert cautions.BESIDE_THE_SPANS not in kinds(undisclosed(NOTHING_SAID, seen, time=time))


def test_rollouts_that_the_meter_did_not_see_are_bounded_by_the_hardware() -> None:
    declared, flop = Declared(technique="grpo"), nearest(PEAK_FLOP / 5)
    found = estimated(declared, observed(model_flop=emitted(flop)))
    assert only(found.assumptions, cautions.ROLLOUTS_ELSEWHERE) == cautions.ROLLOUTS_ELSEWHERE(technique="GRPO")
    assert found.cautious_upper_flop == PEAK_FLOP
    assert found.updates_upper_flop == found.upper_flop
    elsewhere = undisclosed(declared, observed(model_flop=emitted(flop)))
    assert elsewhere.cautious_upper_flop == elsewhere.upper_flop
    seen = estimated(declared, observed(model_flop=emitted(flop), generation_flop=Fraction(1000)))
    assert cautions.ROLLOUTS_ELSEWHERE not in kinds(seen)


# ----- Parameters x tokens

TOKENS = 10**9
SIX_N_D = 6 * MODEL.active * TOKENS
TAGGED = Declared(tokens=TOKENS, sequence_length=1)
AMENDED = replace(TAGGED, amended=frozenset({"tokens"}))
SHAPELESS = replace(MODEL, shape=None)


def test_each_reading_of_the_tokens_is_a_tier_and_attention_is_said_once() -> None:
    seen = observed(token_rate=emitted(5 * TOKENS // 36000, name="rate"), sample_rate=emitted(3, name="samples"))
    found = estimated(replace(TAGGED, sequence_length=2048), seen, MODEL)
    of_tag, of_rate = (tier for tier in found.tiers if tier.counts_tokens)
    per_token = Fraction(of_tag.best_flop, TOKENS)
    assert of_rate.best_flop == nearest(per_token * (5 * TOKENS // 36000) * 36000)
    share = per_token / (6 * MODEL.active) - 1
    assert [each for each in found.assumptions if each.kind is ATTENTION] == [ATTENTION(length=2048, share=share)]
    assert run_estimate.SAMPLES not in kinds(found)
    assert (
        run_estimate.SAMPLES(name="samples")
        in estimated(seen=replace(seen, emitted={"sample_rate": seen.emitted["sample_rate"]})).assumptions
    )


@pytest.mark.parametrize("trained", [10**9, 9 * 10**9])
def test_no_more_parameters_are_trained_than_are_active(trained: int) -> None:
    found = estimated(replace(TAGGED, trainable_parameters=trained, parameter_efficient=True), model=SHAPELESS)
    passes = 4 * MODEL.active + 2 * min(trained, MODEL.active)
    assert found.tiers[0].best_flop == passes * TOKENS


def test_generated_data_passes_forward_alone() -> None:
    declared = Declared(activity="synthetic-data", tokens=TOKENS)
    assert estimated(declared, model=SHAPELESS).tiers[0].best_flop == 2 * MODEL.active * TOKENS
    assert estimated(replace(declared, activity="fine-tuning"), model=SHAPELESS).tiers[0].best_flop == SIX_N_D


def test_all_parameters_by_number_are_a_full_training() -> None:
    declared = Declared(tokens=TOKENS, trainable_parameters=MODEL.total)
    found = estimated(declared, model=MODEL)
    assert found.tiers[0].basis.kind is IN_FULL
    share = Fraction(most_attention_flop(MODEL, None), 6 * MODEL.active)
    assert only(found.assumptions, cautions.LENGTH_UNKNOWN) == cautions.LENGTH_UNKNOWN(context=4096, share=share)
    said = run_estimate.SIZE_AND_TOKENS(size="a table", tokens=declared.tokens_source)
    assert said in found.assumptions


def test_a_trainer_that_counts_more_contradicts_a_full_training() -> None:
    declared = replace(TAGGED, trainable_parameters=MODEL.total)
    found = estimated(declared, observed(trainer_flop=emitted(SIX_N_D * 14 // 10)), MODEL)
    chosen, reported = found.tiers[:2]
    assert only(found.assumptions, cautions.TIERS_CONTRADICT) == cautions.TIERS_CONTRADICT(
        method="architecture",
        flop=SIX_N_D * 14 // 10,
        basis=reported.basis.words,
        upper=chosen.upper_flop,
        chosen="architecture",
    )


def test_a_trainers_figure_at_the_ceiling_contradicts_and_one_above_it_is_no_evidence() -> None:
    count = emitted(nearest(PEAK_FLOP / 5))
    at, over = (estimated(seen=observed(model_flop=count, trainer_flop=emitted(CEILING + more))) for more in (0, 1))
    assert cautions.TIERS_CONTRADICT in kinds(at)
    assert cautions.TIERS_CONTRADICT not in kinds(over)


@pytest.mark.parametrize("beside", [0, 1])
def test_a_trainers_figure_leaves_out_embeddings_where_there_is_more_than_them(beside: int) -> None:
    shape = MODEL.shape
    assert shape is not None
    total = shape.vocabulary * shape.width + beside
    found = estimated(seen=observed(trainer_flop=emitted(10**6)), model=replace(MODEL, total=total, active=total))
    assert (cautions.TRAINER_LEAVES_OUT in kinds(found)) == bool(beside)


def test_what_raises_no_bound_since_the_hardware_was_busy_for_no_more_narrows_nothing() -> None:
    declared = replace(TAGGED, epochs=Fraction(3))
    upper = estimated(declared, model=MODEL).upper_flop
    assert upper is not None
    found = estimated(declared, model=MODEL, on=hosts(upper / PEAK_FLOP))
    assert cautions.TOKENS_OF_ONE_EPOCH in kinds(found)
    assert found.cautious_upper_flop == found.upper_flop == upper
    assert found.settle == run_estimate.NARROW_COUNT()


def test_too_little_for_hardware_that_was_busy_is_said_with_its_figures() -> None:
    found = estimated(replace(TAGGED, tokens=TOKENS // 10), model=SHAPELESS, on=hosts(HALF))
    busy, flop = PEAK_FLOP / 2, SIX_N_D // 10
    lowest = found.tiers[-1].lower_flop
    assert only(found.assumptions, cautions.IMPLAUSIBLE) == cautions.IMPLAUSIBLE(
        method="architecture", flop=flop, used=flop / busy, busy=busy, lowest=lowest / busy
    )


def test_tokens_of_a_tag_may_be_those_of_one_epoch_and_a_persons_are_not() -> None:
    tagged = estimated(replace(TAGGED, epochs=Fraction(3)), model=MODEL)
    assert cautions.TOKENS_OF_ONE_EPOCH(epochs=Fraction(3)) in tagged.assumptions
    amended = estimated(replace(AMENDED, epochs=Fraction(3)), model=MODEL)
    assert cautions.TOKENS_OF_ONE_EPOCH not in kinds(amended)


def test_a_plan_contradicts_a_tag_from_over_thirty_per_cent_on() -> None:
    within = estimated(replace(TAGGED, planned_tokens=TOKENS * 13 // 10), model=MODEL)
    assert cautions.LESS_THAN_PLANNED not in kinds(within)
    over = estimated(replace(TAGGED, planned_tokens=TOKENS * 13 // 10 + 1), model=MODEL)
    assert cautions.LESS_THAN_PLANNED(said=TOKENS, planned=TOKENS * 13 // 10 + 1) in over.assumptions


def test_nothing_bounds_what_a_tag_alone_says_of_a_run_on_unknown_hardware() -> None:
    count = observed(model_flop=emitted(UPDATED), trainer_flop=emitted(10 * SIX_N_D))
    found = undisclosed(TAGGED, count, MODEL)
    by_count, by_tag, by_trainer = found.tiers
    assert (by_count.upper_flop, by_tag.upper_flop) == (UPDATED * 13 // 10, None)
    assert by_trainer.upper_flop == 13 * SIX_N_D
    assert cautions.TIERS_CONTRADICT in kinds(found)
    assert run_estimate.NOTHING_BOUNDS(what="how many tokens there were") in found.assumptions


def test_a_persons_tokens_bound_a_run_on_unknown_hardware() -> None:
    found = undisclosed(AMENDED, observed(), MODEL)
    assert found.tiers[0].upper_flop is not None
    assert run_estimate.NOTHING_BOUNDS not in kinds(found)


def test_without_a_bound_nothing_contradicts_it() -> None:
    found = undisclosed(TAGGED, observed(trainer_flop=emitted(10 * SIX_N_D)), MODEL)
    assert (found.upper_flop, found.cautious_upper_flop) == (None, None)
    assert cautions.TIERS_CONTRADICT not in kinds(found)


# ----- What "above" rests on, and what narrows a figure


def test_above_rests_on_no_more_than_other_evidence_allows() -> None:
    seen = observed(trainer_flop=emitted(SIX_N_D // 10))
    tagged = estimated(TAGGED, seen, SHAPELESS)
    firm = SIX_N_D // 10 * 13 // 10
    assert tagged.tiers[1].upper_flop == firm
    assert tagged.firm_flop == firm
    assert run_estimate.FIRM_AT_MOST(method="architecture", flop=firm) in tagged.assumptions
    assert estimated(AMENDED, seen, SHAPELESS).firm_flop == SIX_N_D


def test_hardware_alone_is_firm_to_the_least_of_published_runs_and_not_where_it_may_only_generate() -> None:
    found = estimated(model=MODEL)
    assert found.lower_flop == found.firm_flop == PEAK_FLOP / 20
    assert only(found.assumptions, run_estimate.LOWEST_OF_PUBLISHED).fact("share") == LOWEST
    assert estimated(Declared(technique="grpo"), model=MODEL).firm_flop == 0


NAMED = Declared(names=(ModelName("a", "tag"),))


@pytest.mark.parametrize(
    ("said", "seen", "model", "billed"),
    [
        (NOTHING_SAID, observed(), MODEL, None),
        (NAMED, observed(), None, None),
        (Declared(tokens=1), observed(), None, None),
        (Declared(parameters=1), observed(), None, None),
        (Declared(sequence_length=1), observed(), None, None),
        (NOTHING_SAID, observed(sample_rate=emitted(1)), None, None),
        (NOTHING_SAID, observed(training_signs=("loss",)), None, None),
        (NOTHING_SAID, observed(), None, 1),
    ],
)
def test_hardware_alone_is_firm_where_anything_says_that_a_language_model_is_trained(
    said: Declared, seen: Observations, model: ModelSize | None, billed: int | None
) -> None:
    run = replace(run_with(billed=billed), declared=said)
    assert estimate_job(run, NOTHING_SAID, seen, hosts(), model).firm_flop == PEAK_FLOP / 20
    assert estimate_job(replace(run, built_in=True), NOTHING_SAID, seen, hosts(), model).firm_flop == 0


def test_hardware_alone_is_firm_for_nothing_where_nothing_says_that_a_language_model_is_trained() -> None:
    assert estimated().firm_flop == 0


@pytest.mark.parametrize("more", [0, 1])
def test_a_count_of_more_than_the_hardware_was_busy_for_is_firm_to_what_it_did_at_least(more: int) -> None:
    busy = nearest(PEAK_FLOP / 2)
    found = estimated(seen=observed(model_flop=emitted(busy + more)), on=hosts(HALF), model=MODEL)
    assert found.firm_flop == (PEAK_FLOP / 40 if more else busy)


def test_what_has_no_remedy_is_no_advice() -> None:
    declared = Declared(technique="grpo", sequence_length=1)
    found = estimated(declared, observed(model_flop=emitted(nearest(PEAK_FLOP / 5))))
    assert cautions.ROLLOUTS_ELSEWHERE in kinds(found)
    assert found.settle == run_estimate.NARROW_COUNT()


@pytest.mark.parametrize("model", [MODEL, None], ids=["a model", "no model"])
@pytest.mark.parametrize("quantity", ["mfu", ""])
def test_who_ended_is_not_told_to_emit_or_to_tag_but_to_amend(quantity: str, model: ModelSize | None) -> None:
    seen = observed(**({quantity: Emitted(Fraction(1, 4), quantity)} if quantity else {}))
    for state, ended in (("running", False), ("ending", False), ("succeeded", True), ("stopped", True), ("gone", True)):
        found = estimate_job(run_with(state=state), NOTHING_SAID, seen, hosts(), model)
        assert found.settle is not None
        of_running = set(run_estimate.NARROWS) - {run_estimate.NARROW_ENDED}
        assert found.settle.kind not in (of_running if ended else {run_estimate.NARROW_ENDED}), state
    assert estimate_job(run_with(state="succeeded"), NOTHING_SAID, observed(), hosts(), None).settle == (
        run_estimate.NARROW_ENDED()
    )
    told = run_estimate.NARROW_ENDED().settled_by("job")
    assert told is not None
    assert told.words == AMEND.words("job")


def test_an_mfu_of_a_known_model_asks_for_tokens() -> None:
    seen = observed(mfu=Emitted(Fraction(2, 5), "mfu"))
    precise = Declared(precision="bf16")
    assert estimated(precise, seen, MODEL).settle == run_estimate.NARROW_TOKENS()
    assert estimated(precise, seen).settle == run_estimate.NARROW_TOKENS_AND_SIZE()


def test_an_mfu_of_unknown_precision_is_bounded_by_the_fastest_peak_for_the_time_it_was_busy() -> None:
    seen = replace(observed(mfu=Emitted(Fraction(2, 5), "mfu")), busy={"algo-1": HALF_BUSY})
    found = estimated(seen=seen, on=hosts(HALF))
    assert found.upper_flop == at_least(PEAK_FLOP * Fraction(52, 100))
    assert found.cautious_upper_flop == at_least(min(CEILING / 2, PEAK_FLOP * Fraction(52, 100) * CEILING / PEAK_FLOP))
    longer = estimated(seen=seen, on=hosts(HALF), time=replace(TIME, unexplained=SECONDS))
    assert {cautions.BESIDE_THE_SPANS, cautions.PEAK_OF_THE_MFU} <= kinds(longer)


# ----- Hardware


def test_runs_without_hosts_have_no_uses() -> None:
    none = hosts_of(run_with(), observed(), TABLE, data.published_utilisation())
    assert none == MeasuredHosts((), (), ())
    assert hardware_of(run_with(disclosed=False), NOTHING_SAID, none) == Hardware(
        (), False, (NOT_DISCLOSED(what="secret run"),), ()
    )
    never = replace(TIME, seconds=Fraction(0))
    assert hardware_of(run_with(never), NOTHING_SAID, none) == Hardware((), False, (NEVER_ANY(),), (), idle=True)
    assert hardware_of(run_with(), NOTHING_SAID, none) == Hardware((), False, (), (NO_HOSTS(),))


def test_a_use_is_called_by_its_instance_type() -> None:
    assert [use.name for use in hardware_of(run_with(), NOTHING_SAID, hosts()).uses] == ["ml.p5.48xlarge"]


def test_no_occupancy_is_taken_where_a_type_is_unknown_or_has_no_accelerators() -> None:
    seen, published = replace(observed(), busy={"algo-1": HALF_BUSY}), data.published_utilisation()
    mixed = replace(run_with(), hosts=(Hosts("ml.p5.48xlarge", 1), Hosts("ml.m5.xlarge", 1)))
    assert [kind.occupancy for kind in hosts_of(mixed, seen, TABLE, published).kinds] == [HALF, None]
    unknown = replace(run_with(), hosts=(Hosts("ml.p5.48xlarge", 1), Hosts("ml.none", 1)))
    found = hosts_of(unknown, seen, TABLE, published)
    assert ([kind.occupancy for kind in found.kinds], found.unknown, found.notes) == ([None], ("ml.none",), ())
