"""All orders until a day in a few flat arrays: what features, what followed and every rolling cut are read from.

Whatever is asked takes the day it is asked for and looks at nothing after it: that one comparison is the only
guard against reading the future, so it stands in ``_until`` alone.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.features import EARLIER, FEATURES, EarlierWindow

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

EPOCH: Final = date(1970, 1, 1)
DAY_BITS: Final = 20  # of a packed (customer, day), whose day counts from the year 1: 2,870 years
YEAR_ONE: Final = (date(1, 1, 1) - EPOCH).days
_NEAR: Final = 0.02  # of a unit: what is the same moment to a learner


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLog:
    """Orders and refunds of customers, one entry an order row, and their purchase days, one entry a customer-day.

    ``no``: the customers' numbers, ascending; ``who`` and ``visitor`` point into it. Days count from 1970-01-01.
    ``visitor`` and ``visited`` (a customer's distinct days with an order) ascend together; ``paid`` says whether
    the day's orders sum to more than 0.
    """

    no: Integers
    who: NDArray[np.int32]
    day: NDArray[np.int32]
    minor: Integers
    visitor: NDArray[np.int32]
    visited: NDArray[np.int32]
    paid: Mask


def order_log(customer_no: Integers, day: NDArray[np.int32], minor: Integers) -> OrderLog:
    """The log of order rows; three arrays of one length, in any order."""
    ordered = minor >= 0
    whole = bool(ordered.all())
    keys = _days_of(customer_no, day) if whole else _days_of(customer_no[ordered], day[ordered])
    free = minor == 0
    paid = np.ones(len(keys), dtype=bool)
    if free.any():
        positive = minor > 0
        paid = np.isin(keys, _days_of(customer_no[positive], day[positive]), assume_unique=True)
    numbers = keys >> DAY_BITS
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]) if len(keys) else np.empty(0, dtype=np.int64)
    no = numbers[starts]
    place = np.full(int(customer_no.max(initial=0)) + 1, -1, dtype=np.int32)
    place[no] = np.arange(len(no), dtype=np.int32)
    who = place[customer_no]
    if (who < 0).any():  # refunds of somebody who never ordered
        known = who >= 0
        who, day, minor = who[known], day[known], minor[known]
    return OrderLog(
        no=no,
        who=who,
        day=day,
        minor=minor,
        visitor=place[numbers],
        visited=((keys & ((1 << DAY_BITS) - 1)) + YEAR_ONE).astype(np.int32),
        paid=paid,
    )


def _days_of(customer_no: Integers, day: NDArray[np.int32]) -> Integers:
    """Distinct (customer, day), packed and ascending."""
    keys = (customer_no << DAY_BITS) | (day - YEAR_ONE)
    keys.sort()
    return keys[np.r_[True, keys[1:] != keys[:-1]]] if len(keys) else keys


def number_of(day: date) -> int:
    """Days from 1970-01-01."""
    return (day - EPOCH).days


def first_day(log: OrderLog) -> date | None:
    """The day of the first order; None without any."""
    return EPOCH + timedelta(days=int(log.visited.min())) if len(log.visited) else None


def _until(days: NDArray[np.int32], as_of: date) -> Mask | slice:
    """Which days are known at the end of ``as_of``; where all are, a slice, which copies nothing."""
    known = days <= number_of(as_of)
    return slice(None) if known.all() else known


def features_at(log: OrderLog, as_of: date) -> pl.DataFrame:
    """FEATURES at the end of ``as_of``."""
    rows, visits = _until(log.day, as_of), _until(log.visited, as_of)
    count = len(log.no)
    visitor, visited = log.visitor[visits], log.visited[visits].astype(np.int64)
    who, minor = log.who[rows], log.minor[rows]
    gross = np.maximum(minor, 0)
    starts = (
        np.flatnonzero(np.r_[True, visitor[1:] != visitor[:-1]]) if len(visitor) else np.empty(0, dtype=np.int64)
    )
    known = visitor[starts]
    ends = np.r_[starts[1:], len(visitor)] - 1 if len(starts) else starts
    first = np.zeros(count, dtype=np.int64)
    first[known] = visited[starts]
    days = np.bincount(visitor, minlength=count)[known]
    paid = np.bincount(visitor[log.paid[visits]], minlength=count)[known]
    gross_sum = _sums(who, gross, count)[known]
    opening = (log.day[rows] == first[who]) & (minor > 0)
    opening_sum = _sums(who[opening], minor[opening], count)[known]
    frame = pl.DataFrame(
        {
            "customer_no": log.no[known],
            "first_order_on": first[known].astype(np.int32),
            "last_order_on": visited[ends].astype(np.int32),
            "orders": np.bincount(who[minor >= 0], minlength=count)[known],
            "purchase_days": days,
            "span_days": visited[ends] - first[known],
            "age_days": number_of(as_of) - first[known],
            "gross_minor": gross_sum,
            "net_minor": _sums(who, minor, count)[known],
            "positive_days": paid,
            "positive_minor": gross_sum,
            "repeat_positive_days": paid - (opening_sum > 0),
            "repeat_positive_minor": gross_sum - opening_sum,
        }
    )
    return frame.cast(FEATURES)


def _sums(who: NDArray[np.int32], minor: Integers, count: int) -> Integers:
    """Whole sums by customer; exact up to 2^53 minor units."""
    return np.bincount(who, weights=minor, minlength=count).astype(np.int64)


def windows_at(log: OrderLog, as_of: date, features: pl.DataFrame, unit_days: int) -> Floats:
    """What the learners read of each row of ``features`` (FEATURES of ``as_of``); shape (n, columns), finite.

    Times are in units of ``unit_days`` and money in mean purchase days, so that a model taught with one label
    window can be asked about another: recency, age, pace and the centre of the purchase days; purchase days and
    spend within multiples of the unit; mean and net spend. All in logs.
    """
    rows, visits = _until(log.day, as_of), _until(log.visited, as_of)
    today, count = number_of(as_of), len(log.no)
    known = np.searchsorted(log.no, features["customer_no"].to_numpy())
    visitor, visited = log.visitor[visits], log.visited[visits]
    who, day, gross = log.who[rows], log.day[rows], np.maximum(log.minor[rows], 0)
    age, span, days = (
        features[name].to_numpy().astype(float) for name in ("age_days", "span_days", "purchase_days")
    )
    silent, age = (age - span) / unit_days, age / unit_days
    total, net = (features[name].to_numpy().astype(float) for name in ("gross_minor", "net_minor"))
    mean_spend = max(total.sum() / max(days.sum(), 1.0), 1.0)
    centre = (today - np.bincount(visitor, weights=visited, minlength=count)[known] / days) / unit_days
    columns = [np.log(silent + _NEAR), np.log(age + _NEAR), np.log(centre + _NEAR), np.log1p(days - 1)]
    columns += [
        silent / (age + 1 / unit_days),
        np.log((days - 0.7) / (age + 0.3)),
        silent * (days - 0.5) / (age + 0.1),
    ]
    for units in (0.125, 0.25, 0.5, 1, 2):
        near = visited > today - units * unit_days
        columns.append(np.log1p(np.bincount(visitor[near], minlength=count)[known]))
    for units in (0.25, 0.5, 1, 2):
        near = day > today - units * unit_days
        columns.append(np.log1p(_sums(who[near], gross[near], count)[known] / mean_spend))
    columns += [np.log1p(total / days / mean_spend), np.log1p(np.maximum(net, 0) / mean_spend)]
    return np.column_stack(columns)


def recent_of(log: OrderLog, as_of: date, features: pl.DataFrame, days: int) -> tuple[Floats, ...]:
    """Purchase days in the last ``days`` until ``as_of`` and in as many before, then spend (minor units) so."""
    today, count = number_of(as_of), len(log.no)
    known = np.searchsorted(log.no, features["customer_no"].to_numpy())
    found = []
    for last in (today, today - days):
        near = (log.visited <= last) & (log.visited > last - days)
        found.append(np.bincount(log.visitor[near], minlength=count)[known].astype(np.float64))
    for last in (today, today - days):
        near = (log.day <= last) & (log.day > last - days)
        found.append(_sums(log.who[near], np.maximum(log.minor[near], 0), count)[known].astype(np.float64))
    return tuple(found)


def followed(log: OrderLog, features: pl.DataFrame, cut: date, days: int) -> tuple[Mask, Integers]:
    """Whether each row of ``features`` ordered in [cut + 1, cut + days], and his net (minor units) there."""
    first, last = number_of(cut), number_of(cut) + days
    known = np.searchsorted(log.no, features["customer_no"].to_numpy())
    visits = (log.visited > first) & (log.visited <= last)
    rows = (log.day > first) & (log.day <= last)
    ordered = np.bincount(log.visitor[visits], minlength=len(log.no))[known] > 0
    return ordered, _sums(log.who[rows], log.minor[rows], len(log.no))[known]


def only(log: OrderLog, customer_no: Integers) -> OrderLog:
    """The log of these customers alone."""
    kept = np.isin(log.no, customer_no, assume_unique=True)
    place = (np.cumsum(kept) - 1).astype(np.int32)
    rows, visits = kept[log.who], kept[log.visitor]
    return OrderLog(
        no=log.no[kept],
        who=place[log.who[rows]],
        day=log.day[rows],
        minor=log.minor[rows],
        visitor=place[log.visitor[visits]],
        visited=log.visited[visits],
        paid=log.paid[visits],
    )


def earlier_window(log: OrderLog, as_of: date, horizon_days: int) -> EarlierWindow:
    """The customers as they stood ``horizon_days`` before ``as_of``, and who of them ordered since."""
    before = as_of - timedelta(days=horizon_days)
    then = features_at(log, before)
    ordered, _ = followed(log, then, before, horizon_days)
    customers = then.select(
        "customer_no",
        recency_days=pl.col("age_days") - pl.col("span_days"),
        purchase_days="purchase_days",
        ordered=pl.lit(pl.Series(ordered, dtype=pl.Boolean)),
    )
    return EarlierWindow(as_of=before, horizon_days=horizon_days, customers=customers.cast(EARLIER))
