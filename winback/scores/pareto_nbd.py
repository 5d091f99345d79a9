"""Pareto/NBD: customers order at their own rate until, at a moment nobody sees, they stop for good.

A customer orders at rate lambda ~ Gamma(r, alpha) and stops at rate mu ~ Gamma(s, beta), whether he orders or not
(Schmittlein, Morrison & Colombo 1987, Management Science 33(1); in the notation of Fader & Hardie 2005, "A Note on
Deriving the Pareto/NBD Model"). Of a history ``(repeats x, last t_x, age T)`` as in ``btyd``:

    L = Gamma(r+x)/Gamma(r) * alpha^r beta^s * (alpha+T)^-(r+x) (beta+T)^-s * (1 + D)
    D = integral over t from t_x to T of  s/(beta+t) ((alpha+T)/(alpha+t))^(r+x) ((beta+T)/(beta+t))^s

D is the odds of having stopped. The integral is 2F1 functions in closed form; here it is taken by Gauss-Legendre
in log time, ln(alpha+t), up to where what is left is nothing: no cancellation, nothing special where alpha = beta,
and its derivatives are means under the same weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, exprel

from winback.scores.btyd import BOUND, Histories, Table, collapse, ordering, thin, weighted_sum
from winback.scores.distinct import distinct

Floats = NDArray[np.float64]

STARTS: Final = (np.array([-0.5, -1.0, -0.5, -1.0]), np.array([0.0, 0.0, -3.0, 1.0]))
"""Logs of (r, alpha, s, beta) to start from, time rescaled: much dropout, and nearly none."""

POINTS, WEIGHTS = np.polynomial.legendre.leggauss(10)
"""Of the quadrature: six digits of D or more (tests/test_pareto_nbd.py)."""

DECAY: Final = 18.0
"""The integrand is followed until it has fallen by e^-18."""

ROUGH: Final = 1_500
"""Distinct histories the starting points are tried on; all are used from the better one's top."""

CHUNK: Final = 8_000
"""Histories at once, so that memory stays flat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoFit:
    """A fitted model; ``alpha`` and ``beta`` in the histories' unit of time, the rest as in ``btyd.Fit``."""

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float
    longest: float

    @property
    def alpha_rescaled(self) -> float:
        """``alpha`` as a share of the largest age, the same whatever the unit of time."""
        return self.alpha / self.longest


@dataclass(frozen=True, slots=True)
class _Means:
    """ln of the integral of the docstring relative to its start, and means of four terms under its weights."""

    log_value: Floats
    log_alpha: Floats  # mean of ln(alpha + t)
    by_alpha: Floats  # mean of 1/(alpha + t)
    log_beta: Floats
    by_beta: Floats


def fit_pareto(histories: Histories, near: ParetoFit | None = None) -> ParetoFit:
    """The maximum-likelihood fit, the same in days, weeks or seconds; identified or not is for the caller.

    ``near``: a fit of much the same customers, to start from instead of STARTS.
    """
    longest = float(histories.age.max())
    table = collapse(histories, longest)
    if near is None:
        rough = thin(table, ROUGH)
        _, best = min((_climb(start, rough, 1e-8) for start in STARTS), key=lambda found: found[0])
    else:
        best = np.log([near.r, near.alpha / longest, near.s, near.beta / longest])
    value, logs = _climb(best, table, 1e-11)
    r, alpha, s, beta = (float(each) for each in np.exp(logs))
    moved = float(histories.repeats.sum()) * float(np.log(longest))
    return ParetoFit(
        r=r,
        alpha=alpha * longest,
        s=s,
        beta=beta * longest,
        log_likelihood=-value * len(histories.repeats) - moved,
        longest=longest,
    )


def pareto_silence(model: ParetoFit, histories: Histories, *, horizon: float) -> Floats:
    """P(no order within ``horizon`` after the age) for each history; shape (n,), within [0, 1].

    He has stopped, or he lives on without an order, or he stops within the horizon before he orders.
    """
    return pareto_outlook(model, histories, horizon=horizon)[0]


def pareto_orders(model: ParetoFit, histories: Histories, *, horizon: float) -> Floats:
    """Expected orders within ``horizon`` after the age; shape (n,). Fader & Hardie 2005, eq. 40."""
    return pareto_outlook(model, histories, horizon=horizon)[1]


def pareto_outlook(model: ParetoFit, histories: Histories, *, horizon: float) -> tuple[Floats, Floats]:
    """(``pareto_silence``, ``pareto_orders``).

    What those do who live hangs on repeats and age alone: it is reckoned once for each two of these.
    """
    alive = pareto_alive(model, histories)
    ages, age = distinct(histories.age)
    counts, count = distinct(histories.repeats)
    pairs, where = distinct(count * len(ages) + age)
    repeats, start = counts[pairs // len(ages)], ages[pairs % len(ages)]
    silent = _silence_of_living(model, repeats, start, horizon)
    orders = _orders_of_living(model, repeats, start, horizon)
    return np.asarray(np.clip(1 - alive * (1 - silent[where]), 0, 1)), np.asarray(alive * orders[where])


def pareto_alive(model: ParetoFit, histories: Histories) -> Floats:
    """P(not stopped at the age) for each history; shape (n,)."""
    return np.asarray(expit(-_log_odds(model, histories)))


def _silence_of_living(model: ParetoFit, repeats: Floats, age: Floats, horizon: float) -> Floats:
    rate, stop, then = model.r + repeats, np.full_like(age, model.s), age + horizon
    lived = _drop(model.alpha, rate, age, then) + _drop(model.beta, stop, age, then)
    return np.asarray(np.exp(-lived) + np.exp(_log_stop(model, repeats, age, then)))


def _orders_of_living(model: ParetoFit, repeats: Floats, age: Floats, horizon: float) -> Floats:
    living = model.beta + age
    span = np.log1p(horizon / living)
    return np.asarray((model.r + repeats) / (model.alpha + age) * living * span * exprel(-(model.s - 1) * span))


def _drop(scale: float, shape: Floats, start: Floats, end: Floats) -> Floats:
    """ln ((scale + end)/(scale + start))^shape."""
    return np.asarray(shape * np.log1p((end - start) / (scale + start)))


def _log_odds(model: ParetoFit, histories: Histories) -> Floats:
    """ln D; -inf where the last order was made at the age."""
    rate = model.r + histories.repeats
    start, end = histories.last, histories.age
    rise = _drop(model.alpha, rate, start, end) + _drop(model.beta, np.full_like(start, model.s), start, end)
    return np.asarray(rise + _log_stop(model, histories.repeats, start, end))


def _log_stop(model: ParetoFit, repeats: Floats, start: Floats, end: Floats) -> Floats:
    logs = np.empty(len(repeats))
    for at in range(0, len(repeats), CHUNK):
        of = slice(at, at + CHUNK)
        stop = _Stop(model.r, model.alpha, model.s, model.beta, repeats[of], start[of], end[of])
        logs[of] = stop.log_value()
    return logs


@dataclass(frozen=True, slots=True)
class _Point:
    """The integrand of each history at one point of the quadrature; shape (n,)."""

    u: Floats  # ln((alpha + t)/(alpha + start))
    at_alpha: Floats  # alpha + t
    at_beta: Floats
    log_beta: Floats
    mass: Floats  # weight times integrand


class _Stop:
    """P of stopping within [start, end] before an order, given both rates' laws at ``start``: the integral of the
    module's docstring relative to its start. Point by point, so that all stays in the processor's cache."""

    def __init__(
        self, r: float, alpha: float, s: float, beta: float, repeats: Floats, start: Floats, end: Floats
    ) -> None:
        self._s, self._further = s, beta - alpha
        self._rate, self._first, self._log_start = r + repeats, alpha + start, np.log(beta + start)
        span = np.log1p((end - start) / self._first)
        # in u the integrand falls at least as e^-(r+x-1)u: beyond DECAY it is nothing
        self._span = np.minimum(span, DECAY / np.maximum(self._rate - 1, 1e-9))

    def points(self) -> Iterator[_Point]:
        """All points of the quadrature."""
        for point, weight in zip(POINTS.tolist(), WEIGHTS.tolist(), strict=True):
            u = self._span * ((point + 1) / 2)
            at_alpha = self._first * np.exp(u)
            at_beta = at_alpha + self._further
            log_beta = np.log(at_beta)
            fall = self._rate * u + self._s * (log_beta - self._log_start)
            yield _Point(u, at_alpha, at_beta, log_beta, np.exp(-fall) * (at_alpha / at_beta) * weight)

    def log_value(self) -> Floats:
        """ln of the integral."""
        mass = np.zeros(len(self._span))
        for at in self.points():
            mass += at.mass
        return self._log_of(mass)

    def _log_of(self, mass: Floats) -> Floats:
        with np.errstate(divide="ignore"):  # ln 0 where the span is 0: he cannot have stopped
            return np.asarray(np.log(mass * (self._s / 2)) + np.log(self._span))

    def means(self) -> "_Means":
        """The value, and means under the weights."""
        sums = np.zeros((5, len(self._span)))
        for at in self.points():
            sums[0] += at.mass
            sums[1] += at.mass * at.u
            sums[2] += at.mass / at.at_alpha
            sums[3] += at.mass * at.log_beta
            sums[4] += at.mass / at.at_beta
        mass = sums[0]
        u, by_alpha, log_beta, by_beta = sums[1:] / np.maximum(mass, 1e-300)
        return _Means(self._log_of(mass), np.log(self._first) + u, by_alpha, log_beta, by_beta)


def _climb(start: Floats, table: Table, tolerance: float) -> tuple[float, Floats]:
    found = minimize(
        _loss,
        np.clip(start, -BOUND, BOUND),
        args=(table,),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * 4,
        options={"ftol": tolerance, "gtol": 1e-7, "maxiter": 300},
    )
    return float(found.fun), np.asarray(found.x)


def _loss(logs: Floats, table: Table) -> tuple[float, Floats]:
    """Minus the mean log-likelihood and its gradient by the logs of (r, alpha, s, beta)."""
    r, alpha, s, beta = (float(each) for each in np.exp(logs))
    value, by_ordering, _ = ordering(r, alpha, table)
    more, gradient = _staying(r, alpha, s, beta, table)
    gradient[:2] += by_ordering
    return -(value + more), -gradient * np.exp(logs)


def _staying(r: float, alpha: float, s: float, beta: float, table: Table) -> tuple[float, Floats]:
    """Mean of ln[beta^s (beta+T)^-s (1 + D)], its derivatives by r, alpha, s and beta."""
    rate, weight = r + table.repeats, table.weight
    log_alpha, log_beta = np.log(alpha + table.age), np.log(beta + table.age)
    stop = _Stop(r, alpha, s, beta, table.repeats, table.last, table.age).means()
    rise = rate * (log_alpha - np.log(alpha + table.last)) + s * (log_beta - np.log(beta + table.last))
    log_odds = rise + stop.log_value
    stopped = weight * expit(log_odds)
    lived = weighted_sum(weight, log_beta)
    value = s * (np.log(beta) - lived) + weighted_sum(weight, np.logaddexp(0, log_odds))
    gradient = [
        weighted_sum(stopped, log_alpha - stop.log_alpha),
        weighted_sum(stopped, rate * (1 / (alpha + table.age) - stop.by_alpha)),
        np.log(beta) - lived + weighted_sum(stopped, 1 / s + log_beta - stop.log_beta),
        s / beta
        - weighted_sum(weight, s / (beta + table.age))
        + weighted_sum(stopped, s / (beta + table.age) - (s + 1) * stop.by_beta),
    ]
    return float(value), np.array(gradient)
