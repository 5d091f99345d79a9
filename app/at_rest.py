"""What does not leave now, and why, in words: claimed by a sender, put off, stopped. Light: every send says it."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from app.outlooks import last_from, queues
from db.engine import database, reading
from db.gates import gates
from db.home import FILE_NAME
from db.outbox import PutOff, elsewhere, in_hand, put_off, ready
from db.settings import Settings
from db.stops import EVERYTHING
from winback.channel import CHANNELS, Channel
from winback.delivery.alert_words import why_refused
from winback.delivery.breaker import Gate
from winback.delivery.claiming import DAY_LIMIT, OVER_BUDGET
from winback.delivery.outlook import Queue, too_late
from winback.message.unwritten import UNWRITTEN, why_unwritten

_GOES_ON = "'winback send --until-empty' goes on"


def claimed_words(messages: int, until: datetime, zone: str) -> str:
    """How many senders have claimed, and until when nobody can know more."""
    by = f"{until.astimezone(ZoneInfo(zone)):%H:%M:%S} {zone}"
    verb = "is" if messages == 1 else "are"
    return f"{messages:,} {verb} claimed by a sender; what it has not reported by {by} becomes uncertain"


def claimed_lines(settings: Settings, now: datetime, run: str | None = None) -> list[str]:
    """One line about the messages senders have claimed, of one run or of all; none when there are none."""
    with database(settings.database_url) as engine, reading(engine) as session:
        found = in_hand(session, now, run)
    return [claimed_words(found.messages, found.until, settings.file.timezone)] if found else []


def later_lines(settings: Settings, now: datetime) -> list[str]:
    """What a call of ``send`` has left for later, one line for each reason."""
    with database(settings.database_url) as engine, reading(engine) as session:
        found = put_off(session, placebo=settings.placebo, now=now)
        by_day = queues(session, settings, now) if any(each.reason == DAY_LIMIT for each in found) else {}
    late = [
        late_words(run, count) for run, queue in by_day.items() if (count := too_late(queue, now, settings.zone))
    ]
    return [*(_later_words(settings, each, last_of(each, by_day, settings, now)) for each in found), *late]


def waiting_lines(settings: Settings, now: datetime) -> list[str]:
    """One line: how many a call of ``send`` leaves in the queue, and why; none when nothing waits."""
    with database(settings.database_url) as engine, reading(engine) as session:
        shut = gates(session.connection())
        now_due = {name: ready(session, name, placebo=settings.placebo, now=now) for name in CHANNELS}
        found = put_off(session, placebo=settings.placebo, now=now)
    parts = [
        f"{count:,} by {name}: {_why_due(settings, name, shut.get(getattr(settings.file.providers, name)))}"
        for name, count in now_due.items()
        if count
    ]
    parts += [f"{each.messages:,} by {each.channel}, later: {_why_later(each.reason)}" for each in found]
    total = sum(now_due.values()) + sum(each.messages for each in found)
    return [f"{total:,} still wait: {'; '.join(parts)}"] if parts else []


def _why_later(reason: str | None) -> str:
    """Why messages wait for an instant; what another sender keeps back of a budget is free in a moment."""
    goes_on = f", {_GOES_ON}" if reason == OVER_BUDGET else ""
    return f"{reason or 'not due yet'}{goes_on}"


def _why_due(settings: Settings, channel: Channel, gate: Gate | None) -> str:
    """Why messages that may leave now have not."""
    if gate and gate.shut_until:
        until = gate.shut_until.astimezone(settings.zone)
        return f"its provider takes nothing now ({gate.reason}), next try {until:%Y-%m-%d %H:%M:%S}"
    at_its_pace = "at its pace, " if settings.pace.get(channel) is not None else ""
    return f"{at_its_pace}{_GOES_ON}"


def last_of(each: PutOff, found: Mapping[str, Queue], settings: Settings, now: datetime) -> datetime | None:
    """When the last of what a day's limit has put off may begin to leave; None for other reasons."""
    return last_from(found, each.channel, settings, now) if each.reason == DAY_LIMIT else None


def _later_words(settings: Settings, each: PutOff, last: datetime | None) -> str:
    first = f"{each.first_at.astimezone(settings.zone):%Y-%m-%d %H:%M}"
    until = (
        f", the last from {last.astimezone(settings.zone):%Y-%m-%d} on" if last and last > each.first_at else ""
    )
    return f"later: {each.messages:,} by {each.channel} ({each.reason}), the first from {first} on{until}"


def late_words(run: str, messages: int) -> str:
    """What will be skipped although nothing stops it."""
    return f"{run}: {messages:,} will be too late: they cannot all leave before the run's late limit"


def elsewhere_lines(settings: Settings) -> list[str]:
    """What waits for a provider that ``winback.toml`` no longer names, and what to do: one line for each run."""
    with database(settings.database_url) as engine, reading(engine) as session:
        found = elsewhere(session, placebo=settings.placebo)
    return [elsewhere_words(run, messages, rehearsal=not settings.placebo) for run, messages in found.items()]


def elsewhere_words(run: str, messages: int, *, rehearsal: bool) -> str:
    """Why the messages of a run wait although nothing stops them."""
    if rehearsal:
        why = f"it is a rehearsal, and {FILE_NAME} names a provider: rehearsals only ever go to the folder"
        return f"{run}: {messages:,} wait: {why}; 'winback stop {run}' leaves them"
    why = f"the run is really sent, and {FILE_NAME} names only the folder"
    return f"{run}: {messages:,} wait: {why}; name the provider again under [providers], or 'winback stop {run}'"


def stopped_lines(scopes: Mapping[str, str | None], held: Mapping[str, int]) -> list[str]:
    """What is stopped, why, and what lets it go on: one line for each scope.

    ``held``: scope -> messages that wait because of it.
    """
    return [
        f"stopped: {scope_and_why(scope, why)}{_held_words(held.get(scope, 0))}; "
        f"'winback resume{'' if scope == EVERYTHING else f' {scope}'}'"
        for scope, why in scopes.items()
    ]


def _held_words(messages: int) -> str:
    if not messages:
        return ""
    return f", {messages:,} message{' waits' if messages == 1 else 's wait'}"


def scope_and_why(scope: str, why: str | None) -> str:
    """``spring (by hand)``."""
    return f"{scope_words(scope)} ({why_words(why)})"


def why_words(why: str | None) -> str:
    """Why something is stopped; nothing is noted of a stop that a person asked for."""
    if why in UNWRITTEN:
        return why_unwritten(why)[0]
    return why_refused(why)[0] if why else "by hand"


def unwritten_lines(skipped: Mapping[str, int]) -> list[str]:
    """Why messages were skipped because they could not be written; ``skipped``: reason -> how many."""
    return [f"{count:,} skipped: {why_unwritten(reason)[0]}" for reason, count in sorted(skipped.items())]


def scope_words(scope: str) -> str:
    """What is stopped."""
    return "everything" if scope == EVERYTHING else scope
