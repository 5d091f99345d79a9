"""Portraits of the churned: groups that are alike in how lately, how often and for how much they bought.

k-means on the logarithms of recency, frequency and money, then the rules of a depth-3 tree: the rules decide who
belongs to a portrait, so that anybody can check it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any, Final

import numpy as np
import polars as pl

from winback.churners.clusters import (
    STABLE,
    Bound,
    Floats,
    Leaf,
    centres_of,
    leaf_of,
    leaves_of,
    nearest_centre,
    stability,
)
from winback.churners.names import USUAL, suggested
from winback.words import Words

CHURNED: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "recency_days": pl.Int64(),  # last order to the day the window began
        "purchase_days": pl.Int64(),
        "net_minor": pl.Int64(),
    }
)
LEAST, FITTED, DEPTH, SEED = 100, 4_000, 3, 1
LEAST_SHARE: Final = 0.05  # of the churned, in a rule: a smaller one says little, and may say the opposite
COUNTS: Final = (3, 4, 5)  # of portraits
BOUGHT: Final = 3  # things named
APART: Final = 1.25  # times the median of all: less is no difference to name a portrait by
REGULAR: Final = 3  # purchase days in the middle, before they are called regulars


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One group: its name, the rules any of which makes a member, and what its members are like.

    ``key``: what it is called in portraits.yaml. Means are of members: days since the last order, purchase days,
    net spend in minor units. ``bought`` and ``causes``: name -> members, the most frequent first; empty where
    lines or causes are not known.
    """

    key: str
    name: Words
    rules: tuple[Words, ...]
    customers: int
    value_minor: int
    recency_days: float
    purchase_days: float
    spend_minor: float
    bought: Mapping[str, int]
    causes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portraits:
    """All portraits, the most valuable first, or why there are none.

    ``stability``: adjusted Rand index of groupings learned from different halves; ``agreement``: the share of
    customers whom the rules put where k-means did.
    """

    portraits: tuple[Portrait, ...]
    stability: float | None
    agreement: float | None
    reason: str | None

    def as_dict(self, minor_per_major: int) -> dict[str, Any]:
        """The JSON; money in major units."""
        return {
            "portraits": [_as_dict(each, minor_per_major) for each in self.portraits],
            "stability": self.stability,
            "agreement": self.agreement,
            "reason": self.reason,
        }


def _as_dict(found: Portrait, minor_per_major: int) -> dict[str, Any]:
    told = asdict(found) | {
        "rules": [each.en for each in found.rules],
        "rules_zh": [each.zh for each in found.rules],
    }
    value, spend = told.pop("value_minor"), told.pop("spend_minor")
    return told | {"value": value / minor_per_major, "spend": spend / minor_per_major}


def portraits(
    churned: pl.DataFrame,
    bought: pl.DataFrame,
    causes: pl.DataFrame,
    minor_per_major: int,
    names: Mapping[str, Words],
) -> Portraits:
    """Portraits of ``churned`` (CHURNED).

    ``bought``: customer_no, name: what each bought, once; ``causes``: customer_no, cause. ``names``: key -> name,
    of those that somebody named.
    """
    churned = churned.sort("customer_no")
    if churned.height < LEAST:
        said = f"{churned.height} customers were lost, fewer than {LEAST}: too few for portraits"
        return Portraits(portraits=(), stability=None, agreement=None, reason=said)
    told = _told(churned, minor_per_major)
    points = _scaled(told)
    sample = points[np.random.default_rng(SEED).permutation(len(points))[:FITTED]]
    k, steady = _how_many(sample)
    groups = nearest_centre(points, centres_of(sample, k, SEED))
    leaves = leaves_of(told, groups, DEPTH, ceil(LEAST_SHARE * len(told)))
    leaf = leaf_of(told, leaves)
    given = np.array([each.label for each in leaves])[leaf]
    named = churned.with_columns(portrait=pl.lit(pl.Series(given)))
    found = []
    for number in np.unique(given):
        members = named.filter(pl.col("portrait") == number)
        ruled = [each for each in leaves if each.label == number]
        key = shape_of(told[given == number], told, ruled)
        found.append(_portrait(members, key, ruled, bought, causes))
    found.sort(key=lambda each: -each.value_minor)
    return Portraits(
        portraits=tuple(with_keys(found, names, minor_per_major)), stability=steady,
        agreement=float((given == groups).mean()), reason=None,
    )  # fmt: skip


def _told(churned: pl.DataFrame, minor_per_major: int) -> Floats:
    """Recency, frequency and money as the rules say them: days, days, whole major units."""
    money = np.maximum(churned["net_minor"].to_numpy(), 0) // minor_per_major
    columns = churned["recency_days"].to_numpy(), churned["purchase_days"].to_numpy(), money
    return np.column_stack(columns).astype(np.float64)


def _scaled(told: Floats) -> Floats:
    logs = np.log1p(told)
    spread = logs.std(axis=0)
    return np.asarray((logs - logs.mean(axis=0)) / np.where(spread > 0, spread, 1))


def _how_many(sample: Floats) -> tuple[int, float]:
    """The most stable number of groups of COUNTS, the least of equals; two, which say little, only where none of
    these is STABLE."""
    tried = [(k, stability(sample, k, SEED)) for k in COUNTS]
    best = max(tried, key=lambda found: (round(found[1], 2), -found[0]))
    if best[1] >= STABLE:
        return best
    return max([best, (2, stability(sample, 2, SEED))], key=lambda found: found[1])


def _portrait(
    members: pl.DataFrame, key: str, leaves: Sequence[Leaf], bought: pl.DataFrame, causes: pl.DataFrame
) -> Portrait:
    return Portrait(
        key=key,
        name=suggested(key),
        rules=tuple(in_words(each.bounds) for each in leaves),
        customers=members.height,
        value_minor=int(members["net_minor"].sum()),
        recency_days=_mean(members, "recency_days"),
        purchase_days=_mean(members, "purchase_days"),
        spend_minor=_mean(members, "net_minor"),
        bought=_most(members, bought, "name"),
        causes=_most(members, causes, "cause"),
    )


def _mean(frame: pl.DataFrame, column: str) -> float:
    return float(frame[column].cast(pl.Float64).to_numpy().mean())


def _most(members: pl.DataFrame, told: pl.DataFrame, column: str) -> dict[str, int]:
    found = told.join(members, on="customer_no", how="semi").drop_nulls(column)
    counts = found.group_by(column).agg(pl.col("customer_no").n_unique().alias("n"))
    return dict(counts.sort(["n", column], descending=[True, False]).head(BOUGHT).iter_rows())


def shape_of(members: Floats, everybody: Floats, leaves: Sequence[Leaf]) -> str:
    """How often, for how much and until when they bought, against all the churned (winback.churners.names).

    Rows as ``_told`` has them. A feature is high or low where the members' median is APART from that of all, and
    none of their rules lies on the other side of that.
    """
    middle, of_all = np.median(members, axis=0), np.median(everybody, axis=0)
    recency, days, spend = (
        _side(leaves, feature, *pair) for feature, pair in enumerate(zip(middle, of_all, strict=True))
    )
    often = {1: "several" if middle[1] < REGULAR else "regulars", -1: "few", 0: USUAL}[days]
    if members[:, 1].max() <= 1:
        often = "one"
    much, until = {1: "much", -1: "little", 0: USUAL}[spend], {1: "quiet", -1: "lately", 0: USUAL}[recency]
    return f"{often}-{much}-{until}"


def _side(leaves: Sequence[Leaf], feature: int, middle: float, of_all: float) -> int:
    """1 where the median is high, -1 where it is low, 0 where it is neither or a rule says otherwise."""
    bounds = [bound for leaf in leaves for bound in leaf.bounds if bound.feature == feature]
    if middle > of_all and middle >= APART * of_all:
        return 0 if any(not bound.above and bound.threshold <= of_all for bound in bounds) else 1
    if middle < of_all and APART * middle <= of_all:
        return 0 if any(bound.above and bound.threshold >= of_all for bound in bounds) else -1
    return 0


def with_keys(found: Sequence[Portrait], names: Mapping[str, Words], minor_per_major: int) -> Iterator[Portrait]:
    """Each under a key of its own, called as somebody said; of one shape the first has the plain key.

    The suggested names of one shape also say the mean in which its portraits are furthest apart.
    """
    seen: Counter[str] = Counter()
    for each in found:
        alike = [other for other in found if other.key == each.key]
        seen[each.key] += 1
        key = each.key if seen[each.key] == 1 else f"{each.key}-{seen[each.key]}"
        suggestion = _told_apart(each, alike, seen[each.key], minor_per_major) if len(alike) > 1 else each.name
        yield replace(each, key=key, name=names.get(key, suggestion))


def _told_apart(one: Portrait, alike: Sequence[Portrait], number: int, minor_per_major: int) -> Words:
    """The name with the mean that tells it from those alike; with its number where none does."""
    means = [_means(each, minor_per_major) for each in alike]
    logs = np.log1p(np.maximum([[value for value, _, _ in each] for each in means], 0))
    feature = int(np.ptp(logs, axis=0).argmax())
    said = [Words(each[feature][1], each[feature][2]) for each in means]
    mine = said[alike.index(one)]
    if said.count(mine) > 1:
        return Words(f"{one.name.en} ({number})", f"{one.name.zh}（{number}）")
    return Words(f"{one.name.en} ({mine.en})", f"{one.name.zh}（{mine.zh}）")


def _means(found: Portrait, minor_per_major: int) -> list[tuple[float, str, str]]:
    """The three means, each as a number and in words."""
    silent, days, spent = found.recency_days, found.purchase_days, found.spend_minor / minor_per_major
    return [
        (silent, f"on average {silent:,.0f} days since the last order", f"平均距上次下单 {silent:,.0f} 天"),
        (days, f"on average {days:,.1f} purchase days", f"平均购买 {days:,.1f} 天"),
        (spent, f"on average {spent:,.0f} spent", f"平均消费 {spent:,.0f}"),
    ]


_FEATURES: Final = (
    Words("days since the last order", "距上次下单天数"),
    Words("purchase days", "购买天数"),
    Words("spent", "消费"),
)
_EVERYBODY: Final = Words("everybody", "全部")


def in_words(bounds: tuple[Bound, ...]) -> Words:
    """``purchase days 2 to 4 and spent above 100``; bounds of the same side of a feature once, the narrower."""
    told = []
    for feature in sorted({each.feature for each in bounds}):
        above = [each.threshold for each in bounds if each.feature == feature and each.above]
        up_to = [each.threshold for each in bounds if each.feature == feature and not each.above]
        told.append(_said(_FEATURES[feature], max(above, default=None), min(up_to, default=None)))
    if not told:
        return _EVERYBODY
    return Words(" and ".join(each.en for each in told), "，且".join(each.zh for each in told))


def _said(name: Words, above: float | None, up_to: float | None) -> Words:
    """One or two bounds of a feature, whose values are whole."""
    if above is None:
        return Words(f"{name.en} at most {up_to:,.0f}", f"{name.zh}不超过 {up_to:,.0f}")
    if up_to is None:
        return Words(f"{name.en} above {above:,.0f}", f"{name.zh}大于 {above:,.0f}")
    least, most = f"{above + 1:,.0f}", f"{up_to:,.0f}"
    if least == most:
        return Words(f"{name.en} {most}", f"{name.zh}为 {most}")
    return Words(f"{name.en} {least} to {most}", f"{name.zh} {least} 至 {most}")
