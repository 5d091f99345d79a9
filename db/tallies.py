"""How a run's messages fare: what arrived, bounced for good and was complained about, and what follows from that.

Counted when it is told: a run of a million messages cannot be counted anew for every callback with a bounce in it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.engine import Connection
from sqlmodel import Session

from db.alerts import Alarm, note
from db.direct import Sql
from db.occurrences import run_name
from db.stops import switch_stop
from db.tables import Occurrence
from winback.delivery.breaker import Level, judge
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
    """Add to the runs' tallies; a run that does harm is stopped, and staff is told."""
    for occurrence, change in changes.items():
        row = _ADD.run(connection, occurrence=occurrence, **change._asdict()).fetchone()
        if change.bounced or change.complained:
            _judge(connection, occurrence, Tally(*row), now)


_ADD = Sql("""
INSERT INTO run_tally (occurrence_id, delivered, bounced, complained)
VALUES (:occurrence, :delivered, :bounced, :complained)
ON CONFLICT (occurrence_id) DO UPDATE SET delivered = run_tally.delivered + excluded.delivered,
  bounced = run_tally.bounced + excluded.bounced, complained = run_tally.complained + excluded.complained
RETURNING delivered, bounced, complained
""")


def _judge(connection: Connection, occurrence: int, tally: Tally, now: datetime) -> None:
    judgement = judge(**tally._asdict())
    if judgement.level is Level.OK or judgement.reason is None:
        return
    with Session(connection) as session:  # in the connection's own transaction, which others commit
        run, stop = run_name(session.get_one(Occurrence, occurrence)), judgement.level is Level.STOP
        if stop:
            switch_stop(session, run, on=True, now=now, reason=judgement.reason)
        note(session, [Alarm(kind="stopped" if stop else "harm", run=run, text=judgement.reason)], now)
