"""How often the interval holds the truth and the verdict is wrong, exactly: every table times its probability.

The tables of a cell are all those within 7.5 standard deviations of its rates; what lies beyond has a chance of
1e-13. Newcombe's limits are put together here from the product's Wilson limits, for all tables of a cell at once;
one test holds this against the product, table by table.
"""

import math
from functools import cache
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.test_contrast import a_rate
from winback.lift.contrast import RateSums
from winback.lift.intervals import Z95, Proportion, wilson
from winback.lift.lift import Arm, compare
from winback.lift.verdict import FEWEST_EVENTS, Verdict

TOTALS = (200, 500, 1_000, 2_000, 5_000, 20_000)
SHARES = (0.1, 0.2, 0.5)
CHURN = (0.02, 0.05, 0.10, 0.20, 0.40)
REDUCTIONS = (0.0, 0.15, 0.30)
HALF_LEVEL = NormalDist().inv_cdf(1 - 0.05 / 4)
DIRECTIONS = {Verdict.BETTER, Verdict.WORSE}


def likely(n: int, rate: float) -> np.ndarray:
    centre, reach = n * rate, 7.5 * math.sqrt(n * rate * (1 - rate)) + 20
    return np.arange(max(0, int(centre - reach)), min(n, int(centre + reach)) + 1)


@cache
def limits(x: int, n: int, z: float) -> tuple[float, float]:
    interval = wilson(Proportion(x=x, n=n), z=z)
    return interval.low, interval.high


class Arms:
    """All likely counts of one arm with their chances and Wilson limits."""

    def __init__(self, n: int, rate: float, z: float = Z95) -> None:
        self.n, self.x, self.centre = n, likely(n, rate), rate
        self.chance = stats.binom.pmf(self.x, n, rate)
        self.rate = self.x / n
        self.low, self.high = np.array([limits(int(x), n, z) for x in self.x]).T
        self.enough = np.minimum(self.x, n - self.x) >= FEWEST_EVENTS

    def at(self, z: float) -> "Arms":
        """The same arm with limits at another level."""
        return Arms(self.n, self.centre, z)


def newcombe_limits(treated: Arms, held: Arms) -> tuple[np.ndarray, np.ndarray]:
    """Both ends for every pair: rows treated counts, columns held-out counts."""
    difference = treated.rate[:, None] - held.rate
    low = difference - np.hypot((treated.rate - treated.low)[:, None], held.high - held.rate)
    high = difference + np.hypot((treated.high - treated.rate)[:, None], held.rate - held.low)
    return low, high


def speaks(treated: Arms, held: Arms) -> np.ndarray:
    """Where the verdict has a direction: five events and five without in both arms, and 0 outside."""
    return excludes_zero(treated, held) & treated.enough[:, None] & held.enough


def excludes_zero(treated: Arms, held: Arms) -> np.ndarray:
    low, high = newcombe_limits(treated, held)
    return (low > 0) | (high < 0)


def sizes(total: int, share: float) -> tuple[int, int]:
    held = round(total * share)
    return total - held, held


def test_the_interval_covers_the_truth_in_at_least_94_5_percent_of_each_of_270_cells():
    found = {}
    for total in TOTALS:
        for share in SHARES:
            n1, n0 = sizes(total, share)
            for churn in CHURN:
                held = Arms(n0, churn)
                for reduction in REDUCTIONS:
                    treated = Arms(n1, churn * (1 - reduction))
                    low, high = newcombe_limits(treated, held)
                    truth = -churn * reduction
                    covered = ((low <= truth) & (truth <= high)) @ held.chance
                    found[total, share, churn, reduction] = treated.chance @ covered

    assert len(found) == 270
    assert min(found.values()) >= 0.945


def test_the_verdict_finds_a_direction_in_at_most_5_2_percent_where_there_is_none():
    found = {}
    for total in TOTALS:
        for share in SHARES:
            n1, n0 = sizes(total, share)
            for churn in CHURN:
                treated, held = Arms(n1, churn), Arms(n0, churn)
                found[total, share, churn] = treated.chance @ speaks(treated, held) @ held.chance

    assert len(found) == 90
    assert max(found.values()) <= 0.052


def test_two_variants_under_holm_find_any_direction_in_at_most_5_percent():
    """Given the hold-out's count the two variants are independent and alike.

    One speaks alone at half the level; or at the whole level, where the other is beyond half of it but has too few
    events to speak.
    """
    found = {}
    for total in TOTALS:
        for share in SHARES:
            n1, n0 = sizes(total, share)
            for churn in CHURN:
                treated, held = Arms(n1 // 2, churn), Arms(n0, churn)
                alone, mute, second = (treated.chance @ part for part in holm_parts(treated, held))
                found[total, share, churn] = held.chance @ (1 - (1 - alone) ** 2 + 2 * mute * second)

    assert max(found.values()) <= 0.05


def holm_parts(treated: Arms, held: Arms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a variant is beyond half the level and speaks, is beyond it but mute, or is between half and whole."""
    whole, half = excludes_zero(treated, held), excludes_zero(treated.at(HALF_LEVEL), held.at(HALF_LEVEL))
    enough = treated.enough[:, None] & held.enough
    return half & enough, half & ~treated.enough[:, None] & held.enough, whole & ~half & enough


counts = st.integers(20, 3_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(counts, counts)
def test_the_limits_and_the_direction_are_the_products(treated, held):
    (n1, x1), (n0, x0) = treated, held
    contrast = a_rate((x1, n1), (x0, n0))

    one, zero = Arms(n1, x1 / n1), Arms(n0, x0 / n0)
    place = int(np.flatnonzero(one.x == x1)[0]), int(np.flatnonzero(zero.x == x0)[0])
    low, high = (ends[place] for ends in newcombe_limits(one, zero))
    assert (contrast.low, contrast.high) == pytest.approx((max(-1, low), min(1, high)), abs=1e-12)
    assert speaks(one, zero)[place] == (contrast.verdict in DIRECTIONS)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 100))
def test_whether_any_of_two_variants_speaks_is_the_products_holm(x1, x2, x0):
    arms = {"holdout": (x0, 100), "advice": (x1, 200), "coupon": (x2, 200)}
    lift = compare(
        control="holdout",
        arms=[Arm(name=name, n=n) for name, (_, n) in arms.items()],
        rates=[RateSums(column="churned", arm=name, x=x, n=n) for name, (x, n) in arms.items()],
    )

    held = Arms(100, x0 / 100)
    column = int(np.flatnonzero(held.x == x0)[0])
    variants = [Arms(200, x / 200) for x in (x1, x2)]
    (alone1, mute1, second1), (alone2, mute2, second2) = (
        [bool(part[int(np.flatnonzero(one.x == x)[0]), column]) for part in holm_parts(one, held)]
        for one, x in zip(variants, (x1, x2), strict=True)
    )
    expected = alone1 or alone2 or (mute1 and second2) or (mute2 and second1)
    assert expected == any(each.verdict in DIRECTIONS for each in lift.rates)
