"""Orders from CSV into facts, with quarantine, against DuckDB's own typed COPY of the same CSV to Parquet.

Seeded: customers with random ids, amounts with cents, times of three years, one bad row in 10,000. CPU seconds of
this process with all its threads, and the most memory a process of its own had.
``python -m bench.importing [ROWS]``.
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing import Process
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from app.commands.workspace import make_workspace
from db.settings import read_settings
from flows.importing import Arrival, import_file
from winback.intake.fields import Kind

ROWS = 2_000_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)
COPY = """
    COPY (
        SELECT * FROM read_csv($file, header = true, columns = {
            'customer_id': 'VARCHAR', 'order_id': 'VARCHAR', 'ordered_at': 'TIMESTAMP', 'amount': 'DECIMAL(12, 2)'
        }, ignore_errors = true)
    ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
"""


def write_orders(path: Path, rows: int) -> None:
    """A CSV of ``rows`` orders of a twentieth as many customers."""
    chance = np.random.default_rng(1)
    begin = int(datetime(2023, 1, 1, tzinfo=UTC).timestamp())
    seconds = begin + np.sort(chance.integers(0, 3 * 365 * 86_400, rows))
    amounts = chance.integers(100, 50_000, rows)
    bad = chance.random(rows) < 1e-4
    pl.DataFrame(
        {
            "customer_id": chance.integers(0, rows // 20, rows) + 10_000_000,
            "order_id": np.arange(rows) + 1_000_000_000,
            "ordered_at": pl.Series(seconds * 1_000_000).cast(pl.Datetime("us")).dt.to_string("%Y-%m-%d %H:%M:%S"),
            "amount": np.where(bad, "n/a", (amounts / 100).round(2).astype(str)),
        }
    ).write_csv(path)


def copy_bare(folder: Path) -> None:
    with duckdb.connect() as connection:
        statement = COPY.replace("{target}", str(folder / "bare.parquet"))
        connection.execute(statement.replace("$file", f"'{folder / 'orders.csv'}'"))


def import_orders(folder: Path) -> None:
    shop = folder / "shop"
    make_workspace(shop, salt="a salt for speed", timezone="Europe/London")
    arrival = Arrival(
        kind=Kind.ORDERS, file=folder / "orders.csv", source="main", mapping={}, complete_through=None
    )
    report = import_file(arrival, read_settings({}, shop), NOW)
    assert report.new == report.good > 0 < report.bad, report


WORKS = {"bare": copy_bare, "import": import_orders}


def alone(name: str, folder: Path) -> tuple[float, float, float]:
    """(CPU seconds, wall seconds, MB at most) of a process of its own; what it imports is not counted as CPU."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.importing", "--alone", name, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    cpu, wall, memory = map(float, done.stdout.split())
    return cpu, wall, memory


def measure(name: str, folder: Path) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    WORKS[name](folder)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.process_time() - cpu, time.perf_counter() - wall, memory)


def main() -> None:
    """Print both, and the ratio of their CPU."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = Process(target=write_orders, args=(folder / "orders.csv", rows))
        writer.start()  # what this process had in memory would count as theirs
        writer.join()
        bare, ours = alone("bare", folder), alone("import", folder)
    for title, (cpu, wall, memory) in (("DuckDB's COPY", bare), ("winback import", ours)):
        print(f"{title:16} {rows:>12,} rows {cpu:8.2f} s CPU {wall:8.2f} s {memory:8.0f} MB")
    print(f"ratio of CPU {ours[0] / bare[0]:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
