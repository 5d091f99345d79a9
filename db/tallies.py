"""How a run's messages fare: what arrived, bounced for good and was complained about, and what follows from that.

Counted when it is told: a run of a million messages cannot be counted anew for every callback with a bounce in it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import update
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from db.alerts import Alarm, forget, note
from db.direct import Sql
from db.occurrences import run_name
from db.stops import stopped_scopes, switch_stop
from db.tables import Occurrence, RunTally
from winback.delivery.alert_words import stopped, warned
from winback.delivery.breaker import Judgement, Level, Seen, became_enough, harms, judge, seen_now
from winback.events import Lift, State


class Tally(NamedTuple):
    """Messages of one run that changed: arrived, bounced for good, complained about."""

    delivered: int = 0
    bounced: int = 0
    complained: int = 0


def tallies(lifted: Mapping[Lift, Iterable[int]]) -> dict[int, Tally]:
    """Occurrence -> what changed, from the occurrences of the messages that each lift changed."""
    counted: dict[int, Counter[str]] = {}
    for lift, occurrences in lifted.items():
        name = _COUNTED.get(lift.state)
        if name and (lift.for_good or lift.state is not State.BOUNCED):
            for occurrence, messages in Counter(occurrences).items():
                counted.setdefault(occurrence, Counter())[name] += messages
    return {occurrence: Tally(**counted[occurrence]) for occurrence in sorted(counted)}


_COUNTED = {State.DELIVERED: "delivered", State.BOUNCED: "bounced", State.COMPLAINED: "complained"}


def add(connection: Connection, changes: Mapping[int, Tally], now: datetime) -> None:
    """Add to the runs' tallies; a run that does harm is stopped, and staff is told.

    Judged when a complaint or bounce comes, and when enough has arrived to judge by those that came before.
    """
    for occurrence, change in changes.items():
        tally, seen = _read(_ADD.run(connection, occurrence=occurrence, **change._asdict()).fetchone())
        if change.bounced or change.complained or _became_enough(change, tally, seen):
            _judge(connection, occurrence, judge(**tally._asdict(), seen=seen), now)


_ADD = Sql("""
INSERT INTO run_tally (occurrence_id, delivered, bounced, complained,
  seen_delivered, seen_complained, seen_tried, seen_bounced)
VALUES (:occurrence, :delivered, :bounced, :complained, 0, 0, 0, 0)
ON CONFLICT (occurrence_id) DO UPDATE SET delivered = run_tally.delivered + excluded.delivered,
  bounced = run_tally.bounced + excluded.bounced, complained = run_tally.complained + excluded.complained
RETURNING delivered, bounced, complained, seen_delivered, seen_complained, seen_tried, seen_bounced
""")


def _read(row: Sequence[int]) -> tuple[Tally, Seen]:
    delivered, complained, tried, bounced = row[3:]
    return Tally(*row[:3]), Seen(delivered=delivered, complained=complained, tried=tried, bounced=bounced)


def _became_enough(change: Tally, tally: Tally, seen: Seen) -> bool:
    complaints, bounces = harms(**tally._asdict(), seen=seen)
    more = change.delivered + change.bounced
    return became_enough(complaints.total - change.delivered, complaints) or became_enough(
        bounces.total - more, bounces
    )


def _judge(connection: Connection, occurrence: int, judgement: Judgement, now: datetime) -> None:
    if judgement.level is Level.OK or judgement.reason is None:
        return
    with Session(connection) as session:  # in the connection's own transaction, which others commit
        run, stop = run_name(session.get_one(Occurrence, occurrence)), judgement.level is Level.STOP
        if stop:
            switch_stop(session, run, on=True, now=now, reason=judgement.reason)
        said = stopped(run, judgement.reason, judgement.zh) if stop else warned(judgement.reason, judgement.zh)
        note(session, [Alarm(kind="stopped" if stop else "harm", run=run, text=said[0], zh=said[1])], now)


def resume(session: Session, scope: str, now: datetime) -> None:
    """Switch sending on again, for what ``winback resume`` names.

    What a run was stopped for is seen then: only more of it stops the run again, and whatever does is told again.
    """
    # The tally's row first, as where events come in: the other way round the two could wait for each other.
    _see(session, scope, stopped=bool(stopped_scopes(session).get(scope)))
    if switch_stop(session, scope, on=False, now=now):
        forget(session, scope, "stopped")


def _see(session: Session, run: str, *, stopped: bool) -> None:
    campaign, _, slot = run.partition("/")
    row = _SEE.run(session.connection(), campaign=campaign, slot=slot).fetchone()
    if row is None:
        return
    tally, seen = _read(row[1:])
    fresh = seen_now(harms(**tally._asdict(), seen=seen), seen, stopped)
    if fresh != seen:
        values = {f"seen_{name}": value for name, value in asdict(fresh).items()}
        session.execute(update(RunTally).where(col(RunTally.occurrence_id) == row[0]).values(**values))
        forget(session, run, "stopped", "harm")


_SEE = Sql("""
SELECT t.occurrence_id, t.delivered, t.bounced, t.complained,
  t.seen_delivered, t.seen_complained, t.seen_tried, t.seen_bounced
FROM run_tally t JOIN occurrence o ON o.id = t.occurrence_id WHERE o.campaign_id = :campaign AND o.slot = :slot
FOR UPDATE OF t""")
