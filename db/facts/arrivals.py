"""Which staged orders are to be written: the new, and those that say something else than what is there.

Orders are known again by two hashes of 64 bits of their ids (a billion of ids has two that agree in both with a
chance of 1e-20), and are the same by a third of what they say. Texts would take several times the CPU and memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.facts.staged import Flags, Numbers, Staged

Hashes = NDArray[np.uint64]
Rows = NDArray[np.uint32]

_SAID = {
    "customer_no": pl.Int64(), "ordered_on": pl.Date(), "ordered_at": pl.Datetime("us", "UTC"),
    "amount_minor": pl.Int64(), "refund_of": pl.String(),
}  # fmt: skip
_SECOND = 1 << 32  # a seed that no search comes to


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Of each staged row whether it is to be written, and whether it replaces one that is there."""

    kept: Flags
    supersedes: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """The last row of each order id by the id's first hash, ascending; the second one of every row."""

    seed: int
    first: Hashes
    rows: Rows
    second: Hashes

    def find(self, ids: pl.Series) -> tuple[Rows, Rows]:
        """Which of ``ids`` are there, by their places, and the rows they are."""
        hashes = _hashes(ids, self.seed)
        order = np.argsort(hashes)  # so that neighbours are looked for in the same memory
        place = np.minimum(np.searchsorted(self.first, hashes[order]), len(self.first) - 1)
        found = (self.first[place] == hashes[order]) & (
            self.second[self.rows[place]] == _hashes(ids, _SECOND)[order]
        )
        return order[found], self.rows[place[found]]


def arrivals(staged: Staged, present: Sequence[Path], customer_no: Numbers) -> Arrivals | None:
    """What of the staged orders of one source arrives; None where all does, and replaces nothing.

    ``present``: the fact files of that source, oldest first; ``customer_no``: of each of ``staged.ids``. Of an id
    that comes twice in the file the last row wins.
    """
    if not present and staged.ascending:
        return None
    first = _hashes_of(staged, 0)
    if not present and _all_differ(first):
        return None
    second = _hashes_of(staged, _SECOND)
    firsts = ((seed, _hashes_of(staged, seed) if seed else first) for seed in count())
    index = next(found for seed, hashes in firsts if (found := _index(hashes, second, seed)))
    kept, supersedes = np.zeros(len(first), dtype=bool), np.zeros(len(first), dtype=bool)
    kept[index.rows] = True
    said = _all_said(staged, customer_no) if present else second
    for theirs in _orders(present):
        places, rows = index.find(theirs["order_id"])
        supersedes[rows] = True
        kept[rows] = said[rows] != _said(theirs)[places]
    return Arrivals(kept=kept, supersedes=supersedes)


def _hashes(texts: pl.Series, seed: int) -> Hashes:
    return texts.hash(seed).to_numpy()


def _hashes_of(staged: Staged, seed: int) -> Hashes:
    """Of all order ids, which need not be in memory at once for it."""
    return np.concatenate([_hashes(ids, seed) for ids in staged.columns("order_id")])


def _all_differ(hashes: Hashes) -> bool:
    """Whether surely no id comes twice."""
    found = pl.Series(hashes).sort().to_numpy()
    return not (found[1:] == found[:-1]).any()


def _index(first: Hashes, second: Hashes, seed: int) -> _Index | None:
    """None where two ids have the first hash in common."""
    order = np.argsort(first).astype(np.uint32)
    ascending = first[order]
    begins = np.flatnonzero(np.diff(ascending, prepend=~ascending[:1]))
    rows = np.maximum.reduceat(order, begins)
    index = _Index(seed=seed, first=ascending[begins], rows=rows, second=second)
    runs = np.diff(begins, append=len(order))
    return index if (second[order] == np.repeat(second[rows], runs)).all() else None


def _all_said(staged: Staged, customer_no: Numbers) -> Hashes:
    numbered = (part.with_columns(customer_no=customer_no[staged.buyer[at]]) for at, part in staged.parts())
    return np.concatenate([_said(part) for part in numbered])


def _said(orders: pl.DataFrame) -> Hashes:
    none = {name: pl.lit(None) for name in _SAID if name not in orders.columns}  # of refunds
    return orders.with_columns(**none).select(pl.col(n).cast(t) for n, t in _SAID.items()).hash_rows().to_numpy()


def _orders(present: Sequence[Path]) -> Iterator[pl.DataFrame]:
    for file in present:
        scan = pl.scan_parquet(file, glob=False)  # by itself: older files have fewer columns
        there = scan.collect_schema().names()
        yield from scan.select("order_id", *(name for name in _SAID if name in there)).collect_batches()
