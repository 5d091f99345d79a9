"""What became of messages: events kept once, and what a new one changes.

An event, the state it lifts its message to, the address it closes and the run it stops are one transaction, so
that a provider is told "received" only when the next claim will know. An event we already have changes nothing.
Everything is done in sets: a provider tells hundreds of events at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlmodel import Session

from db.people import Closing, close, close_after_soft_bounces, reopen
from db.sql import Sql, sqlite_driver, utc_text
from db.tallies import add, tallies
from winback.clicks import SOON, Flag
from winback.events import (
    RANKED,
    Event,
    EventKind,
    Lift,
    State,
    is_soft_bounce,
    lifts,
    state_after,
    suppression_reason,
)

_PLACE, _ID = itemgetter(0, 1), itemgetter(1)  # (provider, id), id
_ADDRESSED = frozenset(
    {EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED, EventKind.RESUBSCRIBED}
)  # what may open or close an address


def store(session: Session, events: Iterable[Event], received_at: datetime) -> int:
    """Keep the events we do not have yet and let them change what they change; returns how many.

    An event whose message is not known is kept and changes nothing.
    """
    # one order for everybody: two batches with the same events then wait for each other instead of deadlocking
    told = sorted(events, key=_ID)
    new = _keep_new(session, _with_their_messages(session, told), received_at) if told else []
    if new:
        _apply(session, new, received_at)
    return len(new)


def _apply(session: Session, new: Sequence[Event], received_at: datetime) -> None:
    told = lifts(new)
    lifted = _lift(session, told, received_at) if told else {}
    addressed = [event for event in new if event.kind in _ADDRESSED]
    if addressed:
        _mark_unsubscribed(session, addressed)
        open_or_close(session, addressed, received_at)
    if len(lifted.get(_ARRIVED, ())) < len(told.get(_ARRIVED, ())):
        _flag_early_clicks(session, new)
    add(session, tallies(lifted), received_at)


# keeping

_COLUMNS = "provider, provider_event_id, message_key, kind, at, reason, link, flag, received_at"
_INSERT = f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_NEWEST_IDS = "SELECT provider, provider_event_id FROM event WHERE id > last_insert_rowid() - ?"
_INSERT_ARRAYS = f"""
INSERT INTO event ({_COLUMNS}) SELECT *, %s::timestamptz
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::int[], %s::text[])
ON CONFLICT DO NOTHING RETURNING provider, provider_event_id"""


def _keep_new(session: Session, events: Sequence[Event], received_at: datetime) -> Sequence[Event]:
    """Insert all in one statement; those that were not there."""
    driver = sqlite_driver(session)
    if driver is not None:
        kept = _keep_in_sqlite(driver, events, received_at)
    else:
        kept = _keep_in_arrays(session, events, received_at)
    if kept is None:
        return events
    first = {_PLACE(event): event for event in reversed(events)}
    return [event for place, event in first.items() if place in kept]


def _keep_in_sqlite(driver: Any, events: Sequence[Event], received_at: datetime) -> set[Any] | None:  # noqa: ANN401
    """What was new; None = everything. SQLite numbers what one transaction inserts without a gap."""
    received = utc_text(received_at)
    rows = [
        (provider, id_, key, kind.value, utc_text(at), reason, link, flag, received)
        for provider, id_, key, kind, at, reason, link, flag, _, _, _ in events
    ]
    inserted = driver.executemany(_INSERT, rows).rowcount
    if inserted == len(rows):
        return None
    return set(driver.execute(_NEWEST_IDS, (inserted,))) if inserted else set()


def _keep_in_arrays(session: Session, events: Sequence[Event], received_at: datetime) -> set[Any] | None:
    """The same on PostgreSQL."""
    columns = [list(column) for column in zip(*events, strict=True)][:8]
    columns[3] = [kind.value for kind in columns[3]]
    rows = session.connection().exec_driver_sql(_INSERT_ARRAYS, (received_at, *columns)).all()
    return None if len(rows) == len(events) else {(row[0], row[1]) for row in rows}


# lifting

_ARRIVED = Lift(State.DELIVERED, None, False)
_LOCK = Sql("SELECT 1 FROM message WHERE key IN {keys} ORDER BY id FOR UPDATE")
_LIFT = {
    told: Sql(
        f"UPDATE message SET state = '{told}', reason = :reason, state_at = :at WHERE key IN {{keys}} AND state "
        f"NOT IN ({', '.join(repr(state.value) for state in State if state_after(state, told) is state)}) "
        "RETURNING occurrence_id"
    )
    for told in RANKED
}
_NAME_REASON = Sql("""
UPDATE message SET reason = :reason WHERE key IN {keys} AND state = 'bounced' AND COALESCE(reason, '') < :reason
""")


def _lift(session: Session, told: Mapping[Lift, Sequence[str]], received_at: datetime) -> dict[Lift, list[int]]:
    """Lift messages, lowest state first: the occurrences of those that each lift changed.

    The sender's owner, attempt and lease are left alone. PostgreSQL: all rows are locked before, in one order.
    """
    if sqlite_driver(session) is None:
        _LOCK.rows(session, {"keys": [key for keys in told.values() for key in keys]})
    lifted: dict[Lift, list[int]] = {}
    for lift, keys in told.items():
        values = {"keys": keys, "reason": lift.reason}
        rows = _LIFT[lift.state].rows(session, {**values, "at": received_at})
        lifted[lift] = [row[0] for row in rows]
        if lift.state is State.BOUNCED and lift.reason and len(rows) < len(keys):
            _NAME_REASON.run(session, [values])
    return lifted


# clicks and replies

_EARLY = Sql("""
UPDATE event SET flag = :flag WHERE message_key = :key AND kind = 'clicked' AND flag IS NULL AND at < :until
""")
_NEWEST = Sql("""
SELECT m.key FROM message m JOIN occurrence o ON o.id = m.occurrence_id
WHERE m.address_hash = :address AND m.channel = :channel AND NOT o.placebo
  AND m.state IN ('accepted', 'deferred', 'delivered', 'complained', 'uncertain')
ORDER BY m.sent_at DESC, m.id DESC LIMIT 1
""")


def _flag_early_clicks(session: Session, new: Iterable[Event]) -> None:
    """Flag clicks that came too soon after a delivery that we are told of only now.

    A click lifts its message to ``delivered``, so only a delivery that lifts nothing can find one.
    """
    values = [
        {"flag": Flag.TOO_SOON.value, "key": event.message_key, "until": event.at + SOON}
        for event in new
        if event.kind is EventKind.DELIVERED and event.message_key
    ]
    if values:
        _EARLY.run(session, values)


def _with_their_messages(session: Session, events: Sequence[Event]) -> Sequence[Event]:
    """A reply counts for the newest message that went out to its number."""
    if not any(map(_is_loose_reply, events)):
        return events
    return [_with_its_message(session, event) if _is_loose_reply(event) else event for event in events]


def _is_loose_reply(event: Event) -> bool:
    return event.kind is EventKind.REPLIED and event.message_key is None


def _with_its_message(session: Session, event: Event) -> Event:
    rows = _NEWEST.rows(session, {"address": event.address_hash, "channel": event.channel})
    return event._replace(message_key=rows[0][0] if rows else None)


# addresses

_WHO = Sql("SELECT key, address_hash, channel FROM message WHERE key IN {keys}")
_LEFT = Sql("""
UPDATE message SET unsubscribed_at = :at WHERE key = :key AND (unsubscribed_at IS NULL OR unsubscribed_at > :at)
""")


def _mark_unsubscribed(session: Session, events: Sequence[Event]) -> None:
    left = [
        {"key": event.message_key, "at": event.at}
        for event in events
        if event.kind is EventKind.UNSUBSCRIBED and event.message_key
    ]
    if left:
        _LEFT.run(session, left)


def open_or_close(session: Session, events: Sequence[Event], received_at: datetime) -> None:
    """Close and reopen the addresses the events speak of, whether they are new or not."""
    keys = {event.message_key for event in events if event.message_key}
    rows = _WHO.rows(session, {"keys": sorted(keys)}) if keys else ()
    of_message = {key: (address, channel) for key, address, channel in rows}
    places = [
        (event, *of_message.get(event.message_key or "", (event.address_hash, event.channel))) for event in events
    ]
    known = [(event, address, channel) for event, address, channel in places if address and channel]
    closings = [
        Closing(address, channel, reason, event.provider, event.at)
        for event, address, channel in known
        if (reason := suppression_reason(event))
    ]
    close(session, closings)
    for event, address, channel in known:
        if is_soft_bounce(event):
            close_after_soft_bounces(session, address, channel, event.provider, received_at)
        if event.kind is EventKind.RESUBSCRIBED:
            reopen(session, address, channel)
