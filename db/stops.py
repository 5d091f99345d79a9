"""The stop switch: rows read at every claim, for everything, a campaign or one run."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from db.direct import Sql
from db.engine import changed, insert_or_keep
from db.tables import Occurrence, Stop
from winback.message.unwritten import UNWRITTEN

EVERYTHING = "*"
FEWEST_FAILURES = 20


def not_stopped() -> ColumnElement[bool]:
    """The condition that nothing stops an Occurrence's run, its campaign or everything."""
    run = col(Occurrence.campaign_id).concat("/").concat(col(Occurrence.slot))
    return ~exists().where(col(Stop.scope).in_([EVERYTHING, col(Occurrence.campaign_id), run]))


def is_stopped(connection: Connection, run: str) -> bool:
    """Whether the stop switch is on for the run ``<campaign>/<occurrence>``: asked just before a first byte."""
    return _STOPPED.run(connection, campaign=run.partition("/")[0], run=run).fetchone() is not None


_STOPPED = Sql("SELECT 1 FROM stop WHERE scope IN ('*', :campaign, :run)")


_REASONS = Sql("SELECT reason, COUNT(*) FROM message WHERE occurrence_id = :occurrence GROUP BY reason")
_STOP = Sql("INSERT INTO stop (scope, reason, at) VALUES (:scope, :reason, :now) ON CONFLICT DO NOTHING")


def stop_if_failing(connection: Connection, occurrence_id: int, run: str, now: datetime) -> bool:
    """Stop the run when more than 1 % of its messages, and at least 20, could not be rendered.

    Noted with it is the reason most of them have.
    """
    counts = dict(_REASONS.run(connection, occurrence=occurrence_id).fetchall())
    failed = {reason: counts[reason] for reason in sorted(UNWRITTEN & counts.keys())}
    bad = sum(failed.values())
    if bad < FEWEST_FAILURES or bad <= sum(counts.values()) / 100:
        return False
    return stop_by_itself(connection, run, max(failed, key=failed.__getitem__), now)


def stop_by_itself(connection: Connection, run: str, reason: str, now: datetime) -> bool:
    """Stop the run for ``reason``, which staff is told; False when it was stopped before."""
    return bool(_STOP.run(connection, scope=run, reason=reason, now=now).rowcount)


def switch_stop(session: Session, scope: str, *, on: bool, now: datetime, reason: str | None = None) -> bool:
    """Turn the switch of a run, a campaign or EVERYTHING on or off; False when it was so before."""
    if on:
        row = {"scope": scope, "at": now, "reason": reason}
        return bool(changed(session, insert_or_keep(session, Stop), [row]))
    return bool(changed(session, delete(Stop).where(col(Stop.scope) == scope)))


def stopped_scopes(session: Session) -> dict[str, str | None]:
    """What the switch is on for, each with the reason where one was given."""
    return dict(
        session.execute(select(col(Stop.scope), col(Stop.reason)).order_by(col(Stop.scope))).tuples().all()
    )
