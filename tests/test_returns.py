"""Return, cost per saved customer, effect per delivered and campaigns side by side, each with its interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.printed import printed
from tests.test_intervals import a_proportion, arms, from_moments
from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.lift.intervals import Ratio, newcombe, welch, wilson
from winback.outcomes.returns import between_campaigns, cost_per_saved, incremental, per_delivered, roi, scaled


def churn(x1: int, n1: int, x0: int, n0: int) -> Estimate:
    treated, control = arms(x1, n1, x0, n0)
    interval = newcombe(treated, control)
    return Estimate(value=treated.rate - control.rate, low=interval.low, high=interval.high)


def ends(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high)


def test_the_return_of_the_worked_example_is_as_wide_as_it_is():
    """Means 21.4 and 18.8 (sd 60, 55), n 1,600 and 400, margin .4, cost 1,120."""
    revenue = incremental(welch(from_moments(1600, "21.4", 60), from_moments(400, "18.8", 55)), 1600)

    found = roi(scaled(revenue, 0.4), 1120)

    assert (revenue.value, revenue.low, revenue.high) == (
        printed("4,160"), printed("-5,681"), printed("14,001"),
    )  # fmt: skip
    assert (found.value, found.low, found.high) == (printed("0.486"), printed("-3.029"), printed("4.001"))


def test_a_saved_customer_of_the_worked_example_costs_14():
    """288/1600 v 92/400: saved 80 (10.81, 155.64). 1,120 / 80 = 14; 1,120 / 155.64 = 7.196; / 10.81 = 103.6."""
    saved = scaled(churn(288, 1600, 92, 400), -1600)

    cost = cost_per_saved(saved, 1120)

    assert (saved.value, saved.low, saved.high) == (pytest.approx(80), printed("10.81"), printed("155.64"))
    assert (cost.value, cost.low, cost.high) == (pytest.approx(14), printed("7.196"), printed("103.6"))


@pytest.mark.parametrize("low", [0.0, -3.0])
def test_where_perhaps_nobody_was_saved_the_dearest_price_has_no_bound(low):
    assert cost_per_saved(ends(10, low, 20), 100) == Ratio(value=10, low=5, high=None)


@pytest.mark.parametrize("value", [0.0, -4.0])
def test_where_nobody_was_saved_there_is_no_price(value):
    assert cost_per_saved(ends(value, -9, 20), 100) == NoEstimate(reason=Missing.NOBODY_SAVED)


def test_what_cost_nothing_has_no_return_and_no_price():
    assert roi(ends(10, 5, 15), 0) == NoEstimate(reason=Missing.NO_COST)
    assert cost_per_saved(ends(10, 5, 15), 0) == NoEstimate(reason=Missing.NO_COST)


def test_the_effect_per_delivered_is_that_of_all_over_the_share_reached():
    """-5 points over 80 % delivered: -6.25 points."""
    effect = per_delivered(churn(288, 1600, 92, 400), delivered=1280, assigned=1600)

    assert effect.value == pytest.approx(-0.0625)
    assert (effect.low, effect.high) == (
        pytest.approx(-0.0972749 / 0.8),
        pytest.approx(-0.0067551 / 0.8, abs=1e-7),
    )


def test_where_nothing_was_delivered_there_is_no_effect_per_delivered():
    assert per_delivered(ends(0, -1, 1), delivered=0, assigned=9) == NoEstimate(reason=Missing.NOBODY_DELIVERED)


def test_two_campaigns_worked_by_hand():
    """-5 (-8, -1) against -2 (-6, 3): -3; down sqrt(3^2 + 5^2) = 5.831, up sqrt(4^2 + 4^2) = 5.657."""
    found = between_campaigns(ends(-5, -8, -1), ends(-2, -6, 3))

    assert (found.value, found.low, found.high) == (-3, printed("-8.831"), printed("2.657"))


@given(a_proportion(), a_proportion())
def test_two_rates_joined_in_this_way_are_newcombes_difference(one, other):
    """The method is the same: with Wilson intervals it must give Newcombe's."""
    of_one, of_other = (ends(part.rate, wilson(part).low, wilson(part).high) for part in (one, other))

    found = between_campaigns(of_one, of_other)

    expected = newcombe(one, other)
    assert (max(-1, found.low), min(1, found.high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


estimates = st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0, 1e6)).map(
    lambda parts: ends(parts[0], parts[0] - parts[1], parts[0] + parts[2])
)


@given(estimates, estimates)
def test_swapped_campaigns_are_the_mirror_image(one, other):
    forth, back = between_campaigns(one, other), between_campaigns(other, one)

    assert (forth.low, forth.value, forth.high) == pytest.approx((-back.high, -back.value, -back.low))


@given(estimates, st.floats(-1e3, 1e3))
def test_a_scaled_estimate_stays_between_its_ends(estimate, factor):
    found = scaled(estimate, factor)

    assert found.low <= found.value <= found.high


@given(estimates, st.floats(0.01, 1e6))
def test_a_price_is_positive_and_between_its_ends(saved, cost):
    price = cost_per_saved(saved, cost)

    if isinstance(price, Ratio):
        assert 0 < price.low <= price.value * (1 + 1e-12)
        assert price.high is None or price.value <= price.high * (1 + 1e-12)
