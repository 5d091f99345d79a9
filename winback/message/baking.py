"""A syntax tree with everything written out that is the same for every customer of one version and language.

Constants take the place of ``campaign``, ``sender`` and ``message``, ``if`` and ``for`` over what is known are
decided here, and a customer's declared field becomes a look-up in his dict, where Jinja would ask the sandbox.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from jinja2 import TemplateError, Undefined, nodes
from jinja2.visitor import NodeTransformer

from winback.message.environment import MessageEnvironment
from winback.message.flatten import OTHER_FILES, steps
from winback.message.names import copied, has, inside, stored

MOST_UNROLLED = 5_000  # nodes of the bodies of loops in one part, as often as they are gone through
_WRITABLE = frozenset({str, int, float, bool, type(None)})
_LOOP = "loop"
_UNKNOWN = object()


class Baker(NodeTransformer):
    """Bakes one tree.

    ``constants``: group -> name -> value, without the groups whose name the template gives another meaning.
    ``fields``: group -> the names a customer's dict of that group always has; the baked tree reads them from a
    Python variable called like the group. ``read``: the source of each such look-up -> (group, name).
    """

    def __init__(
        self,
        environment: MessageEnvironment,
        constants: Mapping[str, Mapping[str, object]],
        fields: Mapping[str, frozenset[str]],
    ) -> None:
        self.read: dict[str, tuple[str, str]] = {}
        self._fields = fields
        self._known: dict[str, object] = {group: dict(values) for group, values in constants.items()}
        self._evaluation = nodes.EvalContext(environment)
        self._left = MOST_UNROLLED

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> nodes.Node:  # noqa: ANN401 - Jinja's signature
        """Bake what is inside ``node``; neighbouring texts become one."""
        super().generic_visit(node, *args, **kwargs)
        for _, body in node.iter_fields(only=("body", "else_")):
            if isinstance(body, list):
                body[:] = neighbours_joined(body)
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        value = self._known.get(node.name, node)
        return nodes.Const(value, lineno=node.lineno) if node.ctx == "load" and _writable(value) else node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        return self._entry(node, node.attr)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        name = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return self._entry(node, name) if isinstance(name, str) else self.generic_visit(node)

    def _entry(self, node: nodes.Getattr | nodes.Getitem, name: str) -> nodes.Node:
        if not (isinstance(node.node, nodes.Name) and node.ctx == "load"):
            return self.generic_visit(node)
        group = node.node.name
        known = self._known.get(group)
        value = known.get(name, node) if isinstance(known, dict) else node
        if _writable(value):
            return nodes.Const(value, lineno=node.lineno)
        return self._look_up(group, name) if name in self._fields.get(group, ()) else node

    def _look_up(self, group: str, name: str) -> nodes.Node:
        source = f"{group}[{name!r}]"
        self.read[source] = group, name
        node = object.__new__(nodes.InternalName)  # Jinja writes its name into the code as it is
        nodes.Node.__init__(node, source)
        return node

    def visit_Scope(self, node: nodes.Scope) -> nodes.Node | list[nodes.Node]:
        """A scope in which no name is made needs none."""
        self.generic_visit(node)
        return node if stored(node.body) else node.body

    def visit_If(self, node: nodes.If) -> nodes.Node | list[nodes.Node]:
        others, node.elif_ = node.elif_, []
        self.generic_visit(node)
        for other in others:  # they are Ifs, but must stay where they are
            self.generic_visit(other)
        node.elif_ = others
        chosen = self._constant(node.test)
        if others or chosen is _UNKNOWN or isinstance(chosen, Undefined):
            return node
        return node.body if chosen else node.else_

    def _constant(self, node: nodes.Node | None) -> object:
        """The value of an expression, or _UNKNOWN."""
        assert isinstance(node, nodes.Expr)
        try:
            return node.as_const(self._evaluation)
        except (nodes.Impossible, TemplateError, TypeError):  # if it comes to that, the message itself will tell
            return _UNKNOWN

    def visit_For(self, node: nodes.For) -> nodes.Node | list[nodes.Node]:
        node.iter = self.visit(node.iter)
        rounds = self._rounds(node)
        size = len(rounds) * sum(1 + len(getattr(child, "data", "")) // 100 for child in inside(node.body))
        if not rounds or size > self._left:
            return self.generic_visit(node)
        self._left -= size
        texts = [self._round(node.body, known) for known in rounds]
        if any(name.name in rounds[0] for text in texts for name in text.find_all(nodes.Name)):
            return self.generic_visit(node)  # something is read in another way
        return [
            steps(len(rounds)),
            *chain.from_iterable([text] if stored(text.body) else text.body for text in texts),
        ]

    def _rounds(self, node: nodes.For) -> list[dict[str, object]]:
        """What is known in each round of a loop over a list that is written out; none when that cannot be said."""
        assert isinstance(node.iter, nodes.Filter)  # the environment counts the steps of all loops
        items = self._constant(node.iter.node)
        own = stored([node.target]) | {_LOOP}
        if (
            node.test
            or node.recursive
            or has(node.body, OTHER_FILES)
            or stored(node.body) & own
            or not isinstance(items, list | tuple)
        ):
            return []
        if not all(_fits(node.target, item) for item in items):
            return []
        return [_named(node.target, item) | {_LOOP: _loop(at, len(items))} for at, item in enumerate(items)]

    def _round(self, body: Sequence[nodes.Node], known: Mapping[str, object]) -> nodes.Scope:
        before = self._known
        self._known = {**before, **known}
        text = nodes.Scope(copied(body))
        self.generic_visit(text)
        self._known = before
        return text


def neighbours_joined(body: Sequence[nodes.Node]) -> list[nodes.Node]:
    """``body`` with neighbouring Outputs made one, and empty ones gone."""
    joined: list[nodes.Node] = []
    for node in body:
        if isinstance(node, nodes.Output) and joined and isinstance(joined[-1], nodes.Output):
            joined[-1] = nodes.Output([*joined[-1].nodes, *node.nodes], lineno=joined[-1].lineno)
        elif not isinstance(node, nodes.Output) or node.nodes:
            joined.append(node)
    return joined


def _writable(value: object) -> bool:
    return type(value) in _WRITABLE


def _fits(target: nodes.Node, item: object) -> bool:
    """Whether the loop's target can take the item: one name, or as many as the item has parts."""
    if isinstance(target, nodes.Tuple):
        names = all(isinstance(name, nodes.Name) for name in target.items)
        return names and isinstance(item, tuple | list) and len(item) == len(target.items)
    return isinstance(target, nodes.Name)


def _named(target: nodes.Node, item: Any) -> dict[str, object]:  # noqa: ANN401 - whatever a template wrote
    if isinstance(target, nodes.Tuple):
        return {
            name.name: part for name, part in zip(target.items, item, strict=True) if isinstance(name, nodes.Name)
        }
    return {target.name: item} if isinstance(target, nodes.Name) else {}


def _loop(at: int, length: int) -> dict[str, object]:
    left = length - at
    return {
        "index": at + 1,
        "index0": at,
        "revindex": left,
        "revindex0": left - 1,
        "first": at == 0,
        "last": left == 1,
        "length": length,
    }
