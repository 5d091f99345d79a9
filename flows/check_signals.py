"""The flow that holds early warnings against their thresholds."""

from prefect import flow

from flows.prefect_stages import entry, stage, table_artifact
from flows.signalling import Checked, check_signals


@flow(name="check-signals")
def check_signals_flow(workspace: str | None = None) -> list[str]:
    """Judge the last day the orders reach, once, and tell staff what changed; returns the alarms that are on."""
    settings, now = entry(workspace)
    checked: Checked = stage(check_signals)(settings, now)
    rows = [
        {"signal": each.signal, "share": f"{each.share:.1%}", "raised on": str(each.raised_on or "-")}
        for each in checked.standings
    ]
    table_artifact("signals", "Early warnings with thresholds", rows)
    return [each.signal for each in checked.standings if each.raised_on]
