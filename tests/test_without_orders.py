"""Scores where a model of orders has nothing to say, and unusual pasts: regulars, free orders, closures."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.test_default_scores import DAY_0, scored
from winback.customers.order_log import OrderLog, earlier_window, followed, number_of, order_log, packed
from winback.scores.backtest import area_under_curve
from winback.scores.learners import has_lightgbm
from winback.scores.quintiles import observed_risk
from winback.scores.recipe import FULL, PLAIN, Model, Recipe
from winback.scores.standing import closed_then

DAYS = 720
AS_OF = DAY_0 + timedelta(days=DAYS - 91)
QUINTILES = Recipe(parts=(Model.QUINTILES,))
PARETO = Recipe(parts=(Model.PARETO_NBD,))


def a_log(who, day, minor) -> OrderLog:
    when = (np.asarray(day) + number_of(DAY_0)).astype(np.int32)
    return order_log([(packed(np.asarray(who), when), np.asarray(minor, dtype=np.int64))])


def regulars(size: int = 1_500, seed: int = 3) -> OrderLog:
    """Everybody orders every 28 days, a week more or less, until he stops: 1 in 12 after each order. One in ten
    spends ten times as much."""
    random = np.random.default_rng(seed)
    who, day = [], []
    for one in range(1, size + 1):
        now = float(random.uniform(0, 600))
        while now < DAYS:
            who.append(one)
            day.append(int(now))
            if random.random() < 1 / 12:
                break
            now += random.normal(28, 7)
    minor = np.where(np.array(who) % 10, 2_000, 20_000)
    return a_log(who, day, minor)


def share_of_the_top(log: OrderLog, given, value: np.ndarray) -> float:
    _, minor = followed(log, given.features, AS_OF, 90)
    top = np.argsort(-value, kind="stable")[: -(-len(value) // 5)]
    return minor[top].sum() / minor.sum()


@pytest.mark.parametrize("recipe", [PLAIN, FULL], ids=["plain", "full"])
def test_regulars_whose_rates_have_no_spread_are_ranked_by_learners(recipe):
    """Rates alike are "not identified"; who is overdue is known all the same, and better than by fifths."""
    if Model.LIGHTGBM in recipe.parts:
        pytest.importorskip("lightgbm")
    log = regulars()

    given, scores = scored(log, AS_OF, 90, recipe)

    ordered, _ = followed(log, given.features, AS_OF, 90)
    fifths = observed_risk(
        (given.features["age_days"] - given.features["span_days"]).to_numpy(),
        given.features["purchase_days"].to_numpy(),
        earlier_window(log, AS_OF, 90),
    )
    assert "order rate not identified" in scores.fallback_reason
    assert "learners alone, expected value at each one's own pace" in scores.fallback_reason
    assert Model.PARETO_NBD not in scores.model
    risk = scores.frame["risk"].to_numpy()
    assert area_under_curve(risk, ~ordered) > area_under_curve(fifths, ~ordered) + 0.002
    assert risk.mean() == pytest.approx((~ordered).mean(), abs=0.03)


def test_without_a_model_of_orders_value_follows_risk_and_pace():
    """Who is worth most is who comes again: by past spend, the fifth that has left counts as much as who stays."""
    log = regulars()

    given, scores = scored(log, AS_OF, 90, QUINTILES)

    assert scores.model == Model.QUINTILES
    value = scores.frame["expected_value"].to_numpy()
    past = scores.frame["past_value"].to_numpy()
    assert share_of_the_top(log, given, value) > share_of_the_top(log, given, past) + 0.05
    _, minor = followed(log, given.features, AS_OF, 90)
    assert 100 * value.sum() == pytest.approx(minor.sum(), rel=0.25)


def gamblers(minor: int, size: int = 1_200) -> OrderLog:
    """Pareto/NBD's own story in whole days, every order of so much."""
    random = np.random.default_rng(5)
    who, day = [], []
    for one in range(1, size + 1):
        now, rate = float(random.uniform(0, 500)), random.gamma(0.9, 1 / 45)
        end = now + random.exponential(1 / random.gamma(0.8, 1 / 200))
        while now < min(end, DAYS):
            who.append(one)
            day.append(int(now))
            now += random.exponential(1 / rate)
    return a_log(who, day, np.full(len(who), minor))


@pytest.mark.parametrize("recipe", [PLAIN, FULL], ids=["plain", "full"])
def test_free_orders_do_not_spoil_the_level_of_risk(recipe):
    """Nothing is paid, so nothing is to be said of value, and as much of risk as ever."""
    if Model.LIGHTGBM in recipe.parts:
        pytest.importorskip("lightgbm")
    free, paid = (scored(gamblers(minor), AS_OF, 90, recipe)[1].frame["risk"].to_numpy() for minor in (0, 2_000))

    assert free.mean() == pytest.approx(paid.mean(), abs=0.005)
    assert np.abs(free - paid).mean() < 0.02


@pytest.mark.skipif(not has_lightgbm(), reason="the extra [ml] is not installed")
def test_scores_do_not_hang_on_the_unit_of_money():
    """Amounts of 1 to 9 units, and the same in hundredths: the same risks, a hundred times the value."""
    random = np.random.default_rng(6)
    one = gamblers(1)
    minor = random.integers(1, 10, len(one.day))
    who = np.repeat(one.no, np.diff(one.start))
    logs = [a_log(who, one.day - number_of(DAY_0), minor * unit) for unit in (1, 100)]

    small, large = (scored(log, AS_OF, 90, FULL)[1].frame for log in logs)

    np.testing.assert_allclose(large["risk"], small["risk"], atol=2e-3)
    away = (large["expected_value"] - 100 * small["expected_value"]).abs().sum()
    assert away < 1e-3 * large["expected_value"].sum()


def test_after_a_closure_learners_are_left_out_in_words():
    """Closed from day 400 to 560: ninety days before day 590 nobody had ordered for 100 days."""
    log = gamblers(2_000)
    who, day = np.repeat(log.no, np.diff(log.start)), log.day - number_of(DAY_0)
    open_days = (day < 400) | (day > 560)
    shop = a_log(who[open_days], day[open_days], np.full(int(open_days.sum()), 2_000))

    _, scores = scored(shop, DAY_0 + timedelta(days=590), 90, PLAIN)
    _, usual = scored(log, DAY_0 + timedelta(days=590), 90, PLAIN)

    assert scores.model == Model.PARETO_NBD
    assert "learners left out: 90 days before, nobody had ordered for 101 days, as " in scores.fallback_reason
    assert usual.model == f"{Model.PARETO_NBD} + {Model.LOGISTIC}"


def test_free_orders_count_as_orders_and_not_as_revenue():
    """Every second order is free, the others of 40.00; or every second of 30.00, the others of 10.00: alike."""
    log = gamblers(2_000)
    who = np.repeat(log.no, np.diff(log.start))
    minor = np.where(np.arange(len(log.day)) % 2, 4_000, 0)

    _, half = scored(a_log(who, log.day - number_of(DAY_0), minor), AS_OF, 90, PARETO)
    _, whole = scored(a_log(who, log.day - number_of(DAY_0), minor // 2 + 1_000), AS_OF, 90, PARETO)

    assert half.frame["expected_value"].sum() == pytest.approx(whole.frame["expected_value"].sum(), rel=0.1)


def test_one_order_of_half_a_century_ago_changes_nothing_for_others():
    log = gamblers(2_000)
    who, day = np.repeat(log.no, np.diff(log.start)), log.day - number_of(DAY_0)
    old = a_log(np.append(who, 9_999), np.append(day, -19_000), np.full(len(day) + 1, 2_000))

    _, usual = scored(log, AS_OF, 90, PARETO)
    _, scores = scored(old, AS_OF, 90, PARETO)

    assert scores.model == usual.model == Model.PARETO_NBD
    away = scores.frame.join(usual.frame, on="customer_id", suffix="_usual")
    assert (away["risk"] - away["risk_usual"]).abs().max() < 0.02


def a_year_ago(log: OrderLog, closed: range) -> OrderLog:
    who, day = np.repeat(log.no, np.diff(log.start)), log.day - number_of(DAY_0)
    kept = ~np.isin(day, closed)
    return a_log(who[kept], day[kept], np.full(int(kept.sum()), 2_000))


def test_a_shop_that_was_closed_a_year_ago_is_not_shifted_by_it():
    """As of day 629: on day 264 nobody had ordered for 60 days, and for 60 more nobody did."""
    shop = a_year_ago(gamblers(2_000, size=2_500), range(205, 325))

    given, scores = scored(shop, AS_OF, 90, PARETO)

    ordered, _ = followed(shop, given.features, AS_OF, 90)
    assert "last year's season left out: nobody had ordered for 60 days" in (given.remark or "")
    assert scores.frame["risk"].mean() == pytest.approx((~ordered).mean(), abs=0.06)


def test_a_season_in_which_nobody_comes_is_known_from_last_year():
    """A shop of the winter: nothing is sold from day 165 to 300 of each year. As of day 540, no order for ten
    days, nobody comes within 60 days, as a year before."""
    log = gamblers(2_000, size=2_500)
    who, day = np.repeat(log.no, np.diff(log.start)), log.day - number_of(DAY_0)
    kept = (day % 365 < 165) | (day % 365 > 300)
    shop = a_log(who[kept], day[kept], np.full(int(kept.sum()), 2_000))

    _, scores = scored(shop, DAY_0 + timedelta(days=540), 60, replace(PARETO, season=True))

    assert scores.frame["risk"].mean() > 0.99


@pytest.mark.parametrize(("newest", "closed"), [(6, False), (7, True)])
def test_a_weekend_without_orders_is_no_closure(newest, closed):
    """On one day everybody had ordered at least so many days before; today one in ten ordered yesterday."""
    then, now = np.arange(newest, 500), np.append(np.ones(50, dtype=int), np.arange(newest, 500))

    assert bool(closed_then(now, then)) == closed
