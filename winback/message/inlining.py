"""The CSS of a message's ``<style>`` written into its tags, once per template: some mail programs drop styles.

A template is no whole page: a tag may stand in a layout, a piece or a macro. So only what a tag itself answers is
written into it: ``p``, ``.lead``, ``#top``, ``td.lead`` and lists of these. ``@media`` (dark mode, phones), what
depends on other tags (``td p``) or on the reader (``:hover``), and ``!important`` stay in the ``<style>``, which
stays too.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jinja2 import nodes

from winback.message.pieces import BETWEEN, Places, Written, attributes, quoted

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_OWN = re.compile(r"([A-Za-z][A-Za-z0-9]*)?((?:[.#][A-Za-z_][\w-]*)*)")
_NEVER = frozenset({"base", "head", "html", "link", "meta", "script", "style", "title"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One selector with its declarations; ``tag`` "" for any."""

    tag: str
    classes: frozenset[str]
    ids: frozenset[str]
    declarations: str

    @property
    def weight(self) -> tuple[int, int, bool]:
        """Its specificity (Selectors Level 3, 9)."""
        return len(self.ids), len(self.classes), bool(self.tag)

    def suits(self, tag: str, classes: frozenset[str], ids: frozenset[str]) -> bool:
        """Whether the selector is about such a tag."""
        return self.tag in ("", tag) and self.classes <= classes and self.ids <= ids


def rules_of(texts: Iterable[str]) -> list[Rule]:
    """What the ``<style>`` of these pieces of HTML says of single tags, in their order."""
    written = (text for text in texts if "<style" in text.lower())
    return [rule for text in written for css in _Styles(text).found for rule in _rules(css)]


class _Styles(Places):
    def __init__(self, text: str) -> None:
        self.found, self._inside = list[str](), False
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "style" and not dict(attrs).get("media")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)
            self._inside = False


def _rules(css: str) -> Iterator[Rule]:
    for prelude, block in _top_level(_COMMENT.sub(" ", css)):
        kept = (each.strip() for each in block.split(";"))
        declarations = "; ".join(each for each in kept if ":" in each and "!important" not in each.lower())
        if prelude.startswith("@") or not declarations or set(declarations) & {'"', BETWEEN, "{"}:
            continue
        for selector in prelude.split(","):
            own = _OWN.fullmatch(selector.strip())
            if own and own[0]:
                names = re.findall(r"[.#][\w-]+", own[2])
                yield Rule(
                    tag=(own[1] or "").lower(),
                    classes=frozenset(name[1:] for name in names if name[0] == "."),
                    ids=frozenset(name[1:] for name in names if name[0] == "#"),
                    declarations=declarations,
                )


def _top_level(css: str) -> Iterator[tuple[str, str]]:
    """(what stands before, what stands within) of each pair of outermost braces."""
    depth, begin, prelude = 0, 0, ""
    for found in re.finditer(r"[{};]", css):
        if found[0] == "{":
            depth += 1
            if depth == 1:
                prelude, begin = css[begin : found.start()].strip(), found.end()
        elif found[0] == "}":
            depth -= depth > 0
            if depth == 0:
                yield prelude, css[begin : found.start()]
                begin = found.end()
        elif depth == 0:
            begin = found.end()


def inlined(tree: nodes.Template, rules: list[Rule]) -> nodes.Template:
    """``tree`` with the ``rules`` in the style of every tag they are about; what a tag says itself goes before."""
    written = Written(tree)
    puts = _Tags(written.text, rules).puts if rules else []
    for at, text in sorted(puts, reverse=True):  # later ones first: places stay right
        written.put(at, at, [nodes.TemplateData(text)])
    return tree


class _Tags(Places):
    """``puts``: (place, text) to be written there."""

    def __init__(self, text: str, rules: list[Rule]) -> None:
        self.puts, self._rules = list[tuple[int, str]](), rules
        super().__init__(text)
        if not self.read:
            self.puts = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        classes, ids = frozenset((said.get("class") or "").split()), frozenset((said.get("id") or "").split())
        about = [rule for rule in self._rules if rule.suits(tag, classes, ids)]
        if not about or tag in _NEVER:
            return
        style = "; ".join(rule.declarations for rule in sorted(about, key=lambda rule: rule.weight))
        text = self.get_starttag_text() or ""
        if "style" not in said:
            self.puts.append((self.place() + 1 + len(tag), f' style="{style}"'))
        elif own := quoted(attributes(text), "style"):
            self.puts.append((self.place() + own[1], f"{style}; "))
