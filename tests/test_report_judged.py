"""The section of what a campaign is judged by, where that is not churn: drawn, tabled, and named as what it is."""

import re
from dataclasses import replace

import pytest

from tests.report_samples import DELIVERED, JUDGED_BY, MEASURED, WON, a_campaign, an_outcome, page, sample_html
from winback import words
from winback.campaigns.campaign import Measure
from winback.lift.interim import LookTaken
from winback.report.checks import checks
from winback.report.page import chart_specs, render
from winback.report.tables import as_csv
from winback.report.words import Speaker

BY_MONEY = MEASURED["by_contribution"]


def by(measure: str, **more: object):
    """Two variants, judged by a measure."""
    campaign = a_campaign(None, measure=measure, **({"margin": "40%"} if measure == "net_contribution" else {}))
    return an_outcome(WON, messages=DELIVERED, campaign=campaign, findings=True, **more)


def plain(text: str) -> float:
    return float(re.sub(r"US|\$|\+|,", "", text).replace("−", "-"))


def of_two(one: float, other: float) -> list[float]:
    """Holm by hand: the smaller p counts twice, the greater is at least as great as that."""
    least = min(1.0, 2 * min(one, other))
    return [least if p == min(one, other) else max(least, p) for p in (one, other)]


def test_a_page_judged_by_money_compares_the_variants_in_money_under_holm():
    """Holm over the two variants, of either test by itself; the greater of the two p decides (decision 006)."""
    found = [each for each in BY_MONEY.findings.money if each.column == "net_contribution_adjusted"]
    adjusted = [of_two(*(each.p_welch for each in found[1:])), of_two(*(each.p_pooled for each in found[1:]))]
    expected = [max(found[0].p_welch, found[0].p_pooled), *(max(both) for both in zip(*adjusted, strict=True))]

    table = page("by_contribution").tables["effect"][0]

    assert [row[0][0] for row in table] == ["All variants", "advice", "invitation", "Hold-out"]
    for row, each, p in zip(table[:3], found, expected, strict=True):
        assert plain(row[2][0]) == pytest.approx(each.mean, abs=0.005)
        assert plain(row[3][0]) == pytest.approx(each.difference, abs=0.005)
        assert [plain(end) for end in re.split(r"\sto\s", row[3][1])] == pytest.approx(
            [each.low, each.high], abs=0.005
        )
        assert float(row[4][0]) == pytest.approx(p, abs=0.0005)
        assert row[5][0] == "Can't tell"
    assert table[0][4][1] == "not adjusted"
    assert table[3][1:3] == [("2,000",), (f"${found[0].control_mean:.2f}", "556 of 2,000 bought")]


@pytest.mark.parametrize(("name", "language"), [each for each in JUDGED_BY if each[0] != "second"])
def test_the_measure_is_drawn_and_tabled_first_and_churn_stands_after_it_without_a_verdict(name, language):
    outcome, say = MEASURED[name], Speaker(language)
    effect = re.search(r'<section id="effect".*?</section>', sample_html(name, language), re.S).group()

    of, churn = say(f"measured_{outcome.success.column}"), say("churn")
    assert effect.index(of) < effect.index(churn) < effect.rindex(say("churn_rate"))
    assert f">{say('verdict')}<" not in effect[effect.index(churn) :]
    assert "<details" not in effect  # folded is not printed
    specs = chart_specs(outcome, say)
    assert bool(specs["effect"]) is bool(specs["churn"]) is (outcome.success.difference is not None)


def test_what_is_judged_is_not_told_again_among_the_other_measures():
    told = [row[0][0] for table in page("by_contribution").tables["money"] for row in table]

    assert [each for each in told if "Net contribution" in each and "adjusted" not in each]
    assert not any("Net contribution, adjusted" in each for each in told)
    assert "net_contribution_adjusted: treated" in as_csv(BY_MONEY, "en")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("by_contribution", "Compared here: churn, not net contribution, which scatters too much"),
        ("by_lost_share", "Compared here: churn, not share of value lost, which scatters too much"),
        ("won", "Compared here: churn."),
    ],
)
def test_the_segments_say_what_they_compare(name, said):
    assert said in page(name).text("segments")


def test_before_the_end_churn_so_far_is_not_passed_off_as_the_answer():
    look = LookTaken(through=BY_MONEY.window.t0_on, information=0.2, fraction=0.5, boundary=2.963)
    early = by("net_contribution", data_through=BY_MONEY.window.first_on, look=look)

    shown = page(early)

    assert "The effect on net contribution is shown when the window is over." in shown.text("effect")
    assert "Churn so far, for comparison" in shown.text("effect")
    assert shown.text("cards").count("No order so far") == 2
    assert "Difference" not in shown.text("cards")


OTHERS = [measure for measure in Measure if measure is not Measure.CHURN]
SAID = {  # what an early page says of churn beside what judges, and what only a page that shows the effect may say
    "en": ("Churn so far stands below for comparison", "churn, shown for comparison, is drawn at 2.963"),
    "zh": ("下方至今的流失情况仅供对照", "仅供对照的流失率按 2.963 倍标准误"),
}


@pytest.mark.parametrize("measure", OTHERS)
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_an_early_page_judged_by_another_measure_does_not_contradict_itself(measure, language):
    look = LookTaken(through=BY_MONEY.window.t0_on, information=0.2, fraction=0.5, boundary=2.963)
    say = Speaker(language)

    shown = page(by(measure.value, data_through=BY_MONEY.window.first_on, look=look), language)

    beside, drawn = SAID[language]
    assert beside in shown.text("headline")
    assert say("interim_day", day=1, days=90) not in shown.text("headline")
    assert say("churn_so_far") in shown.text("effect")
    assert say("holm_note") not in shown.text("effect")  # nothing there is judged
    assert drawn in shown.text("health")
    assert say("attribution_effect") not in shown.text("responses")  # it is not above yet
    assert say("returns_note") not in shown.text("returns")


@pytest.mark.parametrize("measure", list(Measure))
def test_an_early_page_without_a_look_speaks_of_no_churn_so_far(measure):
    early = by(measure.value, data_through=BY_MONEY.window.first_on)
    looked = replace(early, looks=[LookTaken(through=early.as_of, information=0.2, fraction=0.5, boundary=2.963)])

    shown, after_looks = page(early), page(looked)

    assert "This is day 1 of 90. The effect is shown when the window is over" in shown.text("headline")
    assert "Churn so far" not in shown.whole_text
    assert "none before the window's end" in shown.text("health")
    assert "1 so far; at this reading nothing is compared" in after_looks.text("health")


@pytest.mark.parametrize(
    ("measure", "card", "pairs", "carried"),
    [
        ("value_lost_share", "Difference, points", "Difference, points", "of 2,000 churned"),
        ("value_lost", "Difference per customer", "Difference", "of 2,000 churned"),
        ("purchase_frequency", "Difference per customer", "Difference, orders each", "of 2,000 bought"),
        ("net_contribution", "Difference per customer", "Difference", "of 2,000 bought"),
    ],
)
def test_every_difference_has_its_unit_and_value_is_lost_by_those_who_churned(measure, card, pairs, carried):
    outcome = by(measure)
    html = page(outcome)

    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', render(outcome, "en"))
    assert card in html.text("cards")
    assert carried in html.text("cards")
    assert heads[heads.index("Variants") + 1] == pairs


@pytest.mark.parametrize(("language", "level"), [("en", "(97%: "), ("zh", "（97% 置信区间：")])
@pytest.mark.parametrize("measure", ["churn", "net_contribution"])
def test_a_last_reading_after_early_looks_names_the_level_it_is_judged_at(measure, language, level):
    """At 2.17 standard errors: 1.5 % on either side."""
    look = LookTaken(through=BY_MONEY.window.last_on, information=0.4, fraction=1.0, boundary=2.1701)
    outcome = by(measure, look=look)

    shown = page(outcome, language)

    assert level in shown.text("headline")
    assert "(95%" not in shown.text("headline")
    assert "97%" in shown.text("cards")
    assert Speaker(language)("level_note", level="97%") in shown.text("effect")
    assert words.level(outcome.alpha) == "97%"


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_measure_has_a_name_and_both_sides_of_its_chart(measure, language):
    title = page(by(measure.value), language).text("effect")

    assert title.startswith(Speaker(language)("effect")) is (measure is Measure.CHURN)


def test_many_variants_judged_by_money_stay_a_small_page():
    arms = {"holdout": (4000, 0.2, 3000, 2500)} | {f"v{n}": (800, 0.04, 600, 480 + n) for n in range(20)}
    outcome = an_outcome(arms, campaign=a_campaign(None, measure="net_contribution", margin="40%"), findings=True)

    html = render(outcome, "zh")

    assert len(html.encode()) <= 200_000
    assert len(chart_specs(outcome, Speaker("zh"))["churn"]["data"]["values"]) == 1


def test_early_looks_are_counted_without_the_last_reading():
    look = LookTaken(through=BY_MONEY.window.t0_on, information=0.2, fraction=0.5, boundary=2.963)
    early = by("net_contribution", data_through=BY_MONEY.window.first_on, look=look)
    last = replace(BY_MONEY, look=look, looks=[look])

    found = [{row.key: row.found for row in checks(each, Speaker("en"))}["looks"] for each in (early, last)]

    assert [each.split(" ")[0] for each in found] == ["1", "1"]


@pytest.mark.parametrize(
    ("language", "facts", "card"),
    [
        ("en", "Of the 3,000 customers written to {x} answered", "Difference, those who answered"),
        ("zh", "实验组 3,000 名客户中 {x} 名作答", "作答者的差异"),
    ],
)
def test_a_page_judged_by_satisfaction_says_of_whom_it_is_and_draws_the_score(language, facts, card):
    found, shown = MEASURED["by_csat"].success, page("by_csat", language)

    both = f"n = {found.buyers} {'and' if language == 'en' else '与'} {found.control_buyers}"
    assert facts.format(x=found.buyers) in shown.text("headline")
    assert card in shown.text("cards")
    assert both in shown.text("cards")
    [pooled, *_] = shown.tables["effect"][0]
    assert plain(pooled[2][0]) == pytest.approx(found.mean, abs=0.005)
    assert [plain(end) for end in re.split(r"\s(?:to|至)\s", pooled[3][1])] == pytest.approx(
        [found.low, found.high], abs=0.005
    )
    assert Speaker(language)("score_csat") in sample_html("by_csat", language)
    assert Speaker(language)("two_tests") not in shown.text("effect")
