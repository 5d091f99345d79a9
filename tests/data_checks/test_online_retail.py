"""UCI Online Retail through the whole import: the published counts (data set by Daqing Chen, CC BY 4.0).

Expected numbers were computed independently with DuckDB and pandas from the orders file, refunds not imported.
"""

import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from db.engine import database, reading
from db.facts.queries import count_churn, read_features
from db.facts.recorded import read_lines
from db.facts.store import digests, path_of
from flows.importing import Arrival, import_file
from tests.workspaces import NOW, a_workspace
from winback.audience.selection import top_count
from winback.intake.fields import Kind

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    shop = a_workspace(tmp_path_factory.mktemp("retail"))
    file = Path(os.environ["DATA"]) / "online_retail" / "orders.csv.gz"
    arrival = Arrival(kind=Kind.ORDERS, file=file, source="retail", mapping={}, complete_through=None)
    report = import_file(arrival, shop, NOW)
    assert (report.read, report.good, report.new) == (18_536, 18_536, 18_536)
    with database(shop.database_url) as engine, reading(engine) as session:
        return [path_of(shop.facts, digest) for digest in digests(session)]


def test_customers_and_the_share_of_the_top_fifth(files: list[Path]):
    features = read_features(files, as_of=date(2011, 12, 31))

    spent = features["net_minor"].sort(descending=True)
    assert features.height == 4_339
    assert spent.sum() == 891_140_790
    assert round(spent.head(top_count(0.2, 4_339)).sum() / spent.sum(), 4) == 0.7462


@pytest.mark.parametrize(
    ("day", "active", "lost", "value_lost_share"),
    [
        (date(2011, 3, 31), 1776, 741, 0.2502),
        (date(2011, 6, 30), 1969, 796, 0.2252),
        (date(2011, 8, 31), 1923, 613, 0.1655),
    ],
)
def test_forward_churn_of_ninety_days(
    files: list[Path], day: date, active: int, lost: int, value_lost_share: float
):
    [row] = count_churn(files, as_of=day, window_days=90).iter_rows(named=True)

    assert (row["active"], row["lost"]) == (active, lost)
    assert round(row["lost_minor"] / row["at_start_minor"], 4) == value_lost_share


LINES = {"order_id": "Invoice", "customer_id": "CustomerID", "product_id": "StockCode",
         "product_name": "Description", "quantity": "Quantity", "unit_price": "Price"}  # fmt: skip


def test_the_lines_add_up_to_the_orders_and_the_cancellations(tmp_path: Path):
    """135,080 lines without a customer; GBP 8,911,407.90 sold, GBP -611,342.09 taken back."""
    shop, data = a_workspace(tmp_path), Path(os.environ["DATA"]) / "online_retail"
    for kind, name, mapping in (
        (Kind.ORDERS, "orders.csv.gz", {}),
        (Kind.ORDERS, "cancellations.csv.gz", {}),
        (Kind.LINES, "lines.parquet", LINES),
    ):
        arrival = Arrival(kind=kind, file=data / name, source="main", mapping=mapping, complete_through=None)
        report = import_file(arrival, shop, NOW)
    with database(shop.database_url) as engine, reading(engine) as session:
        files = {
            kind: [path_of(shop.facts, digest) for digest in digests(session, kind)]
            for kind in ("lines", "orders")
        }

    found = read_lines(files["lines"], files["orders"], as_of=date(2011, 12, 31))

    assert (report.read, report.bad, report.new) == (541_909, 135_080, 406_829)
    micros = (pl.col("quantity") * pl.col("unit_price_micros")).sum()
    sums = dict(found.group_by("refunds").agg(micros.alias("sum")).collect().iter_rows())
    assert {refunds: round(amount / 1e6, 2) for refunds, amount in sums.items()} == {
        False: 8_911_407.90,
        True: -611_342.09,
    }
