"""The flow that measures runs and writes their reports."""

from datetime import date
from pathlib import Path

from prefect import flow

from db.engine import database, reading
from db.occurrences import unmeasured
from db.settings import Settings
from flows.measuring import measure_run
from flows.prefect_stages import entry, link_artifact, stage
from winback.outcomes import Outcome, read_outcome, write_outcome
from winback.report import render
from winback.words import LANGUAGES


@flow(name="measure-outcomes")
def measure_outcomes(run: str | None = None, as_of: date | None = None, workspace: str | None = None) -> list[str]:
    """Measure ``run``, or every released run without a final reading; returns the runs measured."""
    settings, now = entry(workspace)
    runs = [run] if run else stage(waiting_runs)(settings)
    for name in runs:
        outcome: Outcome = stage(measure_run)(settings, name, now, as_of)
        for path in stage(write_reports)(settings, write_outcome(outcome)):
            link_artifact(f"report-{name}-{Path(path).suffixes[0]}", Path(path).as_uri(), f"Report of {name}")
    return runs


def waiting_runs(settings: Settings) -> list[str]:
    """Released runs without a final reading."""
    with database(settings.database_url) as engine, reading(engine) as session:
        return unmeasured(session)


def write_reports(settings: Settings, document: str) -> list[str]:
    """Write the report in every language; returns the files."""
    outcome = read_outcome(document)
    folder = settings.state / "reports" / outcome.run
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for language in LANGUAGES:
        paths.append(folder / f"report.{language}.html")
        paths[-1].write_text(render(outcome, language), encoding="utf-8")
    return [str(path) for path in paths]


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
