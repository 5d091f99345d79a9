"""Whom a run has assigned to which arm, who of them was in other runs too, and how often they were written to."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, exists, func, or_, select, union
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.occurrences import Stage, is_replay, no_replay
from db.tables import Assignment, Message, Occurrence


def assigned(session: Session, occurrence_id: int) -> dict[str, int]:
    """Arm -> members as stored when they were assigned."""
    chosen = (
        select(col(Assignment.arm), func.count())
        .where(col(Assignment.occurrence_id) == occurrence_id)
        .group_by(col(Assignment.arm))
        .order_by(col(Assignment.arm))
    )
    return dict(session.execute(chosen).tuples().all())


def live_before(session: Session, occurrence: Occurrence, begun_before: datetime) -> list[Occurrence]:
    """Live runs of other campaigns that began before a time, oldest first; their windows may be over.

    A rehearsal writes to nobody, so it touches nobody else's result.
    """
    chosen = select(Occurrence).where(
        col(Occurrence.campaign_id) != occurrence.campaign_id,
        col(Occurrence.stage) == Stage.RELEASED,
        ~col(Occurrence.placebo),
        col(Occurrence.t0) < begun_before,
    )
    return list(session.execute(chosen.order_by(col(Occurrence.id))).scalars())


def also_in(session: Session, occurrence_id: int, others: Sequence[int]) -> dict[str, int]:
    """Arm -> members of a run who are in one of ``others`` (ids of runs) too, in either arm of it."""
    other = aliased(Assignment)  # found by its unique index (occurrence_id, person)
    also = exists().where(col(other.occurrence_id).in_(others), col(other.person) == col(Assignment.person))
    chosen = (
        select(col(Assignment.arm), func.count())
        .where(col(Assignment.occurrence_id) == occurrence_id, also)
        .group_by(col(Assignment.arm))
        .order_by(col(Assignment.arm))
    )
    return dict(session.execute(chosen).tuples().all()) if others else {}


def messages_each(session: Session, occurrence: Occurrence, days: int) -> dict[str, dict[int, int]]:
    """Arm -> messages of all campaigns -> members of the arm to whom so many may have gone.

    Counted from the run's first message on over ``days`` times 24 hours, as the limit per person counts: by
    person, by address and by customer; those of real runs, of rehearsals among rehearsals, of a replay alone.
    Empty while no message of the run may have gone.
    """
    own = select(func.min(col(Message.sent_at))).where(col(Message.occurrence_id) == occurrence.id)
    first = session.execute(own).scalar_one()
    if first is None:
        return {}
    end = first + timedelta(days=days)
    others = [] if is_replay(occurrence.slot) else _beside(session, occurrence, first, end)
    # + 0: else SQLite looks every person up in every run there has been, in place of once by the person
    counted = (col(Message.occurrence_id) + 0).in_([occurrence.id, *others])
    in_time = and_(counted, col(Message.sent_at) >= first, col(Message.sent_at) < end)
    members: Select[Any] = (
        select(col(Assignment.arm), func.count(col(Message.id)).label("messages"))
        .join(Message, and_(col(Message.person) == col(Assignment.person), in_time), isouter=True)
        .where(col(Assignment.occurrence_id) == occurrence.id)
        .group_by(col(Assignment.id), col(Assignment.arm))
    )
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    of = members.subquery()
    chosen = select(of.c.arm, of.c.messages, func.count()).group_by(of.c.arm, of.c.messages)
    for arm, messages, how_many in session.execute(chosen).tuples():
        found[arm][messages] = how_many
    if others:
        more = _to_another_person(occurrence.id or 0, in_time)
        moved = members.join(more, more.c.member == col(Assignment.id)).add_columns(func.max(more.c.messages))
        for arm, messages, besides in session.execute(moved).tuples():
            found[arm][messages] -= 1
            found[arm][messages + besides] += 1
    return {arm: dict(+counts) for arm, counts in found.items()}


def _beside(session: Session, occurrence: Occurrence, since: datetime, end: datetime) -> list[int]:
    """The other runs that count with it and may have sent something between."""
    begun = and_(col(Occurrence.id) != occurrence.id, col(Occurrence.opened_at) < end)
    not_over = or_(col(Occurrence.late_after).is_(None), col(Occurrence.late_after) >= since)
    alike = and_(no_replay(), col(Occurrence.placebo) == occurrence.placebo)
    return list(session.execute(select(col(Occurrence.id)).where(begun, not_over, alike)).scalars())


def _to_another_person(occurrence_id: int, in_time: ColumnElement[bool]) -> Subquery:
    """Member (an assignment's id) -> messages to his address or to him when he was taken for another person.

    Few: an address was put right, or two customers shared one, between two runs.
    """
    other = aliased(Assignment)
    mine: Select[Any] = select(col(Assignment.id).label("member"), col(Message.id).label("message"))
    mine = mine.where(
        col(Assignment.occurrence_id) == occurrence_id, in_time, col(Message.person) != col(Assignment.person)
    )
    to_his_address = mine.where(col(Message.address_hash) == col(Assignment.address_hash))
    to_him = mine.where(
        col(other.customer_no) == col(Assignment.customer_no),
        col(other.person) != col(Assignment.person),
        col(Message.occurrence_id) == col(other.occurrence_id),
        col(Message.person) == col(other.person),
    )
    each = union(to_his_address, to_him).subquery()
    return select(each.c.member, func.count().label("messages")).group_by(each.c.member).subquery()
