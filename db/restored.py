"""A state put back from a backup does not know what was sent after it was made: nothing leaves until it is
released.

How it is noticed: a backup made by ``winback backup`` is born held; ``winback restore`` holds what it puts
back; and each sender remembers its last claim outside the database (db.memory): a database that has not counted
that claim is older. What is not noticed: a snapshot of the whole machine, which takes the memory back too.

While held: the stop switch is on for everything, no due slot runs, and every message that had not left is
``uncertain`` (``restored``), for it may have left since. ``winback resume`` releases it; the uncertain ones
stay so until an event, a look-up or a person settles them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine, bindparam, func, select, text, update
from sqlmodel import Session, col

from db.alerts import Alarm, note
from db.engine import reading, transaction
from db.instants import UtcDateTime
from db.memory import is_older, recall
from db.occurrences import Stage, give_up, run_name, unfinished
from db.settings import Settings
from db.stops import EVERYTHING, switch_stop
from db.tables import Message, Occurrence, Restore, Stop
from winback.events import State

RESTORED = "restored"  # reason of the stop, and of the messages nobody can know about
RESTORING = "restoring"  # reason of the stop while those messages are still being marked
CHUNK = 2_000  # messages per transaction: well under the 250 ms a writer may hold SQLite
ADVICE = "the database was put back from a backup: nothing leaves until 'winback resume --restored'"
ADVICE_ZH = "数据库由备份恢复，什么都不会发出，直到 winback resume --restored"


class PutBack(StrEnum):
    """How a state from a backup stands; ``OLDER``: nobody has held it yet, whoever sends or runs next will."""

    HELD = "held"
    OLDER = "older"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A restored state nobody has released; ``given_up``: the runs the backup caught before they were planned."""

    backup_at: datetime | None
    found_at: datetime
    unknown: int
    given_up: Sequence[str]


def check_not_restored(settings: Settings, engine: Engine, now: datetime) -> bool:
    """Whether everything is held, because this state came from a backup; asked by whoever is about to send or run.

    A state that turns out to be older than the memory is held from here on.
    """
    claimed = recall(settings)
    with reading(engine) as session:
        if not (held := _unreleased(session) is not None) and not is_older(session.connection(), claimed):
            return False
        complete = held and _all_marked(session)
    if not complete:
        hold(engine, now)
    return True


def is_put_back(session: Session, settings: Settings) -> PutBack | None:
    """Whether the state came from a backup and is not released, for those who only look."""
    claimed = recall(settings)
    if _unreleased(session) is not None:
        return PutBack.HELD
    return PutBack.OLDER if is_older(session.connection(), claimed) else None


def hold(engine: Engine, now: datetime, backup_at: datetime | None = None) -> None:
    """Stop everything, then mark what may have left since the backup. Running it again changes nothing more."""
    with transaction(engine) as session:
        _stop(session, RESTORING, now)
        if _unreleased(session) is None:
            session.add(Restore(backup_at=backup_at, found_at=now))
        else:  # a backup born held, found now: until now it may have been another state that sent
            session.execute(update(Restore).where(col(Restore.released_at).is_(None)).values(found_at=now))
    with reading(engine) as session:
        last = int(session.execute(select(func.coalesce(func.max(Message.id), 0))).scalar_one())
    for start in range(0, last + 1, CHUNK):
        with transaction(engine) as session:
            session.connection().execute(_MARK, {"start": start, "end": start + CHUNK, "now": now})
    with transaction(engine) as session:
        _stop(session, RESTORED, now)
        restore = _unreleased(session)
        run = f"{RESTORED}/{restore.id if restore else 0}"
        note(session, [Alarm(kind=RESTORED, run=run, text=ADVICE, zh=ADVICE_ZH)], now)


_MARK = text("""
UPDATE message SET state = 'uncertain', reason = 'restored', state_at = :now, sent_at = COALESCE(sent_at, :now),
  owner = CASE WHEN state = 'sending' THEN owner END, not_before = NULL, lease_until = NULL
WHERE id >= :start AND id < :end AND state IN ('planned', 'queued', 'sending')
""").bindparams(bindparam("now", type_=UtcDateTime()))


def _stop(session: Session, reason: str, now: datetime) -> None:
    switch_stop(session, EVERYTHING, on=True, now=now, reason=reason)
    # whoever stopped everything before, and why: it is held now
    session.execute(update(Stop).where(col(Stop.scope) == EVERYTHING).values(reason=reason))


def release(engine: Engine, now: datetime) -> None:
    """Let messages planned from now on leave; what may have left since the backup stays uncertain.

    Runs the backup caught half-way are given up, but those wholly planned: their people have entered. What any
    machine remembers from before says nothing from here on (db.memory), so a release is always the latest, also
    by a clock that is slow.
    """
    with reading(engine) as session:
        complete = _all_marked(session)
    if not complete:
        hold(engine, now)
    with transaction(engine) as session:
        last = released_at(session)
        at = now if last is None else max(now, last + timedelta(microseconds=1))
        for occurrence in _half_way(session):
            give_up(session, occurrence.id or 0)
        session.execute(update(Restore).where(col(Restore.released_at).is_(None)).values(released_at=at))
        switch_stop(session, EVERYTHING, on=False, now=now)


def standing_hold(session: Session) -> Hold | None:
    """The restored state as a person must know it before releasing it; None when nothing is held."""
    restore = _unreleased(session)
    if restore is None:
        return None
    unknown = select(func.count()).select_from(Message).where(
        col(Message.state) == State.UNCERTAIN, col(Message.reason) == RESTORED
    )  # fmt: skip
    return Hold(
        backup_at=restore.backup_at,
        found_at=restore.found_at,
        unknown=int(session.execute(unknown).scalar_one()),
        given_up=[run_name(occurrence) for occurrence in _half_way(session)],
    )


def released_at(session: Session) -> datetime | None:
    """When a restored state was released last: slots up to then are never run by themselves."""
    newest: datetime | None = session.execute(select(func.max(Restore.released_at))).scalar_one()
    return newest


def _half_way(session: Session) -> list[Occurrence]:
    return [occurrence for occurrence in unfinished(session) if occurrence.stage != Stage.PLANNED]


def _unreleased(session: Session) -> Restore | None:
    chosen = select(Restore).where(col(Restore.released_at).is_(None)).order_by(col(Restore.id)).limit(1)
    return session.execute(chosen).scalar_one_or_none()


def _all_marked(session: Session) -> bool:
    stop = session.get(Stop, EVERYTHING)
    return stop is not None and stop.reason == RESTORED
