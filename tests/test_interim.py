"""Readings before the end: each counts, the interval is wider, and the last one pays for those before it."""

import math
import random
from datetime import date, timedelta

import pytest

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


def test_the_same_data_read_again_are_one_look():
    first = a_look(0.2)

    again = a_look(0.2, earlier=[first])

    assert again.boundary == first.boundary


def test_more_coming_back_than_expected_leaves_something_to_spend_at_the_end():
    early = a_look(0.9)

    assert 0.9 < early.fraction <= 0.99
    last = a_look(0.95, earlier=[early], day=60)
    assert last.fraction == 1
    assert last.boundary < 2.5


def test_every_look_widens_those_after_it():
    looks: list[LookTaken] = []
    for share in (0.1, 0.2, 0.3, 0.4):
        looks.append(a_look(share, earlier=looks))

    last = a_look(0.5, earlier=looks, day=60)

    assert last.boundary > 1.96
    assert [look.boundary for look in looks] == sorted((look.boundary for look in looks), reverse=True)


@pytest.mark.slow
def test_twenty_eight_looks_claim_something_in_6_percent_of_campaigns_without_effect_at_most():
    """400 + 1,600 customers, 30 % back in the end, expected right or wrong by half; naive looks claim > 20 %.

    4,000 campaigns by the rules' own looks; the error of a share of 5 % is .35 points, so .06 is 3 of them.
    """
    dice, held, treated, campaigns, days = random.Random(3), 400, 1_600, 4_000, 28
    crossed = dict.fromkeys((0.2, 0.3, 0.45), 0)
    naive = 0
    boundaries = {expected: _boundaries(expected, held + treated, days) for expected in crossed}

    for _ in range(campaigns):
        z_values = [_z(*counts) for counts in _daily(dice, held, treated, days)]
        naive += any(abs(z) > 1.96 for z in z_values)
        for expected, limits in boundaries.items():
            crossed[expected] += any(abs(z) > limit for z, limit in zip(z_values, limits, strict=True))

    assert naive / campaigns > 0.2
    assert {expected: share / campaigns <= 0.06 for expected, share in crossed.items()} == dict.fromkeys(
        crossed, True
    )


def _boundaries(expected: float, n: int, days: int) -> list[float]:
    """At the pooled shares there are on average: 30 % by the last day, evenly."""
    looks: list[LookTaken] = []
    for day in range(1, days + 1):
        look = take_look(
            through=DAY + timedelta(days=day), day=day, days=days, n=n, back=round(n * 0.3 * day / days),
            expected_share=expected, earlier=looks,
        )  # fmt: skip
        assert look is not None
        looks.append(look)
    return [look.boundary for look in looks]


def _daily(dice: random.Random, held: int, treated: int, days: int) -> list[tuple[int, int, int, int]]:
    back = {"held": [0] * (days + 1), "treated": [0] * (days + 1)}
    for arm, n in (("held", held), ("treated", treated)):
        for _ in range(n):
            if (moment := dice.random()) < 0.3:
                back[arm][1 + int(moment / 0.3 * days)] += 1
    found, held_back, treated_back = [], 0, 0
    for day in range(1, days + 1):
        held_back, treated_back = held_back + back["held"][day], treated_back + back["treated"][day]
        found.append((treated_back, treated, held_back, held))
    return found


def _z(x1: int, n1: int, x0: int, n0: int) -> float:
    pooled = (x1 + x0) / (n1 + n0)
    error = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    return (x1 / n1 - x0 / n0) / error if error else 0.0
