"""Orders on their way into the facts: staged rows in Arrow files, read as they lie there, and whose they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.facts.roll import Roll

Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

_SAID = ["order_id", "ordered_on", "ordered_at", "amount_minor"]
_REFUND = "refund_of"  # only in the files of batches that have any


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Staged orders in the order of their lines, with 4 bytes a row in memory.

    ``ids``: customer_id (String), each once; ``buyer``: of each row its place in ``ids``; ``refunds``: whether any
    row has a ``refund_of``; ``ascending``: whether the order ids surely are, each longer than the one before it or
    after it in the alphabet.
    """

    files: Sequence[Path]
    refunds: bool
    ascending: bool
    ids: pl.Series
    buyer: NDArray[np.uint32]

    def columns(self, name: str) -> Iterator[pl.Series]:
        """One column, file by file."""
        return (pl.scan_ipc(file, glob=False).select(name).collect().to_series() for file in self.files)

    def parts(self) -> Iterator[tuple[slice, pl.DataFrame]]:
        """All but whose they are, file by file, and where they stand among all; ``refund_of`` if there are any."""
        at = 0
        for file in self.files:
            refunds = _REFUND in pl.read_ipc_schema(file)
            columns = [*_SAID, _REFUND] if refunds else _SAID
            frame = pl.scan_ipc(file, glob=False).select(columns).collect()
            if self.refunds and not refunds:
                frame = frame.with_columns(pl.lit(None, pl.String).alias(_REFUND))
            yield slice(at, at + frame.height), frame
            at += frame.height

    def numbers(self, people: pl.DataFrame) -> Numbers:
        """customer_no of each of ``ids``, who are all in ``people`` (customer_id, customer_no)."""
        asked = self.ids.to_frame("customer_id")
        found = asked.join(people, on="customer_id", how="left", maintain_order="left", validate="1:1")
        return found["customer_no"].to_numpy()


class Staging:
    """Orders on their way to ``folder``, batch after batch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._refunds, self._ascending = False, True
        self._last = pl.Series("order_id", [], dtype=pl.String)
        self._customers = Roll()
        self._buyers: list[NDArray[np.uint32]] = []

    def add(self, orders: pl.DataFrame) -> None:
        """Some orders (``winback.intake.fields.SCHEMAS``), of later lines than those before."""
        refunds = orders[_REFUND].null_count() < orders.height
        self._refunds |= refunds
        self._ascending = self._ascending and _ascend(pl.concat([self._last, orders["order_id"]], rechunk=True))
        self._last = orders["order_id"].tail(1)
        self._buyers.append(self._customers.places(orders["customer_id"]))
        self._files.append(self._folder / f"{len(self._files)}.arrow")
        orders.select(*_SAID, *([_REFUND] if refunds else [])).write_ipc(self._files[-1])

    def staged(self) -> Staged:
        """All of them."""
        return Staged(
            files=self._files,
            refunds=self._refunds,
            ascending=self._ascending,
            ids=self._customers.ids(),
            buyer=np.concatenate(self._buyers),
        )


def _ascend(ids: pl.Series) -> bool:
    """Does each id come after the one before it, the shorter first? So counters do: none comes twice."""
    later, earlier = ids.slice(1), ids.slice(0, len(ids) - 1)
    size, before = later.str.len_bytes(), earlier.str.len_bytes()
    return bool(((size > before) | ((size == before) & (later > earlier))).all())
