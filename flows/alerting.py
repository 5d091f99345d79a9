"""Tell staff, once: a POST of plain JSON to the webhook the workspace names. No names, no addresses."""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterable
from datetime import datetime
from http.client import HTTPException
from ipaddress import ip_address
from urllib.parse import urlsplit

from sqlalchemy import Engine

from db.alerts import Alarm, give_back, note, take, unknowns, untold
from db.engine import database, reading, transaction
from db.settings import Settings
from winback.errors import WinbackError, WrongUse

TIMEOUT_SECONDS = 10
log = logging.getLogger("winback")


def tell_staff(settings: Settings, alarms: Iterable[Alarm], now: datetime) -> int:
    """Note alarms and deliver what was not delivered yet; returns how many staff now knows of.

    Without a webhook they are logged; one that could not be delivered is tried again next time. Raises WrongUse
    for a webhook that is no web address.
    """
    check_webhook(settings)
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            note(session, [*alarms, *unknowns(session)], now)
        with reading(engine) as session:
            waiting = [(alert.id or 0, alert.kind, alert.run, alert.text) for alert in untold(session)]
        return _tell_all(engine, settings.alert_webhook, waiting, now)


def failure(run: str, error: Exception) -> Alarm:
    """The alarm of a failed run. Only our own errors are quoted: another's text may hold a customer's data."""
    text = str(error) if isinstance(error, WinbackError) else type(error).__name__
    return Alarm(kind="failed", run=run, text=text)


def check_webhook(settings: Settings) -> None:
    """WrongUse unless the webhook is absent or an http or https address. It may be a secret: it is not quoted."""
    if settings.alert_webhook is None:
        return
    try:
        parts = urlsplit(settings.alert_webhook)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WrongUse("WINBACK_ALERT_WEBHOOK must be an address like https://hooks.example.com/...")


def _tell_all(
    engine: Engine, webhook: str | None, waiting: Iterable[tuple[int, str, str, str]], now: datetime
) -> int:
    told = 0
    for alert_id, kind, run, text in waiting:
        with transaction(engine) as session:
            if not take(session, alert_id, now):
                continue
        taken = False
        try:
            taken = _deliver(webhook, {"kind": kind, "run": run, "text": f"winback: {run}: {text}"})
        except (OSError, HTTPException) as error:  # nobody answers there: the others would only wait as long
            log.error("the alert webhook cannot be reached: %s", type(error).__name__)
            break
        finally:
            told += taken
            if not taken:
                with transaction(engine) as session:
                    give_back(session, alert_id)
    return told


def _deliver(webhook: str | None, alert: dict[str, str]) -> bool:
    """Whether it was taken; OSError or HTTPException when nobody answered."""
    log.warning("%s", alert["text"])
    if webhook is None:
        return True
    body = json.dumps(alert, ensure_ascii=False).encode()
    request = urllib.request.Request(webhook, body, {"Content-Type": "application/json"})
    try:
        with _opener(webhook).open(request, timeout=TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        log.error("the alert webhook did not take it: HTTP %d", error.code)
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the alarm, and its 200 would count as delivered."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _opener(webhook: str) -> urllib.request.OpenerDirector:
    """Through the environment's proxy as every provider, but straight to this machine: a proxy is another one."""
    if _is_here(urlsplit(webhook).hostname or ""):
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    return urllib.request.build_opener(_NoRedirect)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
