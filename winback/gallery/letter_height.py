"""About how tall an e-mail is at a width: a frame that runs no script cannot follow its letter by itself.

Blocks stand one below the other, the cells of a row side by side. Of styles those in the tags count, and those of
``@media (max-width: ...)`` for classes; a Latin letter is half as wide as the font is high, a Chinese one as wide.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from unicodedata import east_asian_width

_MEDIA = re.compile(r"@media[^{}@]*max-width:\s*(\d+)px[^{}@]*\{((?:[^{}]*\{[^{}]*\})*)")
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_SKIPPED = frozenset({"head", "script", "style", "title"})
_VOID = frozenset({"area", "base", "col", "input", "link", "meta", "source", "wbr"})
_CELLS = frozenset({"td", "th"})
_BLOCKS = _CELLS | {
    "blockquote", "body", "center", "div", "footer", "h1", "h2", "h3", "h4", "header", "li", "ol", "p", "section",
    "table", "tr", "ul",
}  # fmt: skip
# What browsers do by themselves: size of the font, and margins above and below in its size.
_SIZES = {"h1": 2.0, "h2": 1.5, "h3": 1.17}
_MARGINS = {"p": 1.0, "h1": 0.67, "h2": 0.83, "h3": 1.0, "h4": 1.33, "ul": 1.0, "ol": 1.0, "blockquote": 1.0}
_BODY_MARGIN, _LIST_INDENT, _NORMAL_LINE, _LATIN = 8.0, 40.0, 1.25, 0.5
_SPARE = 32
Styles = Mapping[str, str]


@dataclass(slots=True)
class _Box:
    """A block that is being read; lengths in pixels. ``gap``: the margin below its last child, counted already."""

    tag: str
    width: float
    size: float
    line: float
    line_is_share: bool
    around: float = 0.0  # its own padding above and below
    above: float = 0.0
    below: float = 0.0
    height: float = 0.0
    gap: float = 0.0
    text: float = 0.0  # the width of the words that are not in a line yet
    used: float = 0.0  # of a row: the width of its cells so far
    hidden: bool = field(default=False)

    def end_line(self, *, at_least: int = 0) -> None:
        """Break what was read into lines."""
        lines = max(math.ceil(self.text / max(self.width, self.size)), at_least)
        if lines:
            self.height += lines * self.line * (self.size if self.line_is_share else 1)
            self.gap = 0.0
        self.text = 0.0

    def add(self, child: "_Box") -> None:
        """Put a finished block below what there is, a cell beside it."""
        whole = child.height + child.around
        if child.tag in _CELLS:
            self.height = max(self.height, whole)
            return
        self.height += max(child.above - self.gap, 0.0) + whole + child.below
        self.gap = child.below


def letter_height(html: str, width: int) -> int:
    """About how many pixels tall ``html`` is in a frame so wide, and a line more."""
    reader = _Reader(html, width)
    reader.feed(html)
    reader.close()
    return reader.height() + _SPARE


class _Reader(HTMLParser):
    def __init__(self, html: str, width: int) -> None:
        super().__init__(convert_charrefs=True)
        self._narrow = _narrow_styles(html, width)
        self._boxes = [_Box(tag="", width=width, size=16.0, line=_NORMAL_LINE, line_is_share=True)]
        self._skipped = ""

    def height(self) -> int:
        """Of all that was read."""
        while len(self._boxes) > 1:
            self._close()
        self._boxes[0].end_line()
        return math.ceil(self._boxes[0].height)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        styles = self._styles(said)
        around = self._boxes[-1]
        if tag in _SKIPPED:
            self._skipped = tag
        elif tag == "br":
            around.end_line(at_least=1)
        elif tag == "img":
            around.end_line()
            around.height += 0 if around.hidden else _pixels(styles.get("height") or said.get("height", ""), 0.0)
        elif tag not in _VOID and (tag in _BLOCKS or styles.get("display") in {"block", "inline-block"}):
            if tag in {"p", "li"} and around.tag == tag:
                self._close()
            self._boxes[-1].end_line()
            self._boxes.append(self._box(tag, said, styles))

    def _styles(self, said: Styles) -> dict[str, str]:
        own = _declared(said.get("style", ""))
        for name in said.get("class", "").split():
            own |= self._narrow.get(name, {})
        return own

    def _box(self, tag: str, said: Styles, styles: Styles) -> _Box:
        parent = self._boxes[-1]
        size = _pixels(styles.get("font-size", ""), parent.size * _SIZES.get(tag, 1.0))
        line, share = parent.line, parent.line_is_share
        if written := styles.get("line-height"):
            share = not written.endswith("px")
            line = _pixels(written, _NORMAL_LINE)
        padding, margin = _sides(styles, "padding"), _sides(styles, "margin")
        usual = _BODY_MARGIN if tag == "body" else _MARGINS.get(tag, 0.0) * size
        above, below = (usual if side is None else side for side in (margin[0], margin[2]))
        sideways = sum(side or 0.0 for side in (padding[1], padding[3], margin[1], margin[3]))
        sideways += _LIST_INDENT if tag in {"ul", "ol"} and padding[3] is None else 0.0
        room = parent.width - parent.used
        wide = _pixels(styles.get("width") or said.get("width", ""), room)
        if tag in _CELLS:
            parent.used += min(wide, room)
        return _Box(
            tag=tag, width=min(wide, room) - sideways, size=size, line=line, line_is_share=share,
            around=sum(side or 0.0 for side in (padding[0], padding[2])), above=above, below=below,
            hidden=parent.hidden or styles.get("display") == "none" or "hidden" in said,
        )  # fmt: skip

    def _close(self) -> None:
        box = self._boxes.pop()
        box.end_line()
        if not box.hidden:
            self._boxes[-1].add(box)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._skipped:
            self._skipped = ""
        elif any(box.tag == tag for box in self._boxes):
            while self._boxes[-1].tag != tag:
                self._close()
            self._close()

    def handle_data(self, data: str) -> None:
        box = self._boxes[-1]
        if not self._skipped and not box.hidden:
            words = " ".join(data.split())
            box.text += box.size * sum(1.0 if east_asian_width(each) in "WF" else _LATIN for each in words)


def _narrow_styles(html: str, width: int) -> dict[str, dict[str, str]]:
    """Class -> what narrow screens are told of it."""
    found: dict[str, dict[str, str]] = {}
    for limit, rules in _MEDIA.findall(html):
        for selector, declared in _RULE.findall(rules if width <= int(limit) else ""):
            for name in re.findall(r"\.([\w-]+)\s*(?:,|$)", selector.strip()):
                found.setdefault(name, {}).update(_declared(declared))
    return found


def _declared(style: str) -> dict[str, str]:
    pairs = (each.partition(":") for each in style.replace("!important", "").split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def _pixels(written: str, otherwise: float) -> float:
    """A length in pixels, or a bare number; anything else is ``otherwise``, and so is what is not finite."""
    found = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)(?:px)?", written.strip())
    return float(found[1]) if found else otherwise


def _sides(styles: Styles, name: str) -> list[float | None]:
    """Above, right, below and left of padding or margin; None where it is not said."""
    given = [_pixels(each, 0.0) for each in styles.get(name, "").split()]
    places = {1: (0, 0, 0, 0), 2: (0, 1, 0, 1), 3: (0, 1, 2, 1), 4: (0, 1, 2, 3)}.get(len(given), ())
    whole: list[float | None] = [given[place] for place in places] or [None] * 4
    sides = ("top", "right", "bottom", "left")
    return [
        _pixels(styles.get(f"{name}-{side}", ""), -1.0) if f"{name}-{side}" in styles else each
        for side, each in zip(sides, whole, strict=True)
    ]
