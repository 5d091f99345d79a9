"""Runs of campaigns: pinned once, selected once, released once, whoever asks and however often."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlmodel import Session, col

from db.engine import changed, insert_or_keep
from db.tables import Assignment, CampaignVersion, Message, Occurrence, Outcome
from winback.campaigns.campaign import Campaign
from winback.campaigns.file import read_campaign, read_pinned
from winback.campaigns.schedule import REPLAY
from winback.errors import WrongUse


class Stage(StrEnum):
    """How far a run has come; it only ever moves forward."""

    OPENED = "opened"  # inputs pinned
    WAITING = "waiting"  # audience frozen, and somebody must approve it first
    SELECTED = "selected"  # audience frozen
    ASSIGNED = "assigned"  # every member has an arm, stored
    PLANNED = "planned"  # every message has a row
    RELEASED = "released"  # messages may leave
    MISSED = "missed"  # its slot was too long ago


OPEN_STAGES = (Stage.OPENED, Stage.WAITING, Stage.SELECTED, Stage.ASSIGNED, Stage.PLANNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a run is pinned to when it is opened."""

    campaign_id: str
    slot: str
    as_of: date
    placebo: bool
    files: Mapping[str, str]
    facts: Sequence[str]  # of orders
    others: Sequence[str]  # of all other kinds
    late_after: datetime | None
    code_version: str


def run_name(occurrence: Occurrence) -> str:
    """RUN as commands and reports write it: ``<campaign>/<occurrence>``."""
    return f"{occurrence.campaign_id}/{occurrence.slot}"


def save_version(session: Session, campaign_id: str, files: Mapping[str, str], now: datetime) -> int:
    """The id of the version with exactly these files, stored when new."""
    digest = version_digest(files)
    version = {"campaign_id": campaign_id, "digest": digest, "files": _as_text(files), "seen_at": now}
    changed(session, insert_or_keep(session, CampaignVersion), [version])
    chosen = select(col(CampaignVersion.id)).where(
        col(CampaignVersion.campaign_id) == campaign_id, col(CampaignVersion.digest) == digest
    )
    return int(session.execute(chosen).scalar_one())


def version_digest(files: Mapping[str, str]) -> str:
    """The digest under which a version of these files is stored."""
    return hashlib.sha256(_as_text(files).encode()).hexdigest()


def _as_text(files: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(files.items())), ensure_ascii=False, sort_keys=True)


def version_files(session: Session, version_id: int) -> dict[str, str]:
    """Path -> text of everything a version pinned."""
    version = session.get_one(CampaignVersion, version_id)
    files: dict[str, str] = json.loads(version.files)
    return files


def pinned_campaign(session: Session, occurrence: Occurrence) -> Campaign:
    """The campaign as the run pinned it."""
    name = f"campaigns/{occurrence.campaign_id}.yaml"
    return read_pinned(version_files(session, occurrence.version_id or 0)[name], name)


def pin_anew(
    session: Session,
    occurrence: Occurrence,
    files: Mapping[str, str],
    facts: Sequence[str],
    others: Sequence[str],
    now: datetime,
) -> bool:
    """A run that waits is opened again with what is there now; False when somebody moved it meanwhile."""
    name = f"campaigns/{occurrence.campaign_id}.yaml"
    campaign = read_campaign(files[name], name)
    changes = {
        "version_id": save_version(session, occurrence.campaign_id, files, now),
        "priority": campaign.limits.priority,
        "topic": campaign.topic,
        "facts": json.dumps(list(facts)),
        "other_facts": json.dumps(list(others)),
        "audience_digest": None,
        "audience_file": None,
        "waterfall": None,
        "shares": None,
    }
    return advance(session, occurrence.id or 0, come_from=Stage.WAITING, to=Stage.OPENED, **changes)


def pinned_others(occurrence: Occurrence) -> frozenset[str] | None:
    """The digests of facts other than orders the run is pinned to; None of one opened before they were pinned."""
    return None if occurrence.other_facts is None else frozenset(json.loads(occurrence.other_facts))


def open_run(session: Session, opening: Opening, now: datetime) -> Occurrence:
    """The one occurrence of (campaign, slot): pinned now, or as somebody pinned it before."""
    version_id = save_version(session, opening.campaign_id, opening.files, now)
    name = f"campaigns/{opening.campaign_id}.yaml"
    campaign = read_campaign(opening.files[name], name)
    values = {
        "priority": campaign.limits.priority,
        "topic": campaign.topic,
        "campaign_id": opening.campaign_id,
        "slot": opening.slot,
        "stage": Stage.OPENED.value,
        "placebo": opening.placebo,
        "as_of": opening.as_of,
        "version_id": version_id,
        "facts": json.dumps(list(opening.facts)),
        "other_facts": json.dumps(list(opening.others)),
        "opened_at": now,
        "late_after": opening.late_after,
        "code_version": opening.code_version,
    }
    changed(session, insert_or_keep(session, Occurrence), [values])
    other = unfinished_of(session, opening.campaign_id)
    if other and other.slot != opening.slot and not is_replay(opening.slot):
        raise WrongUse(f"{run_name(other)} is not finished yet: one run of a campaign after the other")
    return find(session, opening.campaign_id, opening.slot)


def is_replay(slot: str) -> bool:
    """Whether a slot is that of a replay on history."""
    return slot.startswith(REPLAY)


def no_replay() -> ColumnElement[bool]:
    """Runs but replays: what a replay does is seen by nobody else."""
    return ~col(Occurrence.slot).startswith(REPLAY)


def counted_for(slot: str, *, placebo: bool) -> ColumnElement[bool]:
    """The runs of its campaign whose entries and messages count for a run.

    For one really sent those really sent; for a rehearsal all but replays; for a replay nothing but itself.
    """
    if is_replay(slot):
        return col(Occurrence.slot) == slot
    return no_replay() if placebo else ~col(Occurrence.placebo)


def opened_id(session: Session, campaign_id: str, slot: str) -> int | None:
    """The id of the occurrence, or None when nobody has opened it."""
    chosen = select(col(Occurrence.id)).where(
        col(Occurrence.campaign_id) == campaign_id, col(Occurrence.slot) == slot
    )
    found: int | None = session.execute(chosen).scalar_one_or_none()
    return found


def unfinished_of(session: Session, campaign_id: str) -> Occurrence | None:
    """The campaign's run that is opened and not released yet; there is one at most."""
    return next((run for run in unfinished(session) if run.campaign_id == campaign_id), None)


def unfinished(session: Session) -> Sequence[Occurrence]:
    """Every run that is opened and not released yet, oldest first; a replay is its own caller's to finish."""
    chosen = select(Occurrence).where(col(Occurrence.stage).in_(OPEN_STAGES), no_replay())
    return session.execute(chosen.order_by(col(Occurrence.id))).scalars().all()


def is_at(session: Session, occurrence_id: int, stage: Stage) -> bool:
    """Whether a run is at ``stage``; until the transaction ends nobody can move it."""
    chosen = select(col(Occurrence.stage)).where(col(Occurrence.id) == occurrence_id).with_for_update()
    return bool(session.execute(chosen).scalar_one() == stage)


def give_up(session: Session, occurrence_id: int) -> bool:
    """An unfinished run becomes missed, and nobody has entered by it; False when it was finished meanwhile."""
    here = (col(Occurrence.id) == occurrence_id, col(Occurrence.stage).in_(OPEN_STAGES))
    if not changed(session, update(Occurrence).where(*here).values(stage=Stage.MISSED.value)):
        return False
    changed(session, delete(Message).where(col(Message.occurrence_id) == occurrence_id))  # none was ever queued
    changed(session, delete(Assignment).where(col(Assignment.occurrence_id) == occurrence_id))
    return True


def record_missed(session: Session, opening: Opening, now: datetime) -> bool:
    """Note a slot that came too late to run; True when nobody had noted or run it."""
    values = {
        "campaign_id": opening.campaign_id,
        "slot": opening.slot,
        "stage": Stage.MISSED.value,
        "placebo": opening.placebo,
        "as_of": opening.as_of,
        "facts": "[]",
        "opened_at": now,
        "code_version": opening.code_version,
    }
    return bool(changed(session, insert_or_keep(session, Occurrence), [values]))


def find(session: Session, campaign_id: str, slot: str) -> Occurrence:
    """The occurrence, or WrongUse naming those there are."""
    chosen = select(Occurrence).where(col(Occurrence.campaign_id) == campaign_id, col(Occurrence.slot) == slot)
    found: Occurrence | None = session.execute(chosen).scalar_one_or_none()
    if found is None:
        known = [run_name(other) for other in all_runs(session)][:5]
        named = f"{campaign_id}/{slot}" if slot else f"{campaign_id}: say CAMPAIGN/OCCURRENCE"
        raise WrongUse(f"no run {named}" + (f"; there is {', '.join(known)}" if known else ""))
    return found


def find_run(session: Session, run: str) -> Occurrence:
    """The occurrence called ``<campaign>/<occurrence>``; WrongUse when there is none."""
    campaign_id, _, slot = run.partition("/")
    return find(session, campaign_id, slot)


def all_runs(session: Session) -> Sequence[Occurrence]:
    """Every run, newest first."""
    return session.execute(select(Occurrence).order_by(col(Occurrence.id).desc())).scalars().all()


def unmeasured(session: Session) -> list[str]:
    """Released runs without a final reading, oldest first."""
    final = exists().where(col(Outcome.occurrence_id) == col(Occurrence.id), col(Outcome.final))
    chosen = select(Occurrence).where(col(Occurrence.stage) == Stage.RELEASED, ~final).order_by(col(Occurrence.id))
    return [run_name(occurrence) for occurrence in session.execute(chosen).scalars()]


def stages(session: Session, campaign_id: str) -> dict[str, str]:
    """Slot -> stage of every run of the campaign."""
    chosen = select(col(Occurrence.slot), col(Occurrence.stage)).where(col(Occurrence.campaign_id) == campaign_id)
    return dict(session.execute(chosen).tuples().all())


def advance(session: Session, occurrence_id: int, *, come_from: Stage, to: Stage, **changes: object) -> bool:
    """Move a run on, if it is still at ``come_from``; False when somebody else moved it first."""
    here = (col(Occurrence.id) == occurrence_id, col(Occurrence.stage) == come_from)
    return bool(changed(session, update(Occurrence).where(*here).values(stage=to.value, **changes)))
