"""Early-warning signals: how many customers show each, how often it was right, and which are alarms."""

import argparse
from collections.abc import Mapping

from app.terminal import print_json, print_table, say, working
from db.engine import database, reading
from db.settings import here
from db.signal_states import standings
from flows.behaving import behaviour_of
from flows.churning import early_warnings, period
from winback.errors import Exit, WrongUse
from winback.signals.alarms import Standing
from winback.signals.early_warning import EarlyWarnings, Reading
from winback.signals.settings import Thresholds

Alarms = Mapping[str, Thresholds]
Stands = Mapping[str, Standing]


def signals(arguments: argparse.Namespace) -> int:
    """Every signal at the end of a day; exit 1 while the orders do not reach it."""
    settings = here(arguments.workspace)
    with database(settings.database_url) as engine, reading(engine) as session:
        of = period(session, settings, arguments.as_of, arguments.window)
        if not of.files:
            raise WrongUse("there are no orders yet: winback import orders FILE")
        with working("counting"):
            found = early_warnings(of, behaviour_of(session, settings, of.as_of))
        stands = standings(session)
    alarms = settings.file.signals.alarms
    if arguments.json:
        said = found.as_dict()
        said["signals"] = [each | {"alarm": _alarm(each["signal"], alarms, stands)} for each in said["signals"]]
        print_json(said)
    else:
        _show(found)
        _show_alarms(found, alarms, stands)
    return Exit.DONE if found.complete else Exit.NO


def _show(found: EarlyWarnings) -> None:
    days, told = found.window_days, [each for each in found.readings if each.count is not None]
    print_table(
        ["signal", "now", f"flagged {days} days ago", "gone since", "hit rate", "95 % interval", "base rate"],
        [_row(each) for each in told],
    )
    print()
    print_table(["signal", "means"], [(each.signal.en, each.signal.en_text.format(days=days)) for each in told])
    say(f"{found.active:,} customers ordered in the last {days} days")
    if found.standstill:
        say(found.standstill.said.en)
    for each in found.readings:
        if each.reason:
            say(f"{each.signal.en}: {each.reason}")


def _alarm(name: str, alarms: Alarms, stands: Stands) -> dict[str, object] | None:
    """The thresholds of a signal and how it stood on the last day judged; None where it has no thresholds."""
    if name not in alarms:
        return None
    never = {"checked_on": None, "share": None, "raised_on": None}
    return alarms[name].model_dump() | (stands[name].as_dict() if name in stands else never)


def _show_alarms(found: EarlyWarnings, alarms: Alarms, stands: Stands) -> None:
    """Which signals are alarms, and which may become one; nothing where winback.toml names none."""
    if not alarms:
        return
    print()
    rows = [
        (each.signal.en, _percent(alarms[name].on), _percent(alarms[name].off), *_stands(stands.get(name)))
        for each in found.readings
        if (name := each.signal.name) in alarms
    ]
    print_table(["alarm", "on from", "off at", "share", "judged", "raised"], rows)


def _stands(known: Standing | None) -> tuple[object, ...]:
    return (_percent(known.share), known.checked_on, known.raised_on or "-") if known else ("-", "-", "-")


def _row(found: Reading) -> tuple[object, ...]:
    interval = f"{_percent(found.hit_low)} to {_percent(found.hit_high)}" if found.hit_rate is not None else "-"
    return (
        found.signal.en, found.count, found.flagged, found.hits, _percent(found.hit_rate), interval,
        _percent(found.base_rate),
    )  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
