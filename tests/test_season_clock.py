"""The season's clock: speeds that were put in come out again, from orders alone."""

from datetime import date, timedelta

import numpy as np
import pytest

from tests.test_default_scores import DAY_0, a_life, scored, seasonal_life
from winback.customers.order_log import number_of, order_log, packed
from winback.scores.recipe import Model, Recipe
from winback.scores.season_clock import season_clock

SEASONAL = Recipe(parts=(Model.SEASONAL,), orders=Model.SEASONAL, season=False)


def test_the_clock_of_a_shop_with_a_quiet_half_year_runs_at_that_speed():
    """True speeds 1 and .4, a half-year each. The clock knows ratios only: 26 weeks of one over 26 of the other,
    without the weeks at the turn; ahead of what it knows, as well. A year on, when nobody new has come for long,
    ageing and season are told apart to a tenth."""
    log, _, _ = seasonal_life(np.random.default_rng(11), 20_000, 912, 0.4)
    today = number_of(DAY_0) + 911

    clock = season_clock(log, today, 90)

    def speed(first: int, last: int) -> float:
        return float(clock.at(number_of(DAY_0) + last) - clock.at(number_of(DAY_0) + first)) / (last - first)

    busy, quiet, ahead = speed(379, 533), speed(561, 715), speed(926, 996)
    assert quiet / busy == pytest.approx(0.4, abs=0.03)
    assert ahead / busy == pytest.approx(0.4, abs=0.03)
    assert speed(744, 898) / busy == pytest.approx(1.0, abs=0.1)


def test_without_a_season_a_day_is_a_day():
    """20,000 customers who come and go: each quarter of a year is as long as by the calendar, to 4 %."""
    log, _ = a_life(np.random.default_rng(7), "Pareto/NBD", 20_000, 720)
    begin = number_of(DAY_0)

    clock = season_clock(log, begin + 719, 90)

    shown = np.diff(clock.at(begin + np.array([90, 180, 270, 360, 450, 540, 630, 719, 809])))
    np.testing.assert_allclose(shown / np.array([90] * 6 + [89, 90]), 1, atol=0.04)


@pytest.mark.parametrize(("weeks", "horizon"), [(52, 90), (80, 365), (0, 90)])
def test_less_than_a_year_or_a_horizon_of_a_year_has_no_clock(weeks, horizon):
    day = number_of(DAY_0) + np.arange(max(weeks, 1) * 7, dtype=np.int32)
    log = order_log([(packed(np.ones(len(day), dtype=np.int64), day), np.full(len(day), 100))])

    known = season_clock(log, int(day[-1]) if weeks else number_of(DAY_0) - 1, horizon)

    assert known is None


def test_the_future_does_not_move_the_clock():
    log, _, _ = seasonal_life(np.random.default_rng(11), 2_000, 912, 0.4)
    who, today = np.repeat(log.no, np.diff(log.start)), number_of(DAY_0) + 700
    kept = log.day <= today
    before = order_log([(packed(who[kept], log.day[kept]), np.full(int(kept.sum()), 100))])

    whole, cut = season_clock(log, today, 90), season_clock(before, today, 90)

    assert whole.began == cut.began
    np.testing.assert_array_equal(whole.hours, cut.hours)


def test_a_seasonal_model_without_its_clock_is_pareto_nbd_and_says_so():
    log, _, _ = seasonal_life(np.random.default_rng(11), 3_000, 300, 0.4)

    _, scores = scored(log, DAY_0 + timedelta(days=250), 60, SEASONAL)

    assert scores.model == Model.PARETO_NBD
    assert "seasonal Pareto/NBD left out: its clock needs a year of orders" in scores.fallback_reason


def test_a_seasonal_model_has_the_level_of_the_season():
    """As of the last busy day, 90 quiet days follow: Pareto/NBD by the calendar expects too many orders."""
    log, _, _ = seasonal_life(np.random.default_rng(11), 10_000, 1_010, 0.4)
    as_of = date(2026, 7, 1)  # day 912

    _, seasonal = scored(log, as_of, 90, SEASONAL)
    _, plain = scored(log, as_of, 90, Recipe(parts=(Model.PARETO_NBD,), season=False))

    assert seasonal.model == Model.SEASONAL
    assert seasonal.frame["risk"].mean() > plain.frame["risk"].mean() + 0.02
    assert seasonal.frame["expected_value"].sum() < 0.7 * plain.frame["expected_value"].sum()


def test_learners_beside_the_seasonal_model_have_its_level():
    """Taught on the busy half-year before, they alone would expect too many orders of the quiet one."""
    log, _, _ = seasonal_life(np.random.default_rng(11), 10_000, 1_010, 0.4)
    as_of, mixed = date(2026, 7, 1), (Model.SEASONAL, Model.LOGISTIC)

    _, seasonal = scored(log, as_of, 90, SEASONAL)
    _, both = scored(log, as_of, 90, Recipe(parts=mixed, season=False))
    _, learner = scored(log, as_of, 90, Recipe(parts=(Model.LOGISTIC,), season=False))

    level = seasonal.frame["risk"].mean()
    assert both.frame["risk"].mean() == pytest.approx(level, abs=1e-4)
    assert abs(learner.frame["risk"].mean() - level) > 0.01
