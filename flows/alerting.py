"""Tell staff, once: a POST of plain JSON to the webhook the workspace names. No names, no addresses."""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Engine

from db.alerts import Alarm, give_back, note, take, unknowns, untold
from db.engine import database, reading, transaction
from db.settings import Settings

TIMEOUT_SECONDS = 10
log = logging.getLogger("winback")


def tell_staff(settings: Settings, alarms: Iterable[Alarm], now: datetime) -> int:
    """Note alarms and deliver what was not delivered yet; returns how many staff now knows of.

    Without a webhook they are logged; one that could not be delivered is tried again next time.
    """
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            note(session, [*alarms, *unknowns(session)], now)
        with reading(engine) as session:
            waiting = [(alert.id or 0, alert.kind, alert.run, alert.text) for alert in untold(session)]
        return sum(_tell(engine, settings, *alert, now) for alert in waiting)


def _tell(
    engine: Engine, settings: Settings, alert_id: int, kind: str, run: str, text: str, now: datetime
) -> bool:
    with transaction(engine) as session:
        if not take(session, alert_id, now):
            return False
    if _deliver(settings.alert_webhook, {"kind": kind, "run": run, "text": f"winback: {run}: {text}"}):
        return True
    with transaction(engine) as session:
        give_back(session, alert_id)
    return False


def _deliver(webhook: str | None, alert: dict[str, str]) -> bool:
    log.warning("%s", alert["text"])
    if webhook is None:
        return True
    request = urllib.request.Request(
        webhook, json.dumps(alert, ensure_ascii=False).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except (urllib.error.URLError, OSError) as error:
        log.error("the alert webhook did not take it: %s", type(error).__name__)
        return False
