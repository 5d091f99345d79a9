"""How good scores would have been: measured on what followed past days, and the recipe that this speaks for.

AUC is P(who stayed away had the higher risk than who came), ties half. Brier is the mean squared error of the
risk. ECE is the mean distance of risk and share that stayed away, over ten groups of equal size by risk.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.scores.recipe import FULL, PLAIN, Model, Recipe, default_recipe

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

GROUPS: Final = 10
TOP: Final = 0.2
SEASON: Final = " + season"

MARGIN, AUC_MARGIN = 0.01, 0.002
"""By which share of its Brier, and by how much AUC, a difference is more than these few windows make by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One model over one window. Rates and shares 0-1; None where nothing can be said.

    ``used``: the models it came down to at this cut, where some could not be had.
    """

    cut: date
    model: str
    used: str
    n: int
    base_rate: float  # share without an order in the window
    auc: float | None
    brier: float
    ece: float
    value_share_top20: float | None  # of the window's revenue, held by the top fifth by expected value
    value_share_best: float | None  # by knowing the future
    value_share_past_spend: float | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON says it."""
        return asdict(self) | {"cut": self.cut.isoformat()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What followed a cut, and how equal values are told apart; arrays of one length."""

    cut: date
    silent: Mask
    minor: Floats
    past_minor: Floats
    keys: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One of ten groups of equal size by risk: mean risk and the share that stayed away."""

    customers: int
    risk: float
    stayed_away: float


def measured(model: str, used: str, truth: Truth, risk: Floats, value: Floats) -> Measured:
    """How ``risk`` and ``value`` of a model fared."""
    return Measured(
        cut=truth.cut,
        model=model,
        used=used,
        n=len(risk),
        base_rate=_rounded(float(truth.silent.mean())),
        auc=_maybe(area_under_curve(risk, truth.silent)),
        brier=_rounded(float(((risk - truth.silent) ** 2).mean())),
        ece=_rounded(calibration_error(bands(risk, truth.silent))),
        value_share_top20=_maybe(value_share(value, truth)),
        value_share_best=_maybe(value_share(truth.minor, truth)),
        value_share_past_spend=_maybe(value_share(truth.past_minor, truth)),
    )


def mean_ranks(values: Floats) -> Floats:
    """1 for the smallest; equal values share the mean of their ranks. (scipy.stats takes a second to import.)"""
    return np.asarray(pl.Series(values).rank("average").to_numpy())


def area_under_curve(risk: Floats, happened: Mask) -> float | None:
    """Mann & Whitney's U over all pairs; None when nobody or everybody is a case."""
    cases = int(happened.sum())
    others = len(happened) - cases
    if not cases or not others:
        return None
    return float((mean_ranks(risk)[happened].sum() - cases * (cases + 1) / 2) / (cases * others))


def bands(risk: Floats, silent: Mask) -> tuple[Band, ...]:
    """Ten groups of nearly equal size, from the least risk to the most; equal risks in the order they come."""
    parts = np.array_split(np.argsort(risk, kind="stable"), GROUPS)
    return tuple(
        Band(customers=len(rows), risk=float(risk[rows].mean()), stayed_away=float(silent[rows].mean()))
        for rows in parts
        if len(rows)
    )


def calibration_error(found: Sequence[Band]) -> float:
    """ECE of these groups."""
    everybody = sum(band.customers for band in found)
    return sum(band.customers * abs(band.risk - band.stayed_away) for band in found) / everybody


def value_share(value: Floats, truth: Truth) -> float | None:
    """Share of the window's net held by the top fifth by ``value``; None without revenue."""
    whole = float(truth.minor.sum())
    if whole <= 0:
        return None
    top = np.lexsort((truth.keys, -value))[: -(-len(value) // 5)]
    return float(truth.minor[top].sum()) / whole


def candidates(*, lightgbm: bool) -> dict[str, Recipe]:
    """The recipes a backtest tries, by name; the one that holds without a backtest is among them."""
    alone = [Model.PARETO_NBD, Model.SEASONAL, Model.MBG_NBD, Model.BG_NBD]
    tried = [Recipe(parts=(Model.QUINTILES,))]
    tried += [Recipe(parts=(model,), orders=model) for model in alone]
    tried += [Recipe(parts=(Model.LOGISTIC,)), PLAIN]
    tried += [Recipe(parts=(Model.LIGHTGBM,)), FULL] if lightgbm else []
    tried += [Recipe(parts=(Model.SEASONAL, *default_recipe(lightgbm=lightgbm).parts[1:]))]
    return {name_of(recipe): replace(recipe, season=False) for recipe in tried}


def name_of(recipe: Recipe) -> str:
    """As reports name it."""
    return " + ".join(recipe.parts)


def choose(found: Iterable[Measured], *, lightgbm: bool) -> Recipe:
    """The recipe a backtest speaks for: the default unless another is better in AUC and in Brier, on average.

    Averages are over the windows both were measured in; of several better ones the one with the least Brier. Each
    is taken as it would be used: the season's shift, and the default's LightGBM value, are kept unless they were
    measured and made it worse. One of the two must be better by its margin; where AUC can nowhere be told, Brier
    speaks alone.
    """
    default = default_recipe(lightgbm=lightgbm)
    rows = _by_model(found)
    as_used = {name: _as_used(rows, name) for name in candidates(lightgbm=lightgbm)}
    usual = as_used[name_of(default)]
    chosen, best = default, 0.0
    for name, recipe in candidates(lightgbm=lightgbm).items():
        gain_auc, gain_brier = _gain(as_used[name], usual, "auc"), _gain(usual, as_used[name], "brier") or 0.0
        clearly = (gain_auc or 0.0) > AUC_MARGIN or gain_brier > MARGIN * _mean_brier(usual)
        if name != name_of(default) and (gain_auc is None or gain_auc > 0) and gain_brier > best and clearly:
            chosen, best = recipe, gain_brier
    season = Model.SEASONAL not in chosen.parts and _season_helps(rows, name_of(chosen))
    learned = (_gain(rows[name_of(default)], rows[Model.PARETO_NBD.value], "value_share_top20") or 0) >= 0
    return replace(chosen, season=season, learned_value=learned)


_Rows = dict[date, Measured]


def _by_model(found: Iterable[Measured]) -> dict[str, _Rows]:
    rows: dict[str, _Rows] = defaultdict(dict)
    for row in found:
        rows[row.model][row.cut] = row
    return rows


def _season_helps(rows: dict[str, _Rows], name: str) -> bool:
    """Unless it was measured and made Brier worse by more than the margin."""
    gain = _gain(rows[name], rows[name + SEASON], "brier")
    return gain is None or gain >= -MARGIN * _mean_brier(rows[name])


def _as_used(rows: dict[str, _Rows], name: str) -> _Rows:
    """A model's rows, shifted by the season where that was measured and helps."""
    return rows[name] | rows[name + SEASON] if _season_helps(rows, name) else rows[name]


def _mean_brier(rows: _Rows) -> float:
    return sum(row.brier for row in rows.values()) / max(len(rows), 1)


def _gain(one: _Rows, other: _Rows, measure: str) -> float | None:
    """Mean of ``measure`` of one minus other over the windows that have both; None without any."""
    pairs = [(getattr(one[cut], measure), getattr(other[cut], measure)) for cut in one if cut in other]
    gains = [mine - theirs for mine, theirs in pairs if mine is not None and theirs is not None]
    return sum(gains) / len(gains) if gains else None


def _rounded(value: float) -> float:
    return round(value, 6)


def _maybe(value: float | None) -> float | None:
    return None if value is None else _rounded(value)
