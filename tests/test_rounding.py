"""A footnote where a printed difference is not that of the printed numbers, and none where it is."""

from dataclasses import replace

import pytest

from tests.report_samples import a_campaign, an_outcome, page
from winback.report.rounding import apart

FOOTNOTES = {"en": "Differences are taken before rounding", "zh": "差异按四舍五入前的数值计算"}


def shown(x: int, control_x: int, language: str = "en"):
    """So many of 300 churned in either group, of 150 inactive before."""
    arms = {"holdout": (300, 0.5, 150, control_x), "message": (300, 0.5, 150, x)}
    return page(an_outcome(arms, campaign=a_campaign(None)), language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_numbers_that_seem_not_to_add_up_have_a_footnote(language):
    """50/300 = 16.67 and 100/300 = 33.33 %: 16.7 less 33.3 is -16.6, but the difference is -16.67, so -16.7."""
    page_ = shown(50, 100, language)

    assert "−16.7" in page_.text("effect")
    assert page_.text("effect").count(FOOTNOTES[language]) == 1
    assert page_.text("headline").count(FOOTNOTES[language]) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_numbers_that_add_up_have_none(language):
    """60/300 = 20 % and 90/300 = 30 %."""
    page_ = shown(60, 90, language)

    assert FOOTNOTES[language] not in page_.text("effect") + page_.text("headline")


@pytest.mark.parametrize(("before", "footnote"), [(100, True), (101, False)])
def test_before_and_after_have_their_own(before, footnote):
    """50/300 = 16.67 % after; before 33.33: -16.67, not 16.7 - 33.3; before 33.67: -17.00, as 16.7 - 33.7."""
    found = an_outcome({"holdout": (300, 0.5, before, 50), "message": (300, 0.5, before, 50)})
    alone = replace(found, before_after=[each for each in found.before_after if each.name == "treated"])

    text = page(alone).text("before-after")

    assert (FOOTNOTES["en"] in text) == footnote


@pytest.mark.parametrize(
    ("one", "other", "difference", "found"),
    [
        ("71.8%", "71.8%", "0.0", False),
        ("71.8%", "80.8%", "−9.1", True),  # of the demo
        ("$6.01", "$4.97", "+$1.05", True),
        ("US$1,234.50", "US$234.50", "+US$1,000.00", False),
        ("−$1.00", "$0.50", "−$1.50", False),
        ("0.46", "0.47", "−0.02", True),
        ("235", "200", "+35.21", True),  # a mean from 100 on has no decimals
        ("54.4%", "51.4%", "+3.0 points", False),
        ("–", "51.4%", "–", False),  # undefined is not apart
    ],
)
def test_numbers_are_read_as_they_are_printed(one, other, difference, found):
    assert apart([(one, other, difference)]) is found
