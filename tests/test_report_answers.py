"""What customers said, in the report: the value's numbers, with who answered, and nothing where nobody did."""

import csv
from io import StringIO

import pytest

from tests.report_samples import SAMPLES, page
from tests.test_report import assert_with_interval, number, shows
from winback import words
from winback.report_csv import as_csv
from winback.report_words import Speaker

FOUND = SAMPLES["won"].findings


def rows_of(table: str) -> dict[tuple[str, str], dict[str, str]]:
    rows = csv.DictReader(StringIO(as_csv(SAMPLES["won"], "en").lstrip("\ufeff")))
    return {(row["row"], row["measure"]): row for row in rows if row["table"] == table}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_table_of_satisfaction_holds_the_means_and_who_answered(language):
    table = page("won", language).tables["answers"][0]

    given = [each for each in FOUND.satisfaction if each.kind == "csat"]
    assert [row[0][0].partition(":")[0] for row in table[1:]] == ["advice", "invitation"]
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

    assert not [verdict for verdict in words.VERDICTS.values() if verdict.say(language) in text]
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
