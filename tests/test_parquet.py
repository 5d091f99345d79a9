"""Parquet files: typed columns are read by the same rules as text."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from db.intake import open_table
from winback.errors import ImportProblem
from winback.intake.fields import Kind
from winback.intake.records import parse


def read(path):
    """The orders of a file as text; there are no refused lines in Parquet."""
    batches = list(open_table(path, Kind.ORDERS, {}))
    assert all(batch.rejects.height == 0 for batch in batches)
    return pl.concat([batch.frame for batch in batches])


def test_a_parquet_file_is_read_as_the_same_text(tmp_path):
    path = tmp_path / "orders.parquet"
    pl.DataFrame(
        {
            "customer_id": ["00123", "7"],
            "order_id": [1, 2],
            "ordered_at": [datetime(2024, 3, 31, 14, 5), datetime(2024, 4, 1)],
            "amount": [35.309999999999995, -0.5],
            "extra": [[1], [2]],
        }
    ).write_parquet(path)

    frame = read(path)

    assert frame.rows() == [
        (1, "00123", "1", "2024-03-31T14:05:00.000000", "35.31"),
        (2, "7", "2", "2024-04-01T00:00:00.000000", "-0.5"),
    ]
    assert open_table(path, Kind.ORDERS, {}).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_dates_decimals_and_zoned_times_of_parquet_reach_their_typed_values(tmp_path):
    path = tmp_path / "orders.parquet"
    moment = datetime(2024, 3, 31, 23, 30, tzinfo=UTC)
    zoned = pl.DataFrame({"ordered_at": [moment]}).with_columns(
        pl.col("ordered_at").dt.convert_time_zone("Asia/Tokyo")
    )
    zoned.with_columns(
        customer_id=pl.lit("1"), order_id=pl.lit("2"), amount=pl.lit(Decimal("12.30"))
    ).write_parquet(path)

    frame = read(path)
    order = parse(Kind.ORDERS, frame, timezone="Europe/London", currency="GBP").good.row(0, named=True)

    assert (order["ordered_at"], order["ordered_on"], order["amount_minor"]) == (moment, date(2024, 4, 1), 1230)


@pytest.mark.parametrize("values", [[1.0, None], [[1], [2]], [b"a", b"b"]])
def test_a_parquet_id_that_is_not_text_or_a_whole_number_is_refused(tmp_path, values):
    path = tmp_path / "customers.parquet"
    pl.DataFrame({"customer_id": values}).write_parquet(path)

    with pytest.raises(ImportProblem, match="customer_id: a column of type .* cannot be read"):
        open_table(path, Kind.CUSTOMERS, {})


def test_a_parquet_file_that_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "customers.parquet"
    pl.DataFrame({"customer_id": ["1"] * 1000}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ImportProblem, match="not a Parquet file, or cut off"):
        open_table(path, Kind.CUSTOMERS, {})
