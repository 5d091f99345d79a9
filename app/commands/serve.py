"""One process for a small shop: callbacks, due slots and the outbox, without Prefect."""

import argparse
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from app.hooks import make_app
from db.engine import database
from db.settings import Settings, check_live, here
from flows.alerting import tell_staff
from flows.due import look_for_due
from flows.sending import send_due
from winback.errors import Exit, WinbackError

HOST, PORT = "127.0.0.1", 8025
LOOK_SECONDS, DRAIN_SECONDS = 20, 5
log = logging.getLogger("winback")


def serve(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    settings = here(arguments.workspace)
    check_live(settings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    with database(settings.database_url) as engine:
        run_server(engine, settings, PORT)
    return Exit.DONE


def run_server(engine: Engine, settings: Settings, port: int) -> None:
    """Callbacks on ``port`` and the scheduler beside it, until interrupted."""
    scheduler = make_scheduler(settings, _now)
    scheduler.start()
    try:
        app = make_app(engine, settings, _now)
        uvicorn.run(app, host=HOST, port=port, log_config=None, access_log=False, server_header=False)
    finally:
        scheduler.shutdown(wait=True)


def make_scheduler(settings: Settings, clock: Callable[[], datetime]) -> BackgroundScheduler:
    """Two jobs in memory; what is due comes from files and database, so a restart loses nothing."""
    scheduler = BackgroundScheduler(timezone=UTC)
    alone = {"max_instances": 1, "coalesce": True}
    start = clock()
    scheduler.add_job(look, "interval", (settings, clock), seconds=LOOK_SECONDS, next_run_time=start, **alone)
    scheduler.add_job(drain, "interval", (settings, clock), seconds=DRAIN_SECONDS, next_run_time=start, **alone)
    return scheduler


def look(settings: Settings, clock: Callable[[], datetime]) -> None:
    """Carry out what is due and tell staff of what went wrong; never stops the server."""
    try:
        looked = look_for_due(settings, clock())
        tell_staff(settings, looked.alarms, clock())
    except WinbackError as error:
        log.error("looking for due slots: %s", error)
        return
    for run in looked.ran:
        log.info("%s released", run)


def drain(settings: Settings, clock: Callable[[], datetime]) -> None:
    """Send what is due; never stops the server."""
    try:
        tally = send_due(settings, clock)
    except WinbackError as error:
        log.error("sending: %s", error)
        return
    if states := {state: count for state, count in tally.states.items() if count}:
        log.info("sent: %s", states)


def _now() -> datetime:
    return datetime.now(UTC)
