"""How often money is called better where nothing happened: with both gates at the floor of buyers, and naively."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import stdtr

from winback.lift.adjustment import lin
from winback.lift.contrast import MoneySums
from winback.lift.intervals import squared_error
from winback.lift.lift import Arm, compare
from winback.lift.pairs import PairSums
from winback.lift.verdict import MONEY_FLOOR, Rule, Verdict

SAMPLE = Path(__file__).parents[1] / "samples" / "cdnow_sample_1_10.csv.gz"
RUNS, SEED, RATIO = 20_000, 20261122, 4


def cdnow_spend() -> np.ndarray:
    """What each buyer of the CDNOW sample spent in the last quarter of 1997, in cents."""
    rows = pl.read_csv(SAMPLE, schema_overrides={"ordered_at": pl.String, "amount": pl.Float64})
    quarter = rows.filter(pl.col("ordered_at").str.starts_with("1997-1"))
    spent = quarter.group_by("customer_id").agg(pl.col("amount").sum()).filter(pl.col("amount") > 0)
    return (spent["amount"].sort() * 100).round().to_numpy()


def heavy_spend() -> np.ndarray:
    """Lognormal, its spread twice its mean; in cents."""
    return np.exp(np.random.default_rng(1).normal(8, 1.3, 100_000)).round()


class Campaigns:
    """Two arms of many campaigns in which all customers spend alike: buyers, sums and squared sums."""

    def __init__(self, spend: np.ndarray, buying: float, buyers: int, runs: int) -> None:
        rng = np.random.default_rng(SEED)
        self.n = (RATIO * round(buyers / buying), round(buyers / buying))
        self.buyers = [rng.binomial(n, buying, runs) for n in self.n]
        drawn = [rng.choice(spend, count.sum()) for count in self.buyers]
        self.total = [per_run(amounts, count) for amounts, count in zip(drawn, self.buyers, strict=True)]
        self.total_sq = [per_run(amounts**2, count) for amounts, count in zip(drawn, self.buyers, strict=True)]

    def better(self) -> tuple[np.ndarray, np.ndarray]:
        """Per campaign whether Welch alone, and whether both gates from the floor on, call it better."""
        (n1, n0), (t1, t0) = self.n, self.total
        v1, v0 = ((s - t * t / n) / (n - 1) for n, t, s in zip(self.n, self.total, self.total_sq, strict=True))
        e1, e0 = v1 / n1, v0 / n0
        difference = t1 / n1 - t0 / n0
        df = (e1 + e0) ** 2 / (e1**2 / (n1 - 1) + e0**2 / (n0 - 1))
        pooled = ((n1 - 1) * v1 + (n0 - 1) * v0) / (n1 + n0 - 2) * (1 / n1 + 1 / n0)
        welch = 2 * stdtr(df, -difference / np.sqrt(e1 + e0)) <= 0.05
        second = 2 * stdtr(n1 + n0 - 2, -difference / np.sqrt(pooled)) <= 0.05
        return welch, welch & second & (np.minimum(*self.buyers) >= MONEY_FLOOR)

    def contrast(self, run: int):
        arms = [
            MoneySums(
                column="revenue", arm=name, n=self.n[place], buyers=int(self.buyers[place][run]),
                total=Fraction(int(self.total[place][run])), total_sq=Fraction(int(self.total_sq[place][run])),
            )
            for place, name in enumerate(("treated", "holdout"))
        ]  # fmt: skip
        return compare(control="holdout", arms=[Arm(name=arm.arm, n=arm.n) for arm in arms], money=arms).money[0]


def per_run(amounts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    ends = np.cumsum(counts)
    sums = np.concatenate([[0], np.cumsum(amounts)])
    return sums[ends] - sums[ends - counts]


def cdnow_before_and_after() -> tuple[np.ndarray, np.ndarray]:
    """Per customer of the CDNOW sample what he spent in the quarters before and after 1997-10-01, in cents."""
    rows = pl.read_csv(SAMPLE, schema_overrides={"ordered_at": pl.String, "amount": pl.Float64})
    month = pl.col("ordered_at").str.slice(0, 7)
    quarters = [
        pl.col("amount").filter(month.is_in([f"1997-{number:02}" for number in months])).sum()
        for months in ((7, 8, 9), (10, 11, 12))
    ]
    spent = rows.group_by("customer_id").agg(before=quarters[0], after=quarters[1]).sort("customer_id")
    return (spent["before"] * 100).round().to_numpy(), (spent["after"] * 100).round().to_numpy()


def uneven_before_and_after() -> tuple[np.ndarray, np.ndarray]:
    """One in twenty buys, lognormal, mostly the same ones before and after: what an own slope fits worst."""
    one, two = np.random.default_rng(1).normal(size=(2, 2, 100_000))
    later = 0.8 * one + 0.6 * two
    spent = [np.where(buys > 1.6449, np.exp(8 + 1.3 * size).round(), 0) for buys, size in (one, later)]
    return spent[0], spent[1]


@pytest.mark.slow
@pytest.mark.parametrize("shop", [cdnow_before_and_after, uneven_before_and_after])
@pytest.mark.parametrize("buyers", [MONEY_FLOOR, 2 * MONEY_FLOOR])
def test_nothing_is_called_better_in_at_most_3_5_percent_adjusted_by_each_arms_own_slope(shop, buyers):
    """And the interval is narrower in every one of them."""
    before, after = shop()
    rng, better, narrower = np.random.default_rng(SEED), [], []
    held = round(buyers / (after > 0).mean())
    for _ in range(1_500):
        drawn = [rng.integers(0, len(after), n) for n in (RATIO * held, held)]
        pairs = [pairs_of(before[who], after[who]) for who in drawn]
        bought = [int((after[who] > 0).sum()) for who in drawn]
        adjusted = lin(pairs)
        narrower.append(squared_error(*adjusted) <= squared_error(*(each.outcome for each in pairs)))
        arms = [
            MoneySums(column="revenue", arm=name, n=each.n, buyers=count, total=each.total, total_sq=each.total_sq)
            for name, each, count in zip(("treated", "holdout"), adjusted, bought, strict=True)
        ]
        better.append(_verdict(arms) is Verdict.BETTER)

    assert np.mean(better) <= 0.035
    assert all(narrower)


def pairs_of(before: np.ndarray, after: np.ndarray) -> PairSums:
    x, y = before.astype(object), after.astype(object)
    sums = {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}
    return PairSums(n=len(x), **{name: int(values.sum()) for name, values in sums.items()})


def _verdict(arms: list[MoneySums]) -> Verdict:
    [contrast] = compare(control="holdout", arms=[Arm(name=each.arm, n=each.n) for each in arms], money=arms).money
    return contrast.verdict


SHOPS = [(cdnow_spend, 0.26), (cdnow_spend, 0.01), (heavy_spend, 0.05)]


@pytest.mark.parametrize(("spend", "buying"), SHOPS)
@pytest.mark.parametrize("buyers", [MONEY_FLOOR, 2 * MONEY_FLOOR])
def test_nothing_is_called_better_in_at_most_3_5_percent_where_welch_alone_says_so_more_often(
    spend, buying, buyers
):
    naive, judged = Campaigns(spend(), buying, buyers, RUNS).better()

    assert judged.mean() <= 0.035
    assert naive.mean() > 0.035


def test_the_floor_is_not_what_keeps_them_few():
    """Of campaigns at or above the floor too, not only of all."""
    campaigns = Campaigns(cdnow_spend(), 0.26, MONEY_FLOOR, RUNS)
    reached = np.minimum(*campaigns.buyers) >= MONEY_FLOOR

    assert 0.4 < reached.mean() < 0.6
    assert campaigns.better()[1][reached].mean() <= 0.035


@pytest.mark.parametrize(("spend", "buying"), SHOPS)
def test_many_campaigns_at_once_are_judged_like_one(spend, buying):
    campaigns = Campaigns(spend(), buying, MONEY_FLOOR, 150)
    _, judged = campaigns.better()

    for run in range(150):
        contrast = campaigns.contrast(run)
        assert (contrast.verdict is Verdict.BETTER) == judged[run]
        assert (Rule.FEW_BUYERS in contrast.rules) == (min(c[run] for c in campaigns.buyers) < MONEY_FLOOR)
