"""Whom a run has assigned to which arm, and who of them was in other runs too."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from db.occurrences import Stage
from db.tables import Assignment, Occurrence


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
