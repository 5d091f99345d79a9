"""One arm against the hold-out: verdicts on counts and money, what it would have needed, and what is undefined."""

import math
from fractions import Fraction

import pytest

from tests.printed import printed
from winback.lift.contrast import MoneySums, RateSums
from winback.lift.lift import Arm, compare, contrast_dict
from winback.lift.verdict import Rule, Verdict


def a_rate(treated: tuple[int, int], control: tuple[int, int], **terms):
    """The one contrast of a campaign of two arms in the rate ``churned``."""
    return compare(
        control="holdout",
        arms=[Arm(name="holdout", n=control[1]), Arm(name="treated", n=treated[1])],
        rates=[
            RateSums(column="churned", arm="holdout", x=control[0], n=control[1]),
            RateSums(column="churned", arm="treated", x=treated[0], n=treated[1]),
        ],
        **{"lower_is_better": ["churned"]} | terms,
    ).rates[0]


def money_of(arm: str, amounts: list[int]) -> MoneySums:
    return MoneySums(
        column="revenue", arm=arm, n=len(amounts), buyers=sum(amount > 0 for amount in amounts),
        total=sum(amounts), total_sq=sum(amount * amount for amount in amounts),
    )  # fmt: skip


def some_money(treated: list[int], control: list[int], **terms):
    """The one contrast of a campaign of two arms in money."""
    return compare(
        control="holdout",
        arms=[Arm(name="holdout", n=len(control)), Arm(name="treated", n=len(treated))],
        money=[money_of("holdout", control), money_of("treated", treated)],
        **terms,
    ).money[0]


def test_the_reason_is_a_sentence_and_the_machine_keys_stay_out_of_the_json():
    contrast = a_rate((0, 50), (3, 50))

    plain = contrast_dict(contrast)

    assert plain["verdict"] == "not_enough_data"
    assert plain["reason"].startswith("an arm has fewer than 5 customers")
    assert contrast.rules == (Rule.FEW_EVENTS, Rule.UNDECIDED)
    assert "rules" not in plain


def test_fewer_churned_is_better_and_saves_customers():
    """288/1600 v 92/400: churn, where lower is better."""
    contrast = a_rate((288, 1600), (92, 400))

    assert contrast.verdict is Verdict.BETTER
    assert (-1600 * contrast.high, -1600 * contrast.low) == (printed("10.81"), printed("155.64"))


def test_the_same_counts_are_worse_where_higher_is_better():
    assert a_rate((288, 1600), (92, 400), lower_is_better=[]).verdict is Verdict.WORSE


def test_what_holds_for_the_campaign_reaches_every_contrast():
    interim = a_rate((288, 1600), (92, 400), matured=False)
    touched = a_rate((288, 1600), (92, 400), contaminated_share=0.0025)
    contaminated = a_rate((288, 1600), (92, 400), contaminated_share=0.0125)

    assert (interim.verdict, touched.verdict, contaminated.verdict) == (
        Verdict.INTERIM, Verdict.BETTER, Verdict.DO_NOT_TRUST,
    )  # fmt: skip
    assert touched.rules == (Rule.HOLDOUT_TOUCHED, Rule.EXCLUDES_ZERO)


def test_a_narrow_interval_around_0_is_no_effect_worth_having():
    contrast = a_rate((20_000, 100_000), (20_000, 100_000), smallest_effect={"churned": 0.01})

    assert contrast.verdict is Verdict.NO_EFFECT_WORTH_HAVING


def test_needed_n_is_for_the_smallest_effect_at_the_present_split():
    """The planning table: 20 % churn, 20 % hold-out, 15 % relative (3 points): 8,515."""
    contrast = a_rate((320, 1600), (80, 400), smallest_effect={"churned": 0.03})

    assert contrast.needed_n == 8_515
    assert contrast.verdict is Verdict.CANT_TELL
    assert contrast.reason == "the interval includes 0: would need 8,515 customers"


def test_needed_n_is_for_the_observed_difference_where_no_smallest_effect_is_given():
    """The planning table: 20 % against 17 %, 20 % hold-out."""
    assert a_rate((272, 1600), (80, 400)).needed_n == 8_515


def test_an_improvement_that_has_no_room_is_planned_as_a_harm():
    """From a churn of 0.01 nobody can be better by 3 points; 0.01 to 0.04 with halves needs 844 by the formula.

    n0 = 2.801585^2 * (0.01 * 0.99 + 0.04 * 0.96) / 0.03^2 = 421.2, so 422 in each arm.
    """
    contrast = a_rate((10, 1000), (10, 1000), smallest_effect={"churned": 0.03})

    assert contrast.needed_n == 844


def test_money_has_no_verdict_below_the_floor_of_buyers():
    contrast = some_money([100] * 49 + [0], [1, 2, 0, 0] * 60)

    assert contrast.rules == (Rule.FEW_BUYERS, Rule.EXCLUDES_ZERO)
    assert contrast.verdict is Verdict.NOT_ENOUGH_DATA
    assert contrast.reason.startswith("an arm has fewer than 50 buyers")


def test_the_money_floor_holds_for_either_arm():
    assert some_money([100, 101] * 60, [1] * 49 + [0] * 20).verdict is Verdict.NOT_ENOUGH_DATA
    assert some_money([100, 101] * 60, [1] * 50 + [0] * 20).verdict is Verdict.BETTER


@pytest.mark.parametrize(("buyers", "approximate"), [(50, True), (250, True), (251, False)])
def test_money_with_up_to_250_buyers_is_called_approximate(buyers, approximate):
    contrast = some_money([100, 101] * 200, [1] * buyers + [0] * 20)

    assert (Rule.APPROXIMATE in contrast.rules) == approximate
    assert contrast.verdict is Verdict.BETTER


def test_the_money_floor_can_be_moved():
    assert some_money([100] * 49 + [0], [1, 2, 0, 0] * 60, money_floor=49).verdict is Verdict.BETTER


def test_lower_can_be_better_for_money_too():
    contrast = some_money([100, 101] * 80, [1, 2] * 80, lower_is_better=["revenue"])

    assert contrast.verdict is Verdict.WORSE


def test_money_around_0_may_be_no_effect_worth_having():
    contrast = some_money([10, 20] * 500, [10, 20] * 500, smallest_effect={"revenue": 1.0})

    assert contrast.verdict is Verdict.NO_EFFECT_WORTH_HAVING


def test_money_needs_the_pooled_test_as_well_as_welch():
    """1,600 v 400, where the hold-out happens to vary less.

    By hand: treated 1,600 with mean 10.5 and sd 50, hold-out 400 with mean 6 and sd 30. Welch's standard error is
    sqrt(50^2/1600 + 30^2/400) = 1.9526, t = 4.5 / 1.9526 = 2.30; the pooled sd is 46.71, its standard error 2.611
    and t = 1.72.
    """

    def sums(arm, n, mean, deviation):
        squares = (n - 1) * deviation**2 + n * Fraction(mean) ** 2
        return MoneySums(column="revenue", arm=arm, n=n, buyers=200, total=n * Fraction(mean), total_sq=squares)

    contrast = compare(
        control="holdout",
        arms=[Arm(name="holdout", n=400), Arm(name="treated", n=1600)],
        money=[sums("treated", 1600, "10.5", 50), sums("holdout", 400, "6", 30)],
    ).money[0]

    assert contrast.t == printed("2.30")
    assert contrast.low > 0
    assert contrast.p_welch < 0.05 < contrast.p_pooled
    assert contrast.verdict is Verdict.CANT_TELL
    assert "pooled-variance test" in contrast.reason


def test_money_that_does_not_vary_has_a_difference_but_no_test():
    contrast = some_money([7] * 200, [5] * 200)

    assert contrast.difference == 2
    assert (contrast.low, contrast.high, contrast.t, contrast.df) == (None, None, None, None)
    assert (contrast.p_welch, contrast.p_pooled) == (None, None)
    assert (contrast.verdict, contrast.rules) == (Verdict.NOT_ENOUGH_DATA, (Rule.NO_INTERVAL,))


@pytest.mark.parametrize(("treated", "control"), [([], [1, 2]), ([1, 2], []), ([], []), ([5], [1, 2])])
def test_an_arm_with_fewer_than_two_customers_has_no_money_test(treated, control):
    contrast = some_money(treated, control)

    assert (contrast.low, contrast.t, contrast.p_welch, contrast.p_pooled) == (None, None, None, None)
    assert contrast.verdict is Verdict.NOT_ENOUGH_DATA
    assert contrast.mean == (sum(treated) / len(treated) if treated else None)


def test_an_empty_arm_leaves_only_the_other_arms_wilson():
    contrast = a_rate((0, 0), (92, 400))

    known = {"column", "arm", "x", "n", "verdict", "reason", "control_x", "control_n", "control_rate"}
    known |= {"control_rate_low", "control_rate_high"}
    assert {key for key, value in contrast_dict(contrast).items() if value is not None} == known
    assert (contrast.control_rate_low, contrast.control_rate_high) == (printed(".1914438"), printed(".2736928"))
    assert contrast.verdict is Verdict.NOT_ENOUGH_DATA
    assert contrast.rules[0] is Rule.EMPTY_ARM


@pytest.mark.parametrize("counts", [(0, 0), (1, 1), (10, 10)])
def test_everybody_or_nobody_churned_is_not_enough_data(counts):
    contrast = a_rate(counts, counts)

    assert contrast.verdict is Verdict.NOT_ENOUGH_DATA
    assert (contrast.p_pooled, contrast.p_mn, contrast.needed_n) == (None, None, None)


def test_one_customer_in_each_arm_has_its_interval_but_no_verdict():
    """1/1 v 0/1: by brute force."""
    contrast = a_rate((1, 1), (0, 1))

    assert (contrast.difference, contrast.low, contrast.high) == (1, printed("-0.12211"), 1)
    assert (contrast.mn_low, contrast.mn_high) == (printed("-0.58690"), 1)
    assert (contrast.ratio, contrast.needed_n) == (None, None)
    assert contrast.rules[:2] == (Rule.EMPTY_ARM, Rule.FEW_EVENTS)


def test_a_control_without_events_has_no_ratio_and_a_right_interval():
    contrast = a_rate((30, 1600), (0, 400))

    assert (contrast.ratio, contrast.ratio_low, contrast.ratio_high) == (None, None, None)
    assert (contrast.low, contrast.high) == (printed("0.00772"), printed("0.02664"))
    assert contrast.verdict is Verdict.NOT_ENOUGH_DATA


def test_the_numbers_of_a_million_customers_are_finite():
    contrast = a_rate((300_000, 800_000), (100_000, 200_000))

    assert all(math.isfinite(value) for value in contrast_dict(contrast).values() if isinstance(value, float))


def test_where_events_are_too_few_the_customers_it_takes_are_those_that_bring_enough_of_them():
    """2 of 10 against 6 of 10: the formula's 2.801585^2 (0.2 0.8 + 0.6 0.4) / 0.4^2 = 19.6 an arm, 40 in all;
    but the 2 grow to 5 only with 20 x 5 / 2 = 50 customers."""
    contrast = a_rate((2, 10), (6, 10))

    assert contrast.needed_n == 40
    assert contrast.reason == (
        "an arm has fewer than 5 customers with the event or without it; the interval includes 0: would need 50 "
        "customers, as a verdict takes 5 customers with the event and as many without it in each arm"
    )


def test_of_an_event_nobody_had_no_number_of_customers_is_named():
    assert a_rate((0, 50), (3, 50)).reason.endswith("; the interval includes 0")


def test_money_below_the_floor_asks_for_as_many_customers_as_bring_the_buyers():
    """The fewer buyers are 2, and 50 are asked for: 20 x 50 / 2 = 500 customers."""
    contrast = some_money([10, 10, 10, 0, 0, 0, 0, 0, 0, 0], [5, 5, 0, 0, 0, 0, 0, 0, 0, 0])

    assert contrast.reason.endswith("would need 500 customers, as a verdict takes 50 buyers in each arm")
