"""The last stages of a run: one message for each member, planned and then let go."""

import hashlib
from base64 import b32encode
from datetime import datetime

from db.engine import database, reading, transaction
from db.occurrences import Stage, advance, is_at, is_replay, pinned_campaign, run_name
from db.outbox import id_chunks, plan, queue
from db.settings import Settings
from db.tables import Assignment, Message, Occurrence
from winback.campaigns.schedule import end_of_day


def plan_messages(occurrence_id: int, settings: Settings) -> None:
    """One message row for everyone outside the hold-out."""
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            occurrence = session.get_one(Occurrence, occurrence_id)
            if occurrence.stage != Stage.ASSIGNED:
                return
            campaign = pinned_campaign(session, occurrence)
            prefix = key_prefix(settings, occurrence, campaign.step.send)
            chunks = id_chunks(session, Assignment, occurrence_id)
        for ids in chunks:
            with transaction(engine) as session:
                if is_at(session, occurrence_id, Stage.ASSIGNED):
                    plan(
                        session,
                        occurrence_id,
                        ids,
                        prefix=prefix,
                        step=campaign.step.send,
                        templates=campaign.templates(),
                    )
        with transaction(engine) as session:
            advance(session, occurrence_id, come_from=Stage.ASSIGNED, to=Stage.PLANNED)


def key_prefix(settings: Settings, occurrence: Occurrence, step: str) -> str:
    """The opaque start of a step's message keys: 12 letters and digits, nothing about campaign or customer."""
    seed = "\0".join((settings.file.salt, run_name(occurrence), step)).encode()
    return b32encode(hashlib.sha256(seed).digest()).decode().lower()[:12]


def release_messages(occurrence_id: int, settings: Settings, now: datetime) -> None:
    """Set t0, the same instant for every arm, and let the messages go."""
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            occurrence = session.get_one(Occurrence, occurrence_id)
            t0 = end_of_day(occurrence.as_of, settings.zone) if occurrence.placebo else now
            counted = pinned_campaign(session, occurrence).limits.counted and not is_replay(occurrence.slot)
            released = {"released_at": now, "t0": t0, "tallied": counted}
            advance(session, occurrence_id, come_from=Stage.PLANNED, to=Stage.RELEASED, **released)
            session.refresh(occurrence)
            chunks = id_chunks(session, Message, occurrence_id) if occurrence.stage == Stage.RELEASED else []
        for ids in chunks:
            with transaction(engine) as session:
                queue(session, occurrence_id, ids, now)
