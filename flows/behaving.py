"""What customers did, said and are bound by, from the facts and from what we sent; the kinds of churn it makes."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl
from sqlmodel import Session

from db.facts.recorded import held_contracts, read_activity, read_feedback, read_subscriptions
from db.facts.store import digests, path_of, pinned_digests
from db.facts.watching import read_watched
from db.occurrences import pinned_others, version_files
from db.own_activity import read_own_activity
from db.settings import Settings
from db.tables import Occurrence
from winback.campaigns.campaign import Campaign
from winback.campaigns.churn_kind import RULES_FILE
from winback.churners.kinds import Known, kinds_of, read_rules
from winback.customers.behaviour import ACTIVITY, CONTRACTS, FEEDBACK, Behaviour
from winback.intake.fields import Kind
from winback.outcomes.outcomes import KindsMade
from winback.signals.early_warning import flags

_READ_BY_RULES = (Kind.ACTIVITY, Kind.FEEDBACK, Kind.SUBSCRIPTIONS)  # besides orders: _imported


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of the kinds of churn as text, and the day and window they are put to."""

    text: str
    as_of: date
    window_days: int


def behaviour_of(session: Session, settings: Settings, as_of: date) -> Behaviour:
    """Activity, feedback and contracts as they are known now, up to ``as_of``, with our own e-mails and clicks."""
    return _with_own(session, settings, _imported(session, settings, as_of, None), as_of)


def _with_own(session: Session, settings: Settings, imported: Behaviour, as_of: date) -> Behaviour:
    own = read_own_activity(session, settings.zone, as_of)
    return replace(imported, activity=pl.concat([imported.activity, own]))


def _imported(session: Session, settings: Settings, as_of: date, pinned: Collection[str] | None) -> Behaviour:
    """What was imported of it, in the ``pinned`` files; None: in all there are now."""

    def files(kind: Kind) -> list[Path]:
        return [path_of(settings.facts, digest) for digest in pinned_digests(session, kind, pinned)]

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
    others: Collection[str] | None,
    as_of: date,
    rules: str,
) -> pl.DataFrame | None:
    """KINDS of the scored by the pinned rules, None where nobody asks and nothing but orders is known.

    ``facts``: digests of the orders; ``others``: of what else is read; None: of all there is now.
    """
    imported = _imported(session, settings, as_of, others)
    if imported.silent and not campaign.audience.exclude_kinds:
        return None
    asked = Rules(text=rules, as_of=as_of, window_days=campaign.churn.within)
    files = [path_of(settings.facts, digest) for digest in facts]
    return kinds_at(files, _with_own(session, settings, imported, as_of), scored, asked)


def kinds_made(session: Session, occurrence: Occurrence, ledger: pl.DataFrame) -> KindsMade | None:
    """What the kinds of churn in a run's ``ledger`` were made of; None without any, or where it is not pinned."""
    rules = version_files(session, occurrence.version_id or 0).get(RULES_FILE)
    pinned = pinned_others(occurrence)
    if rules is None or pinned is None or ledger["kind"].is_null().all():
        return None
    others = {kind.value: pinned_digests(session, kind, pinned) for kind in _READ_BY_RULES}
    facts = {Kind.ORDERS.value: json.loads(occurrence.facts)} | others
    return KindsMade(
        rules=sha256(rules.encode()).hexdigest(), facts={kind: found for kind, found in facts.items() if found}
    )


def contracts(session: Session, settings: Settings, *, as_of: date, through: date) -> pl.DataFrame:
    """HELD of all customers (db.facts.recorded)."""
    files = [path_of(settings.facts, digest) for digest in digests(session, Kind.SUBSCRIPTIONS)]
    return held_contracts(files, as_of=as_of, through=through)


def _collected(facts: pl.LazyFrame, schema: pl.Schema, *by: str) -> pl.DataFrame:
    return (facts.sort(*by) if by else facts).select(schema.names()).collect()
