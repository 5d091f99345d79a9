"""Recommendations on the Online Retail lines beat plain popularity in every 90 days after a quarter's end."""

import os
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from winback.customers.recommending import LINES, hit_rate, popular, recommend

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def lines() -> pl.DataFrame:
    raw = pl.read_parquet(Path(os.environ["DATA"]) / "online_retail" / "lines.parquet")
    known = raw.with_columns(number=pl.col("CustomerID").cast(pl.Float64, strict=False)).drop_nulls("number")
    return known.select(
        customer_no=pl.col("number").cast(pl.Int64),
        product_id="StockCode",
        category=pl.lit(None, dtype=pl.String),
        returned=(pl.col("Quantity").cast(pl.Float64) < 0) | pl.col("Invoice").str.starts_with("C"),
        day=pl.col("InvoiceDate").str.slice(0, 10).str.to_date(),
    )


@pytest.mark.parametrize("as_of", [date(2011, 3, 31), date(2011, 6, 30), date(2011, 8, 31)])
def test_three_recommendations_hit_more_often_than_three_bestsellers(lines, as_of):
    past = lines.filter(pl.col("day") <= as_of).select(LINES.names())
    after = lines.filter(pl.col("day").is_between(as_of, as_of + timedelta(days=90), closed="right"))
    bought = after.filter(~pl.col("returned")).select("customer_no", "product_id").unique()

    ours, theirs = (hit_rate(advise(past), bought) for advise in (recommend, popular))

    assert ours.n == theirs.n > 1000
    assert ours.rate > theirs.rate
