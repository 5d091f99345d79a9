"""Ids in the order they come, each once: a hash table of arrays, which takes a batch at a time.

Twenty million rows of a million ids joined at the end cost three times the CPU. An id is known by two hashes of 64
bits: of a billion ids two agree in both with a chance of 1e-20.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.uint32]
Slots = NDArray[np.int64]

_SLOTS = 1 << 12  # at first; at least half of them are free
_FREE = np.uint32(0xFFFFFFFF)


def two_hashes(ids: pl.Series) -> tuple[Hashes, Hashes]:
    """Of each id; none of the first is 0."""
    return np.maximum(ids.hash(1).to_numpy(), 1), ids.hash(2).to_numpy()


class Roll:
    """Every id that came, and its place among them."""

    def __init__(self) -> None:
        self._ids = [pl.Series("id", [], dtype=pl.String)]
        self._first, self._second = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint64)  # by place
        self._count = 0
        self._shared: dict[str, int] = {}  # ids whose first hash another one has, and their places
        self._clear(_SLOTS)

    def places(self, ids: pl.Series) -> Places:
        """Of each of ``ids``; those that have not come before are added."""
        first, second = two_hashes(ids)
        places = np.take(self._places, self._find(first))
        new = np.flatnonzero(places == _FREE)
        if len(new):
            _, once = np.unique(first[new], return_index=True)
            self._add(ids, first, second, new[np.sort(once)])
            places[new] = self._places[self._find(first[new])]
        for row in np.flatnonzero(np.take(self._second, places) != second).tolist():
            places[row] = self._place_of_shared(ids[row])
        return places

    def ids(self) -> pl.Series:
        """All of them, by place."""
        return pl.concat(self._ids, rechunk=True)

    def _place_of_shared(self, id_: str) -> int:
        if id_ not in self._shared:
            self._shared[id_] = self._count
            self._note(pl.Series([id_]), np.zeros(1, np.uint64), np.zeros(1, np.uint64))
        return self._shared[id_]

    def _note(self, ids: pl.Series, first: Hashes, second: Hashes) -> None:
        self._ids.append(ids.alias("id"))
        end = self._count + len(first)
        if end > len(self._first):
            room = np.zeros(2 * end - len(self._first), np.uint64)
            self._first, self._second = np.append(self._first, room), np.append(self._second, room)
        self._first[self._count : end], self._second[self._count : end] = first, second
        self._count = end

    def _clear(self, slots: int) -> None:
        self._keys, self._places = np.zeros(slots, np.uint64), np.full(slots, _FREE)

    def _find(self, first: Hashes) -> Slots:
        """Where each is, or the free slot where it would be."""
        last = len(self._keys) - 1
        slots = (first & np.uint64(last)).view(np.int64)
        there = np.take(self._keys, slots)
        astray = np.flatnonzero(there != first)
        astray = astray[there[astray] != 0]
        while len(astray):
            slots[astray] = (slots[astray] + 1) & last
            there = self._keys[slots[astray]]
            astray = astray[(there != first[astray]) & (there != 0)]
        return slots

    def _add(self, ids: pl.Series, first: Hashes, second: Hashes, rows: Slots) -> None:
        begun = self._count
        self._note(ids.gather(rows), first[rows], second[rows])
        if 2 * self._count > len(self._keys):
            self._clear(1 << (4 * self._count).bit_length())
            begun = 0
        places = (begun + np.flatnonzero(self._first[begun : self._count])).astype(np.uint32)  # all but the shared
        while len(places):  # of several that are after one slot the last gets it
            slots = self._find(self._first[places])
            self._keys[slots], self._places[slots] = self._first[places], places
            places = places[self._keys[slots] != self._first[places]]
