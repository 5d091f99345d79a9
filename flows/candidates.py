"""Whom a campaign chooses from: everybody scored by its definition of churn, and the facts this is read from."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import polars as pl
from sqlmodel import Session

from db.facts.store import digests, path_of
from db.settings import Settings
from flows.contract_scoring import score_holders
from flows.scoring import score_all
from flows.standing_still import standstill_at
from winback.audience.selection import scored_frame
from winback.campaigns.campaign import Campaign, ChurnRule
from winback.errors import CampaignError, WrongUse
from winback.intake.fields import Kind
from winback.scores.scoring import Scores


def pinned_facts(session: Session, campaign: Campaign) -> list[str]:
    """The files of orders a run is pinned to; where there is nobody to choose from, now or later, an error.

    WrongUse without any order; by contract, CampaignError without any subscription.
    """
    found = digests(session)
    if campaign.churn.by_contract:
        if not digests(session, Kind.SUBSCRIPTIONS):
            words = "needs contracts, and there are none: winback import subscriptions FILE"
            raise CampaignError(words, file=f"campaigns/{campaign.id}.yaml", field="churn.definition")
    elif not found:
        raise WrongUse("there are no orders yet: winback import orders FILE")
    return found


def score_candidates(
    session: Session,
    settings: Settings,
    facts: Sequence[str],
    others: Collection[str] | None,
    as_of: date,
    churn: ChurnRule,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """(SCORED, what scoring says of itself) of everybody with an order at ``as_of``; by contract, who has one.

    ``facts``: the order files; ``others``: those of other facts, None: all there are now.
    """
    if churn.by_contract:
        features, scored = score_holders(session, settings, facts, others, as_of, churn.within)
    else:
        features, scored = score_all(session, settings, facts, as_of, churn.within)
    said = said_of(scored, churn.within)
    if not churn.by_contract and (
        still := standstill_at([path_of(settings.facts, each) for each in facts], as_of)
    ):
        said["standstill"] = {"en": still.said.en, "zh": still.said.zh}
    return scored_frame(features, scored.frame), said


def said_of(scored: Scores, horizon_days: int) -> dict[str, Any]:
    """What scoring says of itself, as the run and its report keep it."""
    return {
        "model": scored.model,
        "weights": scored.weights,
        "fallback_reason": scored.fallback_reason,
        "horizon_days": horizon_days,
        "digest": scored.digest,
    }


def model_words(said: dict[str, Any]) -> str | None:
    """What the risk comes from, in words, with the reason where it is a fall-back or means little."""
    if not said:
        return None
    known = [said["fallback_reason"], said.get("standstill", {}).get("en")]
    reasons = "; ".join(reason for reason in known if reason)
    return f"{said['model']} ({reasons})" if reasons else str(said["model"])
