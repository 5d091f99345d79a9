"""Months of churn and sales: what is known of each, and when customers and revenue are said to part ways."""

from datetime import date

import pytest

from winback.overview.churn import ChurnCounts, ChurnDefinition, churn
from winback.overview.months import ends_of_months, last_day, month_ends, months_after
from winback.overview.trend import Divergence, MonthSales, compare_sales, ends_told, months_of_churn, sales_through

JANUARY = date(2025, 1, 1)


def months(*figures: tuple[int, int, int], complete: bool = True) -> list[MonthSales]:
    """Months from December 2024 on; that one is where the data begin and takes no part."""
    return [
        MonthSales(
            month=months_after(JANUARY, place - 1), customers=c, orders=o, revenue_minor=r, complete=complete
        )
        for place, (c, o, r) in enumerate([(1, 1, 1), *figures])
    ]


def parted(before: tuple[int, int, int], after: tuple[int, int, int]) -> Divergence | None:
    found = compare_sales(months(before, before, before, after, after, after))
    assert found
    return found.divergence


def test_month_ends_go_back_over_years_and_leap_days():
    assert month_ends(date(2024, 3, 30), 3) == [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)]
    assert month_ends(date(2024, 3, 31), 1) == [date(2024, 3, 31)]
    assert (months_after(date(2025, 12, 1), 1), months_after(JANUARY, -1)) == (date(2026, 1, 1), date(2024, 12, 1))
    assert last_day(date(2025, 2, 14)) == date(2025, 2, 28)


def test_ends_of_months_lie_between_two_days_both_included():
    assert ends_of_months(date(2025, 11, 30), date(2026, 1, 31)) == month_ends(date(2026, 1, 31), 3)
    assert ends_of_months(date(2025, 12, 1), date(2026, 1, 30)) == [date(2025, 12, 31)]
    assert ends_of_months(date(2026, 1, 1), date(2026, 1, 30)) == []


@pytest.mark.parametrize(
    ("as_of", "through", "first", "last"),
    [
        # 90 days after 31 March 1998 end on 29 June: the data cover them.
        (date(1998, 3, 31), date(1998, 6, 30), date(1997, 3, 31), date(1998, 3, 31)),
        # April and May are asked for too, and have no rate yet.
        (date(1998, 6, 15), date(1998, 6, 30), date(1997, 3, 31), date(1998, 5, 31)),
        # What comes after the data is not told, however late the day.
        (date(2150, 1, 1), date(1998, 6, 28), date(1997, 2, 28), date(1998, 5, 31)),
    ],
)
def test_thirteen_months_are_told_with_a_rate_and_those_since_without(as_of, through, first, last):
    found = ends_told(as_of, 90, through)

    assert (found[0], found[-1]) == (first, last)
    assert ends_told(as_of, 90, None) == []


def test_a_price_rise_does_not_hide_that_customers_leave():
    """10 % fewer customers and orders at 12 % higher prices: revenue + 0.8 %."""
    assert parted((1000, 2000, 200_000), (900, 1800, 201_600)) is Divergence.REVENUE_HIDES_LOSS


@pytest.mark.parametrize("after", [(900, 2000, 200_000), (1000, 1800, 200_000)])
def test_customers_or_orders_alone_are_enough(after):
    assert parted((1000, 2000, 200_000), after) is Divergence.REVENUE_HIDES_LOSS


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ((900, 1800, 180_000), "all three fall"),
        ((960, 1920, 210_000), "4 % is no fall"),
        ((1100, 2200, 230_000), "all three grow"),
        ((1000, 2000, 150_000), "revenue falls while the others hold: everybody sees it"),
    ],
)
def test_the_same_story_is_no_divergence(after, why):
    assert parted((1000, 2000, 200_000), after) is None, why


def test_more_customers_with_less_revenue_is_a_divergence_too():
    assert parted((1000, 2000, 200_000), (1100, 2200, 180_000)) is Divergence.CUSTOMERS_HIDE_LOSS


def test_a_fall_that_chance_can_make_is_none():
    """30 against 27 a month: z = (90 - 81) / sqrt(171) = 0.69; 10 % of 1000 a month: 300 / sqrt(5700) = 3.97."""
    assert parted((30, 30, 3000), (27, 27, 3000)) is None
    assert parted((1000, 1000, 3000), (900, 900, 3000)) is Divergence.REVENUE_HIDES_LOSS


def test_the_year_before_is_compared_where_the_data_reach_it():
    """A season: the first quarter sells twice what the others do. Against the autumn all would have doubled."""
    year = [(1000, 2000, 9000)] * 3 + [(500, 900, 4000)] * 9
    found = compare_sales(months(*year, (1000, 2000, 9000), (1000, 2000, 9000), (1000, 2000, 9000)))

    assert found
    assert (found.first, found.before_first, found.a_year_before) == (date(2026, 1, 1), JANUARY, True)
    assert (found.customers_change, found.orders_change, found.revenue_change) == (0.0, 0.0, 0.0)


def test_without_a_year_the_three_months_before_are_and_the_first_month_takes_no_part():
    found = compare_sales(months(*[(100, 100, 100)] * 6))

    assert found
    assert (found.first, found.before_first, found.a_year_before) == (date(2025, 4, 1), JANUARY, False)
    assert compare_sales(months(*[(100, 100, 100)] * 5)) is None
    assert compare_sales(months(*[(100, 100, 100)] * 6, complete=False)) is None
    assert compare_sales([]) is None


def test_a_change_from_nothing_is_not_known():
    found = compare_sales(months(*[(0, 0, 0)] * 3, *[(100, 100, 100)] * 3))

    assert found
    assert (found.customers_change, found.revenue_change, found.divergence) == (None, None, None)
    assert found.as_dict()["customers_change"] is None


def test_a_month_without_a_fact_sold_nothing_and_one_beyond_the_data_is_not_there():
    rows = {date(2025, 1, 1): (2, 3, 400), date(2025, 3, 1): (1, 1, 50)}

    found = sales_through(rows, as_of=date(2025, 6, 15), data_through=date(2025, 4, 15))

    assert [(each.month.month, each.customers, each.complete) for each in found] == [
        (1, 2, True), (2, 0, True), (3, 1, True), (4, 0, False),
    ]  # fmt: skip
    assert sales_through({}, as_of=JANUARY, data_through=JANUARY) == ()
    assert sales_through(rows, as_of=JANUARY, data_through=None) == ()


def test_a_month_says_whether_its_windows_lie_within_the_data():
    """Data from January 1 to April 30; 40 days before and after the ends of December to April."""
    sales = sales_through({JANUARY: (1, 1, 1)}, as_of=date(2025, 4, 30), data_through=date(2025, 4, 30))
    nobody = ChurnCounts(active=4, lost=1, value_at_start_minor=800, value_lost_minor=200)
    found = [
        churn(
            nobody, definition=ChurnDefinition.NO_ORDER, as_of=end, window_days=40, currency="EUR",
            data_through=date(2025, 4, 30),
        )
        for end in month_ends(date(2025, 4, 30), 5)
    ]  # fmt: skip

    rows = months_of_churn(found, sales)

    assert [(each.as_of.month, each.covered, each.complete) for each in rows] == [
        (1, False, True), (2, True, True), (3, True, False), (4, True, False),
    ]  # fmt: skip
    january, april = (rows[place].as_dict("EUR") for place in (0, -1))
    assert (january["rate"], january["value_lost"], january["revenue"]) == (0.25, 2.0, 0.01)
    assert (april["active"], april["lost"], april["rate"], april["value_lost_share"]) == (4, None, None, None)
