"""Twenty thousand campaigns whose truth is known, through the whole comparison: what the verdicts get wrong.

Customers buy at their own rates (gamma-Poisson). Those who happened to buy nothing for 90 days are selected, so a
third or more comes back by itself; they enter over four weeks in a season that changes; orders arrive late or not
at all, in both arms alike; the campaign multiplies the rate of those it is meant for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from winback.campaigns.campaign import SMALL_AUDIENCE
from winback.lift.contrast import RateContrast, RateSums
from winback.lift.lift import Arm, compare
from winback.lift.significance import sample_ratio
from winback.lift.verdict import SRM_LEVEL, Rule, Verdict, rows_lost

RUNS, SEED = 20_000, 20261122
FEWEST, MOST = 200, 20_000
PRE_DAYS, WINDOW_DAYS, ENTRY_DAYS = 90, 60, 28
LATE, MISSING = 0.03, 0.02  # of orders: not yet there when the result is read, and never
EFFECTS = (1.0, 1.0, 1.0, 1.0, 1.15, 1.5, 2.5, 0.85, 0.6)  # on the rate of buying; above 1 fewer churn


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One campaign: its true effect and, per arm (treated, hold-out), customers and those seen to have churned."""

    effect: float
    holdout_share: float
    n: tuple[int, int]
    churned: tuple[int, int]


def lapsed_rates(rng: np.random.Generator) -> np.ndarray:
    """Orders a day of those of 500,000 customers who bought nothing for 90 days."""
    rates = rng.gamma(1.5, 1 / 90, 500_000).astype(np.float32)
    return rates[rng.poisson(rates * PRE_DAYS) == 0]


def campaigns(rng: np.random.Generator, runs: int, *, fewest: int = FEWEST) -> Iterator[Counted]:
    lapsed = lapsed_rates(rng)
    for run in range(runs):
        total = int(fewest * (MOST / fewest) ** rng.random())
        share = 0.5 if total < SMALL_AUDIENCE else 0.2
        yield one_campaign(rng, lapsed, total, share, EFFECTS[run % len(EFFECTS)])


def one_campaign(rng, lapsed, total: int, share: float, effect: float) -> Counted:
    held = rng.random(total, dtype=np.float32) < share
    season = 1 + 0.3 * np.sin(rng.integers(0, ENTRY_DAYS, total, dtype=np.int8) / 9).astype(np.float32)
    expected = lapsed[rng.integers(0, len(lapsed), total)] * season * np.float32(WINDOW_DAYS)
    seen = np.where(held, np.float32(1), np.float32(effect)) * np.float32((1 - LATE) * (1 - MISSING))
    churned = rng.random(total, dtype=np.float32) < np.exp(-expected * seen)
    in_holdout, lost = int(held.sum()), int((churned & held).sum())
    return Counted(
        effect=effect, holdout_share=share,
        n=(total - in_holdout, in_holdout), churned=(int(churned.sum()) - lost, lost),
    )  # fmt: skip


def judged(campaign: Counted, **conditions) -> RateContrast:
    shares = {"treated": 1 - campaign.holdout_share, "holdout": campaign.holdout_share}
    sizes = dict(zip(shares, campaign.n, strict=True))
    return compare(
        control="holdout",
        arms=[Arm(name=name, n=sizes[name], planned_share=share) for name, share in shares.items()],
        rates=[
            RateSums(column="churned", arm=name, x=x, n=n)
            for name, x, n in zip(shares, campaign.churned, campaign.n, strict=True)
        ],
        lower_is_better={"churned"},
        **conditions,
    ).rates[0]


@pytest.mark.slow
def test_campaigns_of_known_truth_are_rarely_misjudged():
    nothing, right, wrong, real = [], 0, 0, 0
    for campaign in campaigns(np.random.default_rng(SEED), RUNS):
        verdict = judged(campaign).verdict
        if campaign.effect == 1:
            nothing.append(verdict)
            continue
        truth = Verdict.BETTER if campaign.effect > 1 else Verdict.WORSE
        real += 1
        right += verdict is truth
        wrong += verdict in {Verdict.BETTER, Verdict.WORSE} - {truth}

    better, worse = (nothing.count(verdict) / len(nothing) for verdict in (Verdict.BETTER, Verdict.WORSE))
    assert better > 0.01  # else it would be silence, not care
    assert better + worse <= 0.055
    assert better <= 0.03
    assert wrong / real <= 0.01
    assert right / real > 0.3


def test_who_was_selected_for_silence_comes_back_without_any_campaign():
    """The trap of before and after: 100 % were silent before, and a third or more is not after."""
    campaign = one_campaign(np.random.default_rng(SEED), lapsed_rates(np.random.default_rng(1)), 20_000, 0.2, 1.0)

    assert all(churned / n < 0.75 for churned, n in zip(campaign.churned, campaign.n, strict=True))
    assert judged(campaign).verdict in {Verdict.CANT_TELL, Verdict.BETTER, Verdict.WORSE}


@pytest.mark.parametrize("arm", ["treated", "holdout"])
def test_a_tenth_of_an_arm_lost_before_it_was_counted_is_seen_by_the_split_of_20_000_customers(arm):
    """The sizes alone can tell, where even the list of the assigned lacks them; at 10,000 they tell in 78 %."""
    assert seen_by_the_split(20_000, arm) >= 0.99
    assert 0.70 <= seen_by_the_split(10_000, arm) <= 0.85


def seen_by_the_split(total: int, arm: str) -> float:
    rng = np.random.default_rng(SEED)
    held = rng.binomial(total, 0.2, 2_000)
    sizes = {"treated": total - held, "holdout": held}
    sizes[arm] = sizes[arm] - rng.binomial(sizes[arm], 0.1)
    tests = [
        sample_ratio(pair, (0.8, 0.2)) for pair in zip(*(each.tolist() for each in sizes.values()), strict=True)
    ]
    return sum(test.p < SRM_LEVEL for test in tests) / len(tests)


def test_a_tenth_of_either_arm_lost_after_the_assignment_is_always_seen_by_counting():
    """At any size, and so at 10,000 and more."""
    rng = np.random.default_rng(SEED)
    for campaign in campaigns(rng, 200):
        assigned = dict(zip(("treated", "holdout"), campaign.n, strict=True))
        for arm, n in assigned.items():
            measured = assigned | {arm: n - max(1, int(rng.binomial(n, 0.1)))}

            contrast = judged(campaign, rows_lost=rows_lost(assigned, measured))

            assert contrast.verdict is Verdict.DO_NOT_TRUST
            assert Rule.ROWS_LOST in contrast.rules


def test_one_held_out_customer_in_a_hundred_who_was_written_to_is_tolerated_and_no_more():
    campaign = Counted(effect=1.0, holdout_share=0.5, n=(1000, 1000), churned=(600, 600))

    touched, spoiled = (judged(campaign, contaminated_share=share) for share in (0.01, 0.011))

    assert Rule.HOLDOUT_TOUCHED in touched.rules
    assert spoiled.verdict is Verdict.DO_NOT_TRUST
