"""What a template of plain text prints: all between its code, with a VALUE for each expression."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

from winback.message.fields import NAMES

VALUE = "\x7f"  # stands for what an expression prints; never part of a text, which is cleaned of it
NO_CODE = "is no code: readers would see it as it stands"
CODE = "{{ customer.name }}"
_CODE = re.compile(r"(?P<value>\{\{.*?\}\})|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_FIELDS = "|".join(rf"{group}\.(?:{'|'.join(fields)})" for group, fields in NAMES.items())
_NAMED = r"(?:(?:first|last|full|your|customer|client)[ _-]?)?name|fname|lname|(?:客户|顾客)?(?:姓名|名字)"
# Code in other brackets, full-width, single or apart, or in those of other products.
_ALMOST = re.compile(
    r"(?:｛\s*[｛{%％]|\{\s*[｛％])[^{}｛｝\n]{0,60}[}｝]{0,2}|\{ {1,3}\{[^{}\n]{0,60}\} {0,3}\}"
    rf"|\*\|\w{{1,60}}\|\*|%%\w{{1,60}}%%|[\[{{] ?(?:{_NAMED}) ?[\]}}]|\b(?:{_FIELDS})\b",
    re.IGNORECASE,
)
NO_HTML = "is HTML: a text shows it as it stands"
_TAGS = "a|b|i|u|p|br|hr|em|strong|small|span|div|font|center|img|h[1-6]|ul|ol|li|table|tr|td"
_HTML = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>\n]{{0,200}})?/?>|&(?:#\d{{1,7}}|\w{{2,10}});", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """``text``, of pieces that begin at ``starts`` in it and at ``places`` in the template."""

    text: str
    starts: tuple[int, ...]
    places: tuple[int, ...]

    def place(self, at: int) -> int:
        """Where character ``at`` of the text stands in the template."""
        piece = bisect_right(self.starts, at) - 1
        return self.places[piece] + at - self.starts[piece]


def printed(source: str) -> Printed:
    """What is left of a template without its code."""
    pieces, starts, places, length = list[str](), list[int](), list[int](), 0
    for place, piece in _pieces(source):
        pieces.append(piece)
        starts.append(length)
        places.append(place)
        length += len(piece)
    return Printed(text="".join(pieces), starts=tuple(starts), places=tuple(places))


def _pieces(source: str) -> Iterator[tuple[int, str]]:
    end = 0
    for code in _CODE.finditer(source):
        yield end, source[end : code.start()]
        yield code.start(), VALUE if code["value"] else ""
        end = code.end()
    yield end, source[end:]


def almost_code(text: str) -> Iterator[tuple[int, str]]:
    """(place, what is written) of what was meant as code and is none: its reader would see it as it stands."""
    for found in _ALMOST.finditer(text):
        yield found.start(), found[0]


def html_in(text: str) -> Iterator[tuple[int, str]]:
    """(place, what is written) of tags and references (``&amp;``), which mean nothing in plain text."""
    for found in _HTML.finditer(text):
        if unescape(found[0]) != found[0] or found[0].startswith("<"):
            yield found.start(), found[0]
