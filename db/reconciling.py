"""Messages nobody knows about: listed, and settled where somebody has looked or said.

Every change is fenced: it happens only while the message is still uncertain after that very attempt, so that two
who reconcile at once, a late answer of the sender and an event never undo each other. What was seen is kept, as an
event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, select, update
from sqlmodel import Session, col

from db.allowance import tally
from db.claims import Claimed
from db.engine import changed, insert_or_keep
from db.proved import count, unproved
from db.restored import RESTORED
from db.stops import not_stopped
from db.tables import Assignment, Customer, Message, Occurrence
from db.tables import Event as StoredEvent
from winback.channel import Channel
from winback.delivery.claiming import Rules
from winback.delivery.tariff import Tariff
from winback.events import EventKind, State

PERSON = "person"  # the provider of what somebody of the staff has said
EVIDENCE = (EventKind.NOT_FOUND, EventKind.NOT_SENT, EventKind.GIVEN_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """One message nobody knows about, or that was given up.

    ``address``: None when the customer has another one now. ``sent_at``: of the claim; ``earliest_at``: it cannot
    have left before. ``asked_again_at``: no look-up until then. ``claimed``: a sender of this very state had it,
    so its day and its money count it.
    """

    id: int
    key: str
    occurrence_id: int
    run: str
    campaign_id: str
    version_id: int
    placebo: bool
    channel: Channel
    provider: str | None
    state: State
    reason: str | None
    attempt: int
    resends: int
    claimed: bool
    since: datetime
    sent_at: datetime
    earliest_at: datetime
    late_after: datetime | None
    asked_again_at: datetime | None
    stopped: bool
    cost_micros: int
    address: str | None
    evidence: str | None


def uncertain(
    session: Session, run: str | None = None, *, after: int = 0, most: int | None = None
) -> list[Uncertain]:
    """What is uncertain, of one run or of all, in the order of the message ids beyond ``after``."""
    chosen = _chosen().where(col(Message.state) == State.UNCERTAIN, col(Message.id) > after)
    if run is not None:
        campaign_id, _, slot = run.partition("/")
        chosen = chosen.where(col(Occurrence.campaign_id) == campaign_id, col(Occurrence.slot) == slot)
    return _read(session, chosen.order_by(col(Message.id)).limit(most))


def with_keys(session: Session, keys: Sequence[str]) -> list[Uncertain]:
    """The messages with these keys of which a person may say what became; on PostgreSQL locked, in one order.

    Uncertain, given up, or queued because a person said "not sent" and not claimed since.
    """
    states = (State.UNCERTAIN, State.ABANDONED, State.QUEUED)
    chosen = _chosen().where(col(Message.state).in_(states), col(Message.key).in_(keys))
    found = _read(session, chosen.order_by(col(Message.id)).with_for_update(of=Message))
    denied = _denials(session, [message.key for message in found if message.state is State.QUEUED])
    return [m for m in found if m.state is not State.QUEUED or (m.key, m.attempt) in denied]


def _denials(session: Session, keys: Sequence[str]) -> set[tuple[str, int]]:
    """(key, attempt) of which a person said that it was not sent."""
    said = (col(StoredEvent.provider) == PERSON, col(StoredEvent.kind) == EventKind.NOT_SENT)
    chosen = select(col(StoredEvent.message_key), col(StoredEvent.provider_event_id))
    rows = session.execute(chosen.where(*said, col(StoredEvent.message_key).in_(keys))).tuples()
    return {(str(key), int(event_id.rsplit(":", 2)[1])) for key, event_id in rows}


def states_of(session: Session, keys: Sequence[str]) -> dict[str, State]:
    """Key -> state, of those keys that a message has."""
    chosen = select(col(Message.key), col(Message.state)).where(col(Message.key).in_(keys))
    return {key: State(state) for key, state in session.execute(chosen).tuples()}


def _chosen() -> Select[Any]:
    said = (
        select(col(StoredEvent.reason))
        .where(col(StoredEvent.message_key) == col(Message.key), col(StoredEvent.kind).in_(EVIDENCE))
        .order_by(col(StoredEvent.id).desc())
        .limit(1)
    )
    columns = (
        Message.id, Message.key, Message.occurrence_id, Message.campaign_id, Message.channel, Message.provider,
        Message.state, Message.reason, Message.attempt, Message.resends, Message.owner, Message.state_at,
        Message.sent_at, Message.late_after, Message.lease_until, Message.cost_micros, Message.address_hash,
        Occurrence.slot, Occurrence.version_id, Occurrence.placebo, Occurrence.opened_at,
        Customer.email, Customer.email_hash, Customer.phone, Customer.sms_hash,
    )  # fmt: skip
    chosen: Select[Any] = select(
        *(col(column) for column in columns),
        (~not_stopped()).label("stopped"),
        said.scalar_subquery().label("evidence"),
    )
    chosen = chosen.join(Occurrence, col(Occurrence.id) == col(Message.occurrence_id))
    return chosen.join(Customer, col(Customer.no) == col(Message.customer_no))


def _read(session: Session, chosen: Select[Any]) -> list[Uncertain]:
    found = []
    for row in session.execute(chosen):
        by_mail = row.channel == "email"
        same = (row.email_hash if by_mail else row.sms_hash) == row.address_hash
        found.append(
            Uncertain(
                id=row.id,
                key=row.key,
                occurrence_id=row.occurrence_id,
                run=f"{row.campaign_id}/{row.slot}",
                campaign_id=row.campaign_id,
                version_id=row.version_id,
                placebo=row.placebo,
                channel=row.channel,
                provider=row.provider,
                state=State(row.state),
                reason=row.reason,
                attempt=row.attempt,
                resends=row.resends,
                claimed=row.owner is not None,
                since=row.state_at,
                sent_at=row.sent_at or row.state_at,
                earliest_at=row.opened_at if row.reason == RESTORED else row.sent_at or row.opened_at,
                late_after=row.late_after,
                asked_again_at=row.lease_until,
                stopped=bool(row.stopped),
                cost_micros=row.cost_micros,
                address=(row.email if by_mail else row.phone) if same else None,
                evidence=row.evidence,
            )
        )
    return found


def that_arrived(
    session: Session, like: Uncertain, provider: str, since: datetime, before: datetime
) -> Uncertain | None:
    """A message like it that ``provider`` is known to have, claimed after ``since`` and accepted ``before``.

    The newest of the same run, else of any: whoever looks for it must find it, or looking proves nothing.
    """
    taken = (State.ACCEPTED, State.DEFERRED, State.DELIVERED)
    chosen = _chosen().where(
        col(Message.provider) == provider,
        col(Message.channel) == like.channel,
        col(Message.state).in_(taken),
        col(Message.sent_at) >= since,
        col(Message.state_at) <= before,
        col(Occurrence.placebo) == like.placebo,
    )
    same_run = case((col(Message.campaign_id).concat("/").concat(col(Occurrence.slot)) == like.run, 0), else_=1)
    return next(iter(_read(session, chosen.order_by(same_run, col(Message.id).desc()).limit(1))), None)


def known_beside(session: Session, message: Uncertain) -> frozenset[str]:
    """What the message's provider calls the other messages to the same address."""
    address = select(col(Message.address_hash)).where(col(Message.id) == message.id).scalar_subquery()
    chosen = select(col(Message.provider_id)).where(
        col(Message.address_hash) == address, col(Message.id) != message.id, col(Message.provider_id).is_not(None)
    )
    return frozenset(name for name in session.execute(chosen).scalars() if name)


def as_claimed(session: Session, message: Uncertain) -> Claimed:
    """The message as its sender had it, with the customer as he is now."""
    names = (Customer.name, Customer.locale, Customer.country)
    facts = (Assignment.orders, Assignment.last_order_on)
    row = session.execute(
        select(col(Message.template), col(Message.occurrence_id), col(Occurrence.as_of))
        .add_columns(*(col(column) for column in names + facts))
        .join(Occurrence, col(Occurrence.id) == col(Message.occurrence_id))
        .join(Customer, col(Customer.no) == col(Message.customer_no))
        .join(Assignment, col(Assignment.id) == col(Message.assignment_id))
        .where(col(Message.id) == message.id)
    ).one()
    return Claimed(
        id=message.id,
        key=message.key,
        owner="",
        attempt=message.attempt,
        campaign_id=message.campaign_id,
        version_id=message.version_id,
        channel=message.channel,
        address=message.address or "",
        **row._mapping,
    )


def take(session: Session, message: Uncertain, until: datetime) -> bool:
    """Be the one who asks about it until ``until``; False when somebody else does by now, or it is settled."""
    same = col(Message.lease_until).is_not_distinct_from(message.asked_again_at)
    return bool(changed(session, update(Message).where(_still(message), same).values(lease_until=until)))


def put_off(session: Session, message: Uncertain, until: datetime) -> None:
    """It could not be learnt now; nobody asks again before ``until``."""
    changed(session, update(Message).where(_still(message)).values(lease_until=until))


def accept(
    session: Session, message: Uncertain, now: datetime, provider: str, provider_id: str | None, tariff: Tariff
) -> bool:
    """It arrived; False when it was settled otherwise meanwhile."""
    known = {"provider": provider} if provider != PERSON else {}
    values: dict[str, object] = {
        "state": State.ACCEPTED,
        "reason": None,
        "state_at": now,
        "not_before": None,
        **known,
    }
    if provider_id is not None:
        values["provider_id"] = provider_id
    found = unproved(session.connection(), [message.key])
    if not changed(session, update(Message).where(_still(message)).values(**values)):
        return False
    count(session.connection(), found, now, tariff)
    return True


def queue_again(session: Session, message: Uncertain, now: datetime, rules: Rules) -> bool:
    """It was not sent and may leave; False when it was settled otherwise meanwhile.

    Owner and attempt stay: should the first sender come back after all and say "accepted", that still counts.
    """
    return _unsent(session, message, now, rules, State.QUEUED)


def deny(session: Session, message: Uncertain, now: datetime, rules: Rules) -> bool:
    """It was not sent and may not leave any more; False when it was settled otherwise meanwhile."""
    return _unsent(session, message, now, rules, State.ABANDONED)


def _unsent(session: Session, message: Uncertain, now: datetime, rules: Rules, state: State) -> bool:
    """What the claim had counted and reserved is given back: it was not spent."""
    values = {
        "state": state, "reason": "not_sent", "state_at": now, "sent_at": None, "cost_micros": 0,
        "not_before": None, "lease_until": None,
        "resends": col(Message.resends) + int(state is State.QUEUED),
    }  # fmt: skip
    if not changed(session, update(Message).where(_still(message)).values(**values)):
        return False
    if message.claimed:
        day = message.sent_at.astimezone(rules.zone).date()
        tally(session.connection(), message.occurrence_id, day, -1, -message.cost_micros)
    return True


def abandon(session: Session, message: Uncertain, now: datetime, tariff: Tariff) -> bool:
    """Nobody will ever know; False when it was settled otherwise meanwhile.

    What a sender claimed and never answered keeps the price of one unit, not the most it might have cost.
    """
    unanswered = message.claimed and message.state is State.UNCERTAIN
    found = unproved(session.connection(), [message.key]) if unanswered else []
    values = {
        "state": State.ABANDONED, "reason": "unknown", "state_at": now, "lease_until": None, "not_before": None,
    }  # fmt: skip
    if not changed(session, update(Message).where(_still(message)).values(**values)):
        return False
    count(session.connection(), found, now, tariff)
    return True


def count_again(session: Session, message: Uncertain, now: datetime, tariff: Tariff) -> None:
    """It may have been sent after all: takes back what "not sent" gave."""
    count(session.connection(), unproved(session.connection(), [message.key]), now, tariff)


def keep_evidence(
    session: Session, message: Uncertain, kind: EventKind, by: str, said: str, now: datetime
) -> None:
    """What was seen or said of a message, as an event of ``by``: a provider's name, or PERSON."""
    row = {
        "provider": by,
        "provider_event_id": f"{kind}:{message.key}:{message.attempt}:{now.astimezone(UTC):%Y%m%dT%H%M%S}",
        "message_key": message.key,
        "kind": kind.value,
        "reason": said,
        "at": now,
        "received_at": now,
    }
    changed(session, insert_or_keep(session, StoredEvent), [row])


def _still(message: Uncertain) -> ColumnElement[bool]:
    return and_(
        col(Message.id) == message.id,
        col(Message.state) == message.state,
        col(Message.attempt) == message.attempt,
    )
