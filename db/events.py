"""What became of messages: events kept once, and what a new one changes.

An event, the state it lifts its message to, the address it closes and the run it stops are one transaction, so
that a provider is told "received" only when the next claim will know. An event we already have changes nothing.
Everything is done in sets: a provider tells hundreds of events at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy.engine import Connection

from db.closing import Closing, close, close_after_soft_bounces, reopen
from db.direct import Sql, execute, is_sqlite, stamp
from db.proved import count, unproved
from db.tallies import add, tallies
from winback.callbacks.clicks import SOON, Flag
from winback.delivery.tariff import Tariff
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


def store(connection: Connection, events: Iterable[Event], received_at: datetime, tariff: Tariff) -> int:
    """Keep the events we do not have yet and let them change what they change; returns how many.

    An event whose message is not known is kept and changes nothing.
    """
    # one order for everybody: two batches with the same events then wait for each other instead of deadlocking
    told = sorted(events, key=_ID)
    new = _keep_new(connection, _with_their_messages(connection, told), received_at) if told else []
    if new:
        _apply(connection, new, received_at, tariff)
    return len(new)


def store_of_messages(
    connection: Connection, events: Sequence[Event], received_at: datetime, tariff: Tariff
) -> int:
    """``store`` of events whose addresses are opened and closed by other means, and whose flags are known."""
    new = _keep_new(connection, events, received_at) if events else []
    if told := lifts(new):
        add(connection, tallies(_lift(connection, told, received_at, tariff)), received_at)
    return len(new)


def _apply(connection: Connection, new: Sequence[Event], received_at: datetime, tariff: Tariff) -> None:
    told = lifts(new)
    lifted = _lift(connection, told, received_at, tariff) if told else {}
    addressed = [event for event in new if event.kind in _ADDRESSED]
    if addressed:
        _mark_unsubscribed(connection, addressed)
        open_or_close(connection, addressed, received_at)
    if len(lifted.get(_ARRIVED, ())) < len(told.get(_ARRIVED, ())):
        _flag_early_clicks(connection, new)
    add(connection, tallies(lifted), received_at)


# keeping

_COLUMNS = "provider, provider_event_id, message_key, kind, at, reason, link, flag, received_at"
_INSERT = f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_NEWEST_IDS = "SELECT provider, provider_event_id FROM event WHERE id > last_insert_rowid() - ?"
_INSERT_ARRAYS = f"""
INSERT INTO event ({_COLUMNS}) SELECT *, %s::timestamptz
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::int[], %s::text[])
ON CONFLICT DO NOTHING RETURNING provider, provider_event_id"""


def _keep_new(connection: Connection, events: Sequence[Event], received_at: datetime) -> Sequence[Event]:
    """Insert all in one statement; those that were not there."""
    keep = _keep_in_sqlite if is_sqlite(connection) else _keep_in_arrays
    kept = keep(connection, events, received_at)
    if kept is None:
        return events
    first = {_PLACE(event): event for event in reversed(events)}
    return [event for place, event in first.items() if place in kept]


def _keep_in_sqlite(connection: Connection, events: Sequence[Event], received_at: datetime) -> set[Any] | None:
    """What was new; None = everything. SQLite numbers what one transaction inserts without a gap."""
    received = _stamp(received_at)
    rows = [
        (provider, id_, key, kind.value, _stamp(at), reason, link, flag, received)
        for provider, id_, key, kind, at, reason, link, flag, _, _, _ in events
    ]
    inserted = execute(connection, _INSERT, rows).rowcount
    if inserted == len(rows):
        return None
    return set(execute(connection, _NEWEST_IDS, (inserted,))) if inserted else set()


_stamp = lru_cache(maxsize=1_000)(stamp)  # providers tell whole seconds, and many events of each


def _keep_in_arrays(connection: Connection, events: Sequence[Event], received_at: datetime) -> set[Any] | None:
    """The same on PostgreSQL."""
    columns = [list(column) for column in zip(*events, strict=True)][:8]
    columns[3] = [kind.value for kind in columns[3]]
    rows = execute(connection, _INSERT_ARRAYS, (received_at, *columns)).fetchall()
    return None if len(rows) == len(events) else set(rows)


# lifting

_ARRIVED = Lift(State.DELIVERED, None, False)
_LOCK = Sql("SELECT 1 FROM message WHERE key AMONG(:keys) ORDER BY id FOR UPDATE")
_LIFT = {
    told: Sql(
        f"UPDATE message SET state = '{told}', reason = :reason, state_at = :at WHERE key AMONG(:keys) AND state "
        f"NOT IN ({', '.join(repr(state.value) for state in State if state_after(state, told) is state)}) "
        "RETURNING occurrence_id"
    )
    for told in RANKED
}
_NAME_REASON = Sql("""
UPDATE message SET reason = :reason WHERE key AMONG(:keys) AND state = 'bounced' AND COALESCE(reason, '') < :reason
""")


def _lift(
    connection: Connection, told: Mapping[Lift, Sequence[str]], received_at: datetime, tariff: Tariff
) -> dict[Lift, list[int]]:
    """Lift messages, lowest state first: the occurrences of those that each lift changed.

    What nobody counts is counted: it left. The sender's owner, attempt and lease are left alone. PostgreSQL: all
    rows are locked before, in one order.
    """
    named = [key for keys in told.values() for key in keys]
    if not is_sqlite(connection):
        _LOCK.run(connection, keys=named)
    count(connection, unproved(connection, named), received_at, tariff)
    lifted: dict[Lift, list[int]] = {}
    for lift, keys in told.items():
        changed = _LIFT[lift.state].run(connection, keys=keys, reason=lift.reason, at=received_at)
        lifted[lift] = [row[0] for row in changed.fetchall()]
        if lift.state is State.BOUNCED and lift.reason and len(lifted[lift]) < len(keys):
            _NAME_REASON.run(connection, keys=keys, reason=lift.reason)
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


def _flag_early_clicks(connection: Connection, new: Iterable[Event]) -> None:
    """Flag clicks that came too soon after a delivery that we are told of only now.

    A click lifts its message to ``delivered``, so only a delivery that lifts nothing can find one.
    """
    values = [
        {"flag": Flag.TOO_SOON.value, "key": event.message_key, "until": event.at + SOON}
        for event in new
        if event.kind is EventKind.DELIVERED and event.message_key
    ]
    if values:
        _EARLY.run_each(connection, values)


def _with_their_messages(connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
    """A reply counts for the newest message that went out to its number."""
    if not any(map(_is_loose_reply, events)):
        return events
    return [_with_its_message(connection, event) if _is_loose_reply(event) else event for event in events]


def _is_loose_reply(event: Event) -> bool:
    return event.kind is EventKind.REPLIED and event.message_key is None


def _with_its_message(connection: Connection, event: Event) -> Event:
    return event._replace(message_key=_newest(connection, event))


def _newest(connection: Connection, event: Event) -> str | None:
    """The key of the newest message that went out to the number a person writes from; None when there is none."""
    newest = _NEWEST.run(connection, address=event.address_hash, channel=event.channel).fetchone()
    return newest[0] if newest else None


# addresses

_WHO = Sql("SELECT key, address_hash, channel FROM message WHERE key AMONG(:keys)")
_LEFT = Sql("""
UPDATE message SET unsubscribed_at = :at WHERE key = :key AND (unsubscribed_at IS NULL OR unsubscribed_at > :at)
""")


def _mark_unsubscribed(connection: Connection, events: Sequence[Event]) -> None:
    """The messages people left by: who answers STOP names none, so it counts where a reply would.

    The event itself stays without a message: it proves nothing of the one it is counted for.
    """
    left = [
        (key, event.at)
        for event in events
        if event.kind is EventKind.UNSUBSCRIBED and (key := event.message_key or _newest(connection, event))
    ]
    mark_left(connection, left)


def mark_left(connection: Connection, left: Iterable[tuple[str, datetime]]) -> None:
    """Key and instant of messages that people left by; the first instant stands."""
    values = [{"key": key, "at": at} for key, at in left]
    if values:
        _LEFT.run_each(connection, values)


def open_or_close(connection: Connection, events: Sequence[Event], received_at: datetime) -> None:
    """Close and reopen the addresses the events speak of, whether they are new or not.

    The last word of each address stands; of two words of one moment the one that closes.
    """
    keys = {event.message_key for event in events if event.message_key}
    rows = _WHO.run(connection, keys=sorted(keys)).fetchall() if keys else ()
    of_message = {key: (address, channel) for key, address, channel in rows}
    places = [
        (event, *of_message.get(event.message_key or "", (event.address_hash, event.channel))) for event in events
    ]
    known = [(event, address, channel) for event, address, channel in places if address and channel]
    closings: list[Closing] = []
    for event, address, channel in sorted(known, key=_place_and_time):
        if reason := suppression_reason(event):
            closings.append(Closing(address, channel, reason, event.provider, event.at))
        elif event.kind is EventKind.RESUBSCRIBED:
            close(connection, closings)
            reopen(connection, address, channel)
            closings.clear()
    close(connection, closings)
    for event, address, channel in known:
        if is_soft_bounce(event):
            close_after_soft_bounces(connection, address, channel, event.provider, received_at)


def _place_and_time(known: tuple[Event, str, str]) -> tuple[str, str, datetime, bool]:
    """Address by address, so that two batches cannot deadlock, and in each as it was said."""
    event, address, channel = known
    return address, channel, event.at, event.kind is not EventKind.RESUBSCRIBED
