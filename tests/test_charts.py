"""The charts: the values they carry, where they draw them, and that they can stand in any page."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winback.report.charts import (
    PALETTE,
    WIDTH,
    Change,
    Difference,
    Step,
    draw,
    dumbbell,
    forest,
    nice_ticks,
    waterfall,
)
from winback.report.curve_chart import Line, Point, come_back

COLOUR = re.compile(r'(?:fill|stroke)="([^"]+)"')


def a_forest(**fields):
    row = Difference(
        **({"label": "advice", "note": "n = 10", "difference": -0.02, "low": -0.05, "high": 0.01} | fields)
    )
    return forest([row], smallest_effect=0.03, fewer="fewer", more="more")


def a_dumbbell(**fields):
    default = {
        "label": "Hold-out", "note": "n = 10", "role": "holdout",
        "before": 0.83, "before_text": "83.0%", "after": 0.72, "after_text": "72.0%",
    }  # fmt: skip
    return dumbbell([Change(**(default | fields))])


def a_waterfall(*counts):
    rows = [Step(label=f"step {n}", role="dropped", start=0, n=n, n_text=str(n)) for n in counts]
    return waterfall(rows)


def a_curve(share=0.7, other=0.72):
    start = Point(day=0, staying=1, low=1, high=1)
    lines = [
        Line(
            label=role, role=role, end_text=f"{end:.1%}", counts=["100", str(round(100 * end))],
            points=[start, Point(day=60, staying=end, low=end - 0.1, high=end + 0.1)],
        )
        for role, end in (("treated", share), ("holdout", other))
    ]  # fmt: skip
    return come_back(lines, days=[0, 60], axis_title="days", counts_title="not back yet")


ALL = {"curve": a_curve(), "forest": a_forest(), "dumbbell": a_dumbbell(), "waterfall": a_waterfall(10, 4)}


@pytest.mark.parametrize("name", ALL)
def test_a_drawn_chart_asks_for_nothing_and_cannot_collide_with_another(name):
    svg = draw(ALL[name])

    assert svg.startswith(f'<svg viewBox="0 0 {WIDTH} ')
    assert svg.endswith("</svg>")
    for word in ("http", "<script", "<image", "href", "url(", ' id="', "<style"):
        assert word not in svg
    assert not re.match(r"<svg[^>]* (width|height)=", svg)  # only the page says how wide


@pytest.mark.parametrize("name", ALL)
def test_every_colour_is_one_a_page_can_restyle(name):
    colours = set(COLOUR.findall(draw(ALL[name]))) - {"none", "transparent"}

    assert colours
    assert colours <= set(PALETTE.values())


@pytest.mark.parametrize("name", ALL)
def test_the_same_chart_is_drawn_to_the_same_bytes(name):
    once = draw(ALL[name])
    for other in ALL.values():
        draw(other)

    assert draw(ALL[name]) == once


def test_no_two_roles_share_a_colour():
    assert len(set(PALETTE.values())) == len(PALETTE)


def test_fonts_name_latin_before_chinese():
    fonts = re.search(r'font-family="([^"]+)"', draw(a_forest()))[1]

    assert 0 <= fonts.index("DejaVu Sans") < fonts.index("Noto Sans CJK SC")


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", 'a "b" & c', "']); datum.x = 1; ('"])
def test_a_name_is_text_whatever_it_holds(label):
    svg = draw(a_forest(label=label))

    assert "<script" not in svg
    assert "&amp; c" in svg or "&" not in label


def test_a_difference_and_its_interval_are_drawn_where_they_belong():
    """Reach = 0.05 * 1.08 either side of 0; 0 is the middle of the plot, -0.02 (-0.05 to 0.01) lies left of it."""
    spec = a_forest()
    middle, scale = spec["width"] / 2, spec["width"] / 2 / (0.05 * 1.08)
    svg = draw(spec)
    point = re.search(r"mark-symbol.*?translate\(([-\d.]+),", svg)[1]
    start, length = re.search(r'translate\(([-\d.]+),[\d.]+\)" x2="([\d.]+)" y2="0"', svg).groups()

    assert spec["data"]["values"][0]["difference"] == -0.02
    assert float(point) == pytest.approx(middle - 0.02 * scale, abs=1e-6)
    assert float(start) == pytest.approx(middle - 0.05 * scale, abs=1e-6)
    assert float(length) == pytest.approx(0.06 * scale, abs=1e-6)


def test_the_band_of_effects_not_worth_having_is_as_wide_as_it_says():
    """+-0.03 of +-0.054 is 5/9 of the plot; without a smallest effect there is no band."""
    spec = a_forest()
    start, width = re.search(r'mark-rect.*?d="M([\d.]+),0h([\d.]+)', draw(spec)).groups()
    bare = forest(
        [Difference(label="a", note="", difference=0, low=-0.1, high=0.1)],
        smallest_effect=None,
        fewer="",
        more="",
    )

    assert float(width) == pytest.approx(spec["width"] * 5 / 9, abs=1e-6)
    assert float(start) == pytest.approx(spec["width"] * 2 / 9, abs=1e-6)
    assert "mark-rect" not in draw(bare)


def test_before_and_after_stand_beside_their_points():
    svg = draw(a_dumbbell())
    sides = {text: anchor for anchor, text in re.findall(r'text-anchor="(\w+)"[^>]*>(\d+\.\d%)</text>', svg)}

    assert sides == {"83.0%": "start", "72.0%": "end"}  # the larger share to the right of its point


def test_what_is_not_known_yet_is_not_drawn():
    svg = draw(a_dumbbell(after=None, after_text="–"))

    assert "83.0%" in svg
    assert ">–<" not in svg


def test_equal_shares_can_still_be_drawn():
    assert "80.0%" in draw(a_dumbbell(before=0.8, before_text="80.0%", after=0.8, after_text="80.0%"))


def test_bars_are_as_long_as_their_counts():
    """10 and 4 customers: the second bar is 40 % of the first."""
    first, second = (
        float(length) for length in re.findall(r'd="M[\d.]+,[\d.]+h([\d.]+)v15', draw(a_waterfall(10, 4)))
    )

    assert second / first == pytest.approx(0.4)


def test_nobody_at_all_is_still_a_chart():
    assert draw(a_waterfall(0)).count("step 0") == 1


@given(st.floats(-1, 1), st.floats(0.002, 2))
def test_ticks_are_a_few_round_numbers_inside_the_axis(low, length):
    ticks = nice_ticks(low, low + length)

    assert 2 <= len(ticks) <= 6
    assert low - 1e-9 <= min(ticks)
    assert max(ticks) <= low + length + 1e-9


def test_ticks_step_by_1_2_or_5():
    """Worked by hand: a fifth of the length, rounded up to 1, 2 or 5 times a power of ten."""
    assert nice_ticks(-0.054, 0.054) == [-0.05, 0, 0.05]
    assert nice_ticks(0.62, 0.86) == [0.65, 0.7, 0.75, 0.8, 0.85]
    assert nice_ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_the_curve_has_its_axes_and_a_count_for_every_group_and_marked_day():
    svg = draw(a_curve())
    said = re.findall(r">([^<>]+)</text>", svg)

    assert {"0", "60", "70%", "100%", "days", "not back yet", "treated", "holdout", "72"} <= set(said)
    assert said.count("100") == 2


def test_ends_of_curves_that_are_close_do_not_touch():
    """0.700 and 0.702 end half a pixel apart; their figures are 15 high and stand 18 apart."""
    svg = draw(a_curve(0.7, 0.702))
    heights = [float(y) for y in re.findall(r"translate\([\d.]+,([\d.]+)\)[^>]*>7[\d.]+%</text>", svg)][-2:]

    assert abs(heights[0] - heights[1]) == pytest.approx(18)


def test_amounts_are_written_as_they_are():
    row = Difference(label="a", note="", difference=2.0, low=-1.0, high=4.0)

    svg = draw(forest([row], smallest_effect=None, fewer="", more="", unit="amount"))

    assert ">+2<" in svg
    assert ">+200<" not in svg
