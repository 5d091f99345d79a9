"""Who stayed away and what the others ordered: counts per group around a campaign's start, in one query."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from db.facts.queries import GROUPS, ask
from winback.outcomes.outcomes import GroupCount
from winback.outcomes.responses import OrderCount

# Members of a run: the arm, and the local days on which the message went out and was first clicked, or null.
MEMBERS = pl.Schema({"customer_no": pl.Int64(), "arm": pl.String(), "sent_on": pl.Date(), "clicked_on": pl.Date()})
_COUNTS = pl.Schema(
    {
        "value": pl.String(),
        "n": pl.Int64(),
        "inactive_before": pl.Int64(),
        "inactive_after": pl.Int64(),
        "ordered": pl.Int64(),
        "repeated": pl.Int64(),
        "orders": pl.Int64(),
        "net_minor": pl.Int64(),
        "days_to_order": pl.Float64(),
        "after_message": pl.Int64(),
        "after_click": pl.Int64(),
    }
)


def count_outcomes(
    files: Sequence[Path],
    *,
    t0_on: date,
    window_days: int,
    through: date,
    groups: pl.DataFrame,
    members: pl.DataFrame,
    complete: bool,
    blank_out: int = 0,
) -> tuple[list[GroupCount], list[OrderCount]]:
    """One GroupCount per value of ``groups`` (GROUPS, a customer may be in several), one OrderCount per arm.

    ``members``: MEMBERS, each customer once. ``through``: the last day of the window that counts, ``t0_on`` for
    none of it. ``blank_out``: days after ``t0_on`` that count neither before nor after. An arm without a row of
    facts in these days has no OrderCount.
    """
    after_on = t0_on + timedelta(days=blank_out)
    bound = {"t0_on": t0_on, "after_on": after_on, "window_days": window_days, "through": through}
    tables = {"groups": groups.select(GROUPS.names()), "members": members.select(MEMBERS.names())}
    counts = ask("responses", files, _COUNTS, bound, **tables)
    present = [
        GroupCount(name=name, n=n, inactive_before=before, inactive_after=after if complete else None)
        for name, n, before, after in counts.select("value", "n", "inactive_before", "inactive_after").iter_rows()
    ]
    orders = counts.filter(pl.col("orders").is_not_null()).rename({"value": "arm"})
    names = [name for name in orders.columns if name in OrderCount.__dataclass_fields__]
    return present, [OrderCount(**row) for row in orders.select(names).iter_rows(named=True)]
