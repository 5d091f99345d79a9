"""Whom a run has assigned to which arm, and who of them was in other runs too."""

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


def in_other_campaigns(
    session: Session, occurrence: Occurrence, *, begun_from: datetime, begun_before: datetime
) -> dict[str, int]:
    """Arm -> members who were also in a live run of another campaign that began in these times, either arm of it.

    A rehearsal writes to nobody, so it touches nobody else's result.
    """
    live = select(col(Occurrence.id)).where(
        col(Occurrence.campaign_id) != occurrence.campaign_id,
        col(Occurrence.stage) == Stage.RELEASED,
        ~col(Occurrence.placebo),
        col(Occurrence.t0) >= begun_from,
        col(Occurrence.t0) < begun_before,
    )
    runs = list(session.execute(live).scalars())
    other = aliased(Assignment)  # found by its unique index (occurrence_id, person)
    also = exists().where(col(other.occurrence_id).in_(runs), col(other.person) == col(Assignment.person))
    chosen = (
        select(col(Assignment.arm), func.count())
        .where(col(Assignment.occurrence_id) == occurrence.id, also)
        .group_by(col(Assignment.arm))
        .order_by(col(Assignment.arm))
    )
    return dict(session.execute(chosen).tuples().all()) if runs else {}
