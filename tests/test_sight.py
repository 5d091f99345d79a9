"""What a campaign can show in terms of what it is judged by: worked by hand, and by R for a rate."""

from dataclasses import replace

import pytest

from app.commands.preview import sight_lines
from winback.campaigns.campaign import OF_ANSWERS, Measure, Success
from winback.gallery.page import sight_sentences
from winback.gallery.sight import Basis, Sight, expect, in_sight
from winback.gallery.words import TEXTS
from winback.lift.pairs import PairSums
from winback.outcomes.part_sums import PartSums, pool_parts
from winback.report.words import Speaker
from winback.words import Language

NOBODY = pool_parts([], "nobody")


def a_success(measure: Measure = Measure.CHURN, smallest_effect: float | None = None) -> Success:
    margin = 0.4 if measure is Measure.NET_CONTRIBUTION else None
    return Success.model_construct(window=60, measure=measure, smallest_effect=smallest_effect, margin=margin)


def did(n: int, *, buyers: int, spent: int = 5_000, repeated: int = 0) -> PartSums:
    """``buyers`` of ``n`` ordered once for ``spent`` cents in the window before, and as much before that."""
    y = PairSums(n=n, x=spent * buyers, y=spent * buyers, xx=spent**2 * buyers, yy=spent**2 * buyers, xy=0)
    return replace(
        pool_parts([], "drawn"), n=n, buyers=buyers, churned=n - buyers, repeated=repeated, spend=y,
        messages=replace(y, x=0, xx=0),
        orders=(buyers, buyers), worth=replace(y, y=y.x // 2, yy=y.xx // 2, xy=y.xx // 2),
    )  # fmt: skip


def look(
    measure: Measure, audience: PartSums, *, everybody: PartSums = NOBODY, alike: PartSums | None = None,
    risk: float = 0.5, customers: int = 2_000,
    smallest: float | None = None, variants: int = 1,
) -> Sight:  # fmt: skip
    """With half held out, the rest divided equally."""
    success = a_success(measure, smallest)
    expected = expect(success, risk=risk, alike=alike, audience=audience, everybody=everybody, minor=100)
    shares = {"holdout": 0.5} | {f"v{n}": 0.5 / variants for n in range(variants)}
    return in_sight(expected, success, customers=customers, shares=shares, currency="USD")


def page_lines(seen: Sight, language: Language) -> list[str]:
    """What the page of the messages says of it."""
    return list(sight_sentences(seen, 0, Speaker(language, TEXTS)))


@pytest.mark.parametrize("measure", [each for each in Measure if each not in OF_ANSWERS])
@pytest.mark.parametrize("variants", [1, 3])
def test_whatever_it_is_judged_by_is_told_in_words(measure: Measure, variants: int):
    seen = look(measure, did(2_000, buyers=800, repeated=300), variants=variants)

    said = list(sight_lines(seen, 0))

    assert seen.effect
    assert said[0].startswith("With 2,000 customers and a 50 % holdout you will only see changes ")
    assert len(said) == 3 + (variants > 1) + (seen.expected.basis is Basis.SEEN)
    assert not any("None" in line for line in said)


def test_contribution_is_told_in_money_by_the_spread_of_the_window_before():
    """Half of 2,000 spent $50, the others nothing: sd 25.00625, of the contribution at 40 % 10.0025.

    Smallest visible: (1.95996 + 0.84162) x 10.0025 x sqrt(2/1000) = 1.2532.
    """
    seen = look(Measure.NET_CONTRIBUTION, did(2_000, buyers=1_000))

    assert seen.expected.basis is Basis.SEEN
    assert seen.expected.spread == pytest.approx(10.0025, abs=1e-4)
    assert seen.effect == pytest.approx(1.2532, abs=1e-4)
    assert next(sight_lines(seen, 0)).endswith("only see changes in net contribution of $1.25 a customer or more.")


def test_where_hardly_anybody_of_the_audience_ordered_all_scored_customers_stand_for_it():
    seen = look(Measure.NET_CONTRIBUTION, did(2_000, buyers=49), everybody=did(4_000, buyers=2_000))

    said = list(sight_lines(seen, 0))[1]

    assert seen.expected.basis is Basis.SEEN_OF_ALL
    assert said == (
        "(four times in five; standard deviation between customers taken as $10.00 a customer, from what all "
        "scored customers did in the 60 days before: too few of these ordered then)"
    )


def test_a_mean_needs_enough_buyers_in_the_hold_out():
    """Of 200 held out 51 are expected to order at a risk of .745, 49 at .755; a verdict takes 50."""
    before = did(400, buyers=200)

    enough, few = (look(Measure.PURCHASE_FREQUENCY, before, risk=r, customers=400) for r in (0.745, 0.755))

    assert (enough.verdict, few.verdict) == (True, False)
    assert next(sight_lines(few, 0)).endswith(
        "see no change, however large: too few of those left alone would order."
    )


def test_repeat_orders_rise_from_what_they_were():
    """R power.prop.test(n=2000, p1=.20, power=.8): p2 = .2366019."""
    seen = look(Measure.REPEAT_RATE, did(4_000, buyers=2_000, repeated=800), customers=4_000, smallest=0.0366)

    assert (seen.expected.rate, seen.expected.basis) == (0.2, Basis.SEEN)
    assert 0.2 + seen.effect == pytest.approx(0.2366019, abs=1e-4)
    assert seen.needed_n == pytest.approx(4_000, rel=0.005)


def test_retention_is_churn_turned_round():
    retention = look(Measure.RETENTION, NOBODY, risk=0.8)
    rise = look(Measure.CHURN, NOBODY, risk=0.8)

    assert retention.expected.rate == pytest.approx(0.2)
    assert retention.effect == pytest.approx(rise.effect)  # as many more who stay are as many fewer who churn


def test_each_variant_alone_is_asked_for_the_strictest_holm_level():
    """Two variants of 1,000 each against 2,000: z of .0125 is 2.2414 in place of 1.9600.

    sd 10.0025: (2.2414 + 0.8416) x 10.0025 x sqrt(1/1000 + 1/2000) = 1.1943.
    """
    seen = look(Measure.NET_CONTRIBUTION, did(2_000, buyers=1_000), customers=4_000, variants=2)

    assert [(each.arm, each.customers) for each in seen.variants] == [("v0", 1_000), ("v1", 1_000)]
    assert seen.variants[0].effect == pytest.approx(1.1943, abs=2e-4)
    assert list(sight_lines(seen, 0))[-1] == (
        "each variant alone against the shared holdout (Holm): "
        "v0 from $1.19 a customer on, v1 from $1.19 a customer on"
    )


def test_a_share_of_value_lost_says_how_many_customers_a_smallest_effect_takes():
    """As many as show it: of twice the customers the smallest visible effect is that over the root of two."""
    once = look(Measure.VALUE_LOST_SHARE, did(2_000, buyers=1_000))
    wanted = look(Measure.VALUE_LOST_SHARE, did(2_000, buyers=1_000), smallest=once.effect / 2**0.5)

    assert wanted.needed_n == pytest.approx(4_000, abs=2)


@pytest.mark.parametrize(
    ("measure", "what"),
    [
        (Measure.NET_CONTRIBUTION, "net contribution"),
        (Measure.REPEAT_RATE, "repeat orders"),
        (Measure.PURCHASE_FREQUENCY, "orders"),
        (Measure.VALUE_LOST, "value lost"),
        (Measure.VALUE_LOST_SHARE, "the share of value lost"),
    ],
)
def test_a_past_without_any_spread_plans_nothing_and_does_not_say_that_no_change_would_show(measure, what):
    seen = look(measure, did(2_000, buyers=0), everybody=did(4_000, buyers=0))

    assert seen.unplannable
    assert list(sight_lines(seen, 0)) == [
        "What the result can show cannot be planned from the past: in the 60 days before, customers did not "
        f"differ in {what}."
    ]
    assert ["cannot be planned from the past" in each for each in page_lines(seen, "en")] == [True]
    assert ["无法根据过去估计" in each for each in page_lines(seen, "zh")] == [True]


def test_those_chosen_by_the_same_rules_a_window_earlier_plan_it_without_a_warning():
    """Of 1,500, 600 ordered once since, sd 0.49006: 2.80158 x 0.49006 x sqrt(2/1000) = 0.0614, not 0."""
    seen = look(Measure.PURCHASE_FREQUENCY, did(2_000, buyers=0), alike=did(1_500, buyers=600))

    said = list(sight_lines(seen, 0))
    assert seen.expected.basis is Basis.SEEN_OF_ALIKE
    assert seen.effect == pytest.approx(0.0614, abs=5e-5)
    assert said[1].endswith("from what those did whom the same rules would have chosen 60 days earlier)")
    assert not any("WARNING" in line for line in said)
    assert not any("Probably only larger" in line for line in page_lines(seen, "en"))


def test_too_few_buyers_among_those_alike_leave_it_to_the_audience_itself():
    seen = look(Measure.PURCHASE_FREQUENCY, did(2_000, buyers=800), alike=did(1_500, buyers=49))

    assert (seen.expected.basis, seen.probably_more) == (Basis.SEEN, True)


def test_where_they_themselves_are_the_source_the_line_says_so():
    said = list(sight_lines(look(Measure.PURCHASE_FREQUENCY, did(2_000, buyers=800)), 0))[1]

    assert said.endswith(", from what they did in the 60 days before)")


def test_what_a_quiet_audience_did_before_is_told_as_understating_the_smallest_change():
    own, of_all, predicted = (
        look(Measure.PURCHASE_FREQUENCY, did(2_000, buyers=800)),
        look(Measure.PURCHASE_FREQUENCY, did(2_000, buyers=9), everybody=did(4_000, buyers=2_000)),
        look(Measure.CHURN, did(2_000, buyers=800)),
    )

    assert list(sight_lines(own, 0))[2].startswith("WARNING: probably larger changes only, if they were chosen")
    assert page_lines(own, "en")[1].startswith("Probably only larger changes")
    assert page_lines(own, "zh")[1].startswith("如果名单是因沉寂而选出的")
    for other in (of_all, predicted):
        assert not any("robably" in line for line in (*sight_lines(other, 0), *page_lines(other, "en")))


def a_tenth_lost(n: int) -> PartSums:
    """Of ``n`` who paid $10 a month a tenth pays nothing any more."""
    lost = n // 10
    worth = PairSums(n=n, x=1_000 * n, xx=10**6 * n, y=1_000 * lost, yy=10**6 * lost, xy=10**6 * lost)
    return replace(pool_parts([], "all"), n=n, churned=lost, worth=worth)


@pytest.mark.parametrize(
    ("measure", "spread"),
    [
        (Measure.VALUE_LOST, 10 * (0.09 * 1000 / 999) ** 0.5),
        (Measure.VALUE_LOST_SHARE, (0.09 * 1000 / 999) ** 0.5),
    ],
)
def test_by_contract_value_lost_is_planned_from_all_who_had_one_before(measure: Measure, spread: float):
    """A tenth lost, $10 each: the variance of lost or not is .09, of 1,000 customers .09 x 1000 / 999."""
    found = expect(
        a_success(measure), risk=0.5, alike=None, audience=did(50, buyers=9), everybody=NOBODY, minor=100,
        under_contract=a_tenth_lost(1_000),
    )  # fmt: skip

    assert found.basis is Basis.CONTRACTS
    assert (found.rate, found.spread) == (None, pytest.approx(spread))


def test_by_contract_churn_is_planned_by_the_risk_of_contracts():
    found = expect(
        a_success(Measure.CHURN), risk=0.3, alike=None, audience=NOBODY, everybody=NOBODY, minor=100,
        under_contract=a_tenth_lost(1_000),
    )  # fmt: skip

    assert (found.basis, found.rate) == (Basis.PREDICTED, 0.3)


def test_where_nobody_had_a_contract_before_nothing_is_expected():
    nobody = a_tenth_lost(0)

    found = expect(
        a_success(Measure.VALUE_LOST), risk=0.5, alike=None, audience=NOBODY, everybody=NOBODY, minor=100,
        under_contract=nobody,
    )  # fmt: skip

    assert found is None


@pytest.mark.parametrize("measure", OF_ANSWERS)
def test_of_a_score_nothing_is_planned_and_that_is_said(measure: Measure):
    seen = look(measure, did(2_000, buyers=800, repeated=300), variants=3)

    [said] = sight_lines(seen, 0)

    assert said.startswith(f"What the result can show of {measure} is not planned: nobody knows who will answer.")
    told = [page_lines(seen, language) for language in ("en", "zh")]
    assert [len(lines) for lines in told] == [1, 1]
    assert all("winback import feedback" in line for line in (said, *told[0], *told[1]))
