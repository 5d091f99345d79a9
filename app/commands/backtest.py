"""backtest: how good the scores would have been on these orders, and what they are made of from now on."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from app.terminal import print_json, print_table, progress_bar, say
from db.choices import keep_choice
from db.engine import database, reading, transaction
from db.settings import here
from flows.backtesting import Backtest
from flows.backtesting import backtest as run_backtest
from winback.errors import Exit, WrongUse
from winback.scores.backtest import Band, Measured, name_of
from winback.scores.recipe import Recipe

_MEASURES = (
    ("AUC", "auc"),
    ("Brier", "brier"),
    ("ECE", "ece"),
    ("revenue held by the top 20 %", "value_share_top20"),
)


def backtest(arguments: argparse.Namespace) -> int:
    """Measure on past days, choose what scores are made of, and keep it; exit 1 when the history is too short."""
    settings = here(arguments.workspace)
    if arguments.definition == "contract":
        raise WrongUse("there are no subscriptions, so no contract can be scored: use --definition no_order")
    if arguments.cuts < 1:
        raise WrongUse("--cuts is at least 1")
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
    if arguments.json:
        print_json(found.as_dict())
    else:
        _show(found)
    return Exit.NO if found.recipe is None else Exit.DONE


def _show(found: Backtest) -> None:
    for note in found.notes:
        say(note)
    if found.recipe is None:
        say(found.reason or "")
        return
    _show_side_by_side(found.measured, found.horizon_days)
    _show_calibration(found.calibration)
    print()
    print(f"Scores from {found.data_through} on: {_words(found.recipe)}.")


def _show_side_by_side(rows: Sequence[Measured], horizon_days: int) -> None:
    """One line a measure and model, one column a window."""
    cuts = list(dict.fromkeys(row.cut for row in rows))
    models = list(dict.fromkeys(row.model for row in rows))
    at = {(row.cut, row.model): row for row in rows}
    lines: list[tuple[str, ...]] = []
    for title, measure in _MEASURES:
        lines += [
            (title, model, *(_number(getattr(at.get((cut, model)), measure, None)) for cut in cuts))
            for model in models
        ]
    firsts = [next(row for row in rows if row.cut == cut) for cut in cuts]
    for named, measure in (("by past spend", "value_share_past_spend"), ("the best possible", "value_share_best")):
        lines.append((_MEASURES[-1][0], named, *(_number(getattr(row, measure)) for row in firsts)))
    lines.append(("stayed away", "all", *(_number(row.base_rate) for row in firsts)))
    lines.append(("customers", "all", *(f"{row.n:,}" for row in firsts)))
    print_table(["measure", "model", *(f"{cut} + {horizon_days} days" for cut in cuts)], lines)


def _show_calibration(found: Sequence[Band]) -> None:
    print()
    print_table(
        ["calibration", "customers", "risk said", "stayed away"],
        [
            (f"tenth {place}", band.customers, _number(band.risk), _number(band.stayed_away))
            for place, band in enumerate(found, start=1)
        ],
    )


def _words(recipe: Recipe) -> str:
    parts = [name_of(recipe)]
    parts.append("with the shift of the same season last year" if recipe.season else "without a season's shift")
    return ", ".join(parts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
