"""Campaigns: check, run, send."""

import argparse
import gc
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import name

from app.terminal import asked_to_end, print_json, print_table, progress_bar, say, waterfall_rows, working
from db.campaigns import campaign_ids, campaign_path, channels_used, check_files
from db.confined import SampleText
from db.settings import FILE_NAME, Settings, check_live, here
from winback.campaign import Campaign, Measure
from winback.channel import Channel
from winback.errors import Exit
from winback.planning import MOST_HELD_OUT

if TYPE_CHECKING:
    from flows.campaign_run import RunSummary  # 0.7 s to import: `check` must stay fast


def check(arguments: argparse.Namespace) -> int:
    """Print every fault; exit 1 when there is one."""
    if arguments.schema:
        from winback.campaign_reference import schema  # 0.4 s to import

        print_json(schema())
        return Exit.DONE
    settings = here(arguments.workspace)
    files: list[Path] = arguments.files or [campaign_path(settings, each) for each in campaign_ids(settings)]
    checked = check_files(settings, files)
    faults = list(dict.fromkeys(str(fault) for each in checked for fault in each.problems))
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{len(files)} campaign{'s' if len(files) != 1 else ''}: no faults")
    for line in half_live(settings, [] if faults else files):
        say(line)
    for each in checked:
        if each.campaign and each.campaign.holdout == 0:
            say(f"{each.path}: holdout: 0%: with nobody held out no effect can be measured")
        if each.campaign and (each.campaign.holdout or 0) > MOST_HELD_OUT:
            share = f"{100 * (each.campaign.holdout or 0):g}%"
            say(f"{each.path}: holdout: {share}: beyond 50% holding out more shows less, and writes to fewer")
        if each.campaign and _never_spent(each.campaign):
            quiet = f"who ordered nothing for {each.campaign.audience.inactive} days"
            said = f"{quiet} had no value in a window no longer than that: take a longer one"
            say(f"{each.path}: success.window: {said}")
    for line in dict.fromkeys(line for each in checked for text in each.texts for line in dear(text, settings)):
        say(line)
    return Exit.NO if faults else Exit.DONE


def _never_spent(campaign: Campaign) -> bool:
    """Whether value lost is undefined for everybody: nobody in the audience ordered in the window before."""
    by_value = campaign.success.measure in (Measure.VALUE_LOST, Measure.VALUE_LOST_SHARE)
    return by_value and (campaign.audience.inactive or 0) >= campaign.success.window


def dear(text: SampleText, settings: Settings) -> Iterator[str]:
    """One line for a text message of several segments, or of a dear alphabet for the sake of a few characters."""
    few = 0 < len(text.outside) <= FEW_CHARACTERS
    if text.segments == 1 and not few:
        return
    segments = f"{text.segments} segment{'s' if text.segments > 1 else ''}"
    names = ", ".join(f"{each} ({name(each, 'unnamed').lower()})" for each in text.outside[:FEW_CHARACTERS])
    why = f", because GSM-7 does not have {names}: 70 characters a segment, not 160" if few else ""
    price = settings.price_micros("sms") * text.segments
    cost = f"; about {price / 10**6:g} {settings.file.currency} each" if price else ""
    yield f"{text.file}: {segments} of {text.encoding} ({text.units} units){why}{cost}"


def half_live(settings: Settings, files: Sequence[Path] | None = None) -> list[str]:
    """One line where one channel is really sent and the other, which ``files`` use, stays in the folder.

    ``files``: None = every campaign.
    """
    if not settings.left_in_folder:
        return []
    used = channels_used(
        [campaign_path(settings, each) for each in campaign_ids(settings)] if files is None else files
    )
    return [
        f"{_CHANNEL_WORDS[channel]} stay in {settings.outbox_folder}: nobody gets them, yet they count as sent. "
        f"Name a provider for {channel} in {FILE_NAME}, or only the other channel in the campaign's journey"
        for channel in settings.left_in_folder
        if channel in used
    ]


FEW_CHARACTERS = 3  # more are another script, not a slip
_CHANNEL_WORDS: dict[Channel, str] = {"email": "e-mails", "sms": "text messages"}


def run(arguments: argparse.Namespace) -> int:
    """Run a campaign as far as queued messages; exit 0 also when nobody qualifies."""
    if arguments.replay:
        from app.commands.replay import replay

        return replay(arguments)
    from flows.campaign_run import carry_out, manual
    from flows.choosing import dry_run
    from winback.schedule import last_whole_day

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
        say(f"{summary.run} waits for approval: winback approve {summary.run} --by NAME")
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


def show_summary(summary: "RunSummary") -> None:
    """A run's waterfall and messages."""
    print(f"{summary.run}  audience {(summary.digest or '')[:12]}")
    print_table(["customers", "number", "left"], waterfall_rows(summary.reasons, summary.arms))
    if not summary.arms:
        say("nobody qualifies")
    if summary.risk:
        low, middle, high = summary.risk
        print(f"their predicted risk of no order: median {middle:.0%}, from {low:.0%} to {high:.0%}")
        print(f"risk from: {summary.model}")
    for state, count in summary.messages.items():
        print(f"messages {state}: {count:,}")


def send(arguments: argparse.Namespace) -> int:
    """Drain the outbox; exit 3 when a provider closed a channel."""
    from app.at_rest import claimed_lines, later_lines
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
            insist=True,
            progress=progress,
            ending=ending,
        )
    states = {state: count for state, count in sorted(tally.states.items()) if count}
    if arguments.json:
        from app.commands.status import read_status

        print_json(read_status(settings, datetime.now(UTC)) | {"now": states, "closed": tally.closed})
    else:
        print_table(["now", "messages"], list(states.items()))
        now = datetime.now(UTC)
        for line in (*claimed_lines(settings, now), *later_lines(settings, now)):
            say(line)
    for channel, reason in tally.closed.items():
        say(f"winback: {channel} was closed by its provider ({reason}): the rest stays queued")
    _say_what_is_stopped(settings)
    for line in half_live(settings):
        say(line)
    if ending.is_set():
        raise KeyboardInterrupt
    return Exit.UNUSABLE if tally.closed else Exit.DONE


def _say_what_is_stopped(settings: Settings) -> None:
    from app.at_rest import stopped_lines
    from db.engine import database, reading
    from db.stops import stopped_scopes

    with database(settings.database_url) as engine, reading(engine) as session:
        scopes = stopped_scopes(session)
    for line in stopped_lines(scopes):
        say(line)


def _waiting(settings: Settings) -> int:
    from db.engine import database, reading
    from db.outbox import waiting

    with database(settings.database_url) as engine, reading(engine) as session:
        return waiting(session, ["email", "sms"], placebo=settings.placebo, by=datetime.now(UTC))
