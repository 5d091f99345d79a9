"""What a file writes out between the expressions and tags of Jinja: found in its syntax tree, and changed there.

The text of a file is all it writes out, in its order, with a BETWEEN for each expression, block or included file.
A place is a number of characters of that text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from jinja2 import nodes

BETWEEN = "\ue000"  # a private-use character means nothing in HTML
MAX_TAGS = 3_000  # the standard parser takes quadratic time over tags that are never closed
_ELSEWHERE = (nodes.Block, nodes.Include)  # what is written here may stand in another file


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text that is written out, and where it stands in the file's tree."""

    begin: int
    output: nodes.Output
    data: nodes.TemplateData


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The place of an expression, a block or an included file: ``node``, within the list ``among``."""

    at: int
    among: list[Any]
    node: nodes.Node


class Written:
    """All that a file writes out."""

    def __init__(self, tree: nodes.Template) -> None:
        self.pieces, self.filled = list[Piece](), list[Filled]()
        self._at = 0
        self._read(tree.body)

    def _read(self, body: list[nodes.Node]) -> None:
        for node in body:
            if isinstance(node, nodes.Output):
                self._read_output(node)
            elif isinstance(node, _ELSEWHERE):
                self._fill(body, node)
            for _, inside in node.iter_fields(only=("body", "elif_", "else_")):
                if isinstance(inside, list):
                    self._read(inside)
            self._at += 1

    def _read_output(self, output: nodes.Output) -> None:
        for child in output.nodes:
            if isinstance(child, nodes.TemplateData):
                self.pieces.append(Piece(begin=self._at, output=output, data=child))
                self._at += len(child.data)
            else:
                self._fill(output.nodes, child)

    def _fill(self, among: list[Any], node: nodes.Node) -> None:
        self.filled.append(Filled(at=self._at, among=among, node=node))
        self._at += 1

    @property
    def text(self) -> str:
        """The whole of it."""
        texts, at = list[str](), 0
        for piece in self.pieces:
            texts += [BETWEEN * (piece.begin - at), piece.data.data]
            at = piece.begin + len(piece.data.data)
        return "".join([*texts, BETWEEN * (self._at - at)])

    def put(self, begin: int, end: int, instead: Sequence[nodes.Node]) -> None:
        """Replace the characters from ``begin`` to ``end``, which are within one piece; later places first."""
        piece = self.pieces[bisect_right(self.pieces, begin, key=lambda piece: piece.begin) - 1]
        text = piece.data.data
        piece.data.data = text[: begin - piece.begin]
        rest = nodes.TemplateData(text[end - piece.begin :])
        at = next(index for index, child in enumerate(piece.output.nodes) if child is piece.data)
        added: Sequence[Any] = [node.set_lineno(piece.data.lineno) for node in (*instead, rest)]
        piece.output.nodes[at + 1 : at + 1] = added


class Places(HTMLParser):
    """Reads HTML and knows the place of what it reads; ``read`` is False for what it could not."""

    def __init__(self, text: str, *, whole_references: bool = True) -> None:
        super().__init__(convert_charrefs=whole_references)
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._length = len(text)
        self.read = text.count("<") <= MAX_TAGS  # else winback check says so
        if not self.read:
            return
        try:
            self.feed(text)
            self.close()
        except AssertionError:  # what the standard parser raises at "<![x"; winback check says so
            self.read = False

    def place(self) -> int:
        """Where what is being read begins."""
        line, column = self.getpos()
        return self._lines[line - 1] + column


_TAG_NAME = re.compile(r"<[^\s/>]*")
_ATTRIBUTE = re.compile(r"""([^\s=>"'/]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")


def attributes(tag: str) -> Iterator[tuple[str, str, int]]:
    """(name, value as written, its place in the tag) of the attributes of a start tag ``<a b="c">``."""
    name = _TAG_NAME.match(tag)
    for found in _ATTRIBUTE.finditer(tag, name.end() if name else 0):
        yield found[1].lower(), found[2] or "", found.start(2)


def quoted(attributes: Iterable[tuple[str, str, int]], name: str) -> tuple[str, int] | None:
    """(value, its place) of the first attribute of that name, if it stands in quotes; of two, browsers take it."""
    value, at = next(((value, at) for key, value, at in attributes if key == name and value), ("", 0))
    return (value[1:-1], at + 1) if value[:1] in {'"', "'"} else None
