"""Were the arms alike before the campaign? Worked by hand, and on fair splits."""

import numpy as np
import pytest
from hypothesis import given

from tests.test_intervals import amount_lists, amounts
from winback.lift.balance import balance, standardised_difference
from winback.lift.intervals import Sums


def a_share(x: int, n: int) -> Sums:
    return Sums(n=n, total=x, total_sq=x)


def test_a_standardised_difference_worked_by_hand():
    """1, 2, 3 (sd 1) against 2, 4, 6 (sd 2): -2 / sqrt((1 + 4) / 2) = -1.264911; by chance 1.96 sqrt(2 / 3)."""
    (spend,) = balance({"spend": (amounts([1, 2, 3]), amounts([2, 4, 6]))})

    assert (spend.treated_mean, spend.control_mean) == (2, 4)
    assert spend.difference == pytest.approx(-1.264911, abs=1e-6)
    assert spend.by_chance == pytest.approx(1.600304, abs=1e-5)
    assert not spend.noticeable


def test_a_share_is_the_mean_of_zeros_and_ones():
    """60 % of 1,000 against 50 %: .1 / sqrt((.24 + .25) / 2) = .2020, beyond .1 and beyond chance (.0877)."""
    (email,) = balance({"has e-mail": (a_share(600, 1000), a_share(500, 1000))})

    assert email.difference == pytest.approx(0.2020, abs=2e-4)
    assert email.noticeable


def test_a_difference_too_small_to_matter_is_not_noticeable_however_certain():
    """50 % against 49 % of a million: beyond chance, but a fiftieth of a standard deviation."""
    (email,) = balance({"has e-mail": (a_share(500_000, 10**6), a_share(490_000, 10**6))})

    assert abs(email.difference) > email.by_chance
    assert not email.noticeable


@given(amount_lists, amount_lists)
def test_swapped_arms_have_the_opposite_difference(one, other):
    forth = standardised_difference(amounts(one), amounts(other))
    back = standardised_difference(amounts(other), amounts(one))

    assert forth is back is None or forth == pytest.approx(-back)


@pytest.mark.parametrize(("one", "other"), [([], [1, 2]), ([3], [1, 2]), ([4, 4], [4, 4]), ([5, 5], [4, 4])])
def test_without_customers_or_spread_there_is_no_difference_and_nothing_noticeable(one, other):
    (found,) = balance({"any": (amounts(one), amounts(other))})

    assert found.difference is None
    assert not found.noticeable


def test_nineteen_of_twenty_fair_splits_are_within_chance():
    rng = np.random.default_rng(20261122)
    spend = rng.gamma(0.5, 200, 1000).round().astype(int)

    within = 0
    for _ in range(1000):
        mixed = rng.permutation(spend).tolist()
        (found,) = balance({"spend": (amounts(mixed[:800]), amounts(mixed[800:]))})
        within += abs(found.difference) <= found.by_chance

    assert 0.93 <= within / 1000 <= 0.97
