"""What customers said, in the report: the value's numbers, with who answered, and nothing where nobody did."""

import csv
import re
from dataclasses import replace
from io import StringIO

import pytest

from app.found_lines import found_lines
from tests.report_samples import SAMPLES, page
from tests.test_report import assert_with_interval, number, shows
from winback import words
from winback.outcomes.outcomes import KindsMade, read_outcome, write_outcome
from winback.report import names
from winback.report.tables import as_csv
from winback.report.words import Speaker

FOUND = SAMPLES["won"].findings


def rows_of(table: str) -> dict[tuple[str, str], dict[str, str]]:
    rows = csv.DictReader(StringIO(as_csv(SAMPLES["won"], "en").lstrip("\ufeff")))
    return {(row["row"], row["measure"]): row for row in rows if row["table"] == table}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_table_of_satisfaction_holds_the_means_and_who_answered(language):
    table = page("won", language).tables["answers"][0]

    given = [each for each in FOUND.satisfaction if each.kind == "csat"]
    assert [re.split("[:：]", row[0][0])[0] for row in table[1:]] == ["advice", "invitation"]
    assert len(table) == len(given) == 3
    for row, each in zip(table, given, strict=True):
        assert shows(number(row[1][0]), each.mean, digits=2)
        assert shows(number(row[1][2]), each.answered.rate, digits=3)
        assert shows(number(row[2][0]), each.control_mean, digits=2)
        assert shows(number(row[3][0]), each.difference, digits=2)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_table_of_causes_holds_every_cause_and_the_unknown(language):
    table = page("won", language).tables["answers"][1]

    assert [each.cause for each in FOUND.causes] == ["price", "own", "unknown"]
    for row, each in zip(table, FOUND.causes, strict=True):
        assert shows(number(row[1][0]), each.rate, digits=3)
        assert_with_interval(row[3], each.difference, each.low, each.high, scale=100)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_neither_has_a_verdict_and_each_says_of_whom_it_is(language):
    say, text = Speaker(language), page("won", language).text("answers")

    assert not [verdict for verdict in names.VERDICTS.values() if verdict.say(language) in text]
    assert say("satisfaction_note") in text
    assert say("causes_note") in text


def test_the_csv_holds_both_tables_to_the_last_digit():
    scores, causes = rows_of("satisfaction"), rows_of("causes")

    for each in FOUND.satisfaction:
        if each.kind == "csat":
            assert float(scores[f"csat: {each.arm}", "mean"]["value"]) == each.mean
            assert float(scores[f"csat: {each.arm}", "difference"]["low"]) == each.low
            assert int(scores[f"csat: {each.arm}", "answered"]["value"]) == each.answered.x
    assert not [key for key in scores if key[0].startswith("nps")]  # nobody gave one
    for each in FOUND.causes:
        assert int(causes[each.cause, "lost"]["value"]) == each.x
        assert float(causes[each.cause, "difference"]["high"]) == each.high


def test_without_answers_there_is_no_such_section():
    assert "answers" not in page("found").tables
    assert page("found").text("answers") == ""


def test_the_terminal_says_both_in_a_line_each():
    """Of 3,000 written to 75 named the price and 9 a reason of their own, of 2,000 held out 80 the price."""
    [score] = [each for each in FOUND.satisfaction if (each.kind, each.arm) == ("csat", "treated")]

    lines = list(found_lines(SAMPLES["won"]))

    [told] = [line for line in lines if line.startswith("csat, of those who answered: ")]
    assert told.partition(": ")[2].startswith(f"{score.mean:.2f} ({score.answered.x:,}), hold-out ")
    assert f"{score.difference:+.2f} (95 %: {score.low:+.2f} to {score.high:+.2f})" in told
    assert not [line for line in lines if line.startswith("nps")]  # nobody gave one
    [causes] = [line for line in lines if line.startswith("lost, by cause")]
    assert causes.endswith("price 2.5% (4.0%), the customer's own 0.3% (0.0%), not known 65.8% (68.2%)")


def test_where_nobody_answered_the_terminal_says_nothing_of_it():
    lines = list(found_lines(SAMPLES["better"]))

    assert not [line for line in lines if "answered" in line or "cause" in line]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["activity, files: 7", "what was known at the end of 31 December 1997"]),
        ("zh", ["客户行为，文件数：7", "依据截至 1997年12月31日已知的事实"]),
    ],
)
def test_the_method_names_what_the_kinds_of_churn_were_made_of(language, told):
    made = KindsMade(rules="c1" * 32, facts={"orders": ["d2" * 32], "activity": [f"{n:064x}" for n in range(7)]})
    outcome = replace(SAMPLES["better"], method=replace(SAMPLES["better"].method, kinds=made))

    text = page(outcome, language).text("method")

    assert all(each in text for each in [*told, "kinds.yaml", "c1" * 32, "d2" * 32])
    assert [f"{n:064x}" in text for n in range(7)] == [True] * 6 + [False]
    assert "kinds.yaml" not in page("better", language).text("method")
    assert read_outcome(write_outcome(outcome)) == outcome


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["contracts, files: 2", "answers, files: 9"]),
        ("zh", ["合同，文件数：2", "客户反馈，文件数：9"]),
    ],
)
def test_the_method_names_the_other_facts_the_reading_is_made_of(language, told):
    """A third of the twelve digests for each kind, so that the page stays as long."""
    others = {"feedback": [f"{n:064x}" for n in range(9)], "subscriptions": ["a" * 64, "b" * 64]}
    outcome = replace(SAMPLES["better"], method=replace(SAMPLES["better"].method, other_facts=others))

    text = page(outcome, language).text("method")

    assert all(each in text for each in told)
    assert [f"{n:064x}" in text for n in range(9)] == [True] * 4 + [False] * 5
    assert Speaker(language)("m_facts_more", n=5) in text
    assert "b" * 64 in text
    assert not [each for each in told if each in page("better", language).text("method")]
