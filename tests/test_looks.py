"""Early readings: the published boundaries, the wider interval, and what looking every day claims of nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.printed import printed
from tests.test_contrast import a_rate, some_money
from winback.errors import WrongUse
from winback.lift.boundaries import look_at, looks
from winback.lift.intervals import Proportion, newcombe, wilson
from winback.lift.looks import Look
from winback.lift.verdict import Rule, Verdict

# The usual constants for equal looks (R ldbounds, gsDesign), and weekly looks within 60 days.
PUBLISHED = {
    (1 / 2, 1.0): "2.9626 1.9686",
    (1 / 3, 2 / 3, 1.0): "3.7103 2.5114 1.9930",
    (0.25, 0.5, 0.75, 1.0): "4.3326 2.9631 2.3590 2.0141",
    (0.2, 0.4, 0.6, 0.8, 1.0): "4.8769 3.3570 2.6803 2.2898 2.0310",
    (*(7 * week / 60 for week in range(1, 9)), 1.0): (
        "6.458 4.4948 3.6149 3.0949 2.7470 2.4945 2.3007 2.1461 2.0976"
    ),
}


@pytest.mark.parametrize(("fractions", "expected"), PUBLISHED.items())
def test_the_boundaries_are_the_published_ones(fractions, expected):
    found = [look.boundary for look in looks(fractions)]

    assert found == [printed(each) for each in expected.split()]


def test_a_single_reading_at_the_end_is_the_plain_95_percent():
    (look,) = looks([1.0])

    assert (look.boundary, look.alpha) == (pytest.approx(1.959963985), pytest.approx(0.05))


def test_a_look_so_early_that_no_chance_is_left_has_a_boundary_nobody_reaches():
    """At a thousandth of the information the spending is 4 (1 - Phi(70.9)), less than any float."""
    look = look_at(0.001)

    assert 36 < look.boundary < math.inf
    assert 0 < look.alpha < 1e-290


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8, unique=True))
def test_no_boundary_is_below_1_96_and_the_first_knows_nothing_of_later_ones(hundredths):
    fractions = [each / 100 for each in sorted(hundredths)]

    found = looks(fractions)

    assert all(look.boundary >= 1.95996 for look in found)
    assert found[0].boundary == look_at(fractions[0]).boundary


def test_what_was_read_before_counts_and_the_same_data_read_again_is_one_look():
    half = look_at(0.5)

    once, after, again = look_at(1.0), look_at(1.0, earlier=[half]), look_at(0.5, earlier=[half])

    assert once.boundary == printed("1.96")
    assert after.boundary == printed("1.9686")
    assert again.boundary == printed("2.9626")


@pytest.mark.parametrize("fractions", [[0.0], [0.5, 0.5], [0.5, 0.4], [0.5, 1.01], [0.5, 0.5005]])
def test_looks_that_do_not_grow_within_0_and_1_are_refused(fractions):
    with pytest.raises(WrongUse, match="looks must grow"):
        looks(fractions)


def test_information_that_shrinks_is_refused():
    with pytest.raises(WrongUse, match="cannot shrink"):
        look_at(0.4, earlier=[look_at(0.5)])


def test_before_the_boundary_is_crossed_there_is_no_verdict_and_the_interval_is_wider():
    """288/1600 v 92/400 excludes 0 at 1.96 (p 0.022), half-way the boundary is 2.96."""
    plain = a_rate((288, 1600), (92, 400))
    early = a_rate((288, 1600), (92, 400), matured=False, look=look_at(0.5))

    assert (early.verdict, early.rules) == (Verdict.INTERIM, (Rule.NOT_MATURED, Rule.UNDECIDED))
    assert early.low < plain.low < plain.high < 0 < early.high
    assert (plain.high - plain.low) * 2.9626 / 1.96 == pytest.approx(early.high - early.low, rel=0.01)
    assert (early.rate_low, early.rate_high) == (plain.rate_low, plain.rate_high)


def test_beyond_the_boundary_an_early_look_may_speak():
    early = a_rate((288, 1600), (132, 400), matured=False, look=look_at(0.5))

    assert (early.verdict, early.rules) == (Verdict.BETTER, (Rule.BOUNDARY_CROSSED, Rule.EXCLUDES_ZERO))
    assert early.high < 0
    assert early.reason.startswith("the window is not complete, but")


def test_an_early_look_that_was_not_planned_never_speaks():
    assert a_rate((288, 1600), (132, 400), matured=False).verdict is Verdict.INTERIM


def test_a_final_reading_after_looks_must_reach_its_own_boundary():
    """p_newcombe 0.0223 is enough for a single reading, not after a look at 99 % of the information."""
    alone = a_rate((288, 1600), (92, 400))
    watched = a_rate((288, 1600), (92, 400), look=Look(fraction=1.0, boundary=2.3))

    assert alone.verdict is Verdict.BETTER
    assert (watched.verdict, watched.rules) == (Verdict.CANT_TELL, (Rule.UNDECIDED,))


def test_money_is_widened_too():
    plain = some_money([100, 160] * 80, [90, 165] * 80)
    early = some_money([100, 160] * 80, [90, 165] * 80, matured=False, look=look_at(0.5))

    assert (plain.high - plain.low) * 2.9626 / 1.96 == pytest.approx(early.high - early.low, rel=0.02)
    assert early.verdict is Verdict.INTERIM


# One campaign of 2,000 without any effect: a 28th of both groups matures every day, and somebody looks every day.
DAYS, RUNS, CHURN, SEED = 28, 20_000, 0.2, 20261122
PER_DAY = {"treated": 57, "holdout": 14}


def test_looking_every_day_claims_nothing_more_often_and_naively_it_would():
    rng = np.random.default_rng(SEED)
    treated, held = (np.cumsum(rng.binomial(each, CHURN, size=(RUNS, DAYS)), axis=1) for each in PER_DAY.values())
    boundaries = [look.boundary for look in looks([day / DAYS for day in range(1, DAYS + 1)])]
    naive, watched = np.zeros(RUNS, dtype=bool), np.zeros(RUNS, dtype=bool)

    for day, boundary in enumerate(boundaries):
        sizes = [(day + 1) * each for each in PER_DAY.values()]
        naive |= excludes_zero(treated[:, day], sizes[0], held[:, day], sizes[1], 1.959963985)
        watched |= excludes_zero(treated[:, day], sizes[0], held[:, day], sizes[1], boundary)

    assert watched.mean() <= 0.060
    assert naive.mean() > 0.20


def excludes_zero(x1, n1: int, x0, n0: int, z: float):
    """Whether Newcombe's interval excludes 0, for many tables at once, from the Wilson limits of each count."""
    rates = x1 / n1 - x0 / n0
    low1, high1 = wilson_limits(n1, z)
    low0, high0 = wilson_limits(n0, z)
    below = rates + np.hypot(high1[x1] - x1 / n1, x0 / n0 - low0[x0]) < 0
    above = rates - np.hypot(x1 / n1 - low1[x1], high0[x0] - x0 / n0) > 0
    return below | above


def wilson_limits(n: int, z: float):
    ends = [wilson(Proportion(x=x, n=n), z=z) for x in range(n + 1)]
    return np.array([each.low for each in ends]), np.array([each.high for each in ends])


@given(st.integers(0, 57), st.integers(0, 14), st.sampled_from([1.96, 2.9, 11.8]))
def test_many_tables_at_once_are_judged_like_one(x1, x0, z):
    found = excludes_zero(np.array([x1]), 57, np.array([x0]), 14, z)

    one = newcombe(Proportion(x=x1, n=57), Proportion(x=x0, n=14), z=z)
    assert bool(found[0]) == one.excludes_zero
