"""What a campaign would do, before anything is spent: its audience, what it costs, what its result can show.

Expected value is what scoring expects of a customer over the churn horizon; at risk is that times his predicted
risk. The churn of the hold-out is not known yet: the mean predicted risk stands for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

import polars as pl

from winback.audience import arm_counts, drawn_counts, top_count
from winback.balance import Balance, balance
from winback.campaign import HOLDOUT, Campaign, Channel
from winback.estimates import NoEstimate
from winback.intervals import Sums
from winback.outcomes import TOP_SHARE
from winback.planning import Visibility, best_holdout, needed_total, smallest_visible_effect
from winback.verdict import FEWEST_EVENTS

SAMPLE = 20
_MEMBER = pl.col("arm").is_not_null()
_DRAWN = _MEMBER & ~pl.col("drawn_before")  # only they are compared (docs/decisions/010)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArm:
    """One arm: its members, and the share of those whose arm is drawn in this run."""

    name: str
    customers: int
    planned_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What the audience is worth: of its ``customers``, ``top`` are of the top 20 % of all by expected value.

    Money in minor units over the churn horizon: what they are expected to spend, and of that what is at risk.
    """

    customers: int
    top: int
    expected_minor: int
    at_risk_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What comparing ``customers`` with the planned hold-out can show; shares 0-1, effects are falls of churn.

    ``effect``: the smallest seen with 80 % power; None where none is. ``verdict``: False where fewer than five of
    the hold-out are expected to churn, or to stay. ``needed_n``: customers it takes for ``smallest_effect``.
    """

    customers: int
    holdout_share: float
    control_rate: float | None
    effect: float | None
    verdict: bool
    best: Visibility | NoEstimate
    smallest_effect: float | None
    needed_n: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the messages of one channel would cost: ``units`` (segments of texts) at a price, all in micros.

    ``price_micros`` 0: not known, and so is ``cost_micros`` then (None).
    """

    channel: Channel
    messages: int
    units: int
    price_micros: int

    @property
    def cost_micros(self) -> int | None:
        """Units times price, in millionths of a major unit."""
        return self.units * self.price_micros if self.price_micros else None


def planned_arms(ledger: pl.DataFrame, shares: Mapping[str, float]) -> list[PlannedArm]:
    """The arms in the order of the campaign file, hold-out first; one of earlier entries only has no share."""
    members = arm_counts(ledger)
    return [
        PlannedArm(name=arm, customers=members.get(arm, 0), planned_share=shares.get(arm, 0.0))
        for arm in dict.fromkeys([*shares, *members])
    ]


def worth(ledger: pl.DataFrame, minor_per_major: int) -> Worth:
    """What those who are in are worth; the top 20 % are counted over all who were scored."""
    inside = ledger.filter(_MEMBER)
    value = inside["expected_value"]
    return Worth(
        customers=inside.height,
        top=int((inside["value_rank"] <= top_count(TOP_SHARE, ledger.height)).sum()),
        expected_minor=round(value.sum() * minor_per_major),
        at_risk_minor=round((value * inside["risk"]).sum() * minor_per_major),
    )


def sight(ledger: pl.DataFrame, shares: Mapping[str, float], campaign: Campaign) -> Sight:
    """What comparing those drawn in this run can show, if the hold-out churns as predicted."""
    drawn = ledger.filter(_DRAWN)
    return in_sight(
        customers=drawn.height,
        holdout_share=shares[HOLDOUT],
        control_rate=_mean(drawn["risk"]),
        smallest_effect=campaign.success.smallest_effect,
    )


def _mean(risk: pl.Series) -> float | None:
    return float(risk.sum() / risk.len()) if risk.len() else None


def in_sight(
    *, customers: int, holdout_share: float, control_rate: float | None, smallest_effect: float | None
) -> Sight:
    """``sight`` from its numbers; nobody is in: ``control_rate`` None."""
    rate = control_rate or 0.0
    best = best_holdout(control_rate=rate, total=customers, smallest_effect=smallest_effect)
    events = min(rate, 1 - rate) * round(customers * holdout_share)
    return Sight(
        customers=customers,
        holdout_share=holdout_share,
        control_rate=control_rate,
        effect=smallest_visible_effect(control_rate=rate, total=customers, holdout_share=holdout_share),
        verdict=events >= FEWEST_EVENTS,
        best=best,
        smallest_effect=smallest_effect,
        needed_n=_needed(rate, smallest_effect, holdout_share),
    )


def _needed(rate: float, effect: float | None, holdout_share: float) -> int | None:
    if effect is None:
        return None
    return needed_total(control_rate=rate, treated_rate=rate - effect, holdout_share=holdout_share)


def arms_alike(ledger: pl.DataFrame, as_of: date, minor_per_major: int) -> list[Balance]:
    """The balance of those drawn in this run: who would be written to against the hold-out."""
    quiet = (pl.lit(as_of) - pl.col("last_order_on")).dt.total_days()
    columns = {  # scores are rounded to 1e-6, money to minor units: exact as whole numbers of these
        "risk": (pl.col("risk"), 10**6),
        "expected value": (pl.col("expected_value"), minor_per_major),
        "past value": (pl.col("past_value"), minor_per_major),
        "orders": (pl.col("orders"), 1),
        "days since order": (quiet, 1),
    }
    drawn = ledger.filter(_DRAWN)
    groups = drawn.filter(pl.col("arm") != HOLDOUT), drawn.filter(pl.col("arm") == HOLDOUT)
    return balance(
        {name: (_sums(groups[0], *column), _sums(groups[1], *column)) for name, column in columns.items()}
    )


def _sums(group: pl.DataFrame, value: pl.Expr, scale: int) -> Sums:
    """Sums of the values as whole ``scale``-ths, whose squares need more than 64 bits."""
    whole = group.select(((value * scale).round() if scale > 1 else value).cast(pl.Int128)).to_series()
    return Sums(
        n=group.height,
        total=Fraction(int(whole.sum()), scale),
        total_sq=Fraction(int((whole * whole).sum()), scale * scale),
    )


def messages_by_channel(ledger: pl.DataFrame) -> dict[str, int]:
    """Channel -> messages that would be written."""
    written = ledger.filter(_MEMBER & (pl.col("arm") != HOLDOUT))
    return dict(written.group_by("channel").len().sort("channel").iter_rows())


def a_few(ledger: pl.DataFrame) -> pl.DataFrame:
    """At most SAMPLE of those who are in, from the most to the least valuable, evenly spread over the ranks."""
    inside = ledger.filter(_MEMBER).sort("value_rank")
    count = min(SAMPLE, inside.height)
    return inside[[place * inside.height // count for place in range(count)]] if count else inside


def drawn_before(ledger: pl.DataFrame) -> int:
    """How many of those who are in keep the arm of an earlier entry."""
    return sum(arm_counts(ledger).values()) - sum(drawn_counts(ledger).values())


def estimate_as_dict(found: Visibility | NoEstimate) -> dict[str, Any]:
    """The better hold-out as JSON: a share and its effect, or the reason why there is none."""
    if isinstance(found, NoEstimate):
        return {"holdout_share": None, "effect": None, "reason": found.reason.value}
    return {"holdout_share": found.holdout_share, "effect": found.effect, "reason": None}
