"""The flow that measures runs and writes their reports."""

from datetime import date, datetime
from pathlib import Path

from prefect import flow

from db.engine import database, reading
from db.settings import Settings
from flows.alerting import tell_staff
from flows.measuring import measure_again, measure_run
from flows.prefect_stages import entry, link_artifact, reaching_prefect, stage
from flows.readings import read_due
from flows.reporting import write_reports
from winback.outcomes.outcomes import Outcome, write_outcome


@flow(name="measure-outcomes")
def measure_outcomes(run: str | None = None, as_of: date | None = None, workspace: str | None = None) -> list[str]:
    """Measure ``run``, or every released run without a final reading; returns the runs measured.

    Takes the second readings that are due, too. One that fails does not keep the others from being measured; staff
    is told, and it fails the flow at the end.
    """
    settings, now = entry(workspace)
    if run:
        _measure(settings, run, now, as_of)
        return [run]
    read = read_due(
        settings,
        first=lambda name: _measure(settings, name, now, as_of),
        second=lambda name: _measure_again(settings, name, now),
    )
    tell_staff(settings, read.alarms, now)
    if read.errors:
        raise read.errors[0]
    return list(read.runs)


def _measure(settings: Settings, run: str, now: datetime, as_of: date | None) -> None:
    _report(settings, stage(measure_run)(settings, run, now, as_of))


def _measure_again(settings: Settings, run: str, now: datetime) -> None:
    outcome: Outcome | None = stage(measure_again)(settings, run, now)
    if outcome:
        _report(settings, outcome)


def _report(settings: Settings, outcome: Outcome) -> None:
    for path in stage(write_reports)(settings, write_outcome(outcome)):
        name, language = Path(path).stem.split(".")
        link_artifact(f"{name}-{outcome.run}-{language}", Path(path).as_uri(), f"Report of {outcome.run}")


@reaching_prefect()
def measure_as_flow(run: str, settings: Settings, as_of: date | None) -> Outcome:
    """Run the flow here and now, for `winback measure --flow`."""
    from db.occurrences import find_run
    from db.readings import latest

    measure_outcomes(run=run, as_of=as_of, workspace=str(settings.workspace))
    with database(settings.database_url) as engine, reading(engine) as session:
        outcome = latest(session, find_run(session, run).id or 0)
    if outcome is None:
        raise RuntimeError(f"{run} was measured but has no reading")
    return outcome
