"""Campaigns judged by something else than churn: the headline says what was measured, and nothing else."""

import json
import re
from dataclasses import replace
from fractions import Fraction

import pytest

from app.commands.side_by_side import whole
from app.found_lines import found_lines, points
from tests.report_samples import a_campaign, an_outcome, page
from winback.campaigns.campaign import HOLDOUT, Measure
from winback.lift.contrast import MoneySums, RateSums, Terms, money_family, rate_family
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.verdict import Conditions, Verdict
from winback.outcomes.effects import LOWER_IS_BETTER
from winback.outcomes.findings import Findings, Guardrail, Kept, Returns
from winback.outcomes.outcomes import Outcome
from winback.outcomes.responses import share
from winback.report.judged_words import TITLES
from winback.report.page import WORD_JOINER, chart_specs, render
from winback.report.words import Speaker

TERMS = Terms(conditions=Conditions(srm_p=1.0))
ARMS = {"holdout": (400, 0.2, 300, 92), "message": (1600, 0.8, 1200, 288)}
UNKNOWN = NoEstimate(reason=Missing.NO_COST)


def a_finding(**changes: object) -> Findings:
    """Nothing but the currency."""
    returns = Returns(
        cost={}, total_cost=0.0, margin=0.4, per_saved=UNKNOWN, revenue=UNKNOWN, roi=UNKNOWN, per_delivered=UNKNOWN
    )
    values: dict[str, object] = {
        "currency": "USD", "rates": [], "money": [], "value_lost_share": UNKNOWN, "segments": [],
        "interactions": [], "curves": [], "log_rank": UNKNOWN, "contest": None, "returns": returns,
        "guardrails": [], "overlap": [], "touched": [], "rows_lost": 0,
    }  # fmt: skip
    return Findings(**values | changes)


def by_repeat_orders(x: int, control_x: int) -> Outcome:
    """288/1600 against 92/400 of the reference table, read as customers who ordered again."""
    treated = RateSums(column="repeated", arm="treated", x=x, n=1600)
    held = RateSums(column="repeated", arm=HOLDOUT, x=control_x, n=400)
    [contrast] = rate_family([treated], held, TERMS)
    return replace(an_outcome(ARMS), judged_by=Measure.REPEAT_RATE, success=contrast, findings=a_finding())


def by_contribution(mean: str, control_mean: str, buyers: int = 300) -> Outcome:
    """The worked example of the reference: sd 60 of 1,600 and 55 of 400."""

    def sums(arm: str, n: int, mean: str, sd: int) -> MoneySums:
        centre = Fraction(mean)
        squares = sd * sd * (n - 1) + n * centre**2
        return MoneySums(
            column="net_contribution", arm=arm, n=n, buyers=buyers, total=n * centre, total_sq=squares
        )

    treated, held = sums("treated", 1600, mean, 60), sums(HOLDOUT, 400, control_mean, 55)
    [contrast] = money_family([treated], held, TERMS)
    found = an_outcome(ARMS, campaign=a_campaign(None))
    return replace(found, judged_by=Measure.NET_CONTRIBUTION, success=contrast, findings=a_finding())


@pytest.mark.parametrize(
    ("language", "title", "fact"),
    [
        (
            "en",
            "Fewer ordered again",
            "18.0% of the 1,600 customers written to and 23.0% of the 400 held out ordered",
        ),
        ("zh", "复购减少", "实验组 1,600 名客户中 18.0% 在两天或更多天下单"),
    ],
)
def test_repeat_orders_are_told_as_repeat_orders(language, title, fact):
    text = page(by_repeat_orders(288, 92), language).text("headline")

    assert text.startswith(title)
    assert fact in text
    assert "−5.0" in text
    assert not any(word in text for word in ("churned", "流失", "kept", "留住"))


def test_more_repeat_orders_are_better():
    """(288 + 80)/1600 = 23 % against 72/400 = 18 %."""
    assert page(by_repeat_orders(368, 72)).text("headline").startswith("More ordered again")


@pytest.mark.parametrize(
    ("language", "title", "fact"),
    [
        ("en", "Can't tell", "the difference is $2.60 (95%: −$3.55 to $8.75)"),
        ("zh", "尚无定论", "人均净贡献 US$21.40，对照组 400 名客户人均 US$18.80；差异为 US$2.60"),
    ],
)
def test_contribution_is_told_in_money(language, title, fact):
    """21.4 against 18.8: 2.60 (-3.550897, 8.750897)."""
    text = page(by_contribution("21.4", "18.8"), language).text("headline")

    assert text.startswith(title)
    assert fact in text


@pytest.mark.parametrize(
    ("language", "takes", "needs", "visible", "better"),
    [
        (
            "en",
            "it takes about 22,787 customers, both groups together",
            "about 22,787 customers would be needed, both groups together: 12 runs like this one of 2,000. "
            "What was seen is itself uncertain.",
            "an effect of $8.78 a customer or more would have been seen four times in five",
            "a hold-out of 50.0% would show effects from $7.02 a customer on; this run held out 20.0%",
        ),
        (
            "zh",
            "两组合计需要约 22,787 名客户才能与偶然区分开",
            "两组合计需要约 22,787 名客户：相当于 12 个这样的批次（本批次 2,000 名）。看到的差异本身并不确定。",
            "人均 US$8.78 及以上的效果",
            "若对照组占 50.0%，可看出人均 US$7.02 起的效果",
        ),
    ],
)
def test_what_it_would_take_is_said_of_a_mean_too(language, takes, needs, visible, better):
    """se = sqrt(60²/1600 + 55²/400) = 3.13249; z = 1.95996 + 0.84162; seen: 2.60.

    Needed: 2,000 x (z se / 2.60)² = 22,786.1; visible: z se = 8.776; with halves, both scattering alike by
    se / sqrt(1/1600 + 1/400) = 56.036: z x 56.036 x sqrt(2/1000) = 7.021.
    """
    outcome = by_contribution("21.4", "18.8")
    text = page(outcome, language)

    assert takes in text.text("headline")
    assert needs in text.text("needed")
    assert visible in text.text("needed")
    assert better in text.text("needed")
    assert outcome.success.reason == "the interval includes 0: would need 22,787 customers"


@pytest.mark.parametrize(
    ("language", "said"), [("en", "more customers than anybody has (over 10 million)"), ("zh", "超过 1000 万名")]
)
def test_more_customers_than_anybody_has_are_not_counted(language, said):
    """A cent apart: 2,000 x (8.776 / 0.01)² = 1.5 thousand million."""
    outcome = by_contribution("18.81", "18.8")
    text = page(outcome, language)

    assert said in text.text("headline")
    assert said in text.text("needed")
    assert "runs like this" not in text.text("needed")
    assert outcome.success.reason.endswith("would need more customers than anybody has")


@pytest.mark.parametrize(
    ("buyers", "said"),
    [
        (49, "fewer than 50 buyers: too few for a verdict on money, and for an interval you can trust"),
        (50, "too few for an interval of money you can fully trust"),
        (250, "held the truth in 90 of 100 trials with 50 buyers, in 93 of 100 with 250"),
        (251, None),
    ],
)
def test_an_interval_of_money_from_few_buyers_is_not_told_without_its_weakness(buyers, said):
    """Decision 028: lognormal spend, each arm by its own slope; beside the interval, whatever the verdict."""
    for mean in ("41.4", "18.9"):
        text = page(by_contribution(mean, "18.8", buyers)).text("headline")

        assert ("trust" in text) == bool(said)
        assert (said or "") in text


def test_contribution_decides_though_churn_could_not():
    assert page(by_contribution("41.4", "18.8")).text("headline").startswith("Brought more than it cost")
    assert page(by_contribution("1.4", "18.8")).text("headline").startswith("Cost more than it brought")


@pytest.mark.parametrize(
    ("language", "cards"),
    [
        ("en", ["Repeat orders, written to 18.0% 288 of 1,600", "Repeat orders, hold-out 23.0% 92 of 400"]),
        ("zh", ["再次下单率：实验组 18.0% 1,600 名中 288 名", "再次下单率：对照组 23.0% 400 名中 92 名"]),
    ],
)
def test_the_cards_are_of_what_the_campaign_is_judged_by(language, cards):
    """The difference is that of the reference table: -5.0 (-9.7, -0.7)."""
    shown = page(by_repeat_orders(288, 92), language).text("cards")

    assert shown.startswith(cards[0])
    assert cards[1] in shown
    assert "−5.0" in shown
    assert "−9.7" in shown
    assert not any(word in shown for word in ("Churn", "churn", "流失", "kept", "留住"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_cards_of_a_campaign_judged_by_contribution_are_amounts(language):
    shown = page(by_contribution("21.4", "18.8"), language).text("cards")

    assert [part in shown for part in ("$21.40", "$18.80", "$2.60", "$8.75")] == [True] * 4
    assert shown.startswith("Net contribution, written to" if language == "en" else "净贡献：实验组")
    assert "%" not in shown.replace("95%", "")


def by_a_mean(measure: Measure, column: str, mean: str, control_mean: str, sd: str) -> Outcome:
    """So much a customer of 1,600 and of 400, both with the same spread."""

    def sums(arm: str, n: int, mean: str) -> MoneySums:
        centre, spread = Fraction(mean), Fraction(sd)
        squares = spread**2 * (n - 1) + n * centre**2
        return MoneySums(column=column, arm=arm, n=n, buyers=300, total=n * centre, total_sq=squares)

    treated, held = sums("treated", 1600, mean), sums(HOLDOUT, 400, control_mean)
    terms = replace(TERMS, lower_is_better=LOWER_IS_BETTER)
    [contrast] = money_family([treated], held, terms)
    return replace(an_outcome(ARMS), judged_by=measure, success=contrast, findings=a_finding())


MEANS = {
    Measure.VALUE_LOST: ("value_lost", "3.0", "5.0", "10"),
    Measure.VALUE_LOST_SHARE: ("value_lost_share", ".18", ".23", ".3"),
    Measure.PURCHASE_FREQUENCY: ("orders", ".77", ".55", ".8"),
}


@pytest.mark.parametrize(
    ("measure", "language", "title", "fact"),
    [
        (Measure.VALUE_LOST, "en", "Less value was lost", "the difference is −$2.00"),
        (Measure.VALUE_LOST, "zh", "流失价值减少", "人均 US$3.00"),
        (Measure.VALUE_LOST_SHARE, "en", "Less value was lost", "18.0% went with those who did not order"),
        (Measure.VALUE_LOST_SHARE, "zh", "流失价值减少", "对照组 400 名客户为 23.0%；差异为 −5.0 个百分点"),
        (Measure.PURCHASE_FREQUENCY, "en", "They ordered more often", "placed 0.77 orders in the 90 days"),
        (Measure.PURCHASE_FREQUENCY, "zh", "购买更频繁", "对照组 400 名客户人均 0.55 次；差异为 +0.22"),
    ],
)
def test_a_mean_is_told_as_what_it_is_of(measure: Measure, language: str, title: str, fact: str):
    text = page(by_a_mean(measure, *MEANS[measure]), language).text("headline")

    assert text.startswith(title)
    assert fact in text
    assert not any(word in text for word in ("customers were kept", "被留住"))


def test_where_there_was_no_value_to_lose_the_page_says_so():
    none = replace(by_a_mean(Measure.VALUE_LOST_SHARE, *MEANS[Measure.VALUE_LOST_SHARE]), success=None)

    text = page(none).text("headline")

    assert text.startswith("Not enough data")
    assert "there was no value to lose" in text


@pytest.mark.parametrize(
    ("measure", "shaded", "left"),
    [
        (Measure.CHURN, [True, True], "fewer churned"),
        (Measure.RETENTION, [True, True, False], "fewer stayed"),
        (Measure.REPEAT_RATE, [True, True, False], "fewer ordered again"),
        (Measure.VALUE_LOST_SHARE, [True, False, False], "fewer churned"),
    ],
)
def test_the_smallest_effect_is_drawn_where_it_was_declared(measure: Measure, shaded: list[bool], left: str):
    """In the chart of the measure and in that of the segments where these are of it; not in churn's."""
    outcome = an_outcome(ARMS, campaign=a_campaign("3pp", measure=measure), findings=True)

    specs = chart_specs(outcome, Speaker("en"))

    drawn = [json.dumps(specs[name]) for name in ("effect", "segments", "churn") if specs[name]]
    assert ['"low": -0.03,' in each for each in drawn] == shaded
    assert f"\\u2190 {left}" in drawn[1]
    assert "shaded: within" in page(outcome).text("effect")


def test_retention_is_told_as_who_stayed():
    """1,312 of 1,600 and 308 of 400 ordered: the reference's 288 and 92 turned round."""
    treated = RateSums(column="retained", arm="treated", x=1312, n=1600)
    [contrast] = rate_family([treated], RateSums(column="retained", arm=HOLDOUT, x=308, n=400), TERMS)
    outcome = replace(an_outcome(ARMS), judged_by=Measure.RETENTION, success=contrast, findings=a_finding())

    text = page(outcome).text("headline")

    assert text.startswith("More stayed")
    assert "82.0% of the 1,600 customers written to and 77.0% of the 400 held out ordered" in text
    assert "About 80 customers were kept" in text


@pytest.mark.parametrize("measure", [each for each in Measure if each is not Measure.CHURN])
@pytest.mark.parametrize("verdict", [Verdict.BETTER, Verdict.WORSE])
def test_no_other_measure_is_called_churned(measure: Measure, verdict: Verdict):
    assert (measure, verdict) in TITLES


@pytest.mark.parametrize(("kept", "said"), [(Kept.BROKEN, True), (Kept.CANT_TELL, False), (Kept.KEPT, False)])
def test_a_broken_guardrail_is_said_beside_the_verdict(kept: Kept, said: bool):
    rail = Guardrail(name="complained", share=share(30, 1600), limit=0.001, kept=kept)

    text = page(replace(an_outcome(ARMS), findings=a_finding(guardrails=[rail]))).text("headline")

    assert ("1.9% of the messages were complained of, more than the limit of 0.1%" in text) is said


@pytest.mark.parametrize(
    ("language", "unknown"),
    [("en", "the cost of the messages is not known"), ("zh", "消息费用未知")],
)
def test_messages_without_a_price_are_not_told_as_free(language, unknown):
    campaign = a_campaign(None, measure="net_contribution", margin=0.4)
    outcome = an_outcome(ARMS, campaign=campaign, findings=True, priced=False)
    shown = page(outcome, language)

    returns = outcome.findings.returns
    assert (returns.cost, returns.total_cost, returns.roi.reason) == ({}, None, Missing.COST_UNKNOWN)
    assert "net_contribution" not in {each.column for each in outcome.findings.money}
    assert outcome.success is None
    assert unknown in shown.text("returns")
    assert not any(word in shown.text("returns") for word in ("$0.00", "nothing was spent", "没有支出"))
    assert "paid" not in shown.text("headline")
    told = "What the messages cost is not known" if language == "en" else "消息费用未知，因此无法计算净贡献"
    assert told in shown.text("headline")
    assert "cost of the messages: not known" in list(found_lines(outcome))


NOBODY_LEFT = {"holdout": (400, 0.2, 300, 0), "message": (1600, 0.8, 1200, 0)}


@pytest.mark.parametrize("measure", ["value_lost", "value_lost_share"])
@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "Nobody churned in either group: all 1,600 customers written to and all 400 held out ordered"),
        ("zh", "两组都无人流失：实验组 1,600 名客户和对照组 400 名客户全部下了单"),
    ],
)
def test_where_nobody_churned_no_value_was_lost_and_that_is_said(measure, language, reason):
    outcome = an_outcome(NOBODY_LEFT, campaign=a_campaign(None, measure=measure), findings=True)
    text = page(outcome, language).text("headline")

    assert outcome.success.verdict is Verdict.NOT_ENOUGH_DATA
    assert text.startswith("Not enough data" if language == "en" else "数据不足")
    assert reason in text
    assert "nobody had spent" not in text
    assert "此前同样天数内没有任何消费" not in text


def test_where_everybody_ordered_equally_often_that_is_said_with_the_number():
    """One order each of 1,600 and of 400: no customer differs from another."""
    treated, held = (
        MoneySums(column="orders", arm=arm, n=n, buyers=n, total=n, total_sq=n)
        for arm, n in (("treated", 1600), (HOLDOUT, 400))
    )
    [contrast] = money_family([treated], held, TERMS)
    outcome = replace(
        an_outcome(NOBODY_LEFT), judged_by=Measure.PURCHASE_FREQUENCY, success=contrast, findings=a_finding()
    )
    text = page(outcome).text("headline")

    assert text.startswith("Not enough data")
    assert "everybody ordered as often as everybody else (written to: 1.00 orders each, held out: 1.00)" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_line_breaks_between_a_minus_sign_and_its_currency(language):
    html = render(by_contribution("21.4", "18.8"), language)

    assert f"−{WORD_JOINER}{'' if language == 'en' else 'US'}$3.55" in html
    assert not re.search(r"−[^\d\s\u2060]", re.sub(r"<svg.*?</svg>", "", html, flags=re.S))


def test_what_scoring_recorded_has_names_in_both_languages():
    score = {"model": "mbg_nbd", "weights": {}, "fallback_reason": None, "horizon_days": 90, "digest": "ab12"}
    outcome = an_outcome(ARMS)
    recorded = replace(outcome, method=replace(outcome.method, score=score))

    assert not any(f"{key}:" in page(recorded, "zh").text("method") for key in score)
    assert "horizon in days: 90" in page(recorded).text("method")


def test_nothing_that_rounds_to_zero_has_a_sign():
    assert (points(-0.0004), points(0.0), points(0.0006)) == ("0.0", "0.0", "+0.1")
    assert (whole(-0.3), whole(0.4), whole(-1200.2)) == ("0", "0", "-1,200")
