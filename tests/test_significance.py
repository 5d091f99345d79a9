"""p-values, Holm and the sample-ratio check against R and scipy."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.printed import printed
from tests.test_intervals import a_proportion, amount_lists, amounts, arms
from winback.errors import WrongUse
from winback.lift.intervals import Proportion, newcombe
from winback.lift.significance import (
    benjamini_hochberg,
    holm,
    normal_p,
    p_mn,
    p_newcombe,
    p_pooled,
    p_pooled_means,
    sample_ratio,
)


def test_p_values_of_a_campaign_are_those_of_r():
    treated, control = arms(288, 1600, 92, 400)

    assert p_pooled(treated, control) == printed("0.0226105")
    assert p_mn(treated, control) == printed("0.0226444")


def test_p_pooled_of_a_small_table_is_that_of_r():
    assert p_pooled(*arms(12, 160, 9, 40)) == printed("0.0056408")


@given(a_proportion(), a_proportion())
def test_p_pooled_agrees_with_scipy(one, other):
    assume(0 < one.x + other.x < one.n + other.n)

    theirs = stats.chi2_contingency([[one.x, one.n - one.x], [other.x, other.n - other.x]], correction=False)

    assert p_pooled(one, other) == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-300)


@given(a_proportion(), a_proportion())
@settings(deadline=None)
def test_p_newcombe_is_at_most_alpha_exactly_when_the_interval_excludes_0(one, other):
    p = p_newcombe(one, other)

    assert 0 < p <= 1
    for alpha in (0.001, 0.05, 0.3):
        excludes = newcombe(one, other, z=stats.norm.isf(alpha / 2)).excludes_zero
        assert (p <= alpha) == excludes


def test_p_newcombe_of_equal_rates_is_1():
    assert p_newcombe(*arms(10, 100, 5, 50)) == 1


def test_p_newcombe_keeps_its_digits_where_one_minus_p_would_be_1():
    """Mens visit of Hillstrom: pooled p 5.7e-112; the hybrid-score p must be of that order, and not 0."""
    p = p_newcombe(*arms(3894, 21307, 2262, 21306))

    assert 1e-114 < p < 1e-109


def test_no_p_is_0():
    assert normal_p(50.0) > 0
    assert p_newcombe(*arms(10**6, 10**6, 0, 10**6)) > 0


@pytest.mark.parametrize("counts", [(0, 0, 3, 10), (3, 10, 0, 0), (0, 0, 0, 0)])
@pytest.mark.parametrize("test", [p_newcombe, p_pooled, p_mn])
def test_an_empty_arm_has_no_p_value(test, counts):
    assert test(*arms(*counts)) is None


@pytest.mark.parametrize("counts", [(0, 10, 0, 20), (10, 10, 20, 20)])
def test_without_any_variation_the_score_tests_are_undefined(counts):
    assert p_pooled(*arms(*counts)) is None
    assert p_mn(*arms(*counts)) is None
    assert p_newcombe(*arms(*counts)) == 1


@given(amount_lists, amount_lists)
def test_p_of_pooled_means_agrees_with_scipy(treated, control):
    assume(len(set(treated)) > 1 and len(set(control)) > 1)  # scipy warns where one arm does not vary

    theirs = stats.ttest_ind(treated, control, equal_var=True)

    assert p_pooled_means(amounts(treated), amounts(control)) == pytest.approx(theirs.pvalue, rel=1e-6)


def test_pooled_means_without_spread_or_customers_have_no_p():
    assert p_pooled_means(amounts([3, 3]), amounts([4, 4, 4])) is None
    assert p_pooled_means(amounts([3]), amounts([4, 5])) is None
    assert p_pooled_means(amounts([]), amounts([])) is None


def test_holm_gives_the_values_of_r():
    assert holm([0.001, 0.012, 0.03, 0.04, 0.2]) == pytest.approx([0.005, 0.048, 0.09, 0.09, 0.2])


def test_holm_keeps_the_order_it_was_given_and_stops_at_1():
    assert holm([0.6, 0.001, 0.7]) == pytest.approx([1.0, 0.003, 1.0])


def test_holm_leaves_out_what_is_undefined():
    assert holm([0.04, None, 0.01]) == pytest.approx([0.04, None, 0.02])


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_and_keeps_their_order(p_values):
    corrected = holm(p_values)

    assert all(p <= adjusted <= 1 for p, adjusted in zip(p_values, corrected, strict=True))
    assert [adjusted for _, adjusted in sorted(zip(p_values, corrected, strict=True))] == sorted(corrected)


def test_benjamini_hochberg_gives_the_values_of_r():
    assert benjamini_hochberg([0.001, 0.012, 0.03, 0.04, 0.2]) == pytest.approx([0.005, 0.03, 0.05, 0.05, 0.2])


def test_benjamini_hochberg_leaves_out_what_is_undefined():
    assert benjamini_hochberg([0.04, None, 0.01]) == pytest.approx([0.04, None, 0.02])


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=8))
def test_benjamini_hochberg_agrees_with_scipy_in_any_order(p_values):
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values))


def test_the_thirds_of_hillstrom_are_a_fair_split():
    third = Fraction(1, 3)

    srm = sample_ratio([21306, 21307, 21387], [third, third, third])

    assert (srm.chi2, srm.df, srm.p) == (printed("0.2025313"), 2, printed("0.9036930"))


@pytest.mark.parametrize(("sizes", "p"), [((8140, 1860), "0.000465258"), ((7900, 2100), "0.0124193")])
def test_a_split_planned_as_80_to_20_has_the_p_of_r(sizes, p):
    srm = sample_ratio(sizes, [0.8, 0.2])

    assert (srm.df, srm.p) == (1, printed(p))


def test_one_arm_or_nobody_has_no_sample_ratio():
    assert sample_ratio([10], [1.0]) is None
    assert sample_ratio([0, 0], [0.5, 0.5]) is None


def test_an_arm_planned_empty_that_is_empty_takes_no_part():
    assert sample_ratio([100, 0], [1.0, 0.0]) is None
    assert sample_ratio([8140, 0, 1860], [0.8, 0, 0.2]) == sample_ratio([8140, 1860], [0.8, 0.2])


def test_an_arm_without_customers_is_a_wrong_split():
    assert sample_ratio([100, 0], [0.5, 0.5]).p == pytest.approx(math.erfc(math.sqrt(50)))


@pytest.mark.parametrize("shares", [[0.5, 0.4], [1.5, -0.5], [1.0, 0.0], [Fraction("0.333333333"), 0.666]])
def test_shares_that_are_not_positive_or_not_1_together_are_refused(shares):
    with pytest.raises(WrongUse, match="add up to 1"):
        sample_ratio([10, 10], shares)


def test_shares_may_miss_1_by_a_billionth():
    typed = Fraction("0.333333333")

    assert sample_ratio([10, 10, 10], [typed, typed, typed]) is not None


def test_an_empty_proportion_is_not_compared_with_itself():
    nobody = Proportion(x=0, n=0)

    assert p_newcombe(nobody, nobody) is None
