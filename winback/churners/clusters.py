"""k-means whose number of groups is chosen by stability, and a small decision tree that says a grouping in rules.

Both on NumPy alone: a few hundred points a cluster need no library, and the base install has none.
"""

from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

STARTS, ROUNDS, PAIRS = 8, 100, 6
STABLE: Final = 0.9  # adjusted Rand index between groupings of different halves
CANDIDATES: Final = 64  # thresholds tried for each feature of a node


def adjusted_rand(one: Labels, other: Labels) -> float:
    """Agreement of two groupings, 1 = the same, 0 = as by chance (Hubert & Arabie 1985)."""
    table = np.zeros((one.max() + 1, other.max() + 1), dtype=np.int64)
    np.add.at(table, (one, other), 1)

    def pairs(counts: NDArray[np.int64]) -> float:
        return float(sum(comb(int(count), 2) for count in counts.ravel()))

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / max(comb(len(one), 2), 1)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def nearest_centre(points: Floats, centres: Floats) -> Labels:
    """The number of the centre each point is nearest to."""
    distances = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(distances.argmin(axis=1), dtype=np.int64)


def centres_of(points: Floats, k: int, seed: int) -> Floats:
    """k-means centres (Lloyd, k-means++ starts: Arthur & Vassilvitskii 2007), the best of several starts."""
    random = np.random.default_rng(seed)
    found = [_settled(points, _spread(points, k, random)) for _ in range(STARTS)]
    return min(found, key=lambda centres: float(((points - centres[nearest_centre(points, centres)]) ** 2).sum()))


def _spread(points: Floats, k: int, random: np.random.Generator) -> Floats:
    chosen = [points[random.integers(len(points))]]
    while len(chosen) < k:
        far = np.min([((points - each) ** 2).sum(axis=1) for each in chosen], axis=0)
        total = far.sum()
        place = random.choice(len(points), p=far / total) if total > 0 else random.integers(len(points))
        chosen.append(points[place])
    return np.array(chosen)


def _settled(points: Floats, centres: Floats) -> Floats:
    for _ in range(ROUNDS):
        labels = nearest_centre(points, centres)
        moved = np.array(
            [points[labels == n].mean(axis=0) if (labels == n).any() else centres[n] for n in range(len(centres))]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def stability(points: Floats, k: int, seed: int) -> float:
    """Mean adjusted Rand index, over all points, of pairs of groupings each learned from its own half."""
    random = np.random.default_rng(seed)
    scores = []
    for _ in range(PAIRS):
        order = random.permutation(len(points))
        halves = np.array_split(order, 2)
        one, other = (nearest_centre(points, centres_of(points[half], k, seed)) for half in halves)
        scores.append(adjusted_rand(one, other))
    return float(np.mean(scores))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One condition of a rule: the feature's number, and above or at most the threshold."""

    feature: int
    above: bool
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A rule of the tree: all bounds hold; ``label`` is the grouping it stands for."""

    bounds: tuple[Bound, ...]
    label: int


def leaves_of(
    features: Floats, labels: Labels, depth: int, least: int = 1, bounds: tuple[Bound, ...] = ()
) -> list[Leaf]:
    """A decision tree (CART: least Gini impurity, Breiman et al. 1984) as the rules of its leaves.

    No leaf holds fewer than ``least`` rows, and no two leaves of one split stand for the same grouping.
    """
    whole = Leaf(bounds=bounds, label=int(np.bincount(labels).argmax()))
    split = _best_split(features, labels, least) if depth and len(np.unique(labels)) > 1 else None
    if split is None:
        return [whole]
    feature, threshold = split
    above = features[:, feature] > threshold
    leaves = [
        leaf
        for side in (False, True)
        for leaf in leaves_of(
            features[above == side],
            labels[above == side],
            depth - 1,
            least,
            (*bounds, Bound(feature=feature, above=side, threshold=threshold)),
        )
    ]
    return leaves if len({leaf.label for leaf in leaves}) > 1 else [whole]


def _best_split(features: Floats, labels: Labels, least: int) -> tuple[int, float] | None:
    tried = [
        (_impurity(above, labels), feature, float(threshold))
        for feature in range(features.shape[1])
        for threshold in _thresholds(features[:, feature])
        if least <= (above := features[:, feature] > threshold).sum() <= len(labels) - least
    ]
    if not tried:
        return None
    impurity, feature, threshold = min(tried)
    return (feature, threshold) if impurity < _impurity(np.zeros(len(labels), dtype=bool), labels) else None


def _thresholds(values: Floats) -> Floats:
    """Values a split can be at: the distinct ones but the largest, thinned to CANDIDATES."""
    distinct = np.unique(values)[:-1]
    places = np.unique(np.linspace(0, len(distinct) - 1, min(CANDIDATES, len(distinct))).astype(int))
    return np.asarray(distinct[places]) if len(distinct) else distinct


def _impurity(above: NDArray[np.bool_], labels: Labels) -> float:
    total = 0.0
    for side in (above, ~above):
        counts = np.bincount(labels[side])
        total += counts.sum() - (counts**2).sum() / max(counts.sum(), 1)
    return float(total)


def leaf_of(features: Floats, leaves: list[Leaf]) -> Labels:
    """The number of the leaf each row falls into."""
    found = np.zeros(len(features), dtype=np.int64)
    for number, leaf in enumerate(leaves):
        inside = np.ones(len(features), dtype=bool)
        for bound in leaf.bounds:
            inside &= (features[:, bound.feature] > bound.threshold) == bound.above
        found[inside] = number
    return found
