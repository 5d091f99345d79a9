"""Readings of a run's result: interim ones replace each other, the final one is frozen."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session, col

from db.tables import Occurrence
from db.tables import Outcome as Reading
from winback.outcomes import Outcome, read_outcome, write_outcome


def latest(session: Session, occurrence_id: int) -> Outcome | None:
    """The newest reading, final ones first."""
    found = _readings(session, occurrence_id)
    return read_outcome(found[0].document) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """The newest reading of a run and its revision; None and 0 before there is one."""

    revision: int
    outcome: Outcome | None


def last_reading(session: Session, occurrence_id: int) -> Last:
    """The newest reading, final ones first, to be followed by the next."""
    found = _readings(session, occurrence_id)
    return Last(
        revision=found[0].revision if found else 0, outcome=read_outcome(found[0].document) if found else None
    )


def save_reading(
    session: Session, occurrence_id: int, outcome: Outcome, now: datetime, *, final: bool, after: int
) -> Outcome | None:
    """Store a reading that follows revision ``after``; None, and nothing stored, when another came between.

    Once a ``final`` one is there it stays as it is and is what comes back.
    """
    session.execute(select(col(Occurrence.id)).where(col(Occurrence.id) == occurrence_id).with_for_update())
    found = _readings(session, occurrence_id)
    if found and found[0].final:
        return read_outcome(found[0].document)
    if (found[0].revision if found else 0) != after:
        return None
    text = write_outcome(outcome)
    session.execute(delete(Reading).where(col(Reading.occurrence_id) == occurrence_id, ~col(Reading.final)))
    session.add(
        Reading(
            occurrence_id=occurrence_id,
            revision=after + 1,
            final=final,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            document=text,
            measured_at=now,
        )
    )
    return outcome


def _readings(session: Session, occurrence_id: int) -> Sequence[Reading]:
    chosen = select(Reading).where(col(Reading.occurrence_id) == occurrence_id)
    newest = chosen.order_by(col(Reading.final).desc(), col(Reading.revision).desc())
    return session.execute(newest).scalars().all()
