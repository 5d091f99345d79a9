"""Callbacks as they came: those that take several transactions, and what made no sense."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session, col

from db.engine import insert_or_keep
from db.sql import Sql
from db.tables import Quarantine, WebhookBody
from winback.callbacks import WHOLE, Refused

NOTES = 1_000  # of one callback at most: ten megabytes hold millions of senseless elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One verified callback as it came."""

    provider: str
    digest: str
    body: bytes
    received_at: datetime


def begin(session: Session, callback: Callback) -> bool:
    """Keep a callback that takes several transactions; False when it was received before and is done with."""
    values = {
        "provider": callback.provider,
        "digest": callback.digest,
        "body": callback.body,
        "received_at": callback.received_at,
    }
    return bool(_BEGIN.run(session, [values]))


_BEGIN = Sql("""
INSERT INTO webhook_body (provider, digest, body, received_at) VALUES (:provider, :digest, :body, :received_at)
ON CONFLICT (digest) DO UPDATE SET body = excluded.body WHERE webhook_body.processed_at IS NULL
""")


def finish(session: Session, callback: Callback) -> None:
    """Mark a callback as done and forget its bytes.

    They hold addresses and IP numbers that nobody needs once the events are stored, and that an erasure would
    have to search for. The digest stays: it recognises the same callback when it comes again.
    """
    this = col(WebhookBody.digest) == callback.digest
    done = update(WebhookBody).where(this).values(processed_at=callback.received_at, body=b"")
    session.connection().execute(done)


def unfinished(session: Session) -> list[Callback]:
    """Callbacks whose processing was cut off, oldest first."""
    rows = session.execute(
        select(WebhookBody).where(col(WebhookBody.processed_at).is_(None)).order_by(col(WebhookBody.id))
    ).scalars()
    return [
        Callback(provider=row.provider, digest=row.digest, body=row.body, received_at=row.received_at)
        for row in rows
    ]


def quarantine(session: Session, callback: Callback, refused: Sequence[Refused]) -> None:
    """Note the elements of a callback that could not be understood; their content is not kept.

    Of more than NOTES only the first are noted, and one for the whole that says how many there were.
    """
    rows = _rows(callback, refused[:NOTES])
    if len(refused) > NOTES:
        rows += _rows(callback, [Refused(position=WHOLE, reason=f"{len(refused)} elements refused")])
    if rows:
        session.connection().execute(insert_or_keep(session, Quarantine), rows)


def _rows(callback: Callback, refused: Iterable[Refused]) -> list[dict[str, object]]:
    at, digest = callback.received_at, callback.digest
    return [{"digest": digest, "position": one.position, "reason": one.reason, "at": at} for one in refused]
