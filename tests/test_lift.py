"""compare() against the published Hillstrom numbers, with several arms, one arm and none."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.printed import printed
from tests.test_contrast import money_of
from winback.lift.contrast import MoneySums, RateSums
from winback.lift.lift import Arm, Lift, compare
from winback.lift.verdict import Rule, Verdict

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


def test_the_dict_is_the_contract_key_for_key_and_plain_json():
    plain = hillstrom().as_dict()

    assert list(plain) == ["control", "arms", "srm", "rates", "money"]
    assert plain["arms"]["No"] == {"n": 21306, "planned_share": pytest.approx(1 / 3)}
    assert list(plain["srm"]) == ["chi2", "df", "p"]
    assert [list(each) for each in plain["rates"]] == [RATE_KEYS] * 4
    assert [list(each) for each in plain["money"]] == [MONEY_KEYS] * 2
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


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


def test_money_decides_by_holm_over_the_arms_too():
    """Three arms with the same amounts have p_welch 0.03 each: alone they would decide, as three they do not.

    By hand: 1,000 customers in each arm with an sd of 10, standard error sqrt(0.2) = 0.4472; a difference of 0.97
    is t = 2.169, p = 0.030, and three times that is above 0.05.
    """

    def sums(arm, mean):
        squares = 999 * 100 + 1000 * Fraction(mean) ** 2
        return MoneySums(
            column="revenue", arm=arm, n=1000, buyers=500, total=1000 * Fraction(mean), total_sq=squares
        )

    arms = ("first", "second", "third")

    def compared(*names):
        return compare(
            control="holdout",
            arms=[Arm(name=name, n=1000) for name in ("holdout", *names)],
            money=[sums("holdout", "5"), *(sums(name, "5.97") for name in names)],
        ).money

    assert compared("first")[0].p_welch == printed("0.030")
    assert compared("first")[0].verdict is Verdict.BETTER
    assert [contrast.verdict for contrast in compared(*arms)] == [Verdict.CANT_TELL] * 3


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
