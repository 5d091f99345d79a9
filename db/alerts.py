"""What staff must hear of, told once each: a run failed, was missed, or left messages nobody can know about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.occurrences import run_name
from db.tables import Alert, Message, Occurrence
from winback.events import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing to tell: ``kind`` failed | missed | invalid | unknowns; no personal data in ``text``."""

    kind: str
    run: str
    text: str


def note(session: Session, alarms: Iterable[Alarm], now: datetime) -> None:
    """Remember alarms; one already noted for the run changes nothing."""
    for alarm in alarms:
        row = {"kind": alarm.kind, "run": alarm.run, "text": alarm.text, "at": now}
        changed(session, insert_or_keep(session, Alert), [row])


def untold(session: Session) -> Sequence[Alert]:
    """Alerts nobody was told of yet, oldest first."""
    chosen = select(Alert).where(col(Alert.delivered_at).is_(None)).order_by(col(Alert.id))
    return session.execute(chosen).scalars().all()


def take(session: Session, alert_id: int, now: datetime) -> bool:
    """Take it on oneself to tell staff; False when somebody else has."""
    mine = (col(Alert.id) == alert_id, col(Alert.delivered_at).is_(None))
    return bool(changed(session, update(Alert).where(*mine).values(delivered_at=now)))


def give_back(session: Session, alert_id: int) -> None:
    """It could not be told; somebody may try again."""
    changed(session, update(Alert).where(col(Alert.id) == alert_id).values(delivered_at=None))


def unknowns(session: Session) -> list[Alarm]:
    """One alarm for each run with messages of which nobody knows whether they arrived."""
    chosen = (
        select(Occurrence, func.count())
        .join(Message, col(Message.occurrence_id) == col(Occurrence.id))
        .where(col(Message.state) == State.UNCERTAIN)
        .group_by(*Occurrence.__table__.columns)  # type: ignore[attr-defined]  # set by SQLModel at run time
    )
    return [
        Alarm(kind="unknowns", run=run_name(occurrence), text=f"{count} messages may or may not have been sent")
        for occurrence, count in session.execute(chosen)
    ]
