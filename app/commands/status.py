"""status: what is configured, what waits, what is stopped or unknown, and when each campaign runs next."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from app.at_rest import claimed_words, elsewhere_words, last_of, late_words, scope_words, why_words
from app.outlooks import last_from, queues
from app.terminal import print_json, print_table
from db.callbacks import SetAside, set_aside
from db.campaigns import campaign_ids, campaign_path, check_file
from db.engine import database, reading
from db.facts.store import data_through
from db.gates import gates
from db.occurrences import Stage
from db.outbox import InHand, PutOff, elsewhere, in_hand, put_off, ready, unknown
from db.refusals import refused_for
from db.restored import PutBack, is_put_back
from db.salt import changed_salt
from db.settings import Settings, here
from db.stops import stopped_scopes
from flows.campaign_run import AUDIENCES, summaries
from winback.campaigns.approval import NOT_AUTHENTICATED
from winback.campaigns.schedule import next_slot
from winback.channel import CHANNELS
from winback.delivery.alert_words import refused, why_shut
from winback.delivery.outlook import Queue, too_late
from winback.delivery.refusals import RefusedShare, share_to_tell
from winback.errors import Exit, WrongUse
from winback.events import RANKED

WATCH_SECONDS = 2.0
WEEK = timedelta(days=7)
CLEAR = "\x1b[2J\x1b[H"
_PUT_BACK = {
    PutBack.HELD: "The database was put back from a backup: nothing leaves until 'winback resume --restored'",
    PutBack.OLDER: "The database is older than what was sent from here: it was put back from a backup, and the "
    "next send holds everything",
}
_TABLES = {
    "salt",
    "put_back",
    "run",
    "digest",
    "arms",
    "reasons",
    "messages",
    "claimed",
    "waiting",
    "later",
    "too_late",
    "elsewhere",
    "unreadable",
    "refused",
    "stopped",
    "shut",
    "set_aside",
    "runs",
    "next_slots",
}


def status(arguments: argparse.Namespace) -> int:
    """What is configured, what waits and what is unknown; with --watch again and again until interrupted."""
    if arguments.watch and arguments.json:
        raise WrongUse("--json prints one object; leave out --watch")
    settings = here(arguments.workspace)
    try:
        while True:
            found = read_status(settings, datetime.now(UTC))
            if arguments.json:
                print_json(found)
            else:
                print(CLEAR if arguments.watch and sys.stdout.isatty() else "", end="")
                show_status(found)
            if not arguments.watch:
                return Exit.DONE
            sys.stdout.flush()
            time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        if not arguments.watch:
            raise
        return Exit.DONE


def show_status(found: dict[str, Any]) -> None:
    """The status as tables, those with nothing in them left out."""
    for words in (found["salt"], _PUT_BACK.get(found["put_back"])):
        if words:
            print(words)
            print()
    print_table(["setting", "value"], [(key, found[key]) for key in found if key not in _TABLES])
    if found["unknown"]:
        print("nobody knows whether the unknown ones arrived: winback reconcile")
    if claimed := found["claimed"]:
        until, zone = datetime.fromisoformat(claimed["until"]), found["timezone"]
        print(claimed_words(claimed["messages"], until, zone))
    for each in found["elsewhere"]:
        print(elsewhere_words(**each))
    if found["unreadable"]:
        print(_unreadable_words(found["unreadable"]))
    for each in found["refused"]:
        print(f"{each['run']}: {refused(RefusedShare(**each))[0]}")
    for each in found["too_late"]:
        print(late_words(**each))
    tables: list[tuple[list[str], list[tuple[object, ...]]]] = [
        (
            ["stopped", "why"],
            [(scope_words(stop["scope"]), why_words(stop["reason"])) for stop in found["stopped"]],
        ),
        (["shut provider", "next try", "tried", "why"], [_shut_line(gate) for gate in found["shut"]]),
        (["set aside from callbacks", "times", "last"], [tuple(line.values()) for line in found["set_aside"]]),
        (
            ["waiting", "messages", "done in"],
            [_waiting_line(found, name, line) for name, line in found["waiting"].items()],
        ),
        (["later", "messages", "why", "from", "last from"], [_later_line(line) for line in found["later"]]),
        (["run", "in", "messages"], [_run_line(run) for run in found["runs"]]),
        (["campaign", "next slot"], list(found["next_slots"].items())),
    ]
    for columns, rows in tables:
        if rows:
            print()
            print_table(columns, rows)


def _unreadable_words(unreadable: Sequence[Mapping[str, str]]) -> str:
    """What is to be done about audience files that are missing or damaged."""
    files = f"the audience file of {unreadable[0]['run']} ({unreadable[0]['file']})"
    if more := len(unreadable) - 1:
        files += f" and of {more:,} more {'runs' if more > 1 else 'run'}"
    back = "put the folder back as it was beside this database"
    return f"{files} cannot be read: run, explain, measure and diff ask for it: {back} (winback backup names it)"


def _waiting_line(found: dict[str, Any], channel: str, line: dict[str, Any]) -> tuple[str, int, str]:
    if found[channel] in {gate["provider"] for gate in found["shut"]}:
        return channel, line["messages"], "once its provider takes messages again"
    seconds = line["eta_seconds"]
    return channel, line["messages"], "as fast as it goes" if seconds is None else str(timedelta(seconds=seconds))


def _shut_line(gate: dict[str, Any]) -> tuple[object, ...]:
    return (*(value for name, value in gate.items() if name != "reason"), why_shut(gate["reason"])[0])


def _later_line(line: dict[str, Any]) -> tuple[object, ...]:
    return (*(value for name, value in line.items() if name != "last_from"), line["last_from"] or "-")


def _run_line(run: dict[str, Any]) -> tuple[str, int, str]:
    messages = ", ".join(f"{count:,} {state}" for state, count in run["messages"].items())
    if skipped := ", ".join(f"{reason} {count:,}" for reason, count in run["skipped"].items()):
        messages += f"; skipped for: {skipped}"
    if run["stage"] == Stage.WAITING:
        messages = f"waits for approval: winback approve {run['run']} --by NAME --digest DIGEST"
    elif run["approved_by"]:
        messages += f"; approved by {run['approved_by']} ({NOT_AUTHENTICATED})"
    return run["run"], sum(run["arms"].values()), messages or "-"


def read_status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The newest run as ``run --json`` shows it, and the workspace around it, as one plain value."""
    known = summaries(settings)
    runs = [
        each.as_dict() | {name: getattr(each, name) for name in ("stage", "approved_by", "skipped")}
        for each in known
    ]
    newest = (
        known[0].as_dict() if known else {"run": None, "digest": None, "arms": {}, "reasons": {}, "messages": {}}
    )
    with database(settings.database_url) as engine, reading(engine) as session:
        through, by_run = data_through(session), queues(session, settings, now)
        return newest | {
            "workspace": str(settings.workspace),
            "timezone": settings.file.timezone,
            "currency": settings.file.currency,
            "data_through": through.isoformat() if through else None,
            "email": settings.file.providers.email,
            "sms": settings.file.providers.sms,
            "live": settings.file.live,
            "database": "PostgreSQL" if engine.dialect.name == "postgresql" else "SQLite",
            "salt": changed_salt(settings, engine),
            "put_back": is_put_back(session, settings),
            "unknown": unknown(session, now),
            "claimed": _claimed(in_hand(session, now)),
            "stopped": [{"scope": scope, "reason": why} for scope, why in stopped_scopes(session).items()],
            "shut": _shut(session),
            "set_aside": [_set_aside(each) for each in set_aside(session)],
            "waiting": _waiting(session, settings, now, by_run),
            "later": [
                _later(each, last_of(each, by_run, settings, now))
                for each in put_off(session, placebo=settings.placebo, now=now)
            ],
            "too_late": [
                {"run": run, "messages": count}
                for run, queue in by_run.items()
                if (count := too_late(queue, now, settings.zone))
            ],
            "elsewhere": [
                {"run": run, "messages": count, "rehearsal": not settings.placebo}
                for run, count in elsewhere(session, placebo=settings.placebo).items()
            ],
            "unreadable": [
                {"run": each.run, "file": str(settings.state / AUDIENCES / each.unreadable)}
                for each in known
                if each.unreadable
            ],
            "refused": _refused(session, {each["run"]: each["messages"] for each in runs}, now),
            "runs": runs,
            "next_slots": {name: next_start(settings, name, now) for name in campaign_ids(settings)},
        }


def _claimed(found: InHand | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"messages": found.messages, "until": found.until.isoformat(timespec="seconds")}


def _shut(session: Session) -> list[dict[str, object]]:
    return [
        {
            "provider": name,
            "until": gate.shut_until.isoformat(timespec="seconds"),
            "tried": gate.waits,
            "reason": gate.reason,
        }
        for name, gate in gates(session.connection()).items()
        if gate.shut_until is not None
    ]


def _refused(
    session: Session, messages: Mapping[str, Mapping[str, int]], now: datetime
) -> list[dict[str, object]]:
    """The runs a share of which a provider has refused this week; ``messages``: run -> state -> how many."""
    found = [
        share_to_tell(run, reasons, sum(messages.get(run, {}).get(state, 0) for state in RANKED))
        for run, _, reasons in refused_for(session.connection(), now - WEEK, now)
    ]
    return [asdict(share) for share in found if share]


def _set_aside(each: SetAside) -> dict[str, object]:
    return {"reason": each.reason, "times": each.times, "last_at": each.last_at.isoformat(timespec="seconds")}


def _waiting(
    session: Session, settings: Settings, now: datetime, by_run: Mapping[str, Queue]
) -> dict[str, dict[str, int | None]]:
    """Channel -> messages that may leave now, and seconds until they are gone.

    At their pace, and so many a day; what will be too late is not waited for.

    A text message counts as one segment, for how many it has is known only once it is rendered: a lower bound.
    """
    pace = settings.pace
    found: dict[str, dict[str, int | None]] = {}
    for channel in CHANNELS:
        if count := ready(session, channel, placebo=settings.placebo, now=now):
            days = round((last_from(by_run, channel, settings, now) - now).total_seconds())
            found[channel] = {"messages": count, "eta_seconds": _eta(count, pace.get(channel), days)}
    return found


def _eta(messages: int, per_second: float | None, days: int) -> int | None:
    """Seconds by pace, and until the last of the ``days`` (seconds, too) begins; None: as fast as it goes."""
    if per_second is None:
        return days or None
    return max(days, round(messages / per_second))


def next_start(settings: Settings, campaign_id: str, now: datetime) -> str:
    """When a campaign runs next, in words."""
    campaign, problems = check_file(settings, campaign_path(settings, campaign_id))
    if campaign is None or problems:
        return "the file has faults: winback check"
    if campaign.schedule is None:
        return "by hand"
    schedule = campaign.schedule
    slot = next_slot(schedule.cron, schedule.zone, now, schedule.season)
    if slot:
        return f"{slot.name} {schedule.timezone}"
    return f"none: it ends on {schedule.ends}" if schedule.ends else "never"


def _later(each: PutOff, last: datetime | None) -> dict[str, object]:
    return {
        "channel": each.channel,
        "messages": each.messages,
        "reason": each.reason,
        "from": each.first_at.isoformat(timespec="seconds"),
        "last_from": last.isoformat(timespec="seconds") if last else None,
    }
