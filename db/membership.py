"""Whom a run has assigned to which arm, who of them was in other runs too, and how often they were written to."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, select
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

    Counted from the run's first message on over ``days`` times 24 hours, as the limit per person counts: those of
    real runs, of rehearsals among rehearsals, of a replay alone. Empty while no message of the run may have gone.
    """
    own = select(func.min(col(Message.sent_at))).where(col(Message.occurrence_id) == occurrence.id)
    first = session.execute(own).scalar_one()
    if first is None:
        return {}
    counted = and_(no_replay(), col(Occurrence.placebo) == occurrence.placebo)
    if is_replay(occurrence.slot):
        counted = col(Occurrence.id) == occurrence.id
    in_time = and_(
        col(Message.person) == col(Assignment.person),
        col(Message.sent_at) >= first,
        col(Message.sent_at) < first + timedelta(days=days),
        # + 0: else SQLite looks every person up in every run there has been, in place of once by the person
        (col(Message.occurrence_id) + 0).in_(select(col(Occurrence.id)).where(counted)),
    )
    of = (
        select(col(Assignment.arm), func.count(col(Message.id)).label("messages"))
        .join(Message, in_time, isouter=True)
        .where(col(Assignment.occurrence_id) == occurrence.id)
        .group_by(col(Assignment.id), col(Assignment.arm))
        .subquery()
    )
    found: defaultdict[str, dict[int, int]] = defaultdict(dict)
    chosen = select(of.c.arm, of.c.messages, func.count()).group_by(of.c.arm, of.c.messages)
    for arm, messages, members in session.execute(chosen).tuples():
        found[arm][messages] = members
    return dict(found)
