"""The charts of the report: Vega-Lite specifications as plain values, and how one is drawn as SVG.

Specifications hold the shares and counts themselves; what is written beside a mark is the table's own text.
Layout is fixed (autosize none), so it does not depend on the fonts of the machine that draws. Colours are
readable on white; a page may restyle them, each role having one colour of its own (PALETTE).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Spec = dict[str, Any]

FONTS = '"DejaVu Sans", Arial, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif'
PALETTE = {
    "ink": "#1f2933", "muted": "#5c6773", "grid": "#dde2e8", "treated": "#1b62ac", "holdout": "#a85400",
    "others": "#7c8794", "dropped": "#b9c3cd", "band": "#dfe9f5", "paper": "#fffffe",
}  # fmt: skip  # role -> colour on white, no two alike

WIDTH = 420
SMALL, _NAME = 15, 16  # of letters; the page prints a chart so that the small ones are 7 points high
_LEFT, _RIGHT, _TOP, _BOTTOM = 204, 18, 6, 48
_PLOT = WIDTH - _LEFT - _RIGHT
_LONG = 18  # letters of a name from which on it is written smaller
_GAP = 12  # between the names and the plot
_MOST_TICKS = 4
_LEAST = {"share": 0.001, "amount": 0.01}  # either side of 0 at least
_SIGNED = {
    "share": "datum.value == 0 ? '0' : format(datum.value * 100, '+.2~f')",
    "amount": "datum.value == 0 ? '0' : format(datum.value, '+,.2~f')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A treated group against the hold-out: shares 0-1, ``note`` is written under the name."""

    label: str
    note: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One group's share before and after (None = not known yet), in the colour of ``role``."""

    label: str
    note: str
    role: str
    before: float
    before_text: str
    after: float | None
    after_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Customers from ``start`` on, one bar of the waterfall in the colour of ``role``."""

    label: str
    role: str
    start: int
    n: int
    n_text: str


def forest(
    rows: Sequence[Difference],
    *,
    smallest_effect: float | None,
    fewer: str,
    more: str,
    unit: Literal["share", "amount"] = "share",
    role: str = "treated",
    row_height: int = 44,
) -> Spec:
    """Differences with their intervals around 0, and the band of effects not worth having.

    ``unit``: shares are written in percentage points, amounts as they are. ``role`` colours the marks.
    """
    reach = (
        max([abs(end) for row in rows for end in (row.low, row.high)] + [smallest_effect or 0, _LEAST[unit]])
        * 1.08
    )
    ticks = nice_ticks(-reach, reach)
    x = _x(-reach, reach)
    axis = x | {"axis": _axis(ticks, _SIGNED[unit])}
    colour = {"value": PALETTE[role]}
    marks: list[Spec] = [
        {"mark": {"type": "rule", "strokeWidth": 2.5},
         "encoding": {"x": axis | {"field": "low"}, "x2": {"field": "high"}, "y": _y(rows), "color": colour}},
        {"mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
         "encoding": {"x": x | {"field": "difference"}, "y": _y(rows), "color": colour}},
    ]  # fmt: skip
    ground: list[Spec] = [_band(x, smallest_effect)] if smallest_effect else []
    layers = [*ground, _zero(x), *marks, *_names(rows), _corner(fewer, "left"), _corner(more, "right")]
    return _chart(rows, row_height=row_height, layers=layers)


def dumbbell(rows: Sequence[Change]) -> Spec:
    """Shares before (hollow) and after (filled) of several groups."""
    shares = [share for row in rows for share in (row.before, row.after) if share is not None]
    low, high = min(shares), max(shares)
    room = max((high - low) * 0.6, 0.04)
    x = _x(low - room, high + room)
    ticks = nice_ticks(max(low - room, 0), min(high + room, 1))
    ticks = ticks[:: 2 if len(ticks) > _MOST_TICKS else 1]  # percentages are broad
    axis = x | {"axis": _axis(ticks, "format(datum.value * 100, '.2~f') + '%'")}
    colour = {"field": "role", "type": "nominal", "scale": _roles(), "legend": None}
    line = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {
            "x": axis | {"field": "before"}, "x2": {"field": "after"}, "y": _y(rows), "color": colour
        },
        "transform": [{"filter": "isValid(datum.after)"}],
    }  # fmt: skip
    ends = [_end(rows, x, colour, field) for field in ("before", "after")]
    texts = [_end_text(rows, x, field) for field in ("before", "after")]
    return _chart(rows, row_height=40, layers=[line, *ends, *texts, *_names(rows)], bottom=28)


def waterfall(rows: Sequence[Step]) -> Spec:
    """All customers, those dropped for each reason, and those who stayed in."""
    most = max([row.start + row.n for row in rows] + [1])
    x = _x(0, most * 1.42) | {"axis": None}
    colour = {"field": "role", "type": "nominal", "scale": _roles(), "legend": None}
    bar = {"mark": {"type": "bar", "height": 15},
           "encoding": {"x": x | {"field": "start"}, "x2": {"field": "end"}, "y": _y(rows), "color": colour},
           "transform": [{"calculate": "datum.start + datum.n", "as": "end"}]}  # fmt: skip
    count = {"mark": _text("left", SMALL, dx=6),
             "encoding": {"x": x | {"field": "end"}, "y": _y(rows), "text": {"field": "n_text"}},
             "transform": bar["transform"]}  # fmt: skip
    return _chart(rows, row_height=24, layers=[bar, count, *_names(rows)], bottom=6)


def draw(spec: Spec) -> str:
    """The chart as one ``<svg>`` element for a page: scales by its viewBox, asks for nothing outside."""
    import vl_convert  # heavy: half a second and 84 MB that only a report needs

    whole: str = vl_convert.vegalite_to_svg(spec)
    inside = whole.partition(">")[2].replace(' opacity="1"', "")  # said of every mark, and so without it
    height = spec["height"] + spec["padding"]["top"] + spec["padding"]["bottom"]
    return f'<svg viewBox="0 0 {WIDTH} {height}" aria-hidden="true" focusable="false">{inside}'


def nice_ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers (steps of 1, 2 or 5 times a power of ten) within ``low`` to ``high``."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _chart(rows: Sequence[Any], *, row_height: int, layers: list[Spec], bottom: int = _BOTTOM) -> Spec:
    return {
        "width": _PLOT,
        "height": row_height * len(rows),
        "padding": {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": bottom},
        "autosize": {"type": "none"},
        "background": None,
        "data": {"values": [{"row": number} | asdict(row) for number, row in enumerate(rows)]},
        "layer": layers,
        "config": {
            "font": FONTS,
            "aria": False,
            "view": {"stroke": None},
            "rule": {"color": PALETTE["ink"]},
            "text": {"color": PALETTE["ink"]},
        },
    }


def _x(low: float, high: float) -> Spec:
    return {"type": "quantitative", "scale": {"domain": [low, high]}}


def _y(rows: Sequence[object]) -> Spec:
    return {"field": "row", "type": "ordinal", "axis": None, "scale": {"domain": list(range(len(rows)))}}


def _axis(ticks: list[float], label: str) -> Spec:
    return {
        "values": ticks, "labelExpr": label, "labelFontSize": SMALL, "labelColor": PALETTE["muted"],
        "labelPadding": 4, "labelOverlap": False, "title": None, "grid": True, "gridColor": PALETTE["grid"],
        "ticks": False, "domain": False,
    }  # fmt: skip


def _roles() -> Spec:
    return {"domain": list(PALETTE), "range": list(PALETTE.values())}


def _text(align: str, size: float, **more: object) -> Spec:
    return {"type": "text", "align": align, "baseline": "middle", "fontSize": size, **more}


def _names(rows: Sequence[Any]) -> list[Spec]:
    """The names left of the plot, each with its note in a second line where the rows have notes."""
    noted = bool(rows) and bool(getattr(rows[0], "note", ""))
    limit = _LEFT - _GAP
    size = {"expr": f"length(datum.label) > {_LONG} ? {SMALL} : {_NAME}"}
    name = _text("right", _NAME, dy=-9 if noted else 0, limit=limit) | {"fontSize": size}
    names = [{"mark": name, "encoding": {"x": {"value": -_GAP}, "y": _y(rows), "text": {"field": "label"}}}]
    if noted:
        note = _text("right", SMALL, dy=9, limit=limit, color=PALETTE["muted"])
        names.append({"mark": note, "encoding": {"x": {"value": -_GAP}, "y": _y(rows), "text": {"field": "note"}}})
    return names


def _band(x: Spec, smallest_effect: float) -> Spec:
    return {
        "data": {"values": [{"low": -smallest_effect, "high": smallest_effect}]},
        "mark": {"type": "rect", "color": PALETTE["band"], "opacity": 1},
        "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
    }


def _zero(x: Spec) -> Spec:
    return {
        "data": {"values": [{"zero": 0}]},
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {"x": x | {"field": "zero"}},
    }


def _corner(text: str, side: str) -> Spec:
    """What lies on this side of 0, under the axis; on the left from the picture's edge on, where there is room."""
    return {
        "data": {"values": [{}]},
        "mark": _text(side, SMALL, color=PALETTE["muted"]),
        "encoding": {
            "x": {"value": 6 - _LEFT if side == "left" else _PLOT + _RIGHT - 6},
            "y": {"value": {"expr": "height + 37"}},
            "text": {"value": text},
        },
    }


def _end(rows: Sequence[object], x: Spec, colour: Spec, field: str) -> Spec:
    """A hollow point before, a filled one after."""
    fill = {"size": 90, "fill": PALETTE["paper"]} if field == "before" else {"size": 125, "filled": True}
    return {
        "mark": {"type": "point", "strokeWidth": 2, "opacity": 1, **fill},
        "encoding": {"x": x | {"field": field}, "y": _y(rows), "color": colour},
        "transform": [{"filter": f"isValid(datum.{field})"}],
    }


def _end_text(rows: Sequence[object], x: Spec, field: str) -> Spec:
    """The share beside its point, on the side away from the other point."""
    other = "after" if field == "before" else "before"
    right = f"datum.{field} > datum.{other} || (datum.{field} == datum.{other} && '{field}' == 'after')"
    alone = "!isValid(datum.after)"
    return {
        "mark": {
            **_text("left", SMALL),
            "align": {"expr": f"{alone} || {right} ? 'left' : 'right'"},
            "dx": {"expr": f"{alone} || {right} ? 9 : -9"},
        },
        "encoding": {"x": x | {"field": field}, "y": _y(rows), "text": {"field": f"{field}_text"}},
        "transform": [{"filter": f"isValid(datum.{field})"}],
    }
