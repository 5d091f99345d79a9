"""What each model says of a set of customers, and the one answer made of it.

Models of orders are fitted on the customers' own histories; learners on what followed one label window earlier (a
Lesson). Risks are averaged in logits. Where the lesson is shorter than the horizon the learners' level means
nothing: they are shifted to the mean risk of the model of orders, so that they only say who before whom.

Where no model of orders is identified the learners stand alone, or else R+F quintiles do.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.order_log import number_of
from winback.scores.btyd import Histories
from winback.scores.levels import held, logits_of
from winback.scores.order_fit import OrderFit, asked, fit_orders, model_of
from winback.scores.quintiles import observed_risk, orders_if_any
from winback.scores.recipe import LEARNERS, ORDER_MODELS, Model, Recipe
from winback.scores.spend import Spending, spending
from winback.scores.standing import Standing, histories_of, seasonal_histories
from winback.scores.taught import FITTED_ORDERS, Modelled, Taught, taught_by

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What each model says of the rows of a Standing; ``orders`` None where no model of orders is identified.

    ``risk``: P(no order) by model. ``value``: expected net (minor units) by model of orders, and LightGBM's.
    ``if_comes``: expected net of a customer who orders at all, where there are R+F quintiles, and ``observed``: on
    whom, in words. ``level``: mean risk the learners are held to, where the lesson is short.
    """

    orders: Model | None
    fitted: Integers
    risk: dict[Model, Floats] = field(default_factory=dict)
    value: dict[Model, Floats] = field(default_factory=dict)
    if_comes: Floats | None = None
    observed: str | None = None
    level: float | None = None
    remarks: tuple[str | None, ...] = ()


def forecast(now: Standing, horizon_days: int, recipe: Recipe) -> Forecast:
    """What the parts of ``recipe`` say of ``now`` over ``horizon_days``."""
    few = now.features[now.fitted[:FITTED_ORDERS]]
    spent, sample = spending(now.features, few), histories_of(few)
    alone = recipe.parts == (Model.QUINTILES,)
    main, remark = (None, None) if alone else fit_orders(_timeless(recipe.orders), sample)
    said = Forecast(
        orders=model_of(main) if main is not None else None, fitted=now.fitted, remarks=(remark, *spent.remarks)
    )
    modelled: Modelled = ()
    if main is not None:
        said, modelled = _with_orders(said, now, _fits(main, recipe, sample), horizon_days, spent)
        said = _with_season(said, now, few, horizon_days, recipe, spent)
    if main is None or Model.QUINTILES in recipe.parts:
        said = _with_quintiles(said, now, horizon_days, spent)
    learners = [part for part in recipe.parts if part in LEARNERS]
    taught = taught_by(now, recipe, main) if learners else None
    if isinstance(taught, Taught):
        return _with_learners(said, taught, modelled, horizon_days, recipe)
    return said if taught is None else replace(said, remarks=(*said.remarks, f"learners left out: {taught}"))


def _fits(main: OrderFit, recipe: Recipe, sample: Histories) -> dict[Model, OrderFit]:
    """The models of orders that are parts of ``recipe``, as far as they are identified, and ``main``."""
    others = [
        part for part in recipe.parts if part in ORDER_MODELS and part not in (recipe.orders, Model.SEASONAL)
    ]
    fitted = [fit_orders(part, sample)[0] for part in others]
    return {model_of(one): one for one in (*fitted, main) if one is not None}


def _with_orders(
    said: Forecast, now: Standing, fits: dict[Model, OrderFit], horizon_days: int, spent: Spending
) -> tuple[Forecast, Modelled]:
    """The forecast with what models of orders say, and what ``said.orders`` tells the learners."""
    assert said.orders is not None
    histories = histories_of(now.features)
    told = {model: asked(one, histories, horizon=horizon_days) for model, one in fits.items()}
    silent, made = told[said.orders]
    risk = {model: risk for model, (risk, _) in told.items()}
    value = {model: orders * spent.net for model, (_, orders) in told.items()}
    return replace(said, risk=risk, value=value), (silent, made, spent.relative)


def _timeless(model: Model) -> Model:
    """What stands for the seasonal model where its clock is not known."""
    return Model.PARETO_NBD if model is Model.SEASONAL else model


def _with_season(
    said: Forecast, now: Standing, few: pl.DataFrame, horizon_days: int, recipe: Recipe, spent: Spending
) -> Forecast:
    """The forecast with the seasonal model's, where it is a part and there is a clock."""
    if Model.SEASONAL not in recipe.parts:
        return said
    if now.clock is None:
        needs = "a year of orders before, the shop open at its begin, and a horizon of at most 357 days"
        return replace(said, remarks=(*said.remarks, f"{Model.SEASONAL} left out: its clock needs {needs}"))
    fitted, why = fit_orders(Model.SEASONAL, seasonal_histories(few, now.clock, now.as_of))
    if fitted is None:
        return replace(said, remarks=(*said.remarks, f"{Model.SEASONAL} left out: {why}"))
    today = number_of(now.as_of)
    horizon = float(now.clock.at(today + horizon_days) - now.clock.at(today))
    risk, made = asked(fitted, seasonal_histories(now.features, now.clock, now.as_of), horizon=horizon)
    return replace(
        said, risk=said.risk | {Model.SEASONAL: risk}, value=said.value | {Model.SEASONAL: made * spent.net}
    )


def _with_quintiles(said: Forecast, now: Standing, horizon_days: int, spent: Spending) -> Forecast:
    """The forecast with what was observed one horizon earlier."""
    earlier = now.earlier() if now.earlier is not None else None
    seen = 0 if earlier is None else earlier.customers.height
    observed = f"risk observed on {seen} customers one horizon ({horizon_days} days) earlier"
    if not seen:
        observed = f"nobody known one horizon ({horizon_days} days) earlier, risk 0.5 for all"
    days, age = (now.features[name].to_numpy() for name in ("purchase_days", "age_days"))
    risk = observed_risk(now.recency_days, days, earlier)
    return replace(
        said,
        risk=said.risk | {Model.QUINTILES: risk},
        if_comes=orders_if_any(days, age, horizon_days) * spent.net,
        observed=f"{Model.QUINTILES}: {observed}",
    )


def _with_learners(
    said: Forecast, taught: Taught, modelled: Modelled, horizon_days: int, recipe: Recipe
) -> Forecast:
    """The forecast with what its learners say of its rows, of which a model of orders said ``modelled``."""
    by = said.orders or Model.QUINTILES
    ours, short = said.value.get(by), taught.days < horizon_days
    level = float(said.risk[by][said.fitted].mean()) if short else None
    learners = [part for part in recipe.parts if part in LEARNERS]
    with_value = recipe.learned_value and Model.LIGHTGBM in learners and ours is not None and bool(ours.any())
    logits, ratios = taught.asked(len(said.risk[by]), modelled, learners, with_value=with_value)
    risk = {part: held(logits[part], level, said.fitted) for part in learners}
    value = {}
    if with_value and ours is not None:
        learned = ours * np.exp(ratios)
        value[Model.LIGHTGBM] = learned * (ours.sum() / learned.sum()) if short else learned
    remark = _short(taught.days, horizon_days, by) if short else None
    remarks = (*said.remarks, remark)
    return replace(said, risk=said.risk | risk, value=said.value | value, level=level, remarks=remarks)


def combined(said: Forecast, recipe: Recipe) -> tuple[tuple[Model, ...], Floats, Floats]:
    """(parts used, risk, value) of ``recipe`` from a forecast that was asked for its parts.

    A part that was not to be had is left out; with none left the model of orders stands alone, or R+F quintiles.
    """
    made_by = recipe.orders if recipe.orders in said.risk else said.orders
    wanted = [made_by if part is recipe.orders else part for part in recipe.parts]
    had = [part for part in dict.fromkeys(wanted) if part is not None and part in said.risk]
    parts = tuple(had) or (made_by or Model.QUINTILES,)
    logits = sum((logits_of(said.risk[part]) for part in parts), np.zeros(1)) / len(parts)
    level = float(said.risk[Model.SEASONAL][said.fitted].mean()) if Model.SEASONAL in parts else said.level
    risk = said.risk[parts[0]] if len(parts) == 1 else held(logits, level, said.fitted)
    if made_by is None or parts == (Model.QUINTILES,):
        assert said.if_comes is not None
        return parts, np.asarray(risk), (1 - risk) * said.if_comes
    value = said.value[Model.SEASONAL if Model.SEASONAL in parts else made_by]
    if recipe.learned_value and Model.LIGHTGBM in parts and Model.LIGHTGBM in said.value:
        ours = said.value[said.orders or made_by]
        value = value * np.sqrt(
            np.divide(said.value[Model.LIGHTGBM], ours, out=np.ones_like(ours), where=ours > 0)
        )
    return parts, np.asarray(risk), np.asarray(value)


def _short(days: int, horizon_days: int, model: Model) -> str:
    said = f"the history is too short for a label window of {horizon_days} days"
    return f"{said}: learners were taught on {days} days and only rank, the level of risk is {model}'s"
