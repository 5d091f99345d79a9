"""A rolling backtest: past days one horizon apart, scored as they would have been, held against what followed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from sqlmodel import Session

from db.customers import identified
from db.facts.queries import read_log
from db.facts.store import data_from, data_through, digests, path_of
from db.settings import Settings
from flows.standing_still import standstill_at
from winback.customers.order_log import OrderLog, first_day, followed
from winback.scores.backtest import SEASON, Band, Measured, Truth, bands, candidates, choose, measured, name_of
from winback.scores.learners import has_lightgbm
from winback.scores.levels import shifted
from winback.scores.material import YEAR, Material, material
from winback.scores.outlook import Forecast, combined, forecast
from winback.scores.recipe import LEARNERS, ORDER_MODELS, Model, Recipe, default_recipe
from winback.scores.scoring import FITTED_CUSTOMERS, NOTHING_MISSED, missed_by, named, smallest
from winback.scores.standing import Standing

CUTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What was measured, newest cut first, and the recipe it speaks for; ``reason`` where nothing could be."""

    horizon_days: int
    data_through: date | None
    measured: tuple[Measured, ...]
    calibration: tuple[Band, ...]  # of ``recipe`` at the newest cut
    notes: tuple[str, ...]
    recipe: Recipe | None
    reason: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON says it."""
        chosen = self.recipe
        return {
            "definition": "no_order",
            "horizon_days": self.horizon_days,
            "data_through": self.data_through and self.data_through.isoformat(),
            "results": [row.as_dict() for row in self.measured],
            "default": chosen and {"model": name_of(chosen), "weights": chosen.weights, **chosen.as_dict()},
            "calibration": [
                {
                    "customers": band.customers,
                    "risk": round(band.risk, 6),
                    "stayed_away": round(band.stayed_away, 6),
                }
                for band in self.calibration
            ],
            "notes": list(self.notes),
            "reason": self.reason,
        }


def backtest(
    session: Session,
    settings: Settings,
    horizon_days: int,
    cuts: int = CUTS,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Backtest:
    """Measure every candidate at up to ``cuts`` days, the newest one horizon before the end of the data, and at
    the day a year before that end."""
    through = data_through(session)
    files = [path_of(settings.facts, digest) for digest in digests(session)]
    if through is None or not files:
        return _nothing(horizon_days, through, "there are no orders yet: winback import orders FILE")
    log = read_log(files, as_of=through)
    days = cut_days(log, through, horizon_days, cuts)
    if not days:
        begun = first_day(log) or data_from(session) or through
        said = f"the orders reach from {begun} to {through}, {(through - begun).days + 1} days"
        return _nothing(horizon_days, through, f"{said}: a backtest over {horizon_days} days needs twice as many")
    found: list[Measured] = []
    curves: dict[str, tuple[Band, ...]] = {}
    still = standstill_at(files, through)
    notes = [still.said.en] if still else []
    ids = identified(session)
    for done, cut in enumerate(days):
        progress(done, len(days))
        rows, by_name, remarks = at_cut(log, ids, cut, horizon_days)
        found += rows
        curves = curves or by_name
        notes += [f"{cut}: {note}" for note in remarks]
    progress(len(days), len(days))
    recipe = choose(found, lightgbm=has_lightgbm())
    return Backtest(
        horizon_days=horizon_days,
        data_through=through,
        measured=tuple(found),
        calibration=_curve(recipe, curves),
        notes=tuple(notes),
        recipe=recipe,
        reason=None,
    )


def _curve(recipe: Recipe, curves: dict[str, tuple[Band, ...]]) -> tuple[Band, ...]:
    """Of ``recipe``, with the season where there was one; empty where it could not be had at that cut."""
    name = name_of(recipe)
    return curves.get(name + SEASON if recipe.season else name) or curves.get(name, ())


def cut_days(log: OrderLog, through: date, horizon_days: int, cuts: int) -> list[date]:
    """The newest first; each with a whole horizon after it and a history as long before it.

    And the day a year before ``through``, whose horizon is the season to come, where the season before that is
    known too: of the last cuts alone none may have it.
    """
    begun = first_day(log)
    days = [through - timedelta(days=horizon_days * step) for step in range(1, cuts + 1)]
    days = [day for day in days if begun is not None and (day - begun).days + 1 >= horizon_days]
    year_ago = through - timedelta(days=YEAR)
    known = begun is not None and (year_ago - begun).days >= YEAR + 2 * horizon_days
    return [*days, year_ago] if known and year_ago < min(days, default=through) else days


def at_cut(
    log: OrderLog, ids: pl.DataFrame, cut: date, horizon_days: int
) -> tuple[list[Measured], dict[str, tuple[Band, ...]], list[str]]:
    """Every candidate at ``cut``: measured, how calibrated, and what models said of themselves.

    Scores read the log until ``cut``; only the truth they are held against lies after it. Where there is a season
    to learn from, a candidate is measured with and without it.
    """
    lightgbm = has_lightgbm()
    everything = _everything(lightgbm=lightgbm)
    given = material(log, ids, cut, horizon_days, everything)
    truth = _truth(log, given, cut, horizon_days)
    said, then = forecast(_standing(given, cut), horizon_days, everything), None
    if given.season is not None:
        timeless = tuple(part for part in everything.parts if part is not Model.SEASONAL)
        then = forecast(given.season.at, horizon_days, replace(everything, parts=timeless))
    found: list[Measured] = []
    curves: dict[str, tuple[Band, ...]] = {}
    notes = [remark for remark in (given.remark, *said.remarks) if remark]
    default = name_of(default_recipe(lightgbm=lightgbm))
    for name, recipe in candidates(lightgbm=lightgbm).items():
        if name != default and not _to_be_had(recipe, said):
            continue
        parts, risk, value = combined(said, recipe)
        if name == default != named(parts):
            notes.append(f"{default} came down to {named(parts)}")
        tried = {name: NOTHING_MISSED}
        if given.season is not None and then is not None and Model.SEASONAL not in recipe.parts:
            tried[name + SEASON] = missed_by(given.season, then, recipe)
        for called, missed in tried.items():
            moved = shifted(risk, missed.shift) if missed.shift else risk
            found.append(measured(called, named(parts), truth, moved, value * missed.value))
            curves[called] = bands(moved, truth.silent)
    return found, curves, notes


def _everything(*, lightgbm: bool) -> Recipe:
    learners = [part for part in LEARNERS if lightgbm or part is not Model.LIGHTGBM]
    return Recipe(parts=(Model.QUINTILES, *ORDER_MODELS, *learners))


def _standing(given: Material, cut: date) -> Standing:
    return Standing(
        as_of=cut,
        features=given.features,
        fitted=smallest(given.keys, FITTED_CUSTOMERS),
        windows=given.windows,
        lesson=given.lesson,
        earlier=given.earlier,
        clock=given.clock,
    )


def _to_be_had(recipe: Recipe, said: Forecast) -> bool:
    """Is every part there? Where stopping is not identified NBD stands for Pareto/NBD, and for no other."""
    known = {*said.risk, Model.PARETO_NBD} if said.orders is not None else {*said.risk}
    return all(part in known for part in recipe.parts)


def _truth(log: OrderLog, given: Material, cut: date, horizon_days: int) -> Truth:
    ordered, minor = followed(log, given.features, cut, horizon_days)
    return Truth(
        cut=cut,
        silent=~ordered,
        minor=minor.astype(np.float64),
        past_minor=given.features["net_minor"].to_numpy().astype(np.float64),
        keys=given.keys,
    )


def _nothing(horizon_days: int, through: date | None, reason: str) -> Backtest:
    return Backtest(
        horizon_days=horizon_days, data_through=through, measured=(), calibration=(), notes=(), recipe=None,
        reason=reason,
    )  # fmt: skip
