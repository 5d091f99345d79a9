"""Run what is due: the slots of every campaign since its schedule was first seen, each once, whoever looks first."""

import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db.alerts import Alarm
from db.campaigns import campaign_ids, campaign_path, check_file, read_files
from db.engine import database, reading, transaction
from db.occurrences import Opening, Stage, advance, find, record_missed, save_version, stages
from db.settings import Settings
from db.tables import CampaignVersion
from flows.alerting import failure
from flows.campaign_run import Order, carry_out, is_placebo
from winback import __version__
from winback.campaign import Campaign, Schedule
from winback.campaign_file import examine
from winback.errors import WinbackError
from winback.schedule import due_slots, last_whole_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look found: runs carried out, slots missed, and what staff must hear of."""

    ran: tuple[str, ...]
    missed: tuple[str, ...]
    alarms: tuple[Alarm, ...]


CarryOut = Callable[[Order, Settings, datetime], object]


def look_for_due(settings: Settings, now: datetime, carry_out: CarryOut = carry_out) -> Looked:
    """Carry out every slot due and not done, note those too late; one bad campaign does not stop others."""
    ran: list[str] = []
    missed: list[str] = []
    alarms: list[Alarm] = []
    for campaign_id in campaign_ids(settings):
        campaign, problems = check_file(settings, campaign_path(settings, campaign_id))
        if campaign is None or problems:
            alarms.append(Alarm(kind="invalid", run=campaign_id, text=str(problems[0])))
        elif campaign.schedule:
            done, late, wrong = _run_slots(settings, campaign, campaign.schedule, now, carry_out)
            ran, missed, alarms = ran + done, missed + late, alarms + wrong
    return Looked(ran=tuple(ran), missed=tuple(missed), alarms=tuple(alarms))


def _run_slots(
    settings: Settings, campaign: Campaign, schedule: Schedule, now: datetime, carry_out: CarryOut
) -> tuple[list[str], list[str], list[Alarm]]:
    ran: list[str] = []
    missed: list[str] = []
    alarms: list[Alarm] = []
    for slot in _open_slots(settings, campaign, schedule, now):
        run = f"{campaign.id}/{slot.name}"
        if slot.late:
            if _note_missed(settings, campaign, slot, now):
                missed.append(run)
                alarms.append(Alarm(kind="missed", run=run, text="its slot came too late to run"))
            continue
        failure = _run_one(settings, _order(settings, campaign, schedule, slot), now, carry_out)
        ran += [] if failure else [run]
        alarms += [failure] if failure else []
    return ran, missed, alarms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A due slot nobody has finished; ``late`` = nobody began it in time either."""

    name: str
    at: datetime
    late: bool


def _open_slots(settings: Settings, campaign: Campaign, schedule: Schedule, now: datetime) -> list[_Open]:
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            since = _watch(session, settings, campaign.id, now)
        with reading(engine) as session:
            known = stages(session, campaign.id)
    limit = timedelta(hours=schedule.late_limit)
    return [
        _Open(name=slot.name, at=slot.at, late=slot.name not in known and now - slot.at > limit)
        for slot in due_slots(schedule.cron, schedule.zone, after=since, now=now)
        if known.get(slot.name) not in {Stage.RELEASED, Stage.MISSED}
    ]


def _watch(session: Session, settings: Settings, campaign_id: str, now: datetime) -> datetime:
    """Since when the campaign's slots count: slots before winback first saw it were never due."""
    seen = first_seen(session, campaign_id)
    if seen is None:
        save_version(session, campaign_id, read_files(settings, campaign_id), now)
    return seen or now


def _note_missed(settings: Settings, campaign: Campaign, slot: _Open, now: datetime) -> bool:
    opening = Opening(
        campaign_id=campaign.id,
        slot=slot.name,
        as_of=last_whole_day(slot.at, settings.zone),
        placebo=is_placebo(settings),
        files={},
        facts=[],
        late_after=None,
        code_version=__version__,
    )
    with database(settings.database_url) as engine, transaction(engine) as session:
        return record_missed(session, opening, now)


def _order(settings: Settings, campaign: Campaign, schedule: Schedule, slot: _Open) -> Order:
    return Order(
        campaign_id=campaign.id,
        slot=slot.name,
        as_of=last_whole_day(slot.at, settings.zone),
        late_after=slot.at + timedelta(hours=schedule.late_limit),
    )


def _run_one(settings: Settings, order: Order, now: datetime, carry_out: CarryOut) -> Alarm | None:
    try:
        carry_out(order, settings, now)
    except WinbackError as error:
        return Alarm(kind="failed", run=f"{order.campaign_id}/{order.slot}", text=str(error))
    return None
