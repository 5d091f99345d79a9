"""Clicks on our own links: where each leads, and what is kept of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, text
from sqlmodel import Session

from db.closing import OURSELVES
from db.events import store
from db.instants import UtcDateTime
from winback.callbacks.clicks import AT_ONCE, Click, Flag, clicked_at_once, flag_of_click, is_repeat
from winback.delivery.tariff import Tariff
from winback.events import Event, EventKind


class Letter(NamedTuple):
    """The message a link is in: what its run has pinned, and when it was handed to the provider."""

    version_id: int
    template: str
    sent_at: datetime | None


_LETTER = text("""
SELECT o.version_id, m.template, m.sent_at FROM message m JOIN occurrence o ON o.id = m.occurrence_id
WHERE m.key = :key
""").columns(sent_at=UtcDateTime)


def letter(session: Session, key: str) -> Letter | None:
    """The message with this key, or None."""
    row = session.connection().execute(_LETTER, {"key": key}).first()
    return Letter(*row) if row else None


def keep_click(
    session: Session,
    *,
    key: str,
    link: int,
    head: bool,
    agent: str,
    sent_at: datetime | None,
    together: Iterable[frozenset[int]],
    now: datetime,
    tariff: Tariff,
) -> bool:
    """Keep a click with the reason it is taken for a machine's, if any; False for one click told twice.

    ``together``: the sets of links that only a machine follows all at once; then the earlier ones are flagged too.
    ``agent``: the user agent, which is not kept.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"key": key})  # the links of one message may be followed at the same moment
    delivered_at = connection.execute(_DELIVERED, {"key": key}).scalar()
    since = delivered_at or sent_at
    flag = flag_of_click(head=head, link=link, agent=agent, at=now, since=since)
    click = Click(None, link, now, flag)
    earlier = [Click(*row) for row in connection.execute(_RECENT, {"key": key, "since": now - AT_ONCE})]
    if is_repeat(click, earlier):
        return False
    near = [one for links in together for one in clicked_at_once(click, earlier, links)]
    if near:
        flag = flag or Flag.ALL_LINKS
        _flag(session, [one.id for one in near if one.id is not None])
    id_ = f"click:{key}:{link}:{int(now.timestamp() * 1_000_000)}"
    event = Event(OURSELVES, id_, key, EventKind.CLICKED, now, link=link, flag=flag)
    return bool(store(connection, [event], now, tariff))


_LOCK = text("SELECT 1 FROM message WHERE key = :key FOR UPDATE")
_DELIVERED = text("SELECT MAX(at) AS at FROM event WHERE message_key = :key AND kind = 'delivered'").columns(
    at=UtcDateTime
)
_RECENT = (
    text("""
SELECT id, link, at, flag FROM event
WHERE message_key = :key AND kind = 'clicked' AND link IS NOT NULL AND at >= :since
""")
    .bindparams(bindparam("since", type_=UtcDateTime()))
    .columns(at=UtcDateTime)
)
_FLAG = text("UPDATE event SET flag = :flag WHERE id = :id AND flag IS NULL")


def _flag(session: Session, ids: Iterable[int]) -> None:
    values = [{"id": id_, "flag": Flag.ALL_LINKS} for id_ in sorted(set(ids))]
    if values:
        session.connection().execute(_FLAG, values)
