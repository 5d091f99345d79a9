"""The flow that measures runs and writes their reports."""

from datetime import date, datetime
from pathlib import Path

from prefect import flow

from db.engine import database, reading
from db.occurrences import unmeasured
from db.readings import without_second
from db.settings import Settings
from flows.alerting import failure, tell_staff
from flows.measuring import measure_again, measure_run
from flows.prefect_stages import entry, link_artifact, stage
from flows.reporting import write_reports
from winback.outcomes import Outcome, write_outcome


@flow(name="measure-outcomes")
def measure_outcomes(run: str | None = None, as_of: date | None = None, workspace: str | None = None) -> list[str]:
    """Measure ``run``, or every released run without a final reading; returns the runs measured.

    One that fails does not keep the others from being measured; it fails the flow at the end.
    """
    settings, now = entry(workspace)
    if run:
        _measure(settings, run, now, as_of)
        return [run]
    measured: list[str] = []
    failed: dict[str, Exception] = {}
    for name in stage(waiting_runs)(settings):
        try:
            _measure(settings, name, now, as_of)
            measured.append(name)
        except Exception as error:  # whatever it is: staff hears of it and the flow ends with it
            failed[name] = error
    for name in stage(stayed_runs)(settings):
        stage(measure_again)(settings, name, now)
    tell_staff(settings, [failure(f"measuring {name}", error) for name, error in failed.items()], now)
    if failed:
        raise next(iter(failed.values()))
    return measured


def _measure(settings: Settings, run: str, now: datetime, as_of: date | None) -> None:
    outcome: Outcome = stage(measure_run)(settings, run, now, as_of)
    for path in stage(write_reports)(settings, write_outcome(outcome)):
        link_artifact(f"report-{run}-{Path(path).suffixes[0]}", Path(path).as_uri(), f"Report of {run}")


def waiting_runs(settings: Settings) -> list[str]:
    """Released runs without a final reading."""
    with database(settings.database_url) as engine, reading(engine) as session:
        return unmeasured(session)


def stayed_runs(settings: Settings) -> list[str]:
    """Runs with a final reading that wait for their second one."""
    with database(settings.database_url) as engine, reading(engine) as session:
        return without_second(session)


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
