"""Early-warning signals against the thresholds of winback.toml: an alarm is raised once and cleared once."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from db.alerts import Alarm, note
from db.engine import database, reading, transaction
from db.facts.store import data_through
from db.settings import Settings
from db.signal_states import forget, keep, standings
from flows.alerting import tell_staff
from flows.behaving import behaviour_of
from flows.churning import early_warnings, period
from winback.campaigns.schedule import last_whole_day
from winback.intake.fields import Kind
from winback.signals.alarms import Standing, judge, sentence, sentence_zh
from winback.signals.early_warning import EarlyWarnings


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One check: the day judged, None where there was nothing to judge, and how every alarm stands."""

    as_of: date | None
    standings: tuple[Standing, ...]


def check_signals(settings: Settings, now: datetime) -> Checked:
    """Judge the last whole day the orders reach, unless it was judged before, and tell staff what changed."""
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            before = standings(session)
            through = data_through(session, Kind.ORDERS.value)
            day = None if through is None else min(last_whole_day(now, settings.zone), through)
            found = _read(session, settings, day) if day and _unjudged(settings, day, before) else None
        with transaction(engine) as session:
            forget(session, settings.file.signals.alarms)
            if found is not None:
                note(session, _judge_all(session, settings, found, before), now)
            after = standings(session)
    tell_staff(settings, [], now)
    return Checked(as_of=found.as_of if found else None, standings=tuple(after.values()))


def _unjudged(settings: Settings, day: date, before: dict[str, Standing]) -> bool:
    """Whether any signal with thresholds waits for the day: what was judged is not read again."""
    return any(name not in before or before[name].checked_on < day for name in settings.file.signals.alarms)


def _read(session: Session, settings: Settings, day: date) -> EarlyWarnings:
    return early_warnings(
        period(session, settings, day, settings.file.signals.window_days), behaviour_of(session, settings, day)
    )


def _judge_all(
    session: Session, settings: Settings, found: EarlyWarnings, before: dict[str, Standing]
) -> list[Alarm]:
    """Keep how every signal stands; the alarms of those that changed and that nobody else has judged meanwhile."""
    alarms = []
    for said in found.readings:
        name = said.signal.name
        if not (thresholds := settings.file.signals.alarms.get(name)):
            continue
        judged = judge(before.get(name), found, said, thresholds)
        if judged and keep(session, before.get(name), judged.standing) and judged.change:
            en, zh = (say(judged.change, found, said, thresholds) for say in (sentence, sentence_zh))
            alarms.append(Alarm(kind=judged.change.value, run=f"{name}/{found.as_of}", text=en, zh=zh))
    return alarms
