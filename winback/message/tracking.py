"""Links that are counted: written out in an e-mail's template, they lead through our click page where they led.

Counted are ``<a href="https://...">`` in the HTML and ``https://...`` words in the text, where the whole address
is written out in ASCII. What an expression makes, ``mailto:``, ``tel:`` and ``#`` stay as they are, and so does an
SMS, where a longer link may cost a segment. Each address of a message has a number, the same in every language and
part, and ``{{ links.click<number> }}`` takes its place when the message is loaded for sending. The address itself
never travels: the click page looks it up by its number in what the run has pinned.

Before ``</body>`` of HTML with such links stands one that no reader sees, number HONEYPOT, for machines to follow.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jinja2 import nodes

from winback.callbacks.clicks import HONEYPOT
from winback.message.fields import LINK_FIELDS
from winback.message.pieces import BETWEEN, Places, Written, attributes, quoted
from winback.message.template import (
    HTML,
    TEXT,
    Message,
    Rewrite,
    channels_of,
    environment,
    file_of,
    load,
    sources,
    suffixes_of,
)

CLICK = "click"
_TRACKED = (HTML, TEXT)
_URL = r"https://[A-Za-z0-9][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*"
_ADDRESS = re.compile(_URL, re.IGNORECASE)
_WORD = re.compile(rf"(?<![A-Za-z0-9{BETWEEN}]){_URL}", re.IGNORECASE)
_NO_END_OF_WORD = ".,;:!?'"
LONGEST = 2_000  # characters of an address: longer ones are not opened by every browser


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


def with_parameters(address: str, parameters: Mapping[str, str]) -> str:
    """``address`` with ``parameters`` in its query; those it has already stay as they are.

    >>> with_parameters("https://a.example/new?utm_source=x#top", {"utm_source": "y", "utm_medium": "email"})
    'https://a.example/new?utm_source=x&utm_medium=email#top'
    """
    parts = urlsplit(address)
    has = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({name: value for name, value in parameters.items() if name not in has})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


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
            read = sources(
                environment(files, message, suffix, part), file_of(files, message, suffix, part)
            ).values()
            links = (link for source in read for link in _links(Written(source.tree).text, part))
            found[suffix, part] = frozenset(link.address for link in links)
    return found


def _numbers(found: Mapping[tuple[str, str], frozenset[str]]) -> dict[str, int]:
    every = sorted(frozenset().union(*found.values()))
    return {address: number for number, address in enumerate(every, start=1)}


def _rewritten(tree: nodes.Template, *, part: str, numbers: Mapping[str, int], honeypot: bool) -> nodes.Template:
    written = Written(tree)
    text = written.text
    wanted = {(link.begin, link.end): [_link(numbers[link.address])] for link in _links(text, part)}
    if honeypot:
        wanted |= {(end, end): _hidden_link() for end in _Tags(text).body_ends}
    for (begin, end), instead in sorted(wanted.items(), reverse=True):  # later ones first: places stay right
        written.put(begin, end, instead)
    return tree


def _link(number: int) -> nodes.Expr:
    return nodes.Getattr(nodes.Name("links", "load"), f"{CLICK}{number}", "load")


def _hidden_link() -> list[nodes.Expr]:
    before, after = '<a href="', '" style="display:none" aria-hidden="true" tabindex="-1"></a>'
    return [nodes.TemplateData(before), _link(HONEYPOT), nodes.TemplateData(after)]


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
        if href := quoted(attributes(tag), "href"):
            written, place = href
            address = unescape(written).strip()
            if len(address) <= LONGEST and _ADDRESS.fullmatch(address):
                yield _Link(begin=at + place, end=at + place + len(written), address=address)


def _links_of_text(text: str) -> Iterator[_Link]:
    for word in (found for found in _WORD.finditer(text) if len(found[0]) <= LONGEST):
        after = text[word.end() : word.end() + 1]
        address = word[0].rstrip(_NO_END_OF_WORD)
        while address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(_NO_END_OF_WORD)
        if not (after == BETWEEN or after.isalnum()) and _ADDRESS.fullmatch(address):
            yield _Link(begin=word.start(), end=word.start() + len(address), address=address)


class _Tags(Places):
    """``anchors``: (place, text) of every ``<a ...>``; ``body_ends``: the places of ``</body>``."""

    def __init__(self, text: str) -> None:
        self.anchors, self.body_ends = list[tuple[int, str]](), list[int]()
        super().__init__(text)
        if not self.read:
            self.anchors, self.body_ends = [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.anchors.append((self.place(), self.get_starttag_text() or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "body":
            self.body_ends.append(self.place())
