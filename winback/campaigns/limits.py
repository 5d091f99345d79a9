"""How much is enough: messages to one person, messages a day, money. The counting is the database's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from winback.campaigns.schedule import end_of_day

MICROS = 1_000_000  # millionths of a major unit: a text message costs 0.0079 dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class PerPerson:
    """At most so many messages to one person in any span of ``days`` times 24 hours."""

    messages: int
    days: int


LESS_OFTEN = PerPerson(messages=1, days=30)  # what the choice "less often" on the preference page means


def free_at_person(limit: PerPerson, sent_at: Sequence[datetime], now: datetime) -> datetime | None:
    """When the limit lets another message go to the person; None = now.

    ``sent_at``: when messages of any campaign went to the person, oldest first; what is older than the limit looks
    back may be left out.
    """
    if len(sent_at) < limit.messages:
        return None
    free = sent_at[-limit.messages] + timedelta(days=limit.days)
    return free if free > now else None


def day_of(now: datetime, zone: ZoneInfo) -> date:
    """The local day on which a message that goes now is counted."""
    return now.astimezone(zone).date()


def next_day(now: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the next local day begins and its messages may go."""
    return end_of_day(day_of(now, zone), zone)


def micros(amount: Decimal) -> int:
    """An amount in major units -> whole millionths; ValueError where it has more than six decimals."""
    scaled = amount * MICROS
    if scaled != scaled.to_integral_value():
        raise ValueError("at most six decimals")
    return int(scaled)
