"""When the last of what waits can leave, and how much of it will be too late: pace, messages a day, late limit.

The least it takes: quiet hours, caps and budgets may make it more, and a text counts as one segment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from winback.campaigns.limits import day_of
from winback.campaigns.schedule import end_of_day
from winback.channel import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What waits of one run: channel -> messages, those put off for the day's limit among them.

    ``sent_today``: of its campaign on this local day. ``pace``: channel -> units a second, where there is a limit.
    """

    messages: Mapping[Channel, int]
    per_day: int | None
    sent_today: int
    late_after: datetime | None
    pace: Mapping[Channel, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Messages on all channels."""
        return sum(self.messages.values())


def last_begins(queue: Queue, now: datetime, zone: ZoneInfo) -> datetime:
    """When the last of them that is not too late may begin to leave: now, or the start of a local day."""
    left = queue.total - too_late(queue, now, zone) - _room(queue)
    if queue.per_day is None or left <= 0:
        return now
    days = -(-left // queue.per_day)
    return end_of_day(day_of(now, zone) + timedelta(days=days - 1), zone)


def too_late(queue: Queue, now: datetime, zone: ZoneInfo) -> int:
    """How many of them cannot leave before they are too late."""
    if queue.late_after is None:
        return 0
    seconds = max(0.0, (queue.late_after - now).total_seconds())
    slow = sum(
        max(0, count - int(queue.pace[channel] * seconds))
        for channel, count in queue.messages.items()
        if channel in queue.pace
    )
    return min(queue.total, max(slow, queue.total - _in_time(queue, queue.late_after, now, zone)))


def _in_time(queue: Queue, late_after: datetime, now: datetime, zone: ZoneInfo) -> int:
    """How many the days until then have room for; a day that begins just when it is too late has none."""
    if late_after <= now:
        return 0
    if queue.per_day is None:
        return queue.total
    days = (day_of(late_after - timedelta(microseconds=1), zone) - day_of(now, zone)).days
    return _room(queue) + days * queue.per_day


def _room(queue: Queue) -> int:
    """How many may still leave today; all where no day has a limit."""
    return queue.total if queue.per_day is None else max(0, queue.per_day - queue.sent_today)
