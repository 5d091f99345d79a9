"""stop and resume: everything, one campaign, or one run; and the release of a state put back from a backup."""

import argparse
from datetime import UTC, datetime

from sqlmodel import Session

from app.at_rest import scope_and_why, scope_words, stopped_lines
from app.terminal import say
from db.campaigns import campaign_ids
from db.engine import database, reading, transaction
from db.occurrences import all_runs, find_run
from db.outbox import held_by_stop
from db.restored import RESTORED, Hold, release, standing_hold
from db.settings import Settings, here
from db.stops import EVERYTHING, stopped_scopes, switch_stop
from db.tallies import resume as lift
from winback.errors import Exit, WrongUse, nearest


def stop(arguments: argparse.Namespace) -> int:
    """Switch sending off."""
    settings, now = here(arguments.workspace), datetime.now(UTC)
    with database(settings.database_url) as engine, transaction(engine) as session:
        scope = _scope(session, settings, arguments.what)
        new = switch_stop(session, scope, on=True, now=now)
        why = scope_and_why(scope, stopped_scopes(session)[scope])
    print(f"stopped: {scope_words(scope)}" if new else f"it was stopped before: {why}")
    return Exit.DONE


def resume(arguments: argparse.Namespace) -> int:
    """Switch sending on again; without --restored what was put back from a backup is only described, exit 1."""
    settings, now = here(arguments.workspace), datetime.now(UTC)
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            scope = _scope(session, settings, arguments.what)
            held, before = standing_hold(session), stopped_scopes(session)
            waiting = held_by_stop(session, placebo=settings.placebo)
        if arguments.restored and (held is None or scope != EVERYTHING):
            raise WrongUse(
                "nothing put back from a backup is held" if held is None else "--restored is for everything"
            )
        if held and scope == EVERYTHING:
            _show_hold(held)
            if not arguments.restored:
                return Exit.NO
            release(engine, now)
        else:
            with transaction(engine) as session:
                lift(session, scope, now)
    if scope in before:
        print(f"resumed: {scope_words(scope)}" + (f" (it was stopped: {why})" if (why := before[scope]) else ""))
    else:
        print(f"was not stopped: {scope_words(scope)}")
    if held and scope != EVERYTHING:
        say("still held: the database was put back from a backup; see 'winback resume'")
    still = {name: why for name, why in before.items() if name != scope and why != RESTORED}
    for line in stopped_lines(still, waiting):
        say(f"still {line}")
    return Exit.DONE


def _show_hold(held: Hold) -> None:
    made = f" of {held.backup_at:%Y-%m-%d %H:%M} UTC" if held.backup_at else ""
    print(
        f"The database was put back from a backup{made}. Since {held.found_at:%Y-%m-%d %H:%M} UTC nothing leaves."
    )
    print("winback resume --restored lets it go on:")
    print(f"- {held.unknown:,} messages may have left since the backup: they stay uncertain (winback reconcile)")
    print("- slots that were due until then are recorded as missed, not run")
    for run in held.given_up:
        print(f"- {run} was half-way at the backup: it is given up")
    print(
        "Of the opt-outs, bounces and complaints since the backup only those are known here that 'winback restore'"
    )
    print("took over. Bring the others back first, from your providers' suppression lists:")
    print("winback import suppressions FILE")


def _scope(session: Session, settings: Settings, what: str | None) -> str:
    """The scope of the switch; WrongUse unless there is such a campaign or run."""
    if what is None:
        return EVERYTHING
    if "/" in what:
        find_run(session, what)
        return what
    known = sorted({*campaign_ids(settings), *(run.campaign_id for run in all_runs(session))})
    if what not in known:
        near = nearest(what, known)
        raise WrongUse(f"no campaign '{what}'" + (f"; did you mean '{near}'?" if near else ""))
    return what
