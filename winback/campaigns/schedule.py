"""When a campaign is due: slots are local wall-clock times without an offset.

01:30 on the night the clocks go back is one slot; a slot inside the spring gap runs at the first instant
after it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from winback.errors import nearest

LOOK_BACK = timedelta(days=31)  # slots older than this are not even recorded as missed
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# The fields of a cron line as its reader calls them -> as people do, and what may stand there.
_CRON_FIELDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "minute": ("minute", "0 to 59, such as 0 or */15"),
        "hour": ("hour", "0 to 23, such as 9 or 9,17"),
        "day-of-month": ("day", "1 to 31, one that the month has, or L for its last"),
        "month": ("month", "1 to 12, or jan to dec"),
        "day-of-week": ("weekday", "sun to sat, the earlier first, such as mon-fri or sat,sun"),
    }
)
_SLOT_FORMAT = "%Y-%m-%dT%H:%M"
REPLAY = "replay-"  # the slot of a replay on history begins so; it ends with its day


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One scheduled start: its name (local wall clock, no offset) and its instant (UTC)."""

    name: str
    at: datetime


def check_cron(expression: str) -> str:
    """The expression itself, or ValueError in words: five fields, weekday names and never numbers.

    Numbers are refused because schedulers disagree whether 0 is Sunday or Monday.
    """
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError("a cron expression has five fields: minute hour day month weekday")
    if re.search(r"\d", fields[4]):
        raise ValueError("weekdays are written as names (mon, tue, ... or mon-fri), never as numbers")
    try:
        CronSim(expression, datetime(2000, 1, 1))
    except CronSimError as error:
        raise ValueError(_cron_fault(fields, str(error).removeprefix("Bad "))) from error
    return expression


def _cron_fault(fields: Sequence[str], place: str) -> str:
    """What is wrong with the field that cronsim calls ``place``."""
    written = fields[list(_CRON_FIELDS).index(place)]
    name, allowed = _CRON_FIELDS[place]
    words = {"month": _MONTHS, "weekday": _WEEKDAYS}.get(name, ())
    near = nearest(written.lower()[:3], list(words)) if written.isalpha() else None
    return f"the {name} can't be '{written}': " + (f"did you mean '{near}'? ({allowed})" if near else allowed)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """UTC instant of a naive wall-clock time: the first of two, or the end of the gap it falls into."""
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) == wall:
        return before
    return _end_of_gap(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), before, zone)


def _end_of_gap(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    old_offset = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old_offset:
            early = middle
        else:
            late = middle
    return late


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """The first and the last local day on which a slot is due; None: no such day."""

    starts: date | None = None
    ends: date | None = None

    def has(self, day: date) -> bool:
        """Whether slots of the day are due."""
        return not (self.starts and day < self.starts) and not (self.ends and day > self.ends)


ALWAYS = Season()


def due_slots(cron: str, zone: ZoneInfo, *, after: datetime, now: datetime, season: Season = ALWAYS) -> list[Slot]:
    """All slots whose instant lies in (after, now], oldest first; at most ``LOOK_BACK`` back."""
    after = max(after, now - LOOK_BACK)
    last_wall = now.astimezone(zone).replace(tzinfo=None)
    slots: list[Slot] = []
    for wall in CronSim(cron, after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)):
        if wall > last_wall + timedelta(days=1):
            break
        at = instant_of(wall, zone)
        if after < at <= now and season.has(wall.date()):
            slots.append(Slot(name=wall.strftime(_SLOT_FORMAT), at=at))
    return slots


def next_slot(cron: str, zone: ZoneInfo, now: datetime, season: Season = ALWAYS) -> Slot | None:
    """The first slot after ``now``, or None when none comes again."""
    begin = now.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    if season.starts:
        begin = max(begin, datetime.combine(season.starts, datetime.min.time()) - timedelta(days=1))
    for wall in CronSim(cron, begin):
        if season.ends and wall.date() > season.ends:
            return None
        at = instant_of(wall, zone)
        if at > now and season.has(wall.date()):
            return Slot(name=wall.strftime(_SLOT_FORMAT), at=at)
    return None


def last_whole_day(at: datetime, zone: ZoneInfo) -> date:
    """The last calendar day of ``zone`` that is over at ``at``: the default as_of."""
    return at.astimezone(zone).date() - timedelta(days=1)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which local day ``day`` is over."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
    return instant_of(midnight, zone)
