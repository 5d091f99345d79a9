"""How long what waits will take, run by run: by pace, messages a day and late limit of the campaign it pinned."""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session

from db.occurrences import pinned_campaign
from db.outbox import Waiting, waiting_by_run
from db.settings import Settings
from db.tables import Occurrence
from winback.channel import Channel
from winback.delivery.outlook import Queue, last_begins


def queues(session: Session, settings: Settings, now: datetime) -> dict[str, Queue]:
    """RUN -> what waits of it, for a sender of this workspace."""
    day = now.astimezone(settings.zone).date()
    found = waiting_by_run(session, placebo=settings.placebo, now=now, day=day)
    return {each.run: _queue(session, settings, each) for each in found}


def _queue(session: Session, settings: Settings, each: Waiting) -> Queue:
    limits = pinned_campaign(session, session.get_one(Occurrence, each.occurrence_id)).limits
    return Queue(
        messages=each.messages,
        per_day=limits.per_day,
        sent_today=each.sent_today,
        late_after=each.late_after,
        pace=settings.pace,
    )


def last_from(found: Mapping[str, Queue], channel: Channel, settings: Settings, now: datetime) -> datetime:
    """When the last of what waits on a channel may begin to leave: now, or at the start of a local day."""
    here = [queue for queue in found.values() if channel in queue.messages]
    return max((last_begins(queue, now, settings.zone) for queue in here), default=now)
