"""Sales, cohorts and lapses: by hand, and CDNOW's against a plain-Python walk over the rows of its file."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from db.facts.history import COHORTS, LAPSES, SALES, cohort_counts, count_lapses, sales_by_month
from db.facts.queries import GROUPS, count_churns
from tests.facts import MASTER, an_order, read_cdnow, write_cdnow, write_orders
from winback.errors import WrongUse
from winback.overview.months import month_ends

AS_OF = date(2026, 1, 31)


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    return write_cdnow(tmp_path_factory.mktemp("master"), MASTER)


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, date, int]]:
    """(customer, day, cents) of every CDNOW order, without any of our own code."""
    found = read_cdnow()
    return [
        (c, d, round(a * 100))
        for c, _, d, a in found.select("customer_id", "order_id", "ordered_at", "amount").rows()
    ]


@pytest.fixture(scope="module")
def days(rows) -> dict[str, list[date]]:
    """The purchase days of each customer, in order."""
    found = defaultdict(set)
    for customer, day, _ in rows:
        found[customer].add(day)
    return {customer: sorted(each) for customer, each in found.items()}


def test_sales_count_customers_once_and_refunds_as_revenue_only(tmp_path):
    facts = write_orders(
        tmp_path,
        an_order(order_id="a", ordered_on="2026-01-01", amount_minor=500),
        an_order(order_id="b", ordered_on="2026-01-31", amount_minor=0),
        an_order(order_id="c", customer_no=2, ordered_on="2026-01-05", amount_minor=-70),
        an_order(order_id="d", ordered_on="2025-11-30", amount_minor=900),
        an_order(order_id="e", ordered_on="2026-02-01", amount_minor=900),
    )

    found = sales_by_month([facts], as_of=AS_OF)

    assert found.rows() == [(date(2025, 11, 1), 1, 1, 900), (date(2026, 1, 1), 1, 2, 430)]
    assert found.schema == SALES


def test_a_cohort_is_the_month_of_the_first_order_and_no_refund_belongs_to_it(tmp_path):
    """Customer 1 buys in November and twice in January; 2 has a refund in November and first buys in January."""
    facts = write_orders(
        tmp_path,
        an_order(order_id="a", ordered_on="2025-11-30"),
        an_order(order_id="b", ordered_on="2026-01-01"),
        an_order(order_id="c", ordered_on="2026-01-31"),
        an_order(order_id="d", customer_no=2, ordered_on="2025-11-02", amount_minor=-5),
        an_order(order_id="e", customer_no=2, ordered_on="2026-01-31"),
        an_order(order_id="f", customer_no=2, ordered_on="2026-02-01"),
    )

    found = cohort_counts([facts], as_of=AS_OF)

    november, january = date(2025, 11, 1), date(2026, 1, 1)
    assert found.rows() == [(november, 0, 1), (november, 2, 1), (january, 0, 1)]
    assert found.schema == COHORTS


@pytest.mark.parametrize(
    ("ordered_on", "expected"),
    [
        # 10 days without an order lapse on the tenth; the window is Jan 22 to 31 for an order of Jan 21.
        (["2026-01-21"], (10, 1, 0, 0)),
        (["2026-01-22"], (9, 0, 1, 0)),
        # An order on the tenth day comes in time, one on the eleventh does not.
        (["2026-01-15", "2026-01-25"], (16, 0, 1, 0)),
        (["2026-01-15", "2026-01-26"], (10, 1, 0, 1)),
        # Only the first lapse counts: after 3 + 10 days, however often he was away again.
        (["2025-12-01", "2025-12-04", "2026-01-01", "2026-01-20"], (13, 1, 0, 1)),
        # What comes after the last day is not looked at.
        (["2026-01-28", "2026-02-20"], (3, 0, 1, 0)),
    ],
)
def test_a_customer_lapses_when_a_window_has_passed_without_an_order(tmp_path, ordered_on, expected):
    orders = [an_order(order_id=day, ordered_on=day) for day in ordered_on]

    found = count_lapses([write_orders(tmp_path, *orders)], as_of=AS_OF, window_days=10)

    assert found.rows() == [(None, *expected)]
    assert found.schema == LAPSES


def test_a_refund_neither_begins_nor_prolongs_the_time_of_a_customer(tmp_path):
    facts = write_orders(
        tmp_path,
        an_order(order_id="a", ordered_on="2025-12-30", amount_minor=-5),
        an_order(order_id="b", ordered_on="2026-01-01", amount_minor=0),
        an_order(order_id="c", ordered_on="2026-01-09", amount_minor=-5),
    )

    assert count_lapses([facts], as_of=AS_OF, window_days=10).rows() == [(None, 10, 1, 0, 0)]


def test_lapses_are_told_by_group_and_nobody_is_in_two(tmp_path):
    facts = write_orders(tmp_path, *(an_order(customer_no=n, order_id=str(n)) for n in (1, 2, 3)))
    groups = pl.DataFrame([(1, "DE"), (2, "AT"), (9, "AT")], schema=GROUPS, orient="row")

    found = count_lapses([facts], as_of=AS_OF, window_days=10, groups=groups)

    assert found.rows() == [("AT", 0, 0, 1, 0), ("DE", 0, 0, 1, 0), (None, 0, 0, 1, 0)]
    with pytest.raises(WrongUse, match="one group"):
        count_lapses([facts], as_of=AS_OF, window_days=10, groups=pl.concat([groups, groups]))


def test_a_shop_without_orders_has_rows_of_nothing():
    assert sales_by_month([], as_of=AS_OF).schema == SALES
    assert cohort_counts([], as_of=AS_OF).is_empty()
    assert count_lapses([], as_of=AS_OF, window_days=10).is_empty()


def test_cdnow_s_months_of_churn_are_those_of_a_walk_over_its_rows(master, rows, days):
    spent = defaultdict(list)
    for customer, day, cents in rows:
        spent[customer].append((day, cents))
    expected = []
    for end in month_ends(date(1998, 3, 31), 13):
        first, last = end - timedelta(days=89), end + timedelta(days=90)
        active = [c for c, each in days.items() if bisect_right(each, end) > bisect_left(each, first)]
        lost = [c for c in active if bisect_right(days[c], last) == bisect_right(days[c], end)]
        worth = {c: sum(cents for day, cents in spent[c] if first <= day <= end) for c in active}
        expected.append((end, None, len(active), len(lost), sum(worth.values()), sum(worth[c] for c in lost)))

    found = count_churns([master], as_ofs=month_ends(date(1998, 3, 31), 13), window_days=90)

    assert found.rows() == expected
    assert expected[-4][2:4] == (4176, 2238)  # published: as of 1997-12-31


def test_cdnow_s_sales_and_cohorts_are_those_of_a_walk_over_its_rows(master, rows, days):
    month = {day: day.replace(day=1) for _, day, _ in rows}
    buyers, orders, revenue = defaultdict(set), Counter(), Counter()
    for customer, day, cents in rows:
        buyers[month[day]].add(customer)
        orders[month[day]] += 1
        revenue[month[day]] += cents
    firsts = {customer: month[each[0]] for customer, each in days.items()}
    cells = Counter(
        (firsts[c], (m.year - firsts[c].year) * 12 + m.month - firsts[c].month) for m in buyers for c in buyers[m]
    )

    sales = sales_by_month([master], as_of=date(1998, 6, 30))
    cohorts = cohort_counts([master], as_of=date(1998, 6, 30))

    assert sales.rows() == [(m, len(buyers[m]), orders[m], revenue[m]) for m in sorted(buyers)]
    assert {(cohort, since): n for cohort, since, n in cohorts.iter_rows()} == cells
    assert sum(n for (_, since), n in cells.items() if since == 0) == 23_570  # all of them in the first quarter


def test_cdnow_s_lapses_are_those_of_a_walk_over_its_rows(master, days):
    end, expected, returned = date(1998, 6, 30), Counter(), Counter()
    for each in days.values():
        gaps = (before for before, after in pairwise(each) if (after - before).days > 90)
        silent = next(gaps, each[-1] if (end - each[-1]).days >= 90 else None)
        if silent is None:
            expected[(end - each[0]).days, "censored"] += 1
        else:
            day = (silent - each[0]).days + 90
            expected[day, "left"] += 1
            returned[day] += each[-1] > silent

    found = count_lapses([master], as_of=end, window_days=90)

    assert sum(expected.values()) == 23_570
    for _, day, left, censored, again in found.iter_rows():
        assert (left, censored, again) == (expected[day, "left"], expected[day, "censored"], returned[day])
    assert found["left"].sum() + found["censored"].sum() == 23_570


def test_what_happens_later_does_not_change_who_had_lapsed(master):
    """Decision 018. By 1997-06-30 everybody had been watched for 97 days: the first 91 stay as they were."""
    early, late = (
        {day: left for _, day, left, _, _ in count_lapses([master], as_of=end, window_days=90).iter_rows()}
        for end in (date(1997, 6, 30), date(1998, 6, 30))
    )

    assert early[90] == late[90]
    assert early[91] == late[91]
