"""What is known of contracts, as numbers a hazard can be fitted to: plan, monthly amount, customers' attributes.

One column for each value of the plan and of an attribute with few values, one for the logarithm of the amount,
one for an attribute with many numbers (its normal score, so that its unit does not matter). Unknown values count
as the mean. All columns have mean 0 and standard deviation 1.

An attribute has no day, unlike a fact: it is as it stands now. Three kinds of it would tell the future, or the age
of a contract a second time, and are left out by name: a value all of whose contracts have ended, a number that
tells the ended from the others, and whatever says how old a contract is (a sum of all bills, a tenure group).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from winback.intake.fields import ATTRIBUTE
from winback.scores.backtest import area_under_curve, mean_ranks
from winback.scores.hazard import Spells

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PLAN: Final = "plan"
AMOUNT: Final = "monthly_amount"
MOST_VALUES: Final = 20
"""Of an attribute that is told value by value."""
FEWEST: Final = 10
"""Contracts a value needs for a column of its own."""
MOST_COLUMNS: Final = 80
BY_CHANCE: Final = 1e-6
"""Less than this: that all contracts of a value have ended is no chance."""
TELLING_ENDS: Final = 0.99
"""AUC of a number for having ended, from which it must have been made of it."""
TELLING_AGE: Final = 0.6
"""Of the variance of the ages' ranks, from which an attribute is the age itself."""
MIN_STRATUM_ENDS: Final = 50
MOST_STRATA: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """``matrix`` (n, p), ``of``: what each column is of, ``stratum``: whose curve each contract may follow.

    ``remarks``: attributes that were left out, in words.
    """

    matrix: Floats
    of: tuple[str, ...]
    stratum: Integers
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    of: str
    values: Floats  # nan where unknown


def columns_of(contracts: pl.DataFrame, attributes: pl.DataFrame, spells: Spells) -> Columns:
    """The columns of ``contracts`` (CONTRACTS); ``attributes``: texts of the same rows, null where unknown."""
    made = [*_levels(PLAN, contracts["plan"]), *_amount(contracts["monthly_minor"])]
    remarks = []
    for attribute in attributes.get_columns():
        fault = _fault(attribute, spells)
        if fault:
            remarks.append(f"{attribute.name.removeprefix(ATTRIBUTE)} is left out: {fault}")
            continue
        made += _levels(attribute.name, attribute) or _number(attribute)
    standard = _standard(_distinct(made))
    return Columns(
        matrix=np.column_stack([each.values for each in standard]) if standard else np.empty((len(spells), 0)),
        of=tuple(each.of for each in standard),
        stratum=_strata(contracts["plan"], spells),
        remarks=tuple(remarks),
    )


def _levels(name: str, told: pl.Series) -> list[_Column]:
    """One column a value; of two values one column says it all. None where there are too many, or only one."""
    counts = told.drop_nulls().value_counts(sort=True, name="contracts").sort("contracts", told.name or "")
    values = counts.rows()[::-1]
    if not 2 <= len(values) <= MOST_VALUES:
        return []
    told_of = values[:1] if len(values) == 2 else [pair for pair in values if pair[1] >= FEWEST]
    return [_Column(name, (told == value).cast(pl.Float64).fill_null(np.nan).to_numpy()) for value, _ in told_of]


def _amount(minor: pl.Series) -> list[_Column]:
    return [_Column(AMOUNT, np.log(np.maximum(minor.cast(pl.Float64).to_numpy(), 1.0)))]


def _numbers(attribute: pl.Series) -> Floats | None:
    """Its numbers, nan where it has none; None unless all it says are numbers, and more than MOST_VALUES."""
    if attribute.n_unique() - bool(attribute.null_count()) <= MOST_VALUES:
        return None
    numbers = attribute.cast(pl.Float64, strict=False)
    numbers = numbers.set(numbers.is_infinite() | numbers.is_nan(), None)
    return None if numbers.null_count() > attribute.null_count() else numbers.fill_null(np.nan).to_numpy()


def _number(attribute: pl.Series) -> list[_Column]:
    numbers = _numbers(attribute)
    if numbers is None:
        return []
    known = ~np.isnan(numbers)
    scores = np.full(len(numbers), np.nan)
    scores[known] = ndtri((mean_ranks(numbers[known]) - 0.5) / known.sum())
    return [_Column(attribute.name, scores)]


def _distinct(columns: list[_Column]) -> Iterator[_Column]:
    """Without those that say nothing, or what another has said already; of very many the commonest."""
    spread = [float(np.nanstd(each.values)) if not np.isnan(each.values).all() else 0.0 for each in columns]
    least = sorted(spread, reverse=True)[:MOST_COLUMNS][-1:]
    said = set()
    for each, width in zip(columns, spread, strict=True):
        if width > 1e-12 and width >= least[0] and each.values.tobytes() not in said:
            said.add(each.values.tobytes())
            yield each


def _standard(columns: Iterator[_Column]) -> list[_Column]:
    found = []
    for each in columns:
        middle, spread = np.nanmean(each.values), np.nanstd(each.values)
        found.append(_Column(each.of, np.nan_to_num((each.values - middle) / spread)))
    return found


def _strata(plan: pl.Series, spells: Spells) -> Integers:
    """0, 1, ...: the plans with enough ends for curves of their own, all others together as the last."""
    ended = plan.filter(pl.Series(spells.ended)).drop_nulls().value_counts(sort=True, name="ends")
    enough = ended.filter(pl.col("ends") >= MIN_STRATUM_ENDS).sort("ends", plan.name, descending=[True, False])
    names = enough.head(MOST_STRATA)[plan.name].to_list()
    places = {name: place for place, name in enumerate(names)}
    found = plan.replace_strict(places, default=len(names), return_dtype=pl.Int64).to_numpy()
    return np.asarray(np.unique(found, return_inverse=True)[1], dtype=np.int64)


def _fault(attribute: pl.Series, spells: Spells) -> str | None:
    """Why an attribute may not be learned from; None where it may, or where it says nothing anyway."""
    numbers = _numbers(attribute)
    known = attribute.is_not_null().to_numpy() if numbers is None else ~np.isnan(numbers)
    known &= spells.exit > spells.entry
    if known.sum() < FEWEST:
        return None
    ended, ages = spells.ended[known], mean_ranks(spells.exit[known])
    if numbers is None:
        groups = np.unique(attribute.filter(pl.Series(known)).to_numpy(), return_inverse=True)[1]
        if groups.max() >= MOST_VALUES:
            return None
        if _all_ended(groups, ended):
            return "one of its values is only of contracts that have ended"
        age = _explained(groups, ages)
    else:
        area = area_under_curve(numbers[known], ended)
        if area is not None and max(area, 1 - area) >= TELLING_ENDS:
            return "it tells which contracts have ended"
        age = _correlation(mean_ranks(numbers[known]), ages) ** 2
    return "it tells how old a contract is" if age > TELLING_AGE else None


def _all_ended(groups: Integers, ended: NDArray[np.bool_]) -> bool:
    size, gone = np.bincount(groups), np.bincount(groups, weights=ended)
    return bool(((size == gone) & (ended.mean() ** size < BY_CHANCE)).any())


def _explained(groups: Integers, ages: Floats) -> float:
    """Share of the variance that lies between groups (eta squared)."""
    size, total = np.bincount(groups), np.bincount(groups, weights=ages)
    whole = float(((ages - ages.mean()) ** 2).sum())
    return float((size * (total / size - ages.mean()) ** 2).sum()) / whole if whole > 0 else 0.0


def _correlation(one: Floats, other: Floats) -> float:
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0
