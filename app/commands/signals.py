"""Early-warning signals: how many customers show each, and how often it was right."""

import argparse

from app.terminal import print_json, print_table, say, working
from db.engine import database, reading
from db.settings import here
from flows.behaving import behaviour_of
from flows.churning import early_warnings, period
from winback.early_warning import EarlyWarnings, Reading
from winback.errors import Exit, WrongUse


def signals(arguments: argparse.Namespace) -> int:
    """Every signal at the end of a day; exit 1 while the orders do not reach it."""
    settings = here(arguments.workspace)
    with database(settings.database_url) as engine, reading(engine) as session:
        of = period(session, settings, arguments.as_of, arguments.window)
        if not of.files:
            raise WrongUse("there are no orders yet: winback import orders FILE")
        with working("counting"):
            found = early_warnings(of, behaviour_of(session, settings, of.as_of))
    if arguments.json:
        print_json(found.as_dict())
    else:
        _show(found)
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
    for each in found.readings:
        if each.reason:
            say(f"{each.signal.en}: {each.reason}")


def _row(found: Reading) -> tuple[object, ...]:
    interval = f"{_percent(found.hit_low)} to {_percent(found.hit_high)}" if found.hit_rate is not None else "-"
    return (
        found.signal.en, found.count, found.flagged, found.hits, _percent(found.hit_rate), interval,
        _percent(found.base_rate),
    )  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
