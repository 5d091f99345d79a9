"""Places of ids as a plain dictionary gives them, also where hashes are shared."""

from itertools import count

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.facts import roll
from db.facts.roll import Roll

BATCHES = st.lists(st.lists(st.text("ab1", max_size=3), min_size=1, max_size=30), max_size=8)


def places_of(batches: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The ids of a roll, and the id at the place it gave to each."""
    found = Roll()
    places = [found.places(pl.Series(batch, dtype=pl.String)) for batch in batches]
    ids = found.ids().to_list()
    return ids, [[ids[place] for place in some] for some in places]


@given(BATCHES)
def test_each_id_has_one_place_that_is_its_own(batches: list[list[str]]):
    ids, again = places_of(batches)

    assert again == batches
    assert sorted(ids) == sorted({id_ for batch in batches for id_ in batch})


@given(BATCHES)
def test_ids_with_one_first_hash_are_told_apart(batches: list[list[str]]):
    def weak(ids: pl.Series) -> tuple[roll.Hashes, roll.Hashes]:
        return ids.str.len_bytes().to_numpy().astype(np.uint64) + 1, ids.hash(2).to_numpy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roll, "two_hashes", weak)
        ids, again = places_of(batches)

    assert again == batches
    assert sorted(ids) == sorted({id_ for batch in batches for id_ in batch})


def test_a_roll_grows_over_many_batches():
    numbers = count()
    batches = [[f"c{next(numbers) // 2}" for _ in range(5_000)] for _ in range(6)]

    ids, again = places_of(batches)

    assert again == batches
    assert len(ids) == 15_000
