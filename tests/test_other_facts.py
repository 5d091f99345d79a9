"""Lines, activity, subscriptions and feedback: from a file to the frames readers get, on both databases."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from db.customers import numbers as all_numbers
from db.engine import database, reading
from db.facts.recorded import (
    ACTIVITY,
    FEEDBACK,
    LINES,
    SUBSCRIPTIONS,
    read_activity,
    read_feedback,
    read_lines,
    read_subscriptions,
)
from db.facts.store import data_through, digests, path_of
from db.settings import Settings
from flows.importing import Arrival, ImportReport, import_file
from tests.workspaces import NOW, a_workspace
from winback.errors import WrongUse
from winback.intake.fields import Kind

LAST = date(2026, 2, 28)
ORDERS = "customer_id,order_id,ordered_at,amount,refund_of\n"
LINE = "order_id,customer_id,product_id,product_name,category,quantity,unit_price\n"
ACT = "customer_id,at,kind,value\n"
SUB = "customer_id,subscription_id,started_on,ended_on,renews_on,monthly_amount,plan,end_reason\n"
SAID = "customer_id,at,kind,score,cause,text\n"
SNAPSHOT = "customer_id,tenure_months,churned,monthly_amount,plan\n"


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def bring(shop: Settings, kind: Kind, content: str, **more: object) -> ImportReport:
    file = shop.workspace / f"{kind}.csv"
    file.write_text(content, encoding="utf-8")
    values: dict[str, object] = {"kind": kind, "file": file, "source": "main", "mapping": {}}
    return import_file(Arrival(**values | {"complete_through": None} | more), shop, NOW)


def numbers(report: ImportReport) -> tuple[int, ...]:
    return report.read, report.good, report.bad, report.new, report.changed, report.unchanged


def files(shop: Settings, kind: str) -> list[Path]:
    with database(shop.database_url) as engine, reading(engine) as session:
        return [path_of(shop.facts, digest) for digest in digests(session, kind)]


def lines(shop: Settings, as_of: date = LAST) -> pl.DataFrame:
    return read_lines(files(shop, "lines"), files(shop, "orders"), as_of=as_of).collect()


def activity(shop: Settings, as_of: date = LAST) -> pl.DataFrame:
    return read_activity(files(shop, "activity"), as_of=as_of).collect()


def feedback(shop: Settings, as_of: date = LAST) -> pl.DataFrame:
    return read_feedback(files(shop, "feedback"), as_of=as_of).collect()


def subscriptions(shop: Settings, as_of: date = LAST) -> pl.DataFrame:
    return read_subscriptions(files(shop, "subscriptions"), as_of=as_of)


def test_readers_of_nothing_give_empty_frames_of_the_right_types():
    found = [
        read_lines([], [], as_of=LAST).collect().schema,
        read_activity([], as_of=LAST).collect().schema,
        read_feedback([], as_of=LAST).collect().schema,
        read_subscriptions([], as_of=LAST).schema,
    ]

    assert found == [LINES, ACTIVITY, FEEDBACK, SUBSCRIPTIONS]


def test_a_line_has_the_day_of_its_order_and_only_then_counts(shop: Settings):
    bring(shop, Kind.ORDERS, ORDERS + "1,a,2026-01-05,10.00,\n1,b,2026-02-10,-4.00,a\n")

    report = bring(
        shop, Kind.LINES, LINE + "a,1,p1,Cup,Kitchen,2.5,4.0375\nb,1,p1,Cup,Kitchen,-1,4\nx,1,p2,,,1,1\n"
    )

    found = lines(shop).sort("order_id")
    assert numbers(report) == (3, 3, 0, 3, 0, 0)
    assert report.data_through == date(2026, 2, 10)
    assert found.schema == LINES
    assert found["ordered_on"].to_list() == [date(2026, 1, 5), date(2026, 2, 10)]
    assert found["quantity"].to_list() == [2.5, -1.0]
    assert found["unit_price_micros"].to_list() == [4_037_500, 4_000_000]
    assert found["refunds"].to_list() == [False, True]
    assert lines(shop, date(2026, 2, 9))["order_id"].to_list() == ["a"]


def test_a_line_is_its_orders_customers_and_makes_no_customer(shop: Settings):
    """Ids such as 17850.0 in an export of lines are those of the orders, written by another tool."""
    bring(shop, Kind.ORDERS, ORDERS + "7,a,2026-01-05,10.00,\n")

    bring(shop, Kind.LINES, LINE + "a,7.0,p1,Cup,Kitchen,1,4\n")

    with database(shop.database_url) as engine, reading(engine) as session:
        known = dict(all_numbers(session).iter_rows())
    assert list(known) == ["7"]
    assert lines(shop)["customer_no"].to_list() == [known["7"]]


def test_lines_of_orders_that_are_not_there_reach_no_day(shop: Settings):
    assert bring(shop, Kind.LINES, LINE + "a,1,p1,Cup,Kitchen,2,4.00\n").data_through is None


def test_equal_lines_of_one_order_are_several_unless_they_have_a_number(shop: Settings):
    """Without line_no the n-th line of a product in an order is known by its place; with it the last wins."""
    bring(shop, Kind.ORDERS, ORDERS + "1,a,2026-01-05,10.00,\n1,b,2026-01-05,10.00,\n")
    text = LINE + "a,1,p1,,,1,4\na,1,p2,,,1,4\na,1,p1,,,3,4\n"
    numbered = LINE.replace("unit_price", "unit_price,line_no") + "b,1,p1,,,1,4,1\nb,1,p1,,,5,4,1\n"

    first, second, third = (bring(shop, Kind.LINES, each) for each in (text, text, numbered))

    assert numbers(first) == (3, 3, 0, 3, 0, 0)
    assert numbers(second) == (3, 3, 0, 0, 0, 3)
    assert numbers(third) == (2, 2, 0, 1, 0, 1)
    assert sorted(lines(shop).select("order_id", "product_id", "quantity").rows()) == [
        ("a", "p1", 1.0), ("a", "p1", 3.0), ("a", "p2", 1.0), ("b", "p1", 5.0),
    ]  # fmt: skip


def test_activity_is_known_by_customer_moment_and_kind(shop: Settings):
    text = ACT + "1,2026-01-05 23:30:00,Late delivery,3\n1,2026-01-06,login,\n2,2026-01-06,login,\n"
    bring(shop, Kind.ACTIVITY, text)

    again = bring(shop, Kind.ACTIVITY, text.replace(",3\n", ",4\n") + "1,2026-01-06,login,\n")

    assert numbers(again) == (4, 4, 0, 0, 1, 3)
    assert activity(shop).schema == ACTIVITY
    assert activity(shop).sort("at", "customer_no").select("at", "happened_on", "kind", "value").rows() == [
        (datetime(2026, 1, 6, 4, 30, tzinfo=UTC), date(2026, 1, 5), "late_delivery", 4.0),
        (datetime(2026, 1, 6, 5, tzinfo=UTC), date(2026, 1, 6), "login", None),
        (datetime(2026, 1, 6, 5, tzinfo=UTC), date(2026, 1, 6), "login", None),
    ]
    assert activity(shop, date(2026, 1, 5)).height == 1
    assert again.data_through == date(2026, 1, 6)


def test_feedback_needs_what_its_kind_says(shop: Settings):
    rows = [
        "1,2026-01-05,NPS,9,,good",
        "1,2026-01-05,nps,11,,",
        "1,2026-01-05,csat,0,,",
        "1,2026-01-05,csat,4.5,,",
        "1,2026-01-05,nps,,,",
        "1,2026-01-05,cause,,,",
        "1,2026-01-05,cause,,False promises,",
        "1,2026-01-05,cause,,price,",
        "1,2026-01-05,stars,5,,",
    ]

    report = bring(shop, Kind.FEEDBACK, SAID + "\n".join(rows) + "\n")

    rejected = pl.read_csv(report.rejects_file)
    assert numbers(report) == (9, 3, 6, 3, 0, 0)
    assert list(zip(rejected["line"], rejected["column"], strict=True)) == [
        (3, "score"), (4, "score"), (5, "score"), (6, "score"), (7, "cause"), (10, "kind"),
    ]  # fmt: skip
    assert rejected["reason"][0] == "nps is a whole number from 0 to 10"
    assert feedback(shop).schema == FEEDBACK
    assert sorted(feedback(shop).select("kind", "score", "cause").rows(), key=str) == [
        ("cause", None, "false_promises"), ("cause", None, "price"), ("nps", 9.0, None),
    ]  # fmt: skip


def test_the_latest_version_of_a_subscription_wins_and_an_end_is_known_from_its_day_on(shop: Settings):
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "1,s1,2025-01-01,,2026-01-01,20.00,Gold,\n2,,2025-03-01,,,5,,\n")

    ended = bring(shop, Kind.SUBSCRIPTIONS, SUB + "1,s1,2025-01-01,2026-02-01,,25.00,Gold,price\n")

    before, after = subscriptions(shop, date(2026, 1, 31)), subscriptions(shop, date(2026, 2, 1))
    columns = ["started_on", "ended_on", "monthly_minor", "plan", "end_reason"]
    assert numbers(ended) == (1, 1, 0, 0, 1, 0)
    assert ended.data_through == date(2026, 2, 1)
    assert before.schema == SUBSCRIPTIONS
    assert before.select(columns).row(0) == (date(2025, 1, 1), None, 2500, "Gold", None)
    assert after.select(columns).row(0) == (date(2025, 1, 1), date(2026, 2, 1), 2500, "Gold", "price")
    assert subscriptions(shop, date(2025, 2, 1)).height == 1


def test_an_end_that_lies_ahead_does_not_say_that_the_data_reach_there(shop: Settings):
    text = SUB + "1,s1,2025-01-01,2027-01-01,2027-01-01,20.00,,\n"

    assert bring(shop, Kind.SUBSCRIPTIONS, text).data_through == date(2025, 1, 1)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("1,s,2026-01-02,2026-01-01,,1,,", "ended_on"),
        ("1,s,2026-01-02,,2026-01-01,1,,", "renews_on"),
        ("1,s,2026-01-02,,,-1,,", "monthly_amount"),
        ("1,s,soon,,,1,,", "started_on"),
    ],
)
def test_a_contract_that_cannot_be_is_refused(shop: Settings, row: str, column: str):
    report = bring(shop, Kind.SUBSCRIPTIONS, f"{SUB}{row}\n")

    assert pl.read_csv(report.rejects_file)["column"].to_list() == [column]


def test_a_snapshot_begins_contracts_by_their_months_and_ends_those_that_left(shop: Settings):
    """3 whole months on 31 January: begun by 30 September at the earliest, four months before (it has 30 days)."""
    text = SNAPSHOT + "1,3,no,20.00,Gold\n2,0,No,5.00,Gold\n3,12,Yes,7.50,Silver\n4,-1,no,1,\n5,2,gone,1,\n"

    report = bring(shop, Kind.SNAPSHOTS, text, snapshot_on=date(2026, 1, 31))

    found = subscriptions(shop).select("started_on", "ended_on", "tenure_months", "told_on").rows()
    assert (report.kind, report.bad, report.data_through) == ("subscriptions", 2, date(2026, 1, 31))
    assert found == [
        (date(2025, 9, 30), None, 3.0, date(2026, 1, 31)),
        (date(2025, 12, 31), None, 0.0, date(2026, 1, 31)),
        (date(2024, 12, 31), date(2026, 1, 31), 12.0, date(2026, 1, 31)),
    ]


def test_of_several_snapshots_a_day_sees_the_last_one_before_it_and_no_later_end(shop: Settings):
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,3,no,20.00,Gold\n", snapshot_on=date(2025, 12, 31))
    bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,4,yes,25.00,Gold\n", snapshot_on=date(2026, 1, 31))
    again = bring(shop, Kind.SNAPSHOTS, SNAPSHOT + "1,3,no,20.00,Gold\n", snapshot_on=date(2025, 12, 31))

    columns = ["monthly_minor", "ended_on"]
    assert numbers(again) == (1, 1, 0, 0, 0, 1)
    assert subscriptions(shop, date(2026, 1, 30)).select(columns).rows() == [(2000, None)]
    assert subscriptions(shop, date(2026, 1, 31)).select(columns).rows() == [(2500, date(2026, 1, 31))]


def test_a_snapshot_of_tomorrow_is_refused(shop: Settings):
    with pytest.raises(WrongUse, match="a snapshot cannot be of 2026-03-02: today is 2026-03-01"):
        bring(shop, Kind.SNAPSHOTS, SNAPSHOT, snapshot_on=date(2026, 3, 2))


def test_each_kind_has_its_own_day_and_its_own_files(shop: Settings):
    bring(shop, Kind.ORDERS, ORDERS + "1,a,2026-01-05,10.00,\n")
    bring(shop, Kind.ACTIVITY, ACT + "1,2026-02-05,login,\n", complete_through=date(2026, 2, 20))

    with database(shop.database_url) as engine, reading(engine) as session:
        assert (data_through(session), data_through(session, "activity")) == (date(2026, 1, 5), date(2026, 2, 20))
        assert len(digests(session)) == len(digests(session, "activity")) == 1


def test_files_of_other_facts_hold_no_customer_id(shop: Settings):
    bring(shop, Kind.ACTIVITY, ACT + "canary-customer,2026-02-05,login,\n")
    bring(shop, Kind.SUBSCRIPTIONS, SUB + "canary-customer,,2025-01-01,,,20.00,,\n")

    assert not any(b"canary-customer" in file.read_bytes() for file in shop.facts.glob("*.parquet"))
