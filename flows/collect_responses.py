"""The flow that settles what can be settled by now: senders that died, and what came of every message."""

from datetime import datetime

from prefect import flow

from db.engine import database, reading, transaction
from db.outbox import counts, expire_leases
from db.settings import Settings
from flows.alerting import tell_staff
from flows.prefect_stages import counts_artifact, entry, stage


@flow(name="collect-responses")
def collect_responses(workspace: str | None = None) -> dict[str, int]:
    """Mark what dead senders left as uncertain, count all states, and tell staff of unknowns."""
    settings, now = entry(workspace)
    states: dict[str, int] = stage(settle)(settings, now)
    counts_artifact("responses", "Messages by state", states)
    tell_staff(settings, [], now)
    return states


def settle(settings: Settings, now: datetime) -> dict[str, int]:
    """Expire dead senders' leases; state -> messages."""
    with database(settings.database_url) as engine:
        with transaction(engine) as session:
            expire_leases(session, now)
        with reading(engine) as session:
            return counts(session)
