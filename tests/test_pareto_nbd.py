"""The published Pareto/NBD fit of CDNOW's 1/10 sample, and the formulas against integration and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gamma as gamma_law

from tests.facts import SAMPLE
from tests.test_btyd import CASES, histories, in_unit, of_cdnow
from winback.scores.btyd import Histories
from winback.scores.pareto_nbd import ParetoFit, fit_pareto, pareto_alive, pareto_orders, pareto_silence


def a_pareto(**parameters: float) -> ParetoFit:
    values = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669} | parameters
    return ParetoFit(log_likelihood=0.0, longest=39.0, **values)


@pytest.fixture(scope="module")
def sample_days(tmp_path_factory) -> Histories:
    return of_cdnow(tmp_path_factory.mktemp("sample"), SAMPLE)


def test_pareto_nbd_reproduces_the_published_fit(sample_days):
    """Fader, Hardie & Lee 2005: r .553, alpha 10.578, s .606, beta 11.669, LL -9594.98 (weeks)."""
    model = fit_pareto(in_unit(sample_days, 7))

    assert (model.r, model.s) == pytest.approx((0.553, 0.606), abs=0.0005)
    assert (model.alpha, model.beta) == pytest.approx((10.578, 11.669), abs=0.0005)
    assert model.log_likelihood == pytest.approx(-9594.98, abs=0.005)


def test_a_pareto_fit_is_the_same_in_days_weeks_and_seconds(sample_days):
    day, week, second = (fit_pareto(in_unit(sample_days, unit)) for unit in (1, 7, 1 / 86_400))

    for model, unit in ((week, 7), (second, 1 / 86_400)):
        found = (model.r, model.alpha * unit, model.s, model.beta * unit)
        assert found == pytest.approx((day.r, day.alpha, day.s, day.beta), rel=1e-6)
    in_weeks = pareto_silence(week, in_unit(sample_days, 7), horizon=39)
    np.testing.assert_allclose(pareto_silence(day, sample_days, horizon=273), in_weeks, atol=1e-7)


def test_the_order_of_customers_does_not_change_a_pareto_fit(sample_days):
    backwards = Histories(
        repeats=sample_days.repeats[::-1], last=sample_days.last[::-1], age=sample_days.age[::-1]
    )

    assert fit_pareto(backwards) == fit_pareto(sample_days)


class Persons:
    """Every pair of rates and how common it is: scipy's densities on 500 x 500 Gauss-Legendre points."""

    def __init__(self, model: ParetoFit) -> None:
        points, weights = np.polynomial.legendre.leggauss(500)
        unit, weights = (points + 1) / 2, weights / 2
        laws = gamma_law(model.r, scale=1 / model.alpha), gamma_law(model.s, scale=1 / model.beta)
        tops = [law.ppf(1 - 1e-12) for law in laws]
        self.rate, self.stop = unit[:, None] * tops[0], unit[None, :] * tops[1]
        ordering, stopping = (weights * top * law.pdf(unit * top) for law, top in zip(laws, tops, strict=True))
        self.share = ordering[:, None] * stopping

    def mean(self, of) -> float:
        """The mean of ``of`` (rate, stop) over all."""
        return float((self.share * of(self.rate, self.stop)).sum())


def seen(case, rate, stop, until=None):
    """Likelihood of ``case``, alive at ``until`` (his age when None) or stopped at some moment before it."""
    repeats, last, age = case
    end = age if until is None else until
    both = rate + stop
    return rate**repeats * (rate * np.exp(-both * end) + stop * np.exp(-both * last)) / both


@pytest.mark.parametrize("case", CASES)
def test_the_formulas_agree_with_integration_over_all_rates(case):
    """Schmittlein, Morrison & Colombo's individual likelihood: lambda^x (lambda e^-(l+m)T + mu e^-(l+m)t_x)/(l+m);
    a living customer makes lambda/mu (1 - e^-mu h) orders."""
    model = a_pareto(r=2.5, alpha=8.0, s=1.8, beta=20.0)
    persons = Persons(model)
    repeats, _, age = case

    def living(rate, stop):
        return rate**repeats * np.exp(-(rate + stop) * age)

    whole = persons.mean(lambda rate, stop: seen(case, rate, stop))
    alive = persons.mean(living) / whole
    silent = persons.mean(lambda rate, stop: seen(case, rate, stop, until=age + 10)) / whole
    orders = persons.mean(lambda rate, stop: living(rate, stop) * rate * -np.expm1(-stop * 10) / stop) / whole

    assert pareto_alive(model, histories(case)) == pytest.approx([alive], rel=1e-4)
    assert pareto_silence(model, histories(case), horizon=10) == pytest.approx([silent], rel=1e-4)
    assert pareto_orders(model, histories(case), horizon=10) == pytest.approx([orders], rel=1e-4)


def lives(model: ParetoFit, *, customers: int, age: float, horizon: float, seed: int):
    """Customers lived through: Histories until ``age`` (0 to ``age``, evenly spread) and orders in the horizon."""
    random = np.random.default_rng(seed)
    rate = random.gamma(model.r, 1 / model.alpha, customers)
    ages = random.uniform(0.2 * age, age, customers)
    life = random.exponential(1 / random.gamma(model.s, 1 / model.beta, customers))
    repeats, later, last, now = (np.zeros(customers) for _ in range(4))
    going = np.ones(customers, bool)
    while going.any():
        now = now + random.exponential(1 / rate)
        going &= now <= np.minimum(life, ages + horizon)
        past = going & (now <= ages)
        repeats, later = repeats + past, later + (going & ~past)
        last = np.where(past, now, last)
    return Histories(repeats=repeats, last=last, age=ages), later


@pytest.mark.slow
def test_a_pareto_fit_finds_the_parameters_of_simulated_lives_and_predicts_them():
    """100,000 lives of known parameters: each within 10 %; predictions within 4 standard errors."""
    truth = a_pareto(r=0.8, alpha=9.0, s=0.9, beta=20.0)
    lived, later = lives(truth, customers=100_000, age=60, horizon=20, seed=3)

    found = fit_pareto(lived)

    assert (found.r, found.alpha) == pytest.approx((0.8, 9.0), rel=0.1)
    assert (found.s, found.beta) == pytest.approx((0.9, 20.0), rel=0.1)
    silent, orders = pareto_silence(truth, lived, horizon=20), pareto_orders(truth, lived, horizon=20)
    for count in range(5):
        group = lived.repeats == count if count < 4 else lived.repeats >= 4
        for predicted, observed in ((silent, later == 0), (orders, later)):
            error = observed[group] - predicted[group]
            assert abs(error.mean()) < 4 * error.std() / np.sqrt(group.sum())


def test_nothing_is_singular_where_s_is_one_or_alpha_is_beta():
    """The closed forms divide by s - 1, and need alpha and beta apart."""
    near = [
        a_pareto(s=s, alpha=5.0, beta=beta) for s, beta in ((1 - 1e-9, 5 - 1e-9), (1, 5), (1 + 1e-9, 5 + 1e-9))
    ]

    for ask in (pareto_silence, pareto_orders):
        below, at, above = (ask(model, histories(*CASES), horizon=39) for model in near)
        np.testing.assert_allclose(below, at, rtol=1e-6)
        np.testing.assert_allclose(above, at, rtol=1e-6)


@given(
    r=st.floats(1e-3, 1e3),
    alpha=st.floats(1e-2, 1e4),
    s=st.floats(1e-5, 1e3),
    beta=st.floats(1e-2, 1e5),
    repeats=st.integers(0, 1683),
    times=st.tuples(st.floats(0, 1), st.floats(1e-3, 5000)),
    horizon=st.floats(1e-3, 1000),
)
def test_pareto_predictions_are_finite_and_grow_with_the_horizon(r, alpha, s, beta, repeats, times, horizon):
    model = a_pareto(r=r, alpha=alpha, s=s, beta=beta)
    case = histories((repeats, times[0] * times[1] if repeats else 0.0, times[1]))

    near, far = (pareto_silence(model, case, horizon=h)[0] for h in (horizon, 2 * horizon))
    few, many = (pareto_orders(model, case, horizon=h)[0] for h in (horizon, 2 * horizon))

    assert 0 <= far <= near + 1e-6 <= 1 + 1e-6
    assert 0 <= few <= many * (1 + 1e-9) < np.inf
