"""First-purchase cohorts: shares of the first month's customers, and cells the data do not cover to their end."""

from datetime import date

import pytest

from winback.overview.cohorts import SHOWN, cohorts
from winback.overview.months import months_after

JANUARY = date(2025, 1, 1)


def test_shares_are_of_the_customers_of_the_first_month():
    [january, march] = cohorts(
        {JANUARY: {0: 200, 1: 50, 3: 1}, date(2025, 3, 1): {0: 10, 1: 4}},
        as_of=date(2025, 4, 30), data_through=date(2025, 12, 31),
    )  # fmt: skip

    assert (january.customers, march.customers) == (200, 10)
    assert [(cell.months_since, cell.ordered, cell.share) for cell in january.cells] == [
        (1, 50, 0.25), (2, 0, 0.0), (3, 1, 0.005),
    ]  # fmt: skip
    assert [(cell.months_since, cell.share, cell.complete) for cell in march.cells] == [(1, 0.4, True)]


@pytest.mark.parametrize(
    ("as_of", "through"),
    [(date(2025, 4, 29), date(2025, 12, 31)), (date(2025, 12, 31), date(2025, 4, 29))],
)
def test_the_month_in_which_the_data_end_is_marked_and_none_after_it_is_told(as_of, through):
    counts = {JANUARY: {0: 2, 1: 1, 2: 1, 3: 1}, date(2025, 4, 1): {0: 5}}

    january, april = cohorts(counts, as_of=as_of, data_through=through)

    assert [cell.complete for cell in january.cells] == [True, True, False]
    assert (january.complete, april.complete, april.cells) == (True, False, ())


def test_the_newest_cohorts_and_the_first_months_are_shown():
    counts = {months_after(JANUARY, n): {0: 1} for n in range(30)}

    found = cohorts(counts, as_of=date(2027, 6, 30), data_through=date(2027, 6, 30))

    assert len(found) == SHOWN
    assert (found[0].month, found[-1].month) == (date(2026, 7, 1), date(2027, 6, 1))
    assert max(len(each.cells) for each in found) == SHOWN - 1
    [old] = cohorts({JANUARY: {0: 1}}, as_of=date(2027, 6, 30), data_through=date(2027, 6, 30))
    assert [cell.months_since for cell in old.cells] == list(range(1, SHOWN + 1))


def test_without_data_there_is_no_cohort():
    assert cohorts({}, as_of=JANUARY, data_through=JANUARY) == ()
    assert cohorts({JANUARY: {0: 1}}, as_of=JANUARY, data_through=None) == ()
