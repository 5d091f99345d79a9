"""Which variant won, and when nobody can tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_contrast import money_of
from winback.contrast import RateSums
from winback.significance import p_newcombe
from winback.strategies import best_money, best_rate


def variants(*cells: tuple[int, int]) -> list[RateSums]:
    return [RateSums(column="churned", arm="abcdef"[i], x=x, n=n) for i, (x, n) in enumerate(cells)]


def test_the_winner_beats_every_other_variant():
    found = best_rate(variants((180, 1000), (100, 1000), (175, 1000)), lower_is_better=True)

    assert found.variant == "b"
    assert [(p.one, p.other, p.differs) for p in found.pairs] == [
        ("a", "b", True), ("a", "c", False), ("b", "c", True),
    ]  # fmt: skip
    assert found.pairs[0].difference == pytest.approx(0.08)


def test_where_higher_is_better_the_same_variant_loses():
    found = best_rate(variants((180, 1000), (100, 1000)), lower_is_better=False)

    assert found.variant == "a"


def test_one_that_beats_the_worst_but_not_the_second_has_not_won():
    assert best_rate(variants((100, 1000), (105, 1000), (180, 1000)), lower_is_better=True).variant is None


def test_beating_the_hold_out_more_clearly_is_no_win():
    """288/1600 v 92/400 excludes 0, 304/1600 v 92/400 does not; between the two lies nothing."""
    first, second = variants((288, 1600), (304, 1600))
    held = RateSums(column="churned", arm="holdout", x=92, n=400)

    assert p_newcombe(first.proportion, held.proportion) < 0.05 < p_newcombe(second.proportion, held.proportion)
    assert best_rate([first, second], lower_is_better=True).variant is None


def test_every_pair_counts():
    """212 and 176 of 1,000: alone p 0.042; as one of three pairs it is not enough."""
    two, three = variants((212, 1000), (176, 1000)), variants((212, 1000), (176, 1000), (212, 1000))

    assert best_rate(two, lower_is_better=True).variant == "b"
    assert best_rate(three, lower_is_better=True).variant is None


def test_a_variant_with_few_events_beats_nobody():
    found = best_rate(variants((4, 1000), (180, 1000)), lower_is_better=True)

    assert (found.variant, found.pairs[0].p_holm) == (None, None)


@pytest.mark.parametrize("cells", [[], [(5, 10)], [(0, 0), (5, 10)], [(10, 10), (10, 10)]])
def test_nobody_to_beat_is_no_winner(cells):
    assert best_rate(variants(*cells), lower_is_better=True).variant is None


def test_money_is_won_by_both_tests_and_above_the_floor():
    much, little = money_of("much", [100, 140] * 60), money_of("little", [80, 130] * 60)
    few = money_of("few", [500] * 49 + [0] * 71)

    assert best_money([much, little]).variant == "much"
    assert best_money([much, little], lower_is_better=True).variant == "little"
    assert best_money([much, few]).variant is None
    assert best_money([much, much]).variant is None


@given(st.lists(st.integers(0, 300), min_size=2, max_size=5), st.randoms())
def test_the_order_of_variants_does_not_matter(counts, shuffler):
    some = variants(*((x, 300) for x in counts))

    one, other = (best_rate(each, lower_is_better=True) for each in (some, shuffler.sample(some, len(some))))

    assert one.variant == other.variant


def test_of_three_alike_one_wins_in_less_than_five_of_a_hundred():
    rng = np.random.default_rng(20261122)
    wins = sum(
        best_rate(variants(*((x, 500) for x in counts)), lower_is_better=True).variant is not None
        for counts in rng.binomial(500, 0.2, (1000, 3)).tolist()
    )

    assert wins / 1000 <= 0.05
