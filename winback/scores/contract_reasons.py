"""Why a contract's risk is what it is: up to three facts, each with how many times the usual risk goes with it.

What a fact does is its part of the log hazard over the horizon, against the mean of all contracts that live. Those
on the side of the contract's risk (above or below the mean) come first, the strongest of them first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.intake.fields import ATTRIBUTE
from winback.scores.contract_columns import AMOUNT, PLAN
from winback.scores.contracts import DAYS_A_MONTH, ContractModel, Learned
from winback.scores.hazard import exposure
from winback.scores.reasons import TOLD
from winback.words import Language, Words

Floats = NDArray[np.float64]

WORTH_TELLING: Final = 0.05
"""Of a log hazard: five percent more or less."""


class Why(StrEnum):
    """The facts there are to tell of a contract."""

    PLAN = "plan"
    AMOUNT = "amount"
    AGE = "age"
    ATTRIBUTE = "attribute"
    ENDED = "ended"


WHY: Final[Mapping[Why, Words]] = {
    Why.PLAN: Words("plan {}: {} times the usual risk of ending", "套餐“{}”：流失风险为平均的 {} 倍"),
    Why.AMOUNT: Words("{} a month: {} times the usual risk of ending", "每月 {}：流失风险为平均的 {} 倍"),
    Why.AGE: Words(
        "begun {} months ago: {} times the usual risk of ending", "已持续 {} 个月：流失风险为平均的 {} 倍"
    ),
    Why.ATTRIBUTE: Words("{}: {} times the usual risk of ending", "{}：流失风险为平均的 {} 倍"),
    Why.ENDED: Words("{} of {} contracts have ended so far", "共 {1} 份合同，至今已结束 {0} 份"),
}


@dataclass(frozen=True, slots=True)
class _Fact:
    """One fact of every contract that lives: its part of the log hazard, and what is said of it."""

    why: Why
    part: Floats
    said: list[str]


def contract_reasons(
    contracts: pl.DataFrame,
    attributes: pl.DataFrame,
    learned: Learned,
    *,
    risk: Floats,
    horizon_days: int,
    minor_per_major: int,
    language: Language,
) -> pl.Series:
    """Up to three reasons of each contract that lives, a list of strings, in the order of ``learned.live``.

    ``contracts`` and ``attributes``: all that ``learned`` was learned from; ``risk``: of those that live.
    """
    if learned.model not in (ContractModel.BY_PLAN, ContractModel.COMMON):
        said = _text(Why.ENDED, language).format(learned.ended, contracts.height)
        return pl.Series("reasons", [[said]] * len(learned.live), dtype=pl.List(pl.String))
    facts = _facts(contracts[learned.live], attributes[learned.live], learned, horizon_days, minor_per_major)
    parts = np.column_stack([np.where(_known(fact), fact.part, 0.0) for fact in facts])
    above = np.where(risk >= risk.mean(), 1, -1) if len(risk) else np.empty(0)
    agrees = np.sign(parts) == above[:, None]
    strength = np.where(np.abs(parts) < WORTH_TELLING, 0.0, np.abs(parts) + 100.0 * agrees)
    first = np.argsort(-strength, axis=1, kind="stable")[:, :TOLD]
    told = [
        [_told(facts[fact], row, language) for fact in places if strength[row, fact] > 0]
        for row, places in enumerate(first)
    ]
    return pl.Series("reasons", told, dtype=pl.List(pl.String))


def _told(fact: _Fact, row: int, language: Language) -> str:
    text = _text(fact.why, language).format(fact.said[row], _times(float(fact.part[row])))
    return text.replace(" 1 months ", " 1 month ")


def _times(part: float) -> str:
    """As one says it: 12, 1.4, 0.07."""
    times = float(np.exp(part))
    return f"{times:.0f}" if times >= 9.95 else f"{times:.1f}" if times >= 0.095 else f"{times:.2f}"


def _text(why: Why, language: Language) -> str:
    return WHY[why].en if language == "en" else WHY[why].zh


def _known(fact: _Fact) -> NDArray[np.bool_]:
    return np.array([bool(text) for text in fact.said], dtype=bool)


def _facts(
    living: pl.DataFrame, attributes: pl.DataFrame, learned: Learned, horizon_days: int, minor_per_major: int
) -> list[_Fact]:
    rows = learned.live
    by_plan, by_age = _curves(learned, horizon_days)
    matrix, of = learned.columns.matrix[rows], np.array(learned.columns.of, dtype=str)
    parts = {name: matrix[:, of == name] @ learned.hazard.weights[of == name] for name in dict.fromkeys(of)}
    plan = _centred(parts.pop(PLAN, np.zeros(len(rows))) + by_plan)
    amount = _centred(parts.pop(AMOUNT, np.zeros(len(rows))))
    months = np.rint(learned.age[rows] / DAYS_A_MONTH).astype(np.int64)
    monthly = living["monthly_minor"] / minor_per_major
    return [
        _Fact(Why.PLAN, plan, living["plan"].fill_null("").to_list()),
        _Fact(Why.AMOUNT, amount, [f"{value:,.2f}" for value in monthly]),
        _Fact(Why.AGE, by_age, [str(each) for each in months]),
        *(_Fact(Why.ATTRIBUTE, _centred(part), _named(name, attributes[name])) for name, part in parts.items()),
    ]


def _named(name: str, told: pl.Series) -> list[str]:
    plain = name.removeprefix(ATTRIBUTE)
    return ["" if value is None else f"{plain} {value}" for value in told]


def _centred(part: Floats) -> Floats:
    return part - part.mean() if len(part) else part


def _curves(learned: Learned, horizon_days: int) -> tuple[Floats, Floats]:
    """Logs of what a contract's curve says over the horizon: its contracts' mean, and its own age's above it."""
    age, stratum = learned.age[learned.live], learned.stratum[learned.live]
    daily = np.exp(learned.hazard.log_hazard)[stratum]
    said = np.log((exposure(learned.hazard.cuts, age, age + horizon_days) * daily).sum(axis=1))
    mean = np.bincount(stratum, weights=said) / np.maximum(np.bincount(stratum), 1)
    return mean[stratum], said - mean[stratum]
