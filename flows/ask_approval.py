"""The flow that asks for the approval of a run on its page: suspended until somebody answers, so no worker waits.

Each asks about exactly one digest. What changed meanwhile is asked anew, by a flow run of its own.
"""

import logging
from datetime import datetime
from itertools import count

from prefect import flow
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from db.settings import Settings, check_live
from flows.approving import Waiting, approve, waiting
from flows.prefect_stages import entry
from winback.campaigns.approval import NOT_AUTHENTICATED
from winback.errors import WrongUse

log = logging.getLogger(__name__)
DEPLOYMENT = "ask-approval/ask-approval"


class Yes(RunInput):
    """What is asked on the flow run's page."""

    approved_by: str = Field(description=f"Who says yes. {NOT_AUTHENTICATED.capitalize()}: as typed.")


@flow(name="ask-approval")
def ask_approval(run: str, digest: str, workspace: str | None = None) -> str:
    """Wait for a yes to what ``digest`` names, and carry the run out with it; says what became of it."""
    settings, now = entry(workspace)
    check_live(settings)
    said = ""
    for turn in count(1):
        found = waiting(settings, run)
        if found is None or found.digest != digest:
            return "nothing to approve any more: it went on, was given up, or was chosen anew"
        # Started again after each answer: earlier turns answer at once, as they did.
        yes = suspend_flow_run(
            wait_for_input=Yes.with_initial_data(description=_question(found, said)),
            timeout=_seconds(found, now),
            key=f"turn-{turn}",
        )
        try:
            answer = approve(settings, run, yes.approved_by, now, digest)
        except WrongUse as refused:
            said = str(refused)
            continue
        if answer.changed:
            ask(settings, run)
            return "changed since: asked anew"
        return f"approved by {answer.summary.approved_by} ({NOT_AUTHENTICATED})"
    raise AssertionError  # count() does not end


def ask(settings: Settings, run: str) -> None:
    """Have a run that waits asked about, once for each digest, where ask-approval is deployed."""
    if found := waiting(settings, run):
        workspace = str(settings.workspace)
        try:
            run_deployment(
                DEPLOYMENT,
                parameters={"run": run, "digest": found.digest, "workspace": workspace},
                flow_run_name=f"approve {run}",
                idempotency_key=f"{workspace} {run} {found.digest}",
                timeout=0,
                as_subflow=False,
            )
        except ObjectNotFound:
            log.info("%s is not deployed: winback approve %s --by NAME --digest DIGEST", DEPLOYMENT, run)


def _question(found: Waiting, said: str) -> str:
    lines = [
        f"**{found.run}** would write to or hold out {found.people:,} people, more than {found.above:,}.",
        f"What is approved: `{found.digest[:12]}`. Compare it with the approval digest of `winback preview`.",
        f"Who may approve it: {found.who}.",
    ]
    return "\n\n".join([*([f"**Refused: {said}**"] if said else []), *lines])


def _seconds(found: Waiting, now: datetime) -> int | None:
    """Until the run's late limit."""
    return max(1, int((found.late_after - now).total_seconds())) if found.late_after else None
