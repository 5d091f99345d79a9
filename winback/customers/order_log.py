"""All orders until a day in a few flat arrays: what features, what followed and every rolling cut are read from.

Whatever is asked takes the day it is asked for and looks at nothing after it: that one comparison is the only
guard against reading the future, so it stands in ``_after`` and ``_refunds`` alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.features import EARLIER, FEATURES, EarlierWindow

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Windows = Callable[[slice], list[Floats]]  # of which rows -> columns of shape (n,)
Rows = tuple[Integers, Integers]  # ``packed`` customer and day, minor units: arrays of one length

EPOCH: Final = date(1970, 1, 1)
DAY_BITS: Final = 20  # of ``packed``, whose day counts from the year 1: 2,870 years
DAY_MASK: Final = (1 << DAY_BITS) - 1
YEAR_ONE: Final = (date(1, 1, 1) - EPOCH).days
BLOCK: Final = 1 << 17
"""Rows at a time: what is done with them is done in the processor's cache, and without fresh memory."""

MANY_RUNS: Final = 10_000

EVERYBODY: Final = slice(None)

_SINCE: Final = (2, 1, 0.5, 0.25, 0.125)
"""Units back: purchase days since each are a column, and spend since all but the last."""

_NOTHING: Final = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)

_NEAR: Final = 0.02  # of a unit: what is the same moment to a learner


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLog:
    """Purchase days of customers, one entry a customer and day with an order, and refunds, one entry a row.

    ``no``: the customers' numbers, ascending. Of customer i the purchase days are ``day[start[i]:start[i + 1]]``,
    ascending, counted from 1970-01-01. ``orders`` and ``gross`` (minor units) are what came before each entry,
    with the total at the end: what a stretch of entries holds is one difference. ``refunder`` points into ``no``.
    ``newest``: the newest purchase day, 0 where there is none.
    """

    no: Integers
    start: Integers
    day: NDArray[np.int32]
    orders: NDArray[np.int32]
    gross: Integers
    refunder: Integers
    refund_day: NDArray[np.int32]
    refund_minor: Integers
    newest: int


Number = TypeVar("Number", Integers, pl.Expr)


def packed(customer_no: Number, day: Number) -> Number:
    """Customer and day (from 1970-01-01) as one number, by which rows are sorted."""
    return customer_no * (1 << DAY_BITS) + (day - YEAR_ONE)


def order_log(pieces: Iterable[Rows]) -> OrderLog:
    """The log of order rows, which come in pieces in any order; ascending they cost least."""
    runs = _runs(pieces)
    visits = _Visits(sum(len(minor) for _, minor in runs))
    for block in _blocks(runs):
        visits.add(*block)
    return visits.log()


def _blocks(runs: list[Rows]) -> Iterator[Rows]:
    """The rows of ascending runs, ascending, about BLOCK at a time; what is done with is taken out of ``runs``, so
    that there are never both all rows and the whole log."""
    if not runs:
        return
    count = sum(len(minor) for _, minor in runs) // BLOCK + 2
    first, last = min(at[0] for at, _ in runs), max(at[-1] for at, _ in runs)
    edges = np.linspace(first >> DAY_BITS, (last >> DAY_BITS) + 1, count).astype(np.int64) << DAY_BITS
    ends = np.array([np.searchsorted(at, edges) for at, _ in runs])
    for begin, end in zip(ends.T, ends.T[1:], strict=False):
        some = [(runs[run], slice(begin[run], end[run])) for run in np.flatnonzero(end > begin).tolist()]
        if some:
            at = np.concatenate([at[of] for (at, _), of in some])
            order = np.argsort(at, kind="stable")  # merges what is sorted
            yield at[order], np.concatenate([minor[of] for (_, minor), of in some])[order]
        for run in np.flatnonzero((end > begin) & (end == ends[:, -1])).tolist():
            runs[run] = _NOTHING


def _runs(pieces: Iterable[Rows]) -> list[Rows]:
    """The pieces cut where their rows begin anew, none empty; of rows in no order one run of all, sorted."""
    runs = []
    for at, minor in pieces:
        lower = at[1:] < at[:-1]
        if np.count_nonzero(lower) > MANY_RUNS:
            order = np.argsort(at, kind="stable")
            at, minor, lower = at[order], minor[order], lower[:0]
        ends = [0, *(np.flatnonzero(lower) + 1).tolist(), len(at)]
        runs += [(at[begin:end], minor[begin:end]) for begin, end in pairwise(ends) if end > begin]
    return runs


class _Visits:
    """The purchase days of sorted rows, gathered block by block; ``rows``: how many there are at most."""

    def __init__(self, rows: int) -> None:
        self._no, self._start = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        self._refunds: list[Rows] = [(self._no[0], self._no[0])]
        self._day, self._orders = np.empty(rows, dtype=np.int32), np.empty(rows + 1, dtype=np.int32)
        self._gross = np.empty(rows + 1, dtype=np.int64)
        self._orders[0] = self._gross[0] = self._count = 0
        self._last, self._newest = -1, 0

    def add(self, at_day: Integers, minor: Integers) -> None:
        """The next rows; those of one customer-day may come in two blocks."""
        back = minor < 0
        if back.any():
            self._refunds.append((at_day[back], minor[back]))
            at_day, minor = at_day[~back], minor[~back]
        if not len(minor):
            return
        first = np.flatnonzero(_changed(at_day, self._last))
        at, end, gross = self._count, self._count + len(first), _running(minor)
        visits = at_day[first]
        no = visits >> DAY_BITS
        other = np.flatnonzero(_changed(no, self._last >> DAY_BITS))
        self._day[at:end] = _day_of(visits)
        self._newest = max(self._newest, int(self._day[at:end].max()))
        orders_before, gross_before = self._orders[at], self._gross[at]
        self._orders[at:end], self._orders[end] = first + orders_before, len(minor) + orders_before
        self._gross[at:end], self._gross[end] = gross[first] + gross_before, gross[-1] + gross_before
        self._no.append(no[other])
        self._start.append(at + other)
        self._count, self._last = end, int(at_day[-1])

    def log(self) -> OrderLog:
        """All that was added."""
        no = np.concatenate(self._no)
        refunds, minor = (np.concatenate(each) for each in zip(*self._refunds, strict=True))
        refunder = refunds >> DAY_BITS
        known = np.isin(refunder, no)  # the others never ordered
        return OrderLog(
            no=no,
            start=np.append(np.concatenate(self._start), self._count),
            day=self._day[: self._count],
            orders=self._orders[: self._count + 1],
            gross=self._gross[: self._count + 1],
            refunder=np.searchsorted(no, refunder[known]),
            refund_day=_day_of(refunds[known]),
            refund_minor=minor[known],
            newest=self._newest,
        )


def _day_of(at_day: Integers) -> NDArray[np.int32]:
    return ((at_day & DAY_MASK) + YEAR_ONE).astype(np.int32)


def _changed(values: NDArray[Any], before: int) -> Mask:
    """Which values differ from the one before them."""
    new = np.empty(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    new[:1] = values[:1] != before
    return new


def _running(values: NDArray[Any]) -> Integers:
    """The sum of what came before each value, and of all at the end."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def number_of(day: date) -> int:
    """Days from 1970-01-01."""
    return (day - EPOCH).days


def first_day(log: OrderLog) -> date | None:
    """The day of the first order; None without any."""
    return EPOCH + timedelta(days=int(log.day.min())) if len(log.day) else None


def _after(log: OrderLog, day: float, of: slice = EVERYBODY) -> Integers:
    """For each customer the entry where his purchase days after ``day`` begin; his end where there is none."""
    if day >= log.newest:
        return log.start[1:][of]
    return log.start[1:][of] - _sums(log, lambda days: (days > day).view(np.int8), of)


def _afters(log: OrderLog, days: Sequence[float], of: slice) -> list[Integers]:
    """``_after`` of each of ``days``, which ascend: each is looked for among what the one before has left."""
    begin, end = log.start[:-1][of], log.start[1:][of]
    found, left = [], end - begin
    rest = log.day[begin[0] : end[-1]]
    for day in days:
        later = rest > day
        before, until = _running(later), np.cumsum(left)
        left = before[until] - before[until - left]
        found.append(end - left)
        rest = rest[later]
    return found


def _sums(log: OrderLog, value: Callable[[NDArray[np.int32]], NDArray[Any]], of: slice = EVERYBODY) -> Integers:
    """For each customer the sum of ``value``, asked stretch by stretch of purchase days."""
    begin, end = log.start[:-1][of], log.start[1:][of]
    sums = np.empty(len(begin), dtype=np.int64)
    some = max(len(log.no) * BLOCK // max(len(log.day), 1), 1)
    for first in range(0, len(begin), some):
        here, until = begin[first : first + some], end[first : first + some]
        running = _running(value(log.day[here[0] : until[-1]]))  # two thirds of np.add.reduceat's CPU
        sums[first : first + some] = running[until - here[0]] - running[here - here[0]]
    return sums


def _paid_days(log: OrderLog, end: Integers) -> Integers:
    """For each customer how many purchase days before the entry ``end`` had an amount above 0: nearly all."""
    free = np.flatnonzero(log.gross[1:] == log.gross[:-1])
    owner = np.searchsorted(log.start, free, side="right") - 1
    owner = owner[free < end[owner]]
    return np.asarray(end - log.start[:-1] - np.bincount(owner, minlength=len(log.no)))


def _refunds(log: OrderLog, after: float, until: float) -> Integers:
    """Each customer's refunds (minor units, negative) of the days after ``after`` until ``until``."""
    kept = (log.refund_day > after) & (log.refund_day <= until)
    sums = np.bincount(log.refunder[kept], weights=log.refund_minor[kept], minlength=len(log.no))
    return sums.astype(np.int64)  # exact up to 2^53 minor units


def features_at(log: OrderLog, as_of: date) -> pl.DataFrame:
    """FEATURES at the end of ``as_of``."""
    today = number_of(as_of)
    end = _after(log, today)
    known = np.flatnonzero(end > log.start[:-1])
    paid = _paid_days(log, end)[known]
    begin, end = log.start[known], end[known]
    first, last = log.day[begin], log.day[end - 1]
    gross = log.gross[end] - log.gross[begin]
    opening = log.gross[begin + 1] - log.gross[begin]
    frame = pl.DataFrame(
        {
            "customer_no": log.no[known],
            "first_order_on": first,
            "last_order_on": last,
            "orders": log.orders[end] - log.orders[begin],
            "purchase_days": end - begin,
            "span_days": last - first,
            "age_days": today - first,
            "gross_minor": gross,
            "net_minor": gross + _refunds(log, -np.inf, today)[known],
            "positive_days": paid,
            "positive_minor": gross,
            "repeat_positive_days": paid - (opening > 0),
            "repeat_positive_minor": gross - opening,
        }
    )
    return frame.cast(FEATURES).with_columns(pl.col("customer_no").set_sorted())  # joins take a tenth of the time


def windows_at(log: OrderLog, as_of: date, features: pl.DataFrame, unit_days: int) -> Windows:
    """What the learners read of any stretch of rows of ``features`` (FEATURES of ``as_of``).

    Times are in units of ``unit_days`` and money in mean purchase days, so that a model taught with one label
    window can be asked about another: recency, age, pace and the centre of the purchase days; purchase days and
    spend within multiples of the unit; mean and net spend. All in logs.
    """
    places = _places(log, features)
    days, total = (int(features[name].sum()) for name in ("purchase_days", "gross_minor"))
    mean_spend = max(total / max(days, 1), 1.0)

    def read(of: slice) -> list[Floats]:
        return _windows(log, number_of(as_of), features[of], places[of], unit_days, mean_spend)

    return read


def _windows(
    log: OrderLog, today: int, features: pl.DataFrame, places: Integers, unit_days: int, mean_spend: float
) -> list[Floats]:
    """Columns of shape (n,), finite."""
    near = slice(places.min(), places.max() + 1)
    known = EVERYBODY if (np.diff(places) == 1).all() else places - near.start
    until = _after(log, today, near)
    past = log.newest <= today
    dates = _sums(log, lambda days: days if past else np.where(days <= today, days, 0), near)[known]
    end = until[known]
    age, span, days = (
        features[name].to_numpy().astype(float) for name in ("age_days", "span_days", "purchase_days")
    )
    silent, age = (age - span) / unit_days, age / unit_days
    total, net = (features[name].to_numpy().astype(float) for name in ("gross_minor", "net_minor"))
    centre = (today - dates / days) / unit_days
    columns = [np.log(silent + _NEAR), np.log(age + _NEAR), np.log(centre + _NEAR), np.log1p(days - 1)]
    columns += [
        silent / (age + 1 / unit_days),
        np.log((days - 0.7) / (age + 0.3)),
        silent * (days - 0.5) / (age + 0.1),
    ]
    since = [each[known] for each in _afters(log, [today - units * unit_days for units in _SINCE], near)]
    columns += [np.log1p(end - each) for each in reversed(since)]
    columns += [np.log1p((log.gross[end] - log.gross[each]) / mean_spend) for each in since[-2::-1]]
    columns += [np.log1p(total / days / mean_spend), np.log1p(np.maximum(net, 0) / mean_spend)]
    return columns


def _places(log: OrderLog, features: pl.DataFrame) -> Integers:
    """Where the customers of the rows of ``features`` stand in the log."""
    return np.searchsorted(log.no, features["customer_no"].to_numpy())


def recent_of(log: OrderLog, as_of: date, features: pl.DataFrame, days: int) -> tuple[Floats, ...]:
    """Orders in the last ``days`` until ``as_of`` and in as many before, then net spend (minor units) so."""
    known = _places(log, features)
    edges = [number_of(as_of) - days * back for back in (0, 1, 2)]
    ends = [_after(log, edge)[known] for edge in edges]
    stretches = list(zip(ends[1:], ends, strict=False))
    orders = [log.orders[end] - log.orders[begin] for begin, end in stretches]
    back = [_refunds(log, begin, end)[known] for begin, end in zip(edges[1:], edges, strict=False)]
    spent = [log.gross[e] - log.gross[b] + each for (b, e), each in zip(stretches, back, strict=True)]
    return tuple(each.astype(np.float64) for each in (*orders, *spent))


def followed(log: OrderLog, features: pl.DataFrame, cut: date, days: int) -> tuple[Mask, Integers]:
    """Whether each row of ``features`` ordered in [cut + 1, cut + days], and his net (minor units) there."""
    first, last = number_of(cut), number_of(cut) + days
    known = _places(log, features)
    begin, end = _after(log, first)[known], _after(log, last)[known]
    return end > begin, log.gross[end] - log.gross[begin] + _refunds(log, first, last)[known]


def only(log: OrderLog, customer_no: Integers) -> OrderLog:
    """The log of these customers alone."""
    kept = np.isin(log.no, customer_no, assume_unique=True)
    begin, size = log.start[:-1][kept], np.diff(log.start)[kept]
    start = _running(size)
    rows = np.arange(start[-1]) + np.repeat(begin - start[:-1], size)
    back = kept[log.refunder]
    return OrderLog(
        no=log.no[kept],
        start=start,
        day=log.day[rows],
        orders=_running(log.orders[rows + 1] - log.orders[rows]).astype(np.int32),
        gross=_running(log.gross[rows + 1] - log.gross[rows]),
        refunder=(np.cumsum(kept) - 1)[log.refunder[back]],
        refund_day=log.refund_day[back],
        refund_minor=log.refund_minor[back],
        newest=log.newest,
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
