"""Churn and sales month by month, and the warning when customers and revenue part ways.

A rise in prices can hide that customers leave: revenue stays while customers and orders fall. So the three are set
side by side, and three months are compared with the same three a year before (with the three before them while
the data do not reach that far back: then a season can be the reason, and the text says so).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from winback.lift.intervals import Z95
from winback.money import major
from winback.overview.churn import Churn, ChurnBy
from winback.overview.months import ends_of_months, last_day, month_ends, month_key, month_of, months_after

MONTHS = 13  # a year of them, and beside the newest the same month a year before
COMPARED = 3  # months on either side of the comparison
MOVED = 0.05  # a change of less than 5 % is none


class Divergence(StrEnum):
    """How customers or orders and revenue parted ways."""

    REVENUE_HIDES_LOSS = "revenue_hides_loss"
    CUSTOMERS_HIDE_LOSS = "customers_hide_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSales:
    """One month (its first day): customers who ordered, orders, revenue net of refunds in minor units.

    ``complete``: the data reach its last day.
    """

    month: date
    customers: int
    orders: int
    revenue_minor: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Sums of COMPARED months against earlier ones; changes as shares (-0.1 = 10 % less), None from nothing."""

    first: date
    before_first: date
    a_year_before: bool
    customers_change: float | None
    orders_change: float | None
    revenue_change: float | None
    divergence: Divergence | None

    def as_dict(self) -> dict[str, Any]:
        """The comparison in the JSON of ``winback churn --by month``; months as the first of the three."""
        return {
            "first_month": month_key(self.first),
            "before_first_month": month_key(self.before_first),
            "a_year_before": self.a_year_before,
            "customers_change": self.customers_change,
            "orders_change": self.orders_change,
            "revenue_change": self.revenue_change,
            "divergence": None if self.divergence is None else self.divergence.value,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthChurn:
    """Churn of the window after a month's end, beside the sales of that month.

    ``covered``: the data begin before the look-back window does; else ``active`` misses customers.
    """

    as_of: date
    complete: bool
    covered: bool
    churn: ChurnBy
    sales: MonthSales

    def as_dict(self, currency: str) -> dict[str, Any]:
        """A row of ``by``."""
        return self.churn.as_dict(currency) | {
            "as_of": self.as_of.isoformat(),
            "complete": self.complete,
            "covered": self.covered,
            "customers": self.sales.customers,
            "orders": self.sales.orders,
            "revenue": float(major(self.sales.revenue_minor, currency)),
            "month_complete": self.sales.complete,
        }


def ends_told(as_of: date, window_days: int, data_through: date | None) -> list[date]:
    """The last MONTHS ends of months whose window the data cover, and those after them on or before ``as_of``."""
    if data_through is None:
        return []
    newest = min(as_of, data_through - timedelta(days=window_days))
    return ends_of_months(month_ends(newest, MONTHS)[0], min(as_of, data_through))


def sales_through(
    rows: Mapping[date, tuple[int, int, int]], *, as_of: date, data_through: date | None
) -> tuple[MonthSales, ...]:
    """Every month from the first with a fact to that of ``as_of``; (0, 0, 0) for one in between that has none.

    ``rows``: month -> customers, orders, revenue in minor units.
    """
    if not rows or data_through is None:
        return ()
    seen_through = min(as_of, data_through)
    found: list[MonthSales] = []
    month = min(rows)
    while month <= seen_through:
        customers, orders, revenue_minor = rows.get(month, (0, 0, 0))
        found.append(
            MonthSales(
                month=month, customers=customers, orders=orders, revenue_minor=revenue_minor,
                complete=last_day(month) <= seen_through,
            )
        )  # fmt: skip
        month = months_after(month, 1)
    return tuple(found)


def months_of_churn(found: Sequence[Churn], sales: Sequence[MonthSales]) -> tuple[MonthChurn, ...]:
    """The months whose sales are known, each with its churn; the first of ``sales`` is where the data begin."""
    known = {each.month: each for each in sales}
    return tuple(
        MonthChurn(
            as_of=each.as_of,
            complete=each.complete,
            covered=each.as_of - timedelta(days=each.window_days - 1) >= sales[0].month,
            churn=each.total,
            sales=known[month_of(each.as_of)],
        )
        for each in found
        if month_of(each.as_of) in known
    )


def compare_sales(sales: Sequence[MonthSales]) -> Comparison | None:
    """The newest COMPARED complete months against the same a year before, or against those just before them.

    None while there are too few complete months. The first month takes no part: the data may begin within it.
    """
    complete = [each for each in sales[1:] if each.complete]
    newest = complete[-COMPARED:]
    for back in (12, COMPARED):
        before = complete[-COMPARED - back : -back]
        if len(before) == COMPARED:
            return _comparison(newest, before, a_year_before=back == 12)
    return None


def _comparison(newest: Sequence[MonthSales], before: Sequence[MonthSales], *, a_year_before: bool) -> Comparison:
    customers = [sum(each.customers for each in part) for part in (newest, before)]
    orders = [sum(each.orders for each in part) for part in (newest, before)]
    revenue = [sum(each.revenue_minor for each in part) for part in (newest, before)]
    return Comparison(
        first=newest[0].month,
        before_first=before[0].month,
        a_year_before=a_year_before,
        customers_change=_change(*customers),
        orders_change=_change(*orders),
        revenue_change=_change(*revenue),
        divergence=_divergence(customers, orders, _change(*revenue)),
    )


def _change(now: int, before: int) -> float | None:
    return now / before - 1 if before > 0 else None


def _divergence(customers: list[int], orders: list[int], revenue_change: float | None) -> Divergence | None:
    if revenue_change is None:
        return None
    revenue_fell = revenue_change <= -MOVED
    if not revenue_fell and (_fell(*customers) or _fell(*orders)):
        return Divergence.REVENUE_HIDES_LOSS
    grew = _fell(*reversed(customers)) or _fell(*reversed(orders))
    return Divergence.CUSTOMERS_HIDE_LOSS if revenue_fell and grew else None


def _fell(now: int, before: int) -> bool:
    """By MOVED or more, and by more than chance does: two Poisson counts, z = (a - b) / sqrt(a + b)."""
    return before > 0 and now <= before * (1 - MOVED) and before - now > Z95 * (now + before) ** 0.5
