"""Write an audience, as a run would choose it now, into a CSV."""

import os
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import select
from sqlmodel import Session, col

from db.engine import database, reading
from db.settings import Settings
from db.tables import Customer
from flows.campaign_run import manual
from flows.choosing import choose_now
from winback.audience.file import members
from winback.errors import Unusable


def export_audience(settings: Settings, campaign_id: str, as_of: date, file: Path, *, masked: bool) -> int:
    """Write ``file``, readable by its owner only; returns how many are in. Raises what ``check`` reports."""
    choice = choose_now(manual(campaign_id, as_of), settings)
    with database(settings.database_url) as engine, reading(engine) as session:
        frame = members(choice.ledger, _addresses(session), masked=masked)
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            frame.write_csv(opened, float_precision=6, include_bom=True)  # by which Excel knows UTF-8
    except OSError as error:
        raise Unusable(f"{file} cannot be written: {error.strerror}") from error
    return frame.height


def _addresses(session: Session) -> pl.DataFrame:
    rows = session.execute(select(col(Customer.no), col(Customer.email), col(Customer.phone))).tuples().all()
    schema = {"customer_no": pl.Int64, "email": pl.String, "phone": pl.String}
    return pl.DataFrame(list(map(tuple, rows)), schema=schema, orient="row")
