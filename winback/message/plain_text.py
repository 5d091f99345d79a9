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

from winback.message.names import copied
from winback.message.pieces import BETWEEN, Filled, Places, Written, attributes, quoted

_PARAGRAPH = "\n\n"
_BREAKS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote"), _PARAGRAPH)
    | dict.fromkeys(("div", "section", "header", "footer"), "\n")
)
_ENDS = MappingProxyType({"tr": "\n", "td": " ", "th": " "})
_NOT_SHOWN = frozenset({"head", "script", "style", "title"})
_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def tidy(text: str) -> str:
    """Without blanks around line breaks, and with one empty line at most."""
    text = re.sub(r"[ \t\u00a0]*\n[ \t\u00a0]*", "\n", re.sub(r"[ \t]{2,}", " ", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def as_text(tree: nodes.Template) -> nodes.Template:
    """The tree of an HTML file as one that writes plain text; ``tidy`` ends what it writes."""
    written = Written(tree)
    reader = _Reader(written.text)
    nodes_at = {filled.at: filled for filled in written.filled}
    links = {at: [_copy_of(part, nodes_at) for part in link] for at, link in reader.links.items()}
    for filled in written.filled:
        if not reader.out[filled.at]:
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
    reader = _Reader(html)
    seen, last = list[str](), 0
    for at in sorted(reader.links):
        words, *address = reader.links[at]
        seen += [*reader.out[last:at], str(words), *(map(str, address) if words else ())]
        last = at
    return "".join([*seen, *reader.out[last:]])


def _copy_of(part: str | int, nodes_at: Mapping[int, Filled]) -> nodes.Expr:
    if isinstance(part, str):
        return nodes.TemplateData(part)
    [copy] = copied([nodes_at[part].node])
    assert isinstance(copy, nodes.Expr)
    return copy


class _Reader(Places):
    """``out``: what each character of the text becomes, "" for nothing.

    ``links``: place of the end of a link -> what is written there: texts, and places of expressions.
    """

    def __init__(self, text: str) -> None:
        self.out, self.links = list(text), dict[int, list[str | int]]()
        self._text, self._last = text, 0
        self._instead, self._gone = "", False
        self._hidden: list[str] = []
        self._link: tuple[list[str | int], int] | None = None
        super().__init__(text, whole_references=False)
        self._until(len(text))
        if not self.read:
            self.out, self.links = list(text), {}

    def _until(self, at: int) -> None:
        """End what was read before ``at``: it becomes ``_instead``, or stays as text."""
        if self._gone or self._hidden_before:
            self.out[self._last : at] = [""] * (at - self._last)
            if self._instead and at > self._last:
                self.out[self._last] = self._instead
        else:
            for space in re.finditer(r"\s+", self._text[self._last : at]):
                begin, end = self._last + space.start(), self._last + space.end()
                self.out[begin:end] = [" ", *[""] * (end - begin - 1)]
        self._last = at

    _hidden_before = False

    def _begin(self, instead: str | None) -> None:
        """What begins here becomes ``instead``; None = it is text and stays."""
        self._until(self.place())
        self._hidden_before = bool(self._hidden)
        self._gone = instead is not None
        self._instead = "" if self._hidden else instead or ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._begin(_words_of(tag, said))
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.append(tag)
        elif tag in _NOT_SHOWN or (
            tag not in _VOID and ("hidden" in said or _HIDDEN.search(said.get("style", "")))
        ):
            self._hidden.append(tag)
        elif tag == "a" and (href := quoted(attributes(self.get_starttag_text() or ""), "href")):
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
        hidden = bool(self._hidden)
        if hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        self._begin(_BREAKS.get(tag, _ENDS.get(tag, "")))
        self._hidden_before = hidden
        if tag == "a" and self._link and not hidden:
            address, begin = self._link
            words = "".join(self.out[begin : self.place()]).strip()
            if address and address != [words]:
                self.links[self.place()] = [": " if words else "", *address]
            self._link = None

    def handle_data(self, data: str) -> None:
        self._begin(None)

    def handle_entityref(self, name: str) -> None:
        self._begin(unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self._begin(unescape(f"&#{name};"))

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
