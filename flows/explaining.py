"""One customer: his line in the ledger of every run, and what became of his message."""

from typing import Any

import polars as pl
from sqlalchemy import select
from sqlmodel import Session, col

from db.occurrences import all_runs, run_name
from db.settings import Settings
from db.tables import Customer, Message, Occurrence
from flows.campaign_run import read_ledger


def explain_customer(session: Session, settings: Settings, customer: Customer) -> list[dict[str, Any]]:
    """One entry per run that scored him, newest first: arm or first reason, risk, ranks, message state."""
    found = []
    for occurrence in all_runs(session):
        ledger = read_ledger(settings, occurrence).filter(pl.col("customer_no") == customer.no)
        found += [_line(session, occurrence, row) for row in ledger.iter_rows(named=True)]
    return found


def _line(session: Session, occurrence: Occurrence, row: dict[str, Any]) -> dict[str, Any]:
    chosen = select(Message).where(
        col(Message.occurrence_id) == occurrence.id, col(Message.customer_no) == row["customer_no"]
    )
    message = session.execute(chosen).scalar_one_or_none()
    return {
        "run": run_name(occurrence),
        "arm": row["arm"],
        "reason": row["reason"],
        "kind": row.get("kind"),  # of runs before there were kinds: none
        "cause": row.get("cause"),
        "evidence": row.get("evidence"),
        "risk": row["risk"],
        "value_rank": row["value_rank"],
        "past_rank": row["past_rank"],
        "last_order_on": row["last_order_on"].isoformat(),
        "channel": row["channel"],
        "message": message.state if message else None,
        "why": message.reason if message else None,
    }
