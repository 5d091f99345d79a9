"""Measure a run: counts from the facts and the dispatch log, the answer from the rules, a reading in state."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
from sqlmodel import Session

from db.engine import database, reading, transaction
from db.facts.outcomes import MEMBERS, count_outcomes
from db.facts.recorded import read_feedback
from db.facts.store import data_through, digests, facts_cover, path_of
from db.facts.sums import sum_members
from db.membership import also_in, assigned, live_before, messages_each
from db.occurrences import Stage, find_run, pinned_campaign, run_name, unmeasured
from db.outbox import written_to_in
from db.readings import last_reading, latest, save_reading
from db.responses import all_priced, contacted, costs, count_messages, read_answers
from db.salt import drew
from db.settings import Settings
from db.tables import CampaignVersion, Occurrence
from flows.behaving import contracts, kinds_made
from flows.campaign_run import read_ledger
from flows.losing import Forecast, forecast_at, with_losses
from winback.audience.assignment import seed_name
from winback.audience.dimensions import dimensions, expected_back
from winback.audience.selection import arm_counts, drawn_counts, top_count
from winback.campaigns.campaign import HOLDOUT, OF_ANSWERS, Campaign
from winback.errors import WrongUse
from winback.intake.fields import Kind
from winback.lift.interim import LookTaken, take_look
from winback.lift.verdict import rows_lost
from winback.money import exponent
from winback.outcomes.answers import newest_answers
from winback.outcomes.arms_alike import arms_alike
from winback.outcomes.outcomes import (
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
from winback.outcomes.part_sums import RunSums
from winback.outcomes.responses import MessageCount, OrderCount, Responses, answer_counts, by_arm, responses
from winback.outcomes.seen import MONTH, Seen, span_of
from winback.report.headline import first_of

_BESIDE = (Kind.FEEDBACK, Kind.SUBSCRIPTIONS)  # what a reading is made of besides orders


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
                final = outcome.window.complete and _covered(session, occurrence, outcome.window.last_on)
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
            before = last_reading(session, occurrence_id).outcome
            if before is None or not before.window.complete:
                raise WrongUse(f"{run} has not been measured to its window's end: winback measure {run}")
            window = _window(session, settings, occurrence, None, times=2)
            if not window.complete or not _covered(session, occurrence, window.last_on):
                return None
            outcome = replace(
                _read(session, settings, occurrence, window, []), second=True, first=first_of(before)
            )
        with transaction(engine) as session:
            return save_reading(session, occurrence_id, outcome, now, final=True, after=0)


def _window(
    session: Session, settings: Settings, occurrence: Occurrence, as_of: date | None, *, times: int = 1
) -> Window:
    success = pinned_campaign(session, occurrence).success
    reached = [data_through(session, kind) for kind in _deciding(session, occurrence)]
    known = None if None in reached else min(day for day in reached if day)
    return outcome_window(
        t0_on(settings, occurrence), success.window * times, _through(known, as_of), blank_out=success.blank_out
    )


def _covered(session: Session, occurrence: Occurrence, day: date) -> bool:
    return all(facts_cover(session, day, kind) for kind in _deciding(session, occurrence))


def _deciding(session: Session, occurrence: Occurrence) -> list[Kind]:
    """The kinds of facts without which the outcome is not known."""
    campaign = pinned_campaign(session, occurrence)
    contracts_too = [Kind.SUBSCRIPTIONS] if campaign.churn.by_contract else []
    answers_too = [Kind.FEEDBACK] if campaign.success.measure in OF_ANSWERS else []
    return [Kind.ORDERS, *contracts_too, *answers_too]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What is read once of a run, for all that is counted of it; ``facts``: digests of the order facts.

    ``forecast``: at the end of the window, where one decides who was lost and the data reach it.
    """

    session: Session
    settings: Settings
    occurrence: Occurrence
    campaign: Campaign
    window: Window
    ledger: pl.DataFrame
    facts: list[str]
    answers: pl.DataFrame
    messages: list[MessageCount]
    forecast: Forecast | None

    @property
    def id(self) -> int:
        return self.occurrence.id or 0

    @property
    def files(self) -> list[Path]:
        return [path_of(self.settings.facts, digest) for digest in self.facts]

    def files_of(self, kind: Kind) -> list[Path]:
        return [path_of(self.settings.facts, digest) for digest in digests(self.session, kind)]

    @property
    def through(self) -> date:
        """The last day of the window that counts; the one before its first when that is none of it."""
        return self.window.seen_through or self.window.begins_after


def _read(
    session: Session,
    settings: Settings,
    occurrence: Occurrence,
    window: Window,
    earlier: Sequence[LookTaken],
) -> Outcome:
    run = _run(session, settings, occurrence, window)
    arms, sums = _arms(run), _sum(run)
    counts, orders = _count(run, [arm.name for arm in arms])
    seen = _seen(run, arms, sums)
    outcome = measure(
        run=run_name(occurrence),
        campaign=run.campaign,
        placebo=occurrence.placebo,
        as_of=occurrence.as_of,
        window=window,
        waterfall=json.loads(occurrence.waterfall or "{}"),
        arms=arms,
        counts=counts,
        contaminated=len(seen.touched),
        responses=_responses(run, arms, orders),
        method=_method(run),
        seen=seen,
        look=_look(run, sums, earlier),
        looks=earlier,
    )
    per_major = 10 ** exponent(settings.file.currency)
    return replace(outcome, balance=arms_alike(run.ledger, occurrence.as_of, per_major))


def _run(session: Session, settings: Settings, occurrence: Occurrence, window: Window) -> _Run:
    answers, campaign = read_answers(session, occurrence.id or 0), pinned_campaign(session, occurrence)
    facts, ended = digests(session), window.last_on
    forecast = campaign.churn.by_model and window.complete
    return _Run(
        session=session,
        settings=settings,
        occurrence=occurrence,
        campaign=campaign,
        window=window,
        ledger=read_ledger(settings, occurrence),
        facts=facts,
        answers=answers,
        messages=count_messages(answers),
        forecast=forecast_at(session, settings, facts, ended, campaign.churn) if forecast else None,
    )


def _arms(run: _Run) -> list[ArmResult]:
    """The arms of the run's shares, then those that have left the campaign file since their members entered."""
    shares: dict[str, float] = json.loads(run.occurrence.shares or "{}")
    members, drawn, written = arm_counts(run.ledger), drawn_counts(run.ledger), by_arm(run.messages)
    return [
        ArmResult(
            name=arm,
            n=members.get(arm, 0),
            drawn=drawn.get(arm, 0),
            planned_share=shares.get(arm, 0.0),
            messages={count.state: count.messages for count in written.get(arm, [])},
        )
        for arm in dict.fromkeys([*shares, *members])
    ]


def _responses(run: _Run, arms: Sequence[ArmResult], orders: Sequence[OrderCount]) -> list[Responses]:
    known = orders if run.window.seen_through else None
    return responses({arm.name: arm.n for arm in arms}, run.messages, known, currency=run.settings.file.currency)


def _method(run: _Run) -> Method:
    return Method(
        audience_digest=run.occurrence.audience_digest or "",
        facts=run.facts,
        campaign_digest=run.session.get_one(CampaignVersion, run.occurrence.version_id).digest,
        code_version=run.occurrence.code_version,
        score=json.loads(run.occurrence.score or "{}"),
        other_facts={kind: found for kind in _BESIDE if (found := digests(run.session, kind))},
        seed=seed_name(run.settings.file.salt) if drew(run.session, run.settings, run.id) else "",
        forecast=run.forecast.said if run.forecast else {},
        kinds=kinds_made(run.session, run.occurrence, run.ledger),
    )


def _seen(run: _Run, arms: Sequence[ArmResult], sums: RunSums) -> Seen:
    measured = {
        arm.name: sums.arm(arm.name).n + arm.n - arm.drawn for arm in arms
    }  # earlier entries: not compared
    currency, per_person = run.settings.file.currency, run.campaign.limits.per_person
    span = span_of(per_person)
    return Seen(
        sums=sums,
        members={arm.name: arm.n for arm in arms},
        messages=run.messages,
        overlap=_overlap(run),
        touched=written_to_in(run.session, run.id, HOLDOUT),
        rows_lost=rows_lost(assigned(run.session, run.id), measured),
        currency=currency,
        minor=10 ** exponent(currency),
        letters=messages_each(run.session, run.occurrence, span),
        in_30_days={} if span == MONTH else messages_each(run.session, run.occurrence, MONTH),
        per_person=per_person,
        priced=all_priced(run.answers),
        by_contract=run.campaign.churn.by_contract,
        by_model=run.campaign.churn.by_model,
    )


def _sum(run: _Run) -> RunSums:
    """What those drawn in this run did on the days of the window that the data reach."""
    held = None
    if run.campaign.churn.by_contract:
        held = contracts(run.session, run.settings, as_of=run.occurrence.as_of, through=run.through)
    members = (
        dimensions(run.ledger)
        .join(costs(run.answers), on="customer_no", how="left")
        .with_columns(pl.col("cost_micros").fill_null(0))
        .join(_feedback(run), on="customer_no", how="left")
        .pipe(with_losses, held, run.forecast)
    )
    return sum_members(
        run.files,
        t0_on=run.window.t0_on,
        window_days=run.window.days,
        through=run.through,
        members=members,
        blank_out=run.window.blank_out,
    )


def _feedback(run: _Run) -> pl.DataFrame:
    """What the customers answered on the days of the window that the order facts reach."""
    given = read_feedback(run.files_of(Kind.FEEDBACK), as_of=run.through)
    return newest_answers(given.filter(pl.col("given_on") > run.window.begins_after))


def _overlap(run: _Run) -> dict[str, int]:
    """Arm -> members also in another campaign's live run whose days, t0 to its window's end, meet this one's."""
    begun_before = datetime.combine(run.window.last_on + timedelta(days=1), time(), run.settings.zone)
    lasts: dict[int | None, int] = {}  # by version: a campaign of every week has few
    running = []
    for other in live_before(run.session, run.occurrence, begun_before):
        if other.version_id not in lasts:
            lasts[other.version_id] = pinned_campaign(run.session, other).success.lasts
        if t0_on(run.settings, other) + timedelta(days=lasts[other.version_id]) > run.window.t0_on:
            running.append(other.id or 0)
    return also_in(run.session, run.occurrence.id or 0, running)


def _look(run: _Run, sums: RunSums, earlier: Sequence[LookTaken]) -> LookTaken | None:
    """None while the data reach no day of the window, and where something else than orders decides.

    How fast contracts end nobody foretold, and a forecast is of the window's end.
    """
    window = run.window
    if window.seen_through is None or not run.campaign.churn.by_orders:
        return None
    n, churned = sum(cell.n for cell in sums.cells), sum(cell.churned for cell in sums.cells)
    expected = expected_back(run.ledger, horizon_days=run.campaign.churn.within, days=window.days)
    return take_look(
        through=window.seen_through,
        day=window.days_seen,
        days=window.days,
        n=n,
        back=n - churned,
        expected_share=expected,
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


def t0_on(settings: Settings, occurrence: Occurrence) -> date:
    """The local day of t0; a placebo's t0 is the end of as_of, whose day is as_of itself."""
    if occurrence.placebo or occurrence.t0 is None:
        return occurrence.as_of
    return occurrence.t0.astimezone(settings.zone).date()


def _through(known: date | None, as_of: date | None) -> date | None:
    return min(known, as_of) if known and as_of else known


def _count(run: _Run, arms: list[str]) -> tuple[list[GroupCount], list[OrderCount]]:
    """Counts of every group in the order of the report, nobody being n = 0, and of the orders of the arms."""
    when = contacted(run.answers, run.settings.zone)
    if run.occurrence.placebo:  # all its times are those of the past that it plays in
        when = when.with_columns(sent_on=pl.lit(run.window.t0_on))
    inside = run.ledger.filter(pl.col("arm").is_not_null()).select("customer_no", "arm")
    found, orders = count_outcomes(
        run.files,
        t0_on=run.window.t0_on,
        window_days=run.window.days,
        through=run.through,
        groups=_groups(run.ledger),
        members=inside.join(when, on="customer_no", how="left").select(MEMBERS.names()),
        complete=run.window.complete,
        blank_out=run.window.blank_out,
    )
    known = {count.name: count for count in found}
    names = [TREATED, *(arm for arm in arms if arm != HOLDOUT), HOLDOUT, BASE, TOP]
    return [known.get(name) or _nobody(name, run.window) for name in names], orders


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
