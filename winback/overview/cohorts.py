"""First-purchase cohorts: who bought first in a month, and which share of them ordered in each month since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from winback.overview.months import last_day, month_key, month_of, months_after

SHOWN = 12  # cohorts, and months since the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Of one cohort, those who ordered in the month ``months_since`` their first; share 0-1 of the cohort.

    Not ``complete``: the data end within the month (or, of the first, so does the cohort): more may follow.
    """

    months_since: int
    ordered: int
    share: float
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        """The cell in the JSON."""
        return {
            "months_since": self.months_since,
            "ordered": self.ordered,
            "share": self.share,
            "complete": self.complete,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Customers whose first order in the data lies in ``month`` (its first day); a cell per month after it."""

    month: date
    customers: int
    complete: bool
    cells: tuple[Cell, ...]

    def as_dict(self) -> dict[str, Any]:
        """The cohort in the JSON of ``winback churn --by cohort``."""
        return {
            "value": month_key(self.month),
            "customers": self.customers,
            "complete": self.complete,
            "cells": [each.as_dict() for each in self.cells],
        }


def cohorts(
    counts: Mapping[date, Mapping[int, int]], *, as_of: date, data_through: date | None
) -> tuple[Cohort, ...]:
    """The newest SHOWN cohorts, oldest first, with at most SHOWN months after their first.

    ``counts``: month of the first order -> months since -> customers who ordered; a month in which nobody did is
    missing there and 0 here, as long as the data reach into it.
    """
    if data_through is None:
        return ()
    seen_through = min(as_of, data_through)
    return tuple(_cohort(month, counts[month], seen_through) for month in sorted(counts)[-SHOWN:])


def _cohort(month: date, ordered: Mapping[int, int], seen_through: date) -> Cohort:
    size = ordered[0]
    return Cohort(
        month=month,
        customers=size,
        complete=last_day(month) <= seen_through,
        cells=tuple(
            Cell(
                months_since=since,
                ordered=ordered.get(since, 0),
                share=ordered.get(since, 0) / size,
                complete=last_day(months_after(month, since)) <= seen_through,
            )
            for since in range(1, SHOWN + 1)
            if months_after(month, since) <= month_of(seen_through)
        ),
    )
