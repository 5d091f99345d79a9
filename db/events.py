"""What became of messages: callbacks, their events, and what an event changes.

An event, the state it lifts its message to and the suppression it causes are one transaction, so that a provider
is told "received" only when the next claim will know. An event we already have changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, or_, select, update
from sqlmodel import Session, col

from db.engine import insert_or_keep
from db.people import EVERY_CHANNEL
from db.tables import Customer, Message, Quarantine, Suppression, WebhookBody
from db.tables import Event as StoredEvent
from winback.callbacks import Refused
from winback.contact import mask_email, mask_phone
from winback.events import Event, EventKind, State, state_after, suppression_reason

OURSELVES = "winback"  # the provider of events from our own pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One verified callback as it came."""

    provider: str
    digest: str
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who an unsubscribe link is about; ``address`` is masked, None when the customer has another one now."""

    channel: str
    address: str | None
    locale: str | None
    unsubscribed: bool


def begin(session: Session, callback: Callback) -> bool:
    """Keep the raw callback; False when it was received before and is done with."""
    values = {
        "provider": callback.provider,
        "digest": callback.digest,
        "body": callback.body,
        "received_at": callback.received_at,
    }
    session.connection().execute(insert_or_keep(session, WebhookBody), values)
    done = select(col(WebhookBody.processed_at)).where(col(WebhookBody.digest) == callback.digest)
    return session.execute(done).scalar_one() is None


def finish(session: Session, digest: str, now: datetime) -> None:
    """Mark a callback as done and forget its bytes.

    They hold addresses and IP numbers that nobody needs once the events are stored, and that an erasure would
    have to search for. The digest stays: it recognises the same callback when it comes again.
    """
    done = update(WebhookBody).where(col(WebhookBody.digest) == digest).values(processed_at=now, body=b"")
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


def quarantine(session: Session, digest: str, refused: Iterable[Refused], now: datetime) -> None:
    """Note the elements of a callback that could not be understood; their content is not kept."""
    rows = [{"digest": digest, "position": one.position, "reason": one.reason, "at": now} for one in refused]
    if rows:
        session.connection().execute(insert_or_keep(session, Quarantine), rows)


def store(session: Session, events: Iterable[Event], received_at: datetime) -> int:
    """Keep the events we do not have yet and let them change messages and suppressions; returns how many.

    An event whose message is not known is kept and changes nothing.
    """
    new = _keep_new(session, events, received_at)
    by_key: dict[str, list[Event]] = {}
    for event in new:
        if event.message_key is not None:
            by_key.setdefault(event.message_key, []).append(event)
    messages = _messages(session, list(by_key))
    _lift(session, messages, by_key, received_at)
    _suppress(session, new, {row["key"]: row for row in messages})
    return len(new)


def _keep_new(session: Session, events: Iterable[Event], received_at: datetime) -> list[Event]:
    # one order for everybody: two batches with the same events then wait for each other instead of deadlocking
    wanted = {(event.provider, event.id): event for event in sorted(events, key=lambda e: (e.provider, e.id))}
    if not wanted:
        return []
    rows = [
        {
            "provider": event.provider,
            "provider_event_id": event.id,
            "message_key": event.message_key,
            "kind": event.kind.value,
            "reason": event.reason,
            "at": event.at,
            "received_at": received_at,
        }
        for event in wanted.values()
    ]
    kept = insert_or_keep(session, StoredEvent).returning(
        col(StoredEvent.provider), col(StoredEvent.provider_event_id)
    )
    return [wanted[provider, event_id] for provider, event_id in session.connection().execute(kept, rows)]


def _messages(session: Session, keys: Sequence[str]) -> list[RowMapping]:
    """The messages with these keys, locked in the order of their numbers."""
    columns = (Message.id, Message.key, Message.state, Message.reason, Message.state_at, Message.channel)
    chosen = (
        select(*(col(c) for c in columns), col(Message.address_hash), col(Message.unsubscribed_at))
        .where(col(Message.key).in_(keys))
        .order_by(col(Message.id))
        .with_for_update()
    )
    return list(session.execute(chosen).mappings())


_LIFT = (
    update(Message)
    .where(col(Message.id) == bindparam("at"))
    .values(
        state=bindparam("to"),
        reason=bindparam("why"),
        state_at=bindparam("since"),
        unsubscribed_at=bindparam("left_at"),
    )
)


def _lift(
    session: Session, messages: Sequence[RowMapping], told: dict[str, list[Event]], received_at: datetime
) -> None:
    """Write each message's state after all its events; the sender's owner, attempt and lease are left alone."""
    changes = [_lifted(message, told[message["key"]], received_at) for message in messages]
    if changes:
        session.connection().execute(_LIFT, changes)


def _lifted(message: RowMapping, events: Sequence[Event], received_at: datetime) -> dict[str, object]:
    state, reason = State(message["state"]), message["reason"]
    for event in events:
        lifted = state_after(state, event.kind)
        if lifted is not state:
            state, reason = lifted, event.reason
    left = [event.at for event in events if event.kind is EventKind.UNSUBSCRIBED]
    left += [message["unsubscribed_at"]] if message["unsubscribed_at"] else []
    return {
        "at": message["id"],
        "to": state.value,
        "why": reason,
        "since": message["state_at"] if state == message["state"] else received_at,
        "left_at": min(left, default=None),
    }


def _suppress(session: Session, events: Iterable[Event], messages: dict[str, RowMapping]) -> None:
    """One row for each address and channel the events close; in one order, so that two batches cannot deadlock."""
    closed: dict[tuple[str, str], dict[str, object]] = {}
    for event in sorted(events, key=lambda e: e.at):
        message = messages.get(event.message_key or "")
        address = message["address_hash"] if message else event.address_hash
        channel = message["channel"] if message else event.channel
        if (reason := suppression_reason(event)) and address and channel:
            row = {"address_hash": address, "channel": channel, "reason": reason}
            closed.setdefault((address, channel), row | {"source": event.provider, "at": event.at})
    if closed:
        rows = [row for _, row in sorted(closed.items())]
        session.connection().execute(insert_or_keep(session, Suppression), rows)


def recipient(session: Session, key: str) -> Recipient | None:
    """Who the message with this key went to, or None when there is no such message."""
    columns = (Message.channel, Message.address_hash, Customer.locale, Customer.email, Customer.email_hash)
    row = session.execute(
        select(*(col(c) for c in columns), col(Customer.phone), col(Customer.sms_hash))
        .outerjoin(Customer, col(Customer.no) == col(Message.customer_no))
        .where(col(Message.key) == key)
    ).first()
    if row is None:
        return None
    channel, address_hash, locale, email, email_hash, phone, sms_hash = row
    if channel == "email":
        address = mask_email(email) if email and email_hash == address_hash else None
    else:
        address = mask_phone(phone) if phone and sms_hash == address_hash else None
    unsubscribed = _is_suppressed(session, address_hash, channel)
    return Recipient(channel=channel, address=address, locale=locale, unsubscribed=unsubscribed)


def _is_suppressed(session: Session, address_hash: str, channel: str) -> bool:
    here = or_(col(Suppression.channel) == channel, col(Suppression.channel) == EVERY_CHANNEL)
    chosen = select(col(Suppression.id)).where(col(Suppression.address_hash) == address_hash, here)
    return session.execute(chosen.limit(1)).first() is not None


def unsubscribe(session: Session, key: str, now: datetime) -> bool:
    """Nobody writes to the address of this message on its channel any more; False when there is no such message.

    Also for a link used before: the suppression may have been lifted since, the opt-out counts again.
    """
    messages = _messages(session, [key])
    event = Event(
        provider=OURSELVES, id=f"unsubscribe:{key}", message_key=key, kind=EventKind.UNSUBSCRIBED, at=now
    )
    if not messages:
        return False
    store(session, [event], now)
    _suppress(session, [event], {key: messages[0]})
    return True
