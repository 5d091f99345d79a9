"""What each model says of a set of customers, and the one answer made of it.

Models of orders are fitted on the customers' own histories; learners on what followed one label window earlier (a
Lesson). Risks are averaged in logits. Where the lesson is shorter than the horizon the learners' level means
nothing: they are shifted to the mean risk of the model of orders, so that they only say who before whom.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

from winback.customers.order_log import Windows
from winback.scores.btyd import Histories
from winback.scores.gamma_gamma import expected_spend, fit_spend
from winback.scores.learners import learn_boosted, learn_logistic, learn_value
from winback.scores.order_fit import MIN_REPEATERS, OrderFit, asked, fit_orders, model_of
from winback.scores.recipe import LEARNERS, ORDER_MODELS, Model, Recipe

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

MIN_EACH: Final = 100
"""Customers of a lesson who ordered, and who did not, before a learner is taught."""

FITTED_ORDERS: Final = 10_000
"""Customers models of orders and spend are fitted on, the first of ``fitted``; learners use all of them. Against a
fit on 300,000 simulated customers a risk moves by 0.002 in the mean, 0.009 at most, all orders by 0.2 %."""

_Modelled = tuple[Floats, Floats, Floats]  # risk, expected orders, spend on one of them

BLOCK: Final = 16_000
"""Customers learners are asked about at once, so that memory stays flat."""

EDGE: Final = 1e-6
"""Risks stay this far from 0 and 1 before their logits are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Customers at the end of ``as_of``: FEATURES rows, ``windows_at`` of them, and what taught the learners.

    ``fitted``: the rows models are fitted on, in the order of their keys.
    """

    as_of: date
    features: pl.DataFrame
    fitted: Integers
    windows: Windows | None = None
    lesson: "Lesson | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Customers at an earlier day and what followed within ``days``: an order or none, and the net of it."""

    at: Standing
    days: int
    ordered: Mask
    minor: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What each model says of the rows of a Standing; ``orders`` None where no model of orders is identified.

    ``risk``: P(no order) by model. ``value``: expected net (minor units) by model of orders, and LightGBM's.
    """

    orders: Model | None
    risk: dict[Model, Floats] = field(default_factory=dict)
    value: dict[Model, Floats] = field(default_factory=dict)
    level: float | None = None  # mean risk the learners are held to, where the lesson is short
    fitted: Integers
    remarks: tuple[str | None, ...] = ()


def forecast(now: Standing, horizon_days: int, recipe: Recipe) -> Forecast:
    """What the parts of ``recipe`` say of ``now`` over ``horizon_days``."""
    few = now.features[now.fitted[:FITTED_ORDERS]]
    histories, sample = histories_of(now.features), histories_of(few)
    main, remark = fit_orders(recipe.orders, sample)
    if main is None:
        return Forecast(orders=None, fitted=now.fitted, remarks=(remark,))
    spend, spend_remark = _spend(now.features, few)
    kept, kept_remark = _kept_share(now.features)
    remarks = [remark, spend_remark, kept_remark]
    risk, value = {}, {}
    for wanted in dict.fromkeys((recipe.orders, *(part for part in recipe.parts if part in ORDER_MODELS))):
        one = main if wanted is recipe.orders else fit_orders(wanted, sample)[0]
        if one is None or model_of(one) in risk:
            continue
        silent, made = asked(one, histories, horizon=horizon_days)
        risk[model_of(one)], value[model_of(one)] = silent, made * spend * kept
    said = Forecast(orders=model_of(main), risk=risk, value=value, fitted=now.fitted, remarks=tuple(remarks))
    if not any(part in LEARNERS for part in recipe.parts):
        return said
    taught = _Taught.by(now, recipe, main)
    if isinstance(taught, str):
        return replace(said, remarks=(*said.remarks, f"learners left out: {taught}"))
    made = _per_order(value[model_of(main)], spend, kept)
    return _with_learners(said, taught, (risk[model_of(main)], made, spend), horizon_days, recipe)


def _with_learners(
    said: Forecast, taught: "_Taught", modelled: _Modelled, horizon_days: int, recipe: Recipe
) -> Forecast:
    """The forecast with what its learners say of its rows, of which the models said ``modelled``."""
    assert said.orders is not None
    ours, short = said.value[said.orders], taught.days < horizon_days
    level = float(said.risk[said.orders][said.fitted].mean()) if short else None
    learners = [part for part in recipe.parts if part in LEARNERS]
    with_value = recipe.learned_value and Model.LIGHTGBM in learners and bool(ours.any())
    logits, ratios = taught.asked(modelled, learners, with_value=with_value)
    risk = {part: _held(logits[part], level, said.fitted) for part in learners}
    value = {}
    if with_value:
        learned = ours * np.exp(ratios)
        value[Model.LIGHTGBM] = learned * (ours.sum() / learned.sum()) if short else learned
    remark = _short(taught.days, horizon_days, said.orders) if short else None
    remarks = (*said.remarks, remark)
    return replace(said, risk=said.risk | risk, value=said.value | value, level=level, remarks=remarks)


def combined(said: Forecast, recipe: Recipe) -> tuple[tuple[Model, ...], Floats, Floats]:
    """(parts used, risk, value) of ``recipe`` from a forecast whose ``orders`` is known.

    A part that was not to be had is left out; with none left the model of orders stands alone.
    """
    if said.orders is None:
        raise ValueError("there is nothing to combine")
    made_by = recipe.orders if recipe.orders in said.risk else said.orders
    wanted = [made_by if part is recipe.orders else part for part in recipe.parts]
    parts = tuple(part for part in dict.fromkeys(wanted) if part in said.risk) or (made_by,)
    logits = sum((logits_of(said.risk[part]) for part in parts), np.zeros(1)) / len(parts)
    risk = said.risk[parts[0]] if len(parts) == 1 else _held(logits, said.level, said.fitted)
    value = said.value[made_by]
    if recipe.learned_value and Model.LIGHTGBM in parts and Model.LIGHTGBM in said.value:
        value = np.sqrt(value * said.value[Model.LIGHTGBM])
    return parts, np.asarray(risk), np.asarray(value)


def level_shift(logits: Floats, mean: float) -> float:
    """What to add to ``logits`` so that their probabilities have this mean; 0 where it is 0 or 1."""
    if not EDGE < mean < 1 - EDGE:
        return 0.0
    return float(brentq(lambda shift: float(expit(logits + shift).mean()) - mean, -40, 40, xtol=1e-12))


def shifted(risk: Floats, shift: float) -> Floats:
    """Risks moved by ``shift`` in logits."""
    return np.asarray(expit(logits_of(risk) + shift))


def histories_of(features: pl.DataFrame) -> Histories:
    """The histories of FEATURES rows, in days."""
    return Histories(
        repeats=(features["purchase_days"] - 1).cast(pl.Float64).to_numpy(),
        last=features["span_days"].cast(pl.Float64).to_numpy(),
        age=features["age_days"].cast(pl.Float64).to_numpy(),
    )


@dataclass(frozen=True, slots=True)
class _Taught:
    """Learners taught by one lesson of so many ``days``, each when first asked; ``windows``: of who is asked."""

    windows: Windows
    days: int
    matrix: Floats
    silent: Mask
    value: Floats
    expected: Floats

    @classmethod
    def by(cls, now: Standing, recipe: Recipe, near: OrderFit) -> "_Taught | str":
        """What the lesson teaches, or why it teaches nothing."""
        lesson = now.lesson
        if lesson is None or lesson.at.windows is None or now.windows is None:
            return "nobody was known long enough before"
        came, stayed = int(lesson.ordered.sum()), int((~lesson.ordered).sum())
        if min(came, stayed) < MIN_EACH:
            said = f"of the customers known {lesson.days} days before, {came} ordered since and {stayed} did not"
            return f"{said}, and {MIN_EACH} of each are needed"
        few = lesson.at.features[lesson.at.fitted[:FITTED_ORDERS]]
        one, remark = fit_orders(recipe.orders, histories_of(few), near)
        if one is None:
            return f"{lesson.days} days before, {remark}"
        spend, _ = _spend(lesson.at.features, few)
        kept, _ = _kept_share(lesson.at.features)
        risk, made = asked(one, histories_of(lesson.at.features), horizon=lesson.days)
        expected = made * spend * kept
        floor = max(float(expected.mean()) * EDGE, EDGE)
        matrix = _matrix(lesson.at.windows(slice(None)), (risk, made, _relative(spend)))
        value = np.maximum(lesson.minor, 0.0)
        return cls(now.windows, lesson.days, matrix, ~lesson.ordered, value, np.maximum(expected, floor))

    def asked(
        self, modelled: _Modelled, parts: Sequence[Model], *, with_value: bool
    ) -> tuple[dict[Model, Floats], Floats]:
        """Logits of P(no order) by each of ``parts``, and logs of LightGBM's value over the model of orders'."""
        learners = {Model.LIGHTGBM: learn_boosted, Model.LOGISTIC: learn_logistic}
        learned = [learners[part](self.matrix, self.silent) for part in parts]
        if with_value and self.value.any():
            learned.append(learn_value(self.matrix, self.value, self.expected))
        risk, made, spend = modelled
        answers = np.zeros((len(parts) + 1, len(risk)))
        columns = risk, made, _relative(spend)
        for at in range(0, len(risk), BLOCK):
            of = slice(at, at + BLOCK)
            matrix = _matrix(self.windows(of), (columns[0][of], columns[1][of], columns[2][of]))
            for answer, ask in zip(answers, learned, strict=False):
                answer[of] = ask(matrix)
        return dict(zip(parts, answers, strict=False)), answers[-1]


def _matrix(windows: list[Floats], modelled: _Modelled) -> Floats:
    """The learners' columns, each in one piece: windows, and what the model of orders and gamma-gamma say."""
    risk, made, spend = modelled
    return np.array((*windows, logits_of(risk), np.log(made + EDGE), np.log(spend + EDGE))).T


def _relative(spend: Floats) -> Floats:
    """In units of its mean."""
    return spend / max(float(spend.mean()), EDGE)


def _per_order(value: Floats, spend: Floats, kept: float) -> Floats:
    """Expected orders back from their value."""
    worth = spend * kept
    return np.divide(value, worth, out=np.zeros_like(value), where=worth > 0)


def logits_of(risk: Floats) -> Floats:
    """Logits, finite."""
    inside = np.clip(risk, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _held(logits: Floats, level: float | None, fitted: Integers) -> Floats:
    """Probabilities; where there is a level, with that mean over the fitted rows."""
    return np.asarray(expit(logits if level is None else logits + level_shift(logits[fitted], level)))


def _short(days: int, horizon_days: int, model: Model) -> str:
    said = f"the history is too short for a label window of {horizon_days} days"
    return f"{said}: learners were taught on {days} days and only rank, the level of risk is {model}'s"


def _spend(features: pl.DataFrame, fitted: pl.DataFrame) -> tuple[Floats, str | None]:
    """Expected spend (minor units) on one more purchase day, and why it is not gamma-gamma's."""
    days, total = _paid(features)
    mean = np.full(len(days), total.sum() / max(days.sum(), 1))
    fitted_days, fitted_total = _paid(fitted.filter(pl.col("positive_days") > 0))
    often = int((fitted_days > 1).sum())
    if often < MIN_REPEATERS:
        return mean, f"{often} customers paid on two days or more, fewer than {MIN_REPEATERS}: mean spend used"
    model = fit_spend(fitted_days, fitted_total)
    if model.q <= 1:
        # the means of customers differ so much that theirs has none: it says nothing of anybody
        own = np.divide(total, days, out=mean, where=days > 0)
        return own, f"spend not identified: gamma-gamma needs q > 1, found {model.q:.3g}: each one's own mean used"
    return expected_spend(model, days, total), None


def _paid(features: pl.DataFrame) -> tuple[Floats, Floats]:
    """Days with a positive spend and the sum of it, minor units."""
    days, total = (features[name].cast(pl.Float64).to_numpy() for name in ("positive_days", "positive_minor"))
    return days, total


def _kept_share(features: pl.DataFrame) -> tuple[float, str | None]:
    """Total net over total gross, and a remark when nothing is left of it."""
    gross, net = (float(features[name].cast(pl.Float64).sum()) for name in ("gross_minor", "net_minor"))
    if gross <= 0:
        return 0.0, "no order has a positive amount: expected value 0 for all"
    if net <= 0:
        return 0.0, "refunds are not less than the orders: expected value 0 for all"
    return net / gross, None
