"""What a replaced database had been told of messages that the backup in its place knows too.

Told anew by the functions that providers' events come in by, so that reports count them. No address is opened or
closed by it: opt-outs are taken over by themselves (db.opt_outs).
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from db.direct import Sql, writer, writing
from db.events import mark_left, store_of_messages
from db.opt_outs import Unreadable, read_rows
from winback.delivery.tariff import Tariff
from winback.events import TOLD, Event, EventKind

CHUNK = 1_000
_KINDS = ", ".join(f"'{kind.value}'" for kind in (*TOLD, EventKind.REPLIED))
_EVENTS = f"""
SELECT provider, provider_event_id, message_key, kind, at, reason, link, flag FROM event
WHERE message_key IS NOT NULL AND kind IN ({_KINDS}) ORDER BY id"""
_LEFT = "SELECT key, unsubscribed_at FROM message WHERE unsubscribed_at IS NOT NULL"
_KNOWN = Sql("SELECT key FROM message WHERE key AMONG(:keys)")


def retell(replaced: sqlite3.Connection, engine: Engine, tariff: Tariff, now: datetime) -> int | None:
    """Tell ``engine`` what ``replaced`` was told, all of it or nothing; how much was new, None: unreadable."""
    try:
        with writer(engine) as connection, writing(connection):
            new = sum(store_of_messages(connection, told, now, tariff) for told in _told(replaced, connection))
            mark_left(connection, [(key, _instant(at)) for key, at in read_rows(replaced, _LEFT)])
    except Unreadable:
        return None
    return new


def _told(replaced: sqlite3.Connection, connection: Connection) -> Iterator[list[Event]]:
    """The events of messages that are there, some at a time."""
    found = read_rows(replaced, _EVENTS)
    while rows := list(islice(found, CHUNK)):
        keys = {key for _, _, key, *_ in rows}
        known = {key for (key,) in _KNOWN.run(connection, keys=sorted(keys)).fetchall()}
        yield [_event(row) for row in rows if row[2] in known]


def _event(row: tuple[Any, ...]) -> Event:
    """Whether a bounce was for good is not kept: only the breaker of a run asks, and all of this one is held."""
    provider, id_, key, kind, at, reason, link, flag = row
    return Event(provider, id_, key, EventKind(kind), _instant(at), reason, link, flag, permanent=False)


def _instant(at: str) -> datetime:
    return datetime.fromisoformat(at).replace(tzinfo=UTC)
