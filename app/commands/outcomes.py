"""Outcomes: measure, report, lift."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.found_lines import found_lines, percent
from app.terminal import print_json, print_table, say, working
from db.settings import here
from winback.campaigns.campaign import HOLDOUT, OF_ANSWERS
from winback.errors import Exit, WrongUse

if TYPE_CHECKING:
    from db.settings import Settings
    from winback.lift.contrast import RateContrast
    from winback.outcomes.outcomes import Outcome
    from winback.outcomes.responses import Responses  # with polars 0.2 s to import
    from winback.words import Language


def measure(arguments: argparse.Namespace) -> int:
    """Read a run's result; exit 1 while its window is not complete."""
    from winback.outcomes.outcomes import as_dict

    settings = here(arguments.workspace)
    outcome = _second(arguments, settings) if arguments.second else _first(arguments, settings)
    if outcome is None:
        say("the data do not reach twice the window yet")
        return Exit.NO
    if arguments.json:
        print_json(as_dict(outcome))
    else:
        _show(outcome)
        print_table(_RESPONSES, [_response_line(each) for each in outcome.responses])
    if arguments.as_of and outcome.window.data_through and arguments.as_of < outcome.window.data_through:
        say(f"this is the final reading, frozen with the data through {outcome.window.data_through}")
    if not outcome.window.complete:
        reached = outcome.window.data_through or "no day yet"
        data = "orders and answers both" if outcome.judged_by in OF_ANSWERS else "the data"
        say(f"interim: {data} reach {reached}, the window ends on {outcome.window.last_on}")
        return Exit.NO
    return Exit.DONE


def _show(outcome: "Outcome") -> None:
    """The table of churn first where it is the answer, else after it."""
    lines, by_churn = list(found_lines(outcome)), outcome.judged_by == "churn"
    if blank := outcome.window.blank_out:
        print(
            f"window: {outcome.window.first_on} to {outcome.window.last_on}; the {blank} days before do not count"
        )
    for line in [] if by_churn else lines:
        print(line)
    if outcome.primary:
        lost = "predicted lost" if outcome.churn_definition == "model" else "churned"
        counted = lost if outcome.window.complete else "no order so far"
        print_table(["group", "customers", counted, "rate"], _groups(outcome.primary))
    for line in lines if by_churn else []:
        print(line)


def _first(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from flows.measuring import measure_run

    if arguments.flow or os.environ.get("PREFECT_API_URL"):
        from flows.measure_outcomes import measure_as_flow  # Prefect takes 2 s to import

        return measure_as_flow(arguments.run_name, settings, arguments.as_of)
    with working("measuring"):
        return measure_run(settings, arguments.run_name, datetime.now(UTC), arguments.as_of)


def _second(arguments: argparse.Namespace, settings: "Settings") -> "Outcome | None":
    from flows.measuring import measure_again

    with working("measuring"):
        return measure_again(settings, arguments.run_name, datetime.now(UTC))


def _groups(c: "RateContrast") -> list[tuple[str, int, int, str]]:
    return [
        ("written to", c.n, c.x, percent(c.rate)),
        ("hold-out", c.control_n, c.control_x, percent(c.control_rate)),
    ]


_RESPONSES = ["group", "customers", "clicked", "replied", "unsubscribed", "ordered", "orders", "after message"]


def _response_line(found: "Responses") -> tuple[str | int | None, ...]:
    """What one arm did; what is not known is left blank."""
    answers, orders = found.messages, found.orders
    return (
        "hold-out" if found.arm == HOLDOUT else found.arm,
        found.members,
        *((answers.clicked.x, answers.replied.x, answers.unsubscribed.x) if answers else (None, None, None)),
        *((orders.ordered.x, orders.orders, orders.after_message) if orders else (None, None, None)),
    )


def report(arguments: argparse.Namespace) -> int:
    """Write the report of the newest reading."""
    from db.engine import database, reading
    from db.occurrences import find_run
    from db.readings import latest

    settings = here(arguments.workspace)
    with database(settings.database_url) as engine, reading(engine) as session:
        outcome = latest(session, find_run(session, arguments.run_name).id or 0, second=arguments.second)
    if outcome is None:
        how = f"winback measure {arguments.run_name}" + (" --second" if arguments.second else "")
        raise WrongUse(f"{arguments.run_name} has no such reading yet: {how}")
    form = arguments.format or _form_of(arguments.out)
    try:
        with working("drawing"):
            paths = _WRITERS[form](outcome, arguments.lang, arguments.out)
    except OSError as error:
        raise WrongUse(f"{arguments.out} cannot be written: {error.strerror or error}") from error
    for path in paths:
        print(path)
    return Exit.DONE


def _form_of(out: Path) -> str:
    """The format that the file's name asks for; a name without an ending is a page."""
    form = out.suffix.lower().removeprefix(".") or "html"
    if form not in _WRITERS:
        raise WrongUse(f"{out}: no format '{form}' (allowed: {', '.join(_WRITERS)}); name one with --format")
    return form


def _as_html(outcome: "Outcome", language: "Language", out: Path) -> list[Path]:
    from winback.report.page import render  # with the charts 0.4 s to import

    return [_written(out, render(outcome, language).encode())]


def _as_json(outcome: "Outcome", language: "Language", out: Path) -> list[Path]:
    from winback.outcomes.outcomes import write_outcome

    return [_written(out, write_outcome(outcome).encode())]


def _as_csv(outcome: "Outcome", language: "Language", out: Path) -> list[Path]:
    from winback.report.tables import as_csv

    return [_written(out, as_csv(outcome, language).encode())]


def _as_pdf(outcome: "Outcome", language: "Language", out: Path) -> list[Path]:
    from app.printer import pdf
    from winback.report.page import render
    from winback.report.pictures import require_fonts

    html = render(outcome, language)
    require_fonts(html)
    return [_written(out, pdf(html))]


def _as_png(outcome: "Outcome", language: "Language", out: Path) -> list[Path]:
    """One file for each chart there is something to draw for; ``out`` names their folder."""
    from winback.report.page import picture_specs
    from winback.report.pictures import png, require_fonts, words_of
    from winback.report.words import speaker

    specs = picture_specs(outcome, speaker(outcome.churn_definition, language))
    require_fonts("".join(words_of(spec) for spec in specs.values()))
    return [_written(out / f"{name}.png", png(spec)) for name, spec in specs.items()]


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


_WRITERS = {"html": _as_html, "json": _as_json, "csv": _as_csv, "pdf": _as_pdf, "png": _as_png}


def lift_(arguments: argparse.Namespace) -> int:
    """Compare the arms of a file; exit 1 when nothing can be estimated."""
    from app.lift_command import lift, table

    found = lift(
        arguments.file,
        arm=arguments.arm,
        control=arguments.control,
        rate=arguments.rate,
        money=arguments.money,
        lower_is_better=arguments.lower_is_better,
        planned=dict(arguments.planned),
        smallest_effect=dict(arguments.smallest_effect),
    )
    if arguments.json:
        print_json(found.as_dict())
    else:
        print(table(found))
    differences = [c.difference for c in found.rates] + [c.difference for c in found.money]
    asked = bool(arguments.rate or arguments.money)
    return Exit.NO if asked and all(difference is None for difference in differences) else Exit.DONE
