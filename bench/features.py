"""Features of the sample x 50 against a bare DuckDB group-by over the same files; CPU seconds and their ratio."""

import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from db.facts.queries import read_features

SAMPLE = Path(__file__).parent.parent / "samples" / "orders.csv.gz"
COPIES = 50
ROUNDS = 3
AS_OF = date(1998, 6, 30)
BARE = """
    SELECT customer_no, count(*), min(ordered_on), max(ordered_on), sum(amount_minor)
    FROM read_parquet($files)
    GROUP BY customer_no
"""


def write_copies(folder: Path) -> list[str]:
    """The sample 50 times with other customer numbers and order ids, in ten fact files."""
    orders = pl.read_csv(SAMPLE, schema_overrides={"order_id": pl.String}, try_parse_dates=True).select(
        customer_no=pl.col("customer_id").cast(pl.Int64),
        source=pl.lit("sample"),
        order_id="order_id",
        ordered_on="ordered_at",
        ordered_at=pl.col("ordered_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        amount_minor=(pl.col("amount") * 100).round().cast(pl.Int64),
        version=pl.lit(1, pl.Int32),
        supersedes=pl.lit(False),
    )
    files = []
    for first in range(0, COPIES, 5):
        copies = [
            orders.with_columns(pl.col("customer_no") + copy * 100_000, pl.col("order_id") + f"-{copy}")
            for copy in range(first, first + 5)
        ]
        files.append(str(folder / f"{first}.parquet"))
        pl.concat(copies).write_parquet(files[-1])
    return files


def group_bare(files: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute(BARE, {"files": files}).fetchnumpy()


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of a few rounds: the machine is shared."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = write_copies(Path(folder))
        bare = cpu_seconds(lambda: group_bare(files))
        ours = cpu_seconds(lambda: read_features(files, as_of=AS_OF))
    print(
        f"features of the sample x {COPIES}: {ours:.2f} CPU s, bare group-by {bare:.2f}: {ours / bare:.1f} times"
    )


if __name__ == "__main__":
    main()
