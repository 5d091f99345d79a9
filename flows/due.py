"""Run what is due: every slot of a campaign since its schedule was first seen, once, whoever looks first."""

import hashlib
import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from db.alerts import Alarm, note
from db.campaigns import campaign_ids, campaign_path, read_files, read_text, template_files
from db.engine import database, reading, transaction
from db.facts.store import data_through
from db.occurrences import (
    Opening,
    Stage,
    find,
    give_up,
    record_missed,
    run_name,
    save_version,
    stages,
    unfinished,
)
from db.restored import check_not_restored, released_at
from db.salt import check_salt
from db.settings import Settings
from db.tables import CampaignVersion
from flows.alerting import failure
from flows.campaign_run import Order, carry_out
from winback import __version__
from winback.campaigns.campaign import Campaign, Schedule
from winback.campaigns.file import examine, read_campaign
from winback.campaigns.schedule import Season, due_slots, last_whole_day
from winback.delivery.alert_words import awaits
from winback.errors import FileProblem, WinbackError, WrongUse

STALE = timedelta(days=7)  # orders may end so long before a run's day: a small shop has days without one
TOO_LATE = "its slot came too late to run"
BETWEEN = "its slot came between a backup and its release: it may have run before"
_ZH = {TOO_LATE: "时段来得太晚，没有运行", BETWEEN: "时段在备份与放行之间，可能已经运行过"}
CarryOut = Callable[[Order, Settings, datetime], object]
log = logging.getLogger("winback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one look found: runs carried out, slots missed, and what staff must hear of."""

    ran: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()


def look_for_due(settings: Settings, now: datetime, carry_out: CarryOut = carry_out) -> Looked:
    """Carry out every slot due and not done, note those too late; one bad campaign does not stop others.

    Nothing while a state put back from a backup is held: what is due may have run before.
    """
    with database(settings.database_url) as engine:
        check_salt(settings, engine)
        if check_not_restored(settings, engine, now):
            return Looked()
    looks = [_finish_begun(settings, now, carry_out)]
    looks += [_look_at(settings, campaign_id, now, carry_out) for campaign_id in campaign_ids(settings)]
    return Looked(
        ran=tuple(run for look in looks for run in look.ran),
        missed=tuple(run for look in looks for run in look.missed),
        alarms=tuple(alarm for look in looks for alarm in look.alarms),
    )


def _finish_begun(settings: Settings, now: datetime, carry_out: CarryOut) -> Looked:
    """Resume every run that somebody opened and did not finish, from what it pinned; give up what is too late."""
    with database(settings.database_url) as engine, reading(engine) as session:
        begun = [
            _Due(
                order=Order(
                    campaign_id=run.campaign_id, slot=run.slot, as_of=run.as_of, late_after=run.late_after
                ),
                run=run_name(run),
                late=TOO_LATE if run.late_after is not None and run.late_after < now else None,
            )
            for run in unfinished(session)
        ]
    return _run_slots(settings, begun, now, carry_out)


def _look_at(settings: Settings, campaign_id: str, now: datetime, carry_out: CarryOut) -> Looked:
    try:
        files = _read_checked(settings, campaign_id)
    except (FileProblem, WrongUse) as error:
        today = now.astimezone(settings.zone).date()  # told once each: so once a day, while it lasts
        zh = f"活动文件有错，它的时段暂不运行：winback check campaigns/{campaign_id}.yaml"
        return Looked(alarms=(Alarm(kind="invalid", run=f"{campaign_id}/{today}", text=str(error), zh=zh),))
    campaign = read_campaign(files[_file(campaign_id)], campaign_id)
    if campaign.schedule is None:
        return Looked()
    return _run_slots(settings, _open_slots(settings, campaign, campaign.schedule, files, now), now, carry_out)


_checked: dict[str, dict[str, str]] = {}
MOST_CHECKED = 128


def _read_checked(settings: Settings, campaign_id: str) -> dict[str, str]:
    """``read_files``, whose check of the templates takes 0.1 s, once per content and not at every look."""
    content = _content(settings, campaign_id)
    if content not in _checked:
        if len(_checked) >= MOST_CHECKED:
            _checked.clear()
        _checked[content] = read_files(settings, campaign_id)
    return _checked[content]


def _content(settings: Settings, campaign_id: str) -> str:
    """The digest of everything the check reads: the campaign, its templates and winback.toml."""
    path = campaign_path(settings, campaign_id)
    text = read_text(path)
    campaign = read_campaign(text, str(path))
    texts = template_files(settings, campaign.templates().values()) | {_file(campaign_id): text}
    read = [str(path), settings.file.model_dump_json(), texts]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """A due slot nobody has finished; ``late``: why it is not run any more, before anybody chose its audience."""

    order: Order
    run: str
    late: str | None


def _run_slots(settings: Settings, slots: list[_Due], now: datetime, carry_out: CarryOut) -> Looked:
    ran: list[str] = []
    missed: list[Alarm] = []
    failed: list[Alarm] = []
    stale: list[Alarm] = []
    waits: list[Alarm] = []
    for slot in slots:
        if slot.late:
            missed += _note_missed(settings, slot, now)
        elif wrong := _run_one(settings, slot, now, carry_out):
            failed.append(wrong)
        elif waiting := _waits(settings, slot):
            waits.append(waiting)
        else:
            ran.append(slot.run)
            stale += _stale(settings, slot)
    return Looked(
        ran=tuple(ran), missed=tuple(alarm.run for alarm in missed), alarms=(*missed, *failed, *waits, *stale)
    )


def _waits(settings: Settings, slot: _Due) -> Alarm | None:
    """The alarm of a run that nobody has approved yet; told once."""
    with database(settings.database_url) as engine, reading(engine) as session:
        waits = stages(session, slot.order.campaign_id).get(slot.order.slot) == Stage.WAITING
    en, zh = awaits(slot.run)
    return Alarm(kind="approval", run=slot.run, text=en, zh=zh) if waits else None


def _stale(settings: Settings, slot: _Due) -> list[Alarm]:
    """The alarm of a run whose orders end too early: who ordered since was taken for a customer who is away."""
    with database(settings.database_url) as engine, reading(engine) as session:
        through = data_through(session)
    behind = slot.order.as_of - through if through else timedelta()
    if behind <= STALE:
        return []
    text = f"the orders reach {through} only, {behind.days} days before {slot.order.as_of}: who ordered since?"
    zh = f"订单只到 {through}，比 {slot.order.as_of} 早 {behind.days} 天：此后谁下过单？"
    return [Alarm(kind="stale", run=slot.run, text=text, zh=zh)]


def _open_slots(
    settings: Settings, campaign: Campaign, schedule: Schedule, files: dict[str, str], now: datetime
) -> list[_Due]:
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            save_version(session, campaign.id, files, now)
        with reading(engine) as session:
            since, known, restored = _since(session, campaign), stages(session, campaign.id), released_at(session)
    slots = due_slots(schedule.cron, schedule.zone, after=since, now=now, season=schedule.season)
    done = {Stage.RELEASED, Stage.MISSED}
    chosen = {name for name, stage in known.items() if stage != Stage.OPENED}  # their audience is
    limit = timedelta(hours=schedule.late_limit)
    return [
        _Due(
            order=Order(
                campaign_id=campaign.id,
                slot=slot.name,
                as_of=last_whole_day(slot.at, settings.zone),
                late_after=slot.at + limit,
            ),
            run=f"{campaign.id}/{slot.name}",
            late=_why_late(slot.at, now, limit, restored) if slot.name not in chosen else None,
        )
        for slot in slots
        if known.get(slot.name) not in done
    ]


def _why_late(at: datetime, now: datetime, limit: timedelta, restored: datetime | None) -> str | None:
    if restored is not None and at <= restored:
        return BETWEEN
    return TOO_LATE if now - at > limit else None


def _since(session: Session, campaign: Campaign) -> datetime:
    """Since when the campaign's present schedule counts: slots before winback first saw it were never due."""
    chosen = select(col(CampaignVersion.seen_at), col(CampaignVersion.files)).where(
        col(CampaignVersion.campaign_id) == campaign.id
    )
    same: list[datetime] = []
    other: list[datetime] = []
    for seen_at, files in session.execute(chosen).tuples():
        kept, _ = examine(json.loads(files)[_file(campaign.id)], campaign.id)
        is_same = kept is not None and _times(kept.schedule) == _times(campaign.schedule)
        (same if is_same else other).append(seen_at)
    newest = max(other, default=None)
    after = [at for at in same if newest is None or at > newest]
    return min(after) if after else max(same + other)  # none after: an earlier schedule came back


def _times(schedule: Schedule | None) -> tuple[str, str, Season] | None:
    return (schedule.cron, schedule.timezone, schedule.season) if schedule else None


def _file(campaign_id: str) -> str:
    return f"campaigns/{campaign_id}.yaml"


def _note_missed(settings: Settings, slot: _Due, now: datetime) -> list[Alarm]:
    """The alarm, noted in the same transaction, or nothing when somebody else was first."""
    opening = Opening(
        campaign_id=slot.order.campaign_id,
        slot=slot.order.slot,
        as_of=slot.order.as_of,
        placebo=settings.placebo,
        files={},
        facts=[],
        others=[],
        late_after=None,
        code_version=__version__,
    )
    late = slot.late or TOO_LATE
    alarm = Alarm(kind="missed", run=slot.run, text=late, zh=_ZH[late])
    with database(settings.database_url) as engine, transaction(engine) as session:
        if not (record_missed(session, opening, now) or _give_up(session, slot)):
            return []
        note(session, [alarm], now)
    return [alarm]


def _give_up(session: Session, slot: _Due) -> bool:
    """A run that was opened in time but never released is missed as well."""
    opened = find(session, slot.order.campaign_id, slot.order.slot)
    return give_up(session, opened.id or 0)


def _run_one(settings: Settings, slot: _Due, now: datetime, carry_out: CarryOut) -> Alarm | None:
    try:
        carry_out(slot.order, settings, now)
    except WinbackError as error:  # a person puts it right, such as a campaign file that is gone: words are enough
        log.error("%s failed: %s", slot.run, error)
        return failure(slot.run, error)
    except Exception as error:  # whatever it is: staff hears of it, others run, the next look tries it again
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])  # without its text: it may quote a customer
        log.error("%s failed: %s\n%s", slot.run, type(error).__name__, where)
        return failure(slot.run, error)
    return None
