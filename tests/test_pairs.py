"""Two amounts per customer: adjustment for what was known before, and a share of a total with its interval."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.printed import printed
from winback.lift.adjustment import cuped, cuped_slope, lin, variance_left
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.intervals import mean_difference, squared_error, welch
from winback.lift.pairs import PairSums, as_share, pool_pairs

HUNDRED = Fraction(1, 100)

# Hillstrom's file, history and spend in cents: customers, sums of x, y, x^2, y^2, xy.
HILLSTROM = {
    "No E-Mail": (21306, 513224581, 1390833, 25971724145563, 28700503621, 42679338399),
    "Mens E-Mail": (21307, 517410518, 3031169, 27006876192752, 67590244973, 98575262586),
    "Womens E-Mail": (21387, 518713098, 2303811, 26523269785210, 49114465763, 75130961923),
}


def pairs_of(rows) -> PairSums:
    x, y = [Fraction(a) for a, _ in rows], [Fraction(b) for _, b in rows]
    return PairSums(
        n=len(rows), x=sum(x), y=sum(y), xx=sum(a * a for a in x), yy=sum(b * b for b in y),
        xy=sum(a * b for a, b in zip(x, y, strict=True)),
    )  # fmt: skip


def hillstrom(arm: str) -> PairSums:
    n, x, y, xx, yy, xy = HILLSTROM[arm]
    squared = HUNDRED * HUNDRED
    return PairSums(n=n, x=x * HUNDRED, y=y * HUNDRED, xx=xx * squared, yy=yy * squared, xy=xy * squared)


rows = st.lists(st.tuples(st.integers(0, 1000), st.integers(-500, 1000)), max_size=30)


def test_cuped_gives_hillstroms_published_values():
    """Mens against No, spend adjusted for history (gbstats).

    The table prints a theta of 0.0012228951; numpy's cov / var on the file gives 0.00122289652.
    It prints 1.0520642 for the upper end; scipy's Welch on the adjusted rows of the file gives 1.05206415.
    """
    mens, none = hillstrom("Mens E-Mail"), hillstrom("No E-Mail")

    test = welch(*cuped([mens, none]))

    assert cuped_slope([mens, none]) == printed("0.00122289652")
    assert test.difference == printed("0.76743850")
    assert (test.low, test.high) == (printed("0.4828129"), printed("1.05206415"))


def test_history_takes_hardly_anything_off_hillstroms_variance():
    """Measured on the file: 0.05 % over all three arms."""
    left = variance_left(hillstrom("Mens E-Mail"), hillstrom("No E-Mail"))

    assert 0.0003 < 1 - left < 0.0006


@pytest.mark.data
def test_the_sums_of_hillstrom_are_those_of_its_file():
    path = Path(os.environ["DATA"]) / "hillstrom" / "hillstrom.parquet"
    cents = [(pl.col(name).cast(pl.Float64) * 100).round().cast(pl.Int64) for name in ("history", "spend")]

    frame = pl.read_parquet(path).select("segment", x=cents[0], y=cents[1]).group_by("segment").agg(
        n=pl.len(), sx=pl.col("x").sum(), sy=pl.col("y").sum(), sxx=(pl.col("x") ** 2).sum(),
        syy=(pl.col("y") ** 2).sum(), sxy=(pl.col("x") * pl.col("y")).sum(),
    )  # fmt: skip

    assert {arm: tuple(sums) for arm, *sums in frame.rows()} == HILLSTROM


def test_cuped_of_six_customers_worked_by_hand():
    """x is 1, 2, 3 in both arms; y is 2, 4, 7 and 1, 3, 5.

    theta = 9 / 4. Adjusted y: 4.25, 4, 4.75 and 3.25, 3, 2.75; difference 4 / 3, variances 0.14583 and 0.0625,
    squared error 0.20833 / 3 = 0.069444; unadjusted (6.3333 + 4) / 3 = 3.44444.
    """
    treated, held = pairs_of([(1, 2), (2, 4), (3, 7)]), pairs_of([(1, 1), (2, 3), (3, 5)])

    adjusted = cuped([treated, held])

    assert cuped_slope([treated, held]) == 2.25
    assert [arm.mean for arm in adjusted] == [pytest.approx(13 / 3), 3]
    assert mean_difference(*adjusted) == pytest.approx(4 / 3)
    assert squared_error(*adjusted) == pytest.approx(5 / 72)
    assert variance_left(treated, held) == pytest.approx((5 / 72) / (31 / 9))


def test_lins_difference_and_error_are_those_of_the_regression_with_interactions():
    """By least squares on the rows: y ~ arm * (x - mean x), with the HC2 error of the arm's coefficient."""
    rng = np.random.default_rng(7)
    x = rng.gamma(2, 50, 1000).round()
    arm = (np.arange(1000) < 800).astype(float)
    y = (0.5 * x + arm * (3 + 0.4 * x) + rng.normal(0, 30, 1000)).round()

    adjusted = lin([pairs_of(list(zip(x[arm == a], y[arm == a], strict=True))) for a in (1, 0)])

    centred = x - x.mean()
    design = np.column_stack([np.ones(1000), arm, centred, arm * centred])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    weights = (y - design @ beta) ** 2 / (1 - leverage)
    error2 = (inverse @ (design.T * weights) @ design @ inverse)[1, 1]
    assert mean_difference(*adjusted) == pytest.approx(beta[1])
    assert squared_error(*adjusted) == pytest.approx(error2, rel=0.02)


customers = st.lists(st.tuples(st.integers(0, 10_000), st.integers(-10_000, 10_000)), min_size=3, max_size=30)


@given(customers, customers)
def test_lins_error_is_never_larger_than_the_plain_one(one, other):
    arms = [pairs_of(one), pairs_of(other)]

    assert squared_error(*lin(arms)) <= squared_error(*(arm.outcome for arm in arms)) * (1 + 1e-9)


def test_one_slope_for_both_arms_may_widen_where_lins_does_not():
    """Six treated move with x, three held do not at all: one slope, 2/3, puts what it takes from the first into
    the second. Squared errors: 16/5/6, then 16/9/5/6 + 32/9/2/3."""
    treated, held = pairs_of([(0, 0), (2, 2), (4, 4)] * 2), pairs_of([(0, 5), (2, 5), (4, 5)])

    assert squared_error(treated.outcome, held.outcome) == pytest.approx(0.53333, abs=1e-5)
    assert squared_error(*cuped([treated, held])) == pytest.approx(0.65185, abs=1e-5)
    assert squared_error(*lin([treated, held])) == 0


def test_where_x_does_not_vary_nothing_is_adjusted():
    arms = [pairs_of([(5, 1), (5, 3)]), pairs_of([(5, 2), (5, 2)])]

    assert cuped(arms) == lin(arms) == [arm.outcome for arm in arms]
    assert variance_left(*arms) == 1


def test_an_empty_arm_stays_empty_and_has_no_adjusted_test():
    treated, nobody = pairs_of([(1, 2), (2, 5), (3, 4)]), PairSums()

    adjusted = cuped([treated, nobody])

    assert (adjusted[1].n, adjusted[1].mean, welch(*adjusted)) == (0, None, None)
    assert variance_left(treated, nobody) is None


@given(rows, rows)
def test_adding_cells_is_adding_sums(some, others):
    assert pool_pairs([pairs_of(some), pairs_of(others)]) == pairs_of(some + others)


@given(rows, st.randoms())
def test_the_order_of_rows_does_not_matter(some, shuffler):
    mixed = shuffler.sample(some, len(some))

    assert pairs_of(mixed) == pairs_of(some)


@given(rows.filter(lambda each: len(each) > 1), rows.filter(lambda each: len(each) > 1))
def test_swapped_arms_have_the_opposite_adjusted_difference(some, others):
    forth = mean_difference(*cuped([pairs_of(some), pairs_of(others)]))
    back = mean_difference(*cuped([pairs_of(others), pairs_of(some)]))

    assert forth == pytest.approx(-back, abs=1e-9)


@given(rows.filter(lambda each: len(each) > 1))
def test_an_outcome_that_is_known_beforehand_leaves_no_noise(some):
    alike = pairs_of([(x, 3 * x + 1) for x, _ in some])

    (adjusted,) = cuped([alike])

    assert adjusted.variance == pytest.approx(0, abs=1e-9)


def test_a_share_of_value_worked_by_hand():
    """At the start 10, 20, 30; lost 10, 0, 15: R = 25 / 60.

    Residuals 5.8333, -8.3333, 2.5 with a sum of squares of 109.722; over 2, 3 and 20^2: 0.0457176.
    """
    share = as_share(pairs_of([(10, 10), (20, 0), (30, 15)]))

    assert share.mean == pytest.approx(25 / 60)
    assert share.variance / share.n == printed("0.0457176")


def test_the_error_of_a_share_is_that_of_the_jackknife():
    """Leaving out one customer at a time; equal to the linearised error up to 1 / n."""
    rng = np.random.default_rng(11)
    value = rng.gamma(1.5, 40, 400).round() + 1
    lost = np.where(rng.random(400) < 0.25, value, np.where(rng.random(400) < 0.3, (value / 3).round(), 0))

    share = as_share(pairs_of(list(zip(value, lost, strict=True))))

    without = (lost.sum() - lost) / (value.sum() - value)
    assert share.mean == pytest.approx(lost.sum() / value.sum())
    assert share.variance / 400 == pytest.approx(399 / 400 * ((without - without.mean()) ** 2).sum(), rel=0.02)


def test_the_difference_of_two_shares_is_a_test_of_means():
    treated = as_share(pairs_of([(10, 1), (20, 0), (30, 15), (40, 0)]))
    held = as_share(pairs_of([(10, 10), (20, 20), (30, 0)]))

    test = welch(treated, held)

    assert test.difference == pytest.approx(16 / 100 - 30 / 60)


def test_a_share_of_nothing_is_undefined_and_never_0():
    assert as_share(pairs_of([(0, 0), (0, 0)])) == NoEstimate(reason=Missing.NO_VALUE)
    assert as_share(PairSums()) == NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)


@pytest.mark.parametrize("lost", [0, 1])
def test_when_nobody_or_everybody_is_lost_the_share_is_known_and_its_interval_is_not(lost):
    share = as_share(pairs_of([(value, value * lost) for value in (5, 10, 20)]))

    assert share.mean == lost
    assert welch(share, share) is None
