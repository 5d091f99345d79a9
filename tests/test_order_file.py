"""Orders on their way into a fact file: sorted share by share, known again by hashes, in batches of any size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from db.engine import database, reading
from db.facts.arrivals import _index
from db.facts.store import digests, path_of
from db.settings import Settings
from flows.importing import Arrival, ImportReport, import_file
from tests.workspaces import NOW, a_workspace
from winback.intake.fields import Kind

HEADER = "customer_id,order_id,ordered_at,amount,refund_of\n"
ROWS = """\
c,o1,2026-01-05 10:00:00,1.00,
a,o9,2026-01-07 09:00:00,2.00,
b,o5,2026-01-05 23:59:59,3.00,
a,o8,2026-01-05 12:00:00,4.00,
c,o2,2026-01-04 10:00:00,5.00,
a,o7,2026-01-05 11:00:00,-4.00,o8
"""


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    return a_workspace(tmp_path)


def bring(shop: Settings, text: str | bytes) -> ImportReport:
    file = shop.workspace / "orders.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    arrival = Arrival(kind=Kind.ORDERS, file=file, source="shop", mapping={}, complete_through=None)
    return import_file(arrival, shop, NOW)


def written(shop: Settings) -> list[pl.DataFrame]:
    """The fact files, oldest first."""
    with database(shop.database_url) as engine, reading(engine) as session:
        return [pl.read_parquet(path_of(shop.facts, digest)) for digest in digests(session)]


@pytest.mark.parametrize("group", [1, 2, 100])
@pytest.mark.parametrize("at_once", [1, 500, 1_000, 450_000_000])
def test_orders_are_written_by_customer_day_and_line_however_many_are_sorted_at_once(
    shop: Settings, monkeypatch, at_once: int, group: int
):
    monkeypatch.setattr("db.facts.order_file._SHARE_BYTES", at_once)
    monkeypatch.setattr("db.facts.order_file._GROUP_ROWS", group)

    bring(shop, HEADER + ROWS)

    [orders] = written(shop)
    assert orders["order_id"].to_list() == ["o8", "o7", "o9", "o5", "o2", "o1"]
    assert orders["customer_no"].to_list() == [1, 1, 1, 2, 3, 3]
    assert orders["amount_minor"].to_list() == [400, -400, 200, 300, 500, 100]
    assert orders["ordered_on"].cast(pl.String).to_list() == [f"2026-01-0{day}" for day in (5, 5, 7, 5, 4, 5)]
    assert orders["refund_of"].to_list() == [None, "o8", None, None, None, None]


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_batches_with_and_without_refunds_become_one_file(shop: Settings, monkeypatch, rows: int):
    monkeypatch.setattr("db.intake.BATCH_ROWS", rows)
    bring(shop, HEADER + ROWS)

    again = bring(shop, HEADER + ROWS + "d,o0,2026-01-05,9.00,\n")

    assert (again.new, again.changed, again.unchanged) == (1, 0, 6)
    assert [orders["refund_of"].to_list().count("o8") for orders in written(shop)] == [1, 0]


@pytest.mark.parametrize(
    "changed",
    ["b,o7,2026-01-05 11:00:00,-4.00,o8", "a,o7,2026-01-05 11:00:01,-4.00,o8", "a,o7,2026-01-05 11:00:00,-4.00,o9",
     "a,o7,2026-01-05 11:00:00,-4.01,o8", "a,o7,2026-01-05 11:00:00,-4.00,"],
)  # fmt: skip
def test_an_order_that_says_anything_else_replaces_the_one_that_is_there(shop: Settings, changed: str):
    bring(shop, HEADER + ROWS)

    report = bring(shop, f"{HEADER}{changed}\n{ROWS.splitlines()[0]}\n")

    assert (report.new, report.changed, report.unchanged) == (0, 1, 1)
    assert written(shop)[1]["supersedes"].to_list() == [True]


def test_a_file_that_comes_again_after_the_time_zone_was_changed_moves_its_days(shop: Settings):
    """03:00 in Greenwich is the evening before in New York, and 11:00 in Shanghai."""
    bring(shop, HEADER + "b,o1,2026-01-05 03:00:00Z,1.00,\nb,o2,2026-01-05 12:00:00Z,1.00,\n")
    moved = replace(shop, file=shop.file.model_copy(update={"timezone": "Asia/Shanghai"}))

    report = bring(moved, HEADER + "b,o1,2026-01-05 03:00:00Z,1.00,\nb,o2,2026-01-05 12:00:00Z,1.00,\n")

    assert (report.changed, report.unchanged) == (1, 1)
    assert [orders["ordered_on"].cast(pl.String).to_list() for orders in written(shop)] == [
        ["2026-01-04", "2026-01-05"],
        ["2026-01-05"],
    ]


def test_of_many_repeated_ids_each_last_row_is_kept_whatever_their_order(shop: Settings):
    chance = np.random.default_rng(7)
    ids = chance.integers(0, 300, 2_000).tolist()
    text = HEADER + "".join(f"c{n % 7},o{id_},2026-01-05,{n}.00,\n" for n, id_ in enumerate(ids))

    report = bring(shop, text)

    last = {f"o{id_}": n * 100 for n, id_ in enumerate(ids)}
    assert dict(written(shop)[0].select("order_id", "amount_minor").rows()) == last
    assert (report.new, report.unchanged) == (len(last), 2_000 - len(last))


def test_ids_with_one_hash_in_common_are_told_apart_by_another():
    first = np.array([7, 5, 7, 6], np.uint64)

    same = _index(first, np.array([1, 2, 1, 3], np.uint64), 0)

    assert same is not None
    assert same.rows.tolist() == [1, 3, 2]  # of the first and the third row the third
    assert _index(first, np.array([1, 2, 4, 3], np.uint64), 0) is None


def test_a_file_that_is_plain_only_at_its_begin_is_read_as_if_it_had_been_inspected(shop: Settings):
    """Two megabytes of plain rows, then one that is no UTF-8, and a good one."""
    plain = "".join(f"c{n % 9},o{n:07},2026-01-05 10:00:00,1.00,\n" for n in range(50_000))

    report = bring(shop, (HEADER + plain).encode() + b"\xff,o,2026-01-05,1.00,\nc1,last,2026-01-05,1.00,\n")

    assert (report.read, report.good, report.bad, report.new) == (50_002, 50_001, 1, 50_001)
    assert report.rejects_file is not None
    assert pl.read_csv(report.rejects_file)["line"].to_list() == [50_002]


def test_bad_rows_are_listed_in_the_order_of_the_file_however_many_are_explained_at_once(
    shop: Settings, monkeypatch
):
    monkeypatch.setattr("flows.importing.EXPLAINED_ROWS", 2)
    monkeypatch.setattr("db.intake.BATCH_ROWS", 3)

    report = bring(shop, HEADER + "".join(f"c,o{n},2026-01-05,{'x' if n % 2 else n},\n" for n in range(20)))

    assert report.rejects_file is not None
    assert pl.read_csv(report.rejects_file)["line"].to_list() == list(range(3, 23, 2))


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Asia/Shanghai", "0001-01-01"),
        ("Asia/Shanghai", "0001-01-01 00:00:00"),
        ("America/New_York", "9999-12-31 23:59:59"),
        ("UTC", "9999-12-31T23:59:59-05:00"),
        ("UTC", "0001-01-01 00:00:00+08:00"),
    ],
)
def test_a_date_that_stands_for_none_is_refused_alone(shop: Settings, zone: str, moment: str):
    """What programs write for no date: in UTC it lies outside the years 1 to 9999."""
    shop = replace(shop, file=shop.file.model_copy(update={"timezone": zone}))

    report = bring(shop, f"{HEADER}c,o1,2026-01-05 10:00:00,1.00,\na,o2,{moment},2.00,\n")

    assert (report.good, report.bad) == (1, 1)
    assert report.rejects_file is not None
    assert "outside the years 1970-2099" in Path(report.rejects_file).read_text(encoding="utf-8-sig")


def test_a_workspace_may_have_brackets_in_its_path(tmp_path: Path):
    home = tmp_path / "shops [1] *"
    home.mkdir()
    shop = a_workspace(home)
    people = shop.workspace / "people.csv"
    people.write_text("customer_id,name\nc,Cy\n", encoding="utf-8")

    orders = bring(shop, HEADER + ROWS)
    again = bring(shop, HEADER + ROWS + "d,o3,2026-01-05 10:00:00,1.00,\n")
    customers = import_file(
        Arrival(kind=Kind.CUSTOMERS, file=people, source="shop", mapping={}, complete_through=None), shop, NOW
    )

    assert (orders.good, again.new, customers.good) == (6, 1, 1)


def test_what_a_killed_import_left_half_written_goes_with_the_next(shop: Settings):
    shop.facts.mkdir(parents=True, exist_ok=True)
    left = shop.facts / ".arriving-x.parquet"
    left.write_bytes(b"half")

    bring(shop, HEADER + ROWS)

    assert not left.exists()
