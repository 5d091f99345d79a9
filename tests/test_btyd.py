"""The published fits of CDNOW's 1/10 sample, and the formulas against integration and simulation."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1
from scipy.stats import beta as beta_law
from scipy.stats import gamma as gamma_law

from db.facts.queries import read_features
from tests.facts import MASTER, SAMPLE, area_under_curve, read_cdnow, write_cdnow
from winback.scores import btyd
from winback.scores.btyd import (
    Family,
    Fit,
    Histories,
    beta_quadrature,
    expected_orders,
    fit,
    probability_alive,
    probability_of_no_order,
)

CALIBRATION_END = date(1997, 9, 30)
CASES = [(0, 0.0, 12.0), (1, 3.0, 30.0), (2, 30.43, 38.86), (7, 35.0, 36.0), (7, 5.0, 36.0)]


def histories(*cases: tuple[float, float, float]) -> Histories:
    repeats, last, age = np.array(cases, dtype=float).T
    return Histories(repeats=repeats, last=last, age=age)


def a_model(family: Family = Family.MBG_NBD, **parameters: float) -> Fit:
    values = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614} | parameters
    return Fit(family=family, log_likelihood=0.0, longest=39.0, **values)


def of_cdnow(folder, csv) -> Histories:
    features = read_features([write_cdnow(folder, csv)], as_of=CALIBRATION_END)
    columns = ("purchase_days", "span_days", "age_days")
    purchase_days, span, age = (features[name].to_numpy().astype(float) for name in columns)
    return Histories(repeats=purchase_days - 1, last=span, age=age)


def in_unit(days: Histories, unit: float) -> Histories:
    return Histories(repeats=days.repeats, last=days.last / unit, age=days.age / unit)


@pytest.fixture(scope="module")
def sample_days(tmp_path_factory) -> Histories:
    return of_cdnow(tmp_path_factory.mktemp("sample"), SAMPLE)


@pytest.fixture(scope="module")
def master_days(tmp_path_factory) -> Histories:
    return of_cdnow(tmp_path_factory.mktemp("master"), MASTER)


@pytest.mark.parametrize("many", [btyd.MANY, 300], ids=["all at once", "a start sought on 300 of them"])
def test_bg_nbd_reproduces_the_published_fit(sample_days, many, monkeypatch):
    """Fader, Hardie & Lee 2005: r .243, alpha 4.414, a .793, b 2.426, LL -9582.4 (weeks)."""
    monkeypatch.setattr(btyd, "MANY", many)

    model = fit(Family.BG_NBD, in_unit(sample_days, 7))

    assert model.r == pytest.approx(0.243, abs=0.0005)
    assert model.alpha == pytest.approx(4.414, abs=0.0005)
    assert model.a == pytest.approx(0.793, abs=0.0005)
    assert model.b == pytest.approx(2.426, abs=0.0005)
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)


def test_bg_nbd_expects_the_published_number_of_orders(sample_days):
    """Fader, Hardie & Lee 2005: E[Y(39) | x=2, t_x=30.43, T=38.86] = 1.226 for their first customer."""
    model = fit(Family.BG_NBD, in_unit(sample_days, 7))

    expected = expected_orders(model, histories((2, 30.43, 38.86)), horizon=39)

    assert expected == pytest.approx([1.226], abs=0.0005)


def test_mbg_nbd_reproduces_the_fit_of_another_implementation(sample_days):
    """.52484 6.18299 .89136 1.61400, LL -9582.13, in weeks."""
    model = fit(Family.MBG_NBD, in_unit(sample_days, 7))

    found = (model.r, model.alpha, model.a, model.b)
    assert found == pytest.approx((0.52484, 6.18299, 0.89136, 1.61400), rel=5e-5)
    assert model.log_likelihood == pytest.approx(-9582.13, abs=0.01)


@pytest.mark.parametrize("family", list(Family))
def test_a_fit_is_the_same_in_days_weeks_and_seconds(sample_days, family):
    day, week, second = (fit(family, in_unit(sample_days, unit)) for unit in (1, 7, 1 / 86_400))

    assert (week.r, week.alpha * 7, week.a, week.b) == pytest.approx((day.r, day.alpha, day.a, day.b), rel=1e-6)
    assert (second.r, second.alpha / 86_400) == pytest.approx((day.r, day.alpha), rel=1e-6)
    in_days = probability_of_no_order(day, sample_days, horizon=273)
    in_weeks = probability_of_no_order(week, in_unit(sample_days, 7), horizon=39)
    np.testing.assert_allclose(in_days, in_weeks, atol=1e-6)


@pytest.mark.parametrize("family", list(Family))
def test_first_and_second_derivatives_are_the_slopes_of_what_they_derive(sample_days, family):
    """Central differences of 1e-5 in each log: good to 1e-9."""
    table = btyd.collapse(sample_days, sample_days.age.max())
    logs = np.array([-1.0, -0.5, 0.3, 0.8])[: 2 if family is Family.NBD else 4]
    steps = 1e-5 * np.eye(len(logs))

    _, slope, curve = btyd._loss(logs, family, table)

    after, before = ([btyd._loss(logs + sign * step, family, table) for step in steps] for sign in (1, -1))
    both = list(zip(after, before, strict=True))
    np.testing.assert_allclose(slope, [(one[0] - other[0]) / 2e-5 for one, other in both], atol=1e-8)
    np.testing.assert_allclose(curve, [(one[1] - other[1]) / 2e-5 for one, other in both], atol=1e-8)


def test_the_order_of_customers_does_not_change_a_fit(sample_days):
    backwards = Histories(
        repeats=sample_days.repeats[::-1], last=sample_days.last[::-1], age=sample_days.age[::-1]
    )

    assert fit(Family.MBG_NBD, backwards) == fit(Family.MBG_NBD, sample_days)


def test_bg_nbd_ranks_the_lost_as_measured_elsewhere(master_days):
    """CDNOW, 39 weeks to learn and 39 to come: AUC .7466 for P(no order), and .3195 for the trap 1 - P(alive)."""
    model = fit(Family.BG_NBD, master_days)
    last = read_cdnow().group_by("customer_id").agg(pl.col("ordered_at").max()).sort("customer_id")["ordered_at"]
    lost = (last <= CALIBRATION_END).to_numpy()

    risk = probability_of_no_order(model, master_days, horizon=273)

    assert area_under_curve(risk, lost) == pytest.approx(0.7466, abs=0.0001)
    assert area_under_curve(-probability_alive(model, master_days), lost) == pytest.approx(0.3195, abs=0.0001)


def chances(family: Family, repeats: float) -> float:
    return {Family.NBD: 0, Family.BG_NBD: repeats, Family.MBG_NBD: repeats + 1}[family]


class Persons:
    """Every person there can be: his rate, his stopping probability and how common he is (densities by scipy.stats
    on 500 x 500 Gauss-Legendre points). What follows from it uses no formula of the module under test."""

    def __init__(self, model: Fit) -> None:
        points, weights = np.polynomial.legendre.leggauss(500)
        unit, weights = (points + 1) / 2, weights / 2
        rates = gamma_law(model.r, scale=1 / model.alpha)
        self.family, top = model.family, rates.ppf(1 - 1e-13)
        self.rate = (unit * top)[:, None]
        self.p = np.zeros((1, 1)) if model.family is Family.NBD else unit[None, :]
        of_p = np.ones(1) if model.family is Family.NBD else weights * beta_law.pdf(unit, model.a, model.b)
        self.share = (weights * top * rates.pdf(unit * top))[:, None] * of_p

    def seen_and_alive(self, case: tuple[float, float, float], extra: float = 0.0) -> np.ndarray:
        repeats, _, age = case
        kept_on = (1 - self.p) ** chances(self.family, repeats)
        return self.share * self.rate**repeats * kept_on * np.exp(-self.rate * (age + extra))

    def seen_and_stopped(self, case: tuple[float, float, float]) -> np.ndarray:
        repeats, last, _ = case
        n = chances(self.family, repeats)
        stopped = self.p * (1 - self.p) ** (n - 1) if n else 0.0
        return self.share * self.rate**repeats * stopped * np.exp(-self.rate * last)

    def silent(self, case: tuple[float, float, float], horizon: float) -> float:
        stopped = self.seen_and_stopped(case).sum()
        return float(
            (self.seen_and_alive(case, horizon).sum() + stopped) / (self.seen_and_alive(case).sum() + stopped)
        )

    def orders(self, case: tuple[float, float, float], horizon: float) -> float:
        stops = np.maximum(self.p, 1e-12)
        made = -np.expm1(-self.rate * stops * horizon) / stops
        alive = self.seen_and_alive(case)
        return float((alive * made).sum() / (alive.sum() + self.seen_and_stopped(case).sum()))


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("case", CASES)
def test_the_formulas_agree_with_integration_over_all_persons(family, case):
    model = a_model(family, r=2.5, alpha=8.0, a=2.0, b=3.5)
    persons = Persons(model)

    silent = probability_of_no_order(model, histories(case), horizon=10)
    orders = expected_orders(model, histories(case), horizon=10)

    assert silent == pytest.approx([persons.silent(case, 10)], rel=1e-8)
    assert orders == pytest.approx([persons.orders(case, 10)], rel=1e-8)


def lives(model: Fit, *, customers: int, age: float, horizon: float, seed: int):
    """Customers lived order by order: Histories until ``age``, orders in the horizon after, p of each."""
    random = np.random.default_rng(seed)
    rate = random.gamma(model.r, 1 / model.alpha, customers)
    p = random.beta(model.a, model.b, customers) if model.family is not Family.NBD else np.zeros(customers)
    alive = random.random(customers) >= p if model.family is Family.MBG_NBD else np.ones(customers, bool)
    repeats, later, last, now = (np.zeros(customers) for _ in range(4))
    while alive.any():
        now = now + random.exponential(1 / rate)
        alive &= now <= age + horizon
        past = alive & (now <= age)
        repeats, later = repeats + past, later + (alive & ~past)
        last = np.where(past, now, last)
        alive &= random.random(customers) >= p
    return Histories(repeats=repeats, last=last, age=np.full(customers, age)), later


@pytest.mark.parametrize("family", list(Family))
def test_the_predictions_come_true_in_simulated_lives(family):
    """100,000 lives; among those with 0, 1, 2, 3, 4+ repeat orders, within 4 standard errors."""
    model = a_model(family, r=0.8, alpha=9.0, a=0.9, b=2.5)
    seen, later = lives(model, customers=100_000, age=40, horizon=20, seed=11)

    silent = probability_of_no_order(model, seen, horizon=20)
    orders = expected_orders(model, seen, horizon=20)

    for count in range(5):
        group = seen.repeats == count if count < 4 else seen.repeats >= 4
        for predicted, observed in ((silent, later == 0), (orders, later)):
            error = observed[group] - predicted[group]
            assert abs(error.mean()) < 4 * error.std() / np.sqrt(group.sum())


@pytest.mark.parametrize("family", [Family.BG_NBD, Family.MBG_NBD])
def test_a_fit_finds_the_parameters_of_simulated_lives(family):
    """160,000 lives of known parameters; each within 10 % (standard errors are 1 to 3 %)."""
    model = a_model(family, r=0.8, alpha=9.0, a=0.9, b=2.5)
    seen, _ = lives(model, customers=160_000, age=80, horizon=0, seed=5)

    found = fit(family, seen)

    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.8, 9.0, 0.9, 2.5), rel=0.1)


@pytest.mark.parametrize("a", [0.4, 0.793, 1.7, 6.0])
@pytest.mark.parametrize("case", CASES)
def test_the_expected_orders_of_bg_nbd_agree_with_the_closed_form(a, case):
    """Fader, Hardie & Lee 2005, eq. 10, with Gauss's hypergeometric function."""
    model = a_model(Family.BG_NBD, r=0.243, alpha=4.414, a=a, b=2.426)
    repeats, last, age = case
    shape, n, b = model.r + repeats, model.b + repeats, a + model.b + repeats - 1
    series = hyp2f1(shape, n, b, 39 / (model.alpha + age + 39))
    living = b / (a - 1) * (1 - ((model.alpha + age) / (model.alpha + age + 39)) ** shape * series)
    odds = a / (n - 1) * ((model.alpha + age) / (model.alpha + last)) ** shape if repeats else 0.0

    orders = expected_orders(model, histories(case), horizon=39)

    assert orders == pytest.approx([living / (1 + odds)], rel=1e-7)


def test_nothing_is_singular_where_a_is_one():
    """The closed form divides by a - 1."""
    near = [expected_orders(a_model(a=a), histories(*CASES), horizon=39) for a in (1 - 1e-7, 1.0, 1 + 1e-7)]

    np.testing.assert_allclose(near[0], near[1], rtol=1e-6)
    np.testing.assert_allclose(near[2], near[1], rtol=1e-6)


@pytest.mark.parametrize(("a", "b"), [(0.01, 0.02), (0.9, 2.5), (1, 1), (300, 5), (0.5, 90_000)])
def test_the_quadrature_knows_the_moments_of_the_beta_law(a, b):
    """Mean a/(a+b), variance ab/((a+b)^2 (a+b+1))."""
    points, weights = beta_quadrature(a, b, 48)

    mean = weights @ points

    assert weights.sum() == pytest.approx(1)
    assert mean == pytest.approx(a / (a + b), rel=1e-9)
    assert weights @ (points - mean) ** 2 == pytest.approx(a * b / ((a + b) ** 2 * (a + b + 1)), rel=1e-6)


@settings(deadline=None)  # the first call imports
@given(
    r=st.floats(1e-3, 1e3),
    alpha=st.floats(1e-2, 1e4),
    a=st.floats(1e-5, 1e5),
    b=st.floats(1e-5, 1e5),
    repeats=st.integers(0, 1683),
    times=st.tuples(st.floats(0, 1), st.floats(1e-3, 5000)),
    horizon=st.floats(1e-3, 1000),
    family=st.sampled_from(Family),
)
def test_predictions_are_finite_and_grow_with_the_horizon(r, alpha, a, b, repeats, times, horizon, family):
    model = a_model(family, r=r, alpha=alpha, a=a, b=b)
    case = histories((repeats, times[0] * times[1] if repeats else 0.0, times[1]))

    near, far = (probability_of_no_order(model, case, horizon=h)[0] for h in (horizon, 2 * horizon))
    few, many = (expected_orders(model, case, horizon=h)[0] for h in (horizon, 2 * horizon))

    assert 0 <= far <= near <= 1
    assert 0 <= few <= many * (1 + 1e-9) < np.inf
