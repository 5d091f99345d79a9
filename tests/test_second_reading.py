"""The second reading beside the first: stayed, faded, turned round, or can't tell."""

import json
import re
from dataclasses import replace

import pytest

from app.found_lines import found_lines
from tests.report_samples import FEWER, FIRST, MEASURED, a_campaign, an_outcome, page
from winback import words
from winback.outcomes.outcomes import Outcome, read_outcome, write_outcome
from winback.outcomes.second_reading import Lasted, lasted
from winback.report.headline import first_of
from winback.report.page import chart_specs, picture_specs
from winback.report.tables import as_csv
from winback.report.words import Speaker

SECOND = MEASURED["second"]


def read(churned: int, held: int, *, smallest: str | None = None) -> Outcome:
    """Of 1,600 and of 400, in multiples where that is said."""
    arms = {"holdout": (400, 0.2, 300, held), "message": (1600, 0.8, 1200, churned)}
    return an_outcome(arms, campaign=a_campaign(smallest))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Fewer churned, by 5.0 points (outcomes A10: -9.7 to -0.7); then by as much again.
        ((288, 92), (288, 92), Lasted.STAYED),
        ((288, 92), (320, 48), Lasted.TURNED_ROUND),  # 20 against 12 per cent
        ((288, 92), (240, 60), Lasted.FADED),  # 15 against 15 per cent: -4.2 to +3.6 leaves out -5.0
        ((288, 92), (256, 74), Lasted.CANT_TELL),  # 16 against 18.5 per cent: -6.9 to +1.4 holds -5.0 and 0
        ((288, 92), (288, 2), Lasted.CANT_TELL),  # too few churned in the hold-out: no verdict
        ((240, 60), (288, 92), Lasted.NOTHING_TO_LAST),
    ],
)
def test_what_lasted_is_read_from_both_verdicts_and_the_second_interval(first, second, expected):
    assert lasted(first_of(read(*first)), read(*second).primary) is expected


def test_an_effect_too_small_to_be_worth_having_has_faded():
    """15 of 100 in 9,000 and 9,000: within 1.1 points either way."""
    arms = {"holdout": (9000, 0.5, 7000, 1350), "message": (9000, 0.5, 7000, 1350)}
    second = an_outcome(arms, campaign=a_campaign("3pp")).primary

    assert lasted(first_of(FIRST), second) is Lasted.FADED


def test_without_a_comparison_there_is_nothing_to_set_beside_the_second_reading():
    alone = an_outcome({"message": (2200, 1.0, 1800, 1500)}, findings=True)

    assert first_of(alone) is None
    assert "second" not in page(replace(alone, second=True, first=first_of(alone))).texts


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_both_readings_stand_side_by_side_with_one_sentence(language):
    shown, say = page("second", language), Speaker(language)

    first, second = shown.tables["second"][0]

    assert say("lasted_faded", first=90, days=90) in shown.text("second")
    assert first[1] == ("18.0%", "288 of 1,600" if language == "en" else "1,600 名中 288 名")
    assert first[2:4] == [
        ("23.0%",),
        ("−5.0", f"−9.7{chr(160)}{'to' if language == 'en' else '至'}{chr(160)}−0.7"),
    ]
    assert first[4] == ("Fewer churned" if language == "en" else "流失减少",)
    assert second[1][0] == "14.5%"
    assert second[3][0] == "−0.5"
    assert "second" not in page("better", language).texts


def test_the_chart_has_both_differences_and_a_picture_of_its_own():
    values = chart_specs(SECOND, Speaker("en"))["second"]["data"]["values"]

    assert [each["label"] for each in values] == ["First reading", "Second reading"]
    assert [each["difference"] for each in values] == pytest.approx([-0.05, -0.005])
    assert "Did it last?" in json.dumps(picture_specs(SECOND, Speaker("en"))["second"])


def test_the_first_reading_is_kept_in_the_json_and_told_in_the_csv():
    assert read_outcome(write_outcome(SECOND)) == SECOND
    assert json.loads(write_outcome(SECOND))["first"]["found"]["x"] == 288
    told = [line for line in as_csv(SECOND, "en").splitlines() if line.startswith("readings,")]
    assert any(re.search("first_reading.*difference,-0.05", line) for line in told)
    assert any(line.startswith("readings,lasted") and "faded" in line for line in told)


def test_the_terminal_says_whether_it_lasted():
    assert "did they stay? faded: 1st reading -5.0 points, now -0.5" in list(found_lines(SECOND))
    assert not any(line.startswith("did they stay") for line in found_lines(an_outcome(FEWER)))
