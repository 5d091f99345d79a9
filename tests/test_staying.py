"""How long customers stay active: curves worked by hand, and what can be told of them on a day."""

from datetime import date

import pytest

from winback.lift.estimates import NoEstimate
from winback.overview.staying import staying

THROUGH = date(2026, 1, 31)


def told(**rows):
    return staying(rows, dimension="country", window_days=10, watched_through=THROUGH)


def test_a_curve_falls_by_those_who_left_of_those_still_watched():
    """Of 10 customers 4 leave on day 10; 1 is watched for 12 days; 2 of the other 5 leave on day 20: 0.6 x 3/5."""
    [segment] = told(DE=[(10, 4, 0, 1), (12, 0, 1, 0), (20, 2, 0, 0), (30, 0, 3, 0)]).segments

    assert (segment.customers, segment.left, segment.returned, segment.returned_share) == (10, 6, 1, 1 / 6)
    assert [(point.day, point.at_risk) for point in segment.curve] == [(10, 10), (20, 5)]
    assert [point.staying for point in segment.curve] == pytest.approx([0.6, 0.36])
    assert (segment.median_days, segment.watched_days) == (20, 30)


def test_what_is_told_of_a_day():
    [segment] = told(DE=[(10, 4, 0, 1), (12, 0, 1, 0), (20, 2, 0, 0), (30, 0, 3, 0)]).segments

    assert [segment.still_active(day) for day in (0, 9, 10, 12, 20, 30)] == [10, 10, 6, 5, 3, 0]
    assert segment.staying(9) is None
    assert segment.staying(19).staying == pytest.approx(0.6)


def test_the_largest_segment_comes_first_and_those_without_a_value_are_one():
    rows = {"AT": [(5, 0, 2, 0)], None: [(5, 0, 3, 0)], "DE": [(5, 0, 2, 0)]}

    found = staying(rows, dimension="country", window_days=10, watched_through=THROUGH)

    assert [segment.value for segment in found.segments] == [None, "AT", "DE"]


def test_where_nobody_left_there_is_no_step_no_half_and_nothing_to_compare():
    found = told(DE=[(5, 0, 2, 0)])
    [segment] = found.segments

    assert (segment.curve, segment.median_days, segment.returned_share) == ((), None, None)
    assert isinstance(found.test, NoEstimate)
    assert found.as_dict()["log_rank"] is None
    assert found.days_told == ()


def test_tables_tell_of_one_two_and_four_windows_as_far_as_anybody_was_watched():
    assert told(DE=[(39, 0, 2, 0)]).days_told == (10, 20)
    assert told(DE=[(40, 0, 2, 0)]).days_told == (10, 20, 40)


def test_a_shop_without_customers_has_no_segments():
    assert told().segments == ()
    assert told().as_dict()["segments"] == []
