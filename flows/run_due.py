"""The flow that looks for due slots every few minutes; each due slot is a run-campaign flow of its own."""

from datetime import datetime

from prefect import flow

from db.settings import Settings
from flows.alerting import tell_staff
from flows.campaign_run import Order
from flows.due import look_for_due
from flows.prefect_stages import counts_artifact, entry
from flows.run_campaign import run_campaign


@flow(name="run-due")
def run_due(workspace: str | None = None) -> list[str]:
    """Carry out every due slot not done yet, once, whoever else looks; returns the runs carried out."""
    settings, now = entry(workspace)
    looked = look_for_due(settings, now, carry_out=_as_flow)
    tell_staff(settings, looked.alarms, now)
    if looked.ran or looked.missed:
        counts_artifact("due", "Slots", {"carried out": len(looked.ran), "missed": len(looked.missed)})
    return list(looked.ran)


def _as_flow(order: Order, settings: Settings, now: datetime) -> None:
    run_campaign(
        campaign_id=order.campaign_id,
        as_of=order.as_of,
        slot=order.slot,
        late_after=order.late_after,
        workspace=str(settings.workspace),
    )
