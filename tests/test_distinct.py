"""Distinct values by a table are what numpy finds by sorting, and ranks what Python's own sort gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.scores.distinct import distinct
from winback.scores.scoring import ranked

WHOLE = st.lists(st.integers(0, 60), max_size=40)
ANY = st.lists(st.one_of(st.integers(-5, 10**12), st.floats(-3, 90).map(float)), max_size=40)


@given(st.one_of(WHOLE, ANY), st.sampled_from([np.int64, np.float64]))
def test_distinct_values_and_their_places_are_as_numpy_says(values, kind):
    column = np.array(values, dtype=kind)

    found, places = distinct(column)

    expected, expected_places = np.unique(column, return_inverse=True)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()
    assert places.tolist() == expected_places.tolist()


@pytest.mark.parametrize("odd", [0.5, -1.0, 1e9])
def test_one_value_that_fits_no_table_is_found_like_the_others(odd):
    found, places = distinct(np.array([3.0, 1.0, odd, 3.0]))

    assert sorted({3.0, 1.0, odd}) == found.tolist()
    assert found[places].tolist() == [3.0, 1.0, odd, 3.0]


@given(
    st.lists(st.sampled_from([-2.5, -2.5 - 2**-50, 0.0, 1.0, 1 + 2**-52, 7.25]), max_size=30),
    st.randoms(use_true_random=False),
    st.sampled_from([1, 1 << 40, 1 << 58]),
)
def test_the_highest_value_ranks_first_and_of_equal_ones_the_smaller_key(values, random, scale):
    """Keys and values that differ in their last bits only too: those that are packed away."""
    keys = [key * scale for key in random.sample(range(-32, 32), len(values))]

    ranks = ranked(np.array(values, dtype=np.float64), np.array(keys, dtype=np.int64))

    order = sorted(range(len(values)), key=lambda at: (-values[at], keys[at]))
    assert [ranks[at] for at in order] == list(range(1, len(values) + 1))
