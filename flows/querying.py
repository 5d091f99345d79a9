"""A SQL database into facts and state: its rows are spooled into a file, and that is imported as any other."""

import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from db.encoding import no_progress
from db.engine import database, reading, transaction
from db.settings import Settings
from db.source import SourceQuery, cursor_of, refuse_rounded_ids, save_cursor, spool
from flows.importing import Arrival, ImportReport, Progress, import_file


def import_query(
    asked: SourceQuery, arrival: Arrival, settings: Settings, now: datetime, progress: Progress = no_progress
) -> ImportReport:
    """Import what a database gives; ``arrival.file`` is not read.

    The cursor moves only after its rows are in: whatever is interrupted is read again.
    """
    kind, source = arrival.kind, arrival.source
    with tempfile.TemporaryDirectory(prefix="winback-") as folder:
        with database(settings.database_url) as engine, reading(engine) as session:
            after = cursor_of(session, kind, source, asked) if asked.cursor else None
        spooled = spool(asked, settings.secrets.source_password, after, Path(folder))
        refuse_rounded_ids(spooled, kind, arrival.mapping, asked.name)
        report = import_file(replace(arrival, file=spooled.path), settings, now, progress)
    if spooled.last is not None:
        with database(settings.database_url) as engine, transaction(engine) as session:
            save_cursor(session, kind, source, asked, spooled.last, now)
    return replace(report, file=asked.name)
