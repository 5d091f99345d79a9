"""The flow of one run: its stages as tasks, its waterfall as an artifact."""

from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from db.occurrences import Stage
from db.settings import Settings, check_live
from flows.alerting import failure, tell_staff
from flows.ask_approval import ask
from flows.campaign_run import Order, RunSummary, carry_out, manual
from flows.prefect_stages import artifact_key, counts_artifact, entry, reaching_prefect, stage
from winback.campaigns.schedule import last_whole_day

STAGES = 6


@flow(name="run-campaign")
def run_campaign(
    campaign_id: str,
    as_of: date | None = None,
    slot: str | None = None,
    late_after: datetime | None = None,
    workspace: str | None = None,
) -> dict[str, Any]:
    """Select, assign, plan and release one occurrence; running it again resumes it.

    ``slot`` None = by hand, as of ``as_of`` (None = the last whole local day).
    """
    settings, now = entry(workspace)
    check_live(settings)
    day = as_of or last_whole_day(now, settings.zone)
    order = manual(campaign_id, day)
    if slot:
        order = Order(campaign_id=campaign_id, slot=slot, as_of=day, late_after=late_after)
    try:
        summary = _carry_out_watched(order, settings, now)
    except Exception as error:
        tell_staff(settings, [failure(f"{campaign_id}/{order.slot}", error)], now)
        raise
    _show(summary)
    if summary.stage == Stage.WAITING:
        ask(settings, summary.run)
    return {"run": summary.run, "digest": summary.digest, "arms": summary.arms, "reasons": summary.reasons}


def _carry_out_watched(order: Order, settings: Settings, now: datetime) -> RunSummary:
    """The run with a progress bar on its page: one step per stage."""
    key = artifact_key(f"{order.campaign_id}-progress")
    progress = cast(UUID, create_progress_artifact(progress=0.0, key=key))  # a coroutine only in async flows
    done = 0

    def counted(function: Any) -> Any:  # noqa: ANN401 - any stage
        task = stage(function)

        def run(*arguments: object) -> object:
            nonlocal done
            result = task(*arguments)
            done += 1
            update_progress_artifact(artifact_id=progress, progress=100 * done / STAGES)
            return result

        return run

    return carry_out(order, settings, now, counted)


def _show(summary: RunSummary) -> None:
    campaign_id = summary.run.partition("/")[0]
    scored = sum(summary.reasons.values()) + sum(summary.arms.values())
    waterfall = {"scored customers": scored} | summary.reasons | {f"in: {a}": n for a, n in summary.arms.items()}
    counts_artifact(f"{campaign_id}-waterfall", f"Audience of {summary.run}, {summary.digest}", waterfall)


@reaching_prefect()
def run_as_flow(order: Order, settings: Settings) -> RunSummary:
    """Run the flow here and now, for `winback run --flow`."""
    from flows.campaign_run import summaries

    made = run_campaign(
        campaign_id=order.campaign_id,
        as_of=order.as_of,
        slot=order.slot,
        late_after=order.late_after,
        workspace=str(settings.workspace),
    )
    return next(summary for summary in summaries(settings) if summary.run == made["run"])
