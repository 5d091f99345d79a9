"""What customers did, said and are bound by beside their orders: the frames rules and signals read.

Each has one row per fact up to a day, with the customer's opaque number; days are the workspace's local days.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import polars as pl

ACTIVITY: Final = pl.Schema(
    {"customer_no": pl.Int64(), "happened_on": pl.Date(), "kind": pl.String(), "value": pl.Float64()}
)

FEEDBACK: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "given_on": pl.Date(),
        "kind": pl.String(),  # nps csat exit cause
        "score": pl.Float64(),
        "cause": pl.String(),
    }
)

CONTRACTS: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "started_on": pl.Date(),
        "ended_on": pl.Date(),  # the first day without it; null while it lives
        "renews_on": pl.Date(),
        "monthly_minor": pl.Int64(),
        "end_reason": pl.String(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """ACTIVITY, FEEDBACK and CONTRACTS; an empty frame where nothing of the kind was imported."""

    activity: pl.DataFrame = field(default_factory=ACTIVITY.to_frame)
    feedback: pl.DataFrame = field(default_factory=FEEDBACK.to_frame)
    contracts: pl.DataFrame = field(default_factory=CONTRACTS.to_frame)

    @property
    def silent(self) -> bool:
        """Whether nothing at all is known beside the orders."""
        return self.activity.is_empty() and self.feedback.is_empty() and self.contracts.is_empty()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of activity there are."""
        return frozenset(self.activity["kind"].unique())


def count_kinds(activity: pl.DataFrame, kinds: Collection[str], as_of: date, window_days: int) -> pl.DataFrame:
    """customer_no, and for each kind ``<kind>_now`` and ``<kind>_before``.

    Counts of the ``window_days`` up to ``as_of`` and of as many before; customers without any have no row.
    """
    starts = as_of - timedelta(days=window_days - 1)
    day = pl.col("happened_on")
    seen = activity.filter(day.is_between(starts - timedelta(days=window_days), as_of))
    now = day >= starts
    counts = [
        (pl.lit(kind) == pl.col("kind")).and_(when).sum().cast(pl.Int64).alias(f"{kind}_{name}")
        for kind in sorted(kinds)
        for name, when in (("now", now), ("before", ~now))
    ]
    return seen.group_by("customer_no").agg(counts)
