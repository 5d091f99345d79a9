"""Readings of a run's result: interim ones replace each other, the final one and the second one are frozen."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from db.occurrences import run_name
from db.tables import Occurrence
from db.tables import Outcome as Reading
from winback.outcomes.outcomes import Outcome, Revision, read_outcome, write_outcome


def latest(session: Session, occurrence_id: int, *, second: bool = False) -> Outcome | None:
    """The newest reading, final ones first; or the second one, at twice the window, which is final."""
    found = _readings(session, occurrence_id, second=second)
    return _as_stored(found[0]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """The newest reading of a run and its revision; None and 0 before there is one."""

    revision: int
    outcome: Outcome | None


def last_reading(session: Session, occurrence_id: int) -> Last:
    """The newest reading, final ones first, to be followed by the next."""
    found = _readings(session, occurrence_id, second=False)
    if not found:
        return Last(revision=0, outcome=None)
    return Last(revision=found[0].revision, outcome=_as_stored(found[0]))


def save_reading(
    session: Session, occurrence_id: int, outcome: Outcome, now: datetime, *, final: bool, after: int
) -> Outcome | None:
    """Store a reading that follows revision ``after``; None, and nothing stored, when another came between.

    Once a ``final`` one is there it stays as it is and is what comes back. The digest is of the document, which
    does not name it. The second reading is one of its own.
    """
    session.execute(select(col(Occurrence.id)).where(col(Occurrence.id) == occurrence_id).with_for_update())
    found = _readings(session, occurrence_id, second=outcome.second)
    if found and found[0].final:
        return _as_stored(found[0])
    if (found[0].revision if found else 0) != after:
        return None
    text = write_outcome(replace(outcome, revision=None))
    digest = hashlib.sha256(text.encode()).hexdigest()
    told = Revision(number=_last_revision(session, occurrence_id) + 1, digest=digest)  # of those replaced here too
    if not outcome.second:
        session.execute(delete(Reading).where(col(Reading.occurrence_id) == occurrence_id, ~col(Reading.final)))
    session.add(
        Reading(
            occurrence_id=occurrence_id,
            revision=told.number,
            final=final,
            digest=told.digest,
            document=text,
            measured_at=now,
        )
    )
    return replace(outcome, revision=told)


def without_second(session: Session) -> list[str]:
    """Runs with a final reading that have no second one, oldest first."""
    finals = select(func.count()).where(col(Reading.occurrence_id) == col(Occurrence.id), col(Reading.final))
    chosen = select(Occurrence).where(finals.scalar_subquery() == 1).order_by(col(Occurrence.id))
    return [run_name(occurrence) for occurrence in session.execute(chosen).scalars()]


def _as_stored(found: Reading) -> Outcome:
    """The document does not hold its own digest, which stands beside it."""
    told = Revision(number=found.revision, digest=found.digest)
    return replace(read_outcome(found.document), revision=told)


def _last_revision(session: Session, occurrence_id: int) -> int:
    chosen = select(func.max(col(Reading.revision))).where(col(Reading.occurrence_id) == occurrence_id)
    return session.execute(chosen).scalar_one() or 0


def _readings(session: Session, occurrence_id: int, *, second: bool) -> list[Reading]:
    """The second reading says so in its document; a run has two others at most."""
    chosen = select(Reading).where(col(Reading.occurrence_id) == occurrence_id)
    newest = session.execute(chosen.order_by(col(Reading.final).desc(), col(Reading.revision).desc()))
    return [found for found in newest.scalars() if read_outcome(found.document).second is second]
