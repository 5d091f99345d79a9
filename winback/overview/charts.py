"""The charts of the churn overview: months as small lines, and curves of customers still active.

As in winback.report.charts, specifications are plain values with a fixed layout and the colours of PALETTE.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil

from winback.report.charts import FONTS, PALETTE, WIDTH, Spec, nice_ticks

ROLES = ("treated", "holdout", "others", "ink")  # of the segments, the largest first
DASHES = ([1, 0], [6, 3], [2, 3], [8, 3, 2, 3])
_LEFT, _RIGHT, _TOP = 62, 22, 16
_PLOT = WIDTH - _LEFT - _RIGHT
_LINE_HEIGHT = 150
_CURVE_HEIGHT = 250
_AXIS = 26  # what the labels below the plot take
_BUCKET = 2  # pixels of a curve that need one point


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPoint:
    """One month of a line: its value, the ends of its interval, and whether it is wholly within the data.

    What is None is not drawn; ``text`` is written above the newest point.
    """

    label: str
    value: float | None
    text: str
    low: float | None = None
    high: float | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveStep:
    """From ``day`` on the share ``staying`` (0-1) is still active; both ends None where they are unknown."""

    day: int
    staying: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One segment's steps, the first at day 0; how long it was watched, and how many were left after each tick."""

    steps: Sequence[CurveStep]
    watched_days: int
    still_active: Sequence[str]


def line(points: Sequence[MonthPoint], *, percent: bool) -> Spec:
    """One measure month by month, from 0, with its intervals as a band; a hollow point is not wholly known."""
    rows = [{"place": place} | asdict(point) for place, point in enumerate(points)]
    top = max([end for point in points for end in (point.value, point.high) if end is not None] + [0.001]) * 1.2
    low = min([0, *(point.value for point in points if point.value is not None)])
    x = {"field": "place", "type": "quantitative", "scale": {"domain": [-0.8, len(points) - 0.7]}}
    places = list(range(len(points) - 1, -1, -3))
    names = json.dumps([point.label for point in points], ensure_ascii=False)
    below = x | {"axis": _axis(places, f"{names}[datum.value]", grid=False)}
    written = "format(datum.value * 100, '.2~f') + '%'" if percent else "format(datum.value, '~s')"
    y = {"field": "value", "type": "quantitative", "scale": {"domain": [low, top]},
         "axis": _axis(nice_ticks(low, top), written, grid=True)}  # fmt: skip
    known = {"filter": "isValid(datum.value)"}
    band = {"mark": {"type": "area", "color": PALETTE["band"], "opacity": 1, "line": False},
            "encoding": {"x": below, "y": y | {"field": "low"}, "y2": {"field": "high"}},
            "transform": [{"filter": "isValid(datum.low)"}]}  # fmt: skip
    path = {"mark": {"type": "line", "strokeWidth": 2, "color": PALETTE["treated"]},
            "encoding": {"x": x, "y": y}, "transform": [known]}  # fmt: skip
    layers: list[Spec] = [band, path, *(_dots(x, y, whole) for whole in (True, False)), *_newest(x, y, rows)]
    return _chart(rows, layers, height=_LINE_HEIGHT, below=_AXIS)


def _dots(x: Spec, y: Spec, whole: bool) -> Spec:
    fill = PALETTE["treated"] if whole else PALETTE["paper"]
    return {
        "mark": {"type": "point", "size": 26, "strokeWidth": 1.5, "opacity": 1,
                 "fill": fill, "stroke": PALETTE["treated"]},
        "encoding": {"x": x, "y": y},
        "transform": [{"filter": f"isValid(datum.value) && datum.whole == {json.dumps(whole)}"}],
    }  # fmt: skip


def _newest(x: Spec, y: Spec, rows: Sequence[Spec]) -> list[Spec]:
    """The newest point's text, on a ground of its own where the line runs behind it."""
    place = max([row["place"] for row in rows if row["value"] is not None] + [-1])
    mark = {"type": "text", "align": "right", "baseline": "bottom", "fontSize": 13, "fontWeight": 600,
            "dx": 8, "dy": -9, "color": PALETTE["ink"]}  # fmt: skip
    ground = {"stroke": PALETTE["paper"], "strokeWidth": 5, "color": PALETTE["paper"]}
    return [
        {
            "mark": each,
            "encoding": {"x": x, "y": y, "text": {"field": "text"}},
            "transform": [{"filter": f"datum.place == {place}"}],
        }
        for each in (mark | ground, mark)
    ]


def day_ticks(window_days: int, watched_days: int) -> list[int]:
    """0 and at most five whole multiples of the window within the days watched."""
    step = window_days * max(1, ceil(watched_days // window_days / 5))
    return list(range(0, watched_days + 1, step))


def curves(found: Sequence[Curve], *, ticks: Sequence[int], still_active: str) -> Spec:
    """Shares still active with their bands, one curve a segment; under the axis how many are left.

    At most ``len(ROLES)`` curves; ``still_active`` heads the numbers.
    """
    longest = max(each.watched_days for each in found)
    x = {"field": "day", "type": "quantitative", "scale": {"domain": [0, longest]}}
    below = x | {"axis": _axis(list(ticks), "datum.value", grid=False)}
    y = {"field": "staying", "type": "quantitative", "scale": {"domain": [0, 1]},
         "axis": _axis([0, 0.25, 0.5, 0.75, 1], "format(datum.value * 100, '.2~f') + '%'", grid=True)}  # fmt: skip
    layers = [_curve_band(each, role, below, y, longest) for each, role in zip(found, ROLES, strict=False)]
    layers += [
        _curve(each, role, dash, below, y, longest) for each, role, dash in zip(found, ROLES, DASHES, strict=False)
    ]
    layers.append(_under(still_active, -_LEFT + 4, 0, PALETTE["muted"], "left"))
    for number, each in enumerate(found):
        for tick, text in zip(ticks, each.still_active, strict=True):
            place = _PLOT * tick / longest
            layers.append(_under(text, place, number + 1, PALETTE[ROLES[number]], "center"))
    return _chart([], layers, height=_CURVE_HEIGHT, below=_AXIS + 16 * (len(found) + 1) + 4)


def _curve(found: Curve, role: str, dash: list[int], x: Spec, y: Spec, longest: int) -> Spec:
    end = CurveStep(day=found.watched_days, staying=found.steps[-1].staying, low=None, high=None)
    steps = [*_thinned(found.steps, longest), end]
    mark = {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "strokeDash": dash}
    return {
        "data": {"values": [asdict(step) for step in steps]},
        "mark": mark | {"color": PALETTE[role]},
        "encoding": {"x": x, "y": y},
    }


def _curve_band(found: Curve, role: str, x: Spec, y: Spec, longest: int) -> Spec:
    steps = [step for step in _thinned(found.steps, longest) if step.low is not None]
    return {
        "data": {"values": [asdict(step) for step in steps]},
        "mark": {"type": "area", "interpolate": "step-after", "color": PALETTE[role], "fillOpacity": 0.16},
        "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}},
    }


def _thinned(steps: Sequence[CurveStep], longest: int) -> list[CurveStep]:
    """The first step of every two pixels and the last: more cannot be seen."""
    first = {step.day * _PLOT // (longest * _BUCKET): step for step in reversed(steps)}
    kept = sorted(first.values(), key=lambda step: step.day)
    return kept if kept[-1] is steps[-1] else [*kept, steps[-1]]


def _under(text: str, x: float, row: int, colour: str, align: str) -> Spec:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "text", "align": align, "baseline": "middle", "fontSize": 11.5, "color": colour},
        "encoding": {
            "x": {"value": x},
            "y": {"value": _CURVE_HEIGHT + _AXIS + 6 + 16 * row},
            "text": {"value": text},
        },
    }


def _axis(values: Sequence[float], label: str, *, grid: bool) -> Spec:
    return {
        "values": list(values), "labelExpr": label, "labelFontSize": 12, "labelColor": PALETTE["muted"],
        "labelPadding": 6, "labelOverlap": False, "title": None, "grid": grid, "gridColor": PALETTE["grid"],
        "ticks": False, "domain": False,
    }  # fmt: skip


def _chart(rows: Sequence[Spec], layers: list[Spec], *, height: int, below: int) -> Spec:
    return {
        "width": _PLOT,
        "height": height,
        "padding": {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": below},
        "autosize": {"type": "none"},
        "background": None,
        "data": {"values": list(rows)},
        "layer": layers,
        "config": {"font": FONTS, "aria": False, "view": {"stroke": None}},
    }
