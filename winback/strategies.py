"""Which variant won: each pair by its own contrast, never by which of them beat the hold-out.

One variant that differs from the hold-out and one that does not may still be alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from winback.contrast import MoneySums, RateSums
from winback.intervals import ALPHA, mean_difference, welch
from winback.significance import holm, p_newcombe, p_pooled_means
from winback.verdict import FEWEST_EVENTS, MONEY_FLOOR

S = TypeVar("S", RateSums, MoneySums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One variant minus another; ``p_holm`` over all pairs, None where there is too little to say."""

    one: str
    other: str
    difference: float | None
    p_holm: float | None

    @property
    def differs(self) -> bool:
        """Whether the two differ with every pair counted."""
        return self.p_holm is not None and self.p_holm <= ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The variant that beats every other one, or None: can't tell."""

    variant: str | None
    pairs: tuple[Pair, ...]


def best_rate(variants: Sequence[RateSums], *, lower_is_better: bool) -> Winner:
    """By Newcombe's interval; a variant with fewer than five events or non-events beats nobody."""
    return _best(variants, _rate_difference, _rate_p, lower_is_better)


def best_money(variants: Sequence[MoneySums], *, lower_is_better: bool = False) -> Winner:
    """By Welch and the pooled-variance test together; below the money floor of buyers a variant beats nobody."""
    return _best(variants, lambda a, b: mean_difference(a.sums, b.sums), _money_p, lower_is_better)


def _best(
    variants: Sequence[S],
    difference: Callable[[S, S], float | None],
    p_value: Callable[[S, S], float | None],
    lower_is_better: bool,
) -> Winner:
    both = list(combinations(variants, 2))
    pairs = tuple(
        Pair(one=a.arm, other=b.arm, difference=difference(a, b), p_holm=p)
        for (a, b), p in zip(both, holm([p_value(a, b) for a, b in both]), strict=True)
    )
    wins = [_winner_of(pair, lower_is_better) for pair in pairs if pair.differs]
    most = next((each.arm for each in variants if wins.count(each.arm) == len(variants) - 1), None)
    return Winner(variant=most if pairs else None, pairs=pairs)


def _winner_of(pair: Pair, lower_is_better: bool) -> str:
    return pair.one if ((pair.difference or 0) < 0) == lower_is_better else pair.other


def _rate_difference(one: RateSums, other: RateSums) -> float | None:
    a, b = one.proportion.rate, other.proportion.rate
    return None if a is None or b is None else a - b


def _rate_p(one: RateSums, other: RateSums) -> float | None:
    if min(one.x, one.n - one.x, other.x, other.n - other.x) < FEWEST_EVENTS:
        return None
    return p_newcombe(one.proportion, other.proportion)


def _money_p(one: MoneySums, other: MoneySums) -> float | None:
    test, pooled = welch(one.sums, other.sums), p_pooled_means(one.sums, other.sums)
    if min(one.buyers, other.buyers) < MONEY_FLOOR or test is None or pooled is None:
        return None
    return max(test.p, pooled)
