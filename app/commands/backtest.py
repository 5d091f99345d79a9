"""backtest: how good the scores would have been on these orders, and what they are made of from now on."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import NamedTuple

from app.terminal import print_json, print_table, progress_bar, say
from db.choices import keep_choice
from db.engine import database, reading, transaction
from db.settings import Settings, here
from flows.backtesting import Backtest
from flows.backtesting import backtest as run_backtest
from flows.contract_backtesting import backtest_contracts
from winback.errors import Exit, WrongUse
from winback.scores.backtest import SEASON, Band, Measured, name_of
from winback.scores.recipe import Model, Recipe
from winback.words import in_singular


class _Of(NamedTuple):
    """Who is measured, and what "lost" is called."""

    whom: str
    lost: str


CUSTOMERS = _Of("customers", "stayed away")
CONTRACTS = _Of("contracts", "ended")
_MEASURES = (
    ("AUC", "auc"),
    ("Brier", "brier"),
    ("ECE", "ece"),
    ("revenue held by the top 20 %", "value_share_top20"),
)


def backtest(arguments: argparse.Namespace) -> int:
    """Measure on past days, choose what scores are made of, and keep it; exit 1 when the history is too short."""
    settings = here(arguments.workspace)
    if arguments.cuts < 1:
        raise WrongUse("--cuts is at least 1")
    if arguments.definition == "contract":
        return _of_contracts(arguments, settings)
    with database(settings.database_url) as engine:
        with progress_bar("backtest") as progress, reading(engine) as session:
            found = run_backtest(session, settings, arguments.horizon, arguments.cuts, progress)
        if found.recipe is not None and found.data_through is not None:
            with transaction(engine) as session:
                keep_choice(
                    session,
                    found.recipe,
                    horizon_days=found.horizon_days,
                    learned_through=found.data_through,
                    measured=[row.as_dict() for row in found.measured],
                    now=datetime.now(UTC),
                )
    found = replace(
        found,
        notes=tuple(in_singular(note) for note in found.notes),
        reason=found.reason and in_singular(found.reason),
    )
    if arguments.json:
        print_json(found.as_dict())
    else:
        _show(found)
    return Exit.NO if found.recipe is None else Exit.DONE


def _of_contracts(arguments: argparse.Namespace, settings: Settings) -> int:
    """Of contracts nothing is kept: what their scores are made of is chosen anew for each day."""
    with (
        database(settings.database_url) as engine,
        progress_bar("backtest") as progress,
        reading(engine) as session,
    ):
        found = backtest_contracts(session, settings, arguments.horizon, arguments.cuts, progress)
    if arguments.json:
        print_json(found.as_dict())
    else:
        for note in found.notes if found.model else (found.reason or "",):
            say(note)
        if found.model:
            rows = [each.row for each in found.measured]
            paired = {(each.row.cut, each.row.model): each.concordance for each in found.measured}
            _show_side_by_side(rows, found.horizon_days, CONTRACTS, paired)
            _show_calibration(found.calibration, CONTRACTS)
    return Exit.NO if found.model is None else Exit.DONE


def _show(found: Backtest) -> None:
    for note in found.notes:
        say(note)
    if found.recipe is None:
        say(found.reason or "")
        return
    shown = {name_of(found.recipe) + SEASON, *(row.model for row in found.measured if SEASON not in row.model)}
    rows = [row for row in found.measured if row.model in shown]
    _show_side_by_side(rows, found.horizon_days, CUSTOMERS, {})
    _show_calibration(found.calibration, CUSTOMERS)
    print()
    print(f"Scores from {found.data_through} on: {_words(found.recipe)}.")


def _show_side_by_side(
    rows: Sequence[Measured], horizon_days: int, of: _Of, paired: Mapping[tuple[date, str], float | None]
) -> None:
    """One line a measure and model, one column a window; ``paired``: concordance by cut and model."""
    cuts = list(dict.fromkeys(row.cut for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    at = {(row.cut, row.model): row for row in rows}
    labels = {model: _label(model, rows) for model in models}
    lines: list[tuple[str, ...]] = []
    for title, measure in _MEASURES:
        lines += [
            (title, labels[model], *(_number(getattr(at.get((cut, model)), measure, None)) for cut in cuts))
            for model in models
        ]
    if paired:
        lines += [
            ("concordance", labels[model], *(_number(paired.get((cut, model))) for cut in cuts))
            for model in models
        ]
    firsts = [next(row for row in rows if row.cut == cut) for cut in cuts]
    for named, measure in (("by past spend", "value_share_past_spend"), ("the best possible", "value_share_best")):
        lines.append((_MEASURES[-1][0], named, *(_number(getattr(row, measure)) for row in firsts)))
    lines.append((of.lost, "all", *(_number(row.base_rate) for row in firsts)))
    lines.append((of.whom, "all", *(f"{row.n:,}" for row in firsts)))
    print_table(["measure", "model", *(f"{cut} + {horizon_days} days" for cut in cuts)], lines)


def _label(model: str, rows: Sequence[Measured]) -> str:
    """The model's name, and in brackets what it came down to where parts of it could not be had."""
    used = dict.fromkeys(row.used for row in rows if row.model == model)
    return model if [*used] == [model.removesuffix(SEASON)] else f"{model} ({' / '.join(used)})"


def _show_calibration(found: Sequence[Band], of: _Of) -> None:
    print()
    print_table(
        ["calibration", of.whom, "risk said", of.lost],
        [
            (f"tenth {place}", band.customers, _number(band.risk), _number(band.stayed_away))
            for place, band in enumerate(found, start=1)
        ],
    )


def _words(recipe: Recipe) -> str:
    if Model.SEASONAL in recipe.parts:
        return f"{name_of(recipe)}, by the clock of the same season last year"
    shift = "with the shift of the same season last year" if recipe.season else "without a season's shift"
    return f"{name_of(recipe)}, {shift}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
