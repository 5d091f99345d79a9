"""Readings before the end: each counts, the interval is wider, and the last one pays for those before it."""

import math
from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.special import ndtr

from winback.lift.boundaries import Floats
from winback.lift.interim import LookTaken, take_look

DAY = date(2026, 1, 31)


def a_look(share: float, *, earlier: list[LookTaken] | None = None, day: int = 59) -> LookTaken | None:
    """The look when ``share`` of 10,000 have come back, half of them being expected by day 60, the end."""
    return take_look(
        through=DAY, day=day, days=60, n=10_000, back=round(10_000 * share), expected_share=0.5,
        earlier=earlier or [],
    )  # fmt: skip


def test_one_look_at_half_the_information_is_at_the_published_boundary():
    """A quarter back of two fifths expected: odds 1/3 of 2/3. O'Brien-Fleming, two looks: 2.9626, then 1.9686."""
    first = take_look(through=DAY, day=45, days=60, n=3_000, back=750, expected_share=0.4, earlier=[])
    last = take_look(through=DAY, day=60, days=60, n=3_000, back=1_200, expected_share=0.5, earlier=[first])

    assert (first.information, first.fraction) == pytest.approx((1 / 3, 0.5))
    assert first.boundary == pytest.approx(2.9626, abs=5e-5)
    assert last.boundary == pytest.approx(1.9686, abs=5e-5)


def test_a_reading_that_nobody_looked_before_keeps_its_95_percent():
    assert a_look(0.5, day=60) is None


@pytest.mark.parametrize("back", [0, 10_000])
def test_nobody_back_or_everybody_is_no_look(back: int):
    assert take_look(through=DAY, day=9, days=60, n=10_000, back=back, expected_share=0.5, earlier=[]) is None


def test_a_last_reading_at_which_everybody_is_back_pays_for_the_looks_before_it_too():
    """Money is judged then; the look at .9 has spent .0435."""
    early = a_look(0.9)

    last = a_look(1, earlier=[early], day=60)

    share = early.information / last.information  # 9 of 19,999
    assert crossed_by_chance(early.boundary, last.boundary, share) == pytest.approx(0.05, abs=1e-4)
    assert last.boundary > 2.5


def test_the_same_data_read_again_are_one_look():
    first = a_look(0.2)

    again = a_look(0.2, earlier=[first])

    assert again.boundary == first.boundary


def test_more_coming_back_than_expected_leaves_something_to_spend_at_the_end():
    """The early one has spent .0435 of .05, and its information is half of what there is in the end."""
    early = a_look(0.9)

    assert 0.9 < early.fraction <= 0.99
    last = a_look(0.95, earlier=[early], day=60)
    assert last.fraction == 1
    assert crossed_by_chance(early.boundary, last.boundary, 9 / 19) == pytest.approx(0.05)
    assert 2.5 < last.boundary < 3


def test_an_early_look_is_charged_what_it_spent_not_what_its_share_became():
    """Judged at half the information, 2.9626, which turns out to be .5767 of it; charged anew it would be 1.9775.

    Lan and DeMets: the look has spent .0031, so that .0469 are left: 1.966, by a bivariate normal of its own.
    """
    first = take_look(through=DAY, day=45, days=60, n=3_000, back=750, expected_share=0.4, earlier=[])

    last = take_look(through=DAY, day=60, days=60, n=30_000, back=10_988, expected_share=0.5, earlier=[first])

    assert first.information / last.information == pytest.approx(0.5767, abs=5e-4)
    assert crossed_by_chance(first.boundary, last.boundary, first.information / last.information) == pytest.approx(
        0.05
    )
    assert last.boundary == pytest.approx(1.966, abs=5e-4)


def test_a_look_at_which_nothing_is_left_to_spend_claims_nothing_and_costs_nothing():
    """Half back by day 30 promises 3/4 (odds 1 of 3 in the end); a rush to .7 a day later .9 (2.3 of 9.3)."""
    first = a_look(0.5, day=30)
    rush = a_look(0.7, earlier=[first], day=31)

    assert rush.fraction < first.fraction
    assert rush.boundary > 36
    last = a_look(0.8, earlier=[first, rush], day=60)
    assert last.boundary == pytest.approx(a_look(0.8, earlier=[first], day=60).boundary)


def test_less_data_than_were_looked_at_before_claim_nothing():
    """Whoever has seen the data through a later day cannot look at an earlier one as if he had not."""
    later = a_look(0.3, day=40)

    assert a_look(0.2, earlier=[later], day=20).boundary > 36


def test_orders_taken_back_before_the_last_reading_leave_a_last_reading():
    last = a_look(0.3, earlier=[a_look(0.2), a_look(0.35)], day=60)

    assert last.fraction == 1
    assert last.boundary == pytest.approx(1.96, abs=0.005)


def crossed_by_chance(first: float, second: float, share: float) -> float:
    """Of nothing, the chance that either of two looks is beyond its boundary; ``share``: information of the first.

    1 - the integral of phi(x) P(|z2| < second | z1 = x) over |x| < first, by the midpoint rule.
    """
    steps = 200_000
    x = -first + (np.arange(steps) + 0.5) * 2 * first / steps
    mean, spread = x * math.sqrt(share), math.sqrt(1 - share)
    inside = ndtr((second - mean) / spread) - ndtr((-second - mean) / spread)
    return 1 - float((np.exp(-x * x / 2) * inside).sum()) * 2 * first / steps / math.sqrt(2 * math.pi)


def test_every_look_widens_those_after_it():
    looks: list[LookTaken] = []
    for share in (0.1, 0.2, 0.3, 0.4):
        looks.append(a_look(share, earlier=looks))

    last = a_look(0.5, earlier=looks, day=60)

    assert last.boundary > 1.96
    assert [look.boundary for look in looks] == sorted((look.boundary for look in looks), reverse=True)


# Cumulative shares back by each of 28 days, 30 % in the end, and the share that was expected.
DAYS, BACK, HELD, TREATED, RUNS = 28, 0.3, 400, 1_600, 20_000
PROGRESS = np.arange(1, DAYS + 1) / DAYS
ARRIVALS = {
    "as expected": (PROGRESS, 0.3),
    "a third too low": (PROGRESS, 0.2),
    "a half too high": (PROGRESS, 0.45),
    "a rush in the last week that nobody expected": (np.interp(PROGRESS, [0, 0.75, 1], [0, 0.2, 1]), 0.06),
    "most of it at once and then hardly any": (1 - (1 - PROGRESS) ** 4, 0.6),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ARRIVALS)
def test_twenty_eight_looks_claim_something_in_5_percent_of_campaigns_without_effect(case):
    """By the looks that the rules take; naive ones claim > 20 %. Three errors of a share of 5 % are .0046."""
    progress, expected = ARRIVALS[case]
    looks = _looks(progress * BACK, expected)
    z_values = _campaigns_without_effect(progress)

    crossed = (np.abs(z_values) > [look.boundary for look in looks]).any(axis=1).mean()

    assert crossed <= 0.0546
    assert (np.abs(z_values) > 1.96).any(axis=1).mean() > 0.2


def test_a_rush_brings_more_information_than_the_looks_reckoned_with_and_a_lull_less():
    """The look a week before the end: its share of the information as judged, over what it was in the end."""
    judged = {case: _looks(progress * BACK, expected)[20] for case, (progress, expected) in ARRIVALS.items()}

    found = {case: look.fraction / (look.information / (BACK / (1 - BACK))) for case, look in judged.items()}
    assert found["a rush in the last week that nobody expected"] > 4
    assert found["most of it at once and then hardly any"] < 0.35


def _looks(shares: Iterable[float], expected: float) -> list[LookTaken]:
    """Of a thousand times the customers, so that the pooled shares are those there are on average."""
    looks: list[LookTaken] = []
    for day, share in enumerate(shares, 1):
        look = take_look(
            through=DAY + timedelta(days=day), day=day, days=DAYS, n=2_000_000, back=round(2_000_000 * share),
            expected_share=expected, earlier=looks,
        )  # fmt: skip
        assert look is not None
        looks.append(look)
    return looks


def _campaigns_without_effect(progress: Floats) -> Floats:
    """z of the pooled test, a row per campaign and a column per day."""
    dice = np.random.default_rng(3)
    chances = [*np.diff(progress, prepend=0.0) * BACK, 1 - BACK]
    treated, held = (np.cumsum(dice.multinomial(n, chances, size=RUNS)[:, :DAYS], axis=1) for n in (TREATED, HELD))
    pooled = (treated + held) / (TREATED + HELD)
    error = np.sqrt(pooled * (1 - pooled) * (1 / TREATED + 1 / HELD))
    difference = treated / TREATED - held / HELD
    return np.divide(difference, error, out=np.zeros_like(error), where=error > 0)
