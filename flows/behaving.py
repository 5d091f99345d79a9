"""What customers did, said and are bound by, from the facts, and the kinds of churn this makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from sqlmodel import Session

from db.facts.recorded import held_contracts, read_activity, read_feedback, read_subscriptions
from db.facts.store import digests, path_of
from db.facts.watching import read_watched
from db.settings import Settings
from winback.behaviour import ACTIVITY, CONTRACTS, FEEDBACK, Behaviour
from winback.campaign import Campaign
from winback.early_warning import flags
from winback.fields import Kind
from winback.kinds import Known, kinds_of, read_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of the kinds of churn as text, and the day and window they are put to."""

    text: str
    as_of: date
    window_days: int


def behaviour_of(session: Session, settings: Settings, as_of: date) -> Behaviour:
    """Activity, feedback and contracts as they are known now, up to ``as_of``."""

    def files(kind: Kind) -> list[Path]:
        return [path_of(settings.facts, digest) for digest in digests(session, kind)]

    return Behaviour(
        activity=_collected(read_activity(files(Kind.ACTIVITY), as_of=as_of), ACTIVITY),
        feedback=_collected(read_feedback(files(Kind.FEEDBACK), as_of=as_of), FEEDBACK, "at"),
        contracts=read_subscriptions(files(Kind.SUBSCRIPTIONS), as_of=as_of).select(CONTRACTS.names()),
    )


def kinds_at(files: Sequence[Path], behaviour: Behaviour, customers: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """KINDS of ``customers`` (customer_no, last_order_on at the rules' day); ``files``: the order facts."""
    watched = read_watched(files, as_ofs=[rules.as_of], window_days=rules.window_days)
    shown = flags(watched, behaviour, rules.as_of, rules.window_days)
    known = Known(customers=customers, behaviour=behaviour, flags=shown)
    return kinds_of(known, read_rules(rules.text), as_of=rules.as_of, window_days=rules.window_days)


def kinds_for(
    session: Session,
    settings: Settings,
    campaign: Campaign,
    scored: pl.DataFrame,
    facts: Sequence[str],
    as_of: date,
    rules: str,
) -> pl.DataFrame | None:
    """KINDS of the scored by the pinned rules, None where nobody asks and nothing but orders is known."""
    behaviour = behaviour_of(session, settings, as_of)
    if behaviour.silent and not campaign.audience.exclude_kinds:
        return None
    asked = Rules(text=rules, as_of=as_of, window_days=campaign.churn.within)
    files = [path_of(settings.facts, digest) for digest in facts]
    return kinds_at(files, behaviour, scored, asked)


def contracts(session: Session, settings: Settings, *, as_of: date, through: date) -> pl.DataFrame:
    """HELD of all customers (db.facts.recorded)."""
    files = [path_of(settings.facts, digest) for digest in digests(session, Kind.SUBSCRIPTIONS)]
    return held_contracts(files, as_of=as_of, through=through)


def _collected(facts: pl.LazyFrame, schema: pl.Schema, *by: str) -> pl.DataFrame:
    return (facts.sort(*by) if by else facts).select(schema.names()).collect()
