"""Which variant won, for whom an effect differs, whether guardrails hold: from sums by hand."""

from dataclasses import replace

import pytest

from winback.campaigns.campaign import HOLDOUT, Guardrails, Measure, Success
from winback.lift.contrast import Terms
from winback.lift.intervals import Sums
from winback.lift.pairs import PairSums
from winback.lift.verdict import Conditions, Verdict
from winback.outcomes.effects import (
    LOWER_IS_BETTER,
    contest,
    interactions,
    rate_contrasts,
    success_contrast,
    weeks,
)
from winback.outcomes.findings import Dimension
from winback.outcomes.part_sums import PartSums, RunSums
from winback.outcomes.responses import MessageCount
from winback.outcomes.seen import Seen, find, question

TERMS = Terms(conditions=Conditions(srm_p=1.0), lower_is_better=LOWER_IS_BETTER)
NO_MONEY, NOBODY = PairSums(), Sums(n=0, total=0, total_sq=0)


def a_cell(arm: str, churned: int, n: int, *, repeated: int = 0, **parts: str) -> PartSums:
    """So many of an arm churned, in parts such as risk="low"."""
    return PartSums(
        arm=arm, n=n, buyers=n - churned, churned=churned, repeated=repeated,
        parts={Dimension(dimension): value for dimension, value in parts.items()},
        spend=replace(NO_MONEY, n=n), worth=replace(NO_MONEY, n=n), messages=replace(NO_MONEY, n=n),
        capped=(0, 0), orders=(0, 0), cost_before=0,
    )  # fmt: skip


def seen_in(*cells: PartSums, messages: tuple[MessageCount, ...] = ()) -> Seen:
    sums = RunSums(days=60, cells=cells, first_orders={}, causes={}, cap_minor=0)
    members = {cell.arm: cell.n for cell in cells}
    return Seen(sums=sums, members=members, messages=messages, currency="USD", minor=100)


def asked(*cells: PartSums, measure: Measure = Measure.CHURN, terms: Terms = TERMS):
    variants = [arm for arm in dict.fromkeys(cell.arm for cell in cells) if arm != HOLDOUT]
    return question(seen_in(*cells), Success(window="60d", measure=measure.value), variants, "treated", terms)


HELD = a_cell(HOLDOUT, 500, 1000, repeated=200)
GOOD, PLAIN, BAD = a_cell("good", 300, 1000), a_cell("plain", 450, 1000), a_cell("bad", 550, 1000)


def test_the_winner_beats_every_other_variant():
    assert contest(asked(HELD, PLAIN, GOOD, BAD)).winner == "good"


def test_the_better_of_two_that_cannot_be_told_apart_has_not_won():
    near = a_cell("near", 310, 1000)

    assert contest(asked(HELD, GOOD, near, BAD)).winner is None


def test_pairs_of_variants_are_judged_at_their_holm_level():
    """450 against 497 and 498 of 1,000: p .035 and .032 alone, three times .032 among three pairs."""
    close, closer = a_cell("close", 497, 1000), a_cell("closer", 498, 1000)

    two = contest(asked(HELD, PLAIN, close))
    three = contest(asked(HELD, PLAIN, close, closer))

    assert (two.winner, three.winner) == ("plain", None)
    assert [round(pair.p, 3) for pair in three.pairs[:2]] == [0.035, 0.032]
    assert [pair.p_holm for pair in three.pairs[:2]] == [pytest.approx(3 * three.pairs[1].p)] * 2


def test_more_repeat_orders_win():
    cells = [a_cell("often", 0, 1000, repeated=300), a_cell("rarely", 0, 1000, repeated=200)]

    found = contest(asked(HELD, *cells, measure=Measure.REPEAT_RATE))

    assert (found.column, found.winner) == ("repeated", "often")


@pytest.mark.parametrize("conditions", [Conditions(srm_p=1e-9), Conditions(srm_p=1.0, rows_lost=3)])
def test_nobody_wins_where_the_reading_is_not_to_be_trusted(conditions: Conditions):
    terms = replace(TERMS, conditions=conditions)

    ask = asked(HELD, GOOD, BAD, terms=terms)

    assert contest(ask).winner is None
    assert {c.verdict for c in rate_contrasts(ask, "churned")} == {Verdict.DO_NOT_TRUST}


def a_valued_cell(arm: str, churned: int, n: int = 200) -> PartSums:
    """Everybody had spent 10.00; who stayed orders once for 5.00, every tenth of them twice."""
    stayed = n - churned
    worth = PairSums(n=n, x=1000 * n, xx=1000**2 * n, y=1000 * churned, yy=1000**2 * churned, xy=1000**2 * churned)
    orders = stayed + stayed // 10, stayed - stayed // 10 + 4 * (stayed // 10)
    return replace(a_cell(arm, churned, n, repeated=stayed // 10), worth=worth, orders=orders)


def test_value_lost_is_judged_by_what_those_who_churned_had_spent():
    """100 and 60 of 200 took 10.00 each: 5.00 and 3.00 a customer; the error is sqrt((.25 + .21) / 199) x 10."""
    found = success_contrast(
        asked(a_valued_cell(HOLDOUT, 100), a_valued_cell("message", 60), measure=Measure.VALUE_LOST)
    )

    assert (found.column, found.mean, found.control_mean, found.difference) == ("value_lost", 3.0, 5.0, -2.0)
    assert found.t == pytest.approx(-2 / (10 * (0.46 / 199) ** 0.5))
    assert found.verdict is Verdict.BETTER


def test_a_share_of_value_lost_has_the_error_of_a_ratio():
    """All worth the same, so the share lost is the share churned: .3 - .5, error sqrt((.25 + .21) / 199)."""
    found = success_contrast(
        asked(a_valued_cell(HOLDOUT, 100), a_valued_cell("message", 60), measure=Measure.VALUE_LOST_SHARE)
    )

    assert (found.mean, found.control_mean) == pytest.approx((0.3, 0.5))
    assert found.t == pytest.approx(-0.2 / (0.46 / 199) ** 0.5)
    assert found.verdict is Verdict.BETTER


def test_without_value_at_the_start_no_share_of_it_can_be_lost():
    cells = a_cell(HOLDOUT, 100, 200), a_cell("one", 60, 200), a_cell("two", 50, 200)

    ask = asked(*cells, measure=Measure.VALUE_LOST_SHARE)

    assert success_contrast(ask) is None
    assert contest(ask) is None


def test_retention_is_the_mirror_of_churn_and_more_is_better():
    """1 - .3 and 1 - .5; the interval of churn with both ends turned round."""
    cells = a_cell(HOLDOUT, 500, 1000), a_cell("message", 300, 1000)

    found = success_contrast(asked(*cells, measure=Measure.RETENTION))

    [churn, _] = rate_contrasts(asked(*cells), "churned")
    assert (found.column, found.x, found.control_x, found.verdict) == ("retained", 700, 500, Verdict.BETTER)
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, -churn.high, -churn.low))


def test_purchase_frequency_is_orders_per_customer_bought_or_not():
    """100 stay, 10 of them twice: 110 orders of 200; 140 stay, 14 twice: 154 of 200. Squares 130 and 182."""
    found = success_contrast(
        asked(a_valued_cell(HOLDOUT, 100), a_valued_cell("message", 60), measure=Measure.PURCHASE_FREQUENCY)
    )

    variances = [(182 - 154**2 / 200) / 199, (130 - 110**2 / 200) / 199]
    assert (found.column, found.mean, found.control_mean) == ("orders", 0.77, 0.55)
    assert found.t == pytest.approx(0.22 / (sum(variances) / 200) ** 0.5)
    assert found.verdict is Verdict.BETTER


@pytest.mark.parametrize("measure", [Measure.VALUE_LOST, Measure.VALUE_LOST_SHARE, Measure.PURCHASE_FREQUENCY])
def test_the_variant_that_lost_least_or_sold_most_wins(measure: Measure):
    cells = [a_valued_cell(HOLDOUT, 100), a_valued_cell("good", 60), a_valued_cell("bad", 120)]

    assert contest(asked(*cells, measure=measure)).winner == "good"


def test_the_effect_by_week_is_of_those_who_first_ordered_in_it():
    """60 days are eight weeks and four days. Held out 1,000: 30, then 20; two variants of 1,000: 90, then none."""
    cells = [a_cell(HOLDOUT, 950, 1000), a_cell("a", 950, 1000), a_cell("b", 960, 1000)]
    first = {HOLDOUT: {7: 30, 57: 20}, "a": {1: 50}, "b": {7: 40}}
    sums = RunSums(days=60, cells=cells, first_orders=first, causes={}, cap_minor=0)

    found = weeks(replace(asked(*cells), sums=sums))

    assert [(each.number, each.first_day, each.last_day) for each in found][::8] == [(1, 1, 7), (9, 57, 60)]
    assert [(each.x, each.n, each.control_x, each.control_n) for each in found] == [
        (90, 2000, 30, 1000), *[(0, 2000, 0, 1000)] * 7, (0, 2000, 20, 1000),
    ]  # fmt: skip
    assert [found[0].difference, found[8].difference] == pytest.approx([0.015, -0.02])
    whole = success_contrast(asked(*cells, measure=Measure.RETENTION))
    assert sum(each.difference for each in found) == pytest.approx(whole.difference)


def test_one_variant_is_no_contest():
    assert contest(asked(HELD, GOOD)) is None


def in_parts(low: int, high: int, *, also: int | None = None) -> list[PartSums]:
    """500 of 1,000 held out churned in either risk; of those written to ``low`` and ``high``, or fewer known."""
    return [
        a_cell(HOLDOUT, 500, 1000, risk="low", value="top"),
        a_cell(HOLDOUT, 500, 1000, risk="high", value="other"),
        a_cell("message", low, 1000, risk="low", value="top"),
        a_cell("message", high, 1000, risk="high", value="other"),
    ]


def test_an_effect_in_one_part_only_is_an_interaction():
    """Differences of -.2 and 0 with squared errors (.3 .7 + .25) / 1000 and .5 / 1000: Q = .04 / .00096 = 41.7."""
    found = {each.dimension: each for each in interactions(asked(*in_parts(300, 500)))}

    risk = found[Dimension.RISK]
    assert risk.q == pytest.approx(0.04 / 0.00096, rel=1e-9)
    assert (risk.segments, risk.df, risk.apart) == (["low", "high"], 1, ["low", "high"])


def test_the_same_effect_everywhere_is_none_though_one_part_alone_would_exclude_0():
    """-.05 and -.03: only the first excludes 0 by itself, and the two do not differ."""
    found = {each.dimension: each for each in interactions(asked(*in_parts(450, 470)))}

    assert found[Dimension.RISK].apart == []
    assert found[Dimension.RISK].p > 0.5


def test_an_interaction_among_several_dimensions_must_stand_the_correction():
    """One dimension at p < .05, another that tells nothing: corrected, .05 is not reached."""
    cells = [
        a_cell(arm, churned, 500, risk=risk, value=value)
        for arm, risk, value, churned in [
            (HOLDOUT, "low", "top", 250), (HOLDOUT, "low", "other", 250),
            (HOLDOUT, "high", "top", 250), (HOLDOUT, "high", "other", 250),
            ("message", "low", "top", 208), ("message", "low", "other", 208),
            ("message", "high", "top", 240), ("message", "high", "other", 240),
        ]
    ]  # fmt: skip

    found = {each.dimension: each for each in interactions(asked(*cells))}

    risk = found[Dimension.RISK]
    assert 0.025 < risk.p < 0.05 < risk.p_bh
    assert risk.apart == []


def test_a_part_with_too_few_who_churned_is_left_out_and_said_to_be():
    cells = [
        a_cell(arm, churned, n, risk=risk)
        for arm, risk, churned, n in [
            (HOLDOUT, "low", 4, 100), (HOLDOUT, "high", 50, 100),
            ("message", "low", 40, 100), ("message", "high", 40, 100),
        ]
    ]  # fmt: skip

    [found] = interactions(asked(*cells))

    assert (found.segments, found.left_out, found.q) == (["high"], ["low"], None)
    assert found.reason == "nothing_to_compare"


@pytest.mark.parametrize(("complained", "kept"), [(0, "kept"), (10, "cant_tell"), (30, "broken")])
def test_a_guardrail_holds_or_breaks_by_the_whole_interval(complained: int, kept: str):
    """Of 1,000 that left: Wilson of 0 ends at .4 %, of 10 spans 1 %, of 30 begins at 2.1 %."""
    messages = (
        MessageCount(arm="message", state="delivered", messages=1000 - complained),
        MessageCount(arm="message", state="complained", messages=complained),
        MessageCount(arm="message", state="skipped", messages=500),
    )
    seen = seen_in(HELD, GOOD, messages=messages)
    success = Success(window="60d", guardrails=Guardrails(complained="1%"))

    found = find(seen, success, asked(HELD, GOOD), None)

    rail = next(each for each in found.guardrails if each.name == "complained")
    assert (rail.share.x, rail.share.n, rail.kept) == (complained, 1000, kept)


def test_contribution_is_judged_adjusted_only_where_past_spend_tells_customers_apart():
    """Who stayed had spent 10.00 before and 5.00 after, the others nothing; or nobody anything before."""
    parts = []
    for arm, stayed in ((HOLDOUT, 80), ("message", 100)):
        spend = PairSums(
            n=200, x=1000 * stayed, xx=1000**2 * stayed, y=500 * stayed, yy=500**2 * stayed, xy=500_000 * stayed
        )
        parts.append(
            replace(a_cell(arm, 200 - stayed, 200), spend=spend, messages=replace(spend, x=0, xx=0, xy=0))
        )
    quiet = [replace(each, spend=replace(each.spend, x=0, xx=0, xy=0)) for each in parts]
    success = Success(window="60d", measure="net_contribution", margin=0.4)

    told, plain = (
        success_contrast(question(seen_in(*cells), success, ["message"], "treated", TERMS))
        for cells in (parts, quiet)
    )

    assert (told.column, plain.column) == ("net_contribution_adjusted", "net_contribution")
    assert plain.difference == pytest.approx(0.4 * 5 * (100 - 80) / 200)
    assert told.difference == pytest.approx(0)  # what they spent before tells all of it
