"""Why a customer's risk is what it is: up to three facts with their numbers, in words.

A fact has a strength, how far it is from the ordinary in logs, and speaks for staying away or for coming back.
Those on the side of the customer's risk (above or below the mean) come first, the strongest of them first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from string import Formatter
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.words import Language, Words

Floats = NDArray[np.float64]

TOLD: Final = 3
REFUNDED_SHARE: Final = 0.2
"""Of what was paid, from which a refund is worth telling."""


class Why(StrEnum):
    """The facts there are to tell."""

    OVERDUE = "overdue"
    ON_TIME = "on_time"
    SILENT = "silent"
    TODAY = "today"
    ONCE = "once"
    ONE_DAY = "one_day"
    FEWER = "fewer"
    MORE = "more"
    LESS_SPENT = "less_spent"
    MORE_SPENT = "more_spent"
    REFUNDED = "refunded"
    OFTEN = "often"


WHY: Final[dict[Why, Words]] = {
    Why.OVERDUE: Words(
        "no order for {} days, before that a day with an order every {}",
        "已 {} 天没有下单，此前平均每 {} 天有一天下单",
    ),
    Why.ON_TIME: Words(
        "last order {} days ago, a day with an order every {} is usual",
        "{} 天前刚下过单，平时平均每 {} 天有一天下单",
    ),
    Why.SILENT: Words("no order for {} days", "已 {} 天没有下单"),
    Why.TODAY: Words("ordered on the last day known", "在数据的最后一天下过单"),
    Why.ONCE: Words("a single order so far", "至今只下过一单"),
    Why.ONE_DAY: Words("all {} orders on one day", "共下过 {} 单，都在同一天"),
    Why.FEWER: Words(
        "{} orders in the last {} days, {} in as many before", "最近 {1} 天下单 {0} 次，之前同样天数 {2} 次"
    ),
    Why.MORE: Words(
        "{} orders in the last {} days, {} in as many before", "最近 {1} 天下单 {0} 次，之前同样天数 {2} 次"
    ),
    Why.LESS_SPENT: Words(
        "spent {} in the last {} days, {} in as many before", "最近 {1} 天消费 {0}，之前同样天数 {2}"
    ),
    Why.MORE_SPENT: Words(
        "spent {} in the last {} days, {} in as many before", "最近 {1} 天消费 {0}，之前同样天数 {2}"
    ),
    Why.REFUNDED: Words("{} % of what was paid came back as refunds", "已退款占付款的 {} %"),
    Why.OFTEN: Words("{} orders in {} days", "{1} 天内共下单 {0} 次"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """Orders and net spend (minor units) in the last ``days`` and in as many before; shape (n,)."""

    days: int
    orders: Floats
    orders_before: Floats
    minor: Floats
    minor_before: Floats


@dataclass(frozen=True, slots=True)
class _Fact:
    """One fact of everybody: strength (0 = not to be told), +1 for staying away or -1, and its numbers."""

    why: Why
    side: int
    strength: Floats
    numbers: tuple[NDArray[np.float64] | NDArray[np.int64] | Floats, ...]


def reasons(
    features: pl.DataFrame, risk: Floats, recent: Recent, minor_per_major: int, language: Language
) -> pl.Series:
    """Up to three reasons for each row of ``features`` (FEATURES), a list of strings."""
    facts = _facts(features, recent, minor_per_major)
    above = np.where(risk >= risk.mean(), 1, -1) if len(risk) else np.empty(0)
    order = np.column_stack(
        [fact.strength + 100.0 * ((fact.side == above) & (fact.strength > 0)) for fact in facts]
    )
    first = np.argsort(-order, axis=1, kind="stable")[:, :TOLD]
    said = [_column(facts, order, first[:, place], language) for place in range(TOLD)]
    frame = pl.DataFrame({str(place): column for place, column in enumerate(said)})
    return frame.select(reasons=pl.concat_list(pl.all()).list.drop_nulls())["reasons"]


def _column(facts: Sequence[_Fact], order: Floats, chosen: NDArray[np.int64], language: Language) -> pl.Series:
    """The text of one place, null for those who have no more to tell."""
    told = pl.repeat(None, len(chosen), dtype=pl.String, eager=True)
    for index, fact in enumerate(facts):
        rows = np.flatnonzero((chosen == index) & (order[:, index] > 0))
        if len(rows):
            pattern = WHY[fact.why].en if language == "en" else WHY[fact.why].zh
            told = told.scatter(rows, _filled(pattern, [_texts(column[rows]) for column in fact.numbers]))
    return told


def _filled(pattern: str, numbers: Sequence[pl.Series]) -> pl.Series | str:
    """``pattern`` with each row of ``numbers`` in its places; "1 order", "1 day" in English."""
    if not numbers:
        return pattern
    pieces: list[pl.Series | pl.Expr] = []
    following = count()
    for words, place, _, _ in Formatter().parse(pattern):
        pieces.append(pl.lit(words))
        if place is not None:
            pieces.append(numbers[int(place) if place else next(following)])
    text = pl.concat_str(pieces).str.replace_all(" 1 orders", " 1 order", literal=True)
    return pl.select(
        text.str.replace_all(" 1 days", " 1 day", literal=True).str.replace("^1 orders", "1 order")
    ).to_series()


def _texts(column: NDArray[np.float64] | NDArray[np.int64]) -> pl.Series:
    if column.dtype.kind == "i":
        return pl.Series(column).cast(pl.String)
    return pl.Series([f"{value:,.2f}" for value in column.tolist()], dtype=pl.String)


def _facts(features: pl.DataFrame, recent: Recent, minor_per_major: int) -> list[_Fact]:
    age, span, days = (
        features[name].to_numpy().astype(float) for name in ("age_days", "span_days", "purchase_days")
    )
    gross, net = (features[name].to_numpy().astype(float) for name in ("gross_minor", "net_minor"))
    silent = age - span
    gap = span / np.maximum(days - 1, 1)
    regular = (days >= 3) & (gap >= 1)
    late = np.where(regular, np.log((silent + 1) / (gap + 1)), 0.0)
    typical = float(np.median(silent)) if len(silent) else 0.0
    quiet = np.where(silent > 0, np.maximum(np.log((silent + 1) / (typical + 1)), 0) + 0.2, 0.0)
    fewer = np.log((recent.orders_before + 0.5) / (recent.orders + 0.5))
    known = age >= 2 * recent.days - 1  # who was there for both windows
    both = known & (recent.minor > 0) & (recent.minor_before > 0)
    spend = np.log(np.where(both, recent.minor_before + 1, 1) / np.where(both, recent.minor + 1, 1))
    refunded = np.divide(gross - net, gross, out=np.zeros_like(gross), where=gross > 0)
    whole = [silent.astype(np.int64), np.maximum(np.rint(gap), 1).astype(np.int64)]
    window = np.full(len(age), recent.days, dtype=np.int64)
    counts = recent.orders.astype(np.int64), window, recent.orders_before.astype(np.int64)
    money = recent.minor / minor_per_major, window, recent.minor_before / minor_per_major
    orders = features["orders"].to_numpy()
    often = orders, (age + 1).astype(np.int64)
    return [
        _Fact(Why.OVERDUE, 1, np.where(silent > gap, late, 0.0), tuple(whole)),
        _Fact(Why.ON_TIME, -1, np.where((silent > 0) & (silent <= gap), -late, 0.0), tuple(whole)),
        _Fact(Why.SILENT, 1, np.where(late > 0, 0.0, quiet), (whole[0],)),
        _Fact(Why.TODAY, -1, (silent == 0) * 2.0, ()),
        _Fact(Why.ONCE, 1, (orders == 1) * 0.7, ()),
        _Fact(Why.ONE_DAY, 1, ((days == 1) & (orders > 1)) * 0.7, (orders,)),
        _Fact(Why.FEWER, 1, np.where(known & (fewer > 0.3), fewer, 0.0), counts),
        _Fact(Why.MORE, -1, np.where(known & (fewer < -0.3), -fewer, 0.0), counts),
        _Fact(Why.LESS_SPENT, 1, np.where(both & (spend > 0.3), spend / 2, 0.0), money),
        _Fact(Why.MORE_SPENT, -1, np.where(both & (spend < -0.3), -spend / 2, 0.0), money),
        _Fact(Why.REFUNDED, 1, np.where(refunded >= REFUNDED_SHARE, refunded, 0.0), (_percent(refunded),)),
        _Fact(Why.OFTEN, -1, np.where(days > 1, 0.1 + np.log(days) / 4, 0.0), often),
    ]


def _percent(share: Floats) -> NDArray[np.int64]:
    return np.rint(100 * share).astype(np.int64)
