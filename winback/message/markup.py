"""What the HTML of a message must not do, read from its template before anything is rendered.

Autoescape keeps a customer's data from becoming tags. It does not help where an expression stands without quotes
(``<a href={{ x }}>``), where a link's scheme is data (``javascript:``), or inside a script or a style.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from html.parser import HTMLParser

from jinja2 import nodes

from winback.errors import TemplateError
from winback.message.environment import MessageEnvironment
from winback.message.fields import RECOMMENDED
from winback.message.pieces import MAX_TAGS
from winback.message.printed import CODE, NO_CODE, VALUE, almost_code
from winback.message.template import Source
from winback.message.written_addresses import ELSEWHERE, allowed_places, is_known_host, leading_elsewhere

LINKS = frozenset(
    {
        "action", "background", "cite", "data", "dynsrc", "formaction", "href", "longdesc", "lowsrc", "ping",
        "poster", "src", "srcset", "xlink:href",
    }
)  # fmt: skip
_MARK = re.compile("\ue000(\\d+)\ue001")  # stands for an expression; private-use characters mean nothing in HTML
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_SAFE_LINK = re.compile(
    r"https://(?P<host>[^/?#\\@\s\ue000]+)(?:[/?#][^\\]*)?|mailto:.*|tel:.*|#.*", re.DOTALL | re.IGNORECASE
)
_OWN_MACHINE = re.compile(
    r"https?://(?:localhost|[\w.-]+\.localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\])(?=[:/?#]|$)", re.IGNORECASE
)
# What only Outlook reads is read here as all else is.
_CONDITIONAL = re.compile(r"<!--\[if\b[^\]>]*\]>(?:\s*<!--+>)?|(?:<!--\s*)?<!\[endif\]-->", re.IGNORECASE)
_FROM_ELSEWHERE = re.compile(r"@import|@font-face|url\s*\(", re.IGNORECASE)
_OWN_LINK = re.compile(r"links\.\w+")
_PRODUCT_LINK = re.compile(r"(\w+)\.link")


def markup_problems(
    source: Source, environment: MessageEnvironment, hosts: Collection[str] = ()
) -> list[TemplateError]:
    """Every unsafe place of one HTML template, with its line. ``hosts``: where links may lead; none = anywhere."""
    if source.text.count("<") > MAX_TAGS:
        return [TemplateError(f"holds more than {MAX_TAGS} tags", file=source.path)]
    reader = _Reader(source, environment, hosts)
    try:
        reader.feed(reader.plain)
        reader.close()
    except AssertionError:  # what the standard parser raises at "<![x"
        reader.report("this is not readable as HTML")
    return reader.problems


class _Reader(HTMLParser):
    def __init__(self, source: Source, environment: MessageEnvironment, hosts: Collection[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._hosts, self._https = hosts, allowed_places(hosts)
        self.problems: list[TemplateError] = []
        self._file, self._expressions = source.path, list[str]()
        self._inside = ""
        self._products = _products_of(source.tree)
        plain = "".join(self._without_template_code(source.text, environment))
        self.plain = _CONDITIONAL.sub(lambda found: "\n" * found[0].count("\n"), plain)

    def _without_template_code(self, text: str, environment: MessageEnvironment) -> Iterator[str]:
        """The HTML with each ``{{ expression }}`` as one mark, the template's own tags gone, lines kept."""
        expression: list[str] | None = None
        for _, kind, value in environment.lex(text):
            if kind == "variable_begin":
                expression = []
            elif kind == "variable_end":
                self._expressions.append("".join(expression or []).strip())
                yield f"\ue000{len(self._expressions) - 1}\ue001"
                expression = None
            elif expression is not None:
                expression.append(value)
            elif kind == "data":
                yield value
                continue
            yield "\n" * value.count("\n")

    def report(self, problem: str, allowed: str | None = None, below: int = 0) -> None:
        """``below``: so many lines from where the parser stands."""
        line = None if self._file.endswith(".mjml") else self.getpos()[0] + below  # MJML has lines of its own
        self.problems.append(TemplateError(problem, file=self._file, line=line, allowed=allowed))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "iframe", "object", "embed", "form"}:
            self.report(f"<{tag}> is not allowed: mail programs remove it")
        elif tag == "link":
            self.report("<link> is not allowed: a message loads no style sheet and no font")
        elif tag == "base" or (tag == "meta" and (dict(attrs).get("http-equiv") or "").lower() == "refresh"):
            self.report(f"<{tag}> is not allowed here: it leads elsewhere, past the rules for links")
        elif tag == "img" and "alt" not in dict(attrs):
            self.report("<img> needs alt, what is read where no picture is shown", 'alt="" for an ornament')
        self._inside = tag if tag in {"script", "style"} else ""
        if "\ue000" in _QUOTED.sub("", self.get_starttag_text() or ""):
            self.report("an expression in a tag must stand inside quotes", 'href="{{ links.unsubscribe }}"')
        for name, value in attrs:
            self._attribute(name, value or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside and _MARK.search(data):
            self.report(f"an expression inside <{self._inside}> is not escaped safely")
        if self._inside == "style" and _FROM_ELSEWHERE.search(data):
            self.report("a style loads something from elsewhere: not allowed")
        if not self._inside:
            text = _MARK.sub(VALUE, data)
            for at, written in leading_elsewhere(text, self._hosts):
                self.report(f"{written} {ELSEWHERE}", self._https, below=text.count("\n", 0, at))
            for at, written in almost_code(text):
                self.report(f"{written} {NO_CODE}", CODE, below=text.count("\n", 0, at))

    def _attribute(self, name: str, value: str) -> None:
        if name.startswith("on"):
            self.report(f"{name} is not allowed: a message runs no script")
        elif name == "style" and _MARK.search(value):
            self.report("an expression inside a style is not escaped safely")
        elif name == "style" and _FROM_ELSEWHERE.search(value):
            self.report("a style loads something from elsewhere: not allowed")
        elif name == "href" and value.strip() in {"", "#"}:
            self.report("href leads nowhere", "https://shop.example/new")
        elif name in LINKS and _OWN_MACHINE.match(value.strip()):
            self.report(f"{name} leads to the reader's own machine", self._https)
        elif name in LINKS and not all(map(self._is_safe_link, _addresses(name, value))):
            allowed = f"{self._https}, mailto:, tel:, or {{{{ links.unsubscribe }}}}"
            self.report(f"{name} must lead to a known place", allowed)

    def _is_safe_link(self, value: str) -> bool:
        mark = _MARK.match(value)
        if mark and mark[0] == value:
            expression = self._expressions[int(mark[1])]
            product = _PRODUCT_LINK.fullmatch(expression)
            return bool(_OWN_LINK.fullmatch(expression)) or bool(product and product[1] in self._products)
        if mark:
            return bool(_OWN_LINK.fullmatch(self._expressions[int(mark[1])]))
        safe = _SAFE_LINK.fullmatch(value)
        host = safe["host"] if safe else None
        return not value or bool(safe and (host is None or is_known_host(host, self._hosts)))


def _addresses(name: str, value: str) -> list[str]:
    """The addresses of an attribute: of ``srcset`` each picture's, without its size."""
    return list(_pictures(value.split())) if name == "srcset" else [value.strip()]


def _pictures(words: Iterable[str]) -> Iterator[str]:
    """A picture is an address and perhaps, after a blank, a size; a comma ends it, but not within the address."""
    is_size = False
    for word in words:
        rest = word.partition(",")[2] if is_size else word
        if is_size and "," not in word:
            continue
        address = rest.strip(",")
        if address:
            yield address
        is_size = bool(address) and not rest.endswith(",")


def _products_of(tree: nodes.Template) -> frozenset[str]:
    """The names that mean a recommended product and nothing else: its link is the shop's own."""
    loops = [loop for loop in tree.find_all(nodes.For) if isinstance(loop.target, nodes.Name)]
    ours = [loop.target for loop in loops if _is_recommended(loop.iter)]
    made = [name for name in tree.find_all(nodes.Name) if name.ctx != "load"]
    others = {name.name for name in made if not any(name is target for target in ours)}
    return frozenset(target.name for target in ours if isinstance(target, nodes.Name)) - others


def _is_recommended(node: nodes.Node) -> bool:
    """Whether a loop goes through ``customer.recommended``, or through the first of them."""
    while isinstance(node, nodes.Filter | nodes.Getitem) and node.node is not None:
        node = node.node
    return node == nodes.Getattr(nodes.Name("customer", "load"), RECOMMENDED, "load")
