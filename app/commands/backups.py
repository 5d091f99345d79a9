"""backup and restore: the state as one file, and back again without anybody being written to twice."""

import argparse
from datetime import UTC, datetime

from app.terminal import say
from db.backups import back_up, belonging, put_back
from db.engine import database, reading
from db.opt_outs import TakenOver
from db.restored import hold, standing_hold
from db.settings import Settings, here
from winback.errors import Exit

UNREADABLE = "the database before could not be read"
NONE_BEFORE = "there was no database before to take them from"
_EVENTS_LOST = "reports count what came of messages since then only as far as providers tell it again"
BY_OTHER_MEANS = "only 'winback restore FILE' takes them from the database that it replaces"


def backup(arguments: argparse.Namespace) -> int:
    """Write a checked copy of the database; exit 1 when files it names are missing beside it."""
    settings = here(arguments.workspace)
    with database(settings.database_url) as engine:
        back_up(settings, engine, arguments.file, datetime.now(UTC))
        with reading(engine) as session:
            needed = belonging(session, settings)
    print(f"{arguments.file}: {arguments.file.stat().st_size:,} bytes, checked")
    print("It belongs together with winback.toml, campaigns/, templates/,")
    print(
        f"{settings.facts} ({needed.facts} files) and {settings.state / 'audiences'} ({needed.audiences} files)."
    )
    for path in needed.missing:
        say(f"missing: {path}")
    return Exit.NO if needed.missing else Exit.DONE


def restore(arguments: argparse.Namespace) -> int:
    """Put a backup back and hold everything; without a file, hold what was put back by other means."""
    settings, now = here(arguments.workspace), datetime.now(UTC)
    if arguments.file:
        replaced = put_back(settings, arguments.file, now)
        kept = f"; the one before is kept as {replaced.kept}" if replaced else ""
        print(f"{arguments.file} is the database now{kept}")
        taken, lost_for = (replaced.taken, UNREADABLE) if replaced else (None, NONE_BEFORE)
        events = replaced.events if replaced else None
    else:
        with database(settings.database_url) as engine:
            hold(engine, now)
        taken, lost_for, events = None, BY_OTHER_MEANS, None
    return _show_held(settings, taken, lost_for, events)


def _show_held(settings: Settings, taken: TakenOver | None, lost_for: str, events: int | None) -> int:
    with database(settings.database_url) as engine, reading(engine) as session:
        held, needed = standing_hold(session), belonging(session, settings)
    print(f"held: nothing leaves; {held.unknown if held else 0:,} messages may have left since the backup")
    print(_opt_outs(taken, lost_for, held.backup_at if held else None))
    print(_EVENTS_LOST if events is None else f"taken over, too: {events:,} events of messages, for the reports")
    print("next: winback reconcile, then winback resume --restored (without the word it says what that does)")
    for path in needed.missing:
        say(f"missing: {path}")
    return Exit.NO if needed.missing else Exit.DONE


def _opt_outs(taken: TakenOver | None, lost_for: str, backup_at: datetime | None) -> str:
    """What became of the opt-outs that the backup does not know."""
    if taken:
        return (
            f"taken over from the database before: {taken.suppressions:,} entries of the suppression list and the "
            f"choices of {taken.choices:,} addresses"
        )
    since = f"{backup_at:%Y-%m-%d %H:%M} UTC" if backup_at else "the backup"
    return f"lost: opt-outs since {since}, those on your own pages too: {lost_for}"
