"""What staff must hear of, told once each: a run failed or was missed, messages nobody knows of, and the like."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.gates import is_look_up
from db.occurrences import run_name
from db.refusals import shares_to_tell
from db.stops import EVERYTHING
from db.tables import Alert, Gate, Message, Occurrence, Stop
from winback.delivery import alert_words
from winback.events import State

TELLING = timedelta(minutes=10)  # whoever took an alert and has not told it by then has died
REST = timedelta(hours=1)  # between two alerts about unknown messages of one run
MORE = 2  # times as many unknown messages as staff was told of last are news
SHUT_IN_A_ROW = 2  # a provider that was shut and whose probe failed: once alone may be a busy minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing to tell, in English and in Chinese; no personal data in either.

    ``kind``: failed | missed | invalid | stale | unknowns | closed | stopped | refused | harm | restored |
    signal | signal_over. ``run``: what it is about. ``messages``: of how many it tells.
    """

    kind: str
    run: str
    text: str
    zh: str | None = None
    messages: int | None = None

    @property
    def said(self) -> str:
        """Both languages, a line each."""
        return f"{self.text}\n{self.zh}" if self.zh else self.text


def note(session: Session, alarms: Iterable[Alarm], now: datetime) -> None:
    """Remember alarms; one already noted for the run changes nothing."""
    for alarm in alarms:
        row = {"kind": alarm.kind, "run": alarm.run, "text": alarm.said, "at": now, "messages": alarm.messages}
        changed(session, insert_or_keep(session, Alert), [row])


def forget(session: Session, run: str, *kinds: str) -> None:
    """Drop what was noted of the run: should it happen again, it is told again."""
    session.execute(delete(Alert).where(col(Alert.run) == run, col(Alert.kind).in_(kinds)))


def untold(session: Session, now: datetime) -> Sequence[Alert]:
    """Alerts nobody was told of yet and nobody is telling, oldest first."""
    chosen = select(Alert).where(col(Alert.delivered_at).is_(None), _free(now)).order_by(col(Alert.id))
    return session.execute(chosen).scalars().all()


def take(session: Session, alert_id: int, now: datetime) -> bool:
    """Take it on oneself to tell staff until TELLING is over; False when somebody else has."""
    mine = (col(Alert.id) == alert_id, col(Alert.delivered_at).is_(None), _free(now))
    return bool(changed(session, update(Alert).where(*mine).values(taken_until=now + TELLING)))


def told(session: Session, alert_id: int, now: datetime) -> None:
    """Staff knows."""
    values = {"delivered_at": now, "taken_until": None}
    changed(session, update(Alert).where(col(Alert.id) == alert_id).values(**values))


def give_back(session: Session, alert_id: int) -> None:
    """It could not be told; somebody may try again."""
    changed(session, update(Alert).where(col(Alert.id) == alert_id).values(taken_until=None))


def note_standing(session: Session, day: str, now: datetime) -> None:
    """Note what the state itself says staff must hear of; ``day`` is today in the workspace's zone.

    What was noted before and not told yet is worded as things are now, or dropped where it no longer holds.
    Unknown messages are told again once there were none in between, or are twice as many as staff was told of, at
    the earliest REST after the last.
    """
    alarms = {(alarm.kind, alarm.run): alarm for alarm in _standing(session, day, now)}
    for alert in _kept(session, now):
        alarm = alarms.get((alert.kind, alert.run))
        as_read = (col(Alert.id) == alert.id, col(Alert.delivered_at) == alert.delivered_at, _free(now))
        if alarm is None:
            changed(session, delete(Alert).where(*as_read))
        elif alert.delivered_at is None and alert.kind == "stopped":  # was worded when it stopped
            continue
        elif alert.delivered_at is None or (alarm.messages or 0) >= MORE * (alert.messages or 0):
            anew = {"text": alarm.said, "messages": alarm.messages, "delivered_at": None}
            changed(session, update(Alert).where(*as_read).values(**anew))
    note(session, alarms.values(), now)


def _standing(session: Session, day: str, now: datetime) -> list[Alarm]:
    return [*_unknowns(session), *_closed(session, day), *_stopped(session), *_refused(session, now)]


def _kept(session: Session, now: datetime) -> Sequence[Alert]:
    """Alerts about the state that nobody was told of yet, and old ones about unknown messages."""
    waiting = and_(col(Alert.kind).in_(["unknowns", "closed", "stopped"]), col(Alert.delivered_at).is_(None))
    told_long_ago = and_(col(Alert.kind) == "unknowns", col(Alert.delivered_at) <= now - REST)
    chosen = select(Alert).where(or_(waiting, told_long_ago), _free(now)).order_by(col(Alert.id))
    return session.execute(chosen).scalars().all()


def _free(now: datetime) -> ColumnElement[bool]:
    """The condition that nobody is telling it."""
    return or_(col(Alert.taken_until).is_(None), col(Alert.taken_until) < now)


def _unknowns(session: Session) -> list[Alarm]:
    """One alarm for each run with messages of which nobody knows whether they arrived."""
    chosen = (
        select(Occurrence, func.count())
        .join(Message, col(Message.occurrence_id) == col(Occurrence.id))
        .where(col(Message.state) == State.UNCERTAIN)
        .group_by(*Occurrence.__table__.columns)  # type: ignore[attr-defined]  # set by SQLModel at run time
    )
    return [
        _alarm("unknowns", run_name(occurrence), alert_words.unknown(count), count)
        for occurrence, count in session.execute(chosen)
    ]


def _closed(session: Session, day: str) -> list[Alarm]:
    """One alarm a day for each provider that stays shut: nothing is handed to it but a probe now and then.

    One that only answers no questions is in ``winback status``: of what is unknown staff hears anyway.
    """
    shut = (col(Gate.shut_until).is_not(None), col(Gate.waits) >= SHUT_IN_A_ROW)
    return [
        _alarm("closed", f"{gate.provider}/{day}", alert_words.shut(gate.reason))
        for gate in session.execute(select(Gate).where(*shut).order_by(col(Gate.provider))).scalars()
        if not is_look_up(gate.provider)
    ]


def _stopped(session: Session) -> list[Alarm]:
    """One alarm for whatever stopped itself: a person who presses stop gives no reason. A hold tells of itself."""
    by_itself = (col(Stop.reason).is_not(None), col(Stop.scope) != EVERYTHING)
    found = session.execute(select(Stop).where(*by_itself).order_by(col(Stop.scope))).scalars()
    return [_alarm("stopped", stop.scope, alert_words.stopped(stop.scope, str(stop.reason))) for stop in found]


def _refused(session: Session, now: datetime) -> list[Alarm]:
    """One alarm for each run of which a provider refuses a share; counted no more once it is noted."""
    noted = session.execute(select(col(Alert.run)).where(col(Alert.kind) == "refused")).scalars().all()
    shares = shares_to_tell(session.connection(), now, but=noted)
    return [_alarm("refused", share.run, alert_words.refused(share), share.messages) for share in shares]


def _alarm(kind: str, run: str, told: alert_words.Told, messages: int | None = None) -> Alarm:
    return Alarm(kind=kind, run=run, text=told[0], zh=told[1], messages=messages)
