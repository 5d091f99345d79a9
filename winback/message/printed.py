"""What a template of plain text prints: all between its code, with a VALUE for each expression."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from winback.message.fields import NAMES

VALUE = "\x7f"  # stands for what an expression prints; never part of a text, which is cleaned of it
NO_CODE = "is no code: readers would see it as it stands"
CODE = "{{ customer.name }}"
_CODE = re.compile(r"(?P<value>\{\{.*?\}\})|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_FIELDS = "|".join(rf"{group}\.(?:{'|'.join(fields)})" for group, fields in NAMES.items())
# Code in other brackets, full-width or single, or in those of other products.
_ALMOST = re.compile(
    rf"(?:｛\s*[｛{{%％]|\{{\s*[｛％])[^{{}}｛｝\n]{{0,60}}[}}｝]{{0,2}}|\*\|\w{{1,60}}\|\*|\b(?:{_FIELDS})\b"
)


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
