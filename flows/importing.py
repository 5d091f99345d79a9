"""A data file into facts and state. Nothing a reader can see changes before the last, short transaction of facts;
customers and suppressions arrive in chunks, and importing the file again finishes what was interrupted."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine

from db.customers import CHUNK, NEW_CHUNK, create_customers, imported_fields, numbers, save_customers
from db.encoding import no_progress
from db.engine import database, reading, transaction
from db.facts.staged import Staged, Staging
from db.facts.store import (
    ORDERS,
    data_through,
    declare_through,
    digests,
    next_version,
    only_importer,
    path_of,
    refuse_others,
)
from db.facts.writing import NOBODY, Present, Written, commit_file, write_facts, write_orders
from db.intake import Table, glance_at, open_table, write_rejects
from db.people import suppress
from db.rates import read_rates
from db.settings import Settings
from winback.customers.contact import address_hash
from winback.errors import ImportProblem, WrongUse
from winback.intake.fields import REJECTS, Kind
from winback.intake.records import Faulty, explain, last_of_each, parse

Progress = Callable[[int, int], None]
EXPLAINED_ROWS = 10_000  # bad rows at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is asked to be imported; ``mapping`` is field -> column.

    ``snapshot_on``: the day that a snapshot of subscriptions tells of, None for every other kind.
    """

    kind: Kind
    file: Path
    source: str
    mapping: Mapping[str, str]
    complete_through: date | None
    snapshot_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What ``winback import --json`` prints: read = good + bad, good = new + changed + unchanged.

    ``unchanged``: also rows whose id comes again further down in the file.
    """

    kind: str
    file: str
    sha256: str
    read: int
    good: int
    bad: int
    new: int
    changed: int
    unchanged: int
    rejects_file: str | None
    data_through: date | None

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self) | {"data_through": self.data_through.isoformat() if self.data_through else None}


class _Files:
    """Rows of any kind but orders on their way to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths: list[Path] = []

    def add(self, rows: pl.DataFrame) -> None:
        self.paths.append(self._folder / f"{len(self.paths)}.parquet")
        rows.write_parquet(self.paths[-1], compression="uncompressed", statistics=False)  # read once

    @property
    def rows(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.paths, glob=False)

    def customer_ids(self) -> pl.Series:
        """Each once."""
        return self.rows.select(pl.col("customer_id").drop_nulls().unique()).collect()["customer_id"]


class _Rejected:
    """The rows that were not taken; why is asked of many at once."""

    def __init__(self) -> None:
        self._explained = [pl.DataFrame(schema=dict(REJECTS))]
        self._faulty: list[Faulty] = []

    def add(self, unread: pl.DataFrame, faulty: Faulty) -> None:
        self._explained.append(unread)
        self._faulty.append(faulty)
        if sum(each.rows.height for each in self._faulty) > EXPLAINED_ROWS:
            self._explain()

    def by_line(self) -> pl.DataFrame:
        """All of them (``winback.intake.fields.REJECTS``)."""
        self._explain()
        return pl.concat(self._explained).sort("line")

    def _explain(self) -> None:
        if self._faulty:
            self._explained.append(explain(self._faulty))
            self._faulty = []


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    kept: Staging | _Files
    good: int
    rejects: pl.DataFrame


def import_file(
    arrival: Arrival, settings: Settings, now: datetime, progress: Progress = no_progress
) -> ImportReport:
    """Import one file; ImportProblem when it cannot be read at all, Unusable when the stores cannot be used."""
    today = now.astimezone(settings.zone).date()
    if arrival.complete_through and arrival.complete_through > today:
        raise WrongUse(f"facts cannot be complete through {arrival.complete_through}: today is {today}")
    if arrival.snapshot_on and arrival.snapshot_on > today:
        raise WrongUse(f"a snapshot cannot be of {arrival.snapshot_on}: today is {today}")
    kind = arrival.kind.stored_as.value
    table = _first_look(arrival, progress)
    with (
        database(settings.database_url) as engine,
        only_importer(settings.facts),
        _staging(settings.facts) as folder,
    ):
        with reading(engine) as session:
            refuse_others(session, settings.facts)
        try:
            staged = _stage(table, folder, settings, arrival.snapshot_on, now)
        except (UnicodeDecodeError, ImportProblem):  # not as plain as it began, or not whole
            table = open_table(arrival.file, arrival.kind, arrival.mapping, progress)
            staged = _stage(table, folder, settings, arrival.snapshot_on, now)
        fields = imported_fields(table.columns)
        new, changed = _store(arrival, staged.kept, fields, engine, settings, now) if staged.good else (0, 0)
        with transaction(engine) as session:
            if arrival.complete_through:
                declare_through(session, kind, arrival.complete_through)
            through = data_through(session, kind)
    return ImportReport(
        kind=kind,
        file=str(arrival.file),
        sha256=table.sha256,
        read=staged.good + staged.rejects.height,
        good=staged.good,
        bad=staged.rejects.height,
        new=new,
        changed=changed,
        unchanged=staged.good - new - changed,
        rejects_file=_save_rejects(staged.rejects, table, settings),
        data_through=through,
    )


def _first_look(arrival: Arrival, progress: Progress) -> Table:
    try:
        return glance_at(arrival.file, arrival.kind, arrival.mapping, progress)
    except (UnicodeDecodeError, ImportProblem):
        return open_table(arrival.file, arrival.kind, arrival.mapping, progress)


@contextmanager
def _staging(facts: Path) -> Iterator[Path]:
    for left in facts.glob(".staging-*"):  # of an import that was killed; we hold the importer's lock
        shutil.rmtree(left, ignore_errors=True)
    for file in facts.glob(".arriving-*"):
        file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=facts, prefix=".staging-") as folder:
        yield Path(folder)


def _stage(table: Table, folder: Path, settings: Settings, snapshot_on: date | None, now: datetime) -> _Staged:
    rates = read_rates(settings.workspace, settings.file.currency)
    kept = Staging(folder) if table.kind is Kind.ORDERS else _Files(folder)
    rejected, good = _Rejected(), 0
    for batch in table:
        parsed = parse(
            table.kind,
            batch.frame,
            timezone=settings.file.timezone,
            currency=settings.file.currency,
            not_after=now.astimezone(settings.zone).date(),
            snapshot_on=snapshot_on,
            rates=rates,
            tidy=batch.tidy,
        )
        rejected.add(batch.rejects, parsed.faulty)
        good += parsed.good.height
        if parsed.good.height:
            kept.add(parsed.good)
    return _Staged(kept=kept, good=good, rejects=rejected.by_line())


def _store(
    arrival: Arrival,
    kept: Staging | _Files,
    fields: list[str],
    engine: Engine,
    settings: Settings,
    now: datetime,
) -> tuple[int, int]:
    if isinstance(kept, Staging):
        return _commit(arrival, _write_orders(arrival, kept.staged(), engine, settings), engine, now)
    match arrival.kind:
        case Kind.CUSTOMERS:
            return _store_customers(kept, fields, engine)
        case Kind.SUPPRESSIONS:
            return _store_suppressions(kept, engine, arrival.source, now)
    return _commit(arrival, _write_others(arrival, kept, engine, settings, now), engine, now)


def _commit(arrival: Arrival, written: Written | None, engine: Engine, now: datetime) -> tuple[int, int]:
    if written is None:
        return 0, 0
    with transaction(engine) as session:
        commit_file(session, arrival.kind.stored_as, written, source=arrival.source, now=now)
    return written.new, written.changed


def _write_orders(arrival: Arrival, staged: Staged, engine: Engine, settings: Settings) -> Written | None:
    people = _known_people(staged.ids, engine)
    with reading(engine) as session:
        version = next_version(session)
        present = [path_of(settings.facts, digest) for digest in digests(session, ORDERS, arrival.source)]
    return write_orders(settings.facts, staged, present, people, source=arrival.source, version=version)


def _write_others(
    arrival: Arrival, kept: _Files, engine: Engine, settings: Settings, now: datetime
) -> Written | None:
    kind = arrival.kind.stored_as
    lines = kind is Kind.LINES  # a line's order says whose it is
    people = NOBODY if lines else _known_people(kept.customer_ids(), engine)
    with reading(engine) as session:
        version = next_version(session)
        present = Present(
            same=[path_of(settings.facts, digest) for digest in digests(session, kind.value)],
            orders=[path_of(settings.facts, digest) for digest in digests(session, ORDERS)],
        )
    return write_facts(
        settings.facts,
        kind,
        kept.paths,
        present,
        people,
        source=arrival.source,
        version=version,
        today=now.astimezone(settings.zone).date(),
    )


def _known_people(wanted: pl.Series, engine: Engine) -> pl.DataFrame:
    """customer_id -> customer_no of everybody; those of ``wanted`` ids whom nobody knows are created."""
    with reading(engine) as session:
        people = numbers(session)
    missing = wanted.filter(~wanted.is_in(people["customer_id"].implode())).sort().to_list()
    for start in range(0, len(missing), NEW_CHUNK):
        with transaction(engine) as session:
            create_customers(session, missing[start : start + NEW_CHUNK])
    with reading(engine) as session:
        return numbers(session) if missing else people


def _store_customers(kept: _Files, fields: list[str], engine: Engine) -> tuple[int, int]:
    frame = last_of_each(Kind.CUSTOMERS, kept.rows.collect())
    new = changed = 0
    for part in frame.iter_slices(CHUNK):
        with transaction(engine) as session:
            added, updated = save_customers(session, part, fields)
            new, changed = new + added, changed + updated
    return new, changed


def _store_suppressions(kept: _Files, engine: Engine, source: str, now: datetime) -> tuple[int, int]:
    people = dict(_known_people(kept.customer_ids(), engine).select("customer_id", "customer_no").iter_rows())
    new = 0
    for part in kept.rows.collect().iter_slices(CHUNK):
        with transaction(engine) as session:
            for row in part.iter_rows(named=True):
                new += suppress(
                    session,
                    address_hash=address_hash(row["address"]) if row["address"] else None,
                    customer_no=people.get(row["customer_id"]),
                    channel=row["channel"],
                    reason=row["reason"] or "imported",
                    source=source,
                    at=row["at"] or now,
                )
    return new, 0


def _save_rejects(rejects: pl.DataFrame, table: Table, settings: Settings) -> str | None:
    if rejects.is_empty():
        return None
    folder = settings.state / "rejects"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{table.path.name}.{table.sha256[:8]}.rejects.csv"
    write_rejects(path, rejects)
    return str(path)
