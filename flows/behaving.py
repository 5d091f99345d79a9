"""What customers did, said and are bound by, from the facts."""

from datetime import date
from pathlib import Path

import polars as pl
from sqlmodel import Session

from db.facts.recorded import read_activity, read_feedback, read_subscriptions
from db.facts.store import digests, path_of
from db.settings import Settings
from winback.behaviour import ACTIVITY, CONTRACTS, FEEDBACK, Behaviour
from winback.fields import Kind


def behaviour_of(session: Session, settings: Settings, as_of: date) -> Behaviour:
    """Activity, feedback and contracts as they are known now, up to ``as_of``."""

    def files(kind: Kind) -> list[Path]:
        return [path_of(settings.facts, digest) for digest in digests(session, kind)]

    return Behaviour(
        activity=_collected(read_activity(files(Kind.ACTIVITY), as_of=as_of), ACTIVITY),
        feedback=_collected(read_feedback(files(Kind.FEEDBACK), as_of=as_of), FEEDBACK, "at"),
        contracts=read_subscriptions(files(Kind.SUBSCRIPTIONS), as_of=as_of).select(CONTRACTS.names()),
    )


def _collected(facts: pl.LazyFrame, schema: pl.Schema, *by: str) -> pl.DataFrame:
    return (facts.sort(*by) if by else facts).select(schema.names()).collect()
