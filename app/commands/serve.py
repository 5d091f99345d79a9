"""One process for a small shop: callbacks, due slots and the outbox, without Prefect."""

import argparse
import logging
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial, wraps
from threading import Event

import uvicorn
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from app.checking import half_live
from app.desk import ANSWER_SECONDS
from app.web import make_app
from db.engine import database, usable
from db.salt import check_salt
from db.settings import Settings, check_live, here
from flows.alerting import check_webhook, tell_staff
from flows.campaign_run import Order, carry_out
from flows.dispatch import drain as send_all
from flows.due import look_for_due
from flows.reconciling import Patience, reconcile
from flows.sending import sender
from flows.signalling import check_signals
from flows.tally import Tally
from winback.callbacks import sendgrid
from winback.delivery.alert_words import why_shut
from winback.errors import Exit, Unusable, WinbackError, WrongUse

HOST = "127.0.0.1"
WEBHOOK_KEY = "WINBACK_SENDGRID_WEBHOOK_KEY"
LOOK_SECONDS, DRAIN_SECONDS, SETTLE_SECONDS, WATCH_SECONDS = 20, 2, 60, 3600
FINISH_SECONDS = 5  # for requests still open when the server is told to stop
log = logging.getLogger("winback")


def serve(arguments: argparse.Namespace) -> int:
    """Serve until interrupted; what is not done then is done after the next start."""
    settings = here(arguments.workspace)
    check_live(settings)
    check_webhook(settings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a drain longer than its interval is no warning
    for line in (*half_live(settings), *_unheard(settings)):
        log.warning(line)
    with (
        listen(arguments.port) as listener,
        database(settings.database_url, wait_seconds=ANSWER_SECONDS) as engine,
    ):
        check_salt(settings, engine)
        run_server(engine, settings, listener)
    return Exit.DONE


def _unheard(settings: Settings) -> list[str]:
    """One line where nothing is heard of what was sent; WrongUse for a key that is none."""
    key = settings.secrets.sendgrid_webhook_key
    if key and sendgrid.load_key(key) is None:
        raise WrongUse(f"{WEBHOOK_KEY} must be the public key that SendGrid shows for its Event Webhook")
    if settings.file.providers.email != "sendgrid" or key:
        return []
    return [f"{WEBHOOK_KEY} is missing: bounces, complaints and opt-outs that SendGrid tells of are not heard"]


def listen(port: int) -> socket.socket:
    """A socket that only this machine reaches; Unusable when the port is taken."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise Unusable(f"cannot listen on {HOST}:{port}: {error.strerror}; name another --port") from error


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise SIGTERM again and end the process in the middle of a batch."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_server(engine: Engine, settings: Settings, listener: socket.socket) -> None:
    """Callbacks on ``listener`` and the scheduler beside it, until SIGINT or SIGTERM."""
    stopping = Event()
    app = make_app(engine, settings, _now)
    server = _Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=FINISH_SECONDS
        )
    )

    def stop(*_: object) -> None:
        stopping.set()
        server.should_exit = True

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, stop)
    scheduler = make_scheduler(engine, settings, _now, stopping)
    scheduler.start()
    log.info("listening on http://%s:%d", *listener.getsockname())
    try:
        server.run(sockets=[listener])
    finally:
        stopping.set()
        scheduler.shutdown(wait=True)


def make_scheduler(
    engine: Engine, settings: Settings, clock: Callable[[], datetime], stopping: Event
) -> BackgroundScheduler:
    """Four jobs in memory; what is due comes from files and database, so a restart loses nothing."""
    scheduler = BackgroundScheduler(timezone=UTC)
    rules = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None, "next_run_time": _now()}
    jobs = (look, LOOK_SECONDS), (drain, DRAIN_SECONDS), (settle, SETTLE_SECONDS), (watch, WATCH_SECONDS)
    for job, seconds in jobs:
        scheduler.add_job(_with(engine, job), "interval", (settings, clock, stopping), seconds=seconds, **rules)
    return scheduler


def _with(engine: Engine, job: Callable[[Settings, Callable[[], datetime], Event], None]) -> Callable[..., None]:
    """``job`` while the server's database can be used: a job opens it anew, and would make what is not there."""

    @wraps(job)
    def run(settings: Settings, clock: Callable[[], datetime], stopping: Event) -> None:
        with _going_on("opening the database"):
            with usable(engine), engine.begin():
                pass
            job(settings, clock, stopping)

    return run


def look(settings: Settings, clock: Callable[[], datetime], stopping: Event) -> None:
    """Carry out what is due and tell staff of what went wrong; never stops the server."""
    with _going_on("looking for due slots"):
        try:
            looked = look_for_due(settings, clock(), partial(_carry_out, stopping))
        except _Stopped:
            log.info("a run was interrupted; the next start resumes it")
            return
        for run in looked.ran:
            log.info("%s released", run)
        tell_staff(settings, looked.alarms, clock())


class _Stopped(BaseException):
    """The server stops between two stages: nothing failed, so nothing may take it for a failure."""


def _carry_out(stopping: Event, order: Order, settings: Settings, now: datetime) -> object:
    def stage(function: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object) -> object:
            if stopping.is_set():
                raise _Stopped
            return function(*arguments)

        return run

    return carry_out(order, settings, now, stage)


def drain(settings: Settings, clock: Callable[[], datetime], stopping: Event) -> None:
    """Send what is due; never stops the server."""
    with _going_on("sending"):
        tally = _send(settings, clock, stopping)
        if states := {state: count for state, count in tally.states.items() if count}:
            log.info("sent: %s", states)
        for channel, reason in tally.closed.items():
            log.error("%s was closed by its provider (%s): the rest stays queued", channel, why_shut(reason)[0])


def _send(settings: Settings, clock: Callable[[], datetime], stopping: Event) -> Tally:
    with sender(settings, clock) as post:
        return send_all(replace(post, interrupted=stopping.is_set))


def settle(settings: Settings, clock: Callable[[], datetime], stopping: Event) -> None:
    """Ask providers about messages nobody knows of, at their pace; never stops the server."""
    with _going_on("settling what is unknown"):
        patience = Patience(clock=clock, sleep=stopping.wait, interrupted=stopping.is_set)
        if states := +reconcile(settings, patience).states:
            log.info("settled: %s", dict(states))


def watch(settings: Settings, clock: Callable[[], datetime], stopping: Event) -> None:
    """Hold early warnings against their thresholds; never stops the server."""
    with _going_on("watching for early warnings"):
        if not stopping.is_set():
            check_signals(settings, clock())


@contextmanager
def _going_on(what: str) -> Iterator[None]:
    try:
        yield
    except WinbackError as error:
        log.error("%s: %s", what, error)
    except Exception as error:  # the server goes on; the error's own text may quote a customer
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        log.error("%s: %s\n%s", what, type(error).__name__, where)


def _now() -> datetime:
    return datetime.now(UTC)
