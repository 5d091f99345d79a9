"""Before and after in the report: in the words of what judges; where it is of something else, that is said."""

from dataclasses import replace

import pytest

from tests.report_samples import FEWER, a_campaign, an_outcome, page
from winback.report.page import picture_specs
from winback.report.tables import as_csv
from winback.report.words import Speaker


def judged_by(measure: str, **more: object):
    """1,200 of 1,600 and 300 of 400 without an order before, 288 and 92 after."""
    margin = {"margin": "40%"} if measure == "net_contribution" else {}
    return an_outcome(FEWER, findings=True, campaign=a_campaign(None, measure=measure, **margin, **more))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "The share of those written to who ordered went from 25.0% to 82.0%. This alone would claim an "
            "improvement of 57.0 points. The hold-out, left alone on purpose, went from 25.0% to 77.0%.",
        ),
        (
            "zh",
            "实验组的下单比例从 25.0% 变为 82.0%。只看这一点，会宣称改善了 57.0 个百分点。"
            "而特意不发送的对照组，从 25.0% 变为 77.0%。",
        ),
    ],
)
def test_a_campaign_judged_by_retention_is_told_who_ordered(language, said):
    """1 - 1,200/1,600 = 25 %, 1 - 288/1,600 = 82 %; hold-out 1 - 92/400 = 77 %."""
    shown = page(judged_by("retention"), language)

    assert said in shown.text("before-after")
    assert "nactive" not in shown.text("before-after")
    assert "不活跃" not in shown.text("before-after")
    row = shown.tables["before-after"][0][0]
    assert (row[2][0], row[3][0], row[4][0]) == ("25.0%", "82.0%", "+57.0")


def test_its_intervals_are_those_of_the_other_share_turned_round():
    """Wilson of 288/1,600: .1619486 to .1995844 (outcomes A10), so of 1,312/1,600 80.0 to 83.8 %."""
    row = page(judged_by("retention")).tables["before-after"][0][0]

    assert row[3][1].replace("\N{NO-BREAK SPACE}", " ") == "80.0% to 83.8%"


@pytest.mark.parametrize(
    ("measure", "named", "in_chinese"),
    [
        ("repeat_rate", "repeat orders", "再次下单率"),
        ("purchase_frequency", "orders per customer", "人均订单数"),
        ("value_lost", "value lost", "流失价值"),
        ("net_contribution", "net contribution", "净贡献"),
    ],
)
def test_where_something_else_is_judged_it_is_said_that_this_is_not_it(measure, named, in_chinese):
    outcome = judged_by(measure)

    english, chinese = (page(outcome, language).text("before-after") for language in ("en", "zh"))

    assert f"Counted here is who ordered at all, not {named}, by which this campaign is judged." in english
    assert f"此处只看客户是否下单，而不是本活动所评判的{in_chinese}。" in chinese


@pytest.mark.parametrize("measure", ["churn", "retention", "value_lost"])
def test_by_contract_it_is_told_of_orders_and_says_so(measure):
    outcome = replace(judged_by(measure), churn_definition="contract")

    text = page(outcome).text("before-after")

    assert "went from 75.0% to 18.0% inactive" in text
    assert "Counted here are orders, not contracts: everybody had a live contract when chosen" in text


def test_churn_needs_no_such_sentence():
    text = page(judged_by("churn")).text("before-after")

    assert "Those written to went from 75.0% to 18.0% inactive." in text
    assert "Counted here" not in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_and_picture_say_what_the_shares_are_of(language):
    for measure, key in (("churn", "ba_inactive_share"), ("retention", "ba_active_share")):
        outcome, said = judged_by(measure), Speaker(language)(key)

        assert said in page(outcome, language).text("before-after")
        assert said in str(picture_specs(outcome, Speaker(language))["before_after"])


def test_the_csv_keeps_its_names_and_its_numbers_whatever_is_judged():
    lines = [
        [line for line in as_csv(judged_by(measure), "en").splitlines() if line.startswith("before_after,")]
        for measure in ("churn", "retention")
    ]

    assert lines[0] == lines[1]
    assert any("inactive_after,0.18," in line for line in lines[0])
