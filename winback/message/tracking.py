"""Links that are counted: written out in an e-mail's template, they lead through our click page where they led.

Counted are ``<a href="https://...">`` in the HTML and ``https://...`` words in the text, where the whole address
is written out in ASCII. What an expression makes, ``mailto:``, ``tel:`` and ``#`` stay as they are, and so does an
SMS, where a longer link may cost a segment. Each address of a message has a number, the same in every language and
part, and ``{{ links.click<number> }}`` takes its place when the message is loaded for sending. The address itself
never travels: the click page looks it up by its number in what the run has pinned.

Before ``</body>`` of HTML with such links stands one that no reader sees, number HONEYPOT, for machines to follow.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from html.parser import HTMLParser
from typing import Any

from jinja2 import nodes

from winback.clicks import HONEYPOT
from winback.message.fields import LINK_FIELDS
from winback.message.markup import MAX_TAGS
from winback.message.template import (
    HTML,
    TEXT,
    Message,
    Rewrite,
    channels_of,
    environment,
    load,
    sources,
    suffixes_of,
)

CLICK = "click"
_TRACKED = (HTML, TEXT)
_BETWEEN = "\ue000"  # stands for an expression or a tag of Jinja, as in winback.message.markup
_URL = r"https://[A-Za-z0-9][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*"
_ADDRESS = re.compile(_URL, re.IGNORECASE)
_WORD = re.compile(rf"(?<![A-Za-z0-9{_BETWEEN}]){_URL}", re.IGNORECASE)
_NO_END_OF_WORD = ".,;:!?'"
LONGEST = 2_000  # characters of an address: longer ones are not opened by every browser
_ATTRIBUTE = re.compile(r"""([^\s=>"'/]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")


def load_tracked(files: Mapping[str, str], message: str) -> Message:
    """``load`` for sending: links are counted. ``Message.links`` names what a customer's links must have."""
    found = _addresses(files, message)
    numbers = _numbers(found)
    if not numbers:
        return load(files, message)
    rewrites: dict[tuple[str, str], Rewrite] = {
        (suffix, part): partial(_rewritten, part=part, numbers=numbers, honeypot=part == HTML and bool(addresses))
        for (suffix, part), addresses in found.items()
    }
    tracked = (f"{CLICK}{number}" for number in (HONEYPOT, *numbers.values()))
    return replace(load(files, message, rewrites), links=(*LINK_FIELDS, *tracked))


def destinations(files: Mapping[str, str], message: str) -> tuple[str, ...]:
    """The addresses of a message's links, sorted: number 1 is the first. The same for the same ``files``.

    Raises TemplateError for files that ``load`` refuses.
    """
    return tuple(_numbers(_addresses(files, message)))


def links_together(files: Mapping[str, str], message: str) -> frozenset[frozenset[int]]:
    """The numbers of the links in each part of each language: what only a machine follows all at once."""
    found = _addresses(files, message)
    numbers = _numbers(found)
    together = (frozenset(numbers[address] for address in addresses) for addresses in found.values())
    return frozenset(links for links in together if len(links) > 1)


def link_number(field: str) -> int | None:
    """The number of a tracked link by its name among ``Message.links``; None for another link.

    >>> link_number("click12"), link_number("unsubscribe")
    (12, None)
    """
    return int(field.removeprefix(CLICK)) if field.startswith(CLICK) else None


def _addresses(files: Mapping[str, str], message: str) -> dict[tuple[str, str], frozenset[str]]:
    """(suffix, part) -> the addresses of its links; none of a message that is no e-mail."""
    found = {}
    for suffix in suffixes_of(files, message) if "email" in channels_of(files, message) else ():
        for part in _TRACKED:
            read = sources(environment(files, message, suffix, part), f"{message}/{part}").values()
            links = (link for source in read for link in _links(_text(_written(source.tree)), part))
            found[suffix, part] = frozenset(link.address for link in links)
    return found


def _numbers(found: Mapping[tuple[str, str], frozenset[str]]) -> dict[str, int]:
    every = sorted(frozenset().union(*found.values()))
    return {address: number for number, address in enumerate(every, start=1)}


def _rewritten(tree: nodes.Template, *, part: str, numbers: Mapping[str, int], honeypot: bool) -> nodes.Template:
    pieces = _written(tree)
    text = _text(pieces)
    wanted = {(link.begin, link.end): [_link(numbers[link.address])] for link in _links(text, part)}
    if honeypot:
        wanted |= {(end, end): _hidden_link() for end in _Tags(text).body_ends}
    for (begin, end), instead in sorted(wanted.items(), reverse=True):  # later ones first: places stay right
        _put(pieces, begin, end, instead)
    return tree


def _link(number: int) -> nodes.Expr:
    return nodes.Getattr(nodes.Name("links", "load"), f"{CLICK}{number}", "load")


def _hidden_link() -> list[nodes.Expr]:
    before, after = '<a href="', '" style="display:none" aria-hidden="true" tabindex="-1"></a>'
    return [nodes.TemplateData(before), _link(HONEYPOT), nodes.TemplateData(after)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What a file writes out between two expressions or tags of Jinja, and where it stands in the file's tree."""

    begin: int
    output: nodes.Output
    data: nodes.TemplateData


def _written(tree: nodes.Template) -> list[_Piece]:
    """All that a file writes out, in its order; ``begin`` counts one character for whatever is in between."""
    pieces, at = list[_Piece](), 0
    for output in tree.find_all(nodes.Output):
        for child in output.nodes:
            if isinstance(child, nodes.TemplateData):
                pieces.append(_Piece(begin=at, output=output, data=child))
                at += len(child.data)
            at += 1
        at += 1
    return pieces


def _text(pieces: Iterable[_Piece]) -> str:
    texts, at = list[str](), 0
    for piece in pieces:
        texts += [_BETWEEN * (piece.begin - at), piece.data.data]
        at = piece.begin + len(piece.data.data)
    return "".join(texts)


def _put(pieces: Sequence[_Piece], begin: int, end: int, instead: Sequence[nodes.Node]) -> None:
    """Replace the characters from ``begin`` to ``end``, which are within one piece."""
    piece = pieces[bisect_right(pieces, begin, key=lambda piece: piece.begin) - 1]
    text = piece.data.data
    piece.data.data = text[: begin - piece.begin]
    rest = nodes.TemplateData(text[end - piece.begin :])
    at = next(index for index, child in enumerate(piece.output.nodes) if child is piece.data)
    added: Sequence[Any] = [node.set_lineno(piece.data.lineno) for node in (*instead, rest)]
    piece.output.nodes[at + 1 : at + 1] = added


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """Characters of a file's text that lead to ``address``."""

    begin: int
    end: int
    address: str


def _links(text: str, part: str) -> Iterator[_Link]:
    return _links_of_html(text) if part == HTML else _links_of_text(text)


def _links_of_html(text: str) -> Iterator[_Link]:
    for at, tag in _Tags(text).anchors:
        named = (found for found in _ATTRIBUTE.finditer(tag, 2) if found[1].lower() == "href" and found[2])
        href = next(named, None)  # of two, browsers take the first
        if href is not None and href[2][0] in "\"'":
            address = unescape(href[2][1:-1]).strip()
            if len(address) <= LONGEST and _ADDRESS.fullmatch(address):
                yield _Link(begin=at + href.start(2) + 1, end=at + href.end(2) - 1, address=address)


def _links_of_text(text: str) -> Iterator[_Link]:
    for word in (found for found in _WORD.finditer(text) if len(found[0]) <= LONGEST):
        after = text[word.end() : word.end() + 1]
        address = word[0].rstrip(_NO_END_OF_WORD)
        while address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(_NO_END_OF_WORD)
        if not (after == _BETWEEN or after.isalnum()) and _ADDRESS.fullmatch(address):
            yield _Link(begin=word.start(), end=word.start() + len(address), address=address)


class _Tags(HTMLParser):
    """``anchors``: (place, text) of every ``<a ...>``; ``body_ends``: the places of ``</body>``."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors, self.body_ends = list[tuple[int, str]](), list[int]()
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        if text.count("<") > MAX_TAGS:
            return  # winback check says so
        try:
            self.feed(text)
            self.close()
        except AssertionError:  # what the standard parser raises at "<![x"; winback check says so
            self.anchors, self.body_ends = [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append((self._place(), self.get_starttag_text() or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "body":
            self.body_ends.append(self._place())

    def _place(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column
