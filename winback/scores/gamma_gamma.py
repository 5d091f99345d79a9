"""Gamma-gamma: what one purchase day of a customer brings.

A day's spend varies around the customer's own mean, Gamma(p, nu), and the means vary between customers,
nu ~ Gamma(q, gamma) (Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value", note 025). With z the
mean over x days a customer's likelihood is

    Gamma(px+q) / (Gamma(px) Gamma(q)) * gamma^q * z^(px-1) * x^px / (gamma + x z)^(px+q)

and his mean, seen from his history, (gamma + x z) p / (px + q - 1): between the population's mean
p gamma/(q-1) and his own, the nearer to his own the more days there are. It exists for q > 1 only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

BOUND: Final = np.log(1e5)
"""The search keeps p, q and gamma, spend rescaled by its mean, within [1e-5, 1e5]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFit:
    """A fitted model; ``gamma`` in the unit of the money it was fitted on."""

    p: float
    q: float
    gamma: float
    log_likelihood: float


def fit_spend(days: Floats, total: Floats) -> SpendFit:
    """The maximum-likelihood fit, the same in cents and in dollars.

    ``days`` (>= 1) and ``total`` (> 0): purchase days and their summed spend for each customer, shape (n,).
    """
    mean = total / days
    unit = float(mean.mean())
    found = minimize(
        _loss,
        np.array([1.0, 1.0, 0.0]),
        args=(*np.unique(days, return_inverse=True), days, mean / unit),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-BOUND, BOUND)] * 3,
        options={"ftol": 1e-15, "gtol": 1e-8, "maxiter": 500},
    )
    p, q, gamma = (float(value) for value in np.exp(found.x))
    log_likelihood = -len(days) * (float(found.fun) + float(np.log(unit)))
    return SpendFit(p=p, q=q, gamma=gamma * unit, log_likelihood=log_likelihood)


def expected_spend(model: SpendFit, days: Floats, total: Floats) -> Floats:
    """Expected spend on one more purchase day; shape (n,). No days: the population's mean. Needs q > 1."""
    return np.asarray((model.gamma + total) * model.p / (model.p * days + model.q - 1))


def _loss(logs: Floats, counts: Floats, at: Integers, days: Floats, mean: Floats) -> tuple[float, Floats]:
    """Minus the mean log-likelihood and its gradient by the logs of (p, q, gamma).

    ``counts``: the distinct numbers of days, ``at``: which is whose. Gamma functions are taken of these alone.
    """
    p, q, gamma = np.exp(logs)
    shapes, shape, sum_ = p * counts, p * days, gamma + days * mean
    log_sum = np.log(sum_)
    value = (gammaln(shapes + q) - gammaln(shapes))[at] - gammaln(q) + q * np.log(gamma)
    value += (shape - 1) * np.log(mean) + (shapes * np.log(counts))[at] - (shape + q) * log_sum
    digamma_all = digamma(shapes + q)
    by_p = days * ((digamma_all - digamma(shapes))[at] + np.log(days * mean) - log_sum)
    by_q = digamma_all[at] - digamma(q) + np.log(gamma) - log_sum
    by_gamma = q / gamma - (shape + q) / sum_
    gradient = np.array([by_p.mean(), by_q.mean(), by_gamma.mean()])
    return -float(value.mean()), -gradient * np.exp(logs)
