"""The flow that drains the outbox: one task, whatever the number of messages."""

from datetime import UTC, datetime

from prefect import flow

from db.settings import Settings
from flows.alerting import tell_staff
from flows.prefect_stages import counts_artifact, entry, stage
from flows.sending import send_due


@flow(name="send-outbox")
def send_outbox(until_empty: bool = False, workspace: str | None = None) -> dict[str, int]:
    """Send what is due; staff hears of messages nobody can know about."""
    settings, now = entry(workspace)
    states: dict[str, int] = stage(send_messages)(settings, until_empty)
    counts_artifact("outbox", "What this run of the sender did", states)
    tell_staff(settings, [], now)
    return states


def send_messages(settings: Settings, until_empty: bool) -> dict[str, int]:
    """Drain the outbox; state -> messages."""
    tally = send_due(settings, lambda: datetime.now(UTC), until_empty=until_empty)
    closed = {f"closed: {channel} ({reason})": 1 for channel, reason in tally.closed.items()}
    return {state: count for state, count in sorted(tally.states.items()) if count} | closed
