"""The tiers, each as the formula of its source, and the choice between them."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.compute.energy import energy_kwh
from flops_auditor.domain.compute.tiers import (
    Caution,
    HardwareUse,
    Tier,
    TierChoice,
    architecture_full,
    architecture_partial,
    architecture_reported,
    ceiling,
    choose,
    counted,
    doubted_by_tiers,
    hardware_alone,
    hardware_mfu,
    hardware_occupancy,
)

TERA = 10**12


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


@pytest.mark.parametrize(
    ("make", "method", "best", "upper"),
    [
        (lambda: counted(Fraction(10**19), [use()]), "counted", 10**19, 13 * 10**18),
        (lambda: architecture_full(8 * 10**9, 10**8, [use()]), "architecture", 48 * 10**17, 624 * 10**16),
        (lambda: architecture_partial(8 * 10**9, 10**8, 10**8, [use()]), "architecture", 322 * 10**16, 4186 * 10**15),
        (lambda: architecture_partial(8 * 10**9, None, 10**8, [use()]), "architecture", 32 * 10**17, 624 * 10**16),
        (lambda: architecture_partial(8 * 10**9, 0, 10**8, [use()]), "architecture", 32 * 10**17, 416 * 10**16),
        (lambda: architecture_reported(Fraction(10**19), "total_flos", [use()]), "architecture", 10**19, 13 * 10**18),
        (lambda: hardware_mfu([use()], Fraction(2, 5)), "hardware + MFU", NLH * 2 // 5, NLH * 13 // 25),
        (lambda: hardware_mfu([use(bound=1978)], Fraction(2, 5)), "hardware + MFU", NLH * 2 // 5, NLH * 26 // 25),
        (lambda: hardware_occupancy([use(busy=Fraction(9, 10))]), "hardware + occupancy", NLH // 2, NLH * 9 // 10),
        (lambda: hardware_occupancy([use(busy=Fraction(3, 10))]), "hardware + occupancy", NLH * 3 // 10, NLH * 3 // 10),
        (lambda: hardware_occupancy([use(busy=Fraction(1, 2), bound=1978)]), "hardware + occupancy", NLH // 2, NLH),
        (lambda: hardware_occupancy([use()]), "hardware + occupancy", NLH // 2, NLH),
        (lambda: hardware_alone([use()]), "hardware", NLH // 2, NLH),
        (lambda: hardware_alone([use(bound=1978)]), "hardware", NLH // 2, 2 * NLH),
        (lambda: hardware_alone([]), "hardware", 0, 0),
    ],
)
def test_each_tier_is_its_formula(make: Callable[[], Tier], method: str, best: int, upper: int) -> None:
    """Best estimate by formula; upper 30 % more (Annex A.2), or N L H x occupancy where utilisation is not known."""
    tier = make()
    assert (tier.method, tier.best_flop, tier.upper_flop) == (method, best, upper)
    assert tier.implied_utilisation == (Fraction(best, NLH) if best else None)
    assert tier.counts_tokens is (method == "architecture" and "reported" not in tier.basis)


@pytest.mark.parametrize(
    ("make", "basis"),
    [
        (lambda: counted(Fraction(10**19), []), "1.00e19 FLOP counted in the container"),
        (lambda: architecture_full(8 * 10**9, 10**8, []), "6 x 8.00e9 parameters x 1.00e8 tokens"),
        (
            lambda: architecture_partial(8 * 10**9, 10**7, 10**8, []),
            "(4 x 8.00e9 + 2 x 1.00e7 trainable) x 1.00e8 tokens",
        ),
        (
            lambda: architecture_partial(8 * 10**9, None, 10**8, []),
            "(4 x 8.00e9 + 2 x an unknown number of trainable) x 1.00e8 tokens",
        ),
        (
            lambda: architecture_reported(Fraction(10**19), "total_flos", []),
            "1.00e19 FLOP reported by the trainer as total_flos",
        ),
        (lambda: hardware_mfu([use()], Fraction(2, 5)), "N L H x MFU 0.4"),
        (lambda: hardware_occupancy([use()]), "N L H x min(occupancy, 0.5), at most N L H x occupancy"),
        (lambda: hardware_alone([use()]), "N L H x 0.5, at most N L H"),
    ],
)
def test_each_tier_says_what_it_rests_on(make: Callable[[], Tier], basis: str) -> None:
    assert make().basis == basis


def test_without_hardware_nothing_caps_and_no_utilisation_is_implied() -> None:
    tier = counted(Fraction(10**30), [])
    assert tier.upper_flop == 13 * 10**29
    assert tier.implied_utilisation is None
    assert hardware_alone([use(seconds=0)]).implied_utilisation is None


def test_the_upper_bound_is_at_most_the_ceiling() -> None:
    assert counted(Fraction(CEILING - 1), [use()]).upper_flop == CEILING
    assert architecture_partial(10**9, None, 10**12, [use()]).upper_flop == CEILING


def test_unlike_hardware_is_summed_never_averaged() -> None:
    both = [use(busy=Fraction(1, 10)), use(units=1, peak=70, busy=Fraction(1))]
    tier = hardware_occupancy(both)
    assert tier.best_flop == NLH // 10 + 3600 * 70 * TERA // 2
    assert tier.upper_flop == NLH // 10 + 3600 * 70 * TERA


def tier(method: str, best: int, upper: int | None = None) -> Tier:
    return Tier(method, best, best * 13 // 10 if upper is None else upper, "basis")  # type: ignore[arg-type]


def test_the_first_tier_that_the_hardware_could_have_done_counts() -> None:
    high, fits, low = tier("counted", 101), tier("architecture", 100), tier("hardware", 50)
    choice = choose([high, fits, low], 100)
    assert choice.chosen is fits
    assert choice.known == (high, fits, low)
    assert choice.contradictions == (
        "contradictory evidence: counted gives 1.01e2 FLOP (basis), more than the hardware could do (1.00e2); "
        "the next tier counts",
    )
    assert choose([high, fits], None) == TierChoice(high, (high, fits), ())
    assert choose([high], 100).chosen is None
    assert choose([], 100) == TierChoice(None, (), ())


def cautions(known: list[Tier], limit: int | None = None, overcounted: Fraction = Fraction(1)) -> tuple[Caution, ...]:
    return doubted_by_tiers(choose(known, limit), limit, overcounted)


def test_a_lower_tier_over_the_chosen_bound_contradicts_it() -> None:
    chosen = tier("architecture", 100)
    assert cautions([chosen, tier("hardware + MFU", 130)]) == ()
    found = cautions([chosen, tier("hardware + MFU", 131)])
    assert [c.flop for c in found] == [170]
    assert "contradictory evidence: hardware + MFU gives 1.31e2 FLOP (basis)" in found[0].reason
    assert "more than the upper bound 1.30e2 of architecture" in found[0].reason


def test_a_better_tier_that_was_refused_does_not_contradict_again() -> None:
    assert cautions([tier("counted", 900), tier("architecture", 100)], 800) == ()
    assert cautions([tier("architecture", 100), tier("hardware + MFU", 801)], 800) == ()
    assert len(cautions([tier("architecture", 100), tier("hardware + MFU", 800)], 800)) == 1


def test_a_known_overcount_is_no_contradiction() -> None:
    known = [tier("architecture", 100), tier("architecture", 195)]
    assert cautions(known, None, Fraction(3, 2)) == ()
    assert len(cautions(known, None, Fraction(149, 100))) == 1


@pytest.mark.parametrize("method", ["hardware", "hardware + occupancy"])
def test_less_than_a_hundredth_of_what_the_hardware_was_busy_for_is_doubted(method: str) -> None:
    bound = tier(method, 50_000, 100_000)
    assert cautions([tier("architecture", 1000), bound]) == ()
    found = cautions([tier("architecture", 999), bound])
    assert [c.flop for c in found] == [100_000]
    assert "less than a hundredth" in found[0].reason
    assert "9.99e2 of 1.00e5 FLOP" in found[0].reason


def test_nothing_chosen_nothing_doubted() -> None:
    assert cautions([]) == ()


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


def tiers(uses: list[HardwareUse], share: Fraction, flop: int) -> list[Tier]:
    return [
        counted(Fraction(flop), uses),
        architecture_full(flop % 10**12 + 1, 10**6, uses),
        architecture_partial(flop % 10**12 + 1, None, 10**6, uses),
        hardware_mfu(uses, share),
        hardware_occupancy(uses),
        hardware_alone(uses),
    ]


@given(USES, SHARE, st.integers(0, 10**26))
def test_best_upper_and_ceiling_are_in_order(uses: list[HardwareUse], share: Fraction, flop: int) -> None:
    """C = N x L x H x U with U at most 1: no figure may exceed what the hardware could do."""
    limit = ceiling(uses)
    assert limit is not None
    for known in tiers(uses, share, flop):
        chosen = choose([known], limit).chosen
        if chosen is not None:
            assert 0 <= chosen.best_flop <= chosen.upper_flop <= limit
        assert known.upper_flop <= limit


@given(UNITS, SECONDS, st.integers(1, 1000), SHARE)
def test_figures_scale_with_units_and_with_time(units: int, seconds: int, times: int, share: Fraction) -> None:
    """Annex A.2: C is proportional to N and to L."""
    for one, more in (
        (use(units, seconds), use(units * times, seconds)),
        (use(units, seconds), use(units, seconds * times)),
    ):
        assert hardware_alone([more]).upper_flop == times * hardware_alone([one]).upper_flop
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
    assert low.upper_flop <= high.upper_flop <= hardware_alone([use()]).upper_flop


@given(st.integers(1, 10**12), st.integers(1, 10**14), st.integers(0, 10**12))
def test_partial_training_costs_two_thirds_to_all_of_full(parameters: int, tokens: int, trainable: int) -> None:
    """(4 N + 2 N_trainable) x tokens lies between 4 N D and 6 N D."""
    full = architecture_full(parameters, tokens, []).best_flop
    part = architecture_partial(parameters, min(trainable, parameters), tokens, []).best_flop
    assert 2 * full <= 3 * part <= 3 * full
    assert architecture_partial(parameters, parameters, tokens, []).best_flop == full == 6 * parameters * tokens
