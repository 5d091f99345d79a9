"""Who would be in if a run were started now: for a dry run and for the preview. Stores nothing."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from db.campaigns import read_files
from db.engine import database, reading
from db.facts.store import other_digests
from db.occurrences import counted_for, opened_id
from db.settings import Settings
from flows.behaving import kinds_for
from flows.campaign_run import Order, RunSummary, choose_members, summarise
from flows.candidates import model_words, pinned_facts, score_candidates
from winback.audience.selection import arm_counts, digest, risk_range, waterfall
from winback.campaigns.campaign import Campaign
from winback.campaigns.churn_kind import RULES_FILE
from winback.campaigns.file import campaign_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An audience as a run would choose it now: the LEDGER with arms, and arm -> planned share.

    ``anew``: the LEDGER if nobody had entered with the run to set aside; without one the same. ``score``: what
    scoring says of itself. ``files``: what the run would pin, path -> text; ``facts``: digests.
    """

    order: Order
    campaign: Campaign
    files: dict[str, str]
    facts: list[str]
    ledger: pl.DataFrame
    anew: pl.DataFrame
    shares: dict[str, float]
    score: dict[str, Any]

    @property
    def run(self) -> str:
        """RUN as it would be called."""
        return f"{self.order.campaign_id}/{self.order.slot}"


def choose_now(order: Order, settings: Settings, aside: int | None = None) -> Choice:
    """Read campaign, facts and state as they are, and choose.

    ``aside``: the id of a run; who entered with it may, for ``Choice.anew``, enter again. Raises what ``check``
    reports, WrongUse without orders, or subscriptions.
    """
    files = read_files(settings, order.campaign_id)
    campaign = campaign_of(files, order.campaign_id)
    counted = counted_for(order.slot, placebo=settings.placebo)
    with database(settings.database_url) as engine, reading(engine) as session:
        facts = pinned_facts(session, campaign)
        frame, said = score_candidates(session, settings, facts, None, order.as_of, campaign.churn)
        kinds = kinds_for(session, settings, campaign, frame, facts, None, order.as_of, files[RULES_FILE])
        choose = partial(choose_members, session, settings, campaign)
        ledger, shares = choose(0, order.as_of, frame, counted, kinds)
        anew = choose(aside, order.as_of, frame, counted, kinds)[0] if aside else ledger
        pinned = [*facts, *other_digests(session)]
    return Choice(
        order=order, campaign=campaign, files=files, facts=pinned, ledger=ledger, anew=anew, shares=shares,
        score=said,
    )  # fmt: skip


def dry_run(order: Order, settings: Settings) -> RunSummary:
    """Who would be in, as the run itself would sum it up; of a run that has chosen, whom it has chosen."""
    with database(settings.database_url) as engine, reading(engine) as session:
        known = opened_id(session, order.campaign_id, order.slot)
    if known and (chosen := summarise(known, settings)).digest:
        return chosen
    choice = choose_now(order, settings)
    return RunSummary(
        run=choice.run,
        digest=digest(choice.ledger),
        arms=arm_counts(choice.ledger),
        reasons=waterfall(choice.ledger),
        messages={},
        risk=risk_range(choice.ledger),
        model=model_words(choice.score),
    )
