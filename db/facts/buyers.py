"""Whose the staged orders are: of each row its customer, as a number into the distinct ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyers:
    """``ids``: customer_id (String), each once; ``of_row``: of each staged row its place in ``ids``."""

    ids: pl.Series
    of_row: NDArray[np.uint32]

    def numbers(self, people: pl.DataFrame) -> NDArray[np.int64]:
        """customer_no of each of ``ids``, all of whom are in ``people`` (customer_id, customer_no)."""
        return (
            self.ids.to_frame("customer_id")
            .join(people, on="customer_id", how="left", validate="1:1", maintain_order="left")["customer_no"]
            .to_numpy()
        )


def buyers_of(staged: Sequence[Path]) -> Buyers:
    """The customers of the staged orders; by 64-bit hashes, at a third of the CPU that the texts take."""
    ids = pl.concat([read_staged(file, "customer_id").to_series() for file in staged])
    return next(found for seed in count() if (found := _by_hashes(ids, seed)))


def read_staged(file: Path, *columns: str) -> pl.DataFrame:
    """Columns of a staged file, as they lie on the disk: their pages are not copied."""
    return pl.read_ipc(file).select(columns)


def _by_hashes(ids: pl.Series, seed: int) -> Buyers | None:
    """None where two ids have the same hash."""
    hashes = ids.hash(seed).rename("hash").rechunk()
    first = hashes.arg_unique()
    distinct = pl.DataFrame({"hash": hashes.gather(first)}).with_row_index("place")
    of_row = hashes.to_frame().join(distinct, on="hash", how="left", maintain_order="left")["place"]
    buyers = Buyers(ids=ids.gather(first), of_row=of_row.to_numpy())
    return buyers if _say_the_same(ids, buyers) else None


def _say_the_same(ids: pl.Series, buyers: Buyers) -> bool:
    at = 0
    for chunk in ids.get_chunks():
        end = at + len(chunk)
        if not (buyers.ids.gather(buyers.of_row[at:end]) == chunk).all():
            return False
        at = end
    return True
