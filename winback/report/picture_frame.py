"""What a picture of a chart needs without a page around it: its title, whose it is, and what the colours are."""

from collections.abc import Sequence
from dataclasses import dataclass

from winback import words
from winback.outcomes.effects import rate_of
from winback.outcomes.outcomes import Outcome
from winback.outcomes.part_sums import CONTRIBUTION, NUMBERS, SHARES
from winback.report.before_after import counted
from winback.report.charts import PALETTE, WIDTH, Spec
from winback.report.headline import judged_column
from winback.report.segments import smallest_in
from winback.report.words import Speaker

_LINE, _MARGIN = 19, 6
_PLACEBO = "#6a3fa0"  # as on the page
_WIDE, _NARROW = 12.5, 7.2  # points of a letter, Chinese or not, at the size of a legend
_DOT = 14  # room of a dot before its words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One colour and what it stands for."""

    role: str
    text: str


def framed(name: str, spec: Spec, outcome: Outcome, say: Speaker, pooled_name: str) -> Spec:
    """The report's chart ``name`` with a head of its own, and the mark of a placebo where it is one."""
    campaign = outcome.campaign_name.get(say.language) or outcome.campaign_id
    heads = [_words(say(name), size=13.5, weight="bold"), _words(f"{campaign} · {outcome.run}", color="muted")]
    if outcome.placebo:
        heads.append(_words(say("placebo_title"), weight="bold", color="placebo"))
    rows = _rows(_legend(name, outcome, say, pooled_name))
    left, top = spec["padding"]["left"], spec["padding"]["top"]
    room = _MARGIN + _LINE * (len(heads) + len(rows)) + _MARGIN
    start = -(top + room) + _MARGIN + _LINE / 2
    layers = [_at(mark, -left + 8, start + _LINE * line) for line, mark in enumerate(heads)]
    for line, row in enumerate(rows, len(heads)):
        layers += _legend_row(row, -left + 8, start + _LINE * line)
    return spec | {"padding": spec["padding"] | {"top": top + room}, "layer": [*spec["layer"], *layers]}


def _legend(name: str, outcome: Outcome, say: Speaker, pooled_name: str) -> list[_Entry]:
    treated, held = _Entry(role="treated", text=pooled_name), _Entry(role="holdout", text=say("holdout"))
    against = say("legend_against", level=words.level(outcome.alpha))
    others, points = (
        _Entry(role="others", text=say("legend_others")),
        _Entry(role="", text=say("legend_points", counted=counted(outcome, say))),
    )
    return {
        "effect": [_judged(outcome, say), *_band(judged_column(outcome), outcome, say)],
        "second": [_judged(outcome, say), *_band(judged_column(outcome), outcome, say)],
        "churn": [_Entry(role="treated", text=against)],
        "segments": [_Entry(role="others", text=against), *_band(rate_of(outcome.judged_by), outcome, say)],
        "money": [_means(CONTRIBUTION, outcome, say)],
        "curve": [treated, held, _Entry(role="", text=say("curve_band"))],
        "audience": [treated, held, _Entry(role="dropped", text=say("legend_dropped"))],
        "before_after": [treated, held, others, points],
    }[name]


def _judged(outcome: Outcome, say: Speaker) -> _Entry:
    column = judged_column(outcome)
    if column in SHARES:
        return _Entry(role="treated", text=say("legend_against", level=words.level(outcome.alpha)))
    return _means(column, outcome, say)


def _means(column: str, outcome: Outcome, say: Speaker) -> _Entry:
    """Differences of means, in orders, a score or the currency."""
    currency = outcome.findings.currency if outcome.findings else ""
    unit = say(f"of_{column}") if column in NUMBERS else currency
    return _Entry(role="treated", text=say("legend_money", unit=unit, level=words.level(outcome.alpha)))


def _band(column: str, outcome: Outcome, say: Speaker) -> list[_Entry]:
    """The shading, where the chart of this column has one."""
    smallest = smallest_in(column, outcome)
    return [_Entry(role="", text=say("band", smallest=words.size(smallest)))] if smallest else []


def _rows(entries: Sequence[_Entry]) -> list[list[_Entry]]:
    """As many beside each other as there is room for."""
    rows: list[list[_Entry]] = []
    for entry in entries:
        if rows and sum(_room(each) for each in [*rows[-1], entry]) <= WIDTH - 16:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def _room(entry: _Entry) -> float:
    letters = sum(_WIDE if ord(letter) > 0x2E80 else _NARROW for letter in entry.text)
    return letters + 12 + (_DOT if entry.role else 0)


def _legend_row(row: Sequence[_Entry], x: float, y: float) -> list[Spec]:
    layers: list[Spec] = []
    for entry in row:
        if entry.role:
            dot = {"type": "point", "filled": True, "size": 80, "opacity": 1, "color": PALETTE[entry.role]}
            layers.append(_at(dot, x + 4, y))
        layers.append(_at(_words(entry.text), x + (_DOT if entry.role else 0), y))
        x += _room(entry)
    return layers


def _words(text: str, *, size: float = 12, weight: str = "normal", color: str = "ink") -> Spec:
    return {
        "type": "text", "text": text, "align": "left", "baseline": "middle", "fontSize": size,
        "fontWeight": weight, "color": _PLACEBO if color == "placebo" else PALETTE[color], "limit": WIDTH - 16,
    }  # fmt: skip


def _at(mark: Spec, x: float, y: float) -> Spec:
    """A mark at a place of the picture, whatever the chart's scales are."""
    return {"data": {"values": [{}]}, "mark": mark, "encoding": {"x": {"value": x}, "y": {"value": y}}}
