"""Buy-till-you-die models: how often customers order, and whether they have stopped.

A customer's history is ``(repeats x, last t_x, age T)``: orders after the first (customer-days), time from the
first to the last order, time from the first order to the end of ``as_of``. Orders come at a gamma-distributed
rate, lambda ~ Gamma(r, alpha). After an order a customer may stop for good with probability p ~ Beta(a, b):

- BG/NBD: after every *repeat* order, ``x`` chances (Fader, Hardie & Lee 2005, Marketing Science 24(2)).
- MBG/NBD: after every order, the first included, ``x + 1`` chances (Batislam, Denizel & Filiztekin 2007,
  International Journal of Research in Marketing 24(3)); so a one-order customer can have stopped.
- NBD: nobody stops (Ehrenberg 1959); the limit of both as p goes to 0.

With n chances (x or x + 1) one formula serves all three. A customer with rate lambda and stopping probability p
has the likelihood  lambda^x [ (1-p)^n e^(-lambda T) + p (1-p)^(n-1) e^(-lambda t_x) ],  alive plus stopped at
t_x; mixing over lambda and p gives

    L = Gamma(r+x)/Gamma(r) * alpha^r * B(a, b+n)/B(a, b) * (alpha+T)^-(r+x) * (1 + D)
    D = a/(b+n-1) * ((alpha+T)/(alpha+t_x))^(r+x)          the odds of having stopped; 0 when n = 0

From it: P(alive at T) = 1/(1+D). "No order until T+h" is the same history seen at T+h, so its probability is
L(x, t_x, T+h) / L(x, t_x, T) = P(stopped) + P(alive) * ((alpha+T)/(alpha+T+h))^(r+x).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import digamma, expit, gammaln, zeta

from winback.scores.distinct import distinct

Floats = NDArray[np.float64]

BOUND: Final = np.log(1e5)
"""The search keeps every parameter, time rescaled, within [1e-5, 1e5]."""

STARTS: Final = (np.array([-2.0, 0.0, 0.5, 1.5]), np.array([0.0, 0.0, -5.0, -2.0]))
"""Logs of (r, alpha, a, b) to start from: much dropout, and nearly none. The likelihood can have two tops; of
392 simulated files each start alone missed the higher one in 10 to 27, the two together in 3."""

MANY: Final = 20_000
"""Distinct histories on which the better start is found; all are used from its top."""

STEPS, LONGEST, ROUGH, FLAT = 200, 2.0, 1e-3, 1e-9
"""Of the search: at most so many steps, none longer in any log, until no slope is more than ROUGH from each start
and FLAT from the better one."""

SAME: Final = 0.3
"""In all logs: a search so near a top that is known already has nothing more to find."""

NODES: Final = 48
"""Points of the quadrature over p: eight digits as long as the horizon is under 100 * (alpha + T)."""


class Family(StrEnum):
    """Which of the three models."""

    BG_NBD = "BG/NBD"
    MBG_NBD = "MBG/NBD"
    NBD = "NBD"

    @property
    def chances_before_repeats(self) -> int:
        """How often a customer could have stopped before a repeat order: at the first order or never."""
        return 1 if self is Family.MBG_NBD else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """Histories of customers; three float arrays of one length, in any one unit of time."""

    repeats: Floats
    last: Floats
    age: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted model; ``alpha`` in the histories' unit of time, ``a`` and ``b`` are 0 and 1 for NBD.

    ``log_likelihood`` leaves out, as the papers do, the factor that no parameter enters. ``longest`` is the
    unit the search ran in: the largest age.
    """

    family: Family
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    longest: float

    @property
    def alpha_rescaled(self) -> float:
        """``alpha`` as a share of the largest age, the same whatever the unit of time."""
        return self.alpha / self.longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Distinct histories with their weights (sum 1) in rescaled time, and the weights of each repeat count."""

    repeats: Floats
    last: Floats
    age: Floats
    weight: Floats
    counts: Floats
    count_weight: Floats


def fit(family: Family, histories: Histories) -> Fit:
    """The maximum-likelihood fit of ``family``, the same in days, weeks or seconds.

    Needs at least one customer with a positive age. Whether the parameters are *identified* is for the caller
    to judge: degenerate data end near the edge of the search.
    """
    longest = float(histories.age.max())
    table = collapse(histories, longest)
    first, second = (start[: 2 if family is Family.NBD else 4] for start in STARTS)
    rough = thin(table, MANY)
    found = _climb(first, family, rough, ROUGH)
    other = _climb(second, family, rough, ROUGH, found[1])
    value, logs = _climb(min(found, other, key=lambda top: top[0])[1], family, table, FLAT)
    r, alpha, a, b = _parameters(logs)
    moved = float(histories.repeats.sum()) * float(np.log(longest))
    return Fit(
        family=family,
        r=r,
        alpha=alpha * longest,
        a=a,
        b=b,
        log_likelihood=-value * len(histories.repeats) - moved,
        longest=longest,
    )


def probability_of_no_order(model: Fit, histories: Histories, *, horizon: float) -> Floats:
    """P(no order within ``horizon`` after the age) for each history; shape (n,), within [0, 1]."""
    shape = model.r + histories.repeats
    stopped = expit(_log_odds_stopped(model, histories))
    silent = np.exp(-shape * np.log1p(horizon / (model.alpha + histories.age)))
    return np.asarray(stopped + (1 - stopped) * silent)


def probability_alive(model: Fit, histories: Histories) -> Floats:
    """P(not stopped at the age) for each history; shape (n,). No risk: BG/NBD gives 1 to all with one order."""
    return np.asarray(expit(-_log_odds_stopped(model, histories)))


def expected_orders(model: Fit, histories: Histories, *, horizon: float) -> Floats:
    """Expected orders within ``horizon`` after the age for each history; shape (n,).

    A living customer with rate lambda and stopping probability p makes (1 - e^(-lambda p h))/p orders. Given
    life at T, lambda ~ Gamma(r+x, alpha+T) and p ~ Beta(a, b+n), so the expectation is
    E_p[(1 - (1 + p h/(alpha+T))^-(r+x)) / p], taken by Gauss-Jacobi quadrature: unlike the closed form
    with 2F1 (Fader, Hardie & Lee 2005, eq. 10) nothing is singular at a = 1.
    """
    scaled = horizon / (model.alpha + histories.age)
    if model.family is Family.NBD:
        return np.asarray((model.r + histories.repeats) * scaled)
    repeats, row = distinct(histories.repeats)
    horizons, column = np.unique(scaled, return_inverse=True)
    pairs, where = distinct(row * len(horizons) + column)
    living = np.empty(len(pairs))
    for index, count in enumerate(repeats):
        rows = slice(*np.searchsorted(pairs, (index * len(horizons), (index + 1) * len(horizons))))
        living[rows] = _orders_if_alive(model, float(count), horizons[pairs[rows] % len(horizons)])
    return np.asarray(probability_alive(model, histories) * living[where])


def _orders_if_alive(model: Fit, repeats: float, scaled: Floats) -> Floats:
    chances = repeats + model.family.chances_before_repeats
    p, weight = beta_quadrature(model.a, model.b + chances, NODES)
    made = -np.expm1(-(model.r + repeats) * np.log1p(np.outer(scaled, p)))
    return np.asarray((made * (weight / p)).sum(axis=1))


def beta_quadrature(a: float, b: float, nodes: int) -> tuple[Floats, Floats]:
    """Points in (0, 1) and weights (sum 1) that integrate against Beta(a, b).

    Golub & Welsch 1969 on the recurrence of the Jacobi polynomials: no gamma function, so none overflows.
    """
    k = np.arange(1, nodes)
    total = a + b - 2
    diagonal = np.empty(nodes)
    diagonal[0] = (a - b) / (total + 2)
    diagonal[1:] = (a - b) * total / ((2 * k + total) * (2 * k + total + 2))
    first = 4 * a * b / ((total + 2) ** 2 * (total + 3))
    k = k[1:]
    rest = 4 * k * (k + a - 1) * (k + b - 1) * (k + total)
    rest = rest / ((2 * k + total) ** 2 * (2 * k + total + 1) * (2 * k + total - 1))
    points, vectors = eigh_tridiagonal(diagonal, np.sqrt(np.concatenate(([first], rest))))
    return np.maximum((points + 1) / 2, 1e-30), vectors[0] ** 2


def _log_odds_stopped(model: Fit, histories: Histories) -> Floats:
    """ln D of the module's docstring; -inf where a customer cannot have stopped."""
    chances = histories.repeats + model.family.chances_before_repeats
    if model.family is Family.NBD:
        return np.full(len(chances), -np.inf)
    span = np.log((model.alpha + histories.age) / (model.alpha + histories.last))
    odds = np.log(model.a) - np.log(model.b + np.maximum(chances - 1, 0)) + (model.r + histories.repeats) * span
    return np.where(chances > 0, odds, -np.inf)


def collapse(histories: Histories, longest: float) -> Table:
    """Identical histories become one row: a day-grained file has few distinct ones."""
    columns = histories.repeats, histories.last / longest, histories.age / longest
    order = np.lexsort(columns)
    repeats, last, age = (column[order] for column in columns)
    other = (repeats[1:] != repeats[:-1]) | (last[1:] != last[:-1]) | (age[1:] != age[:-1])
    starts = np.append(0, np.flatnonzero(other) + 1)
    weight = np.diff(starts, append=len(order)) / len(order)
    repeats, last, age = repeats[starts], last[starts], age[starts]
    counts, where = np.unique(repeats, return_inverse=True)
    return Table(
        repeats=repeats,
        last=last,
        age=age,
        weight=weight,
        counts=counts,
        count_weight=np.asarray(np.bincount(where, weights=weight), dtype=np.float64),
    )


def thin(table: Table, rows: int) -> Table:
    """At most ``rows`` distinct histories of ``table``, evenly spaced, with weights that sum to 1."""
    if len(table.weight) <= rows:
        return table
    step = -(-len(table.weight) // rows)
    kept = slice(None, None, step)
    weight = table.weight[kept] / table.weight[kept].sum()
    counts, where = np.unique(table.repeats[kept], return_inverse=True)
    return Table(
        repeats=table.repeats[kept],
        last=table.last[kept],
        age=table.age[kept],
        weight=weight,
        counts=counts,
        count_weight=np.asarray(np.bincount(where, weights=weight), dtype=np.float64),
    )


def _parameters(logs: Floats) -> tuple[float, float, float, float]:
    r, alpha, *dropout = (float(value) for value in np.exp(logs))
    a, b = dropout or (0.0, 1.0)
    return r, alpha, a, b


def _climb(
    start: Floats, family: Family, table: Table, flat: float, known: Floats | None = None
) -> tuple[float, Floats]:
    """The lowest loss reached from ``start``, no slope more than ``flat``, and the logs of the parameters there.

    Ends SAME away from the ``known`` top: it would go to that one.
    Newton's method: of a curve that bends the wrong way the step goes downhill all the same (Dauphin et al. 2014,
    "saddle-free"), a parameter at its bound rests, and a step that leads up is cut.
    """
    logs, (value, slope, curve) = start, _loss(start, family, table)
    for _ in range(STEPS):
        free = ~(((logs <= -BOUND) & (slope > 0)) | ((logs >= BOUND) & (slope < 0)))
        if not (np.abs(slope[free]) > flat).any():
            break
        if known is not None and np.abs(logs - known).max() < SAME:
            break
        sizes, axes = np.linalg.eigh(curve if free.all() else curve[np.ix_(free, free)])
        step = np.zeros(len(logs))
        step[free] = -axes @ (slope[free] @ axes / np.maximum(np.abs(sizes), FLAT))
        step *= min(1.0, LONGEST / np.abs(step).max())
        found = value, slope, curve
        while np.abs(step).max() > FLAT:
            found = _loss(_within(logs + step), family, table)
            if found[0] < value:
                break
            step /= 4
        if not found[0] < value:
            break
        logs, (value, slope, curve) = _within(logs + step), found
    return value, logs


def _within(logs: Floats) -> Floats:
    return np.asarray(np.minimum(np.maximum(logs, -BOUND), BOUND))


def _loss(logs: Floats, family: Family, table: Table) -> tuple[float, Floats, Floats]:
    """Minus the mean log-likelihood, its gradient and second derivatives by the logs of (r, alpha[, a, b])."""
    r, alpha, a, b = _parameters(logs)
    value, gradient, curve = ordering(r, alpha, table)
    if family is not Family.NBD:
        more, by_dropout, bend = _stopping(r, alpha, a, b, family.chances_before_repeats, table)
        by_dropout[:2] += gradient
        bend[:2, :2] += curve
        value, gradient, curve = value + more, by_dropout, bend
    scale = np.exp(logs)
    gradient = gradient * scale
    curve = curve * scale * scale[:, None]
    curve[np.diag_indices(len(scale))] += gradient
    return -value, -gradient, -curve


def ordering(r: float, alpha: float, table: Table) -> tuple[float, Floats, Floats]:
    """Mean of ln[Gamma(r+x)/Gamma(r) * alpha^r * (alpha+T)^-(r+x)], its derivatives by r and alpha, and theirs."""
    shape, alive, counts = r + table.repeats, 1 / (alpha + table.age), r + table.counts
    log_living, orders = -np.log(alive), shape * alive
    mean_log, mean_log_all, mean_orders, mean_alive, bend = _sums(
        table.weight, log_living, shape * log_living, orders, alive, orders * alive
    )
    value = weighted_sum(table.count_weight, gammaln(counts)) - gammaln(r) + r * np.log(alpha) - mean_log_all
    by_r = weighted_sum(table.count_weight, digamma(counts)) - digamma(r) + np.log(alpha) - mean_log
    by_both = 1 / alpha - mean_alive
    curve = [
        [weighted_sum(table.count_weight, zeta(2, counts)) - zeta(2, r), by_both],
        [by_both, bend - r / alpha**2],
    ]
    return float(value), np.array([by_r, r / alpha - mean_orders]), np.array(curve)


def _stopping(
    r: float, alpha: float, a: float, b: float, chances: int, table: Table
) -> tuple[float, Floats, Floats]:
    """Mean of ln[B(a, b+n)/B(a, b) * (1 + D)], its derivatives by r, alpha, a and b, and theirs."""
    shape, living, last = r + table.repeats, 1 / (alpha + table.age), 1 / (alpha + table.last)
    before = table.repeats + (chances - 1)
    earlier = 1 / (b + np.maximum(before, 0))
    span, gap = np.log(last / living), living - last
    odds = np.where(before >= 0, np.log(a * earlier) + shape * span, -np.inf)
    less = np.exp(-np.abs(odds))
    share = np.where(odds > 0, 1.0, less) / (1 + less)
    stopped = table.weight * share
    at = np.concatenate((a + b + table.counts + chances, b + table.counts + chances, (a + b, b)))
    both, own = _differences(gammaln(at), table.count_weight)
    value = own - both + weighted_sum(table.weight, np.maximum(odds, 0) + np.log1p(less))
    by = np.array([span, shape * gap, np.full_like(span, 1 / a), -earlier])  # ln D by the four
    gradient = np.einsum("in,n->i", by, stopped)
    both, own = _differences(digamma(at), table.count_weight)
    gradient[2:] += -both, own - both
    curve = np.einsum("in,jn->ij", stopped * (1 - share) * by, by)
    mixed, bend, least, whole = _sums(stopped, gap, shape * (last**2 - living**2), earlier**2, np.ones_like(gap))
    both, own = _differences(zeta(2, at), table.count_weight)
    curve[:2, :2] += [[0, mixed], [mixed, bend]]
    curve[2:, 2:] += [[-both - whole / a**2, -both], [-both, own - both + least]]
    return float(value), gradient, curve


def _differences(values: Floats, weight: Floats) -> tuple[float, float]:
    """Means over the repeat counts less the value without any: of a + b + n and a + b, and of b + n and b."""
    count = len(weight)
    both, own = weighted_sum(weight, values[:count]), weighted_sum(weight, values[count:-2])
    return both - float(values[-2]), own - float(values[-1])


def _sums(weight: Floats, *values: Floats) -> list[float]:
    """``weighted_sum`` of each of ``values``."""
    found: list[float] = np.einsum("in,n->i", np.array(values), weight).tolist()
    return found


def weighted_sum(weight: Floats, values: Floats) -> float:
    """Weighted sum without BLAS, whose threads make it ten times slower here and its last bits the machine's."""
    return float((weight * values).sum())
