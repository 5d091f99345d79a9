"""compare() against outcomes A10: Hillstrom from its sums, the small tables, and every edge that must be null."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.printed import printed
from winback.contrast import MoneySums, RateSums
from winback.lift import Arm, Lift, compare, contrast_dict
from winback.verdict import Rule, Verdict

# The contract's JSON of `winback lift`, key for key.
RATE_KEYS = [
    "column", "arm", "x", "n", "rate", "rate_low", "rate_high", "control_x", "control_n", "control_rate",
    "control_rate_low", "control_rate_high", "difference", "low", "high", "mn_low", "mn_high", "ratio",
    "ratio_low", "ratio_high", "p_newcombe", "p_pooled", "p_mn", "p_holm", "verdict", "reason", "needed_n",
]  # fmt: skip
MONEY_KEYS = [
    "column", "arm", "n", "buyers", "mean", "control_buyers", "control_mean", "difference", "low", "high",
    "df", "t", "p_welch", "p_pooled", "verdict", "reason",
]  # fmt: skip
SIZES = {"No": 21306, "Mens": 21307, "Womens": 21387}
VISITS = {"No": 2262, "Mens": 3894, "Womens": 3238}
CONVERSIONS = {"No": 122, "Mens": 267, "Womens": 189}
SPEND = {
    "No": ("13908.33", "2870050.3621"),
    "Mens": ("30311.69", "6759024.4973"),
    "Womens": ("23038.11", "4911446.5763"),
}


def hillstrom() -> Lift:
    return compare(
        control="No",
        arms=[Arm(name=name, n=n, planned_share=Fraction(1, 3)) for name, n in SIZES.items()],
        rates=[
            RateSums(column=column, arm=arm, x=x, n=SIZES[arm])
            for column, counts in (("visit", VISITS), ("conversion", CONVERSIONS))
            for arm, x in counts.items()
        ],
        money=[
            MoneySums(
                column="spend", arm=arm, n=SIZES[arm], buyers=CONVERSIONS[arm],
                total=Decimal(total), total_sq=Decimal(squares),
            )
            for arm, (total, squares) in SPEND.items()
        ],
    )  # fmt: skip


def rate(lift: Lift, column: str, arm: str):
    return next(each for each in lift.rates if (each.column, each.arm) == (column, arm))


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


# --- Hillstrom, to the printed digits


def test_hillstrom_was_split_into_thirds():
    lift = hillstrom()

    assert (lift.srm.chi2, lift.srm.p) == (printed("0.2025313"), printed("0.9036930"))


@pytest.mark.parametrize(
    ("column", "arm", "difference", "newcombe", "mn", "ratio", "p"),
    [
        ("visit", "Mens", "0.0765896", "0.0699533 0.0832267", "0.069960 0.083234", "1.72140 1.64038 1.80643",
         "5.6852e-112"),
        ("visit", "Womens", "0.045233", "0.038894 0.051574", "0.038898 0.051579", "1.42606 1.35617 1.49954",
         "3.1824e-44"),
        ("conversion", "Mens", "0.006805", "0.005014 0.008641", "0.005024 0.008649", "2.18842 1.76798 2.70884",
         "1.5232e-13"),
        ("conversion", "Womens", "0.003111", "0.001502 0.004745", "0.001507 0.004751", "1.54331 1.23011 1.93627",
         "1.5711e-4"),
    ],
)  # fmt: skip
def test_hillstrom_rates_are_the_published_ones(column, arm, difference, newcombe, mn, ratio, p):
    contrast = rate(hillstrom(), column, arm)

    assert contrast.difference == printed(difference)
    assert [contrast.low, contrast.high] == [printed(each) for each in newcombe.split()]
    assert [contrast.mn_low, contrast.mn_high] == [printed(each) for each in mn.split()]
    assert [contrast.ratio, contrast.ratio_low, contrast.ratio_high] == [printed(each) for each in ratio.split()]
    assert contrast.p_pooled == printed(p)
    assert contrast.verdict is Verdict.BETTER


@pytest.mark.parametrize(("arm", "p"), [("Mens", "5.7191e-112"), ("Womens", "3.1897e-44")])
def test_hillstrom_visits_have_the_published_score_p(arm, p):
    assert rate(hillstrom(), "visit", arm).p_mn == printed(p)


def test_holm_runs_over_the_arms_of_a_column_on_the_newcombe_p():
    lift = hillstrom()
    mens, womens = rate(lift, "conversion", "Mens"), rate(lift, "conversion", "Womens")

    assert mens.p_holm == pytest.approx(2 * mens.p_newcombe)  # the smaller of two
    assert womens.p_holm == pytest.approx(womens.p_newcombe)  # the larger


def test_hillstrom_money_is_the_published_one():
    mens, womens = hillstrom().money

    assert (mens.control_mean, mens.mean, womens.mean) == (
        printed("0.652789"), printed("1.422617"), printed("1.077202"),
    )  # fmt: skip
    assert (mens.difference, mens.low, mens.high) == (
        printed("0.769827"),
        printed("0.485140"),
        printed("1.054515"),
    )
    assert (mens.df, mens.t, mens.p_welch) == (printed("36671.16"), printed("5.300140"), printed("1.163815e-07"))
    assert (womens.difference, womens.low, womens.high) == (
        printed("0.424412"), printed("0.168957"), printed("0.679868"),
    )  # fmt: skip
    # The table prints a df of 40,064.885; scipy on the real file gives 40,064.8844.
    assert (womens.df, womens.p_welch) == (printed("40064.8844"), printed("0.00112940"))
    assert {mens.verdict, womens.verdict} == {Verdict.BETTER}


# --- the JSON


def test_the_dict_is_the_contract_key_for_key_and_plain_json():
    plain = hillstrom().as_dict()

    assert list(plain) == ["control", "arms", "srm", "rates", "money"]
    assert plain["arms"]["No"] == {"n": 21306, "planned_share": pytest.approx(1 / 3)}
    assert list(plain["srm"]) == ["chi2", "df", "p"]
    assert [list(each) for each in plain["rates"]] == [RATE_KEYS] * 4
    assert [list(each) for each in plain["money"]] == [MONEY_KEYS] * 2
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_the_reason_is_a_sentence_and_the_machine_keys_stay_out_of_the_json():
    contrast = a_rate((0, 50), (3, 50))

    plain = contrast_dict(contrast)

    assert plain["verdict"] == "not_enough_data"
    assert plain["reason"].startswith("an arm has fewer than 5 customers")
    assert contrast.rules == (Rule.FEW_EVENTS, Rule.UNDECIDED)
    assert "rules" not in plain


# --- verdicts on counts


def test_fewer_churned_is_better_and_saves_customers():
    """288/1600 v 92/400 (outcomes A10), read upside down: churn where lower is better."""
    contrast = a_rate((288, 1600), (92, 400))

    assert contrast.verdict is Verdict.BETTER
    assert (-1600 * contrast.high, -1600 * contrast.low) == (printed("10.81"), printed("155.64"))


def test_the_same_counts_are_worse_where_higher_is_better():
    assert a_rate((288, 1600), (92, 400), lower_is_better=[]).verdict is Verdict.WORSE


def test_three_equal_arms_have_three_times_the_p_and_then_cannot_tell():
    """288/1600 v 92/400 has p_newcombe 0.0223: alone it decides, as one of three (0.067) it does not."""
    arms = ("first", "second", "third")
    lift = compare(
        control="holdout",
        arms=[Arm(name="holdout", n=400), *(Arm(name=arm, n=1600) for arm in arms)],
        rates=[
            RateSums(column="churned", arm="holdout", x=92, n=400),
            *(RateSums(column="churned", arm=arm, x=288, n=1600) for arm in arms),
        ],
        lower_is_better=["churned"],
    )

    for contrast in lift.rates:
        assert contrast.p_holm == pytest.approx(3 * contrast.p_newcombe)
        assert contrast.p_newcombe == pytest.approx(0.0223, abs=5e-5)
        assert contrast.verdict is Verdict.CANT_TELL
        assert contrast.reason.startswith("the interval excludes 0, but not at its Holm level")
        assert (contrast.low, contrast.high) == (printed("-0.0972749"), printed("-0.0067551"))


def test_all_arms_together_are_asked_once_and_outside_holm():
    lift = compare(
        control="holdout",
        arms=[Arm(name="holdout", n=400), Arm(name="advice", n=800), Arm(name="coupon", n=800)],
        rates=[
            RateSums(column="churned", arm="holdout", x=92, n=400),
            RateSums(column="churned", arm="advice", x=150, n=800),
            RateSums(column="churned", arm="coupon", x=138, n=800),
        ],
        money=[money_of("holdout", [0, 1]), money_of("advice", [2, 0]), money_of("coupon", [4, 6, 0])],
        lower_is_better=["churned"],
        pooled_as="treated",
    )

    (churned,), (revenue,) = lift.pooled_rates, lift.pooled_money
    assert (churned.arm, churned.x, churned.n) == ("treated", 288, 1600)
    assert (churned.low, churned.high) == (printed("-0.0972749"), printed("-0.0067551"))
    assert churned.p_holm == churned.p_newcombe
    assert (revenue.n, revenue.buyers, revenue.mean) == (5, 3, pytest.approx(12 / 5))
    assert len(lift.rates) == 2


def test_a_wrong_split_withholds_the_verdict():
    arms = [Arm(name="holdout", n=1860, planned_share=0.2), Arm(name="treated", n=8140, planned_share=0.8)]
    rates = [
        RateSums(column="visit", arm="holdout", x=200, n=1860),
        RateSums(column="visit", arm="treated", x=1500, n=8140),
    ]

    contrast = compare(control="holdout", arms=arms, rates=rates).rates[0]

    assert contrast.verdict is Verdict.DO_NOT_TRUST
    assert contrast.rules == (Rule.SPLIT_WRONG, Rule.EXCLUDES_ZERO)
    assert "p = 0.00047" in contrast.reason


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


# --- how many it would have needed


def test_needed_n_is_for_the_smallest_effect_at_the_present_split():
    """Outcomes A7: 20 % churn, 20 % hold-out, 15 % relative (3 points): 8,515; here the effect is undecided."""
    contrast = a_rate((320, 1600), (80, 400), smallest_effect={"churned": 0.03})

    assert contrast.needed_n == 8_515
    assert contrast.verdict is Verdict.CANT_TELL
    assert contrast.reason == "the interval includes 0: would need 8,515 customers"


def test_needed_n_is_for_the_observed_difference_where_no_smallest_effect_is_given():
    """Outcomes A7: 20 % against 17 %, 20 % hold-out."""
    assert a_rate((272, 1600), (80, 400)).needed_n == 8_515


def test_an_improvement_that_has_no_room_is_planned_as_a_harm():
    """From a churn of 0.01 nobody can be better by 3 points; 0.01 to 0.04 with halves needs 842 by A2's formula.

    n0 = 2.801585^2 * (0.01 * 0.99 + 0.04 * 0.96) / 0.03^2 = 421.2, so 422 in each arm.
    """
    contrast = a_rate((10, 1000), (10, 1000), smallest_effect={"churned": 0.03})

    assert contrast.needed_n == 844


# --- money


def test_money_has_no_verdict_below_the_floor_of_buyers():
    contrast = some_money([100] * 99 + [0], [1, 2, 0, 0] * 60)

    assert contrast.rules == (Rule.FEW_BUYERS, Rule.EXCLUDES_ZERO)
    assert contrast.verdict is Verdict.NOT_ENOUGH_DATA
    assert contrast.reason.startswith("an arm has fewer than 100 buyers")


def test_the_money_floor_can_be_moved():
    assert some_money([100] * 99 + [0], [1, 2, 0, 0] * 60, money_floor=50).verdict is Verdict.BETTER


def test_lower_can_be_better_for_money_too():
    contrast = some_money([100, 101] * 80, [1, 2] * 80, lower_is_better=["revenue"])

    assert contrast.verdict is Verdict.WORSE


def test_money_around_0_may_be_no_effect_worth_having():
    contrast = some_money([10, 20] * 500, [10, 20] * 500, smallest_effect={"revenue": 1.0})

    assert contrast.verdict is Verdict.NO_EFFECT_WORTH_HAVING


def test_money_needs_the_pooled_test_as_well_as_welch():
    """1,600 v 400, where the hold-out happens to vary less.

    By hand: treated 1,600 with mean 10.5 and sd 50, hold-out 400 with mean 6 and sd 30. Welch's standard error is
    sqrt(50^2/1600 + 30^2/400) = 1.953, t = 4.5 / 1.9526 = 2.30; the pooled sd is 46.71, its standard error 2.611, t = 1.72.
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


# --- what is undefined is None, and never an exception


def test_money_that_does_not_vary_has_a_difference_but_no_test():
    contrast = some_money([7] * 200, [5] * 200)

    assert contrast.difference == 2
    assert (contrast.low, contrast.high, contrast.t, contrast.df) == (None, None, None, None)
    assert (contrast.p_welch, contrast.p_pooled) == (None, None)
    assert (contrast.verdict, contrast.rules) == (Verdict.CANT_TELL, (Rule.NO_INTERVAL,))


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
    """Outcomes A10: 1/1 v 0/1."""
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


def test_one_arm_alone_is_compared_with_nothing():
    lift = compare(
        control="holdout",
        arms=[Arm(name="holdout", n=10, planned_share=1)],
        rates=[RateSums(column="churned", arm="holdout", x=3, n=10)],
        pooled_as="treated",
    )

    assert (lift.srm, lift.rates, lift.money, lift.pooled_rates) == (None, (), (), ())


def test_no_arms_at_all_are_no_exception():
    assert compare(control="holdout", arms=[]).as_dict()["arms"] == {}


def test_without_a_planned_share_for_every_arm_there_is_no_srm():
    lift = compare(control="a", arms=[Arm(name="a", n=5, planned_share=0.5), Arm(name="b", n=5)])

    assert lift.srm is None


def test_an_undefined_arm_is_no_hypothesis_of_the_others():
    lift = compare(
        control="holdout",
        arms=[Arm(name="holdout", n=400), Arm(name="empty", n=0), Arm(name="treated", n=1600)],
        rates=[
            RateSums(column="churned", arm="holdout", x=92, n=400),
            RateSums(column="churned", arm="treated", x=288, n=1600),
        ],
    )

    empty, treated = lift.rates
    assert (empty.n, empty.p_holm) == (0, None)
    assert treated.p_holm == treated.p_newcombe


def test_the_numbers_of_a_million_customers_are_finite():
    contrast = a_rate((300_000, 800_000), (100_000, 200_000))

    assert all(math.isfinite(value) for value in contrast_dict(contrast).values() if isinstance(value, float))
