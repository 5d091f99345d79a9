"""The report's sentences: what they say of each verdict, and what they keep silent about."""

from dataclasses import replace
from datetime import date

import pytest

from tests.report_samples import SAMPLES, TWO, a_campaign, an_outcome, page
from winback import words
from winback.lift.verdict import Verdict
from winback.report import names


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("verdict", [verdict.value for verdict in Verdict])
def test_the_headline_names_the_verdict(verdict, language):
    title = names.VERDICTS[Verdict(verdict)].say(language)

    assert page(verdict, language).text("headline").startswith(title)


def test_a_better_result_is_told_with_its_interval_and_the_customers_kept():
    """288/1600 against 92/400 (outcomes A10): -0.0500 (-0.0972749, -0.0067551), saved 80 (10.81, 155.64)."""
    text = page("better").text("headline")

    assert "18.0% of the 1,600 customers written to and 23.0% of the 400 held out did not order" in text
    assert "the difference is −5.0 points (95%: −9.7 to −0.7)" in text
    assert "About 80 customers were kept who would otherwise have been lost (95%: 11 to 156)" in text


def test_the_same_in_chinese():
    text = page("better", "zh").text("headline")

    assert "实验组 1,600 名客户中 18.0% 没有下单，对照组 400 名客户中 23.0% 没有下单" in text
    assert "差异为 −5.0 个百分点（95% 置信区间：−9.7 至 −0.7）" in text
    assert "约有 80 名原本会流失的客户被留住（95% 置信区间：11 至 156）" in text


def test_the_cards_show_the_four_numbers_each_with_its_n():
    text = page("better").text("cards")

    assert "18.0% 288 of 1,600 95%: 16.2% to 20.0%" in text  # Wilson .1619486, .1995843
    assert "23.0% 92 of 400 95%: 19.1% to 27.4%" in text  # .1914438, .2736928
    assert "−5.0 n = 1,600 and 400 95%: −9.7 to −0.7" in text
    assert "+80 n = 1,600 95%: +11 to +156" in text


def test_harm_is_told_as_customers_lost_and_printed_with_its_sign():
    """400/1600 against 60/400: +0.10 x 1,600 = 160 lost."""
    shown = page("worse")

    assert "About 160 customers were lost who would otherwise have stayed" in shown.text("headline")
    assert "−160 n = 1,600" in shown.text("cards")


def test_cant_tell_says_how_many_customers_it_would_take():
    """20 % churn, a 20 % hold-out, 15 % relative = 3 points: 8,515 customers (outcomes A7)."""
    arms = {"holdout": (400, 0.2, 300, 80), "message": (1600, 0.8, 1200, 318)}

    text = page(an_outcome(arms)).text("headline")

    assert "To see an effect of 3.0 points you would need about 8,515 customers" in text
    assert "this run had 2,000" in text


def test_without_a_smallest_effect_it_is_the_observed_difference_that_would_need_them():
    text = page(an_outcome(TWO, campaign=a_campaign(None))).text("headline")

    assert "If the true difference is what was seen, it takes about" in text


def test_no_effect_worth_having_names_the_smallest_effect():
    assert "within ±3.0 points" in page("no_effect_worth_having").text("headline")


def test_not_enough_data_says_what_was_too_few():
    text = page("not_enough_data").text("headline")

    assert "fewer than 5 customers churned, or fewer than 5 did not" in text


def test_a_wrong_split_is_told_before_any_number():
    text = page("do_not_trust").text("headline")

    assert text.index("sample ratio mismatch, p < 0.001") < text.index("71.1%")


def test_a_contaminated_hold_out_is_told_with_its_share():
    """30 of 1,140 is 2.6 %."""
    shown = page("contaminated")

    assert "30 of the 1,140 held-out customers (2.6%) were written to" in shown.text("headline")
    assert "30 of 1,140 (2.6%) do not trust" in shown.text("health")


def test_interim_says_how_far_the_data_reach_and_how_far_they_must():
    text = page("interim").text("headline")

    assert "the data reach 10 February 1998" in text
    assert "needs orders through 31 March 1998" in text
    assert "day 41 of 90" in text


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_interim_shows_no_outcome_of_any_group(language):
    shown = page("interim", language)

    assert "cards" not in shown.texts
    assert {len(row) for row in shown.tables["before-after"][0]} == {3}  # group, customers, before


def test_a_wrong_split_is_told_even_while_the_window_is_open():
    arms = {"holdout": (900, 0.5, 700, 640), "message": (1370, 0.5, 1100, 990)}

    text = page(an_outcome(arms, data_through=date(1998, 2, 10))).text("headline")

    assert text.startswith("Do not trust")


def test_without_a_hold_out_no_effect_is_told():
    shown = page("no_holdout")

    assert shown.text("headline").startswith("No hold-out: no effect can be told")
    assert "There is no hold-out to show" in shown.text("before-after")
    assert shown.text("cards").startswith("Churn of those written to 68.2% 1,500 of 2,200")
    assert "Difference" not in shown.text("cards")


def test_two_customers_are_not_compared():
    """Rule 1: an arm of fewer than 2 has no comparison, though the formulas would give one (A10: 1/1 v 0/1)."""
    shown = page("one_customer")

    assert SAMPLES["one_customer"].primary.difference == 1.0
    assert "One of the two groups has fewer than 2 customers" in shown.text("headline")
    assert "1 of 1" in shown.text("cards")
    assert "0 of 1" in shown.text("cards")
    assert not any(word in shown.text("cards") for word in ("Difference", "kept"))


def test_nobody_in_the_run_is_told_without_numbers():
    assert page("nobody").text("headline").startswith("Nobody was in this run")


def test_all_held_out_is_told_too():
    outcome = replace(SAMPLES["better"], primary=None, variants=[], saved=None, arms=SAMPLES["better"].arms[:1])

    shown = page(outcome)

    assert shown.text("headline").startswith("Nobody was to be written to")
    assert "fewer than 2 customers" in shown.text("health")
    assert "The window is not complete" not in shown.text("health")


def test_before_and_after_alone_claims_an_improvement_that_the_hold_out_made_too():
    """1,200 of 1,600 = 75.0 % to 18.0 %: 57.0 points; hold-out 75.0 % to 23.0 %."""
    text = page("better").text("before-after")

    assert text.startswith("Before/after alone: not the effect")
    assert "went from 75.0% to 18.0% inactive" in text
    assert "would claim an improvement of 57.0 points" in text
    assert "The hold-out, left alone on purpose, went from 75.0% to 23.0%" in text
    assert "regression to the mean" in text


@pytest.mark.parametrize(
    ("after", "claim"),
    [(80, "a harm of 5.0 points"), (75, "would claim no change"), (70, "an improvement of 5.0 points")],
)
def test_before_and_after_alone_may_also_claim_a_harm_or_nothing(after, claim):
    arms = {"holdout": (100, 0.5, 75, 80), "message": (100, 0.5, 75, after)}

    assert claim in page(an_outcome(arms)).text("before-after")


def test_before_is_as_long_as_after_and_ends_where_it_begins():
    text = page("better").text("before-after")

    assert "Before: 3 October 1997 to 31 December 1997; after: 1 January 1998 to 31 March 1998" in text


def test_every_rule_that_applies_is_listed():
    text = page("contaminated").text("health")

    assert "Above 1.0% the hold-out is no yardstick any more" in text
    assert "includes 0" in text


def test_a_touched_hold_out_is_listed_and_does_not_speak():
    """5 of 1,140 is 0.4 %: noted, not above the limit."""
    shown = page(an_outcome(TWO, contaminated=5))

    assert shown.text("headline").startswith("Can't tell")
    assert "look into it" in shown.text("health")
    assert "5 of the 1,140 held-out customers (0.4%) were written to" in shown.text("health")
