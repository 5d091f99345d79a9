"""Questions of the churn overview to the order facts: sales by month, cohorts, and how long customers stay."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from db.facts.queries import ask, one_group_each

SALES: Final = pl.Schema(
    {
        "month": pl.Date(),  # its first day
        "customers": pl.Int64(),  # who ordered in it
        "orders": pl.Int64(),
        "revenue_minor": pl.Int64(),  # net of refunds
    }
)

COHORTS: Final = pl.Schema(
    {
        "cohort": pl.Date(),  # the first day of the month of the first order
        "months_since": pl.Int64(),  # 0 is that month
        "ordered": pl.Int64(),  # customers of the cohort who ordered in that month
    }
)

LAPSES: Final = pl.Schema(
    {
        "value": pl.String(),  # the group's; null for customers without one
        "day": pl.Int64(),  # from the first order
        "left": pl.Int64(),  # customers who on that day had ordered nothing for a whole window
        "censored": pl.Int64(),  # customers still active when the facts ended on that day
        "returned": pl.Int64(),  # of those who left, how many ordered again
    }
)


ORDER_DAYS: Final = pl.Schema({"ordered_on": pl.Date(), "customers": pl.Int64()})


def order_days(files: Sequence[str | Path], *, since: date, as_of: date) -> dict[date, int]:
    """How many customers ordered on each day of [since, as_of] on which anybody did, oldest first."""
    return dict(ask("order_days", files, ORDER_DAYS, {"since": since, "as_of": as_of}).iter_rows())


def sales_by_month(files: Sequence[str | Path], *, as_of: date) -> pl.DataFrame:
    """SALES through ``as_of``, oldest first; months without a fact have no row."""
    return ask("sales", files, SALES, {"as_of": as_of})


def cohort_counts(files: Sequence[str | Path], *, as_of: date) -> pl.DataFrame:
    """COHORTS through ``as_of``; months in which nobody of a cohort ordered have no row."""
    return ask("cohorts", files, COHORTS, {"as_of": as_of})


def count_lapses(
    files: Sequence[str | Path], *, as_of: date, window_days: int, groups: pl.DataFrame | None = None
) -> pl.DataFrame:
    """LAPSES of everybody with an order on or before ``as_of``, by value of ``groups`` (nulls last) and day."""
    bound = {"as_of": as_of, "window_days": window_days}
    return ask("lapses", files, LAPSES, bound, groups=one_group_each(groups))
