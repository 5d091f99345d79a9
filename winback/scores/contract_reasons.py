"""Why a contract's risk is what it is: up to three facts, each with how many times the usual risk goes with it.

What a fact does is its part of the log hazard over the horizon, against the mean of all contracts that live. Those
on the side of the contract's risk (above or below the mean) come first, the strongest of them first.

What a plan, an amount or an attribute seems to do is told only where it is beyond chance: all its columns together
(Wald's test) and the contract's own part of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import chi2

from winback.intake.fields import ATTRIBUTE
from winback.scores.contract_clock import DAYS_A_MONTH
from winback.scores.contract_columns import AMOUNT, PLAN
from winback.scores.contracts import ContractModel, Learned
from winback.scores.hazard import exposure
from winback.scores.reasons import TOLD
from winback.words import Language, Words, in_singular

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.intp]

AT_ONCE: Final = 20_000
"""Contracts whose texts are made at once: those of a million at once took three gigabytes."""

WORTH_TELLING: Final = 0.05
"""Of a log hazard: five percent more or less."""

BY_CHANCE: Final = 0.01
"""Less than this: that chance alone makes as much of all columns of an attribute."""

CERTAIN: Final = 2.0
"""Standard errors a contract's own part is away from the mean."""

RANK: Final = 1e-9
"""Of the largest variance: below it a direction is one that columns do not have."""


class Why(StrEnum):
    """The facts there are to tell of a contract."""

    PLAN = "plan"
    AMOUNT = "amount"
    AGE = "age"
    ATTRIBUTE = "attribute"
    ENDED = "ended"
    NO_TURN = "no_turn"


WHY: Final[Mapping[Why, Words]] = {
    Why.PLAN: Words("plan {}: {} times the usual risk of ending", "套餐“{}”：流失风险为平均的 {} 倍"),
    Why.AMOUNT: Words("{} a month: {} times the usual risk of ending", "每月 {}：流失风险为平均的 {} 倍"),
    Why.AGE: Words(
        "begun {} months ago: {} times the usual risk of ending", "已持续 {} 个月：流失风险为平均的 {} 倍"
    ),
    Why.ATTRIBUTE: Words("{}: {} times the usual risk of ending", "{}：流失风险为平均的 {} 倍"),
    Why.NO_TURN: Words("no day to renew or leave within {} days", "未来 {} 天内没有续约或到期日"),
    Why.ENDED: Words("{} of {} contracts have ended so far", "共 {1} 份合同，至今已结束 {0} 份"),
}


@dataclass(frozen=True, slots=True)
class _Fact:
    """One fact of every contract that lives: its part of the log hazard, and what is said of it."""

    why: Why
    part: Floats
    known: Mask
    said: Callable[[slice], list[str]]


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
    parts = np.column_stack([np.where(fact.known, fact.part, 0.0) for fact in facts])
    above = np.where(risk >= risk.mean(), 1, -1) if len(risk) else np.empty(0)
    agrees = np.sign(parts) == above[:, None]
    strength = np.where(np.abs(parts) < WORTH_TELLING, 0.0, np.abs(parts) + 100.0 * agrees)
    first = np.argsort(-strength, axis=1, kind="stable")[:, :TOLD]
    first = np.where(np.take_along_axis(strength, first, axis=1) > 0, first, -1)
    turns = learned.turns[learned.live] > 0
    blocks = [slice(at, at + AT_ONCE) for at in range(0, max(len(first), 1), AT_ONCE)]
    told = pl.concat([_told(facts, first[of], of, language) for of in blocks])
    said = in_singular(_text(Why.NO_TURN, language).format(horizon_days))
    frame = pl.DataFrame({"reasons": told, "turns": turns})
    return frame.select(pl.when("turns").then("reasons").otherwise(pl.lit([said]))).to_series()


def _told(facts: list[_Fact], first: Integers, of: slice, language: Language) -> pl.Series:
    """The texts of the contracts ``of``; ``first``: which facts are told of each, -1 for none."""
    texts = [_text(fact.why, language) for fact in facts]
    said = [fact.said(of) for fact in facts]
    times = [[_times(float(part)) for part in fact.part[of]] for fact in facts]
    told = [
        [texts[fact].format(said[fact][row], times[fact][row]) for fact in places if fact >= 0]
        for row, places in enumerate(first.tolist())
    ]
    one_month = [[text.replace(" 1 months ", " 1 month ") for text in each] for each in told]
    return pl.Series("reasons", one_month, dtype=pl.List(pl.String))


def _times(part: float) -> str:
    """As one says it: 12, 1.4, 0.07."""
    times = float(np.exp(part))
    return f"{times:.0f}" if times >= 9.95 else f"{times:.1f}" if times >= 0.095 else f"{times:.2f}"


def _text(why: Why, language: Language) -> str:
    return WHY[why].en if language == "en" else WHY[why].zh


def _facts(
    living: pl.DataFrame, attributes: pl.DataFrame, learned: Learned, horizon_days: int, minor_per_major: int
) -> list[_Fact]:
    rows = learned.live
    by_plan, by_age = _curves(learned)
    parts = {name: _beyond_chance(learned, name) for name in dict.fromkeys(learned.columns.of)}
    plan = parts.pop(PLAN, np.zeros(len(rows))) + _centred(by_plan)
    amount = parts.pop(AMOUNT, np.zeros(len(rows)))
    months = np.rint(learned.age[rows] / DAYS_A_MONTH).astype(np.int64)
    monthly, plans = living["monthly_minor"] / minor_per_major, living["plan"].fill_null("")
    always = np.ones(len(rows), dtype=bool)
    return [
        _Fact(Why.PLAN, plan, (plans != "").to_numpy(), lambda of: plans[of].to_list()),
        _Fact(Why.AMOUNT, amount, always, lambda of: [f"{value:,.2f}" for value in monthly[of]]),
        _Fact(Why.AGE, by_age, always, lambda of: [str(each) for each in months[of]]),
        *(_named(name, attributes[name], part) for name, part in parts.items()),
    ]


def _named(name: str, told: pl.Series, part: Floats) -> _Fact:
    plain = name.removeprefix(ATTRIBUTE)
    known = told.is_not_null().to_numpy()
    return _Fact(Why.ATTRIBUTE, part, known, lambda of: [f"{plain} {value}" for value in told[of]])


def _beyond_chance(learned: Learned, name: str) -> Floats:
    """What the columns of ``name`` do to each contract that lives, above the mean; 0 where chance may do it.

    Plans with curves of their own were held against chance when they were given them.
    """
    of = np.array(learned.columns.of, dtype=str) == name
    weights, matrix = learned.hazard.weights[of], learned.columns.matrix[np.ix_(learned.live, of)]
    own = matrix - matrix.mean(axis=0) if len(matrix) else matrix
    part, covariance = own @ weights, learned.hazard.covariance
    if covariance is None or (name == PLAN and learned.model is ContractModel.BY_PLAN):
        return np.asarray(part)
    covariance = covariance[np.ix_(of, of)]
    variances, axes = np.linalg.eigh(covariance)
    real = variances > RANK * variances[-1]
    far = float((((weights @ axes)[real]) ** 2 / variances[real]).sum())
    if chi2.sf(far, int(real.sum())) >= BY_CHANCE:
        return np.zeros_like(part)
    error = np.sqrt(np.maximum(np.einsum("np,pq,nq->n", own, covariance, own), 0))
    return np.where(np.abs(part) > CERTAIN * error, part, 0.0)


def _centred(part: Floats) -> Floats:
    return part - part.mean() if len(part) else part


def _curves(learned: Learned) -> tuple[Floats, Floats]:
    """Logs of what a contract's curve says over the horizon: its contracts' mean, and its own age's above it.

    Of those that cannot end within it (no turn, see ``contract_clock``) the mean.
    """
    age, stratum = learned.turned[learned.live], learned.stratum[learned.live]
    daily = np.exp(learned.hazard.log_hazard)[stratum]
    hazard = (exposure(learned.hazard.cuts, age, age + learned.turns[learned.live]) * daily).sum(axis=1)
    can = hazard > 0
    said = np.log(hazard, out=np.zeros_like(hazard), where=can)
    mean = np.bincount(stratum, weights=said) / np.maximum(np.bincount(stratum, weights=can), 1)
    return mean[stratum], np.where(can, said - mean[stratum], 0.0)
