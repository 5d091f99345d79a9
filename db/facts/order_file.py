"""A fact file of orders: the staged ones that arrive, by customer, day and line.

The rows of each staged file are first brought together by groups of customers. A group is then sorted and read out
in the processor's cache: rows taken from all over the memory cost three times the CPU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from db.facts.arrivals import Arrivals
from db.facts.staged import Numbers, Staged

ORDER_COLUMNS = {
    "customer_no": pl.Int64(), "source": pl.String(), "order_id": pl.String(), "ordered_on": pl.Date(),
    "ordered_at": pl.Datetime("us", "UTC"), "amount_minor": pl.Int64(), "refund_of": pl.String(),
    "version": pl.Int32(), "supersedes": pl.Boolean(),
}  # fmt: skip
_GROUP_ROWS = 262_144
_COUNTED = 1 << 21  # rows at once: NumPy takes them as numbers of 64 bits
_DAY_BITS = 16  # since 1970, until 2149: moments are believed until 2099
_SHARE_BYTES = (
    450_000_000  # as staged, at once: 12 million orders with short ids; each share reads all staged files
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Orders of one staged file, with ``place``; those of the n-th group of a share begin at ``begins[n]``."""

    rows: pl.DataFrame
    begins: Sequence[int]

    def of(self, group: int) -> pl.DataFrame:
        begin, end = self.begins[group : group + 2]
        return self.rows.slice(begin, end - begin)


class OrderFile:
    """What it will hold: of the staged orders those that ``came``, None for all.

    ``customer_no``: of each of ``staged.ids``.
    """

    def __init__(self, staged: Staged, came: Arrivals | None, customer_no: Numbers) -> None:
        self._staged, self._came = staged, came
        order = np.argsort(customer_no)
        self._numbers = customer_no[order]
        self._place = np.empty(len(order), np.uint32)  # of each of staged.ids in _numbers
        self._place[order] = np.arange(len(order), dtype=np.uint32)
        ends = np.cumsum(self._orders_of_each()[order])
        self._groups = _stretches(ends, _GROUP_ROWS)  # of customers
        most = _SHARE_BYTES * len(staged.buyer) // sum(file.stat().st_size for file in staged.files)
        self._shares = _stretches(ends[np.array(self._groups[1:]) - 1], most)  # of groups
        group = np.arange(len(self._groups) - 1, dtype=np.min_scalar_type(len(self._groups)))
        self._group = np.repeat(group, np.diff(self._groups))[self._place]  # of each of staged.ids

    def counts(self) -> tuple[int, int]:
        """How many orders are new, and how many replace an earlier version."""
        if self._came is None:
            return len(self._staged.buyer), 0
        changed = int(np.count_nonzero(self._came.kept & self._came.supersedes))
        return int(np.count_nonzero(self._came.kept)) - changed, changed

    def _orders_of_each(self) -> NDArray[np.int64]:
        """Of ``staged.ids``."""
        buyer, found = self._staged.buyer, np.zeros(len(self._staged.ids), np.int64)
        for at in range(0, len(buyer), _COUNTED):
            some = slice(at, at + _COUNTED)
            counted = buyer[some] if self._came is None else buyer[some][self._came.kept[some]]
            found += np.bincount(counted, minlength=len(found))
        return found

    def write(self, target: Path, *, source: str, version: int) -> tuple[date, date]:
        """As Parquet, in memory that does not grow with the orders unless one customer has them all.

        Gives the first and the last day with an order; there must be orders.
        """
        days: list[date] = []
        told = {"source": pl.lit(source), "version": pl.lit(version, pl.Int32)}
        if self._came is None:
            told["supersedes"] = pl.lit(False)
        if not self._staged.refunds:
            told["refund_of"] = pl.lit(None, pl.String)

        def groups(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
            for first, end in pairwise(self._shares):
                for group in self._in_order(first, end):
                    days.extend(group.select(first=pl.min("ordered_on"), last=pl.max("ordered_on")).row(0))
                    yield group.with_columns(**told).select(columns or list(ORDER_COLUMNS))

        orders = register_io_source(groups, schema=ORDER_COLUMNS)
        orders.sink_parquet(target, compression="zstd", compression_level=1, row_group_size=_GROUP_ROWS)
        return min(days), max(days)

    def _in_order(self, first: int, end: int) -> Iterator[pl.DataFrame]:
        """The orders of some groups, one after the other, without what all have in common."""
        parts = list(self._parts(first, end))
        for group in range(end - first):
            rows = pl.concat([part.of(group) for part in parts], rechunk=True)
            yield self._sorted(rows, self._groups[first + group])

    def _sorted(self, rows: pl.DataFrame, first: int) -> pl.DataFrame:
        """Orders of the customers from place ``first`` on, which come by line.

        Customer, day and row are sorted as one number: a quarter of the CPU that three take.
        """
        bits = len(rows).bit_length()
        place = rows["place"].to_numpy().astype(np.int64) - first
        days = rows["ordered_on"].to_physical().to_numpy()
        packed = pl.Series(((place << _DAY_BITS | days) << bits) | np.arange(len(rows)))
        keys = packed.sort(multithreaded=False).to_numpy()  # so many are sorted by one at half the CPU
        days = (keys >> bits) & ((1 << _DAY_BITS) - 1)
        row = pl.Series((keys & ((1 << bits) - 1)).astype(np.uint32))
        return (
            rows.drop("place")[row]
            .shrink_to_fit()
            .with_columns(
                customer_no=pl.Series(np.take(self._numbers, first + (keys >> (bits + _DAY_BITS)))),
                ordered_on=pl.Series(days.astype(np.int32)).cast(pl.Date),
            )
        )

    def _parts(self, first: int, end: int) -> Iterator[_Part]:
        """The orders of some groups, by staged file."""
        for at, rows in self._staged.parts():
            buyer = self._staged.buyer[at]
            group = np.take(self._group, buyer)
            order = np.argsort(group, kind="stable")
            if self._came is not None:
                order = order[self._came.kept[at][order]]
            begins = np.searchsorted(group[order], np.arange(first, end + 1, dtype=group.dtype))
            order = order[begins[0] : begins[-1]]
            told = {"place": pl.Series(np.take(self._place, buyer[order]))}
            if self._came is not None:
                told["supersedes"] = pl.Series(self._came.supersedes[at][order])
            chosen = rows[
                pl.Series(order.astype(np.uint32))
            ].shrink_to_fit()  # else it holds all long ids of the file
            yield _Part(rows=chosen.with_columns(**told), begins=(begins - begins[0]).tolist())


def _stretches(ends: NDArray[np.int64], most: int) -> list[int]:
    """Where stretches of at most ``most`` begin, or of one that is more; then the end. ``ends``: running sums."""
    begins, done = [0], 0
    while begins[-1] < len(ends):
        begins.append(max(begins[-1] + 1, int(np.searchsorted(ends, done + most, side="right"))))
        done = int(ends[begins[-1] - 1])
    return begins
