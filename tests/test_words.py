"""The words of reports: complete in both languages, and numbers written as a reader expects."""

import re
from datetime import date
from pathlib import Path
from string import Formatter

import pytest

from winback import words
from winback.audience.selection import Reason
from winback.campaigns.campaign import Measure
from winback.events import State
from winback.gallery.words import TEXTS as GALLERY
from winback.lift.estimates import Missing
from winback.lift.verdict import Rule, Verdict
from winback.overview.words import TEXTS as OVERVIEW
from winback.report import names
from winback.report.judged_words import FACTS, RULES, TITLES
from winback.report.words import TEXTS, Speaker

ROOT = Path(__file__).parents[1]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMED = {
    "verdict": (Verdict, names.VERDICTS),
    "rule": (Rule, names.RULES),
    "reason": (Reason, names.REASONS),
    "reason note": (Reason, names.REASON_NOTES),
    "state": (State, names.STATES),
    "missing": (Missing, names.MISSING),
    "facts": (set(Measure) - {Measure.CHURN}, FACTS),
}
EVERY = [each for _, named in NAMED.values() for each in named.values()] + [
    *TEXTS.values(),
    *OVERVIEW.values(),
    *RULES.values(),
    *TITLES.values(),
]


@pytest.mark.parametrize("kind", NAMED)
def test_every_member_has_words_and_no_words_are_left_over(kind):
    members, named = NAMED[kind]

    assert set(named) == set(members)


@pytest.mark.parametrize("text", EVERY, ids=lambda text: text.en[:30])
def test_both_languages_say_something_and_ask_for_the_same_values(text):
    asked = [{name for _, name, _, _ in Formatter().parse(said) if name} for said in (text.en, text.zh)]

    assert text.en.strip()
    assert text.zh.strip()
    assert asked[0] == asked[1]
    assert not CHINESE.search(text.en)


@pytest.mark.parametrize("key", sorted(set(TEXTS) - {"n", "n_both", "cap", "p", "p_holm", "p_bh", "segment_name"}))
def test_the_chinese_of_a_text_is_chinese(key):
    assert CHINESE.search(TEXTS[key].zh)


@pytest.mark.parametrize("key", sorted(set(OVERVIEW) - {"since_short"}))
def test_the_chinese_of_the_overview_is_chinese(key):
    assert CHINESE.search(OVERVIEW[key].zh)


@pytest.mark.parametrize(
    "named", [names.VERDICTS, names.REASONS, names.STATES], ids=["verdict", "reason", "state"]
)
@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_two_members_share_a_name(named, language):
    names = [each.say(language) for each in named.values()]

    assert len(set(names)) == len(names)


KNOWN = {f"known_{name}" for name in ("risk", "expected_value", "past_value", "orders", "days_since_order")}
WRITTEN = {ROOT / "winback/report/words.py", ROOT / "winback/report/health_words.py"}


def test_every_text_of_the_report_is_used_somewhere():
    sources = [*templates_of(TEXTS), *(ROOT / "winback").rglob("*.py")]
    used = "\n".join(path.read_text("utf-8") for path in sources if path not in WRITTEN)
    said = set(re.findall(r"""["'](\w+)["']""", used))
    built = {f"{key}_text" for key in said} | {f"score_{key}" for key in said} | KNOWN
    by_constant = {"treated", "holdout", "base", "top"}

    assert set(TEXTS) - said - built - by_constant == set()


def test_every_text_of_the_overview_is_used_somewhere():
    sources = [*templates_of(OVERVIEW), ROOT / "winback/overview/page.py"]
    used = "\n".join(path.read_text("utf-8") for path in sources)
    said = set(re.findall(r"""["'](\w+)["']""", used))

    assert set(OVERVIEW) - said - {f"{key}_text" for key in said} == set()


@pytest.mark.parametrize("texts", [TEXTS, OVERVIEW, GALLERY], ids=["report", "overview", "gallery"])
def test_every_text_a_template_asks_for_exists(texts):
    found = [path.read_text("utf-8") for path in templates_of(texts)]
    asked = {key for text in found for key in re.findall(r'(?:say|small)\("(\w+)"', text)}

    assert asked
    assert asked - set(texts) == set()


def templates_of(texts):
    """The templates that speak with ``texts``."""
    found = (ROOT / "templates" / "report").glob("*.html")
    pages = {"overview": OVERVIEW, "gallery": GALLERY}
    return [path for path in found if pages.get(re.split(r"[_.]", path.name)[0], TEXTS) is texts]


def test_a_missing_value_is_an_error_not_a_gap():
    with pytest.raises(KeyError):
        Speaker("en")("of", x="1")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.whole(23570), "23,570"),
        (words.whole(-3), "−3"),
        (words.gain(1.0), "+1"),
        (words.gain(-38.54), "−39"),
        (words.gain(0.2), "0"),
        (words.percent(0.714), "71.4%"),
        (words.percent(0.0), "0.0%"),
        (words.percent(1.0), "100.0%"),
        (words.points(-0.0405), "−4.0"),
        (words.points(0.0385), "+3.9"),
        (words.points(-0.0001), "0.0"),
        (words.size(-0.115), "11.5"),
        (words.p_value(0.9605), "0.961"),
        (words.p_value(0.00004), "<0.001"),
        (words.p_claim(0.00004), "p < 0.001"),
        (words.p_claim(0.9605), "p = 0.961"),
        (words.figure(6.18312), "6.183"),
        (words.figure(-0.5), "−0.5"),
    ],
)
def test_numbers_are_written_for_people(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    "write", [words.whole, words.gain, words.percent, words.points, words.size, words.p_value, words.figure]
)
@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf")])
def test_what_is_undefined_is_a_dash_never_0(write, nothing):
    assert write(nothing) == "–"


def test_a_range_with_an_undefined_end_is_a_dash():
    assert words.between("1.0", "–", "en") == "–"
    assert words.between("−4.1", "+3.9", "en") == "−4.1\u00a0to\u00a0+3.9"
    assert words.between("−4.1", "+3.9", "zh") == "−4.1\u00a0至\u00a0+3.9"


def test_days_are_written_by_the_language():
    assert words.day(date(1997, 12, 31), "en") == "31 December 1997"
    assert words.day(date(1997, 12, 31), "zh") == "1997年12月31日"
    assert words.day(None, "zh") == "–"


def test_a_stored_key_this_version_does_not_know_is_shown_as_it_is():
    assert names.name_of("delivered", names.STATES, "zh") == "已送达"
    assert names.name_of("teleported", names.STATES, "en") == "teleported"


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (0.354, "+35%"),
        (-1, "−100%"),
        (9.99, "+999%"),
        (10, "+10.0×"),
        (83.82, "+83.8×"),
        (-372.1, "−372×"),
        (None, "–"),
    ],
)
def test_a_return_of_ten_times_the_cost_is_written_as_a_multiple(gain, said):
    """Messages cost next to nothing, and nobody reads −37,213% to +53,977%."""
    assert words.gain_percent(gain) == said


def test_a_count_of_one_is_in_the_singular():
    said = "1 days, risk of 1 customers one horizon (1 days) earlier; 21 days, 2,001 orders, 0.1 days, -1 days"

    assert words.in_singular(said) == (
        "1 day, risk of 1 customer one horizon (1 day) earlier; 21 days, 2,001 orders, 0.1 days, -1 days"
    )
