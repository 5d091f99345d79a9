"""The outcome report: its numbers are the value's, and it needs nothing but itself."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from tests.report_samples import (
    EVERY,
    FEWER,
    METHOD,
    SAMPLES,
    TWO,
    Page,
    a_campaign,
    an_outcome,
    page,
    sample_html,
)
from winback import words
from winback.outcomes.outcomes import read_outcome, write_outcome
from winback.report import names
from winback.report.page import chart_specs, render
from winback.report.words import Speaker


def number(text: str) -> float | None:
    """The number a cell shows: shares 0-1 from percentages; None for the dash."""
    if text == "–":
        return None
    plain = text.replace("−", "-").replace(",", "")
    return float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)


def numbers(text: str) -> list[float | None]:
    """Both ends of a range."""
    return [number(part) for part in re.split(r"\s(?:to|至)\s", text)]


def shows(shown: float | None, value: float | None, *, digits: int) -> bool:
    """Whether ``shown`` is ``value`` rounded to ``digits``."""
    if shown is None or value is None:
        return shown is value
    return abs(shown - value) <= 0.5 * 10**-digits + 1e-9


def assert_with_interval(cell, value, low, high, *, scale=1):
    """A cell with a number and its interval below; ``scale`` 100 for points."""
    digits = 1 if scale == 100 else 3
    assert shows(number(cell[0]), None if value is None else value * scale, digits=digits)
    if value is not None:
        ends = numbers(cell[1])
        assert shows(ends[0], low * scale, digits=digits)
        assert shows(ends[1], high * scale, digits=digits)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_table_of_effects_holds_the_values_numbers(name, language):
    outcome, tables = SAMPLES[name], page(name, language).tables.get("effect", [])
    contrasts = [outcome.primary, *(outcome.variants if len(outcome.variants) > 1 else [])]

    if outcome.primary is None or not outcome.primary.n:
        assert tables == []
        return
    table, found = tables[0], outcome.primary
    comparable = min(found.n, found.control_n) >= 2
    for row, found in zip(table[: len(contrasts)], contrasts, strict=True):
        assert [number(row[1][0]), number(row[2][0])] == [found.n, found.x]
        assert_with_interval(row[3], found.rate, found.rate_low, found.rate_high)
        if comparable:
            assert_with_interval(row[4], found.difference, found.low, found.high, scale=100)
        if comparable and outcome.window.complete:  # of an early look p would mislead
            assert row[5][0] == "<0.001" or shows(number(row[5][0]), found.p_holm, digits=3)
        assert len(row) == 5 + comparable + (comparable and outcome.window.complete)
        assert row[-1][0] == names.VERDICTS[found.verdict].say(language)
    found = outcome.primary
    assert len(table) == len(contrasts) + bool(found.control_n)
    if not found.control_n:
        return
    held = table[-1]
    assert [number(held[1][0]), number(held[2][0])] == [found.control_n, found.control_x]
    assert_with_interval(held[3], found.control_rate, found.control_rate_low, found.control_rate_high)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_table_of_before_and_after_holds_the_values_numbers(name, language):
    outcome, table = SAMPLES[name], page(name, language).tables["before-after"][0]
    variants = [arm.name for arm in outcome.arms if arm.name != "holdout"]
    order = ["treated", *(variants if len(variants) > 1 else []), "holdout", "base", "top"]
    known = {shares.name: shares for shares in outcome.before_after if shares.n}
    expected = [known[name] for name in order if name in known]

    assert len(table) == len(expected)
    for row, shares in zip(table, expected, strict=True):
        assert number(row[1][0]) == shares.n
        assert_with_interval(row[2], shares.before, shares.before_low, shares.before_high)
        if not outcome.window.complete:
            assert len(row) == 3
            continue
        assert_with_interval(row[3], shares.after, shares.after_low, shares.after_high)
        assert shows(number(row[4][0]), (shares.after - shares.before) * 100, digits=1)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_tables_of_the_audience_hold_the_values_numbers(name, language):
    outcome = SAMPLES[name]
    groups, steps = page(name, language).tables["audience"]
    everyone = sum(arm.n for arm in outcome.arms)

    assert [number(row[1][0]) for row in steps] == [
        outcome.scored, *(-n for n in outcome.waterfall.values()), everyone, *(arm.n for arm in outcome.arms)
    ]  # fmt: skip
    for row, arm in zip(groups, outcome.arms, strict=True):
        assert number(row[1][0]) == arm.n
        assert shows(number(row[2][0]), arm.planned_share, digits=3)
        assert shows(number(row[3][0]), arm.n / everyone if everyone else None, digits=3)


@pytest.mark.parametrize(("language", "shown"), [("en", "Keep &lt;them&gt;."), ("zh", "留住他们。")])
def test_what_a_campaign_is_for_stands_below_its_name_where_the_file_says_it(language, shown):
    plain = SAMPLES["better"]
    told = replace(plain, objective={"en": "Keep <them>.", "zh": "留住他们。"})

    assert f"<p>{shown}</p>" in render(told, language)
    assert read_outcome(write_outcome(told)) == told
    assert "<p>Keep" not in render(plain, language)


def test_the_steps_of_the_audience_carry_the_names_of_the_reasons():
    steps = page("better", "zh").tables["audience"][1]

    assert [row[0][0] for row in steps] == [
        "全部评分客户", "非高价值客户", "未获同意", "进入名单", "对照组", "message"
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_tables_of_responses_hold_the_values_numbers(name, language):
    outcome, tables = SAMPLES[name], page(name, language).tables.get("responses", [])
    ordered = [each for each in outcome.responses if each.orders and each.members]
    answered = [each for each in outcome.responses if each.messages and each.members]

    assert sum(len(table) for table in tables) == len(ordered) + len(answered)
    for row, each in zip(tables[0] if ordered else [], ordered, strict=True):
        found = each.orders
        assert number(row[1][0]) == each.members
        for cell, share in zip(row[2:4], (found.ordered, found.repeated), strict=True):
            assert_counted(cell, share)
        assert number(row[4][0]) == found.orders
        assert number(row[5][0].removeprefix("US").replace("$", "")) == found.net_revenue
        assert [number(cell[0]) for cell in row[6:]] == [31.5, found.after_message, found.after_click]
    for row, each in zip(tables[-1] if answered else [], answered, strict=True):
        found = each.messages
        shares = (found.sent, found.delivered, found.clicked, None)
        shares += (found.replied, found.unsubscribed, found.complained, found.bounced)
        assert [number(row[1][0]), number(row[5][0])] == [each.members, found.clicks]
        for cell, share in zip(row[2:], shares, strict=True):
            assert share is None or assert_counted(cell, share) is None


def assert_counted(cell, share):
    """A cell with a count, its share of the group and the interval below."""
    assert number(cell[0]) == share.x
    if share.n:
        assert_with_interval(cell[1:], share.rate, share.low, share.high)
    else:
        assert cell[1:] == ("–",)


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize(
    ("name", "said", "unsaid"),
    [
        ("cant_tell", ["attribution", "attribution_effect"], ["attribution_placebo", "orders_not_seen"]),
        ("placebo", ["attribution_placebo", "attribution_effect"], []),
        ("interim", ["attribution"], ["attribution_effect"]),
        ("no_holdout", ["attribution_unknown"], ["attribution_effect"]),
    ],
)
def test_orders_after_a_message_are_said_not_to_be_the_effect(name, said, unsaid, language):
    shown, say = page(name, language).text("responses"), Speaker(language)

    assert all(say(key) in shown for key in said)
    assert not any(say(key) in shown for key in unsaid)


def test_the_holdouts_own_orders_stand_beside_those_after_a_message():
    """Of 1,140 held out 820 stayed away."""
    held = "320 of the 1,140 customers of the hold-out (28.1%) ordered too, without any message."

    assert held in page("cant_tell").text("responses")


def test_a_run_with_people_of_earlier_runs_says_who_is_counted_where():
    arms = [replace(arm, drawn=arm.drawn - 40) for arm in SAMPLES["better"].arms]

    shown = page(replace(SAMPLES["better"], arms=arms)).text("responses")

    assert "the comparison counts the 1,920 whose group was drawn in it" in shown
    assert "drawn in it" not in page("better").text("responses")


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_table_of_messages_counts_every_state_of_every_group(language):
    table = page("cant_tell", language).tables["messages"][0]

    assert [[number(cell[0]) for cell in row[1:]] for row in table] == [
        [1140, 0, 0, 0, 0],
        [561, 561, 540, 21, 0],
        [575, 575, 570, 0, 5],
    ]  # customers, messages, delivered, bounced, skipped


def test_a_message_state_of_a_later_version_is_shown_by_its_key():
    sent = {"advice": {"delivered": 1, "teleported": 2}}

    table = page(an_outcome(TWO, messages=sent)).tables["messages"][0]

    assert [number(cell[0]) for cell in table[1][1:]] == [561, 3, 1, 2]


def test_a_run_without_messages_says_so():
    assert "No messages are recorded" in page("better").text("messages")


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_placebo_banner_stands_exactly_where_nobody_was_written_to(name, language):
    shown = page(name, language)
    title = Speaker(language)("placebo_title")

    assert (title in shown.text("placebo")) == SAMPLES[name].placebo
    assert (title in shown.whole_text) == SAMPLES[name].placebo


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_charts_hold_the_numbers_of_their_tables(name, language):
    outcome, shown = SAMPLES[name], page(name, language)
    specs = {
        key: spec["data"]["values"] if spec else []
        for key, spec in chart_specs(outcome, Speaker(language)).items()
    }

    if "one" not in name:
        rows = shown.tables.get("effect", [[]])[0]
        compared = [row for row in rows if len(row) > 5 and number(row[4][0]) is not None]
        assert [row[0][0] for row in compared] == [mark["label"] for mark in specs["effect"]]
        for row, mark in zip(compared, specs["effect"], strict=True):
            ends = (mark["difference"], mark["low"], mark["high"])
            assert_with_interval(row[4], *ends, scale=100)
            assert mark["note"] == f"{row[4][0]} ({row[4][1]})"
    known = [row for row in shown.tables["before-after"][0] if number(row[2][0]) is not None]
    for row, mark in zip(known, specs["before_after"], strict=True):
        assert (row[0][0], row[2][0]) == (mark["label"], mark["before_text"])
        assert [cell[0] for cell in row[3:4]] == [mark["after_text"]] * outcome.window.complete
        assert shows(number(row[2][0]), mark["before"], digits=3)
    steps = shown.tables["audience"][1]
    assert [(row[0][0], abs(number(row[1][0]))) for row in steps] == [
        (mark["label"], mark["n"]) for mark in specs["audience"]
    ]


def test_the_bars_of_the_audience_step_down_from_all_to_those_who_are_in():
    """2,731 scored; 700 dropped leave 2,031; 31 more leave 2,000, of whom 400 are held out."""
    bars = chart_specs(SAMPLES["better"], Speaker("en"))["audience"]["data"]["values"]

    assert [(bar["start"], bar["n"]) for bar in bars] == [
        (0, 2731), (2031, 700), (2000, 31), (0, 2000), (0, 400), (400, 1600)
    ]  # fmt: skip


def test_charts_are_named_for_those_who_cannot_see_them():
    tags = page("better").tags
    images = [attrs for _, attrs in tags if attrs.get("role") == "img"]

    assert sum(tag == "svg" for tag, _ in tags) == 3
    assert len([attrs for attrs in images if attrs.get("aria-label")]) == 3


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_page_asks_for_nothing_outside_itself_and_runs_nothing(name, language):
    html = sample_html(name, language)
    tags = Page(html).tags

    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert {tag for tag, _ in tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
    } == set()
    assert {key for _, attrs in tags for key in attrs if key in ("src", "href", "xlink:href", "srcset")} == set()
    assert not [key for _, attrs in tags for key in attrs if key.startswith("on")]


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_nothing_of_the_machine_shows_through(name, language):
    text = page(name, language).whole_text

    assert not re.search(r"\bNone\b|\bnan\b|\binf\b|\bNaN\b|[{}]", text)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_file_is_small(name, language):
    assert len(sample_html(name, language).encode()) <= 200_000


@pytest.mark.parametrize("name", ["better", "interim", "nobody"])
def test_the_same_outcome_gives_the_same_bytes(name):
    """Also after its way through the database, and after other reports were drawn."""
    first = sample_html(name, "zh")
    render(SAMPLES["placebo"], "en")

    assert render(read_outcome(write_outcome(SAMPLES[name])), "zh") == first


def test_many_variants_and_a_long_history_stay_small():
    arms = {"holdout": (1000, 0.5, 800, 700)} | {f"variant-{n}": (50, 0.025, 40, 35) for n in range(20)}
    outcome = an_outcome(arms, findings=True)
    long = replace(outcome, method=replace(METHOD, facts=[f"{n:064x}" for n in range(3650)]))

    html = render(long, "en")

    assert len(html.encode()) <= 200_000
    assert "and 3638 more" in Page(html).text("method")


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_names_are_text_whatever_they_hold(language):
    evil = "<script>alert(\"1\")</script> & 'co'"
    arms = {"holdout": (100, 0.5, 80, 70), "<b>\"a'&": (50, 0.25, 40, 30), "{{ 1 + 1 }}": (50, 0.25, 40, 30)}

    html = render(an_outcome(arms, campaign=a_campaign(name=evil)), language)
    shown = Page(html)

    assert "<script" not in html
    assert "<b>" not in html
    assert evil in shown.whole_text
    assert [row[0][0] for row in shown.tables["effect"][0]][1:3] == ["<b>\"a'&", "{{ 1 + 1 }}"]


@pytest.mark.parametrize(("language", "tag"), [("en", "en"), ("zh", "zh-CN")])
def test_the_page_says_its_language_and_names_latin_fonts_first(language, tag):
    html = sample_html("better", language)
    fonts = re.search(r"body \{[^}]*font:([^}]*)\}", html)[1]

    assert f'<html lang="{tag}">' in html
    assert fonts.index("DejaVu Sans") < fonts.index("Arial") < fonts.index("Noto Sans CJK SC")


def test_the_name_is_in_the_language_of_the_page():
    outcome = an_outcome(FEWER, campaign=a_campaign(name={"en": "Spring", "zh": "春季"}))

    assert "春季" in page(outcome, "zh").whole_text
    assert "春季" not in page(outcome, "en").whole_text


def test_the_health_of_the_data_says_what_is_wrong_where():
    """An audience whose counts do not add up to all scored customers has lost somebody."""
    lost = replace(SAMPLES["better"], scored=5000)

    fine = [row[2][0] for row in page("better").tables["health"][0]]
    broken = [row[2][0] for row in page(lost).tables["health"][0]]

    assert fine == ["fine", "fine", "fine", "fine"]
    assert broken == ["fine", "look into it", "fine", "fine"]


def test_the_method_box_holds_what_is_needed_to_repeat_the_run():
    text = page("better").text("method")

    for part in ("3f" * 32, "9d" * 32, "ab" * 32, "0c" * 32, "0.1.0", "mbg_nbd", "r = 0.5249; alpha = 6.183"):
        assert part in text
    assert "winback run spring --as-of 1997-12-31 winback measure" in text
    assert "winback measure spring/manual-1997-12-31" in text
    assert "--replay" not in text


def test_the_lines_to_repeat_a_replay_start_no_real_run():
    replayed = replace(SAMPLES["better"], run="spring/replay-1997-12-31")
    text = page(replayed).text("method")

    assert "winback run spring --replay --as-of 1997-12-31 winback measure spring/replay-1997-12-31" in text
    assert "--second" not in text


def test_the_second_reading_is_repeated_as_the_second():
    text = page(replace(SAMPLES["better"], second=True)).text("method")

    assert "winback measure spring/manual-1997-12-31 --second" in text


def test_a_template_with_an_unknown_name_is_a_defect_not_a_gap(tmp_path: Path):
    (tmp_path / "page.html").write_text("{{ headlime }}")

    with pytest.raises(UndefinedError):
        render(SAMPLES["better"], "en", tmp_path)


def test_a_template_that_prints_nothing_prints_a_dash(tmp_path: Path):
    (tmp_path / "page.html").write_text("{{ outcome.srm }}")

    assert render(SAMPLES["no_holdout"], "en", tmp_path) == "–"
