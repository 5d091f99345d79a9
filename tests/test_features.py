"""Features of orders worked by hand, and of CDNOW against its published counts."""

from datetime import date
from math import ceil

import polars as pl
import pytest

from db.facts.queries import read_features, read_log
from tests.facts import MASTER, SAMPLE, an_order, write_cdnow, write_orders
from winback.customers.features import EARLIER, FEATURES
from winback.customers.order_log import earlier_window
from winback.errors import Unusable

AS_OF = date(2026, 1, 31)


def features_of(folder, *orders, as_of=AS_OF) -> list[dict]:
    return read_features([write_orders(folder, *orders)], as_of=as_of).to_dicts()


def test_the_orders_of_a_customer_collapse_to_days(tmp_path):
    """Two orders on Jan 1 (10.00 and 5.00), a free one on Jan 11, one of 20.00 on Jan 21, 4.00 back on Jan 25."""
    [customer] = features_of(
        tmp_path,
        an_order(order_id="a", ordered_on="2026-01-01", amount_minor=1000),
        an_order(order_id="b", ordered_on="2026-01-01", amount_minor=500),
        an_order(order_id="c", ordered_on="2026-01-11", amount_minor=0),
        an_order(order_id="d", ordered_on="2026-01-21", amount_minor=2000),
        an_order(order_id="e", ordered_on="2026-01-25", amount_minor=-400),
    )

    assert customer == {
        "customer_no": 1,
        "first_order_on": date(2026, 1, 1),
        "last_order_on": date(2026, 1, 21),
        "orders": 4,
        "purchase_days": 3,
        "span_days": 20,
        "age_days": 30,
        "gross_minor": 3500,
        "net_minor": 3100,
        "positive_days": 2,
        "positive_minor": 3500,
        "repeat_positive_days": 1,
        "repeat_positive_minor": 2000,
    }


def test_a_refund_on_the_day_of_an_order_does_not_reduce_that_day_s_purchase(tmp_path):
    [customer] = features_of(
        tmp_path, an_order(order_id="a", amount_minor=1000), an_order(order_id="b", amount_minor=-1000)
    )

    assert (customer["positive_minor"], customer["gross_minor"], customer["net_minor"]) == (1000, 1000, 0)


def test_a_refund_before_the_first_order_counts_in_net_only(tmp_path):
    [customer] = features_of(
        tmp_path,
        an_order(order_id="a", ordered_on="2026-01-01", amount_minor=-300),
        an_order(order_id="b", ordered_on="2026-01-05", amount_minor=700),
    )

    assert (customer["first_order_on"], customer["net_minor"]) == (date(2026, 1, 5), 400)


def test_a_free_first_day_is_not_taken_from_the_repeats(tmp_path):
    [customer] = features_of(
        tmp_path,
        an_order(order_id="a", ordered_on="2026-01-01", amount_minor=0),
        an_order(order_id="b", ordered_on="2026-01-05", amount_minor=700),
    )

    assert (customer["positive_days"], customer["repeat_positive_days"]) == (1, 1)
    assert customer["repeat_positive_minor"] == 700


def test_an_order_counts_on_its_own_day_and_not_before(tmp_path):
    orders = [an_order(order_id="a", ordered_on="2026-01-31"), an_order(order_id="b", ordered_on="2026-02-01")]

    assert [row["orders"] for row in features_of(tmp_path, *orders)] == [1]
    assert features_of(tmp_path, *orders, as_of=date(2026, 1, 30)) == []


def test_days_before_1970_are_days_like_others(tmp_path):
    orders = [an_order(order_id="a", ordered_on="1969-12-22"), an_order(order_id="b", ordered_on="1970-01-06")]

    [customer] = features_of(tmp_path, *orders)

    assert (customer["first_order_on"], customer["span_days"]) == (date(1969, 12, 22), 15)
    assert (customer["purchase_days"], customer["orders"]) == (2, 2)


def test_who_only_took_back_has_no_row(tmp_path):
    assert features_of(tmp_path, an_order(amount_minor=-100)) == []


def test_rows_come_in_the_order_of_customer_numbers(tmp_path):
    orders = [an_order(customer_no=number, order_id=str(number)) for number in (7, 3, 12, 5)]

    assert [row["customer_no"] for row in features_of(tmp_path, *orders)] == [3, 5, 7, 12]


def test_no_files_give_no_rows_of_the_right_kind():
    assert read_features([], as_of=AS_OF).schema == FEATURES
    assert earlier_window(read_log([], as_of=AS_OF), AS_OF, 30).customers.schema == EARLIER


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(Unusable, match="cannot be read.*gone.parquet"):
        read_features([tmp_path / "gone.parquet"], as_of=AS_OF)


@pytest.mark.parametrize(("name", "neighbour"), [("facts*", "facts of others"), ("facts[1]", "facts1")])
def test_a_folder_s_name_is_not_taken_as_a_pattern(tmp_path, name, neighbour):
    for folder, customer_no in ((name, 1), (neighbour, 2)):
        (tmp_path / folder).mkdir()
        write_orders(tmp_path / folder, an_order(customer_no=customer_no))

    features = read_features([tmp_path / name / "orders.parquet"], as_of=AS_OF)

    assert features["customer_no"].to_list() == [1]


def test_the_latest_version_of_an_order_wins(tmp_path):
    """10.00 became 12.00 and then 9.00 two days later; another source's order of the same id is another order."""
    first = write_orders(
        tmp_path,
        an_order(ordered_on="2026-01-01", amount_minor=1000),
        an_order(ordered_on="2026-01-02", amount_minor=50, source="market"),
        name="first",
    )
    second = write_orders(
        tmp_path, an_order(ordered_on="2026-01-01", amount_minor=1200, version=2, supersedes=True), name="second"
    )
    third = write_orders(
        tmp_path, an_order(ordered_on="2026-01-03", amount_minor=900, version=3, supersedes=True), name="third"
    )

    [customer] = read_features([third, first, second], as_of=AS_OF).to_dicts()

    assert (customer["orders"], customer["net_minor"]) == (2, 950)
    assert (customer["first_order_on"], customer["last_order_on"]) == (date(2026, 1, 2), date(2026, 1, 3))


def test_an_order_moved_past_the_day_is_gone_from_the_old_one(tmp_path):
    first = write_orders(tmp_path, an_order(ordered_on="2026-01-01"), name="first")
    second = write_orders(tmp_path, an_order(ordered_on="2026-02-05", version=2, supersedes=True), name="second")

    assert read_features([first, second], as_of=AS_OF).is_empty()


def test_an_order_given_to_another_customer_leaves_the_first(tmp_path):
    first = write_orders(tmp_path, an_order(customer_no=1), name="first")
    second = write_orders(tmp_path, an_order(customer_no=2, version=2, supersedes=True), name="second")

    assert read_features([first, second], as_of=AS_OF)["customer_no"].to_list() == [2]


def test_the_earlier_window_sees_the_customers_one_horizon_before(tmp_path):
    """As of Jan 31 with 10 days: they are judged at the end of Jan 21, and Jan 22 to 31 says who ordered."""
    facts = write_orders(
        tmp_path,
        an_order(customer_no=1, order_id="a", ordered_on="2026-01-11"),
        an_order(customer_no=1, order_id="b", ordered_on="2026-01-21"),
        an_order(customer_no=1, order_id="c", ordered_on="2026-02-01"),  # after as_of
        an_order(customer_no=2, order_id="d", ordered_on="2026-01-01"),
        an_order(customer_no=2, order_id="e", ordered_on="2026-01-22"),
        an_order(customer_no=3, order_id="f", ordered_on="2026-01-22"),  # not yet a customer
        an_order(customer_no=4, order_id="g", ordered_on="2026-01-02"),
        an_order(customer_no=4, order_id="h", ordered_on="2026-01-30", amount_minor=-1),  # no order
    )

    earlier = earlier_window(read_log([facts], as_of=AS_OF), AS_OF, 10)

    assert earlier.as_of == date(2026, 1, 21)
    assert earlier.customers.rows() == [(1, 0, 2, False), (2, 20, 1, True), (4, 19, 1, False)]


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    return write_cdnow(tmp_path_factory.mktemp("master"), MASTER)


def test_cdnow_has_its_published_customers_value_and_top_fifth(master):
    """23,570 customers, USD 2,500,315.63, the first ceil(0.2 N) of them hold .6778 of it."""
    value = read_features([master], as_of=date(1998, 6, 30))["net_minor"].sort(descending=True)

    assert len(value) == 23_570
    assert value.sum() == 250_031_563
    assert value.head(ceil(len(value) / 5)).sum() / value.sum() == pytest.approx(0.6778, abs=0.00005)


def test_cdnow_s_sample_has_its_published_repeaters(tmp_path):
    """Until 1997-09-30: 2,357 customers, 946 repeaters, 2,457 repeat transactions (Fader, Hardie & Lee 2005)."""
    features = read_features([write_cdnow(tmp_path, SAMPLE)], as_of=date(1997, 9, 30))

    repeats = features["purchase_days"] - 1
    assert (len(features), (repeats > 0).sum(), repeats.sum()) == (2_357, 946, 2_457)


def test_the_earlier_window_agrees_with_the_features_of_that_day(master):
    then = read_features([master], as_of=date(1997, 10, 2))
    earlier = earlier_window(read_log([master], as_of=date(1997, 12, 31)), date(1997, 12, 31), 90).customers
    now = read_features([master], as_of=date(1997, 12, 31))

    ordered = then.join(now, on="customer_no", suffix="_now").select(
        "customer_no", (pl.col("age_days") - pl.col("span_days")).alias("recency_days"), "purchase_days",
        ordered=pl.col("orders_now") > pl.col("orders"),
    )  # fmt: skip
    assert earlier.equals(ordered)
