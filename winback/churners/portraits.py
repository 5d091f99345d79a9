"""Portraits of the churned: groups that are alike in how lately, how often and for how much they bought.

k-means on the logarithms of recency, frequency and money, then the rules of a depth-3 tree: the rules decide who
belongs to a portrait, so that anybody can check it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl

from winback.churners.clusters import (
    STABLE,
    Bound,
    Floats,
    centres_of,
    leaf_of,
    leaves_of,
    nearest_centre,
    stability,
)
from winback.churners.names import suggested
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
COUNTS: Final = (3, 4, 5)  # of portraits
BOUGHT: Final = 3  # things named


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
    leaves = leaves_of(told, groups, DEPTH)
    leaf = leaf_of(told, leaves)
    given = np.array([each.label for each in leaves])[leaf]
    named = churned.with_columns(portrait=pl.lit(pl.Series(given)))
    found = []
    for number in np.unique(given):
        members = named.filter(pl.col("portrait") == number)
        rules = tuple(in_words(each.bounds) for each in leaves if each.label == number)
        found.append(_portrait(members, churned, rules, bought, causes))
    found.sort(key=lambda each: -each.value_minor)
    return Portraits(
        portraits=tuple(with_keys(found, names)), stability=steady,
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
    members: pl.DataFrame,
    everybody: pl.DataFrame,
    rules: tuple[Words, ...],
    bought: pl.DataFrame,
    causes: pl.DataFrame,
) -> Portrait:
    key = _shape(members, everybody)
    return Portrait(
        key=key,
        name=suggested(key),
        rules=rules,
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


def _shape(members: pl.DataFrame, everybody: pl.DataFrame) -> str:
    """How often, for how much and until when they bought, against all the churned (winback.churners.names)."""
    days, spend, recency = (
        _mean(members, name) >= _mean(everybody, name) for name in ("purchase_days", "net_minor", "recency_days")
    )
    often = "one" if _mean(members, "purchase_days") < 1.5 else "regulars" if days else "few"
    return f"{often}-{'much' if spend else 'little'}-{'quiet' if recency else 'lately'}"


def with_keys(found: Sequence[Portrait], names: Mapping[str, Words]) -> Iterator[Portrait]:
    """Each under a key of its own, called as somebody said; of one shape the first has the plain key."""
    seen: Counter[str] = Counter()
    for each in found:
        seen[each.key] += 1
        key = each.key if seen[each.key] == 1 else f"{each.key}-{seen[each.key]}"
        yield replace(each, key=key, name=names.get(key, each.name))


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
