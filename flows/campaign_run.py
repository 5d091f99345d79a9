"""The stages of one run, from pinned inputs to released messages. No Prefect here: run_campaign makes them tasks.

Every stage looks at how far the run has come and does nothing that is done, so running again resumes, and several
at once do it once.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import polars as pl
from sqlalchemy import ColumnElement
from sqlmodel import Session

from db.approvals import approved_by
from db.campaigns import kind_rules, read_files
from db.customers import traits
from db.engine import database, reading, transaction
from db.enrolment import CHUNK, enrol, enrolled_arms, entries, may_not_enter, members_of
from db.facts.store import other_digests
from db.frames import read_frame, save_frame
from db.occurrences import (
    Opening,
    Stage,
    advance,
    all_runs,
    counted_for,
    is_at,
    open_run,
    opened_id,
    pin_anew,
    pinned_campaign,
    pinned_others,
    run_name,
    version_files,
)
from db.outbox import counts, skip_reasons
from db.people import contacts
from db.salt import check_salt
from db.settings import Settings
from db.tables import Occurrence
from flows.behaving import kinds_for
from flows.candidates import model_words, pinned_facts, score_candidates
from flows.planning import plan_messages, release_messages
from flows.recommending import products_for
from winback import __version__
from winback.audience.assignment import assign
from winback.audience.selection import (
    LEDGER,
    arm_counts,
    arms_by_person,
    digest,
    in_order,
    risk_range,
    rules_of,
    select,
    waterfall,
)
from winback.campaigns.approval import needs_approval
from winback.campaigns.campaign import Campaign
from winback.campaigns.churn_kind import RULES_FILE
from winback.campaigns.file import campaign_of
from winback.campaigns.schedule import REPLAY, end_of_day
from winback.campaigns.where import ATTRIBUTE
from winback.errors import CampaignError, Unusable, WrongUse, nearest
from winback.events import State

AUDIENCES = "audiences"  # the folder, below the workspace's state
OLDEST_LIVE = timedelta(days=3)  # an as_of older than this is never really sent
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which run is wanted: ``slot`` is a scheduled start's name or ``manual-<as_of>``."""

    campaign_id: str
    slot: str
    as_of: date
    late_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as it stands; ``risk`` = least, median and greatest predicted risk of those who are in.

    ``model``: what the risk comes from, with the reason where it is a fall-back. ``stage``: db.occurrences.Stage;
    None of a dry run. ``approved_by``: a name as typed, of a run that had to be approved. ``skipped``: reason ->
    messages. ``unreadable``: the audience's file where it is missing or damaged.
    """

    run: str
    digest: str | None
    arms: dict[str, int]
    reasons: dict[str, int]
    messages: dict[str, int]
    risk: tuple[float, float, float] | None
    model: str | None
    stage: str | None = None
    approved_by: str | None = None
    skipped: dict[str, int] = field(default_factory=dict)
    unreadable: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """What ``winback run --json`` prints."""
        return {name: getattr(self, name) for name in ("run", "digest", "arms", "reasons", "messages")}


def manual(campaign_id: str, as_of: date) -> Order:
    """A run asked for by hand."""
    return Order(campaign_id=campaign_id, slot=f"manual-{as_of}", as_of=as_of)


def replay(campaign_id: str, as_of: date) -> Order:
    """A run that plays in the past."""
    return Order(campaign_id=campaign_id, slot=f"{REPLAY}{as_of}", as_of=as_of)


def directly(stage: Callable[P, R]) -> Callable[P, R]:
    """A stage as it is; the flow passes Prefect's ``task`` instead."""
    return stage


def carry_out(
    order: Order,
    settings: Settings,
    now: datetime,
    stage: Callable[[Callable[..., Any]], Callable[..., Any]] = directly,
) -> RunSummary:
    """Run a campaign's occurrence as far as released messages, or resume it."""
    occurrence_id = stage(pin_inputs)(order, settings, now)
    renew_inputs(occurrence_id, settings, now)
    scores = stage(score_customers)(occurrence_id, settings)
    stage(select_audience)(occurrence_id, settings, scores)
    stage(enrol_members)(occurrence_id, settings)
    stage(plan_messages)(occurrence_id, settings)
    stage(release_messages)(occurrence_id, settings, now)
    return summarise(occurrence_id, settings)


def pin_inputs(order: Order, settings: Settings, now: datetime) -> int:
    """Open the run: campaign, templates and facts as they are now; or find it as it was pinned before.

    Returns the occurrence's id.
    """
    with database(settings.database_url) as engine:
        check_salt(settings, engine)
        with reading(engine) as session:
            if known := opened_id(session, order.campaign_id, order.slot):
                return known
        late_after = order.late_after if settings.placebo else _live_limit(order, settings, now)
        files = read_files(settings, order.campaign_id)
        campaign = campaign_of(files, order.campaign_id)
        with transaction(engine) as session:
            opening = Opening(
                campaign_id=order.campaign_id,
                slot=order.slot,
                as_of=order.as_of,
                placebo=settings.placebo,
                files=files,
                facts=pinned_facts(session, campaign),
                others=other_digests(session),
                late_after=late_after,
                code_version=__version__,
            )
            return int(open_run(session, opening, now).id or 0)


def renew_inputs(occurrence_id: int, settings: Settings, now: datetime) -> None:
    """Pin a run that waits for approval to what is in the folder now: what has changed needs another look."""
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            occurrence = session.get_one(Occurrence, occurrence_id)
            if occurrence.stage != Stage.WAITING:
                return
            campaign_id, pinned = occurrence.campaign_id, version_files(session, occurrence.version_id or 0)
        files = read_files(settings, campaign_id)
        if files != pinned:
            with transaction(engine) as session:
                waiting = session.get_one(Occurrence, occurrence_id)
                facts = pinned_facts(session, campaign_of(files, campaign_id))
                pin_anew(session, waiting, files, facts, other_digests(session), now)


def _live_limit(order: Order, settings: Settings, now: datetime) -> datetime:
    """After when nothing of a live run leaves any more; WrongUse for a day too old, or not over yet."""
    end = end_of_day(order.as_of, settings.zone)
    if now > end + OLDEST_LIVE:
        raise WrongUse(f"as of {order.as_of} is more than 3 days ago: only the folder provider may be used for it")
    if now < end:
        raise WrongUse(f"{order.as_of} is not over yet: a run really sent is as of a day that is")
    return min(order.late_after or end + OLDEST_LIVE, end + OLDEST_LIVE)


def score_customers(occurrence_id: int, settings: Settings) -> str | None:
    """Score everybody the campaign chooses from; returns the file of the scores, None when no longer needed."""
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            occurrence = session.get_one(Occurrence, occurrence_id)
            if occurrence.stage != Stage.OPENED:
                return None
            churn, facts = pinned_campaign(session, occurrence).churn, json.loads(occurrence.facts)
            others = pinned_others(occurrence)
            scored, said = score_candidates(session, settings, facts, others, occurrence.as_of, churn)
        with transaction(engine) as session:
            advance(session, occurrence_id, come_from=Stage.OPENED, to=Stage.OPENED, score=json.dumps(said))
    return str(save_frame(settings.state / "scores", scored))


def select_audience(occurrence_id: int, settings: Settings, scores: str | None) -> None:
    """Decide who is in and in which arm, and freeze it; the first to freeze wins."""
    if scores is None:
        return
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            occurrence = session.get_one(Occurrence, occurrence_id)
            campaign, as_of = pinned_campaign(session, occurrence), occurrence.as_of
            frame = pl.read_parquet(scores)
            counted = counted_for(occurrence.slot, placebo=occurrence.placebo)
            rules = version_files(session, occurrence.version_id or 0).get(RULES_FILE) or kind_rules(settings)
            facts = json.loads(occurrence.facts)
            others = pinned_others(occurrence)
            kinds = kinds_for(session, settings, campaign, frame, facts, others, as_of, rules)
            ledger, shares = choose_members(
                session, settings, campaign, occurrence_id, as_of, frame, counted, kinds
            )
            waits = not occurrence.placebo and needs_approval(campaign, ledger)
        named = digest(ledger)
        frozen = {
            "audience_digest": named,
            "audience_file": save_frame(settings.state / AUDIENCES, ledger).name,
            "waterfall": json.dumps(waterfall(ledger)),
            "shares": json.dumps(shares),
        }
        to = Stage.WAITING if waits else Stage.SELECTED
        with transaction(engine) as session:
            advance(session, occurrence_id, come_from=Stage.OPENED, to=to, **frozen)


def choose_members(
    session: Session,
    settings: Settings,
    campaign: Campaign,
    occurrence_id: int,
    as_of: date,
    scored: pl.DataFrame,
    counted: ColumnElement[bool],
    kinds: pl.DataFrame | None,
) -> tuple[pl.DataFrame, dict[str, float]]:
    """The LEDGER with arms, and the planned shares; consent, suppression and earlier entries as they are now.

    ``counted``: the runs whose entries count (db.occurrences.counted_for). ``kinds``: what ``kinds_for`` says.
    """
    unknown = settings.file.unknown_email_consent == "allow"
    people = contacts(session, unknown_email_consent=unknown, topic=campaign.topic)
    entered = may_not_enter(session, campaign.id, occurrence_id, as_of, campaign.again_after, counted=counted)
    as_of_day = (as_of - date(1970, 1, 1)).days
    asked = _traits(session, campaign)
    chosen = select(scored, people, entered, rules_of(campaign), as_of_day, asked, kinds)
    shares = campaign.arm_shares(chosen["reason"].null_count())
    earlier = arms_by_person(people, entries(session, campaign.id, counted=counted))
    ledger = assign(chosen, salt=settings.file.salt, campaign_id=campaign.id, shares=shares, earlier=earlier)
    return ledger, shares


def _traits(session: Session, campaign: Campaign) -> pl.DataFrame | None:
    """What ``audience.where`` asks for; CampaignError for an attribute that no customer has."""
    if campaign.audience.where is None:
        return None
    fields = campaign.audience.where.fields
    found, known = traits(session, fields)
    asked = [name.removeprefix(ATTRIBUTE) for name in fields if name.startswith(ATTRIBUTE)]
    if strange := next((name for name in asked if name not in known), None):
        words = f"no customer has the attribute '{strange}'"
        allowed, near = ", ".join(known) or None, nearest(strange, known)
        file = f"campaigns/{campaign.id}.yaml"
        raise CampaignError(words, file=file, field="audience.where", allowed=allowed, nearest=near)
    return found


def read_ledger(settings: Settings, occurrence: Occurrence) -> pl.DataFrame:
    """The frozen audience of a run; nobody chosen yet: empty. Unusable where its file is missing or damaged."""
    if occurrence.audience_file is None:
        return pl.DataFrame(schema=LEDGER)
    folder = settings.state / AUDIENCES
    try:
        return read_frame(folder / occurrence.audience_file)
    except Unusable as error:
        where = f"the audience of {run_name(occurrence)}: put {folder} back as it was beside this database"
        raise Unusable(f"{error}, {where} (winback backup names what belongs together)") from error


def enrol_members(occurrence_id: int, settings: Settings) -> None:
    """Store every member's arm, before any message exists."""
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            occurrence = session.get_one(Occurrence, occurrence_id)
            if occurrence.stage != Stage.SELECTED:
                return
            ledger = read_ledger(settings, occurrence)
            products = products_for(session, settings, occurrence, ledger)
            members = members_of(
                ledger, occurrence.campaign_id, occurrence_id, occurrence.as_of, products, salt=settings.file.salt
            )
        for start in range(0, len(members), CHUNK):
            with transaction(engine) as session:
                if is_at(session, occurrence_id, Stage.SELECTED):  # it may have been given up meanwhile
                    enrol(session, members[start : start + CHUNK])
        with transaction(engine) as session:
            advance(session, occurrence_id, come_from=Stage.SELECTED, to=Stage.ASSIGNED)


def summarise(occurrence_id: int, settings: Settings) -> RunSummary:
    """The run as it stands; Unusable where its audience cannot be read."""
    with database(settings.database_url) as engine, reading(engine) as session:
        occurrence = session.get_one(Occurrence, occurrence_id)
        return _summary(session, occurrence, read_ledger(settings, occurrence))


def summaries(settings: Settings) -> list[RunSummary]:
    """Every run as it stands, newest first; one whose audience cannot be read counts those it has enrolled."""
    with database(settings.database_url) as engine, reading(engine) as session:
        return [_readable_summary(session, settings, occurrence) for occurrence in all_runs(session)]


def _readable_summary(session: Session, settings: Settings, occurrence: Occurrence) -> RunSummary:
    try:
        return _summary(session, occurrence, read_ledger(settings, occurrence))
    except Unusable:
        found = _summary(session, occurrence, pl.DataFrame(schema=LEDGER))
        arms = in_order(enrolled_arms(session, occurrence.id))
        return replace(found, arms=arms, unreadable=occurrence.audience_file)


def _summary(session: Session, occurrence: Occurrence, ledger: pl.DataFrame) -> RunSummary:
    messages = counts(session, occurrence.id)
    return RunSummary(
        run=run_name(occurrence),
        digest=occurrence.audience_digest,
        arms=arm_counts(ledger),
        reasons=json.loads(occurrence.waterfall or "{}"),
        messages=messages,
        skipped=skip_reasons(session, occurrence.id) if State.SKIPPED in messages else {},
        risk=risk_range(ledger),
        model=model_words(json.loads(occurrence.score or "{}")),
        stage=occurrence.stage,
        approved_by=approved_by(session, occurrence.id),
    )
