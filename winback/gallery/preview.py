"""What a campaign would do, before anything is spent: its audience, what it costs, what its result can show.

Expected value is what scoring expects of a customer over the churn horizon; at risk is that times his predicted
risk. What the result can show: winback.gallery.sight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from winback.audience.selection import arm_counts, drawn_counts, top_count
from winback.campaigns.campaign import HOLDOUT
from winback.channel import Channel
from winback.gallery.sight import Sight
from winback.lift.balance import Balance
from winback.lift.estimates import NoEstimate
from winback.lift.planning import Visibility
from winback.outcomes.outcomes import TOP_SHARE

SAMPLE = 20
DRAWN, NOT_DRAWN = "drawn", "not drawn"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedYes:
    """That a run will wait, having more people than ``above``: for a yes to ``digest``.

    ``by``: whose; None = anybody's but the owner's.
    """

    above: int
    by: str | None
    owner: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A campaign before anything is spent; ``arms_before``: members who keep the arm of an earlier entry.

    ``risk``: least, median and greatest of those who are in. ``sample``: a few of them, addresses masked.
    ``approval``: None where a run will not wait.
    """

    run: str
    as_of: date
    horizon_days: int
    currency: str
    objective: str | None
    digest: str
    reasons: dict[str, int]
    arms: list[PlannedArm]
    arms_before: int
    risk: tuple[float, float, float] | None
    model: str | None
    worth: Worth
    sight: Sight
    costs: list[Cost]
    balance: list[Balance]
    sample: list[dict[str, Any]]
    approval: AwaitedYes | None


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


def mean_risk(ledger: pl.DataFrame) -> float | None:
    """Of those drawn in this run; None where nobody is."""
    risk = ledger.filter(_DRAWN)["risk"]
    return float(risk.sum() / risk.len()) if risk.len() else None


def drawn_or_not(ledger: pl.DataFrame) -> pl.DataFrame:
    """customer_no, arm of all scored: DRAWN for those drawn in this run, NOT_DRAWN for the others."""
    drawn = pl.when(_DRAWN).then(pl.lit(DRAWN)).otherwise(pl.lit(NOT_DRAWN))
    return ledger.select("customer_no", arm=drawn)


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
