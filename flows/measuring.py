"""Measure a run: counts from the facts and the dispatch log, the answer from the rules, a reading in state."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import polars as pl
from sqlmodel import Session

from db.engine import database, reading, transaction
from db.facts.outcomes import MEMBERS, count_outcomes
from db.facts.store import data_through, digests, facts_cover, path_of
from db.facts.sums import sum_members
from db.membership import also_in, assigned, live_before
from db.occurrences import Stage, find_run, pinned_campaign, run_name, unmeasured
from db.outbox import written_to_in
from db.readings import last_reading, latest, save_reading
from db.responses import contacted, costs, count_messages, read_answers
from db.settings import Settings
from db.tables import CampaignVersion, Occurrence
from flows.campaign_run import read_ledger
from winback.arms_alike import arms_alike
from winback.audience import arm_counts, drawn_counts, top_count
from winback.campaign import HOLDOUT, Campaign
from winback.dimensions import dimensions, expected_back
from winback.errors import WrongUse
from winback.interim import LookTaken, take_look
from winback.money import exponent
from winback.outcomes import (
    BASE,
    TOP,
    TOP_SHARE,
    TREATED,
    ArmResult,
    GroupCount,
    Method,
    Outcome,
    Window,
    looks_of,
    measure,
    outcome_window,
)
from winback.part_sums import RunSums
from winback.responses import OrderCount, answer_counts, by_arm, responses
from winback.seen import Seen
from winback.verdict import rows_lost


def measure_run(settings: Settings, run: str, now: datetime, as_of: date | None = None) -> Outcome:
    """Read a run's result with the facts through ``as_of`` (None = all there are) and store the reading.

    A complete window gives the final reading, which later calls return unchanged. A reading before that is a look,
    and every look counts: one that another reading overtook is taken again.
    """
    with database(settings.database_url) as engine:
        while True:
            with reading(engine) as session:
                occurrence = find_run(session, run)
                if occurrence.stage != Stage.RELEASED or occurrence.t0 is None:
                    raise WrongUse(f"{run} has not been released: it is {occurrence.stage}")
                occurrence_id = occurrence.id or 0
                before = last_reading(session, occurrence_id)
                window = _window(session, settings, occurrence, as_of)
                outcome = _read(session, settings, occurrence, window, looks_of(before.outcome))
                final = outcome.window.complete and facts_cover(session, outcome.window.last_on)
            with transaction(engine) as session:
                saved = save_reading(session, occurrence_id, outcome, now, final=final, after=before.revision)
            if saved:
                return saved


def measure_again(settings: Settings, run: str, now: datetime) -> Outcome | None:
    """The second reading, at twice the window (did they stay?), taken once; None while the data do not reach it.

    Nobody looks at it before, so it needs no boundary.
    """
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            occurrence = find_run(session, run)
            occurrence_id = occurrence.id or 0
            if found := latest(session, occurrence_id, second=True):
                return found
            if last_reading(session, occurrence_id).outcome is None:
                raise WrongUse(f"{run} has not been measured: winback measure {run}")
            window = _window(session, settings, occurrence, None, times=2)
            if not window.complete or not facts_cover(session, window.last_on):
                return None
            outcome = replace(_read(session, settings, occurrence, window, []), second=True)
        with transaction(engine) as session:
            return save_reading(session, occurrence_id, outcome, now, final=True, after=0)


def _window(
    session: Session, settings: Settings, occurrence: Occurrence, as_of: date | None, *, times: int = 1
) -> Window:
    days = pinned_campaign(session, occurrence).success.window * times
    return outcome_window(_t0_on(settings, occurrence), days, _through(data_through(session), as_of))


def _read(
    session: Session,
    settings: Settings,
    occurrence: Occurrence,
    window: Window,
    earlier: Sequence[LookTaken],
) -> Outcome:
    campaign = pinned_campaign(session, occurrence)
    ledger, facts = read_ledger(settings, occurrence), digests(session)
    shares: dict[str, float] = json.loads(occurrence.shares or "{}")
    answers = read_answers(session, occurrence.id or 0)
    messages = count_messages(answers)
    states = {arm: {count.state: count.messages for count in counts} for arm, counts in by_arm(messages).items()}
    members, drawn = arm_counts(ledger), drawn_counts(ledger)
    arms = [
        ArmResult(
            name=arm,
            n=members.get(arm, 0),
            drawn=drawn.get(arm, 0),
            planned_share=shares.get(arm, 0.0),
            messages=states.get(arm, {}),
        )
        for arm in dict.fromkeys([*shares, *members])
    ]
    when = contacted(answers, settings.zone)
    if occurrence.placebo:  # all its times are those of the past that it plays in
        when = when.with_columns(sent_on=pl.lit(window.t0_on))
    counts, orders = _count(settings, ledger, facts, window, [arm.name for arm in arms], when)
    sums = _sum(settings, ledger, facts, window, costs(answers))
    touched = written_to_in(session, occurrence.id or 0, HOLDOUT)
    outcome = measure(
        run=run_name(occurrence),
        campaign=campaign,
        placebo=occurrence.placebo,
        as_of=occurrence.as_of,
        window=window,
        waterfall=json.loads(occurrence.waterfall or "{}"),
        arms=arms,
        counts=counts,
        contaminated=len(touched),
        responses=responses(
            {arm.name: arm.n for arm in arms},
            messages,
            orders if window.seen_through else None,
            currency=settings.file.currency,
        ),
        method=Method(
            audience_digest=occurrence.audience_digest or "",
            facts=facts,
            campaign_digest=session.get_one(CampaignVersion, occurrence.version_id).digest,
            code_version=occurrence.code_version,
            score=json.loads(occurrence.score or "{}"),
        ),
        seen=Seen(
            sums=sums,
            members={arm.name: arm.n for arm in arms},
            messages=messages,
            overlap=_overlap(session, settings, occurrence, window),
            touched=touched,
            rows_lost=rows_lost(assigned(session, occurrence.id or 0), _measured(sums, members, drawn)),
            currency=settings.file.currency,
            minor=10 ** exponent(settings.file.currency),
        ),
        look=_look(sums, window, ledger, campaign, earlier),
        looks=earlier,
    )
    per_major = 10 ** exponent(settings.file.currency)
    return replace(outcome, balance=arms_alike(ledger, occurrence.as_of, per_major))


def _sum(
    settings: Settings, ledger: pl.DataFrame, facts: list[str], window: Window, cost: pl.DataFrame
) -> RunSums:
    """What those drawn in this run did on the days of the window that the data reach."""
    members = (
        dimensions(ledger)
        .join(cost, on="customer_no", how="left")
        .with_columns(pl.col("cost_micros").fill_null(0))
    )
    return sum_members(
        [path_of(settings.facts, digest) for digest in facts],
        t0_on=window.t0_on,
        window_days=window.days,
        through=window.seen_through or window.t0_on,
        members=members,
    )


def _measured(sums: RunSums, members: Mapping[str, int], drawn: Mapping[str, int]) -> dict[str, int]:
    """Arm -> members of whom it is known what they did; those of earlier entries are counted, not compared."""
    return {arm: sums.arm(arm).n + n - drawn.get(arm, 0) for arm, n in members.items()}


def _overlap(session: Session, settings: Settings, occurrence: Occurrence, window: Window) -> dict[str, int]:
    """Arm -> members also in a live run of another campaign whose own window, however long, meets this one's."""
    begun_before = datetime.combine(window.last_on + timedelta(days=1), time(), settings.zone)
    days: dict[int | None, int] = {}  # by version: a campaign of every week has few
    running = []
    for other in live_before(session, occurrence, begun_before):
        if other.version_id not in days:
            days[other.version_id] = pinned_campaign(session, other).success.window
        if outcome_window(_t0_on(settings, other), days[other.version_id], None).last_on >= window.first_on:
            running.append(other.id or 0)
    return also_in(session, occurrence.id or 0, running)


def _look(
    sums: RunSums, window: Window, ledger: pl.DataFrame, campaign: Campaign, earlier: Sequence[LookTaken]
) -> LookTaken | None:
    """None while the data reach no day of the window."""
    if window.seen_through is None:
        return None
    n, churned = sum(cell.n for cell in sums.cells), sum(cell.churned for cell in sums.cells)
    return take_look(
        through=window.seen_through,
        day=(window.seen_through - window.t0_on).days,
        days=window.days,
        n=n,
        back=n - churned,
        expected_share=expected_back(ledger, horizon_days=campaign.churn.within, days=window.days),
        earlier=earlier,
    )


def answers_so_far(settings: Settings) -> list[dict[str, str | int]]:
    """What came of the messages of every run that has no final reading, one row per run and arm.

    No orders: whoever looks at these while a campaign runs stops it when chance looks good.
    """
    with database(settings.database_url) as engine, reading(engine) as session:
        return [
            {"run": run, "group": arm, **answer_counts(counts)}
            for run in unmeasured(session)
            for arm, counts in by_arm(
                count_messages(read_answers(session, find_run(session, run).id or 0))
            ).items()
        ]


def _t0_on(settings: Settings, occurrence: Occurrence) -> date:
    """The local day of t0; a placebo's t0 is the end of as_of, whose day is as_of itself."""
    if occurrence.placebo or occurrence.t0 is None:
        return occurrence.as_of
    return occurrence.t0.astimezone(settings.zone).date()


def _through(known: date | None, as_of: date | None) -> date | None:
    return min(known, as_of) if known and as_of else known


def _count(
    settings: Settings,
    ledger: pl.DataFrame,
    facts: list[str],
    window: Window,
    arms: list[str],
    when: pl.DataFrame,
) -> tuple[list[GroupCount], list[OrderCount]]:
    """Counts of every group in the order of the report, nobody being n = 0, and of the orders of the arms."""
    inside = ledger.filter(pl.col("arm").is_not_null()).select("customer_no", "arm")
    found, orders = count_outcomes(
        [path_of(settings.facts, digest) for digest in facts],
        t0_on=window.t0_on,
        window_days=window.days,
        through=window.seen_through or window.t0_on,
        groups=_groups(ledger),
        members=inside.join(when, on="customer_no", how="left").select(MEMBERS.names()),
        complete=window.complete,
    )
    known = {count.name: count for count in found}
    names = [TREATED, *(arm for arm in arms if arm != HOLDOUT), HOLDOUT, BASE, TOP]
    return [known.get(name) or _nobody(name, window) for name in names], orders


def _groups(ledger: pl.DataFrame) -> pl.DataFrame:
    """Whose before and after is counted: the arms, those of them to be written to, everybody, the top 20 %."""
    top = pl.col("past_rank") <= top_count(TOP_SHARE, ledger.height)
    in_arm = pl.col("arm").is_not_null() & ~pl.col("drawn_before")  # other shares drew the arms of earlier entries
    parts = {TREATED: in_arm & (pl.col("arm") != HOLDOUT), BASE: pl.lit(True), TOP: top}
    return pl.concat(
        [
            ledger.filter(in_arm).select("customer_no", value="arm"),
            *(ledger.filter(test).select("customer_no", value=pl.lit(name)) for name, test in parts.items()),
        ]
    )


def _nobody(name: str, window: Window) -> GroupCount:
    return GroupCount(name=name, n=0, inactive_before=0, inactive_after=0 if window.complete else None)
