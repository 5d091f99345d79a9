"""The flow that settles what can be settled by now: senders that died, and what came of every message."""

import time
from datetime import UTC, datetime

from prefect import flow

from db.engine import database, reading
from db.outbox import counts
from db.settings import Settings
from flows.alerting import tell_staff
from flows.measuring import answers_so_far
from flows.prefect_stages import counts_artifact, entry, stage, table_artifact
from flows.reconciling import Patience, reconcile

MOST_SECONDS = 300.0  # of asking: the flow runs every ten minutes


@flow(name="collect-responses")
def collect_responses(workspace: str | None = None) -> dict[str, int]:
    """Settle what dead senders left, by looking it up where that can be done; tell staff of what stays unknown."""
    settings, now = entry(workspace)
    states: dict[str, int] = stage(settle)(settings)
    counts_artifact("responses", "Messages by state", states)
    table_artifact("answers", "Answers to the messages of running campaigns", stage(answers_so_far)(settings))
    tell_staff(settings, [], now)
    return states


def settle(settings: Settings) -> dict[str, int]:
    """Expire dead senders' leases and ask the providers; state -> messages afterwards."""
    reconcile(settings, Patience(clock=lambda: datetime.now(UTC), sleep=time.sleep, seconds=MOST_SECONDS))
    with database(settings.database_url) as engine, reading(engine) as session:
        return counts(session)
