"""The reports of a reading, one file per language."""

from db.settings import Settings
from winback.outcomes.outcomes import read_outcome
from winback.report.page import render
from winback.words import LANGUAGES


def write_reports(settings: Settings, document: str) -> list[str]:
    """Write the report in every language; returns the files. That of the second reading has files of its own."""
    outcome = read_outcome(document)
    folder = settings.state / "reports" / outcome.run
    folder.mkdir(parents=True, exist_ok=True)
    name = "report-second" if outcome.second else "report"
    paths = []
    for language in LANGUAGES:
        paths.append(folder / f"{name}.{language}.html")
        paths[-1].write_text(render(outcome, language), encoding="utf-8")
    return [str(path) for path in paths]
