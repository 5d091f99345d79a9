"""What winback knows of customers by itself, as activity beside the imported: e-mails sent, clicks, opt-outs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Select, select
from sqlmodel import Session, col

from db.tables import Event, Message, Occurrence
from winback.campaigns.schedule import end_of_day
from winback.customers.behaviour import ACTIVITY
from winback.events import EventKind
from winback.outcomes.responses import WENT_OUT

REACHES: Final = timedelta(days=730)  # what was sent and clicked longer ago warns of nothing


def read_own_activity(session: Session, zone: ZoneInfo, as_of: date) -> pl.DataFrame:
    """ACTIVITY of the last two years up to ``as_of``, from messages that were really sent.

    Kinds: ``email`` for each one that went out, ``click`` for each click of a person, ``unsubscribe``.
    """
    end = end_of_day(as_of, zone)
    parts = [_days(session, zone, kind, asked) for kind, asked in _questions(end - REACHES, end)]
    return pl.concat(parts).select(ACTIVITY.names())


def _questions(start: datetime, end: datetime) -> Sequence[tuple[str, Select[Any]]]:
    """Kind -> customer number and instant of each."""
    went_out = col(Message.state).in_(WENT_OUT)
    clicked = (col(Event.kind) == EventKind.CLICKED, col(Event.flag).is_(None))

    def told(at: Any) -> Select[Any]:  # noqa: ANN401 - a column of either table
        known = select(col(Message.customer_no), at).select_from(Message)
        sent = known.join(Occurrence, col(Occurrence.id) == col(Message.occurrence_id))
        return sent.where(~col(Occurrence.placebo), at >= start, at < end)

    of_event = col(Event.message_key) == col(Message.key)
    return (
        ("email", told(col(Message.sent_at)).where(col(Message.channel) == "email", went_out)),
        ("click", told(col(Event.at)).join(Event, of_event).where(*clicked)),
        ("unsubscribe", told(col(Message.unsubscribed_at))),
    )


def _days(session: Session, zone: ZoneInfo, kind: str, asked: Select[Any]) -> pl.DataFrame:
    rows = [tuple(row) for row in session.execute(asked)]
    schema = {"customer_no": pl.Int64(), "at": pl.Datetime("us", "UTC")}
    found = pl.DataFrame(rows, schema=schema, orient="row").sort("customer_no", "at")
    local = pl.col("at").dt.convert_time_zone(zone.key).dt.date()
    return found.with_columns(
        happened_on=local, kind=pl.lit(kind, dtype=pl.String), value=pl.lit(None, dtype=pl.Float64)
    )
