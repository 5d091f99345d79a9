"""The published fit of CDNOW's 1/10 sample, and the formula of the mean against integration."""

from datetime import date

import numpy as np
import pytest
from scipy.stats import gamma as gamma_law

from db.facts.queries import read_features
from tests.facts import SAMPLE, write_cdnow
from winback.scores.gamma_gamma import SpendFit, expected_spend, fit_spend


@pytest.fixture(scope="module")
def repeat_spend(tmp_path_factory) -> tuple[np.ndarray, np.ndarray]:
    """Repeat purchase days until 1997-09-30 and their summed spend (dollars), as note 025 counts them."""
    facts = write_cdnow(tmp_path_factory.mktemp("sample"), SAMPLE)
    features = read_features([facts], as_of=date(1997, 9, 30))
    days, minor = (features[f"repeat_positive_{name}"].to_numpy().astype(float) for name in ("days", "minor"))
    return days, minor / 100


def fitted(repeat_spend: tuple[np.ndarray, np.ndarray], unit: float = 1.0) -> SpendFit:
    days, total = repeat_spend
    return fit_spend(days[days > 0], total[days > 0] * unit)


def test_gamma_gamma_reproduces_the_published_fit(repeat_spend):
    """Fader & Hardie 2013, note 025: p 6.25, q 3.74, gamma 15.44 (946 repeaters, dollars), LL -4055.92."""
    model = fitted(repeat_spend)

    assert (repeat_spend[0] > 0).sum() == 946
    assert (model.p, model.q, model.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.005)
    assert model.log_likelihood == pytest.approx(-4055.92, abs=0.005)


def test_the_first_ten_customers_are_expected_to_spend_the_published_means(repeat_spend):
    """The ten conditional means of note 025's model as the package lifetimes prints them."""
    spend = expected_spend(fitted(repeat_spend), *repeat_spend)

    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    np.testing.assert_allclose(spend[:10], published, atol=0.005)


def test_a_fit_is_the_same_in_cents(repeat_spend):
    dollars, cents = fitted(repeat_spend), fitted(repeat_spend, unit=100)

    assert (cents.p, cents.q, cents.gamma / 100) == pytest.approx((dollars.p, dollars.q, dollars.gamma), rel=1e-6)
    customers = (repeat_spend[0] > 0).sum()
    assert cents.log_likelihood == pytest.approx(dollars.log_likelihood - customers * np.log(100))


def test_the_expected_spend_agrees_with_integration_over_all_means():
    """Three days that bring 90 in all; the person's own rate nu is integrated out on 2,000 points."""
    model = SpendFit(p=2.0, q=4.0, gamma=15.0, log_likelihood=0.0)
    points, weights = np.polynomial.legendre.leggauss(2000)
    rates = gamma_law(model.q, scale=1 / model.gamma)
    nu = (points + 1) / 2 * rates.ppf(1 - 1e-14)
    seen = weights * rates.pdf(nu) * gamma_law.pdf(90.0, 3 * model.p, scale=1 / nu)

    spend = expected_spend(model, np.array([3.0]), np.array([90.0]))

    assert spend == pytest.approx([(seen * model.p / nu).sum() / seen.sum()], rel=1e-9)


def test_a_fit_finds_the_parameters_of_simulated_spend():
    """50,000 customers of known parameters; each within 5 % (standard errors are about 1 %)."""
    random = np.random.default_rng(3)
    days = random.integers(1, 12, 50_000).astype(float)
    total = random.gamma(6.0 * days, 1 / random.gamma(3.5, 1 / 16.0, 50_000))

    model = fit_spend(days, total)

    assert (model.p, model.q, model.gamma) == pytest.approx((6.0, 3.5, 16.0), rel=0.05)


def test_spend_that_never_varies_is_expected_again():
    """Every purchase day brings 25."""
    days = np.repeat([1.0, 2.0, 5.0], 100)

    model = fit_spend(days, 25 * days)

    np.testing.assert_allclose(expected_spend(model, days, 25 * days), 25, rtol=0.01)
