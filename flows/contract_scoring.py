"""Scores of all contracts from the facts: for a run, for `winback score` and for the backtest."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

import polars as pl
from sqlmodel import Session

from db.customers import numbers, told_of
from db.facts.queries import read_features
from db.facts.recorded import first_snapshot, read_contracts
from db.facts.store import path_of, pinned_digests
from db.settings import Settings
from winback.errors import WrongUse
from winback.intake.fields import Kind
from winback.money import exponent
from winback.scores.contract_reasons import contract_reasons
from winback.scores.contracts import by_customer, score_contracts
from winback.scores.scoring import Scores
from winback.words import Language

NO_CONTRACTS = "there are no subscriptions, so no contract can be scored: winback import subscriptions FILE"


def contracts_at(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(CONTRACTS at ``as_of``, what is told of their customers now) from the subscription files ``facts``.

    WrongUse where there are none.
    """
    if not facts:
        raise WrongUse(NO_CONTRACTS)
    files = [path_of(settings.facts, digest) for digest in facts]
    contracts = read_contracts(files, numbers(session), as_of=as_of)
    told = contracts.select("customer_no").join(
        told_of(session), on="customer_no", how="left", maintain_order="left"
    )
    return contracts, told.drop("customer_no")


def _told_from(contracts: pl.DataFrame, settings: Settings, facts: Sequence[str]) -> date | None:
    """The day of the first snapshot, where no contract is known: it may be later."""
    return first_snapshot([path_of(settings.facts, digest) for digest in facts]) if contracts.is_empty() else None


def score_and_explain_contracts(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int, language: Language
) -> Scores:
    """Scores of every contract that lives at ``as_of``, their frame with ``reasons``."""
    contracts, told = contracts_at(session, settings, facts, as_of)
    unit = 10 ** exponent(settings.file.currency)
    scores, learned = score_contracts(
        contracts,
        told,
        as_of=as_of,
        horizon_days=horizon_days,
        minor_per_major=unit,
        told_from=_told_from(contracts, settings, facts),
    )
    reasons = contract_reasons(
        contracts,
        told,
        learned,
        risk=scores.frame["risk"].to_numpy(),
        horizon_days=horizon_days,
        minor_per_major=unit,
        language=language,
    )
    return replace(scores, frame=scores.frame.with_columns(reasons=reasons))


def score_holders(
    session: Session,
    settings: Settings,
    facts: Sequence[str],
    others: Collection[str] | None,
    as_of: date,
    horizon_days: int,
) -> tuple[pl.DataFrame, Scores]:
    """(features, scores) of every customer with a contract that lives at ``as_of``: an audience by contract.

    ``facts``: the order files, which may be none; ``others``: those of other facts, None: all there are. Features
    are customer_no, orders and last_order_on; who never ordered has 0 orders and, as the last, the day his newest
    contract began.
    """
    pinned = pinned_digests(session, Kind.SUBSCRIPTIONS, others)
    contracts, told = contracts_at(session, settings, pinned, as_of)
    scores, _ = score_contracts(
        contracts,
        told,
        as_of=as_of,
        horizon_days=horizon_days,
        minor_per_major=10 ** exponent(settings.file.currency),
        told_from=_told_from(contracts, settings, pinned),
    )
    newest = contracts.filter(pl.col("ended_on").is_null()).group_by("customer_no").agg(pl.col("started_on").max())
    ordered = read_features([path_of(settings.facts, digest) for digest in facts], as_of=as_of)
    known = newest.join(ordered.select("customer_no", "orders", "last_order_on"), on="customer_no", how="left")
    features = known.select(
        "customer_no",
        pl.col("orders").fill_null(0),
        pl.coalesce("last_order_on", "started_on").alias("last_order_on"),
    )
    return features, by_customer(scores)
