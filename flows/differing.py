"""What has changed since the last run of a campaign: people, fields, templates, data."""

import json
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlmodel import Session, col

from db.campaigns import campaign_path
from db.engine import database, reading
from db.occurrences import Stage, counted_for, run_name, version_files
from db.settings import Settings
from db.tables import Occurrence
from flows.campaign_run import manual, read_ledger
from flows.candidates import pinned_facts
from flows.choosing import choose_now
from winback.audience.difference import Change, Edit, People, already_entered, edits, fields, people
from winback.audience.selection import arm_counts
from winback.errors import WrongUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The campaign as it would run now against its last run, as if nobody had entered with that one.

    ``entered``: how many of those it would choose did, and may not again yet; ``now``: how many a run now would
    take in. ``new_facts``: files of facts imported since.
    """

    campaign: str
    against: str
    as_of: date
    last_as_of: date
    people: People
    entered: int
    now: int
    fields: list[Change]
    edits: list[Edit]
    new_facts: int


def differ(settings: Settings, campaign_id: str, as_of: date) -> Difference:
    """Choose as a run of ``as_of`` would now, and compare; stores nothing. WrongUse before the first run."""
    campaign_path(settings, campaign_id)
    order = manual(campaign_id, as_of)
    file = f"campaigns/{campaign_id}.yaml"
    with database(settings.database_url) as engine, reading(engine) as session:
        last = _last_run(session, campaign_id, order.slot, placebo=settings.placebo)
        choice = choose_now(order, settings, aside=last.id)
        pinned = version_files(session, last.version_id or 0)
        return Difference(
            campaign=campaign_id,
            against=run_name(last),
            as_of=as_of,
            last_as_of=last.as_of,
            people=people(read_ledger(settings, last), choice.anew),
            entered=already_entered(choice.anew, choice.ledger),
            now=sum(arm_counts(choice.ledger).values()),
            fields=fields(pinned[file], choice.files[file]),
            edits=edits(_templates(pinned, file), _templates(choice.files, file)),
            new_facts=len({*pinned_facts(session, choice.campaign)} - {*json.loads(last.facts)}),
        )


def _last_run(session: Session, campaign_id: str, slot: str, *, placebo: bool) -> Occurrence:
    """The newest that went out, not one that waits for approval; for one really sent, of those really sent."""
    chosen = select(Occurrence).where(
        col(Occurrence.campaign_id) == campaign_id,
        col(Occurrence.stage) == Stage.RELEASED.value,
        counted_for(slot, placebo=placebo),
    )
    found: Occurrence | None = session.execute(
        chosen.order_by(col(Occurrence.id).desc()).limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise WrongUse(f"{campaign_id} has not gone out yet: winback preview {campaign_id} shows what it would do")
    return found


def _templates(files: dict[str, str], campaign_file: str) -> dict[str, str]:
    return {name: text for name, text in files.items() if name != campaign_file}
