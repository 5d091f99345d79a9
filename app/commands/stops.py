"""stop and resume: everything, one campaign, or one run; and the release of a state put back from a backup."""

import argparse
from datetime import UTC, datetime

from sqlmodel import Session

from app.terminal import say
from db.campaigns import campaign_ids
from db.engine import database, reading, transaction
from db.occurrences import all_runs, find_run
from db.restored import Hold, release, standing_hold
from db.settings import Settings, here
from db.stops import EVERYTHING, stopped_scopes, switch_stop
from winback.errors import Exit, WrongUse, nearest


def stop(arguments: argparse.Namespace) -> int:
    """Switch sending off."""
    settings, now = here(arguments.workspace), datetime.now(UTC)
    with database(settings.database_url) as engine, transaction(engine) as session:
        scope = _scope(session, settings, arguments.what)
        switch_stop(session, scope, on=True, now=now)
    print(f"stopped: {_words(scope)}")
    return Exit.DONE


def resume(arguments: argparse.Namespace) -> int:
    """Switch sending on again; without --restored what was put back from a backup is only described, exit 1."""
    settings, now = here(arguments.workspace), datetime.now(UTC)
    with database(settings.database_url) as engine:
        with reading(engine) as session:
            scope = _scope(session, settings, arguments.what)
            held, reason = standing_hold(session), stopped_scopes(session).get(scope)
        if arguments.restored and (held is None or scope != EVERYTHING):
            raise WrongUse(
                "nothing put back from a backup is held" if held is None else "--restored is for everything"
            )
        if held and scope == EVERYTHING:
            _show_hold(held)
            if not arguments.restored:
                return Exit.NO
            release(settings, engine, now)
        else:
            with transaction(engine) as session:
                switch_stop(session, scope, on=False, now=now)
    print(f"resumed: {_words(scope)}" + (f" (it was stopped: {reason})" if reason else ""))
    if held and scope != EVERYTHING:
        say("still held: the database was put back from a backup; see 'winback resume'")
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
    print("Opt-outs, bounces and complaints since the backup are not known here. Bring them back first, from your")
    print("providers' suppression lists: winback import suppressions FILE")


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


def _words(scope: str) -> str:
    return "everything" if scope == EVERYTHING else scope
