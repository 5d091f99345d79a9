"""The stop switch: rows read at every claim, for everything, a campaign or one run."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from db.direct import Sql
from db.engine import changed, insert_or_keep
from db.tables import Occurrence, Stop

EVERYTHING = "*"
RENDER_ERROR, FEWEST_FAILURES = "render_error", 20


def not_stopped() -> ColumnElement[bool]:
    """The condition that nothing stops an Occurrence's run, its campaign or everything."""
    run = col(Occurrence.campaign_id).concat("/").concat(col(Occurrence.slot))
    return ~exists().where(col(Stop.scope).in_([EVERYTHING, col(Occurrence.campaign_id), run]))


def is_stopped(connection: Connection, run: str) -> bool:
    """Whether the stop switch is on for the run ``<campaign>/<occurrence>``: asked just before a first byte."""
    return _STOPPED.run(connection, campaign=run.partition("/")[0], run=run).fetchone() is not None


_STOPPED = Sql("SELECT 1 FROM stop WHERE scope IN ('*', :campaign, :run)")


_FAILED = Sql("""
SELECT COUNT(*), COALESCE(SUM(CASE WHEN reason = 'render_error' THEN 1 ELSE 0 END), 0)
FROM message WHERE occurrence_id = :occurrence""")
_STOP = Sql("INSERT INTO stop (scope, reason, at) VALUES (:scope, :reason, :now) ON CONFLICT DO NOTHING")


def stop_if_failing(connection: Connection, occurrence_id: int, run: str, now: datetime) -> bool:
    """Stop the run when more than 1 % of its messages, and at least 20, could not be rendered."""
    total, bad = _FAILED.run(connection, occurrence=occurrence_id).fetchone()
    if bad < FEWEST_FAILURES or bad <= total / 100:
        return False
    return stop_by_itself(connection, run, RENDER_ERROR, now)


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
