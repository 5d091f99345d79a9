"""Files into facts and state, on both databases: counted, repeatable, and safe to kill."""

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select
from sqlmodel import col

from db.engine import database, reading
from db.facts.queries import count_churn, read_features
from db.facts.store import data_through, digests, path_of
from db.settings import Settings
from db.tables import Customer, FactFile, Suppression
from flows.importing import Arrival, ImportReport, import_file
from tests.workspaces import NOW, a_workspace
from winback.customers.contact import address_hash
from winback.errors import ImportProblem, Unusable
from winback.intake.fields import Kind

ROOT = Path(__file__).parent.parent
HEADER = "customer_id,order_id,ordered_at,amount\n"


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def bring(shop: Settings, kind: str, content: str | bytes, name: str = "", **more: object) -> ImportReport:
    file = shop.workspace / (name or f"{kind}.csv")
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    values: dict[str, object] = {"kind": Kind(kind), "file": file, "source": "main", "mapping": {}}
    return import_file(Arrival(**values | {"complete_through": None} | more), shop, NOW)


def numbers(report: ImportReport) -> tuple[int, ...]:
    return report.read, report.good, report.bad, report.new, report.changed, report.unchanged


def orders(shop: Settings) -> dict[str, int]:
    """order_id -> amount of every fact row as written, last version last."""
    with database(shop.database_url) as engine, reading(engine) as session:
        files = [path_of(shop.facts, digest) for digest in digests(session)]
    frames = [pl.read_parquet(file) for file in files]
    return dict(pl.concat(frames).select("order_id", "amount_minor").iter_rows()) if frames else {}


def features(shop: Settings, as_of: date = date(2026, 2, 28)) -> pl.DataFrame:
    with database(shop.database_url) as engine, reading(engine) as session:
        return read_features([path_of(shop.facts, digest) for digest in digests(session)], as_of=as_of)


def customers(shop: Settings) -> dict[str, Customer]:
    with database(shop.database_url) as engine, reading(engine) as session:
        found = session.execute(select(Customer)).scalars().all()
        session.expunge_all()
        return {customer.customer_id: customer for customer in found}


def test_good_and_bad_rows_add_up_and_the_bad_ones_are_listed(shop: Settings):
    text = HEADER + "1,a,2026-01-05,10.00\n2,b,2026-13-45,10.00\n3,c,2026-01-06,x\n1,d,2026-01-07,5\n"

    report = bring(shop, "orders", text)

    assert numbers(report) == (4, 2, 2, 2, 0, 0)
    rejects = pl.read_csv(report.rejects_file)
    assert rejects["line"].to_list() == [3, 4]
    assert rejects["column"].to_list() == ["ordered_at", "amount"]
    assert orders(shop) == {"a": 1000, "d": 500}


def test_the_same_file_twice_changes_nothing(shop: Settings):
    text = HEADER + "1,a,2026-01-05,10.00\n2,b,2026-01-06,20.00\n"
    bring(shop, "orders", text)

    again = bring(shop, "orders", text)

    assert numbers(again) == (2, 2, 0, 0, 0, 2)
    with database(shop.database_url) as engine, reading(engine) as session:
        assert len(session.execute(select(FactFile)).all()) == 1


def test_the_latest_version_of_an_order_wins_and_can_come_back(shop: Settings):
    first, second = HEADER + "1,a,2026-01-05,10.00\n", HEADER + "1,a,2026-01-05,12.00\n"
    totals = []
    for text in (first, second, first):
        report = bring(shop, "orders", text)
        totals.append((report.new, report.changed, features(shop)["net_minor"].to_list()))

    assert totals == [(1, 0, [1000]), (0, 1, [1200]), (0, 1, [1000])]


def test_an_order_that_moves_to_another_customer_is_counted_once(shop: Settings):
    bring(shop, "orders", HEADER + "1,a,2026-01-05,10.00\n1,b,2026-01-06,1.00\n")

    bring(shop, "orders", HEADER + "2,a,2026-01-05,10.00\n")

    assert sorted(features(shop)["net_minor"].to_list()) == [100, 1000]


def test_the_same_order_id_of_two_sources_is_two_orders(shop: Settings):
    bring(shop, "orders", HEADER + "1,a,2026-01-05,10.00\n", source="shop")
    bring(shop, "orders", HEADER + "1,a,2026-01-05,10.00\n", source="till")

    assert features(shop)["orders"].to_list() == [2]


def test_of_an_id_repeated_in_one_file_the_last_row_wins(shop: Settings):
    report = bring(shop, "orders", HEADER + "1,a,2026-01-05,10.00\n1,a,2026-01-05,11.00\n")

    assert numbers(report) == (2, 2, 0, 1, 0, 1)
    assert orders(shop) == {"a": 1100}


def test_an_order_of_an_unknown_customer_creates_him_without_an_address(shop: Settings):
    bring(shop, "orders", HEADER + "00007,a,2026-01-05,10.00\n")

    assert customers(shop)["00007"].email is None


def test_a_customer_file_changes_only_the_columns_it_has(shop: Settings):
    bring(shop, "customers", "customer_id,email,name,email_consent,city\n1,a@example.com,Ann,yes,Hull\n")

    report = bring(shop, "customers", "customer_id,email_consent\n1,no\n")

    ann = customers(shop)["1"]
    assert numbers(report) == (1, 1, 0, 0, 1, 0)
    assert (ann.name, ann.email, ann.email_consent) == ("Ann", "a@example.com", False)
    assert ann.email_hash == address_hash("a@example.com")
    assert json.loads(ann.attributes) == {"city": "Hull"}


def test_customers_again_are_unchanged_whatever_type_their_columns_have(shop: Settings):
    text = (
        "customer_id,email,phone,name,locale,timezone,email_consent,consent_at,birthday_on,vip\n"
        "1,a@example.com,+447700900123,Ann,en-GB,Europe/London,yes,2025-01-02 03:04:05,1990-02-03,gold\n"
        "2,,,李雷,zh-CN,Asia/Shanghai,,,,\n"
    )
    bring(shop, "customers", text)

    assert numbers(bring(shop, "customers", text)) == (2, 2, 0, 0, 0, 2)


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("a.csv", lambda text: text.encode()),
        ("a.csv", lambda text: text.encode("utf-8-sig")),
        ("a.csv", lambda text: text.encode("utf-16")),
        ("a.csv", lambda text: text.encode("gbk")),
        ("a.csv", lambda text: text.encode("gb18030")),
        ("a.csv.gz", lambda text: gzip.compress(text.encode())),
    ],
)
def test_chinese_names_survive_every_encoding(shop: Settings, name: str, encode: Callable[[str], bytes]):
    report = bring(shop, "customers", encode("customer_id,name\n007,李雷\n008,韩梅梅\n"), name=name)

    assert report.good == 2
    assert {c.customer_id: c.name for c in customers(shop).values()} == {"007": "李雷", "008": "韩梅梅"}


def test_parquet_is_read_like_csv(shop: Settings):
    frame = pl.DataFrame(
        {"customer_id": ["1"], "order_id": ["a"], "ordered_at": [date(2026, 1, 5)], "amount": [9.5]}
    )
    frame.write_parquet(shop.workspace / "orders.parquet")

    report = bring(shop, "orders", (shop.workspace / "orders.parquet").read_bytes(), name="orders.parquet")

    assert report.new == 1
    assert orders(shop) == {"a": 950}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("customer_id,order_id,amount\n1,a,1\n", "ordered_at"),
        ("customer_id,order_id,ordered_at,amount,amount\n1,a,2026-01-01,1,2\n", "two columns of this name"),
    ],
)
def test_a_file_that_is_no_table_of_orders_is_refused_and_changes_nothing(
    shop: Settings, content: str, words: str
):
    with pytest.raises(ImportProblem, match=words):
        bring(shop, "orders", content)

    assert orders(shop) == {}


def test_a_header_alone_reads_nothing_and_can_declare_completeness(shop: Settings):
    report = bring(shop, "orders", HEADER, complete_through=date(2026, 2, 1))

    assert numbers(report) == (0, 0, 0, 0, 0, 0)
    assert report.data_through == date(2026, 2, 1)


def test_data_reach_the_last_order_unless_declared(shop: Settings):
    assert bring(shop, "orders", HEADER + "1,a,2026-01-05,1\n").data_through == date(2026, 1, 5)
    later = bring(shop, "orders", HEADER + "1,b,2026-01-09,1\n", complete_through=date(2026, 1, 31))
    assert later.data_through == date(2026, 1, 31)


def test_zeros_are_orders_and_refunds_are_not_purchases(shop: Settings):
    bring(shop, "orders", HEADER + "1,a,2026-01-05,0\n2,b,2026-01-05,10\n2,c,2026-01-08,-4.00\n")

    found = features(shop).sort("net_minor")
    assert found["orders"].to_list() == [1, 1]
    assert found["net_minor"].to_list() == [0, 600]


def test_a_naive_time_is_the_workspaces_and_a_zoned_one_is_its_own(shop: Settings):
    text = HEADER + "1,a,2026-01-05 23:30:00,1\n1,b,2026-01-06T04:30:00Z,1\n1,c,2026-01-06T05:30:00Z,1\n"
    bring(shop, "orders", text)

    assert features(shop)["purchase_days"].to_list() == [2]  # 5 January twice in New York, then the 6th


def test_the_opt_out_list_keeps_addresses_and_customers_out(shop: Settings):
    bring(shop, "customers", "customer_id,email\n1,a@example.com\n2,b@example.com\n")
    text = "address,customer_id,channel,reason\nA@Example.com,,email,asked\n,2,,left\n"

    report = bring(shop, "suppressions", text)

    assert numbers(report) == (2, 2, 0, 2, 0, 0)
    assert numbers(bring(shop, "suppressions", text)) == (2, 2, 0, 0, 0, 2)
    with database(shop.database_url) as engine, reading(engine) as session:
        rows = session.execute(
            select(col(Suppression.address_hash), col(Suppression.channel)).order_by(Suppression.id)
        )
        assert [tuple(row) for row in rows] == [(address_hash("a@example.com"), "email"), (None, "all")]


def test_fact_files_hold_no_customer_id_and_no_address(shop: Settings):
    bring(shop, "orders", HEADER + "canary-customer,a,2026-01-05,10.00\n")

    assert not any(b"canary-customer" in file.read_bytes() for file in shop.facts.glob("*.parquet"))


def test_only_the_pinned_files_are_read(shop: Settings):
    bring(shop, "orders", HEADER + "1,a,2026-01-05,10.00\n")
    with database(shop.database_url) as engine, reading(engine) as session:
        pinned = [path_of(shop.facts, digest) for digest in digests(session)]
    bring(shop, "orders", HEADER + "1,b,2026-01-06,10.00\n")

    assert read_features(pinned, as_of=date(2026, 2, 28))["orders"].to_list() == [1]


@pytest.mark.slow
def test_an_import_killed_in_the_middle_leaves_the_old_facts_and_can_be_repeated(tmp_path: Path):
    """kill -9 at several moments: facts are the old ones or the new ones, never something between."""
    shop = a_workspace(tmp_path)
    bring(shop, "orders", HEADER + "1,a,2026-01-05,10.00\n")
    before = orders(shop)
    rows = "".join(f"{n % 5_000},x{n},2026-01-{n % 28 + 1:02},1.00\n" for n in range(60_000))
    (shop.workspace / "big.csv").write_text(HEADER + rows)
    command = [sys.executable, "-m", "app.cli", "--workspace", str(shop.workspace), "import", "orders",
               str(shop.workspace / "big.csv")]  # fmt: skip
    finished = interrupted = 0
    for delay in (0.4, 0.7, 1.0, 1.3, 1.7, 2.1):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)  # not a measure: the moments of the kill only have to differ
        interrupted += process.poll() is None
        process.kill()  # SIGKILL; nothing happens to one that has just finished
        process.wait()
        found = orders(shop)
        assert found == before or len(found) == 60_001
        finished += found != before

    report = bring(shop, "orders", HEADER + rows, name="big.csv")

    assert interrupted
    assert report.new == (0 if finished else 60_000)
    assert len(orders(shop)) == 60_001
    assert not list(shop.facts.glob(".staging-*"))


def test_the_sample_gives_the_published_churn(tmp_path: Path):
    """CDNOW, forward 90-day churn at 1997-12-31: 2238 of 4176 (computed independently with DuckDB and pandas)."""
    shop = replace(a_workspace(tmp_path), facts=tmp_path / "facts")
    report = bring(shop, "orders", (ROOT / "samples/orders.csv.gz").read_bytes(), name="orders.csv.gz")
    with database(shop.database_url) as engine, reading(engine) as session:
        files = [path_of(shop.facts, digest) for digest in digests(session)]
        assert data_through(session) == date(1998, 6, 30)

    counts = count_churn(files, as_of=date(1997, 12, 31), window_days=90)

    assert report.new == 69_659
    assert counts.select("active", "lost").row(0) == (4176, 2238)


@pytest.mark.parametrize("kind", ["customers", "orders"])
def test_a_database_of_another_workspace_is_told_as_one(shop: Settings, tmp_path: Path, kind: str):
    """Two workspaces with one database: the second does not have the facts the first has imported."""
    content = HEADER + "1,a,2026-01-05,10.00\n"
    bring(shop, "orders", content)
    (tmp_path / "other").mkdir()
    other = replace(a_workspace(tmp_path / "other"), database_url=shop.database_url)
    said = "none of the fact files .* the database belongs to another workspace's facts folder"

    with pytest.raises(Unusable, match=said):
        bring(other, kind, content if kind == "orders" else "customer_id\n1\n")
    with database(other.database_url) as engine, reading(engine) as session:
        files = [path_of(other.facts, digest) for digest in digests(session)]
    with pytest.raises(Unusable, match=said):
        read_features(files, as_of=date(2026, 2, 1))
    with pytest.raises(Unusable, match=said):
        count_churn(files, as_of=date(2026, 2, 1), window_days=30)
