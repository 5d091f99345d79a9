"""Whom our own past runs helped most: members as they were drawn, what was known of them, and what they did."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from sqlmodel import Session

from db.engine import database, reading
from db.facts.store import data_through, digests, path_of
from db.facts.sums import read_members
from db.occurrences import Stage, all_runs, find_run, is_replay, pinned_campaign, run_name
from db.responses import costs, read_answers
from db.settings import Settings
from db.tables import Occurrence
from flows.campaign_run import read_ledger
from flows.measuring import t0_on
from winback.campaigns.campaign import HOLDOUT, OF_ANSWERS, Campaign, Measure
from winback.errors import WrongUse
from winback.money import exponent
from winback.outcomes.outcomes import Window, outcome_window
from winback.scores.uplift import Uplift, uplift

FEATURES = ("risk", "expected_value", "past_value", "orders", "days_since_order")
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsUplift:
    """What past runs say of whom the message helped: their names, what they are judged by, and the ranking."""

    runs: tuple[str, ...]
    measure: Measure
    placebo: bool
    uplift: Uplift

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``winback uplift --runs``."""
        return {"runs": list(self.runs), "measure": self.measure.value, "placebo": self.placebo} | (
            self.uplift.as_dict()
        )


def uplift_of_runs(settings: Settings, names: Sequence[str]) -> RunsUplift:
    """Judge the ranking on the members of runs; a name is a RUN, or a campaign for all its runs that are over.

    Those drawn in a run are compared, variants together. WrongUse where runs cannot be put together.
    """
    with database(settings.database_url) as engine, reading(engine) as session:
        runs = _runs(session, settings, names)
        campaign = _alike(session, runs)
        members = pl.concat([_members(session, settings, run, campaign) for run in runs])
        names, placebo = [run_name(run) for run in runs], any(run.placebo for run in runs)
    judged = uplift(
        members.select(FEATURES).to_numpy().astype(np.float64),
        members["treated"].to_numpy(),
        members["outcome"].to_numpy(),
        {"risk": members["risk"].to_numpy(), "expected_value": members["expected_value"].to_numpy()},
        SEED,
    )
    return RunsUplift(runs=tuple(names), measure=campaign.success.measure, placebo=placebo, uplift=judged)


def _runs(session: Session, settings: Settings, names: Sequence[str]) -> list[Occurrence]:
    """Each once, the oldest first; WrongUse for one that is not over, or where there is none."""
    found: dict[int, Occurrence] = {}
    for name in names:
        of_name = [find_run(session, name)] if "/" in name else _over(session, settings, name)
        for run in of_name:
            if not _is_over(session, settings, run):
                raise WrongUse(f"{run_name(run)}: the data do not reach the end of its window yet")
            found[run.id or 0] = run
    return [found[number] for number in sorted(found)]


def _over(session: Session, settings: Settings, campaign_id: str) -> list[Occurrence]:
    """The campaign's runs whose window is over; replays are asked for by their own name."""
    mine = [run for run in all_runs(session) if run.campaign_id == campaign_id and not is_replay(run.slot)]
    over = [run for run in mine if run.placebo == settings.placebo and _is_over(session, settings, run)]
    if not over:
        raise WrongUse(f"'{campaign_id}' has no run whose window is over")
    return over


def _is_over(session: Session, settings: Settings, run: Occurrence) -> bool:
    if run.stage != Stage.RELEASED:
        return False
    return _window(settings, run, pinned_campaign(session, run), data_through(session)).complete


def _window(settings: Settings, run: Occurrence, campaign: Campaign, through: date | None) -> Window:
    success = campaign.success
    return outcome_window(t0_on(settings, run), success.window, through, blank_out=success.blank_out)


def _alike(session: Session, runs: Sequence[Occurrence]) -> Campaign:
    """The campaign they share; WrongUse where the shares of the hold-out or what they are judged by differ.

    Put together, a run with a larger hold-out would pass for one whose message helps less.
    """
    campaigns = [pinned_campaign(session, run) for run in runs]
    held = {round(json.loads(run.shares or "{}").get(HOLDOUT, 0.0), 6) for run in runs}
    judged = {(each.success.measure, each.success.window, each.success.blank_out) for each in campaigns}
    if len(held) > 1 or len(judged) > 1:
        what = "share held out" if len(held) > 1 else "window or measure"
        raise WrongUse(f"these runs differ in their {what}: name runs that are alike")
    if campaigns[-1].success.measure in OF_ANSWERS:
        raise WrongUse(
            "these runs are judged by a score that only some customers gave: it tells nothing of others"
        )
    if held == {0.0}:
        raise WrongUse("nobody was held out: there is nothing to compare with")
    return campaigns[-1]


def _members(session: Session, settings: Settings, run: Occurrence, campaign: Campaign) -> pl.DataFrame:
    """FEATURES, treated and outcome of those drawn in the run."""
    ledger = read_ledger(settings, run).filter(pl.col("reason").is_null() & ~pl.col("drawn_before"))
    window = _window(settings, run, campaign, None)
    deeds = read_members(
        [path_of(settings.facts, digest) for digest in digests(session)],
        t0_on=window.t0_on,
        window_days=window.days,
        through=window.last_on,
        members=ledger,
        blank_out=window.blank_out,
    )
    paid = costs(read_answers(session, run.id or 0))
    known = ledger.join(deeds, on="customer_no").join(paid, on="customer_no", how="left")
    return known.select(
        "risk",
        "expected_value",
        "past_value",
        pl.col("orders").cast(pl.Float64),
        _days_since(run.as_of),
        treated=pl.col("arm") != HOLDOUT,
        outcome=_outcome(campaign, 10 ** exponent(settings.file.currency)).cast(pl.Float64),
    )


def _days_since(as_of: date) -> pl.Expr:
    return (pl.lit(as_of) - pl.col("last_order_on")).dt.total_days().cast(pl.Float64).alias("days_since_order")


def _outcome(campaign: Campaign, minor: int) -> pl.Expr:
    """What the campaign is judged by, of one member, turned so that more is better; money in major units."""
    came, before, after = (pl.col(name) for name in ("orders_after", "before_minor", "after_minor"))
    lost = pl.when(came == 0).then(-pl.max_horizontal(before, 0)).otherwise(0) / minor
    cost = pl.col("cost_micros").fill_null(0) / 10**6
    told = {
        Measure.CHURN: came > 0,
        Measure.RETENTION: came > 0,
        Measure.REPEAT_RATE: pl.col("days_after") > 1,
        Measure.PURCHASE_FREQUENCY: came,
        Measure.VALUE_LOST: lost,
        Measure.VALUE_LOST_SHARE: lost,
        Measure.NET_CONTRIBUTION: (campaign.success.margin or 1) * after / minor - cost,
    }
    return told[campaign.success.measure]
