"""A whole campaign on real orders: the CDNOW log of 1997/98, invented contacts, the folder provider.

Nobody really gets the messages, so the report is a placebo: it shows what the rules say when nothing was done.
"""

import argparse
import os
import shutil
from collections.abc import Mapping
from datetime import date
from email import message_from_bytes
from email.policy import default as email_policy
from pathlib import Path

from app.commands.workspace import PRODUCT, make_workspace
from app.placebo import show_placebo, show_reports
from app.summary import show_summary
from app.terminal import say, working
from db.engine import database, reading
from db.examples import example_keys
from db.home import FILE_NAME
from db.settings import Settings, read_settings
from winback.errors import Exit, WrongUse
from winback.outcomes.outcomes import Outcome
from winback.words import LANGUAGES

SALT = "winback-demo-1997"  # fixed before anything was drawn with it
CAMPAIGN, AS_OF = "high-value-winback", date(1997, 12, 31)
SAMPLES = PRODUCT / "samples"
MARK = ".made-by-winback-demo"


def demo(arguments: argparse.Namespace) -> int:
    """Empty and fill the folder, run the campaign through its flows, and show where everything is."""
    folder: Path = arguments.folder.resolve()
    settings = _new_workspace(folder)
    for name in [name for name in os.environ if name.startswith("WINBACK_")]:
        del os.environ[name]  # the flows read the environment: the demo must not meet a real workspace
    os.environ.update(_quiet_prefect(folder))  # before Prefect is imported: it reads them then
    outcome = _run(settings)
    _show(settings, outcome)
    return Exit.DONE


def _new_workspace(folder: Path) -> Settings:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise WrongUse(f"{folder} is not empty and was not made by the demo: name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    make_workspace(
        folder,
        salt=SALT,
        timezone="America/New_York",
        sender="Harbour Records",
        address="1 Quay Lane, Port Example",
    )
    (folder / MARK).touch()
    return read_settings({}, folder)


def _quiet_prefect(folder: Path) -> Mapping[str, str]:
    return {
        "PREFECT_HOME": str(folder / ".prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "WINBACK_WORKSPACE": str(folder),
    }


def _run(settings: Settings) -> Outcome:
    say("starting Prefect (half a minute the first time)")
    with working("starting Prefect"):
        from flows.campaign_run import manual
        from flows.import_facts import import_facts
        from flows.measure_outcomes import measure_as_flow
        from flows.prefect_stages import reaching_prefect
        from flows.run_campaign import run_as_flow
        from flows.send_outbox import send_outbox

    place = str(settings.workspace)
    files = {"customers": "customers.csv.gz", "suppressions": "suppressions.csv", "orders": "orders.csv.gz"}
    for kind, name in files.items():
        with working(f"importing {kind}"), reaching_prefect():
            made = import_facts(kind=kind, file=str(SAMPLES / name), workspace=place)
        say(f"imported {made['good']:,} {kind}, {made['bad']} bad rows")
    with working("selecting, assigning, planning"):
        summary = run_as_flow(manual(CAMPAIGN, AS_OF), settings)
    show_summary(summary)
    with working(f"writing {sum(summary.messages.values()):,} messages"):
        sent = send_outbox(until_empty=True, workspace=place)
    say(f"messages: {', '.join(f'{count:,} {state}' for state, count in sent.items())}")
    with working("measuring on the orders of the 90 days after, drawing the report"):
        return measure_as_flow(summary.run, settings, None)


def _show(settings: Settings, outcome: Outcome) -> None:
    _show_messages(settings)
    show_placebo(outcome)
    print()
    show_reports(settings.state / "reports" / outcome.run / f"report.{language}.html" for language in LANGUAGES)
    print(f"messages          {settings.outbox_folder}  (.eml and .txt)")
    print(f"audience ledger   {settings.state / 'audiences'}")
    print(f"workspace         {settings.workspace}  ({FILE_NAME}, campaigns/, templates/)")


def _show_messages(settings: Settings) -> None:
    with database(settings.database_url) as engine, reading(engine) as session:
        keys = example_keys(session)
    for title, key in keys.items():
        print(f"\n--- {title}")
        print(_text_of(settings.outbox_folder, key))


def _text_of(folder: Path, key: str) -> str:
    if (folder / f"{key}.txt").exists():
        return (folder / f"{key}.txt").read_text(encoding="utf-8")
    message = message_from_bytes((folder / f"{key}.eml").read_bytes(), policy=email_policy)
    body = message.get_body(("plain",))
    return f"{folder / key}.eml\nSubject: {message['subject']}\n\n{body.get_content() if body else ''}"
