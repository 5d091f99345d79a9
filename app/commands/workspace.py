"""Workspaces: init and status."""

import argparse
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.terminal import print_json, print_table, say
from db.campaigns import campaign_ids, campaign_path, check_file
from db.engine import database, reading
from db.facts.store import data_through
from db.outbox import stopped_scopes, unknown
from db.settings import FILE_NAME, Settings, here
from flows.campaign_run import summaries
from winback.errors import Exit, WrongUse
from winback.schedule import next_slot

PRODUCT = Path(__file__).parents[2]
TOML = """\
# One workspace: its zone and currency, who writes, and through whom.
# Naive times are in this zone; days begin and end in it.
timezone = "{timezone}"
currency = "{currency}"
# Draws the arms; never change it while campaigns run.
salt = "{salt}"
# true, and keys in the environment, before anything really leaves.
live = false

[providers]
email = "folder"             # folder | sendgrid
sms = "folder"               # folder | twilio

[sender]
name = "{sender}"
email = "hello@example.com"
postal_address = "{address}"
"""


def init(arguments: argparse.Namespace) -> int:
    """Make a workspace: settings with a salt of its own, an example campaign and its templates."""
    make_workspace(arguments.folder, salt=secrets.token_hex(16))
    say(f"made {arguments.folder}: next, edit {arguments.folder / FILE_NAME}, then import orders and customers")
    return Exit.DONE


def make_workspace(
    folder: Path,
    *,
    salt: str,
    timezone: str = "UTC",
    currency: str = "USD",
    sender: str = "Example Shop",
    address: str = "1 Example Street, Example Town",
) -> None:
    """Write winback.toml, campaigns/ and templates/ into a new or empty folder."""
    if (folder / FILE_NAME).exists():
        raise WrongUse(f"{folder} is a workspace already")
    if folder.is_dir() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("campaigns", "templates"):
        shutil.copytree(PRODUCT / name, folder / name, ignore=shutil.ignore_patterns("report"))
    (folder / ".winback").mkdir(mode=0o700)  # addresses will be inside
    filled = TOML.format(salt=salt, timezone=timezone, currency=currency, sender=sender, address=address)
    for file in (folder / "campaigns").glob("*.yaml"):  # an example must not start by itself
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("\nschedule:", "\n# schedule:"), encoding="utf-8")
    (folder / FILE_NAME).write_text(filled, encoding="utf-8")
    (folder / FILE_NAME).chmod(0o600)  # the salt signs the unsubscribe links


def status(arguments: argparse.Namespace) -> int:
    """What is configured, what waits and what is unknown."""
    found = read_status(here(arguments.workspace), datetime.now(UTC))
    if arguments.json:
        print_json(found)
        return Exit.DONE
    settings_shown = [key for key in found if key not in _TABLES]
    print_table(["setting", "value"], [(key, found[key]) for key in settings_shown])
    print()
    print_table(["run", "in", "messages"], [_run_line(run) for run in found["runs"]])
    print()
    print_table(["campaign", "next slot"], list(found["next_slots"].items()))
    return Exit.DONE


_TABLES = {"run", "digest", "arms", "reasons", "messages", "runs", "next_slots"}


def _run_line(run: dict[str, Any]) -> tuple[str, int, str]:
    messages = ", ".join(f"{count:,} {state}" for state, count in run["messages"].items())
    return run["run"], sum(run["arms"].values()), messages or "-"


def read_status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The newest run as ``run --json`` shows it, and the workspace around it, as one plain value."""
    runs = [summary.as_dict() for summary in summaries(settings)]
    newest = runs[0] if runs else {"run": None, "digest": None, "arms": {}, "reasons": {}, "messages": {}}
    with database(settings.database_url) as engine, reading(engine) as session:
        through = data_through(session)
        return newest | {
            "workspace": str(settings.workspace),
            "timezone": settings.file.timezone,
            "currency": settings.file.currency,
            "data_through": through.isoformat() if through else None,
            "email": settings.file.providers.email,
            "sms": settings.file.providers.sms,
            "live": settings.file.live,
            "database": "PostgreSQL" if engine.dialect.name == "postgresql" else "SQLite",
            "unknown": unknown(session, now),
            "stopped": ", ".join(stopped_scopes(session)) or None,
            "runs": runs,
            "next_slots": {name: next_start(settings, name, now) for name in campaign_ids(settings)},
        }


def next_start(settings: Settings, campaign_id: str, now: datetime) -> str:
    """When a campaign runs next, in words."""
    campaign, problems = check_file(settings, campaign_path(settings, campaign_id))
    if campaign is None or problems:
        return "the file has faults: winback check"
    if campaign.schedule is None:
        return "by hand"
    slot = next_slot(campaign.schedule.cron, campaign.schedule.zone, now)
    return f"{slot.name} {campaign.schedule.timezone}" if slot else "never"
