"""reconcile: what nobody knows, settled by asking the provider or by what a person says."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.at_rest import claimed_lines
from app.terminal import asked_to_end, print_json, print_table, say
from db.column import read_column
from db.engine import database, reading
from db.reconciling import Uncertain, states_of, uncertain
from db.settings import Settings, here
from flows.reconciling import CHUNK, Patience, Said, reconcile, settle_by_hand
from winback.customers.contact import mask_contact, without_addresses
from winback.delivery.lookup import PAUSE_SECONDS
from winback.delivery.settling import may_be_asked_from
from winback.errors import Exit, ImportProblem, WrongUse
from winback.message.cleaning import clean_line

LONGEST_EVIDENCE = 300
MOST_LINES = 50


def reconcile_(arguments: argparse.Namespace) -> int:
    """Settle, then list what is left; exit 1 when a key that was named changed nothing."""
    settings = here(arguments.workspace)
    said = _said(arguments)
    if said is None:
        return _ask(settings, arguments)
    states, refused = settle_by_hand(settings, _keys(arguments), said, _evidence(arguments), datetime.now(UTC))
    _show(settings, arguments, +states, {})
    for line in _refusals(settings, refused):
        say(line)
    return Exit.NO if refused else Exit.DONE


def _ask(settings: Settings, arguments: argparse.Namespace) -> int:
    """Ask the providers; whoever breaks it off sees what was settled by then."""
    with asked_to_end() as ending:
        patience = Patience(
            clock=lambda: datetime.now(UTC),
            sleep=ending.wait,
            by_hand=True,
            interrupted=ending.is_set,
            announce=_announce,
        )
        settled = reconcile(settings, patience, arguments.run_name)
    _show(settings, arguments, +settled.states, +settled.unlearnt)
    if ending.is_set():
        raise KeyboardInterrupt
    return Exit.DONE


def _refusals(settings: Settings, keys: Sequence[str]) -> list[str]:
    with database(settings.database_url) as engine, reading(engine) as session:
        groups = [states_of(session, keys[start : start + CHUNK]) for start in range(0, len(keys), CHUNK)]
    states = {key: state for group in groups for key, state in group.items()}
    return [
        f"winback: {key} is {states[key]}, not uncertain: it stays so"
        if key in states
        else f"winback: no message has the key '{clean_line(key)}'"
        for key in keys
    ]


def _said(arguments: argparse.Namespace) -> Said | None:
    """What the person says, or None: then providers are asked. WrongUse for what does not fit together."""
    named = bool(arguments.key or arguments.file)
    if named and arguments.run_name:
        raise WrongUse("name a RUN to ask about, or keys to settle by hand, not both")
    if not named and (arguments.said or arguments.evidence):
        raise WrongUse("say which messages: --key KEY or --file FILE.csv")
    if named and not arguments.said:
        raise WrongUse("say what became of them: --sent, --not-sent or --abandon")
    return Said(arguments.said) if arguments.said else None


def _evidence(arguments: argparse.Namespace) -> str:
    text = clean_line(arguments.evidence or "")
    if not text or len(text) > LONGEST_EVIDENCE:
        raise WrongUse(f"say how you know: --evidence TEXT, up to {LONGEST_EVIDENCE} characters")
    if "@" in text or without_addresses(text) != text:
        raise WrongUse("--evidence is kept and shown: leave addresses out")
    return text


def _keys(arguments: argparse.Namespace) -> list[str]:
    return list(dict.fromkeys(_read_keys(arguments.file) if arguments.file else [arguments.key]))


def _read_keys(path: Path) -> list[str]:
    """The column ``key`` of a CSV file, whatever a spreadsheet makes of it; every other column is ignored."""
    try:
        keys = read_column(path, "key")
    except OSError as error:
        raise ImportProblem(f"cannot be read as CSV ({type(error).__name__})", file=str(path)) from error
    if not keys:
        raise ImportProblem("has no column 'key' with a message key in it", file=str(path), line=1)
    return keys


def _announce(counts: Mapping[str, int]) -> None:
    for provider, count in counts.items():
        takes = timedelta(seconds=round(count * PAUSE_SECONDS.get(provider, 0)))
        at_its_pace = f": about {takes} at its pace, if it lets this account ask; if not, one question is all"
        say(
            f"asking {provider} about {count:,} message{'' if count == 1 else 's'}"
            + (at_its_pace if takes else "")
        )


def _show(
    settings: Settings, arguments: argparse.Namespace, states: Mapping[str, int], unlearnt: Mapping[str, int]
) -> None:
    with database(settings.database_url) as engine, reading(engine) as session:
        left = [_line(message, settings) for message in uncertain(session, arguments.run_name)]
    if arguments.json:
        print_json({"run": arguments.run_name, "settled": states, "not_settled": unlearnt, "uncertain": left})
        return
    for title, counts in (("settled", states), ("not settled", unlearnt)):
        if counts:
            print_table([title, "messages"], list(counts.items()))
            print()
    if arguments.said:  # those who named messages have not asked for the others
        print(f"{len(left):,} are still uncertain" if left else "nothing is uncertain")
        return
    _list(left)
    for line in _too_early(left, settings, datetime.now(UTC)):
        say(line)
    for line in claimed_lines(settings, datetime.now(UTC), arguments.run_name):
        say(line)


def _list(left: Sequence[dict[str, Any]]) -> None:
    if not left:
        print("nothing is uncertain")
        return
    print_table(list(left[0]), [tuple(line.values()) for line in left[:MOST_LINES]])
    if len(left) > MOST_LINES:
        print(f"and {len(left) - MOST_LINES:,} more: --json lists them all")


def _too_early(left: Sequence[dict[str, Any]], settings: Settings, now: datetime) -> list[str]:
    """One line about those a provider cannot be asked about yet; none where there are none."""
    instants = [datetime.fromisoformat(line["ask_from"]) for line in left if line["ask_from"]]
    early = [at for at in instants if at > now]
    if not early:
        return []
    first = f"{min(early).astimezone(settings.zone):%H:%M:%S} {settings.file.timezone}"
    return [f"too early for {len(early):,}: the first can be asked about from {first} on"]


def _line(message: Uncertain, settings: Settings) -> dict[str, Any]:
    provider = message.provider or settings.provider_of(message.channel)  # of one never claimed: who will be asked
    ripe = may_be_asked_from(message.since, provider)
    return {
        "run": message.run,
        "key": message.key,
        "to": mask_contact(message.address) if message.address else None,
        "channel": message.channel,
        "provider": provider,
        "attempt": message.attempt,
        "since": message.since.isoformat(timespec="seconds"),
        "ask_from": ripe.isoformat(timespec="seconds") if ripe else None,
        "why": message.reason,
        "evidence": message.evidence,
    }
