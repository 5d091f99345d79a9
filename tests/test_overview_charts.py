"""The charts of the overview: the values they carry, and what is left out of them."""

import re

import pytest

from winback.overview.charts import ROLES, Curve, CurveStep, MonthPoint, curves, day_ticks, line
from winback.report.charts import WIDTH, draw


def points(*values: float | None) -> list[MonthPoint]:
    return [
        MonthPoint(label=f"M{place}", value=value, text=str(value), low=value, high=value, whole=place > 0)
        for place, value in enumerate(values)
    ]


def a_curve(days=(90, 180), watched=400) -> Curve:
    steps = [CurveStep(day=day, staying=0.5 - 0.0001 * day, low=0.4, high=0.6) for day in days]
    ticks = day_ticks(90, watched)
    first = CurveStep(day=0, staying=1.0, low=1.0, high=1.0)
    return Curve(steps=[first, *steps], watched_days=watched, still_active=["1"] * len(ticks))


def drawn_curves(*found: Curve) -> dict:
    return curves(found, ticks=day_ticks(90, 400), still_active="days")


def test_a_line_carries_its_values_and_begins_at_zero():
    spec = line(points(0.5, 0.6, 0.4), percent=True)

    assert [row["value"] for row in spec["data"]["values"]] == [0.5, 0.6, 0.4]
    scales = [layer["encoding"]["y"]["scale"]["domain"] for layer in spec["layer"]]
    assert all(scale == scales[0] for scale in scales)
    assert scales[0][0] == 0


def test_a_month_without_a_value_has_no_point_and_the_newest_known_one_is_written():
    svg = draw(line(points(0.5, 0.6, None), percent=True))

    assert ">0.6</text>" in svg
    assert ">None</text>" not in svg


def test_months_without_any_value_are_an_empty_frame():
    assert draw(line(points(None, None), percent=False)).startswith(f'<svg viewBox="0 0 {WIDTH} ')


def test_revenue_below_zero_stays_within_the_frame():
    spec = line(points(-5.0, 10.0), percent=False)

    assert spec["layer"][1]["encoding"]["y"]["scale"]["domain"][0] == -5.0


@pytest.mark.parametrize(
    ("watched", "expected"),
    [(89, [0]), (90, [0, 90]), (454, [0, 90, 180, 270, 360, 450]), (1000, [0, 270, 540, 810])],
)
def test_ticks_are_whole_windows_and_at_most_six(watched, expected):
    assert day_ticks(90, watched) == expected


def test_a_curve_keeps_the_day_of_its_first_fall_and_its_last_step_however_many_there_are():
    """Days 91 and 92 share two pixels of 400 days on 336: the first is kept."""
    spec = drawn_curves(a_curve(range(91, 400)))

    steps = spec["layer"][1]["data"]["values"]
    assert (steps[0]["day"], steps[1]["day"]) == (0, 91)
    assert steps[-2]["day"] == 399
    assert steps[-1] == steps[-2] | {"day": 400, "low": None, "high": None}
    assert len(steps) < 180


def test_every_curve_has_a_colour_and_a_dash_of_its_own():
    marks = [layer["mark"] for layer in drawn_curves(*[a_curve()] * len(ROLES))["layer"]]
    lines = [mark for mark in marks if mark["type"] == "line"]

    assert len({mark["color"] for mark in lines}) == len({str(mark["strokeDash"]) for mark in lines}) == len(ROLES)


def test_a_drawn_chart_asks_for_nothing_and_cannot_collide_with_another():
    for spec in (line(points(0.5, 0.6), percent=True), drawn_curves(a_curve())):
        svg = draw(spec)
        assert not re.search(r"http|<script|<image|href|url\(| id=|<style", svg)
