"""Other currencies: by the rate of the order's own day, else the row is refused as no_rate."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from db.facts.queries import read_features
from db.facts.recorded import read_subscriptions
from db.rates import read_rates
from db.settings import Settings
from tests.test_other_facts import bring, files
from tests.workspaces import a_workspace
from winback.errors import ImportProblem
from winback.intake.fields import Kind

LAST = date(2026, 2, 28)
HEADER = "customer_id,order_id,ordered_at,amount,currency\n"


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """In New York, in dollars; yen and dinars have a rate on 5 January only."""
    shop = a_workspace(tmp_path)
    rates(shop, "2026-01-05,JPY,0.006383", "2026-01-05,bhd,2.6525", "2026-01-06,EUR,1.1")
    return shop


def rates(shop: Settings, *rows: str) -> None:
    (shop.workspace / "rates.csv").write_text("day,currency,rate\n" + "\n".join(rows) + "\n", encoding="utf-8")


def net(shop: Settings) -> dict[int, int]:
    found = read_features(files(shop, "orders"), as_of=LAST)
    return dict(found.sort("customer_no").select("customer_no", "net_minor").iter_rows())


def test_an_order_counts_by_the_rate_of_its_own_local_day(shop: Settings):
    """12,000 yen * 0.006383 = 76.596 dollars; 1.234 dinars * 2.6525 = 3.273185; 10.05 dollars stay.

    06:30 on the 6th in Greenwich is 01:30 in New York, 04:30 is still the 5th there.
    """
    rows = [
        "1,a,2026-01-05,12000,jpy",
        "2,b,2026-01-05,1.234,BHD",
        "3,c,2026-01-05,10.05,",
        "4,d,2026-01-06T04:30:00Z,1000,JPY",
        "5,e,2026-01-06T06:30:00Z,1000,JPY",
        "6,f,2026-01-05,10,EUR",
        "7,g,2026-01-05,10,XXX",
    ]

    report = bring(shop, Kind.ORDERS, HEADER + "\n".join(rows) + "\n")

    rejected = pl.read_csv(report.rejects_file)
    assert list(net(shop).values()) == [7660, 327, 1005, 638]
    assert rejected.select("line", "column", "value", "reason").rows() == [
        (6, "currency", "JPY", "no_rate"),
        (7, "currency", "EUR", "no_rate"),
        (8, "currency", "XXX", "no_rate"),
    ]


def test_a_refund_is_turned_by_its_own_days_rate_and_half_a_cent_goes_to_the_even_one(shop: Settings):
    """-0.05 * 0.5 = -2.5 cents and -0.07 * 0.5 = -3.5 cents: to -2 and -4."""
    rates(shop, "2026-01-05,EUR,0.5")
    text = HEADER + "1,a,2026-01-05,1.00,USD\n1,b,2026-01-05,-0.05,EUR\n1,c,2026-01-05,-0.07,EUR\n"

    bring(shop, Kind.ORDERS, text)

    assert list(net(shop).values()) == [94]


def test_a_refund_worth_less_than_half_a_cent_stays_a_refund(shop: Settings):
    """0.001 dinars are 0.0026 dollars, and half a yen's worth less: an order of 0, but never a refund of 0."""
    text = HEADER + "1,a,2026-01-05,0.001,BHD\n2,b,2026-01-05,-0.001,BHD\n"

    bring(shop, Kind.ORDERS, text)

    found = read_features(files(shop, "orders"), as_of=LAST).sort("customer_no")
    assert found.select("orders", "net_minor").rows() == [(1, 0)]
    assert pl.read_parquet(files(shop, "orders"))["amount_minor"].to_list() == [0, -1]


def test_decimals_are_those_of_the_rows_currency(shop: Settings):
    text = HEADER + "1,a,2026-01-05,12.5,JPY\n2,b,2026-01-05,1.234,USD\n3,c,2026-01-05,1.234,BHD\n"

    report = bring(shop, Kind.ORDERS, text)

    assert pl.read_csv(report.rejects_file)["reason"].to_list() == [
        "more than 0 decimals for JPY",
        "more than 2 decimals for USD",
    ]


def test_an_amount_too_large_once_it_is_turned_is_not_taken(shop: Settings):
    rates(shop, "2026-01-05,EUR,999999999")

    report = bring(shop, Kind.ORDERS, HEADER + "1,a,2026-01-05,999999999999,EUR\n")

    assert (report.good, report.bad) == (0, 1)


def test_a_new_rate_changes_the_order_when_the_file_comes_again(shop: Settings):
    text = HEADER + "1,a,2026-01-05,12000,JPY\n"
    bring(shop, Kind.ORDERS, text)
    rates(shop, "2026-01-05,JPY,0.007")

    report = bring(shop, Kind.ORDERS, text)

    assert (report.changed, list(net(shop).values())) == (1, [8400])


def test_a_contract_counts_by_the_rate_of_the_day_it_began(shop: Settings):
    text = "customer_id,started_on,monthly_amount,currency\n1,2026-01-06,10.00,EUR\n2,2026-01-07,10.00,EUR\n"

    report = bring(shop, Kind.SUBSCRIPTIONS, text)

    assert report.bad == 1
    found = read_subscriptions(files(shop, "subscriptions"), as_of=LAST)
    assert found["monthly_minor"].to_list() == [1100]


def test_a_snapshots_amounts_count_by_the_rate_of_its_day(shop: Settings):
    text = "customer_id,tenure_months,churned,monthly_amount,currency\n1,5,no,10.00,EUR\n"

    bring(shop, Kind.SNAPSHOTS, text, snapshot_on=date(2026, 1, 6))

    found = read_subscriptions(files(shop, "subscriptions"), as_of=LAST)
    assert found["monthly_minor"].to_list() == [1100]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["2026-01-05,EUR,1", "05/01/2026,EUR,1"], "rates.csv:3: day: write the day"),
        (["2026-01-05,Euro,1"], "rates.csv:2: currency: write three letters"),
        (["2026-01-05,EUR,0"], "rates.csv:2: rate: write what one unit is worth in USD"),
        (["2026-01-05,EUR,"], "rates.csv:2: rate: write what one unit is worth in USD"),
        (["2026-01-05,EUR,1", "2026-01-05,eur,2"], "rates.csv:3: day: is given twice"),
    ],
)
def test_a_line_of_rates_that_cannot_be_used_is_named(shop: Settings, rows: list[str], sentence: str):
    rates(shop, *rows)

    with pytest.raises(ImportProblem, match=sentence):
        read_rates(shop.workspace, "USD")


def test_rates_without_a_column_are_refused(shop: Settings):
    (shop.workspace / "rates.csv").write_text("day,rate\n", encoding="utf-8")

    with pytest.raises(ImportProblem, match=r"rates.csv:1: currency: required column is missing .*day, currency"):
        read_rates(shop.workspace, "USD")
