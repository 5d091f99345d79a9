"""The outbox: plan, queue, count, stop. Every step is safe to run again and by several at once.

Claiming and recording: db.claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, update
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.occurrences import Stage, counted_for, no_replay, run_name
from db.stops import EVERYTHING, not_stopped
from db.tables import Assignment, Customer, DayTally, Message, Occurrence, Stop
from winback.channel import Channel
from winback.delivery.claiming import DAY_LIMIT
from winback.events import State

SET = 5_000  # rows that one statement makes or changes: well under the 250 ms a writer may hold SQLite


def id_chunks(session: Session, table: type[Assignment] | type[Message], occurrence_id: int) -> list[range]:
    """The ids of an occurrence's rows, in ranges of at most ``SET``."""
    ends = select(func.min(table.id), func.max(table.id))
    first, last = session.execute(ends.where(col(table.occurrence_id) == occurrence_id)).one()
    if first is None:
        return []
    return [range(start, min(start + SET, last + 1)) for start in range(first, last + 1, SET)]


def in_chunk(table: type[Assignment] | type[Message], ids: range, occurrence_id: int) -> ColumnElement[bool]:
    """An occurrence's rows with these ids, found by id: SQLite would walk through all of the occurrence's."""
    by_id = col(table.id).between(ids.start, ids.stop - 1)
    return and_(by_id, col(table.occurrence_id) + 0 == occurrence_id)


def plan(
    session: Session, occurrence_id: int, ids: range, *, prefix: str, step: str, templates: Mapping[str, str]
) -> int:
    """One message for each member outside the hold-out whose assignment id is in ``ids``; returns how many.

    Running it again adds nothing. ``templates``: arm -> template folder.
    """
    added = 0
    for arm, template in templates.items():
        chosen = _planned(prefix, step, template).where(
            in_chunk(Assignment, ids, occurrence_id), col(Assignment.arm) == arm
        )
        added += changed(session, insert_or_keep(session, Message).from_select(_PLANNED_COLUMNS, chosen))
    return added


_PLANNED_COLUMNS = [
    "key", "occurrence_id", "campaign_id", "assignment_id", "customer_no", "person", "step", "channel", "template",
    "address_hash", "state", "attempt", "resends", "cost_micros", "late_after", "state_at",
]  # fmt: skip


def _planned(prefix: str, step: str, template: str) -> Select[Any]:
    return select(
        literal(f"{prefix}-").concat(col(Assignment.code)),
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
        literal(0),
        literal(0),
        col(Occurrence.late_after),
        col(Occurrence.opened_at),
    ).join(Occurrence, col(Occurrence.id) == col(Assignment.occurrence_id))


def queue(session: Session, occurrence_id: int, ids: range, now: datetime) -> int:
    """Let the planned messages ``ids`` of a released occurrence go; returns how many."""
    planned = and_(in_chunk(Message, ids, occurrence_id), col(Message.state) == State.PLANNED)
    return changed(session, update(Message).where(planned).values(state=State.QUEUED, state_at=now))


def counts(session: Session, occurrence_id: int | None = None) -> dict[str, int]:
    """State -> messages, of one occurrence or of all; states nobody is in are left out."""
    chosen = select(col(Message.state), func.count()).group_by(col(Message.state)).order_by(col(Message.state))
    if occurrence_id is not None:
        chosen = chosen.where(col(Message.occurrence_id) == occurrence_id)
    return dict(session.execute(chosen).tuples().all())


def skip_reasons(session: Session, occurrence_id: int | None) -> dict[str, int]:
    """Reason -> messages that a run skipped for it, the commonest first."""
    of_run = (col(Message.occurrence_id) == occurrence_id, col(Message.state) == State.SKIPPED)
    chosen = select(col(Message.reason), func.count()).where(*of_run).group_by(col(Message.reason))
    return dict(session.execute(chosen.order_by(func.count().desc(), col(Message.reason))).tuples().all())


def unknown(session: Session, now: datetime) -> int:
    """Messages of which nobody knows whether they arrived: uncertain ones, and those of senders that have died."""
    dead = and_(col(Message.state) == State.SENDING, col(Message.lease_until) < now)
    chosen = select(func.count()).select_from(Message).where(or_(col(Message.state) == State.UNCERTAIN, dead))
    return int(session.execute(chosen).scalar_one())


@dataclass(frozen=True, slots=True, kw_only=True)
class InHand:
    """What senders have claimed; not reported by ``until``, the last lease's end, it becomes uncertain."""

    messages: int
    until: datetime


def in_hand(session: Session, now: datetime, run: str | None = None) -> InHand | None:
    """What senders have claimed whose leases still run, of one run or of all; None when that is nothing.

    Nobody but time can tell a sender at work from one that died a moment ago.
    """
    claimed = and_(col(Message.state) == State.SENDING, col(Message.lease_until) >= now)
    chosen = select(func.count(), func.max(col(Message.lease_until))).select_from(Message).where(claimed)
    if run is not None:
        name = col(Occurrence.campaign_id).concat("/").concat(col(Occurrence.slot))
        chosen = chosen.join(Occurrence, col(Occurrence.id) == col(Message.occurrence_id)).where(name == run)
    messages, until = session.execute(chosen).tuples().one()
    return InHand(messages=messages, until=until) if messages else None


def written_to_in(session: Session, occurrence_id: int, arm: str) -> list[str]:
    """The customer ids of an arm of an occurrence to whom a message of the same campaign may have gone out.

    Messages count as entries do: one of a rehearsal went to nobody whom a run really sent holds out.
    """
    run = session.get_one(Occurrence, occurrence_id)
    counted = select(col(Occurrence.id)).where(
        col(Occurrence.campaign_id) == run.campaign_id, counted_for(run.slot, placebo=run.placebo)
    )
    went_out = and_(
        col(Message.occurrence_id).in_(counted),
        col(Message.state).not_in([State.PLANNED, State.QUEUED, State.SKIPPED, State.REJECTED]),
    )
    to_him = exists().where(went_out, col(Message.person) == col(Assignment.person))
    to_his_address = exists().where(went_out, col(Message.address_hash) == col(Assignment.address_hash))
    chosen = (
        select(col(Customer.customer_id))
        .join(Assignment, col(Assignment.customer_no) == col(Customer.no))
        .where(col(Assignment.occurrence_id) == occurrence_id, col(Assignment.arm) == arm)
        .where(or_(to_him, to_his_address))
        .order_by(col(Customer.customer_id))
    )
    return list(session.execute(chosen).scalars())


def waiting(
    session: Session, channels: Sequence[str], *, placebo: bool, by: datetime, only: int | None = None
) -> int:
    """Messages that are being sent on ``channels`` or may leave ``by`` then; those of stopped runs left out.

    ``only``: of this replay; None = of every run but replays.
    """
    open_ = or_(col(Message.state) == State.SENDING, _due(by))
    return _count(session, channels, open_, placebo=placebo, only=only)


def ready(session: Session, channel: Channel, *, placebo: bool, now: datetime) -> int:
    """Messages nobody has claimed that may leave now; those of stopped runs and of replays left out."""
    return _count(session, [channel], _due(now), placebo=placebo, only=None)


def _due(by: datetime) -> ColumnElement[bool]:
    now_or_then = or_(col(Message.not_before).is_(None), col(Message.not_before) <= by)
    return and_(col(Message.state) == State.QUEUED, now_or_then)


def _count(
    session: Session, channels: Sequence[str], which: ColumnElement[bool], *, placebo: bool, only: int | None
) -> int:
    wanted = no_replay() if only is None else col(Occurrence.id) == only
    run = and_(
        col(Occurrence.id) == col(Message.occurrence_id), col(Occurrence.placebo) == placebo, not_stopped(), wanted
    )
    chosen = select(func.count()).select_from(Message).join(Occurrence, run)
    return int(session.execute(chosen.where(which, col(Message.channel).in_(channels))).scalar_one())


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """Messages that wait for one reason; the first of them may leave ``first_at``."""

    channel: Channel
    reason: str | None
    messages: int
    first_at: datetime


def put_off(session: Session, *, placebo: bool, now: datetime) -> list[PutOff]:
    """What may leave only later: by channel and reason."""
    run = and_(col(Occurrence.id) == col(Message.occurrence_id), col(Occurrence.placebo) == placebo, not_stopped())
    kind = (col(Message.channel), col(Message.reason))
    chosen = (
        select(*kind, func.count(), func.min(col(Message.not_before)))
        .join(Occurrence, run)
        .where(col(Message.state) == State.QUEUED, col(Message.not_before) > now)
        .group_by(*kind)
        .order_by(*kind)
    )
    return [
        PutOff(channel=channel, reason=reason, messages=count, first_at=first_at)
        for channel, reason, count, first_at in session.execute(chosen).tuples()
    ]


def held_by_stop(session: Session, *, placebo: bool) -> dict[str, int]:
    """What the stop switch is on for -> messages that wait because of it, where any do; replays left out.

    A message that two switches hold counts for both.
    """
    run = col(Occurrence.campaign_id).concat("/").concat(col(Occurrence.slot))
    held = col(Stop.scope).in_([literal(EVERYTHING), col(Occurrence.campaign_id), run])
    released = and_(col(Occurrence.stage) == Stage.RELEASED, col(Occurrence.placebo) == placebo, no_replay())
    chosen = (
        select(col(Stop.scope), func.count())
        .join(Occurrence, and_(held, released))
        .join(Message, col(Message.occurrence_id) == col(Occurrence.id))
        .where(col(Message.state) == State.QUEUED)
        .group_by(col(Stop.scope))
    )
    return dict(session.execute(chosen).tuples().all())


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits of one run: channel -> messages; ``sent_today``: what the day's limit has counted."""

    occurrence_id: int
    run: str
    late_after: datetime | None
    messages: Mapping[Channel, int]
    sent_today: int


def waiting_by_run(session: Session, *, placebo: bool, now: datetime, day: date) -> list[Waiting]:
    """Messages that may leave now, or once a day's limit lets them; stopped runs and replays left out.

    ``day``: the local one of now.
    """
    run = and_(
        col(Occurrence.id) == col(Message.occurrence_id),
        col(Occurrence.placebo) == placebo,
        not_stopped(),
        no_replay(),
    )
    soon = or_(col(Message.not_before).is_(None), col(Message.not_before) <= now, col(Message.reason) == DAY_LIMIT)
    chosen = (
        select(col(Message.occurrence_id), col(Message.channel), func.count())
        .join(Occurrence, run)
        .where(col(Message.state) == State.QUEUED, soon)
        .group_by(col(Message.occurrence_id), col(Message.channel))
        .order_by(col(Message.occurrence_id), col(Message.channel))
    )
    found: dict[int, dict[Channel, int]] = {}
    for occurrence_id, channel, messages in session.execute(chosen).tuples():
        found.setdefault(occurrence_id, {})[channel] = messages
    return [_waiting_of(session, session.get_one(Occurrence, id_), of, day) for id_, of in found.items()]


def _waiting_of(session: Session, run: Occurrence, messages: Mapping[Channel, int], day: date) -> Waiting:
    counted = session.get(DayTally, (run.campaign_id, day, run.placebo)) if run.tallied else None
    return Waiting(
        occurrence_id=run.id or 0,
        run=run_name(run),
        late_after=run.late_after,
        messages=messages,
        sent_today=counted.sent if counted else 0,
    )


def elsewhere(session: Session, *, placebo: bool) -> dict[str, int]:
    """RUN -> messages that nobody sends as things are, stopped runs and replays left out.

    Of rehearsals while messages are really sent, of runs really sent while the folder takes all (``placebo``): as
    a run was opened, so it is sent.
    """
    name = (col(Occurrence.campaign_id), col(Occurrence.slot))
    open_ = and_(col(Occurrence.stage) == Stage.RELEASED, not_stopped(), no_replay())
    other = and_(col(Occurrence.placebo) != placebo, open_)
    chosen = (
        select(*name, func.count())
        .select_from(Message)
        .join(Occurrence, and_(col(Occurrence.id) == col(Message.occurrence_id), other))
        .where(col(Message.state) == State.QUEUED)
        .group_by(col(Occurrence.id), *name)
        .order_by(col(Occurrence.id))
    )
    return {f"{campaign}/{slot}": count for campaign, slot, count in session.execute(chosen).tuples()}
