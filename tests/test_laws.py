"""Laws of every comparison: swapped arms mirror, order does not matter, adding cells is adding sums."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.lift.contrast import MoneySums, RateSums, pool_money, pool_rates
from winback.lift.intervals import newcombe, wilson
from winback.lift.lift import Arm, Lift, compare
from winback.lift.verdict import Verdict

MIRROR = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}

rate_cells = st.integers(0, 2_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
money_rows = st.lists(st.integers(0, 10_000), max_size=20)


def a_rate(arm: str, cell: tuple[int, int]) -> RateSums:
    return RateSums(column="churned", arm=arm, x=cell[0], n=cell[1])


def a_sum(arm: str, rows: list[int]) -> MoneySums:
    return MoneySums(
        column="revenue", arm=arm, n=len(rows), buyers=sum(each > 0 for each in rows),
        total=sum(rows), total_sq=sum(each * each for each in rows),
    )  # fmt: skip


def compared(rates: list[RateSums], money: list[MoneySums], control: str = "holdout") -> Lift:
    arms = [Arm(name=each.arm, n=each.n) for each in rates or money]
    return compare(control=control, arms=arms, rates=rates, money=money, money_floor=2)


@given(rate_cells, rate_cells)
def test_swapped_arms_mirror_every_rate(one, other):
    rates = [a_rate("a", one), a_rate("b", other)]
    (forth,), (back,) = (compared(rates, [], control).rates for control in ("b", "a"))

    assert MIRROR.get(forth.verdict, forth.verdict) is back.verdict
    p_values = [[each.p_newcombe, each.p_pooled, each.p_mn] for each in (forth, back)]
    assert p_values[0] == pytest.approx(p_values[1])
    if forth.difference is not None:
        assert forth.difference == pytest.approx(-back.difference, abs=1e-12)
        assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-9)
        assert (forth.mn_low, forth.mn_high) == pytest.approx((-back.mn_high, -back.mn_low), abs=1e-7)


@given(money_rows, money_rows)
def test_swapped_arms_mirror_every_amount(one, other):
    money = [a_sum("a", one), a_sum("b", other)]
    (forth,), (back,) = (compared([], money, control).money for control in ("b", "a"))

    assert MIRROR.get(forth.verdict, forth.verdict) is back.verdict
    assert (forth.difference is None) == (not one or not other)
    if forth.low is not None:
        assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), rel=1e-9, abs=1e-9)
        assert (forth.p_welch, forth.p_pooled) == pytest.approx((back.p_welch, back.p_pooled))


@given(rate_cells, rate_cells)
def test_every_interval_of_a_rate_is_within_its_bounds(one, other):
    (found,) = compared([a_rate("holdout", other), a_rate("treated", one)], []).rates

    for low, value, high, least, most in (
        (found.rate_low, found.rate, found.rate_high, 0, 1),
        (found.control_rate_low, found.control_rate, found.control_rate_high, 0, 1),
        (found.low, found.difference, found.high, -1, 1),
        (found.mn_low, found.difference, found.mn_high, -1, 1),
        (found.ratio_low, found.ratio, found.ratio_high, 0, float("inf")),
    ):
        assert low is None or least <= low <= value <= high <= most


@given(st.lists(rate_cells, min_size=2, max_size=5), st.randoms())
def test_the_order_of_arms_does_not_matter(cells, shuffler):
    rates = [a_rate("holdout" if place == 0 else f"v{place}", cell) for place, cell in enumerate(cells)]
    mixed = shuffler.sample(rates, len(rates))

    one, other = compared(rates, []), compared(mixed, [])

    assert {each.arm: each for each in one.rates} == {each.arm: each for each in other.rates}


@given(st.lists(money_rows, min_size=1, max_size=5))
def test_adding_cells_of_money_is_adding_rows(cells):
    added = pool_money([a_sum("cell", rows) for rows in cells], "all")

    assert added == a_sum("all", [each for rows in cells for each in rows])


@given(st.lists(rate_cells, min_size=1, max_size=5))
def test_adding_cells_of_a_rate_is_adding_counts(cells):
    added = pool_rates([a_rate("cell", cell) for cell in cells], "all")

    assert (added.x, added.n) == (sum(x for x, _ in cells), sum(n for _, n in cells))


@given(st.lists(rate_cells, min_size=1, max_size=4))
def test_pooled_variants_are_compared_as_if_they_were_one(cells):
    variants = [a_rate(f"v{place}", cell) for place, cell in enumerate(cells)]
    held = a_rate("holdout", (30, 100))
    arms = [Arm(name=each.arm, n=each.n) for each in (held, *variants)]

    (pooled,) = compare(control="holdout", arms=arms, rates=[held, *variants], pooled_as="all").pooled_rates

    (alone,) = compared([held, pool_rates(variants, "all")], []).rates
    assert pooled == alone


@given(rate_cells, rate_cells, st.integers(2, 9))
def test_the_same_shares_of_more_customers_narrow_the_interval(one, other, times):
    small, large = (
        compared([a_rate("holdout", (other[0] * k, other[1] * k)), a_rate("t", (one[0] * k, one[1] * k))], [])
        for k in (1, times)
    )

    (few,), (many,) = small.rates, large.rates
    if few.low is not None:
        assert many.high - many.low <= few.high - few.low + 1e-12


def test_cells_of_fractions_add_up_exactly():
    """A thousand cents in tenths of a cent: as floats they would not."""
    cells = [
        MoneySums(column="revenue", arm="cell", n=1, buyers=1, total=Fraction("0.1"), total_sq=Fraction("0.01"))
        for _ in range(1000)
    ]

    added = pool_money(cells, "all")

    assert (added.total, added.total_sq, added.sums.variance) == (100, 10, 0)


def test_no_customers_have_no_interval():
    nobody = a_rate("a", (0, 0)).proportion

    assert (wilson(nobody), newcombe(nobody, nobody)) == (None, None)
