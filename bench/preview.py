"""The preview of a campaign against the selection it rests on, in a workspace on SQLite; CPU seconds.

Customers and order files as in bench.selection, 20 orders each on average, everybody reachable by e-mail. Both
read everything anew. ``python -m bench.preview [CUSTOMERS]``; 100,000 unless said.
"""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.crowd import Wanted, insert_people, make_files
from bench.features import cpu_seconds
from bench.selection import AS_OF, BEGUN, write_orders
from db.engine import database, transaction
from db.settings import Settings
from db.tables import FactFile
from flows.campaign_run import manual
from flows.choosing import choose_now
from flows.previewing import preview


def main() -> None:
    """One line: both, and their ratio."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder), customers)
        order = manual("letter", AS_OF)
        selection = cpu_seconds(lambda: choose_now(order, shop))
        whole = cpu_seconds(lambda: preview(shop, "letter", AS_OF))
    print(
        f"preview of {customers:,} customers: {whole:.2f} CPU s, selection {selection:.2f}: "
        f"{whole / selection:.2f} times"
    )


def make_shop(folder: Path, customers: int) -> Settings:
    """A workspace with these customers and their orders."""
    now = datetime.now(UTC)
    settings = make_files(folder / "shop", Wanted(customers=customers), None, now)
    settings.facts.mkdir(parents=True)
    with database(settings.database_url) as engine:
        insert_people(engine, Wanted(customers=customers))
        with transaction(engine) as session:
            for number, file in enumerate(write_orders(folder, customers)):
                os.rename(file, settings.facts / f"{number}.parquet")
                session.add(
                    FactFile(
                        kind="orders", source="shop", digest=str(number), rows=1,
                        first_on=BEGUN, last_on=AS_OF, imported_at=now,
                    )
                )  # fmt: skip
    return settings


if __name__ == "__main__":
    main()
