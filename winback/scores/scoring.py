"""Scores of every customer: the risk that he stays away, what he is expected to bring.

A recipe says which models are combined (``recipe``); ``outlook`` asks them. Where a file cannot carry them it
falls back, and the scores say so in words:

    Pareto/NBD  --dropout not identified-->  NBD  --order rate not identified, or few repeaters-->  learners alone
    learners    --nobody to learn from-->    left out; with no model of orders either, R+F quintiles
    gamma-gamma --means without a mean, or few paid twice-->  each one's own mean spend
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.features import IDENTIFIED, EarlierWindow
from winback.customers.order_log import Windows
from winback.customers.tie_key import tie_keys
from winback.errors import WrongUse
from winback.scores.levels import level_shift, logits_of, shifted
from winback.scores.outlook import Forecast, combined, forecast
from winback.scores.recipe import Model, Recipe
from winback.scores.season_clock import SeasonClock
from winback.scores.standing import Lesson, Standing

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Unsigned = NDArray[np.uint64]
Mask = NDArray[np.bool_]

SCORES: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "customer_id": pl.String(),
        "risk": pl.Float64(),  # P(no order in [as_of + 1, as_of + horizon])
        "expected_value": pl.Float64(),  # major units, net, over the same days; not multiplied by risk
        "value_rank": pl.Int64(),  # 1 = highest, unique
        "past_value": pl.Float64(),  # major units, net, until as_of
        "past_rank": pl.Int64(),
        "model": pl.String(),
    }
)

_SIGN: Final = np.uint64(1 << 63)

FITTED_CUSTOMERS: Final = 25_000
"""On how many learners are taught, at a price that does not grow with the file."""


CERTAIN: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A SCORES frame in the order of the features, what it was computed with, and what was not identified.

    ``digest`` is ``digest_of(frame)``.
    """

    frame: pl.DataFrame
    model: str
    weights: dict[str, float]
    fallback_reason: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What a recipe missed over the same days last year: of the risk in logits, of the value as a factor."""

    shift: float
    value: float


NOTHING_MISSED: Final = Missed(shift=0.0, value=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """Risk and value (minor units) of each customer, before rounding, and the models they are of."""

    parts: tuple[Model, ...]
    risk: Floats
    value_minor: Floats
    remarks: tuple[str | None, ...]


def score(
    features: pl.DataFrame,
    *,
    as_of: date,
    horizon_days: int,
    minor_per_major: int,
    recipe: Recipe,
    windows: Windows | None = None,
    lesson: Lesson | None = None,
    season: Lesson | None = None,
    earlier: Callable[[], EarlierWindow] | None = None,
    clock: SeasonClock | None = None,
    keys: Integers | None = None,
    remark: str | None = None,
) -> Scores:
    """Score every row of ``features`` (IDENTIFIED: FEATURES with customer_id) over [as_of + 1, as_of + horizon].

    Models are fitted on at most FITTED_CUSTOMERS, those whose sha256(customer_id) is smallest, so that the sample
    depends on nothing but who the customers are. ``windows`` of the same rows and ``lesson`` are what learners
    need; ``season``: the same days of last year, with what followed. ``earlier`` reads what R+F quintiles
    alone need; without it their risk is 0.5 for all. ``clock``: the season's, for the seasonal model. ``keys``:
    ``tie_keys`` of the ids, where they are known; ``remark``: what is to be said of the recipe. WrongUse when the
    horizon is not positive.
    """
    if horizon_days < 1:
        raise WrongUse("a horizon is at least 1 day")
    features = features.select(IDENTIFIED.names())
    keys = tie_keys(features["customer_id"]) if keys is None else keys
    if features.is_empty():
        nothing = np.empty(0)
        said = f"nobody had ordered by {as_of}"
        outlook = _Outlook(parts=(Model.QUINTILES,), risk=nothing, value_minor=nothing, remarks=(said,))
    else:
        fitted = smallest(keys, FITTED_CUSTOMERS)
        now = Standing(
            as_of=as_of,
            features=features,
            fitted=fitted,
            windows=windows,
            lesson=lesson,
            earlier=earlier,
            clock=clock,
        )
        outlook = _outlook(now, horizon_days, recipe, season)
    frame = _frame(features, outlook, keys, minor_per_major)
    return Scores(
        frame=frame,
        model=named(outlook.parts),
        weights={part.value: round(1 / len(outlook.parts), 6) for part in outlook.parts},
        fallback_reason="; ".join(said for said in (remark, *outlook.remarks) if said) or None,
        digest=digest_of(frame),
    )


def named(parts: tuple[Model, ...]) -> str:
    """As scores and reports name what they are made of."""
    return " + ".join(part.value for part in parts)


def digest_of(frame: pl.DataFrame) -> str:
    """sha256 (hex) of a SCORES frame, whatever the order of its rows.

    Of the customer ids by ``value_rank``, UTF-8, each ended by ``\\n``; then, in this order too, of the columns
    risk, expected_value, past_value (64-bit floats, as rounded) and past_rank (64-bit), little-endian.
    """
    order = np.empty(frame.height, dtype=np.int64)
    order[frame["value_rank"].to_numpy() - 1] = np.arange(frame.height)
    ids = frame["customer_id"].rechunk().gather(order)  # in one piece: a seventh of the CPU
    told = ids.str.join("\n").item() + "\n" if len(ids) else ""
    digest = hashlib.sha256(told.encode())
    for name, kind in (("risk", "<f8"), ("expected_value", "<f8"), ("past_value", "<f8"), ("past_rank", "<i8")):
        digest.update(frame[name].to_numpy()[order].astype(kind, copy=False).data)
    return digest.hexdigest()


def _outlook(now: Standing, horizon_days: int, recipe: Recipe, season: Lesson | None) -> _Outlook:
    said = forecast(now, horizon_days, recipe)
    parts, risk, value = combined(said, recipe)
    missed = season_missed(season, recipe) if recipe.season and season is not None else NOTHING_MISSED
    return _Outlook(
        parts=parts,
        risk=shifted(risk, missed.shift) if missed.shift else risk,
        value_minor=value * missed.value,
        remarks=(*said.remarks, _without_orders(said, parts)),
    )


def _without_orders(said: Forecast, parts: tuple[Model, ...]) -> str | None:
    if parts == (Model.QUINTILES,):
        return said.observed
    return "learners alone, expected value at each one's own pace" if said.orders is None else None


def season_missed(season: Lesson, recipe: Recipe) -> Missed:
    """By how much the recipe was wrong over the same days last year.

    The recipe is applied as it would have been then; what it missed on average is what the season did. It says
    nothing of what is no more than chance makes: CERTAIN standard errors of the number that came, and of the sum
    that few large customers make. Where nobody came, or nothing, half a customer or half an order is counted.
    """
    return missed_by(season, forecast(season.at, season.days, recipe), recipe)


def missed_by(season: Lesson, said: Forecast, recipe: Recipe) -> Missed:
    """The same, from a forecast that was asked for the recipe's parts."""
    _, risk, value = combined(said, recipe)
    silent, expected = float((~season.ordered).sum()), float(risk.sum())
    shift = 0.0
    if abs(silent - expected) > CERTAIN * float(np.sqrt((risk * (1 - risk)).sum() + 1)):
        shift = level_shift(logits_of(risk), (silent + 0.5) / (len(risk) + 1))
    came, made = max(float(season.minor.sum()), _half_an_order(season)), float(value.sum())
    error = float(np.sqrt((season.minor**2.0).sum()))
    sure = min(came, made) > 0 and abs(came - made) > CERTAIN * error
    return Missed(shift=shift, value=came / made if sure else 1.0)


def _half_an_order(season: Lesson) -> float:
    """Minor units, by what a purchase day brought until then."""
    days, minor = (float(season.at.features[name].sum()) for name in ("positive_days", "positive_minor"))
    return minor / days / 2 if days else 0.0


def smallest(keys: Integers, count: int) -> Integers:
    """The rows with the smallest keys, in their order: sums come out the same however the rows were sorted."""
    if len(keys) > count:
        near = np.flatnonzero(keys <= np.partition(keys, count)[count])
        return near[np.argsort(keys[near], kind="stable")][:count]
    return np.argsort(keys, kind="stable")


def ranked(values: Floats, keys: Integers) -> Integers:
    """1 for the highest; equal values by key."""
    order = _descending(values)
    falling = values[order]
    same = falling[1:] == falling[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    group, among = np.append(0, np.cumsum(~same))[tied], order[tied]
    order[tied] = among[_by_group(group, keys[among])]
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.arange(1, len(values) + 1)
    return ranks


def _descending(values: Floats) -> Integers:
    """The order from the highest; finite values, equal ones in any order."""
    bits = values.view(np.uint64)
    falling = np.where(values < 0, bits, ~(bits | _SIGN))  # as numbers these ascend where the values descend
    order, same = _sorted_places(falling)
    at = np.flatnonzero(same)
    if (values[order[at]] != values[order[at + 1]]).any():
        unsure = np.append(same, False) | np.append(False, same)
        group, among = np.append(0, np.cumsum(~same))[unsure], order[unsure]
        order[unsure] = among[np.lexsort((-values[among], group))]
    return order


def _by_group(group: Integers, keys: Integers) -> Integers:
    """The order by group (from 0, ascending), then key.

    Group and first bits of the key are sorted as one number; where these do not tell two apart, the whole keys.
    """
    bits = int(group.max(initial=0)).bit_length()
    packed = (group.astype(np.uint64) << np.uint64(64 - bits)) if bits else np.zeros(len(group), np.uint64)
    packed |= (keys.view(np.uint64) ^ _SIGN) >> np.uint64(bits)
    order, same = _sorted_places(packed)
    if same.any():
        unsure = np.append(same, False) | np.append(False, same)
        among = order[unsure]
        order[unsure] = among[np.lexsort((keys[among], group[among]))]
    return order


def _sorted_places(numbers: Unsigned) -> tuple[Integers, Mask]:
    """The places of ``numbers`` from the lowest, told by their first bits alone, and which neighbours share these.

    The last bits give way to the place, so that one sort of plain numbers does: a third of an argsort's CPU.
    """
    places = np.arange(len(numbers), dtype=np.uint64)
    low = np.uint64((1 << max(len(numbers) - 1, 0).bit_length()) - 1)
    found = pl.Series((numbers & ~low) | places).sort().to_numpy()
    first = found & ~low
    return (found & low).astype(np.int64), first[1:] == first[:-1]


def _frame(features: pl.DataFrame, outlook: _Outlook, keys: Integers, minor_per_major: int) -> pl.DataFrame:
    value = rounded(outlook.value_minor / minor_per_major)
    past = rounded(features["net_minor"].to_numpy() / minor_per_major)
    return features.select(
        "customer_no",
        "customer_id",
        risk=pl.lit(pl.Series(rounded(outlook.risk))),
        expected_value=pl.lit(pl.Series(value)),
        value_rank=pl.lit(pl.Series(ranked(value, keys))),
        past_value=pl.lit(pl.Series(past)),
        past_rank=pl.lit(pl.Series(ranked(past, keys))),
        model=pl.lit(named(outlook.parts)),
    ).cast(SCORES)


def rounded(values: Floats) -> Floats:
    """To 1e-6, so that ranks and thresholds do not hang on the last bits; never -0.0."""
    return np.asarray(np.round(values, 6) + 0.0)
