"""The report as CSV and as pictures: its own numbers, safe in a spreadsheet, every character drawn."""

import csv
from io import StringIO
from struct import unpack

import polars as pl
import pytest
import vl_convert

from tests.report_samples import EVERY, SAMPLES, WON, a_campaign, an_outcome
from winback import words
from winback.campaigns.campaign import Measure
from winback.errors import Unusable
from winback.outcomes.outcomes import as_dict
from winback.report.charts import FONTS, PALETTE, WIDTH
from winback.report.page import chart_specs, picture_specs
from winback.report.pictures import CHINESE_FONTS, SCALE, drawable, png, require_fonts
from winback.report.tables import COLUMNS, as_csv
from winback.report.words import Speaker
from winback.sheet import BOM, safe, safe_texts

NO_FONT_HAS = "\U000323af"  # a character of the newest Chinese block


def rows(outcome, language="en"):
    return list(csv.DictReader(StringIO(as_csv(outcome, language).removeprefix(BOM), newline="")))


def found(outcome, table, language="en"):
    """(row, measure) -> the line, of one table."""
    return {(row["row"], row["measure"]): row for row in rows(outcome, language) if row["table"] == table}


def same(cell: str, value: float | None) -> bool:
    return cell == ("" if value is None else str(value))


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_csv_holds_the_numbers_of_the_json_to_the_last_digit(name, language):
    plain, effect = as_dict(SAMPLES[name]), found(SAMPLES[name], "effect", language)
    primary, fewest = plain["primary"], min(arm["n"] for arm in plain["arms"])

    for measure, keys in {
        "churned": ("x", None, None),
        "churn_rate": ("rate", "rate_low", "rate_high"),
        "difference": ("difference", "low", "high"),
        "p_holm": ("p_holm", None, None),
        "verdict": ("verdict", None, None),
    }.items():
        line = effect["treated", measure]
        shown = primary is not None and (fewest >= 2 or measure not in ("difference", "p_holm"))
        expected = [primary[key] if shown and key else None for key in keys]
        assert all(same(line[cell], value) for cell, value in zip(("value", "low", "high"), expected, strict=True))
    groups = {group["name"]: group for group in plain["before_after"]}
    for (group, measure), line in found(SAMPLES[name], "before_after", language).items():
        if measure == "inactive_after":
            assert same(line["value"], groups[group]["after"])
            assert same(line["low"], groups[group]["after_low"])


def test_responses_audience_and_messages_are_in_the_csv():
    """Of 561 written to with advice 540 got it; 1,140 held out of 2,276."""
    outcome = SAMPLES["cant_tell"]

    answers, steps = found(outcome, "answers"), found(outcome, "audience")
    orders, states = found(outcome, "orders"), found(outcome, "messages")
    groups, health = found(outcome, "groups"), found(outcome, "health")

    assert answers["advice", "delivered"]["value"] == "540"
    assert float(answers["advice", "delivered_share"]["value"]) == pytest.approx(540 / 561)
    assert [steps[key, "customers"]["value"] for key in ("scored", "no_consent", "included")] == [
        "3007",
        "31",
        "2276",
    ]
    assert (orders["holdout", "ordered"]["value"], orders["holdout", "net_revenue"]["unit"]) == ("320", "USD")
    assert orders["holdout", "after_message"]["value"] == ""
    assert (states["advice", "all"]["value"], states["advice", "bounced"]["value"]) == ("561", "21")
    assert float(groups["holdout", "observed_share"]["value"]) == pytest.approx(1140 / 2276)
    assert health["split", "status"]["value"] == "fine"


@pytest.mark.parametrize("name", SAMPLES)
def test_the_names_of_the_csv_are_the_same_in_both_languages(name):
    english, chinese = rows(SAMPLES[name], "en"), rows(SAMPLES[name], "zh")
    stable = ("table", "row", "measure", "unit", "low", "high")

    assert list(english[0]) == COLUMNS
    assert [[row[key] for key in stable] for row in english] == [[row[key] for key in stable] for row in chinese]
    places = [(row["table"], row["row"], row["measure"]) for row in english]
    assert len(places) == len(set(places))


def test_a_spreadsheet_knows_that_it_is_utf_8():
    text = as_csv(SAMPLES["better"], "zh")

    assert text.encode().startswith(b"\xef\xbb\xbftable,row,label,measure,value,low,high,unit\r\n")
    assert found(SAMPLES["better"], "effect", "zh")["holdout", "customers"]["label"] == "对照组"


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_a_name_that_looks_like_a_formula_stays_text(evil):
    arms = {"holdout": (100, 0.5, 80, 70), evil: (100, 0.5, 80, 60)}
    outcome = an_outcome(
        arms, campaign=a_campaign(name=f"{evil} & co"), messages={evil: {"delivered": 90, "bounced": 10}}
    )

    cells = [cell for row in rows(outcome) for column, cell in row.items() if column not in ("low", "high")]

    assert f"'{evil} & co" in cells
    assert not [cell for cell in cells if cell.startswith(evil)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=1+1", "a;'=1+1"),  # two cells where a semicolon parts them
        ("a; -1;b", "a;' -1;b"),
        ("a\n=1", "a\n'=1"),
        ("a=1; b-c", "a=1; b-c"),
        ("", ""),
    ],
)
def test_what_another_spreadsheet_makes_a_cell_of_is_no_formula_either(text: str, written: str):
    column = pl.DataFrame({"text": [text, None]}).select(safe_texts("text"))["text"].to_list()

    assert safe(text) == written
    assert column == [written, None]


def test_a_negative_number_is_no_formula():
    assert safe(-0.02) == -0.02
    assert float(found(SAMPLES["better"], "effect")["treated", "difference"]["value"]) < 0


@pytest.mark.parametrize("name", ["interim", "nobody", "one_customer"])
def test_what_is_undefined_is_an_empty_cell_never_a_zero(name):
    effect = found(SAMPLES[name], "effect")

    assert effect["treated", "difference"]["value"] == ""
    assert ("treated", "customers_kept") not in effect


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("name", ["effect", "before_after", "audience"])
def test_every_chart_is_a_sharp_picture(name, language):
    spec = chart_specs(SAMPLES["cant_tell"], Speaker(language))[name]

    drawn = png(spec)

    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert unpack(">I", drawn[16:20])[0] == WIDTH * SCALE


def test_a_chinese_picture_is_drawn_in_a_chinese_font_and_an_english_one_is_not():
    chinese, english = (chart_specs(SAMPLES["better"], Speaker(language))["effect"] for language in ("zh", "en"))

    assert png(chinese) == in_fonts(chinese, CHINESE_FONTS) != in_fonts(chinese, FONTS)
    assert png(english) == in_fonts(english, FONTS) != in_fonts(english, CHINESE_FONTS)


def in_fonts(spec, fonts):
    named = spec | {"background": PALETTE["paper"], "config": spec["config"] | {"font": fonts}}
    return vl_convert.vegalite_to_png(named, scale=SCALE)


def drawn_words(spec) -> list[str]:
    """What the head of a picture says, from the top on."""
    marks = [layer["mark"] for layer in spec["layer"] if "text" in layer["mark"]]
    return [mark["text"] for mark in marks]


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_picture_has_its_title_its_run_and_a_legend_within_its_own_room(language):
    say, outcome = Speaker(language), SAMPLES["won"]

    pictures = picture_specs(outcome, say)

    assert list(pictures) == [name for name, spec in chart_specs(outcome, say).items() if spec]
    for name, spec in pictures.items():
        said = drawn_words(spec)
        assert said[:2] == [say(name), f"Spring · {outcome.run}"]
        assert len(said) > 2
        heights = [layer["encoding"]["y"]["value"] for layer in spec["layer"] if layer["mark"].get("text") in said]
        assert -spec["padding"]["top"] < min(heights)
        assert max(heights) < 0
    assert drawn_words(pictures["curve"])[2:4] == [say("all_variants"), say("holdout")]


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_pictures_of_a_placebo_are_marked_and_no_others(language):
    title = Speaker(language)("placebo_title")

    marked = {
        name: [title in drawn_words(spec) for spec in picture_specs(SAMPLES[name], Speaker(language)).values()]
        for name in ("placebo", "cant_tell")
    }

    assert marked == {"placebo": [True] * 3, "cant_tell": [False] * 3}


@pytest.mark.parametrize("character", "流失客户组")
def test_this_machine_has_the_characters_of_a_chinese_report(character):
    assert drawable(character), "apt-get install fonts-noto-cjk"


def test_a_character_without_a_font_is_an_error_that_names_the_package():
    require_fonts("Spring, 春天")

    with pytest.raises(Unusable, match="apt-get install fonts-noto-cjk"):
        require_fonts(f"Spring {NO_FONT_HAS}")


def test_an_english_report_needs_no_chinese_font(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr("winback.report.pictures.drawable", asked.append)

    require_fonts("Spring – −0.9 points ←")

    assert asked == []


@pytest.mark.parametrize(
    ("measure", "shaded"),
    [
        (Measure.CHURN, {"effect": True, "segments": True}),
        (Measure.RETENTION, {"effect": True, "churn": False, "segments": True}),
        (Measure.VALUE_LOST_SHARE, {"effect": True, "churn": False, "segments": False}),
    ],
)
def test_a_picture_s_legend_names_shading_only_where_it_is_drawn(measure, shaded):
    """The smallest effect worth having is one of the measure that is judged: no other chart has a band."""
    outcome = an_outcome(WON, campaign=a_campaign("3pp", measure=measure), findings=True)

    pictures = picture_specs(outcome, Speaker("en"))

    named = {name: any("shaded: within" in text for text in drawn_words(pictures[name])) for name in shaded}
    drawn = {name: "'low': -0.03," in str(pictures[name]) for name in shaded}
    assert named == shaded == drawn
