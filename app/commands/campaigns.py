"""Campaigns: run and send."""

import argparse
import gc
import os
import sys
from datetime import UTC, date, datetime

from app.checking import half_live
from app.summary import say_what_waits, show_summary
from app.terminal import asked_to_end, print_json, print_table, progress_bar, say, working
from db.campaigns import campaign_path
from db.settings import Settings, check_live, here
from winback.delivery.alert_words import why_shut
from winback.errors import Exit
from winback.events import State

_DID = {State.QUEUED.value: "back in the queue"}  # how ``send`` says what became of messages


def run(arguments: argparse.Namespace) -> int:
    """Run a campaign as far as queued messages; exit 0 also when nobody qualifies."""
    if arguments.replay:
        from app.commands.replay import replay

        return replay(arguments)
    from flows.campaign_run import carry_out, manual
    from flows.choosing import dry_run
    from winback.campaigns.schedule import last_whole_day

    settings = here(arguments.workspace)
    now = datetime.now(UTC)
    as_of = arguments.as_of or last_whole_day(now, settings.zone)
    order = manual(arguments.campaign, as_of)
    if arguments.dry_run:
        with working("selecting"):
            summary = dry_run(order, settings)
    elif arguments.flow or os.environ.get("PREFECT_API_URL"):
        from flows.run_campaign import run_as_flow  # Prefect takes 2 s to import

        check_live(settings)
        summary = run_as_flow(order, settings)
    else:
        check_live(settings)
        with working("running"):
            summary = carry_out(order, settings, now)
    warn_of_old_data(settings, as_of)
    for line in half_live(settings, [campaign_path(settings, arguments.campaign)]):
        say(line)
    if arguments.json:
        print_json(summary.as_dict())
    else:
        show_summary(summary)
    if summary.stage == "waiting":
        say_what_waits(settings, summary.run)
    return Exit.DONE


def warn_of_old_data(settings: Settings, as_of: date) -> None:
    """One line where the data end before ``as_of``."""
    from db.engine import database, reading
    from db.facts.store import data_through

    with database(settings.database_url) as engine, reading(engine) as session:
        through = data_through(session)
    if through and through < as_of:
        days = (as_of - through).days
        say(f"the data reach {through}, {days} days before {as_of}: whoever ordered since looks inactive")


def send(arguments: argparse.Namespace) -> int:
    """Drain the outbox; exit 3 when a provider closed a channel."""
    from app.at_rest import claimed_lines, elsewhere_lines, later_lines, unwritten_lines, waiting_lines
    from flows.sending import send_due

    settings = here(arguments.workspace)
    gc.freeze()  # what is imported stays: looking through it again would be a twentieth of the work
    with progress_bar("sending") as bar, asked_to_end() as ending:
        total, done = _waiting(settings), 0

        def progress(sent: int) -> None:
            nonlocal done
            done += sent
            bar(done, max(total, done))

        tally = send_due(
            settings,
            lambda: datetime.now(UTC),
            until_empty=arguments.until_empty,
            insist=sys.stdin.isatty(),  # a person asks; a script waits as the provider has asked for
            progress=progress,
            ending=ending,
        )
    states = {state: count for state, count in sorted(tally.states.items()) if count}
    if arguments.json:
        from app.commands.status import read_status

        print_json(read_status(settings, datetime.now(UTC)) | {"now": states, "closed": tally.closed})
    else:
        print_table(["in this call", "messages"], [(_DID.get(state, state), n) for state, n in states.items()])
        now = datetime.now(UTC)
        for line in unwritten_lines(tally.unwritten):
            say(line)
        for line in (*claimed_lines(settings, now), *later_lines(settings, now), *elsewhere_lines(settings)):
            say(line)
    for channel, reason in tally.closed.items():
        say(f"winback: {channel} was closed by its provider ({why_shut(reason)[0]}): the rest stays queued")
    for line in half_live(settings) if states else []:
        say(line)
    for line in [] if arguments.json else waiting_lines(settings, datetime.now(UTC)):
        say(line)
    _say_what_is_stopped(settings)
    if ending.is_set():
        raise KeyboardInterrupt
    return Exit.UNUSABLE if tally.closed else Exit.DONE


def _say_what_is_stopped(settings: Settings) -> None:
    from app.at_rest import stopped_lines
    from db.engine import database, reading
    from db.outbox import held_by_stop
    from db.stops import stopped_scopes

    with database(settings.database_url) as engine, reading(engine) as session:
        scopes = stopped_scopes(session)
        held = held_by_stop(session, placebo=settings.placebo) if scopes else {}
    for line in stopped_lines(scopes, held):
        say(line)


def _waiting(settings: Settings) -> int:
    from db.engine import database, reading
    from db.outbox import waiting

    with database(settings.database_url) as engine, reading(engine) as session:
        return waiting(session, ["email", "sms"], placebo=settings.placebo, by=datetime.now(UTC))
