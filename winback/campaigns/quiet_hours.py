"""When a person may be disturbed: quiet hours by the wall clock of every zone the person may be in.

An instant is quiet when the wall clock of any of the zones shows a time within the hours. Clock changes need no
rule of their own: an hour that comes twice is quiet twice, a skipped one never. A day of UTC is cut where a zone's
offset changes; the quiet spells of the day are then sums, and they are remembered.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS_AHEAD = 8  # no late limit is longer than 7 days: what is not free until then never leaves
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR, _DAY = 3_600, 86_400
_FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
Zones = tuple[str, ...]  # names in the time zone database
Spell = tuple[int, int]  # seconds since 1970 in UTC: from the first, up to and without the second


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From ``start`` up to and without ``end`` on the wall clock; over midnight where ``end`` is the earlier."""

    start: time
    end: time


Hours = tuple[QuietHours, ...]  # quiet is what any of them says
# No marketing text before 8:00 or after 21:00 at the recipient's place: 47 CFR 64.1200(c)(1).
SMS_QUIET_HOURS = QuietHours(start=time(21), end=time(8))


def read_quiet_hours(text: str) -> QuietHours:
    """The hours in a text such as ``21:00-09:00``; ValueError in words for any other."""
    found = _FORM.fullmatch(text.strip())
    if not found or found.group(1, 2) == found.group(3, 4):
        meant = _meant(text)
        raise ValueError(f"write quiet hours as two different times of day, such as 21:00-09:00{meant}")
    hours = [int(part) for part in found.groups()]
    return QuietHours(start=time(hours[0], hours[1]), end=time(hours[2], hours[3]))


_LOOSELY = re.compile(r"(\d{1,2})(?:[:.：](\d\d))?\s*(am|pm)?", re.IGNORECASE)


def _meant(text: str) -> str:
    """Two times written otherwise, as ``9pm to 9am``, in the form that is read."""
    found = list(_LOOSELY.finditer(text))
    hours = [
        (int(hour) % 12 + 12 * (half.lower() == "pm") if half else int(hour), minute or "00")
        for hour, minute, half in (match.groups() for match in found)
    ]
    near = "-".join(f"{hour:02}:{minute}" for hour, minute in hours)
    return f": did you mean {near}?" if len(found) == 2 and _FORM.fullmatch(near) and near[:5] != near[6:] else ""


def hours_for(channel: str, said: QuietHours | None, *, real: bool) -> Hours:
    """All hours that keep a message back: the campaign's and, for a text message that really leaves, the law's."""
    law = SMS_QUIET_HOURS if real and channel == "sms" else None
    return tuple(hours for hours in (law, said) if hours)


def may_disturb(zones: Zones, hours: Hours, start: datetime, end: datetime) -> bool:
    """Whether no instant from ``start`` to ``end``, both included, is quiet in any of the zones.

    Without zones or without hours nothing is quiet.
    """
    first, last = _seconds(start), _seconds(end)
    return not any(begin <= last and first < over for begin, over in _spells(zones, hours, first, last))


@lru_cache(maxsize=4_096)  # those of one claim ask for the same few zones
def free_at(zones: Zones, hours: Hours, at: datetime, length: timedelta) -> datetime | None:
    """The first instant from ``at`` on that begins ``length`` without a quiet instant in any of the zones.

    None when there is none in the next ``DAYS_AHEAD`` days: zones far apart can leave no common time of day long
    enough, and then such a person is not disturbed at all rather than at somebody's night.
    """
    first, needed = _seconds(at), length.total_seconds()
    free = first
    for begin, over in _spells(zones, hours, first, first + DAYS_AHEAD * _DAY):
        if begin > free + needed:
            break
        free = max(free, over)
    if free == first:
        return at
    return _EPOCH + timedelta(seconds=free) if free <= first + DAYS_AHEAD * _DAY - needed else None


def _seconds(at: datetime) -> float:
    return (at - _EPOCH).total_seconds()


def _spells(zones: Zones, hours: Hours, first: float, last: float) -> Iterator[Spell]:
    """The quiet spells of the days from ``first`` to ``last``, in order; one over midnight comes as two."""
    for day in range(int(first // _DAY), int(last // _DAY) + 1):
        yield from _spells_of_day(zones, hours, day)


@lru_cache(maxsize=16_384)
def _spells_of_day(zones: Zones, hours: Hours, day: int) -> tuple[Spell, ...]:
    """The quiet spells of a day of UTC (``day`` days after 1970-01-01), merged, in order."""
    offsets = {piece for zone in zones for piece in _offsets(zone, day)}
    return tuple(_merged(spell for piece in offsets for each in hours for spell in _quiet(*piece, each)))


@lru_cache(maxsize=4_096)
def _offsets(name: str, day: int) -> tuple[tuple[int, int, int], ...]:
    """The day in pieces of one offset from UTC: from, up to and without, offset; seconds.

    Looked at every hour: no zone changes its clocks twice within one.
    """
    zone = ZoneInfo(name)
    pieces = [(day * _DAY, _offset(zone, day * _DAY))]
    for at in range(day * _DAY + _HOUR, (day + 1) * _DAY + 1, _HOUR):
        if (offset := _offset(zone, at)) != pieces[-1][1]:
            pieces.append((_change(zone, at - _HOUR, at), offset))
    ends = [*(at for at, _ in pieces[1:]), (day + 1) * _DAY]
    return tuple((at, end, offset) for (at, offset), end in zip(pieces, ends, strict=True) if at < end)


def _offset(zone: ZoneInfo, at: int) -> int:
    here = datetime.fromtimestamp(at, zone).utcoffset()
    return round(here.total_seconds()) if here is not None else 0


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second with the offset of ``after``."""
    old = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _quiet(begin: int, end: int, offset: int, hours: QuietHours) -> Iterator[Spell]:
    """What is quiet of a piece of one offset."""
    start, length = _of_day(hours.start), (_of_day(hours.end) - _of_day(hours.start)) % _DAY
    for day in range((begin + offset) // _DAY - 1, (end + offset) // _DAY + 1):
        at = day * _DAY + start - offset
        if at < end and begin < at + length:
            yield max(at, begin), min(at + length, end)


def _of_day(at: time) -> int:
    return at.hour * _HOUR + at.minute * 60


def _merged(spells: Iterable[Spell]) -> Iterable[Spell]:
    merged: list[Spell] = []
    for begin, over in sorted(spells):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(over, merged[-1][1])
        else:
            merged.append((begin, over))
    return merged
