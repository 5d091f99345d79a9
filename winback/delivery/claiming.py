"""May a message go now? The rules of a claim, for a whole window at once: go, wait until, or skip because.

What only the database knows (who was written to when, what was spent) is given; nothing is read here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from winback.campaigns.limits import LESS_OFTEN, PerPerson, free_at_person, next_day
from winback.campaigns.quiet_hours import Hours, free_at
from winback.campaigns.zones import zones_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a campaign's ``limits`` ask of every claim; None = no such rule.

    ``price_micros``: the most one message may cost, in millionths of a major unit; what ``budget_micros``
    reserves. ``least_micros``: the least; None: each costs the same.
    """

    zone: ZoneInfo
    per_person: PerPerson | None = None
    quiet: Hours = ()
    per_day: int | None = None
    budget_micros: int | None = None
    price_micros: int = 0
    least_micros: int | None = None

    @property
    def counted(self) -> bool:
        """Whether what the campaign used must be known."""
        return self.per_day is not None or self.budget_micros is not None


class Candidate(NamedTuple):
    """One message that the suppression list, consent and lateness let pass."""

    id: int
    customer_no: int
    person: str
    address_hash: str
    timezone: str | None
    country: str | None
    less_often: bool | None
    late_after: datetime | None


class Held(NamedTuple):
    """One message that may not go now: ``until`` None = never, so it is skipped for ``reason``."""

    id: int
    until: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the claim's transaction has counted.

    ``written``: person, address_hash, customer_no -> messages that went there, as (id, when). ``sent_today``: of
    the campaign on this local day. ``spent_micros``: of the campaign in all, what is being sent counted at its
    most. ``in_flight``: whether some of that may still come back.
    """

    written: Mapping[str | int, tuple[tuple[int, datetime], ...]]
    sent_today: int = 0
    spent_micros: int = 0
    in_flight: bool = False


DAY_LIMIT, OVER_BUDGET = "day_limit", "over_budget"
RETURN = timedelta(seconds=10)  # until money reserved for what is being sent may be free again


def for_the_last(rules: Rules, known: Knowledge) -> Rules:
    """The rules for the end of a budget: what is left is less than the most a message may cost.

    Once nothing more comes back one message may have all of it: most texts cost a tenth of the most.
    """
    left = (rules.budget_micros or 0) - known.spent_micros
    least = rules.price_micros if rules.least_micros is None else rules.least_micros
    if known.in_flight or not least <= left < rules.price_micros:
        return rules
    return replace(rules, price_micros=left)


def hold_back(
    candidates: Iterable[Candidate], rules: Rules, known: Knowledge, now: datetime, length: timedelta
) -> list[Held]:
    """Those of ``candidates`` that may not go now; the others may, together.

    ``length``: how long after ``now`` the last of them may still leave (the claim's lease).
    """
    held: list[Held] = []
    free_here = _FreeHere(rules, now, length)
    sent, spent = known.sent_today, known.spent_micros
    for each in candidates:
        answer = _busy(each, free_here, now) or _enough(each, rules.per_person, known, now)
        if answer is None and rules.per_day is not None and sent >= rules.per_day:
            answer = next_day(now, rules.zone), DAY_LIMIT
        if answer is None and rules.budget_micros is not None and spent + rules.price_micros > rules.budget_micros:
            may_come_back = known.in_flight or spent > known.spent_micros
            answer = (now + RETURN if may_come_back else None), OVER_BUDGET
        if answer is None:
            sent, spent = sent + 1, spent + rules.price_micros
            continue
        until, reason = answer
        if until is not None and each.late_after is not None and until >= each.late_after:
            until = None  # a wait that ends just when it is too late leaves no time to send
        held.append(Held(each.id, until, reason))
    return held


class _FreeHere(dict[tuple[str | None, str | None], datetime | None]):
    """(zone, country) -> when somebody there may be disturbed: asked once for each place of a claim."""

    def __init__(self, rules: Rules, now: datetime, length: timedelta) -> None:
        super().__init__()
        self._rules, self._now, self._length = rules, now, length

    def __missing__(self, place: tuple[str | None, str | None]) -> datetime | None:
        zones = zones_of(*place) or (self._rules.zone.key,)
        free = free_at(zones, self._rules.quiet, self._now, self._length) if self._rules.quiet else self._now
        self[place] = free
        return free


def _busy(each: Candidate, free_here: _FreeHere, now: datetime) -> tuple[datetime | None, str] | None:
    """Quiet hours where the person is."""
    free = free_here[each.timezone, each.country]
    return None if free == now else (free, "quiet_hours")


def _enough(
    each: Candidate, limit: PerPerson | None, known: Knowledge, now: datetime
) -> tuple[datetime | None, str] | None:
    """How often the person may be written to."""
    if not known.written or not (limit or each.less_often):
        return None
    names = (each.person, each.address_hash, each.customer_no)
    messages = {message for name in names for message in known.written.get(name, ())}
    if not messages:
        return None
    times = sorted(at for _, at in messages)
    limits = [one for one in (limit, LESS_OFTEN if each.less_often else None) if one]
    frees = [free for one in limits if (free := free_at_person(one, times, now))]
    return (max(frees), "capped") if frees else None
