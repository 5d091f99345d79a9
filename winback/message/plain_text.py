"""The text of an e-mail made from its HTML, for a message without ``body.txt``: the template, not what it prints.

Tags become line breaks, a link's address follows its words, hidden parts and styles go. As the template itself is
changed, the text has the same expressions, conditions and loops, and costs no more to render than one by hand.
"""

import re
from collections.abc import Mapping
from html import unescape
from itertools import pairwise
from types import MappingProxyType

from jinja2 import nodes

from winback.message.hidden import PAGE, Look
from winback.message.names import copied, has
from winback.message.pieces import BETWEEN, Filled, Places, Written, attributes, quoted

_PARAGRAPH = "\n\n"
_BREAKS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote"), _PARAGRAPH)
    | dict.fromkeys(("div", "section", "header", "footer"), "\n")
)
_ENDS = MappingProxyType({"tr": "\n", "td": " ", "th": " "})
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
_CLOSED_BY_THE_NEXT = frozenset({"li", "p", "td", "th", "tr"})  # HTML may leave their ends out


def tidy(text: str) -> str:
    """Without blanks around line breaks, and with one empty line at most."""
    text = re.sub(r"[ \t\u00a0]*\n[ \t\u00a0]*", "\n", re.sub(r"[ \t]{2,}", " ", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def as_text(tree: nodes.Template) -> nodes.Template:
    """The tree of an HTML file as one that writes plain text; ``tidy`` ends what it writes."""
    written = Written(tree)
    reader = _Reader(written.text, Look())
    nodes_at = {filled.at: filled for filled in written.filled}
    links = {at: [_copy_of(part, nodes_at) for part in link] for at, link in reader.links.items()}
    for filled in written.filled:
        if not reader.out[filled.at] or (filled.at in reader.faint and not _has_tags(filled.node)):
            place = next(index for index, node in enumerate(filled.among) if node is filled.node)
            filled.among[place] = (
                nodes.TemplateData("") if isinstance(filled.node, nodes.Expr) else nodes.Output([])
            )
    for piece in written.pieces:
        begin, end = piece.begin, piece.begin + len(piece.data.data)
        at = next(index for index, node in enumerate(piece.output.nodes) if node is piece.data)
        ends = [place for place in sorted(links) if begin <= place < end]
        parts: list[nodes.Expr] = [nodes.TemplateData("".join(reader.out[begin : [*ends, end][0]]))]
        for start, stop in pairwise([*ends, end]):
            parts += [*links[start], nodes.TemplateData("".join(reader.out[start:stop]))]
        for part in parts:
            part.set_lineno(piece.data.lineno)
        piece.output.nodes[at : at + 1] = parts
    return tree


def seen_in(html: str) -> str:
    """What of finished HTML a reader sees, in words, with the addresses of the links that have any words."""
    reader = _Reader(html, PAGE)
    seen, last = list[str](), 0
    for at in sorted(reader.links):
        words, *address = reader.links[at]
        seen += [*reader.out[last:at], str(words), *(map(str, address) if words else ())]
        last = at
    return "".join([*seen, *reader.out[last:]])


def _has_tags(node: nodes.Node) -> bool:
    """Whether what is written there may have tags of its own, in which it is seen: a block, a file, a macro."""
    return not isinstance(node, nodes.Expr) or has([node], (nodes.Call,))


def _copy_of(part: str | int, nodes_at: Mapping[int, Filled]) -> nodes.Expr:
    if isinstance(part, str):
        return nodes.TemplateData(part)
    [copy] = copied([nodes_at[part].node])
    assert isinstance(copy, nodes.Expr)
    return copy


class _Reader(Places):
    """``out``: what each character of the text becomes, "" for nothing.

    ``links``: place of the end of a link -> what is written there: texts, and places of expressions. ``faint``:
    places of expressions, blocks and files where nothing is seen that has no tags of its own.
    """

    def __init__(self, text: str, around: Look) -> None:
        """``around``: how that looks in which the text stands."""
        self.out, self.links, self.faint = list(text), dict[int, list[str | int]](), set[int]()
        self._text, self._last = text, 0
        self._instead: str | None = None
        self._looks: list[tuple[str, Look]] = [("", around)]
        self._link: tuple[list[str | int], int] | None = None
        super().__init__(text, whole_references=False)
        self._until(len(text))
        if not self.read:
            self.out, self.links, self.faint = list(text), {}, set()

    def _until(self, at: int) -> None:
        """End what was read before ``at``: it becomes ``_instead``, or stays as text."""
        if self._instead is not None:
            self.out[self._last : at] = [""] * (at - self._last)
            if self._instead and at > self._last:
                self.out[self._last] = self._instead
        else:
            for space in re.finditer(r"\s+", self._text[self._last : at]):
                begin, end = self._last + space.start(), self._last + space.end()
                self.out[begin:end] = [" ", *[""] * (end - begin - 1)]
            if self._look.unseen:
                self._fade(at)
        self._last = at

    def _fade(self, at: int) -> None:
        """Of words that nobody sees what may have tags of its own stays."""
        for place in range(self._last, at):
            if self._text[place] == BETWEEN and not self._look.gone:
                self.faint.add(place)
            else:
                self.out[place] = ""

    @property
    def _look(self) -> Look:
        return self._looks[-1][1]

    def _begin(self, instead: str | None) -> None:
        """What begins here becomes ``instead``; None = it is text and stays."""
        self._until(self.place())
        self._instead = instead

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in reversed(attrs)}  # of two of a name, browsers take the first
        self._until(self.place())
        if tag in _CLOSED_BY_THE_NEXT and self._looks[-1][0] == tag:
            self._looks.pop()
        around, look = self._look, self._look.within(tag, said)
        words = _BREAKS.get(tag, "") if look.unseen else _words_of(tag, said)
        self._begin("" if around.gone else words)
        if tag not in _VOID:
            self._looks.append((tag, look))
        if tag == "a" and not look.gone and (href := quoted(attributes(self.get_starttag_text() or ""), "href")):
            self._link = self._parts(self.place() + href[1], href[0]), self.place()

    def _parts(self, at: int, value: str) -> list[str | int]:
        """The address of a link: texts, and places of expressions."""
        found: list[str | int] = []
        for piece in re.finditer(f"{BETWEEN}|[^{BETWEEN}]+", value):
            found.append(at + piece.start() if piece[0] == BETWEEN else unescape(piece[0]))
        return [] if value.startswith("#") else found

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # to HTML <br/> is <br>, and <p/> is <p>

    def handle_endtag(self, tag: str) -> None:
        unseen = self._look.unseen
        self._until(self.place())
        opened = next((at for at in range(len(self._looks) - 1, 0, -1) if self._looks[at][0] == tag), None)
        if opened:
            unseen = self._looks[opened][1].unseen
            del self._looks[opened:]
        self._begin("" if self._look.gone else _BREAKS.get(tag, _ENDS.get(tag, "")))
        if tag == "a" and self._link:
            address, begin = self._link
            words = "".join(self.out[begin : self.place()]).strip()
            if address and address != [words] and (words or not unseen):
                self.links[self.place()] = [": " if words else "", *address]
            self._link = None

    def handle_data(self, data: str) -> None:
        self._begin(None)

    def handle_entityref(self, name: str) -> None:
        self._reference(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._reference(f"&#{name};")

    def _reference(self, written: str) -> None:
        self._begin("" if self._look.unseen else unescape(written))

    def handle_comment(self, data: str) -> None:
        self._begin("")

    def handle_decl(self, decl: str) -> None:
        self._begin("")

    def unknown_decl(self, data: str) -> None:
        self._begin("")

    def handle_pi(self, data: str) -> None:
        self._begin("")


def _words_of(tag: str, said: Mapping[str, str]) -> str:
    """What a start tag is in plain text."""
    if tag == "img":
        alt = said.get("alt", "")
        return "" if BETWEEN in alt else alt
    return {"br": "\n", "hr": "\n---\n", "li": "\n- "}.get(tag, _BREAKS.get(tag, ""))
