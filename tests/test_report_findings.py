"""The findings in the report: the value's numbers, in words that claim no more, nothing where nothing is known."""

import csv
import re
from collections import Counter
from dataclasses import replace
from io import StringIO

import pytest

from app.found_lines import found_lines
from tests.report_samples import DEFINED, SAMPLES, TWO, WON, a_campaign, an_outcome, page, sample_html
from tests.test_report import assert_with_interval, number, shows
from winback import words
from winback.campaigns.campaign import HOLDOUT
from winback.lift.estimates import Estimate, Missing, NoEstimate
from winback.outcomes.findings import Kept
from winback.outcomes.outcomes import TREATED
from winback.report import names
from winback.report.findings import pressure_sentence, return_rows
from winback.report.page import chart_specs
from winback.report.segments import interaction_sentences
from winback.report.tables import as_csv
from winback.report.words import Speaker, speaker

FOUND = ["won", "found", "touched"]
BOTH = [(name, language) for name in FOUND for language in words.LANGUAGES]
WITHOUT = ["better", "look", "found_nobody"]  # an old reading, one before the window's end, nobody at all


@pytest.mark.parametrize(("name", "language"), BOTH)
def test_the_table_of_segments_holds_the_values_numbers(name, language):
    segments = SAMPLES[name].findings.segments
    table = page(name, language).tables["segments"][0]

    def known(found):
        return (found.x, found.n, found.control_x, found.control_n)

    shown = {known_row(row): row for row in table}
    assert set(shown) == {known(each) for each in segments}
    for each in segments:
        row = shown[known(each)]
        assert shows(number(row[1][0]), each.rate, digits=3)
        assert shows(number(row[2][0]), each.control_rate, digits=3)
        assert_with_interval(row[3], each.difference, each.low, each.high, scale=100)
        assert row[4][0] == "<0.001" or shows(number(row[4][0]), each.p_bh, digits=3)


def known_row(row):
    """x, n of the treated and of the hold-out from "3 of 9", or from "9 名中 3 名"."""
    pairs = [[int(part.replace(",", "")) for part in re.findall(r"[\d,]+", row[place][1])] for place in (1, 2)]
    return tuple(each for pair in pairs for each in sorted(pair))


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_segments_are_called_explored_and_have_no_verdict(language):
    shown, say = page("won", language), Speaker(language)
    text = shown.text("segments")

    assert say("segments") in text
    assert say("segments_note") in text
    assert not [verdict for verdict in names.VERDICTS.values() if verdict.say(language) in text]
    marks = chart_specs(SAMPLES["won"], say)["segments"]
    assert '"#7c8794"' in str(marks).replace("'", '"')  # grey
    assert len(SAMPLES["won"].findings.interactions) == 4
    for dimension in ("by_value", "by_risk", "by_orders", "by_channel"):
        assert say("interaction_none", dimension=say(dimension), p="").split("（")[0].split("(")[0].strip() in text


@pytest.mark.parametrize(
    ("language", "labels"),
    [
        ("en", ["Kind of churn: Our fault", "Kind of churn: Hidden", "Kind of churn: none found"]),
        ("zh", ["流失类型：过失流失", "流失类型：隐性流失", "流失类型：未判定"]),
    ],
)
def test_kinds_of_churn_are_segments_called_by_their_names(language, labels):
    outcome = an_outcome(WON, campaign=a_campaign(), kinds=("hidden", "fault", "none"))

    shown = page(outcome, language)

    assert [row[0][0] for row in shown.tables["segments"][0]][-3:] == labels
    assert labels[0].split("：")[0].split(":")[0] in shown.text("segments").split(labels[0])[0]  # its own test


def test_a_segment_that_differs_is_named_and_worth_a_test_of_its_own():
    found = SAMPLES["won"].findings
    one = replace(found.interactions[0], p_bh=0.004, apart=["top"])
    outcome = replace(SAMPLES["won"], findings=replace(found, interactions=[one]))

    text = page(outcome).text("segments")

    assert (
        "Expected value: the effect seems to differ (p = 0.004, adjusted by BH); apart from the others: top 20% "
        "of all" in text
    )
    assert "Worth a test of its own." in text


@pytest.mark.parametrize(("name", "language"), BOTH)
def test_the_curve_is_read_off_at_a_third_two_thirds_and_the_end(name, language):
    """At the end of the window the share not back is the churn rate, whatever the days between were."""
    outcome, table = SAMPLES[name], page(name, language).tables["curve"][0]
    curves = outcome.findings.curves

    assert [number(row[1][0]) for row in table] == [curve.n for curve in curves]
    for row, curve in zip(table, curves, strict=True):
        for cell, day in zip(row[2:], (30, 60, 90), strict=True):
            point = [each for each in curve.points if each.day <= day][-1]
            assert_with_interval(cell, point.staying, point.low, point.high)
            assert int(re.sub(r"\D", "", cell[2])) == point.at_risk - point.left
    assert shows(number(table[0][-1][0]), outcome.primary.rate, digits=3)
    assert shows(number(table[-1][-1][0]), outcome.primary.control_rate, digits=3)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_chart_of_the_curve_starts_with_everybody_and_ends_with_its_table(language):
    outcome = SAMPLES["won"]

    values = chart_specs(outcome, Speaker(language))["curve"]["data"]["values"]

    assert [each["staying"] for each in values if each["day"] == 0] == [1.0, 1.0]
    ends = {each["role"]: each["staying"] for each in values if each["day"] == 90}
    assert ends["treated"] == pytest.approx(outcome.primary.rate)
    assert ends[HOLDOUT] == pytest.approx(outcome.primary.control_rate)


@pytest.mark.parametrize(("name", "language"), BOTH)
def test_the_table_of_measures_holds_the_values_numbers(name, language):
    found = SAMPLES[name].findings
    together, each = page(name, language).tables["money"]
    contrasts = [*found.rates, *found.money, *found.value_lost_share]

    for rows, pooled in ((together, True), (each, False)):
        expected = [contrast for contrast in contrasts if (contrast.arm == TREATED) is pooled]
        assert len(rows) == len(expected)
        for row, contrast in zip(rows, expected, strict=True):
            points = contrast.column in ("repeated", "value_lost_share")
            scale, digits = (100, 1) if points else (1, 2)
            ends = [plain(row[3][0]), *(plain(end) for end in re.split(r"\s(?:to|至)\s", row[3][1]))]
            values = (contrast.difference, contrast.low, contrast.high)
            assert all(shows(end, v * scale, digits=digits) for end, v in zip(ends, values, strict=True))


def heads_of(html):
    """Section -> the heads of its columns."""
    sections = re.findall(r'<section id="([\w-]+)"(.*?)</section>', html, re.S)
    return {name: re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", text) for name, text in sections}


def plain(text):
    return number(re.sub(r"US|\$|\+| points| 个百分点", "", text))


def test_better_money_is_not_called_fewer_churned():
    tables = page("won").tables["money"]

    assert {row[5][0] for table in tables for row in table} <= {"Better", "Worse", "Can't tell"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("won", "advice won: it did better than every other variant. Compared by churn"),
        ("found", "Which variant won? Can't tell: no one did better than all the others."),
    ],
)
def test_which_variant_won_is_one_sentence(name, said):
    assert said in page(name).text("effect")


def test_cost_and_return_stand_with_their_intervals_and_a_reason_where_there_is_none():
    """Two times 1,500 messages at 0.042 are 126; without a margin there is no return, and the page says why."""
    won, found = (page(name).tables["returns"][0] for name in ("won", "found"))
    returns = SAMPLES["won"].findings.returns

    assert won[0][1][0] == "$126.00"
    assert isinstance(returns.roi, Estimate)
    low, high = re.split(r"\sto\s", won[3][1][1].replace("−", "-"))
    assert [float(end.removesuffix("×")) for end in (low, high)] == pytest.approx(
        [returns.roi.low, returns.roi.high], abs=0.05
    )
    assert (found[3][1][0], found[3][0][1]) == ("–", "the campaign file states no margin")


@pytest.mark.parametrize(("name", "language"), BOTH)
def test_the_five_cards_are_churn_twice_kept_revenue_and_return(name, language):
    shown, say = page(name, language).text("cards"), Speaker(language)
    titles = ["card_treated", "card_holdout", "card_kept", "card_revenue", "card_roi"]

    places = [shown.index(say(title)) for title in titles]

    assert places == sorted(places)
    assert say("card_difference") not in shown


def test_guardrails_show_share_limit_and_whether_they_hold():
    """28 of 2,985 (0.94 %, from 0.65 %) against 0.5 %; 90 (3.0 %, to 3.7 %) against 6 %."""
    rows = page("won").tables["guardrails"][0]

    assert [(row[0][0], row[1][0], row[2][0], row[3][0]) for row in rows] == [
        ("Unsubscribed", "0.9%", "0.5%", "broken"),
        ("Complained", "0.0%", "–", "no limit set"),
        ("Bounced", "3.0%", "6.0%", "kept"),
    ]
    assert [each.kept for each in SAMPLES["won"].findings.guardrails] == [Kept.BROKEN, Kept.NO_LIMIT, Kept.KEPT]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ["30 days: 1.04 written to, 0.05 held out", "More than 2: 20 of those written to (0.7%)"],
        ),
        ("zh", ["30 天内人均消息：实验组 1.04 条，对照组 0.05 条", "实验组超过 2 条的有 20 名（0.7%）"]),
    ],
)
def test_messages_per_person_are_told_beside_the_guardrails(language: str, words: list[str]):
    """1,400 + 160 + 60 + 1,500 = 3,120 to 3,000 customers, 20 of them three; 100 to 2,000 held out."""
    text = page("won", language).text("guardrails")

    assert [each for each in words if each not in text] == []


def test_the_health_of_the_data_names_lost_rows_overlap_looks_and_the_touched():
    health = {row[0][0]: (row[1][0], row[2][0]) for row in page("touched").tables["health"][0]}
    health_won = {row[0][0]: row for row in page("won").tables["health"][0]}
    overlap = health_won["In another live campaign too, rehearsals aside"]
    look = {row[0][0]: row for row in page("look").tables["health"][0]}["Early looks"]

    assert health["Rows between assignment and measurement"] == ("4 customers lost or added", "do not trust")
    assert health["Hold-out members who were written to"][0] == "3 of 1,140 (0.3%); ids: 00012, 00577, 01033"
    assert health["Early looks"] == ("none before the window's end", "fine")
    assert "advice: 12 of 1,500 (0.8%)" in overlap[1][0]
    assert look[1][0] == "1 so far; this reading is judged at 2.963 standard errors in place of 1.96"


@pytest.mark.parametrize(
    ("language", "labels", "said"),
    [
        ("en", ["Predicted risk", "Expected value", "Past value", "Orders before"], ("alike", "look into it")),
        ("zh", ["预测风险", "预期价值", "历史消费", "此前订单数"], ("相近", "需查看")),
    ],
)
def test_whether_the_groups_were_alike_stands_in_one_table(language, labels, said):
    """Noticeable: more than .1 and more than chance, so -.12 and not .08. What has no spread is left out."""
    rows = page("won", language).tables["health"][1]

    assert [row[0][0] for row in rows] == labels
    assert [row[1][0] for row in rows] == ["71.0%", "$18.20", "$210.40", "3.10"] or language == "zh"
    assert [row[3] for row in rows][1] == ("−0.12", "chance: ±0.06" if language == "en" else "偶然：±0.06")
    assert [row[4][0] for row in rows] == [said[0], said[1], said[0], said[0]]
    assert len(page("found", language).tables["health"]) == 1  # read before there was one


def test_the_csv_has_the_balance_of_the_groups():
    lines = csv.DictReader(StringIO(as_csv(SAMPLES["won"], "en").removeprefix("\ufeff"), newline=""))

    told = [line for line in lines if (line["table"], line["measure"]) == ("balance", "difference")]
    found = {line["row"]: line["value"] for line in told}

    assert found == {"risk": "0.004", "expected_value": "-0.12", "past_value": "0.002", "orders": "0.08"}


def test_an_inconclusive_reading_says_what_would_have_to_be_true():
    """2,276 customers against 7,259 needed are four runs (A7: n = z²(p0 q0 + p1 q1 / k) / (p1 - p0)²)."""
    text = page("found").text("needed")

    start = (
        "To see the smallest effect worth having, 3.0 points, about 7,259 customers would be needed, both groups"
    )
    assert f"{start} together: 4 runs like this one of 2,276." in text
    assert "an effect of 5.4 points or more would have been seen four times in five" in text
    assert "needed" not in page("won").texts


@pytest.mark.parametrize(
    ("stayed", "card", "note"),
    [
        (40, "approximate: few buyers", "fewer than 50 buyers: do not trust the intervals of money here"),
        (200, "approximate: few buyers", "250 buyers or fewer: the intervals of money are approximate"),
        (260, None, None),
    ],
)
def test_money_of_few_buyers_says_so_in_its_cards_and_under_its_tables(stayed, card, note):
    arms = dict.fromkeys(("holdout", "message"), (600, 0.5, 500, 600 - stayed))

    outcome = an_outcome(arms, findings=True)

    shown = page(outcome)

    assert any("few buyers: approximate" in line for line in found_lines(outcome)) == bool(note)
    assert shown.text("cards").count("few buyers") == (1 if card else 0)  # no margin: no return to speak of
    for section in ("money", "returns"):
        assert ("intervals of money" in shown.text(section)) == bool(note)
        assert (note or "") in shown.text(section)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "5 customers who churned and 5 who did not in each group, however large the difference; at the "
         "shares seen here that is about 50 customers, both groups together: 3 runs like this one of 20."),
        ("zh", "每组至少要有流失与未流失的客户各 5 名；按本次的比例，两组合计需要约 50 名客户"),
    ],
)  # fmt: skip
def test_with_too_few_events_it_says_how_many_customers_bring_enough_of_them(language, said):
    """2 of 10 against 6 of 10: by the formula 40 customers would do, but 2 grow to 5 only with 20 x 5 / 2 = 50."""
    arms = {"holdout": (10, 0.5, 9, 6), "message": (10, 0.5, 9, 2)}

    text = page(an_outcome(arms, campaign=a_campaign(None)), language).text("needed")

    assert said in text
    assert "40" not in text
    assert "four times in five" not in text  # without a verdict nothing would have been seen


def test_where_nobody_stayed_no_number_of_customers_is_named():
    arms = {"holdout": (10, 0.5, 9, 10), "message": (10, 0.5, 9, 2)}

    text = page(an_outcome(arms, campaign=a_campaign(None))).text("needed")

    assert "one of these counts is 0, so nobody can tell" in text
    assert "about" not in text


@pytest.mark.parametrize(
    ("language", "assumed"),
    [("en", "If the true difference is what was seen"), ("zh", "如果真实差异正好等于本次看到的差异")],
)
def test_what_it_takes_to_see_the_observed_difference_says_what_it_assumes(language, assumed):
    """Power from the observed difference is a guess; with a smallest effect of the file nothing is assumed."""
    shown, given = (page(an_outcome(TWO, campaign=a_campaign(size)), language) for size in (None, "3pp"))

    assert assumed in shown.text("needed")
    assert assumed in shown.text("headline")
    assert assumed not in given.whole_text


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_p_says_how_it_is_adjusted(language):
    shown, say = page("won", language), Speaker(language)
    heads = heads_of(sample_html("won", language))

    assert say("p_holm") in heads["effect"]
    assert shown.tables["effect"][0][0][5][1] == say("not_adjusted")  # all variants together are one test
    assert all(len(row[5]) == 1 for row in shown.tables["effect"][0][1:-1])
    assert say("p_bh") in heads["segments"]
    assert say("p_plain") in heads["money"]
    alone = {re.split(": |：", row[0][0])[1]: row[4][1] for row in shown.tables["money"][1]}
    assert alone[say("measured_repeated")] == say("holm")
    assert alone[say("measured_revenue")] == say("holm")
    assert say("p_plain") in heads_of(sample_html("better", language))["effect"]  # one variant: nothing to adjust


def test_top_20_percent_is_named_by_which_value_it_is():
    shown, chinese = page("won"), page("won", "zh")

    assert shown.tables["before-after"][0][-1][0][0] == "Top 20% by past value"
    assert chinese.tables["before-after"][0][-1][0][0] == "历史消费前 20% 客户"
    assert "Expected value: top 20% of all" in [row[0][0] for row in shown.tables["segments"][0]]
    assert "预期价值：全体前 20%" in [row[0][0] for row in chinese.tables["segments"][0]]


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_not_known_has_no_section_and_no_zero(name, language):
    shown = page(name, language)

    assert not {"segments", "curve", "money"} & set(shown.tables)
    assert {name: spec for name, spec in chart_specs(SAMPLES[name], Speaker(language)).items() if spec}.keys() <= {
        "effect", "before_after", "audience",
    }  # fmt: skip


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize(
    "name", ["nobody", "found_nobody", "no_holdout", "one_customer", "found_one", "interim", "look"]
)
def test_no_table_is_filled_with_dashes(name, language):
    """Nobody, one of the groups empty, or nobody matured; a hold-out has no orders after a message, or a click."""
    tables = page(name, language).tables

    told = [row for section in tables.values() for table in section for row in table]
    assert told
    assert [row for row in told if sum(cell[0] == "–" for cell in row) > 2] == []


@pytest.mark.parametrize("name", FOUND)
def test_the_csv_holds_the_findings_to_the_last_digit(name):
    found = SAMPLES[name].findings
    lines = csv.DictReader(StringIO(as_csv(SAMPLES[name], "zh").removeprefix("\ufeff"), newline=""))
    cells = {(line["table"], line["row"], line["measure"]): line for line in lines}

    def assert_line(place, value, low=None, high=None):
        line = cells[place]
        shown = (line["value"], line["low"], line["high"])
        assert shown == tuple("" if each is None else str(each) for each in (value, low, high))

    for each in (*found.rates, *found.money, *found.value_lost_share):
        assert_line(("measures", f"{each.column}: {each.arm}", "difference"), each.difference, each.low, each.high)
    for each in found.segments:
        place = ("segments", f"{each.dimension}: {each.value}", "difference")
        assert_line(place, each.difference, each.low, each.high)
    for each in found.weeks:
        assert_line(("weeks", f"week_{each.number}", "difference"), each.difference, each.low, each.high)
    for curve in found.curves:
        for point in curve.points:
            assert_line(("curve", curve.arm, f"not_back_day_{point.day}"), point.staying, point.low, point.high)
    revenue, price = found.returns.revenue, found.returns.per_saved
    assert_line(("returns", "revenue", "value"), revenue.value, revenue.low, revenue.high)
    assert_line(("returns", "per_saved", "value"), price.value, price.low, price.high)
    for rail in found.guardrails:
        assert_line(("guardrails", rail.name, "messages_share"), rail.share.rate, rail.share.low, rail.share.high)
    for each in found.pressure:
        assert_line(("guardrails", f"messages_per_person: {each.arm}", "mean"), each.mean)
        over = each.over
        assert_line(
            ("guardrails", f"messages_per_person: {each.arm}", "over_share"), over.rate, over.low, over.high
        )


@pytest.mark.parametrize(
    ("churned", "held", "helped", "sentence"),
    [
        ((700, 500), 800, True, "b won: it did better than every other variant."),
        ((900, 800), 700, False, "b did better than every other variant, but not visibly better than no message."),
        ((700, 500), None, None, "b did better than every other variant; nobody was held out, so nobody knows"),
    ],
)
def test_a_variant_wins_only_where_it_is_better_than_no_message(churned, held, helped, sentence):
    """Of 1,000 in each group; a and b are 10 points apart or more, seven standard errors of 0.02."""
    arms = {"holdout": (1000, 1 / 3, 800, held)} if held else {}
    arms |= {name: (1000, 1 / 3 if held else 0.5, 800, n) for name, n in zip("ab", churned, strict=True)}
    outcome = an_outcome(arms, findings=True)
    told = [line for line in found_lines(outcome) if line.startswith("which variant won: b")]

    assert outcome.winner_helped is helped
    assert sentence in page(outcome).whole_text
    assert ["; " in line for line in told] == [helped is not True]


@pytest.mark.parametrize(("language", "amount"), [("en", "buyers ($400.00)."), ("zh", "分位（US$400.00）。")])
def test_the_money_s_small_print_tells_the_cap_and_that_two_tests_decide(language, amount):
    shown = page("won", language)

    assert amount in shown.text("money")
    assert Speaker(language)("two_tests") in shown.text("money")
    assert Speaker(language)("two_tests") not in shown.text("effect")  # churn has one test


def test_a_reading_frozen_before_the_cap_was_kept_names_none():
    won = SAMPLES["won"]

    shown = page(replace(won, findings=replace(won.findings, revenue_cap=None)))

    assert "the 99th percentile of buyers. Adjusted" in shown.text("money")


@pytest.mark.parametrize(("name", "said"), [("by_contribution", True), ("by_lost_share", True), ("second", False)])
def test_where_a_mean_is_judged_its_two_tests_are_told_under_its_table(name, said):
    assert (Speaker("en")("two_tests") in page(name).text("effect")) is said


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_without_a_hold_out_the_weeks_tell_of_those_written_to_alone(language):
    alone = an_outcome({"message": (2200, 1.0, 1800, 1500)}, findings=True)

    weeks = page(alone, language).tables["curve"][1]

    assert len(alone.findings.weeks) == len(weeks) == 13
    assert {len(row) for row in weeks} == {2}  # the week, and who came
    assert Speaker(language)("weeks_alone") in page(alone, language).text("curve")


def test_where_the_adjusted_contribution_judges_revenue_and_roi_say_that_they_are_plain():
    judged, other = page("by_contribution"), page("won")

    assert "Net contribution, adjusted" in judged.text("cards")
    assert (
        judged.text("cards").count("of plain revenue, not adjusted") == 2
    )  # extra revenue, and the return on cost
    assert "Extra revenue and ROI are of plain revenue" in judged.text("returns")
    assert "plain revenue" not in other.text("cards") + other.text("returns")


@pytest.mark.parametrize(
    ("language", "of_all", "of_rehearsals"),
    [("en", "all campaigns", "all rehearsals"), ("zh", "各活动", "各次演练")],
)
def test_messages_per_person_of_a_rehearsal_are_those_of_rehearsals(language, of_all, of_rehearsals):
    say = speaker("no_order", language)

    live, rehearsed = (pressure_sentence(replace(SAMPLES["won"], placebo=each), say) for each in (False, True))

    assert (of_all in live, of_rehearsals in live) == (True, False)
    assert (of_all in rehearsed, of_rehearsals in rehearsed) == (False, True)


@pytest.mark.parametrize(("language", "why"), [("en", "fewer than 5 did"), ("zh", "不足 5 名")])
def test_a_segment_that_is_not_asked_is_told_why(language, why):
    found = SAMPLES["won"].findings
    asked = [replace(each, left_out=["low"]) for each in found.interactions if each.dimension == "risk"]
    outcome = replace(SAMPLES["won"], findings=replace(found, interactions=asked))

    [said] = interaction_sentences(outcome, speaker("no_order", language))

    assert why in said


@pytest.mark.parametrize(
    ("definition", "language", "why"),
    [
        ("no_order", "en", "no fewer were lost than in the hold-out"),
        ("model", "en", "no fewer are predicted lost than in the hold-out"),
        ("no_order", "zh", "流失并不少于对照组"),
        ("model", "zh", "预测流失并不少于对照组"),
    ],
)
def test_where_nobody_was_kept_there_is_no_price_and_a_forecast_says_predicted(definition, language, why):
    found = SAMPLES["won"].findings
    nobody = replace(found.returns, per_saved=NoEstimate(reason=Missing.NOBODY_SAVED))
    outcome = replace(SAMPLES["won"], findings=replace(found, returns=nobody), churn_definition=definition)

    rows = {row.key: row for row in return_rows(outcome, speaker(definition, language))}

    assert rows["per_saved"].note == why


def test_the_csv_of_a_forecast_calls_nothing_churned_lost_or_kept_that_is_foretold():
    """The same numbers as of what is seen, under names of their own."""
    seen, told = (
        {(row["table"], row["row"], row["measure"]): row["value"] for row in rows}
        for rows in (
            csv.DictReader(StringIO(as_csv(outcome, "en").lstrip("\ufeff")))
            for outcome in (replace(DEFINED["by_forecast"], churn_definition="no_order"), DEFINED["by_forecast"])
        )
    )

    assert told["effect", "treated", "predicted_lost"] == seen["effect", "treated", "churned"]
    assert told["effect", "holdout", "predicted_lost_share"] == seen["effect", "holdout", "churn_rate"]
    assert told["effect", "treated", "fewer_predicted_lost"] == seen["effect", "treated", "customers_kept"]
    assert told["causes", "price", "holdout_predicted_lost"] == seen["causes", "price", "holdout_lost"]
    assert (
        told["measures", "value_predicted_lost: advice", "mean"] == seen["measures", "value_lost: advice", "mean"]
    )
    assert ("returns", "per_fewer_predicted_lost", "value") in told
    assert ("measures", "share_of_value_predicted_lost: treated", "difference") in told
    tables = [Counter(table for table, _, _ in each if table != "report") for each in (seen, told)]
    assert tables[0] == tables[1]  # no line is lost, none is another's
    plain = {"churned", "churn_rate", "customers_kept", "lost", "holdout_lost"}
    assert not plain & {measure for _, _, measure in told}
    assert not [row for _, row, _ in told if re.match("value_lost|per_saved|retained", row)]


def test_the_csv_of_a_forecast_says_what_it_is_and_of_what():
    told = {"model": "bgnbd", "as_of": "2025-08-31", "horizon_days": 60, "threshold": 0.5, "digest": "d" * 64}
    method = replace(SAMPLES["won"].method, forecast=told)
    outcome = replace(SAMPLES["won"], churn_definition="model", method=method)

    rows = list(csv.DictReader(StringIO(as_csv(outcome, "en").lstrip("\ufeff"))))

    report = {row["measure"]: row["value"] for row in rows if row["table"] == "report"}
    assert report["churn_definition"] == "model"
    assert (report["forecast_model"], report["forecast_threshold"]) == ("bgnbd", "0.5")
    assert (report["forecast_as_of"], report["forecast_digest"]) == ("2025-08-31", "d" * 64)
    assert any(line.startswith("predicted lost, by cause") for line in found_lines(outcome)) == bool(
        outcome.findings.causes
    )
