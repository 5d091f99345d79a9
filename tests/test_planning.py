"""Planning against a table computed beforehand, R's power.prop.test, and the exact power of the interval used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_intervals import power
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.planning import Visibility, best_holdout, needed_total, smallest_visible_effect

# Computed beforehand: hold-out churn -> relative reduction -> total for a 20 % and for a 50 % hold-out.
TABLE = {
    0.05: {0.10: (91_430, 56_812), 0.15: (40_238, 24_614), 0.20: (22_409, 13_486), 0.30: (9_759, 5_672)},
    0.10: {0.10: (43_357, 26_986), 0.15: (19_090, 11_706), 0.20: (10_637, 6_422), 0.30: (4_635, 2_706)},
    0.20: {0.10: (19_319, 12_072), 0.15: (8_515, 5_252), 0.20: (4_749, 2_890), 0.30: (2_073, 1_224)},
    0.40: {0.10: (7_300, 4_616), 0.15: (3_229, 2_026), 0.20: (1_807, 1_124), 0.30: (793, 482)},
}


@pytest.mark.parametrize(
    ("churn", "reduction", "share", "total"),
    [
        (churn, reduction, share, total)
        for churn, row in TABLE.items()
        for reduction, totals in row.items()
        for share, total in zip((0.2, 0.5), totals, strict=True)
    ],
)
def test_the_needed_total_is_that_of_the_table(churn, reduction, share, total):
    treated = churn * (1 - reduction)

    assert needed_total(control_rate=churn, treated_rate=treated, holdout_share=share) == total


def test_the_needed_total_is_close_to_that_of_r():
    """R power.prop.test(.20, .17, .8): n = 2628.6315 per arm, with a pooled variance under the null."""
    total = needed_total(control_rate=0.20, treated_rate=0.17, holdout_share=0.5)

    assert total / 2 == pytest.approx(2628.6315, rel=0.002)


@pytest.mark.parametrize(("share", "least", "most"), [(0.5, 0.79, 0.81), (0.2, 0.80, 0.85)])
def test_the_needed_total_gives_the_interval_we_use_at_least_its_power(share, least, most):
    """The formula is Wald's; Newcombe's exact power is 0.80 with equal arms and a little more with 80/20."""
    total = needed_total(control_rate=0.4, treated_rate=0.28, holdout_share=share)

    assert least <= power(round(total * (1 - share)), round(total * share), 0.28, 0.4) <= most


@pytest.mark.parametrize(
    ("control", "treated", "share"),
    [(0.2, 0.2, 0.2), (0.0, 1.0, 0.5), (0.2, -0.1, 0.5), (0.2, 1.1, 0.5), (0.2, 0.1, 0.0), (0.2, 0.1, 1.0)],
)
def test_a_total_that_cannot_be_had_is_none_and_never_0(control, treated, share):
    assert needed_total(control_rate=control, treated_rate=treated, holdout_share=share) is None


@pytest.mark.parametrize(("total", "points"), [(2_000, 6.1), (20_000, 2.0)])
def test_the_smallest_visible_effect_is_that_of_the_table(total, points):
    effect = smallest_visible_effect(control_rate=0.2, total=total, holdout_share=0.2)

    assert round(100 * effect, 1) == points


def test_the_smallest_visible_rise_is_close_to_that_of_r():
    """R power.prop.test(n=2000, p1=.20, power=.8): p2 = .2366019."""
    effect = smallest_visible_effect(control_rate=0.2, total=4_000, holdout_share=0.5, upwards=True)

    assert 0.2 + effect == pytest.approx(0.2366019, abs=1e-4)


@given(st.floats(0.02, 0.98), st.integers(200, 10**6), st.floats(0.05, 0.95), st.booleans())
def test_an_effect_that_is_just_visible_needs_all_customers(rate, total, share, upwards):
    effect = smallest_visible_effect(control_rate=rate, total=total, holdout_share=share, upwards=upwards)
    if effect is None:
        return
    exact_share = round(total * share) / total
    treated = rate + effect if upwards else rate - effect

    needed = needed_total(control_rate=rate, treated_rate=treated, holdout_share=exact_share)

    assert needed is None or abs(needed - total) <= 2 + total * 1e-6


@pytest.mark.parametrize(
    ("rate", "total", "share", "upwards"),
    [
        (0.01, 200, 0.2, False),  # even nobody churning would not be seen
        (0.99, 200, 0.2, True),
        (0.2, 2_000, 0.0, False),
        (0.2, 0, 0.2, False),
        (0.0, 2_000, 0.2, False),  # it cannot fall any further
    ],
)
def test_an_effect_that_cannot_be_seen_is_none_and_never_0(rate, total, share, upwards):
    assert smallest_visible_effect(control_rate=rate, total=total, holdout_share=share, upwards=upwards) is None


@pytest.mark.parametrize("reduction", [0.10, 0.15, 0.20, 0.30])
@pytest.mark.parametrize("churn", [0.05, 0.10, 0.20, 0.40])
def test_the_best_hold_out_is_the_smallest_that_shows_the_effect(churn, reduction):
    """With the table's total for 20 %, a fifth is just enough and less is not; with that for 50 %, only a half.

    One customer in a thousand more, so that rounding the groups to whole customers does not matter.
    """
    fifth, half = (round(total * 1.001) + 1 for total in TABLE[churn][reduction])

    of_many, of_few = (
        best_holdout(control_rate=churn, total=total, smallest_effect=churn * reduction) for total in (fifth, half)
    )

    assert of_many.holdout_share == 0.20
    assert 0.45 <= of_few.holdout_share <= 0.50
    assert of_few.effect <= churn * reduction


def test_where_no_share_shows_the_effect_it_is_the_sharpest():
    """2,000 customers, 20 % churn: 6.1 points with a fifth held out; 15 % relative needs 5,252 and a half."""
    best = best_holdout(control_rate=0.2, total=2_000, smallest_effect=0.03)

    assert best == best_holdout(control_rate=0.2, total=2_000)
    assert best.holdout_share >= 0.45
    assert 0.03 < best.effect < 0.061


@given(st.floats(0.02, 0.98), st.integers(200, 10**6))
def test_no_other_share_shows_a_smaller_effect(rate, total):
    best = best_holdout(control_rate=rate, total=total)

    for share in (0.1, 0.2, 0.3, 0.4, 0.5):
        effect = smallest_visible_effect(control_rate=rate, total=total, holdout_share=share)
        usable = effect is not None and min(rate, 1 - rate) * round(total * share) >= 5
        assert not usable or (isinstance(best, Visibility) and best.effect <= effect)


@pytest.mark.parametrize(("rate", "total"), [(0.2, 0), (0.2, 20), (0.0, 1000), (1.0, 1000), (0.01, 300)])
def test_an_audience_that_can_show_nothing_has_no_best_hold_out(rate, total):
    assert best_holdout(control_rate=rate, total=total) == NoEstimate(reason=Missing.NOT_VISIBLE)
