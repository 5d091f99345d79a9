"""Tell staff, once: through the chat robot or the webhook the workspace names. No names, no addresses."""

import logging
from collections.abc import Iterable
from datetime import datetime
from http.client import HTTPException

from sqlalchemy import Engine

from db.alerts import Alarm, give_back, note, note_standing, take, told, untold
from db.engine import database, reading, transaction
from db.settings import Settings
from db.tables import Alert
from winback.customers.contact import without_addresses
from winback.delivery.robot import Notice, Robot, check_url, tell
from winback.errors import WinbackError

log = logging.getLogger("winback")


def tell_staff(settings: Settings, alarms: Iterable[Alarm], now: datetime) -> int:
    """Note alarms and deliver what was not delivered yet; returns how many staff now knows of.

    Without a webhook they are logged; one that could not be delivered is tried again next time. Raises WrongUse
    for a webhook that is no web address.
    """
    check_webhook(settings)
    day = now.astimezone(settings.zone).date().isoformat()
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            note(session, alarms, now)
            note_standing(session, day, now)
        with reading(engine) as session:
            waiting = [(alert.id or 0, _notice(alert)) for alert in untold(session, now)]
        return _tell_all(engine, _robot(settings), waiting, now)


def failure(run: str, error: Exception) -> Alarm:
    """The alarm of a failed run. Only our own errors are quoted: another's text may hold a customer's data."""
    text = str(error) if isinstance(error, WinbackError) else type(error).__name__
    return Alarm(kind="failed", run=run, text=text, zh="失败了，原因见上一行")


def check_webhook(settings: Settings) -> None:
    """WrongUse unless the webhook is absent or an http or https address."""
    if settings.alert_webhook is not None:
        check_url(settings.alert_webhook)


def _robot(settings: Settings) -> Robot | None:
    if settings.alert_webhook is None:
        return None
    return Robot(kind=settings.alert_kind, url=settings.alert_webhook, secret=settings.secrets.alert_secret)


def _notice(alert: Alert) -> Notice:
    said = f"winback: {alert.run}: {alert.text}"
    return Notice(kind=alert.kind, run=alert.run, text=without_addresses(said))


def _tell_all(engine: Engine, robot: Robot | None, waiting: Iterable[tuple[int, Notice]], now: datetime) -> int:
    count = 0
    for alert_id, notice in waiting:
        with transaction(engine) as session:
            if not take(session, alert_id, now):
                continue
        taken = False
        try:
            taken = _deliver(robot, notice, now)
        except (OSError, HTTPException) as error:  # nobody answers there: the others would only wait as long
            log.error("the alert webhook cannot be reached: %s", type(error).__name__)
            break
        finally:
            count += taken
            with transaction(engine) as session:
                if taken:
                    told(session, alert_id, now)
                else:
                    give_back(session, alert_id)
    return count


def _deliver(robot: Robot | None, notice: Notice, now: datetime) -> bool:
    """Whether it was taken; OSError or HTTPException when nobody answered."""
    log.warning("%s", notice.text.replace("\n", " "))
    refusal = tell(robot, notice, now) if robot else None
    if refusal:
        log.error("the alert webhook did not take it: %s", refusal)
    return refusal is None
