"""Curves of staying against R's survival package and scipy, and what is undefined."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from tests.printed import printed
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.survival import Exits, kaplan_meier, log_rank, restricted_mean


def watched(text: str) -> list[Exits]:
    """``6 7+ 10``: customers who left on day 6 and 10, and one who was watched for 7 days."""
    return [
        Exits(day=int(each.rstrip("+")), left=not each.endswith("+"), censored=each.endswith("+"))
        for each in text.split()
    ]


# The two groups of the reference values (R survival, log-log).
TREATED, HELD = watched("6 7+ 10 15 19+ 25"), watched("8 9 12 14 20+ 22")


def at(curve, day):
    return next(point for point in curve if point.day == day)


@pytest.mark.parametrize(
    ("exits", "day", "staying", "low", "high"),
    [
        (TREATED, 6, ".8333", ".27312", ".9747"),
        (TREATED, 10, ".6250", ".14185", ".8931"),
        (TREATED, 15, ".4167", ".05599", ".7665"),
        (HELD, 8, ".8333", ".27312", ".9747"),
        (HELD, 9, ".6667", ".19462", ".9044"),
        (HELD, 14, ".3333", ".04608", ".6756"),
    ],
)
def test_the_curve_is_that_of_r(exits, day, staying, low, high):
    point = at(kaplan_meier(exits), day)

    assert (point.staying, point.low, point.high) == (printed(staying), printed(low), printed(high))


def test_the_curve_names_those_at_risk():
    assert [(p.day, p.at_risk, p.left) for p in kaplan_meier(HELD)] == [
        (8, 6, 1), (9, 5, 1), (12, 4, 1), (14, 3, 1), (22, 1, 1),
    ]  # fmt: skip
    assert at(kaplan_meier(HELD), 12).staying == printed(".5")


def test_the_log_rank_test_is_that_of_r():
    test = log_rank([TREATED, HELD])

    assert (test.chi2, test.df, test.p) == (printed("0.3865"), 1, printed("0.53"))


@pytest.mark.parametrize(("exits", "mean", "error"), [(HELD, "13.83", "1.950"), (TREATED, "14.54", "2.327")])
def test_the_restricted_mean_is_that_of_r(exits, mean, error):
    stayed = restricted_mean(exits, 20)

    assert stayed.value == printed(mean)
    assert (stayed.high - stayed.low) / (2 * 1.959963985) == printed(error)


lifetimes = st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=2, max_size=40)


def exits_of(rows) -> list[Exits]:
    return [Exits(day=day, left=int(left), censored=int(not left)) for day, left in rows]


def censored_data(rows) -> stats.CensoredData:
    return stats.CensoredData(
        uncensored=[day for day, left in rows if left], right=[day for day, left in rows if not left]
    )


@given(lifetimes)
def test_the_curve_agrees_with_scipy(rows):
    assume(any(left for _, left in rows))

    curve = kaplan_meier(exits_of(rows))

    theirs = stats.ecdf(censored_data(rows)).sf
    assert [p.staying for p in curve] == pytest.approx(theirs.evaluate([p.day for p in curve]), abs=1e-12)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where an end is undefined, as ours are None
        between = theirs.confidence_interval(method="log-log")
    for point in curve:
        if point.low is not None:
            ends = [float(end.evaluate(point.day)) for end in (between.low, between.high)]
            assert [point.low, point.high] == pytest.approx(ends, abs=1e-9)
            assert 0 <= point.low <= point.staying <= point.high <= 1


@given(lifetimes, lifetimes)
def test_the_log_rank_test_agrees_with_scipy(some, others):
    test = log_rank([exits_of(some), exits_of(others)])
    assume(not isinstance(test, NoEstimate))

    theirs = stats.logrank(censored_data(some), censored_data(others))

    assert test.chi2 == pytest.approx(theirs.statistic**2, rel=1e-6, abs=1e-9)
    assert test.p == pytest.approx(theirs.pvalue, rel=1e-5, abs=1e-9)


@given(lifetimes, lifetimes, lifetimes)
def test_the_order_of_groups_does_not_matter(one, two, three):
    forth, back = ([exits_of(rows) for rows in order] for order in ((one, two, three), (three, one, two)))

    first, second = log_rank(forth), log_rank(back)

    if not isinstance(first, NoEstimate):
        assert (first.chi2, first.df) == (pytest.approx(second.chi2, rel=1e-6, abs=1e-9), second.df)


@given(lifetimes, st.randoms())
def test_counts_per_day_and_rows_in_any_order_give_the_same_curve(rows, shuffler):
    mixed = shuffler.sample(rows, len(rows))
    per_day = [
        Exits(day=day, left=sum(d == day and left for d, left in rows),
              censored=sum(d == day and not left for d, left in rows))
        for day in range(31)
    ]  # fmt: skip

    assert kaplan_meier(exits_of(rows)) == kaplan_meier(exits_of(mixed)) == kaplan_meier(per_day)


@given(lifetimes, st.integers(1, 30))
def test_the_restricted_mean_is_within_its_days(rows, until):
    stayed = restricted_mean(exits_of(rows), until)

    assert isinstance(stayed, NoEstimate) or 0 < stayed.value < until


def test_nobody_has_no_curve_and_no_mean():
    assert kaplan_meier([]) == NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)
    assert restricted_mean([Exits(day=3)], 20) == NoEstimate(reason=Missing.TOO_FEW_CUSTOMERS)


def test_where_nobody_left_the_curve_is_empty_and_the_mean_has_no_interval():
    stayed = watched("30+ 30+")

    assert kaplan_meier(stayed) == ()
    assert restricted_mean(stayed, 20) == NoEstimate(reason=Missing.NO_SPREAD)


def test_where_all_left_the_share_is_0_and_its_interval_unknown():
    (point,) = kaplan_meier(watched("5 5 5"))

    assert (point.staying, point.low, point.high) == (0, None, None)


def test_a_mean_beyond_what_was_watched_is_not_made_up():
    assert restricted_mean(watched("5 8+"), 20) == NoEstimate(reason=Missing.NOT_FOLLOWED)
    assert restricted_mean(watched("5 8"), 20).value == 6.5


@pytest.mark.parametrize("groups", [[], [HELD], [HELD, []], [watched("5+ 6+"), watched("7+")]])
def test_one_group_or_nobody_leaving_is_no_comparison(groups):
    assert log_rank(groups) == NoEstimate(reason=Missing.NOTHING_TO_COMPARE)


def test_groups_that_were_gone_before_anybody_left_take_no_part():
    assert log_rank([TREATED, HELD, watched("2+ 3+")]) == log_rank([TREATED, HELD])
