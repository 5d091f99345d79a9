"""The outbox: plan, queue, claim, record. Every step is safe to run again and by several at once.

A claim commits ``sending`` with owner, attempt and lease before the first byte leaves. Only the owner of that
attempt may record what came of it. Whatever nobody can know stays ``uncertain`` and is never queued by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    String,
    Update,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.tables import Assignment, Customer, Message, Occurrence, Stop, Suppression
from winback.campaign import Channel
from winback.events import State

RENDER_ERROR, FEWEST_FAILURES = "render_error", 20
EVERY_CAMPAIGN, EVERY_CHANNEL = "*", "all"  # scopes of the stop switch and of a suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """One message its owner may send now, with all that rendering needs."""

    id: int
    key: str
    owner: str
    attempt: int
    campaign_id: str
    occurrence_id: int
    version_id: int
    template: str
    channel: Channel
    address: str
    name: str | None
    locale: str | None
    country: str | None
    orders: int
    last_order_on: date
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one claimed message; ``state`` queued gives it back for another try at ``not_before``."""

    message: Claimed
    state: State
    reason: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    body_hash: str | None = None
    not_before: datetime | None = None


def plan(
    session: Session, occurrence_id: int, ids: range, *, prefix: str, step: str, templates: Mapping[str, str]
) -> int:
    """One message for each member outside the hold-out whose assignment id is in ``ids``; returns how many.

    Running it again adds nothing. ``templates``: arm -> template folder.
    """
    added = 0
    for arm, template in templates.items():
        chosen = _planned(prefix, step, template).where(
            col(Assignment.occurrence_id) == occurrence_id,
            col(Assignment.arm) == arm,
            col(Assignment.id).between(ids.start, ids.stop - 1),
        )
        added += changed(session, insert_or_keep(session, Message).from_select(_PLANNED_COLUMNS, chosen))
    return added


_PLANNED_COLUMNS = [
    "key", "occurrence_id", "campaign_id", "assignment_id", "customer_no", "person", "step", "channel", "template",
    "address_hash", "state", "attempt", "late_after", "state_at",
]  # fmt: skip


def _planned(prefix: str, step: str, template: str) -> Select[Any]:
    return select(
        literal(f"{prefix}-").concat(cast(Assignment.id, String)),
        col(Assignment.occurrence_id),
        col(Assignment.campaign_id),
        col(Assignment.id),
        col(Assignment.customer_no),
        col(Assignment.person),
        literal(step),
        col(Assignment.channel),
        literal(template),
        col(Assignment.address_hash),
        literal(State.PLANNED.value),
        literal(0),
        col(Occurrence.late_after),
        col(Occurrence.opened_at),
    ).join(Occurrence, col(Occurrence.id) == col(Assignment.occurrence_id))


def queue(session: Session, occurrence_id: int, ids: range, now: datetime) -> int:
    """Let the planned messages of a released occurrence's assignments ``ids`` go; returns how many."""
    planned = and_(
        col(Message.occurrence_id) == occurrence_id,
        col(Message.assignment_id).between(ids.start, ids.stop - 1),
        col(Message.state) == State.PLANNED,
    )
    return changed(session, update(Message).where(planned).values(state=State.QUEUED, state_at=now))


def claim(
    session: Session,
    *,
    owner: str,
    channels: Sequence[str],
    window: int,
    now: datetime,
    lease_until: datetime,
    unknown_email_consent: bool,
    placebo: bool,
) -> tuple[list[Claimed], int]:
    """Claim up to ``window`` messages of ``channels`` for ``owner``: (messages to send, messages skipped).

    Only of runs that were pinned as this sender sends: a rehearsal (``placebo``) never leaves for real, and a real
    message never ends in the folder.

    Suppression, consent, address, lateness and the stop switch are read in the claim's own transaction; the caller
    commits before the first byte.
    """
    rows = session.execute(_due(channels, window, now, unknown_email_consent, placebo)).mappings().all()
    skipped = [row for row in rows if row["skip"]]
    chosen = [_claimed(row, owner) for row in rows if not row["skip"]]
    _update_all(session, _SKIP, [{"at": row["id"], "why": row["skip"], "time": now} for row in skipped])
    marks = [{"at": m.id, "who": owner, "try_": m.attempt, "until": lease_until, "time": now} for m in chosen]
    _update_all(session, _MARK, marks)
    return chosen, len(skipped)


def _due(channels: Sequence[str], window: int, now: datetime, unknown_email: bool, placebo: bool) -> Select[Any]:
    """The oldest queued messages that may be looked at now, each with the reason to skip it, or null."""
    stopped = exists().where(col(Stop.scope).in_([EVERY_CAMPAIGN, col(Message.campaign_id)]))
    ready = or_(col(Message.not_before).is_(None), col(Message.not_before) <= now)
    return (
        select(
            *(col(c) for c in (Message.id, Message.key, Message.attempt, Message.template, Message.channel)),
            col(Message.campaign_id),
            col(Message.occurrence_id),
            *(col(c) for c in (Customer.email, Customer.phone, Customer.name, Customer.locale, Customer.country)),
            *(
                col(c)
                for c in (Assignment.orders, Assignment.last_order_on, Occurrence.version_id, Occurrence.as_of)
            ),
            _skip_reason(now, unknown_email).label("skip"),
        )
        .join(Customer, col(Customer.no) == col(Message.customer_no))
        .join(Assignment, col(Assignment.id) == col(Message.assignment_id))
        .join(Occurrence, col(Occurrence.id) == col(Message.occurrence_id))
        .where(col(Message.state) == State.QUEUED, ready, ~stopped, col(Message.channel).in_(channels))
        .where(col(Occurrence.placebo) == placebo)
        .order_by(col(Message.id))
        .limit(window)
        .with_for_update(of=Message, skip_locked=True)  # PostgreSQL; on SQLite the writer is alone anyway
    )


def _skip_reason(now: datetime, unknown_email: bool) -> ColumnElement[str | None]:
    is_email = col(Message.channel) == "email"
    other = aliased(Customer)  # whoever shares the address: one person
    address = col(Message.address_hash)
    by_mail, by_phone = col(other.email_hash) == address, col(other.sms_hash) == address
    shares = or_(and_(is_email, by_mail), and_(~is_email, by_phone))
    same_person = or_(
        col(Suppression.address_hash) == col(Message.address_hash),
        col(Suppression.customer_no) == col(Message.customer_no),
        col(Suppression.customer_no).in_(select(col(other.no)).where(shares).correlate(Message)),
    )
    suppressed = exists().where(col(Suppression.channel).in_([EVERY_CHANNEL, col(Message.channel)]), same_person)
    said_no = case((is_email, col(other.email_consent)), else_=col(other.sms_consent)).is_(False)
    refused = exists().where(shares, or_(said_no, col(other.no_personalisation).is_(True)))
    email_consent = func.coalesce(col(Customer.email_consent), literal(unknown_email))
    consent = case((is_email, email_consent), else_=func.coalesce(col(Customer.sms_consent), literal(False)))
    current = case((is_email, col(Customer.email_hash)), else_=col(Customer.sms_hash))
    return case(
        (col(Message.late_after) < now, "late"),
        (suppressed, "suppressed"),
        (or_(~consent, refused), "no_consent"),
        (func.coalesce(current, "") != address, "address_changed"),
        else_=None,
    )


def _claimed(row: RowMapping, owner: str) -> Claimed:
    address = row["email"] if row["channel"] == "email" else row["phone"]
    names = ("id", "key", "campaign_id", "occurrence_id", "version_id", "template", "channel")
    facts = ("name", "locale", "country", "orders", "last_order_on", "as_of")
    return Claimed(
        owner=owner, attempt=row["attempt"] + 1, address=address, **{name: row[name] for name in names + facts}
    )


_SKIP = (
    update(Message)
    .where(col(Message.id) == bindparam("at"), col(Message.state) == State.QUEUED)
    .values(state=State.SKIPPED, reason=bindparam("why"), state_at=bindparam("time"))
)
_MARK = (
    update(Message)
    .where(col(Message.id) == bindparam("at"), col(Message.state) == State.QUEUED)
    .values(
        state=State.SENDING,
        owner=bindparam("who"),
        attempt=bindparam("try_"),
        lease_until=bindparam("until"),
        not_before=None,
        state_at=bindparam("time"),
    )
)
# a result may still settle these; IN cannot be used with many values at once
_OPEN = or_(col(Message.state) == State.SENDING, col(Message.state) == State.UNCERTAIN)
_RECORD = (
    update(Message)
    .where(
        col(Message.id) == bindparam("at"),
        col(Message.owner) == bindparam("who"),
        col(Message.attempt) == bindparam("try_"),
    )
    .values(
        state=case((_OPEN, bindparam("to")), else_=col(Message.state)),
        reason=case((_OPEN, bindparam("why")), else_=col(Message.reason)),
        provider=bindparam("by"),
        provider_id=func.coalesce(bindparam("their_id"), col(Message.provider_id)),
        body_hash=func.coalesce(bindparam("hash"), col(Message.body_hash)),
        not_before=bindparam("not_before_"),
        state_at=bindparam("time"),
    )
)


def record(session: Session, results: Sequence[Result], now: datetime) -> None:
    """Store what came of claimed messages; a result of an attempt that is no longer current changes nothing.

    A state that an event has already lifted is kept: an event may come before our own answer is stored.
    """
    values = [
        {
            "at": r.message.id,
            "who": r.message.owner,
            "try_": r.message.attempt,
            "to": r.state.value,
            "why": r.reason,
            "by": r.provider,
            "their_id": r.provider_id,
            "hash": r.body_hash,
            "not_before_": r.not_before,
            "time": now,
        }
        for r in sorted(results, key=lambda result: result.message.id)  # events lock rows in this order too
    ]
    if values:
        session.connection().execute(_RECORD, values)


def expire_leases(session: Session, now: datetime) -> int:
    """What a dead owner left in ``sending`` becomes ``uncertain``, never ``queued``; returns how many."""
    dead = and_(col(Message.state) == State.SENDING, col(Message.lease_until) < now)
    changes = {"state": State.UNCERTAIN, "reason": "lease_expired", "state_at": now}
    return changed(session, update(Message).where(dead).values(**changes))


def counts(session: Session, occurrence_id: int | None = None) -> dict[str, int]:
    """State -> messages, of one occurrence or of all; states nobody is in are left out."""
    chosen = select(col(Message.state), func.count()).group_by(col(Message.state)).order_by(col(Message.state))
    if occurrence_id is not None:
        chosen = chosen.where(col(Message.occurrence_id) == occurrence_id)
    return dict(session.execute(chosen).tuples().all())


def unknown(session: Session, now: datetime) -> int:
    """Messages of which nobody knows whether they arrived: uncertain ones, and those of senders that have died."""
    dead = and_(col(Message.state) == State.SENDING, col(Message.lease_until) < now)
    chosen = select(func.count()).select_from(Message).where(or_(col(Message.state) == State.UNCERTAIN, dead))
    return int(session.execute(chosen).scalar_one())


def counts_by_arm(session: Session, occurrence_id: int) -> dict[str, dict[str, int]]:
    """Arm -> state -> messages of one occurrence."""
    chosen = (
        select(col(Assignment.arm), col(Message.state), func.count())
        .join(Assignment, col(Assignment.id) == col(Message.assignment_id))
        .where(col(Message.occurrence_id) == occurrence_id)
        .group_by(col(Assignment.arm), col(Message.state))
        .order_by(col(Assignment.arm), col(Message.state))
    )
    found: dict[str, dict[str, int]] = {}
    for arm, state, count in session.execute(chosen):
        found.setdefault(arm, {})[state] = count
    return found


def written_to_in(session: Session, occurrence_id: int, arm: str) -> int:
    """Members of an arm of an occurrence to whom a message of the same campaign may have gone out."""
    went_out = and_(
        col(Message.campaign_id) == col(Assignment.campaign_id),
        col(Message.state).not_in([State.PLANNED, State.QUEUED, State.SKIPPED, State.REJECTED]),
    )
    to_him = exists().where(went_out, col(Message.person) == col(Assignment.person))
    to_his_address = exists().where(went_out, col(Message.address_hash) == col(Assignment.address_hash))
    chosen = select(func.count()).select_from(Assignment).where(
        col(Assignment.occurrence_id) == occurrence_id, col(Assignment.arm) == arm, or_(to_him, to_his_address)
    )  # fmt: skip
    return int(session.execute(chosen).scalar_one())


def waiting(session: Session, channels: Sequence[str], *, placebo: bool) -> int:
    """Messages still queued or being sent on ``channels``, rehearsed or real; stopped campaigns' left out."""
    stopped = exists().where(col(Stop.scope).in_([EVERY_CAMPAIGN, col(Message.campaign_id)]))
    open_ = col(Message.state).in_([State.QUEUED, State.SENDING])
    same_kind = and_(col(Occurrence.id) == col(Message.occurrence_id), col(Occurrence.placebo) == placebo)
    chosen = select(func.count()).select_from(Message).join(Occurrence, same_kind)
    chosen = chosen.where(open_, ~stopped, col(Message.channel).in_(channels))
    return int(session.execute(chosen).scalar_one())


def stop_if_failing(session: Session, message: Claimed, now: datetime) -> bool:
    """Stop the campaign when more than 1 % of the run's messages, and at least 20, could not be rendered."""
    mine = col(Message.occurrence_id) == message.occurrence_id
    failed = and_(mine, col(Message.reason) == RENDER_ERROR)
    total = session.execute(select(func.count()).select_from(Message).where(mine)).scalar_one()
    bad = session.execute(select(func.count()).select_from(Message).where(failed)).scalar_one()
    if bad < FEWEST_FAILURES or bad <= total / 100:
        return False
    return bool(changed(session, insert_or_keep(session, Stop), [{"scope": message.campaign_id, "at": now}]))


def is_stopped(session: Session, campaign_id: str) -> bool:
    """Whether the stop switch is on for the campaign."""
    switch = select(exists().where(col(Stop.scope).in_([EVERY_CAMPAIGN, campaign_id])))
    return bool(session.execute(switch).scalar_one())


def switch_stop(session: Session, scope: str, *, on: bool, now: datetime) -> None:
    """Turn the stop switch of a campaign, or of all (EVERY_CAMPAIGN), on or off."""
    if on:
        changed(session, insert_or_keep(session, Stop), [{"scope": scope, "at": now}])
    else:
        changed(session, delete(Stop).where(col(Stop.scope) == scope))


def stopped_scopes(session: Session) -> list[str]:
    """What the stop switch is on for."""
    return list(session.execute(select(col(Stop.scope)).order_by(col(Stop.scope))).scalars())


def _update_all(session: Session, statement: Update, values: list[dict[str, object]]) -> None:
    """Run an update once per value; every one must hit its row, or the claim is not ours."""
    if not values:
        return
    if (hit := changed(session, statement, values)) != len(values):
        raise RuntimeError(f"claimed {len(values)} messages but changed {hit}")
