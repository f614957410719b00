"""The tiers, each as the formula of its source, and the choice between them."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.compute.architecture import ALL, architecture
from flops_auditor.domain.compute.attention import attention_flop
from flops_auditor.domain.compute.energy import energy_kwh
from flops_auditor.domain.compute.run_tokens import Tokens
from flops_auditor.domain.compute.tiers import (
    HardwareUse,
    Measured,
    Method,
    Tier,
    TierChoice,
    ceiling,
    choose,
    counted,
    hardware_mfu,
    hardware_occupancy,
    reported,
)
from flops_auditor.domain.runs.model_size import ModelShape, ModelSize
from flops_auditor.domain.values.remarks import Kind

TERA = 10**12
LOWEST = Fraction(1, 20)
SHAPE = ModelShape(32, 4096, 32, 8, 128, 128256, False, 131072)


def use(
    units: int = 8,
    seconds: int = 3600,
    peak: int = 989,
    ceiling_peak: int = 1979,
    busy: Fraction | None = None,
    bound: int | None = None,
) -> HardwareUse:
    bound_peak = None if bound is None else Fraction(bound * TERA)
    return HardwareUse(
        "x",
        Fraction(units),
        Fraction(seconds),
        Fraction(peak * TERA),
        Fraction(ceiling_peak * TERA),
        busy,
        Fraction(700),
        bound_peak,
        LOWEST,
    )


NLH = 8 * 3600 * 989 * TERA
CEILING = 8 * 3600 * 1979 * TERA


def test_n_l_h() -> None:
    """Guidelines, Annex A.2: C = N x L x H x U."""
    assert use().unit_seconds == 28800
    assert use().peak_flop == NLH
    assert use().most_flop == NLH
    assert use(bound=1000).most_flop == 8 * 3600 * 1000 * TERA
    assert use(bound=1).most_flop == NLH


def test_the_ceiling_is_the_sum_over_unlike_hardware_at_its_highest_peak() -> None:
    assert ceiling([]) is None
    assert ceiling([use()]) == CEILING
    assert ceiling([use(), use(units=1, ceiling_peak=70)]) == CEILING + 3600 * 70 * TERA


def by_parameters(
    parameters: int,
    trainable: int | None,
    tokens: int,
    hardware: list[HardwareUse],
    length: int | None = None,
    share: Fraction | None = Fraction(1),
) -> Tier:
    model = ModelSize(parameters, parameters, "a test", shape=SHAPE)
    return architecture(model, trainable, Tokens(tokens, "x", share, tokens, tokens), length, hardware)[0]


def flop(amount: int) -> Measured:
    return Measured(Fraction(amount))


@pytest.mark.parametrize(
    ("make", "method", "lower", "best", "upper"),
    [
        (lambda: counted(flop(10**19), [use()]), "counted", 7 * 10**18, 10**19, 13 * 10**18),
        (
            lambda: by_parameters(8 * 10**9, ALL, 10**8, [use()]),
            "architecture",
            336 * 10**16,
            48 * 10**17,
            624 * 10**16,
        ),
        (
            lambda: by_parameters(8 * 10**9, 10**8, 10**8, [use()]),
            "architecture",
            2254 * 10**15,
            322 * 10**16,
            4186 * 10**15,
        ),
        (
            lambda: by_parameters(8 * 10**9, None, 10**8, [use()]),
            "architecture",
            224 * 10**16,
            32 * 10**17,
            624 * 10**16,
        ),
        (
            lambda: by_parameters(8 * 10**9, 0, 10**8, [use()]),
            "architecture",
            224 * 10**16,
            32 * 10**17,
            416 * 10**16,
        ),
        (lambda: reported(flop(10**19), "total_flos", [use()]), "architecture", 7 * 10**18, 10**19, 13 * 10**18),
        (lambda: hardware_mfu([use()], Fraction(2, 5)), "hardware + MFU", NLH * 7 // 25, NLH * 2 // 5, NLH * 13 // 25),
        (
            lambda: hardware_mfu([use(bound=1978)], Fraction(2, 5)),
            "hardware + MFU",
            NLH * 7 // 25,
            NLH * 2 // 5,
            NLH * 26 // 25,
        ),
        (
            lambda: hardware_occupancy([use(busy=Fraction(9, 10))]),
            "hardware + occupancy",
            NLH * 9 // 200,
            NLH // 2,
            NLH * 9 // 10,
        ),
        (
            lambda: hardware_occupancy([use(busy=Fraction(3, 10))]),
            "hardware + occupancy",
            NLH * 3 // 200,
            NLH * 3 // 10,
            NLH * 3 // 10,
        ),
        (
            lambda: hardware_occupancy([use(busy=Fraction(1, 2), bound=1978)]),
            "hardware + occupancy",
            NLH // 40,
            NLH // 2,
            NLH,
        ),
        (lambda: hardware_occupancy([use()]), "hardware", NLH // 20, NLH // 2, NLH),
        (lambda: hardware_occupancy([use(bound=1978)]), "hardware", NLH // 20, NLH // 2, 2 * NLH),
        (lambda: hardware_occupancy([]), "hardware", 0, 0, 0),
    ],
)
def test_each_tier_is_its_formula(make: Callable[[], Tier], method: str, lower: int, best: int, upper: int) -> None:
    """Best estimate by formula, 30 % to either side (Annex A.2); or N L H x occupancy, times 1 and the lowest published
    utilisation, where utilisation is not known.
    """
    tier = make()
    assert (tier.method, tier.lower_flop, tier.best_flop, tier.upper_flop) == (method, lower, best, upper)
    assert tier.implied_utilisation == (Fraction(best, NLH) if best else None)
    assert tier.counts_tokens is (method == "architecture" and "reported" not in tier.basis.words)
    assert tier.firm_flop == (lower if method in {"hardware", "hardware + occupancy"} else best)


@pytest.mark.parametrize(
    ("make", "basis"),
    [
        (lambda: counted(flop(10**19), []), "1.00e19 FLOP counted in the container, in 100 % of the training time"),
        (lambda: by_parameters(8 * 10**9, ALL, 10**8, []), "6 x 8.00e9 parameters x 1.00e8 tokens"),
        (
            lambda: by_parameters(8 * 10**9, 10**7, 10**8, []),
            "(4 x 8.00e9 + 2 x 1.00e7 trainable) x 1.00e8 tokens",
        ),
        (
            lambda: by_parameters(8 * 10**9, None, 10**8, []),
            "(4 x 8.00e9 + 2 x an unknown number of trainable) x 1.00e8 tokens",
        ),
        (lambda: reported(flop(10**19), "total_flos", []), "1.00e19 FLOP reported by the trainer as 'total_flos'"),
        (lambda: hardware_mfu([use()], Fraction(2, 5)), "N L H x MFU 0.4"),
        (
            lambda: hardware_occupancy([use(busy=Fraction(1, 2))]),
            "N L H x min(occupancy, 0.5), at most N L H x occupancy",
        ),
        (lambda: hardware_occupancy([use()]), "N L H x 0.5, at most N L H"),
    ],
)
def test_each_tier_says_what_it_rests_on(make: Callable[[], Tier], basis: str) -> None:
    assert make().basis.words == basis


def test_attention_over_the_context_comes_on_top() -> None:
    """PaLM (arXiv:2204.02311, appendix B): 6 N + 12 L H Q T per token, whatever part of the parameters is trained."""
    assert attention_flop(SHAPE.attended, 8192) == 12 * 32 * 32 * 128 * 8192
    full = by_parameters(8 * 10**9, ALL, 10**6, [], 8192)
    adapters = by_parameters(8 * 10**9, None, 10**6, [], 8192)
    assert full.best_flop == (48 * 10**9 + 12 * 32 * 4096 * 8192) * 10**6
    assert adapters.best_flop == (32 * 10**9 + 12 * 32 * 4096 * 8192) * 10**6
    assert full.firm_flop == 48 * 10**15, "above rests on no length of sequences"
    model, tokens = ModelSize(8 * 10**9, 8 * 10**9, "x", shape=SHAPE), Tokens(1, "x", least=1, most=1)
    said = architecture(model, ALL, tokens, 8192, [])[1]
    assert "8192 tokens of context adds 26.8 %" in said[0].words
    assert "half of that" in said[0].words


def test_without_hardware_nothing_caps_and_no_utilisation_is_implied() -> None:
    tier = counted(flop(10**30), [])
    assert tier.upper_flop == 13 * 10**29
    assert tier.implied_utilisation is None
    assert hardware_occupancy([use(seconds=0)]).implied_utilisation is None


def test_the_upper_bound_is_at_most_the_ceiling() -> None:
    assert counted(flop(CEILING - 1), [use()]).upper_flop == CEILING
    assert by_parameters(10**9, None, 10**12, [use()]).upper_flop == CEILING


# ----- What was measured in a part of the training time


def test_the_rest_of_the_time_counts_at_the_hardware_bound() -> None:
    """Counted in 40 % of the time: the other 60 % may have been fully busy."""
    tier = counted(Measured(Fraction(NLH, 10), Fraction(2, 5)), [use()])
    assert tier.best_flop == NLH // 4, "had it gone on alike"
    assert tier.upper_flop == NLH * 13 // 100 + NLH * 6 // 10
    assert (tier.lower_flop, tier.firm_flop) == (NLH * 7 // 100, NLH // 10)
    idle = counted(Measured(Fraction(NLH, 10), Fraction(2, 5)), [use(busy=Fraction(1, 2))])
    assert idle.upper_flop == NLH * 13 // 100 + NLH // 2, "all that it was busy may lie in the rest"
    unbounded = counted(Measured(Fraction(10**20), Fraction(2, 5)), [])
    assert (unbounded.best_flop, unbounded.upper_flop, unbounded.firm_flop) == (25 * 10**19, None, 10**20)


def test_the_rest_goes_on_at_half_of_the_peak_at_most() -> None:
    tier = counted(Measured(Fraction(NLH, 100), Fraction(1, 1000)), [use()])
    assert tier.best_flop == NLH // 100 + NLH * 999 // 2000 or abs(tier.best_flop - NLH * 0.5095) < NLH * 0.001


def test_of_what_nobody_knows_when_it_held_the_bounds_are_those_of_the_hardware() -> None:
    tier = hardware_mfu([use(busy=Fraction(4, 5))], Fraction(2, 5), None)
    assert (tier.best_flop, tier.upper_flop) == (NLH * 2 // 5, NLH * 4 // 5)
    assert tier.lower_flop == tier.firm_flop == NLH // 25
    count = counted(Measured(Fraction(NLH, 10), None), [use()])
    assert (count.best_flop, count.upper_flop, count.firm_flop) == (NLH // 10, NLH, NLH // 10)
    assert counted(Measured(Fraction(10), None), []).upper_flop is None


def test_bounds_of_a_count_that_may_be_repeated_or_restarted() -> None:
    tier = counted(Measured(Fraction(4000), least=Fraction(1000), most=Fraction(5000)), [])
    assert (tier.lower_flop, tier.firm_flop, tier.best_flop, tier.upper_flop) == (700, 1000, 4000, 6500)


@given(st.fractions(0, 1), st.fractions(0, 1), st.fractions(0, 1))
def test_less_coverage_never_bounds_more_tightly(utilisation: Fraction, one: Fraction, other: Fraction) -> None:
    """Whoever stops emitting is not released by that."""
    small, large = sorted((one, other))
    partly, mostly = (hardware_mfu([use()], utilisation, share) for share in (small, large))
    assert (partly.upper_flop or 0) >= min(mostly.upper_flop or 0, NLH) - 1
    assert partly.firm_flop <= mostly.firm_flop
    assert partly.best_flop <= (partly.upper_flop or 0)


def test_unlike_hardware_is_summed_never_averaged() -> None:
    both = [use(busy=Fraction(1, 10)), use(units=1, peak=70, busy=Fraction(1))]
    tier = hardware_occupancy(both)
    assert tier.best_flop == NLH // 10 + 3600 * 70 * TERA // 2
    assert tier.upper_flop == NLH // 10 + 3600 * 70 * TERA


BASIS = Kind("basis", "basis")


def tier(method: Method, best: int) -> Tier:
    return Tier(method, best * 7 // 10, best, best * 13 // 10, best, BASIS())


def test_the_first_tier_that_the_hardware_could_have_done_counts() -> None:
    high, fits, low = tier("counted", 101), tier("architecture", 100), tier("hardware", 50)
    choice = choose([high, fits, low], 100)
    assert choice.chosen is fits
    assert choice.known == (high, fits, low)
    assert [each.words for each in choice.contradictions] == [
        "contradictory evidence: counted gives 1.01e2 FLOP (basis), more than the hardware could do (1.00e2); "
        "the next tier counts",
    ]
    assert choose([high, fits], None) == TierChoice(high, (high, fits), ())
    assert choose([high], 100).chosen is None
    assert choose([], 100) == TierChoice(None, (), ())


def test_energy_is_power_times_time() -> None:
    """Annex XI, section 1, point 2(e): 8 units of 700 W for one hour are 5.6 kWh."""
    assert energy_kwh([use()]) == Fraction(56, 10)
    assert energy_kwh([use(), use(units=1)]) == Fraction(63, 10)
    assert energy_kwh([]) is None


UNITS, SECONDS, PEAK = st.integers(0, 4096), st.integers(0, 10**7), st.integers(1, 4000)
SHARE = st.fractions(0, 1, max_denominator=1000)
USES = st.lists(
    st.builds(
        lambda units, seconds, peak, more, busy: use(units, seconds, peak, peak + more, busy),
        UNITS, SECONDS, PEAK, st.integers(0, 4000), st.none() | SHARE,
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip


def tiers(uses: list[HardwareUse], share: Fraction, amount: int) -> list[Tier]:
    return [
        counted(flop(amount), uses),
        counted(Measured(Fraction(amount), share), uses),
        by_parameters(amount % 10**12 + 1, ALL, 10**6, uses),
        by_parameters(amount % 10**12 + 1, None, 10**6, uses, 8192, share),
        hardware_mfu(uses, share),
        hardware_mfu(uses, share, share),
        hardware_mfu(uses, share, None),
        hardware_occupancy(uses),
    ]


@given(USES, SHARE, st.integers(0, 10**26))
def test_best_upper_and_ceiling_are_in_order(uses: list[HardwareUse], share: Fraction, amount: int) -> None:
    """C = N x L x H x U with U at most 1: no figure may exceed what the hardware could do."""
    limit = ceiling(uses)
    assert limit is not None
    for known in tiers(uses, share, amount):
        chosen = choose([known], limit).chosen
        upper = known.upper_flop
        assert upper is not None and upper <= limit
        if chosen is not None:
            assert 0 <= chosen.lower_flop <= chosen.best_flop <= upper
            assert chosen.lower_flop <= chosen.firm_flop <= chosen.best_flop + 1


@given(UNITS, SECONDS, st.integers(1, 1000), SHARE)
def test_figures_scale_with_units_and_with_time(units: int, seconds: int, times: int, share: Fraction) -> None:
    """Annex A.2: C is proportional to N and to L."""
    for one, more in (
        (use(units, seconds), use(units * times, seconds)),
        (use(units, seconds), use(units, seconds * times)),
    ):
        assert hardware_occupancy([more]).upper_flop == times * (hardware_occupancy([one]).upper_flop or 0)
        assert ceiling([more]) == times * (ceiling([one]) or 0)
        small, large = hardware_mfu([one], share), hardware_mfu([more], share)
        assert abs(large.best_flop - times * small.best_flop) <= times


@given(st.permutations([0, 1, 2]), USES.filter(lambda uses: len(uses) >= 3), SHARE)
def test_the_order_of_hardware_does_not_matter(order: list[int], uses: list[HardwareUse], share: Fraction) -> None:
    """Annex A.2: summed over periods and kinds."""
    shuffled = [uses[i] for i in order] + uses[3:]
    assert tiers(shuffled, share, 10**18) == tiers(uses, share, 10**18)


@given(SHARE, SHARE)
def test_more_occupancy_never_means_less(one: Fraction, other: Fraction) -> None:
    """Occupancy bounds utilisation from above (docs/methodology.md, section 4)."""
    low, high = (hardware_occupancy([use(busy=busy)]) for busy in sorted((one, other)))
    assert low.best_flop <= high.best_flop
    assert low.lower_flop <= high.lower_flop
    assert (low.upper_flop or 0) <= (high.upper_flop or 0) <= NLH


@given(st.integers(1, 10**12), st.integers(1, 10**14), st.integers(0, 10**12))
def test_partial_training_costs_two_thirds_to_all_of_full(parameters: int, tokens: int, trainable: int) -> None:
    """(4 N + 2 N_trainable) x tokens lies between 4 N D and 6 N D."""
    full = by_parameters(parameters, ALL, tokens, []).best_flop
    part = by_parameters(parameters, min(trainable, parameters), tokens, []).best_flop
    assert 2 * full <= 3 * part <= 3 * full
    assert by_parameters(parameters, parameters, tokens, []).best_flop == full == 6 * parameters * tokens
