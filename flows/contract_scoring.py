"""Scores of all contracts from the facts: for a run, for `winback score` and for the backtest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl
from sqlmodel import Session

from db.customers import numbers, told_of
from db.facts.recorded import read_contracts
from db.facts.store import path_of
from db.settings import Settings
from winback.errors import WrongUse
from winback.money import exponent
from winback.scores.contract_reasons import contract_reasons
from winback.scores.contracts import score_contracts
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


def score_and_explain_contracts(
    session: Session, settings: Settings, facts: Sequence[str], as_of: date, horizon_days: int, language: Language
) -> Scores:
    """Scores of every contract that lives at ``as_of``, their frame with ``reasons``."""
    contracts, told = contracts_at(session, settings, facts, as_of)
    unit = 10 ** exponent(settings.file.currency)
    scores, learned = score_contracts(
        contracts, told, as_of=as_of, horizon_days=horizon_days, minor_per_major=unit
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
