"""Order facts for the tests: rows by hand, or the CDNOW orders of ``samples/``.

CDNOW (Fader & Hardie 2001, Interfaces 31(3)) as the MIT package ``lifetimes`` carries it: samples/orders.csv.gz is
the master file (23,570 customers), samples/cdnow_sample_1_10.csv.gz the 1/10 sample of the published fits (2,357).
The sample cannot be had from the master by a rule: its customers keep the master's order but not a fixed step.
"""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

SAMPLES = Path(__file__).parent.parent / "samples"
MASTER = SAMPLES / "orders.csv.gz"
SAMPLE = SAMPLES / "cdnow_sample_1_10.csv.gz"

ORDERS = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "source": pl.String(),
        "order_id": pl.String(),
        "ordered_on": pl.Date(),
        "ordered_at": pl.Datetime("us", "UTC"),
        "amount_minor": pl.Int64(),
        "version": pl.Int32(),
        "supersedes": pl.Boolean(),
    }
)


def an_order(**columns: Any) -> dict[str, Any]:
    """One row of ORDERS; ``ordered_on`` may be text."""
    row = {"customer_no": 1, "source": "shop", "order_id": "a", "ordered_on": "2026-01-31", "amount_minor": 1000}
    row |= {"version": 1, "supersedes": False} | columns
    row["ordered_on"] = date.fromisoformat(str(row["ordered_on"]))
    return row | {"ordered_at": datetime.combine(row["ordered_on"], time(12), UTC)}


def write_orders(folder: Path, *rows: dict[str, Any], name: str = "orders") -> Path:
    """A Parquet file of ``rows``."""
    path = folder / f"{name}.parquet"
    pl.DataFrame(list(rows), schema=ORDERS).write_parquet(path)
    return path


def write_cdnow(folder: Path, csv: Path = MASTER) -> Path:
    """A Parquet file of the CDNOW orders; customer_no is the customer's id as a number."""
    path = folder / "cdnow.parquet"
    read_cdnow(csv).select(
        customer_no=pl.col("customer_id").cast(pl.Int64),
        source=pl.lit("cdnow"),
        order_id="order_id",
        ordered_on="ordered_at",
        ordered_at=pl.col("ordered_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        amount_minor=(pl.col("amount") * 100).round().cast(pl.Int64),
        version=pl.lit(1, pl.Int32),
        supersedes=pl.lit(False),
    ).write_parquet(path)
    return path


def read_cdnow(csv: Path = MASTER) -> pl.DataFrame:
    """customer_id, order_id (text), ordered_at (date), amount (major units), as they come."""
    text = {"customer_id": pl.String(), "order_id": pl.String()}
    return pl.read_csv(csv, schema_overrides=text, try_parse_dates=True)


def identified(features: pl.DataFrame) -> pl.DataFrame:
    """FEATURES with CDNOW's ids, five digits, joined."""
    return features.with_columns(customer_id=pl.col("customer_no").cast(pl.String).str.pad_start(5, "0"))


def area_under_curve(score: np.ndarray, happened: np.ndarray) -> float:
    """P(a random case scores above a random non-case), ties half: Mann & Whitney's U over all pairs."""
    order = np.unique(score, return_inverse=True)[1]
    cases, others = (np.bincount(order[mask], minlength=order.max() + 1) for mask in (happened, ~happened))
    below = np.cumsum(others) - others
    return float((cases * (below + others / 2)).sum() / (cases.sum() * others.sum()))
