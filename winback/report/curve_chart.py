"""The come-back curve: who has not ordered again yet by day, with a band, and how many that is under the axis."""

from collections.abc import Sequence
from dataclasses import dataclass

from winback.report.charts import FONTS, PALETTE, SMALL, WIDTH, Spec, nice_ticks

_LEFT, _RIGHT, _TOP, _HEIGHT = 136, 64, 12, 160
_PLOT = WIDTH - _LEFT - _RIGHT
_ROW = 20  # height of a line of counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """After ``day`` the share ``staying`` (0-1) has not come back; both ends None where there is no interval."""

    day: int
    staying: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One group's curve from day 0 to the last day, and ``counts`` under the axis, one for each of its days."""

    label: str
    role: str
    points: Sequence[Point]
    end_text: str
    counts: Sequence[str]


def come_back(lines: Sequence[Line], *, days: Sequence[int], axis_title: str, counts_title: str) -> Spec:
    """Two groups or more over the same days; ``days`` are marked on the axis and have counts under it."""
    values = [
        {"role": line.role, "day": each.day, "staying": each.staying, "low": each.low, "high": each.high}
        for line in lines
        for each in line.points
    ]
    lowest = min(each.staying if each.low is None else each.low for line in lines for each in line.points)
    floor = max(0.0, lowest - 0.12 * (1 - lowest))
    x: Spec = {"field": "day", "type": "quantitative", "scale": {"domain": [0, days[-1]], "nice": False}}
    y: Spec = {"type": "quantitative", "scale": {"domain": [floor, 1], "zero": False, "nice": False}}
    colour: Spec = {"field": "role", "type": "nominal", "legend": None,
                    "scale": {"domain": list(PALETTE), "range": list(PALETTE.values())}}  # fmt: skip
    y_axis = _axis(nice_ticks(floor, 1), "format(datum.value * 100, '.2~f') + '%'")
    x_axis = x | {"axis": _axis(list(days), "datum.label")}
    band = {
        "mark": {"type": "area", "interpolate": "step-after", "opacity": 0.16},
        "encoding": {"x": x_axis, "y": y | {"field": "low", "axis": y_axis}, "y2": {"field": "high"},
                     "color": colour},
        "transform": [{"filter": "isValid(datum.low)"}],
    }  # fmt: skip
    curve = {
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2.2},
        "encoding": {"x": x_axis,
                     "y": y | {"field": "staying", "axis": y_axis}, "color": colour},
    }  # fmt: skip
    below = [_note(axis_title, x=_PLOT / 2, dy=34, align="center"), _note(counts_title, x=-_LEFT + 4, dy=54)]
    return {
        "width": _PLOT,
        "height": _HEIGHT,
        "padding": {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": 66 + _ROW * len(lines)},
        "autosize": {"type": "none"},
        "background": None,
        "data": {"values": values},
        "layer": [band, curve, *_ends(lines, y, floor), *below, *_counts(lines, days)],
        "config": {"font": FONTS, "aria": False, "view": {"stroke": None}, "text": {"color": PALETTE["ink"]}},
    }


def _ends(lines: Sequence[Line], y: Spec, floor: float) -> list[Spec]:
    """The share at the end of each line; those that would touch are moved apart."""
    order = sorted(lines, key=lambda line: -line.points[-1].staying)
    places: list[float] = []
    for line in order:
        wanted = (1 - line.points[-1].staying) / (1 - floor) * _HEIGHT
        places.append(max(wanted, places[-1] + 18) if places else wanted)
    slack = sum(
        place - (1 - line.points[-1].staying) / (1 - floor) * _HEIGHT
        for place, line in zip(places, order, strict=True)
    ) / len(places)
    return [
        {"data": {"values": [{}]},
         "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": SMALL, "fontWeight": "bold",
                  "color": PALETTE[line.role]},
         "encoding": {"x": {"value": _PLOT + 5}, "y": {"value": place - slack}, "text": {"value": line.end_text}}}
        for place, line in zip(places, order, strict=True)
    ]  # fmt: skip


def _counts(lines: Sequence[Line], days: Sequence[int]) -> list[Spec]:
    """A line of counts for each group, under the days they are of, named in the group's colour."""
    found: list[Spec] = []
    for number, line in enumerate(lines):
        dy = 54 + _ROW * (number + 1)
        found.append(_note(line.label, x=-_LEFT + 4, dy=dy, colour=PALETTE[line.role], weight="bold"))
        found += [
            _note(count, x=day / days[-1] * _PLOT, dy=dy, align="center")
            for day, count in zip(days, line.counts, strict=True)
        ]
    return found


def _note(
    text: str, *, x: float, dy: int, align: str = "left", colour: str = PALETTE["muted"], weight: str = "normal"
) -> Spec:
    return {
        "data": {"values": [{}]},
        "mark": {"type": "text", "align": align, "baseline": "middle", "fontSize": SMALL, "color": colour,
                 "fontWeight": weight, "limit": _LEFT - 22 if x < 0 and weight == "bold" else 0},
        "encoding": {"x": {"value": x}, "y": {"value": _HEIGHT + dy}, "text": {"value": text}},
    }  # fmt: skip


def _axis(ticks: Sequence[float], label: str) -> Spec:
    return {
        "values": list(ticks), "labelExpr": label, "labelFontSize": SMALL, "labelColor": PALETTE["muted"],
        "labelPadding": 5, "labelOverlap": False, "labelFlush": False, "title": None, "grid": True,
        "gridColor": PALETTE["grid"], "ticks": False, "domain": False,
    }  # fmt: skip
