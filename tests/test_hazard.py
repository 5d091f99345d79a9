"""The hazard of contracts: its closed forms, its gradient, delayed entry, strata."""

import numpy as np
import pytest

from winback.scores.hazard import (
    Hazard,
    Penalty,
    Spells,
    _seen,
    _slope_and_curve,
    _value,
    cuts_of,
    fit_hazard,
    with_covariance,
)

FREE = Penalty(ridge=1e-9, smooth=1e-9, pooled=1e-9)
NO_STRATA = np.zeros(4, dtype=np.int64)


def spells(entry: list[float], stop: list[float], ended: list[bool]) -> Spells:
    return Spells(entry=np.array(entry), exit=np.array(stop), ended=np.array(ended))


def test_without_traits_the_hazard_is_ends_over_days_seen():
    """Two of four ended within 10 + 20 + 30 + 40 = 100 days: 0.02 a day."""
    seen = spells([0, 0, 0, 0], [10, 20, 30, 40], [True, False, True, False])

    found = fit_hazard(seen, np.empty((4, 0)), NO_STRATA, 1, FREE)

    assert np.exp(found.log_hazard[0, 0]) == pytest.approx(0.02)


def test_days_before_a_contract_was_seen_do_not_count():
    """Seen from day 5 on, 20 days less: 2 / 80."""
    seen = spells([5, 5, 5, 5], [10, 20, 30, 40], [True, False, True, False])

    found = fit_hazard(seen, np.empty((4, 0)), NO_STRATA, 1, FREE)

    assert np.exp(found.log_hazard[0, 0]) == pytest.approx(0.025)


def test_a_trait_multiplies_the_hazard():
    """With the trait 2 ends in 50 days, without it 1 in 100: four times."""
    seen = spells([0, 0, 0, 0], [20, 30, 60, 40], [True, True, True, False])
    trait = np.array([[1.0], [1.0], [0.0], [0.0]])

    found = fit_hazard(seen, trait, NO_STRATA, 1, FREE)

    assert np.exp(found.weights[0]) == pytest.approx(4.0)
    assert np.exp(found.log_hazard[0, 0]) == pytest.approx(0.01)


def test_the_variance_of_a_trait_is_that_of_a_ratio_of_two_rates():
    """2 ends with it and 1 without: 1/2 + 1/1. A ridge of 1 pulls b to 0 and leaves less for chance."""
    seen = spells([0, 0, 0, 0], [20, 30, 60, 40], [True, True, True, False])
    trait = np.array([[1.0], [1.0], [0.0], [0.0]])

    free, held = (
        with_covariance(fit_hazard(seen, trait, NO_STRATA, 1, each), seen, trait, NO_STRATA, each)
        for each in (FREE, Penalty(ridge=1, smooth=1e-9, pooled=1e-9))
    )

    assert free.covariance == pytest.approx(np.array([[1.5]]))
    assert held.covariance[0, 0] < 0.75


def test_strata_have_hazards_of_their_own_and_the_penalty_draws_them_together():
    seen = spells([0, 0, 0, 0], [20, 30, 60, 40], [True, True, True, False])
    of = np.array([0, 0, 1, 1])

    apart = fit_hazard(seen, np.empty((4, 0)), of, 2, FREE)
    together = fit_hazard(seen, np.empty((4, 0)), of, 2, Penalty(ridge=1, smooth=1, pooled=1e6))

    assert np.exp(apart.log_hazard[:, 0]) == pytest.approx([0.04, 0.01])
    assert np.exp(together.log_hazard[:, 0]) == pytest.approx([0.02, 0.02], rel=1e-3)


def test_risk_and_days_kept_over_two_pieces():
    """0.01 a day until day 10, 0.03 after it; from day 5 over 10 days: 5 days of each, 0.05 + 0.15 = 0.2.

    Kept: (1 - e^-.05) / .01 + e^-.05 (1 - e^-.15) / .03 = 4.87706 + 4.41662 = 9.29368.
    """
    two = Hazard(cuts=np.array([10.0]), log_hazard=np.log([[0.01, 0.03]]), weights=np.zeros(0))

    risk, kept = two.ahead(np.empty((1, 0)), np.zeros(1, dtype=np.int64), np.array([5.0]), 10)

    assert risk[0] == pytest.approx(1 - np.exp(-0.2))
    assert kept[0] == pytest.approx(9.29368, abs=1e-5)


def test_gradient_and_curvature_are_those_of_the_likelihood():
    rng = np.random.default_rng(1)
    stop = rng.integers(1, 100, 60).astype(float)
    seen = _seen(
        Spells(entry=stop * rng.random(60) * 0.5, exit=stop, ended=rng.random(60) < 0.5),
        rng.normal(size=(60, 2)), rng.integers(0, 2, 60), np.array([20.0, 50.0]), 2,
    )  # fmt: skip
    at = rng.normal(-3, 0.3, 2 * 3 + 2)
    step = 1e-5 * np.eye(len(at))

    slope, curve = _slope_and_curve(seen, at)

    numeric = [(_value(seen, at + one) - _value(seen, at - one)) / 2e-5 for one in step]
    bent = [(_slope_and_curve(seen, at - one)[0] - _slope_and_curve(seen, at + one)[0]) / 2e-5 for one in step]
    assert slope == pytest.approx(numeric, rel=1e-5, abs=1e-5)
    assert curve == pytest.approx(np.array(bent), rel=1e-5, abs=1e-4)


def test_pieces_hold_about_equally_many_ends_and_the_last_has_some():
    ages = np.arange(1.0, 101.0)
    seen = Spells(entry=np.zeros(100), exit=ages, ended=np.ones(100, dtype=bool))

    cuts = cuts_of(seen)

    assert cuts.tolist() == [26.0, 51.0, 76.0]
    assert cuts_of(seen.of(np.arange(49))).tolist() == []


def test_no_scale_of_traits_and_no_separation_make_it_diverge():
    """Everybody with the trait has ended at once, nobody else ever: the ridge keeps it finite."""
    seen = Spells(entry=np.zeros(40), exit=np.full(40, 10.0), ended=np.arange(40) < 20)
    trait = np.where(np.arange(40) < 20, 1.0, -1.0)[:, None]

    found = fit_hazard(
        seen, np.hstack([trait, trait]), np.zeros(40, dtype=np.int64), 1, Penalty(ridge=1, smooth=1)
    )

    assert np.isfinite(found.log_hazard).all()
    assert found.weights[0] == pytest.approx(found.weights[1])  # collinear ones share
