"""Callbacks as they came: those that take several transactions, and what made no sense."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from db.direct import Sql
from db.tables import Quarantine, WebhookBody
from winback.callbacks import WHOLE, Refused

STALE = "stale"  # why a callback that is too old to be believed is set aside
NOTES = 1_000  # of one callback at most: ten megabytes hold millions of senseless elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One verified callback as it came."""

    provider: str
    digest: str
    body: bytes
    received_at: datetime


def begin(connection: Connection, callback: Callback) -> bool:
    """Keep a callback that takes several transactions; False when it was received before and is done with."""
    values = {
        "provider": callback.provider,
        "digest": callback.digest,
        "body": callback.body,
        "received_at": callback.received_at,
    }
    return bool(_BEGIN.run(connection, **values).rowcount)


_BEGIN = Sql("""
INSERT INTO webhook_body (provider, digest, body, received_at) VALUES (:provider, :digest, :body, :received_at)
ON CONFLICT (digest) DO UPDATE SET body = excluded.body WHERE webhook_body.processed_at IS NULL
""")


def finish(connection: Connection, callback: Callback) -> None:
    """Mark a callback as done and forget its bytes.

    They hold addresses and IP numbers that nobody needs once the events are stored, and that an erasure would
    have to search for. The digest stays: it recognises the same callback when it comes again.
    """
    _FINISH.run(connection, digest=callback.digest, at=callback.received_at, nothing=b"")


_FINISH = Sql("UPDATE webhook_body SET processed_at = :at, body = :nothing WHERE digest = :digest")


def unfinished(session: Session) -> list[Callback]:
    """Callbacks whose processing was cut off, oldest first."""
    rows = session.execute(
        select(WebhookBody).where(col(WebhookBody.processed_at).is_(None)).order_by(col(WebhookBody.id))
    ).scalars()
    return [
        Callback(provider=row.provider, digest=row.digest, body=row.body, received_at=row.received_at)
        for row in rows
    ]


def quarantine(connection: Connection, callback: Callback, refused: Sequence[Refused]) -> None:
    """Note the elements of a callback that could not be understood; their content is not kept.

    Of more than NOTES only the first are noted, and one for the whole that says how many there were.
    """
    noted = list(refused[:NOTES])
    if len(refused) > NOTES:
        noted.append(Refused(position=WHOLE, reason=f"{len(refused)} elements refused"))
    at, digest = callback.received_at, callback.digest
    rows = [{"digest": digest, "position": one.position, "reason": one.reason, "at": at} for one in noted]
    if rows:
        _NOTE.run_each(connection, rows)


def believe(connection: Connection, digests: Sequence[str]) -> None:
    """Forget that these callbacks were too old: they have come again, and were believed."""
    _BELIEVE.run(connection, digests=digests, stale=STALE)


_BELIEVE = Sql(f"""
DELETE FROM quarantine WHERE digest AMONG(:digests) AND position = {WHOLE} AND reason = :stale""")


class SetAside(NamedTuple):
    """How many elements of callbacks made no sense for one reason, and when the last of them came."""

    reason: str
    times: int
    last_at: datetime


def set_aside(session: Session) -> list[SetAside]:
    """What was noted by ``quarantine``, the latest reason first."""
    rows = session.execute(_SET_ASIDE).tuples()
    return [SetAside(reason, times, last_at) for reason, times, last_at in rows]


_LAST_AT = func.max(col(Quarantine.at))
_SET_ASIDE = (
    select(col(Quarantine.reason), func.count(), _LAST_AT)
    .group_by(col(Quarantine.reason))
    .order_by(_LAST_AT.desc(), col(Quarantine.reason))
)

_NOTE = Sql("""
INSERT INTO quarantine (digest, position, reason, at) VALUES (:digest, :position, :reason, :at)
ON CONFLICT DO NOTHING
""")
