"""Learners as one lesson taught them: what followed for the customers of an earlier day, asked of today's.

Their columns are the windows, and what a model of orders and gamma-gamma say, where such a model is identified on
both days; else the windows alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from winback.customers.order_log import Windows
from winback.scores.learners import learn_boosted, learn_logistic, learn_value
from winback.scores.levels import EDGE, logits_of
from winback.scores.order_fit import OrderFit, asked, fit_orders
from winback.scores.recipe import Model, Recipe
from winback.scores.spend import spending
from winback.scores.standing import Lesson, Standing, closed_then, histories_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

MIN_EACH: Final = 100
"""Customers of a lesson who ordered, and who did not, before a learner is taught."""

FITTED_ORDERS: Final = 10_000
"""Customers models of orders and spend are fitted on, the first of ``fitted``; learners use all of them. Against a
fit on 300,000 simulated customers a risk moves by 0.002 in the mean, 0.009 at most, all orders by 0.2 %."""

BLOCK: Final = 16_000
"""Customers learners are asked about at once, so that memory stays flat."""

Modelled = tuple[Floats, ...]
"""By the model of orders: risk, expected orders, spend on one of them in units of its mean; each of shape (n,).
Empty where none is identified."""


@dataclass(frozen=True, slots=True)
class Taught:
    """Learners taught by one lesson of so many ``days``, each when first asked; ``windows``: of who is asked.

    ``expected``: net (minor units) by the model of orders, for the customers of the lesson; None without one.
    """

    windows: Windows
    days: int
    matrix: Floats
    silent: Mask
    value: Floats
    expected: Floats | None

    def asked(
        self, rows: int, modelled: Modelled, parts: Sequence[Model], *, with_value: bool
    ) -> tuple[dict[Model, Floats], Floats]:
        """Of each of so many ``rows``: logits of P(no order) by each of ``parts``, and the log of LightGBM's value
        over the model of orders' (0 where it is not wanted, or there is no such model)."""
        learners = {Model.LIGHTGBM: learn_boosted, Model.LOGISTIC: learn_logistic}
        learned = [learners[part](self.matrix, self.silent) for part in parts]
        if with_value and self.expected is not None and self.value.any():
            learned.append(learn_value(self.matrix, self.value, self.expected))
        answers = np.zeros((len(parts) + 1, rows))
        used = modelled if self.expected is not None else ()
        for at in range(0, rows, BLOCK):
            of = slice(at, at + BLOCK)
            matrix = _matrix(self.windows(of), tuple(column[of] for column in used))
            for answer, ask in zip(answers, learned, strict=False):
                answer[of] = ask(matrix)
        return dict(zip(parts, answers, strict=False)), answers[-1]


def taught_by(now: Standing, recipe: Recipe, near: OrderFit | None) -> Taught | str:
    """What the lesson of ``now`` teaches, or why it teaches nothing; ``near``: the model of orders of ``now``."""
    lesson = now.lesson
    if lesson is None or lesson.at.windows is None or now.windows is None:
        return "nobody was known long enough before"
    if refused := _too_few(lesson):
        return refused
    if closed := closed_then(now.recency_days, lesson.at.recency_days):
        return f"{lesson.days} days before, {closed}"
    modelled, expected = _by_orders(lesson, recipe, near) if near is not None else ((), None)
    matrix, value = _matrix(lesson.at.windows(slice(None)), modelled), np.maximum(lesson.minor, 0.0)
    rows = _by_history(lesson)
    told = None if expected is None else expected[rows]
    return Taught(now.windows, lesson.days, matrix.T[:, rows].T, ~lesson.ordered[rows], value[rows], told)


def _by_history(lesson: Lesson) -> Integers:
    """The rows ordered by what is known of them, not by who they are: LightGBM learns from some of them."""
    known = ("gross_minor", "purchase_days", "span_days", "age_days")
    return np.lexsort((lesson.minor, *(lesson.at.features[name].to_numpy() for name in known)))


def _too_few(lesson: Lesson) -> str | None:
    came, stayed = int(lesson.ordered.sum()), int((~lesson.ordered).sum())
    if min(came, stayed) >= MIN_EACH:
        return None
    said = f"of the customers known {lesson.days} days before, {came} ordered since and {stayed} did not"
    return f"{said}, and {MIN_EACH} of each are needed"


def _by_orders(lesson: Lesson, recipe: Recipe, near: OrderFit) -> tuple[Modelled, Floats | None]:
    """What the model of orders, fitted on the lesson's day, says of its customers, and their expected net > 0."""
    few = lesson.at.features[lesson.at.fitted[:FITTED_ORDERS]]
    fitted, _ = fit_orders(recipe.orders, histories_of(few), near)
    if fitted is None:
        return (), None
    risk, made = asked(fitted, histories_of(lesson.at.features), horizon=lesson.days)
    spent = spending(lesson.at.features, few)
    expected = made * spent.net
    return (risk, made, spent.relative), np.maximum(expected, max(float(expected.mean()) * EDGE, EDGE))


def _matrix(windows: list[Floats], modelled: Modelled) -> Floats:
    """The learners' columns, each in one piece."""
    told = (logits_of(modelled[0]), *(np.log(each + EDGE) for each in modelled[1:])) if modelled else ()
    return np.array((*windows, *told)).T
