"""Does it work better for some? Cochran's Q by hand, against regression, and what it claims of nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.printed import printed
from winback.lift.contrast import RateSums
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.heterogeneity import Effect, heterogeneity, rate_effect


def an_effect(difference: float, error: float, segment: str = "new") -> Effect:
    return Effect(segment=segment, difference=difference, squared_error=error * error)


def a_rate(x: int, n: int) -> RateSums:
    return RateSums(column="churned", arm="any", x=x, n=n)


effects = st.lists(
    st.builds(an_effect, st.floats(-0.5, 0.5), st.floats(0.01, 0.2), st.sampled_from("abc")),
    min_size=2,
    max_size=8,
)


def test_q_of_three_segments_worked_by_hand():
    """Effects -.10, -.02, 0 with errors .02, .02, .04: weights 2500, 2500, 625.

    Pooled (-250 - 50) / 5625 = -0.053333; Q = 2500 x .0466667^2 + 2500 x .0333333^2 + 625 x .0533333^2
    = 5.44444 + 2.77778 + 1.77778 = 10; chi-square with 2 df: p = exp(-5) = 0.0067379.
    The first against the rest (common -.016, squared error 1 / 3125): -.084 / sqrt(.0004 + .00032) = -3.13,
    p = .00175; the second: +.06 / sqrt(.0004 + .00032) = 2.236 (rest -.08), p = .0253; the third: rest -.06,
    .06 / sqrt(.0016 + .0002) = 1.414, p = .157. By Benjamini-Hochberg .0052, .038, .157.
    """
    found = heterogeneity([an_effect(-0.10, 0.02, "a"), an_effect(-0.02, 0.02, "b"), an_effect(0, 0.04, "c")])

    assert (found.q, found.df, found.p) == (pytest.approx(10), 2, printed("0.0067379"))
    assert found.pooled == printed("-0.053333")
    assert (found.differs, found.apart) == (True, ("a", "b"))


def test_two_segments_are_the_square_of_their_difference():
    """(.10 - .04) / sqrt(.0009 + .0016) = 1.2, squared 1.44; chi-square with 1 df: p = .2301 (tables)."""
    found = heterogeneity([an_effect(0.10, 0.03), an_effect(0.04, 0.04)])

    assert (found.q, found.p) == (pytest.approx(1.44), printed("0.2301"))
    assert (found.differs, found.apart) == (False, ())


def test_a_rates_effect_carries_its_unpooled_error():
    """288/1600 v 92/400: .18 x .82 / 1600 + .23 x .77 / 400 = 0.000535."""
    effect = rate_effect("new", a_rate(288, 1600), a_rate(92, 400))

    assert (effect.difference, effect.squared_error) == (pytest.approx(-0.05), pytest.approx(0.000535))


@pytest.mark.parametrize("counts", [(4, 100), (96, 100), (0, 0), (0, 50)])
def test_a_segment_with_few_events_takes_no_part(counts):
    few = NoEstimate(reason=Missing.TOO_FEW_EVENTS)

    assert rate_effect("new", a_rate(*counts), a_rate(50, 100)) == few
    assert rate_effect("new", a_rate(50, 100), a_rate(*counts)) == few


@pytest.mark.parametrize("some", [[], [an_effect(0.1, 0.01)]])
def test_one_segment_differs_from_nothing(some):
    assert heterogeneity(some) == NoEstimate(reason=Missing.NOTHING_TO_COMPARE)


@given(effects, st.randoms())
def test_the_order_of_segments_does_not_matter(some, shuffler):
    one, other = heterogeneity(some), heterogeneity(shuffler.sample(some, len(some)))

    assert (one.q, one.p) == (pytest.approx(other.q, rel=1e-9, abs=1e-12), pytest.approx(other.p, abs=1e-9))
    assert min(e.difference for e in some) - 1e-12 <= one.pooled <= max(e.difference for e in some) + 1e-12


def test_eight_segments_alike_are_called_different_in_one_of_twenty():
    """2,000 campaigns of eight segments with 400 v 100 customers and one true effect; target 5 %."""
    rng = np.random.default_rng(20261122)
    treated, held = rng.binomial(400, 0.25, (2_000, 8)), rng.binomial(100, 0.30, (2_000, 8))
    called = sum(
        heterogeneity(
            [rate_effect("any", a_rate(x1, 400), a_rate(x0, 100)) for x1, x0 in zip(one, zero, strict=True)]
        ).differs
        for one, zero in zip(treated.tolist(), held.tolist(), strict=True)
    )

    assert 0.035 <= called / 2000 <= 0.065
