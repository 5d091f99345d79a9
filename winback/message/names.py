"""The names of a syntax tree: which it makes, which it reads, and how they are given other ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from jinja2 import nodes
from jinja2.idtracking import VAR_LOAD_UNDEFINED, symbols_for_node
from jinja2.visitor import NodeTransformer

_SCOPES = (nodes.For, nodes.With, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.AssignBlock, nodes.Scope)


def stored(body: Iterable[nodes.Node], *, targets: bool = True) -> frozenset[str]:
    """The names that ``body`` makes, blocks left out; without ``targets`` only those of set, macro and import."""
    found = set[str]()
    for node in body:
        if isinstance(node, nodes.Name) and (node.ctx == "store" or (targets and node.ctx == "param")):
            found.add(node.name)
        elif isinstance(node, nodes.FromImport):
            found.update(alias for _, alias in imported(node))
        elif isinstance(node, nodes.Macro | nodes.Import):
            found.add(node.name if isinstance(node, nodes.Macro) else node.target)
        if isinstance(node, nodes.For) and not targets:
            found |= stored((*node.body, *node.else_), targets=False)
        elif not isinstance(node, nodes.Block):
            found |= stored(node.iter_child_nodes(), targets=targets)
    return frozenset(found)


def has(body: Iterable[nodes.Node], kinds: tuple[type[nodes.Node], ...]) -> bool:
    """Whether there is a node of one of the ``kinds`` in ``body``."""
    return any(isinstance(node, kinds) or has(node.iter_child_nodes(), kinds) for node in body)


def inside(body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """All nodes of ``body``, at any depth."""
    for node in body:
        yield node
        yield from node.find_all(nodes.Node)


def of_frame(body: Sequence[nodes.Node]) -> frozenset[str]:
    """The names that ``body`` makes for all of itself, not those of a loop or another scope in it."""
    return frozenset(symbols_for_node(nodes.Scope(list(body))).stores)


def imported(node: nodes.FromImport) -> Iterator[tuple[str, str]]:
    """(name in the other file, name here) of each."""
    return ((name, name) if isinstance(name, str) else name for name in node.names)


def used(body: Iterable[nodes.Node], *, in_scopes_only: bool = False) -> set[str]:
    """The names read in ``body``, blocks left out."""
    found = set[str]()
    for node in body:
        if isinstance(node, nodes.Name) and node.ctx == "load" and not in_scopes_only:
            found.add(node.name)
        if not isinstance(node, nodes.Block):
            found |= used(node.iter_child_nodes(), in_scopes_only=in_scopes_only and not isinstance(node, _SCOPES))
    return found


def read_too_early(body: Sequence[nodes.Node]) -> set[str]:
    """Names that a scope of ``body`` makes, but reads in a scope within, it may be before it has made them."""
    found = set[str]()
    scopes = (node for node in inside(body) if isinstance(node, _SCOPES))
    for text in (body, *(text for scope in scopes for text in (scope.body, getattr(scope, "else_", ())))):
        symbols = symbols_for_node(nodes.Scope(list(text)))
        made = {name for name in symbols.stores if symbols.loads[symbols.refs[name]][0] == VAR_LOAD_UNDEFINED}
        found |= made & used(text, in_scopes_only=True)
    return found


def copied(body: Iterable[nodes.Node]) -> list[nodes.Node]:
    """The same nodes once more; values of constants are shared."""
    return [_copy(node) for node in body]


def _copy(node: nodes.Node) -> nodes.Node:
    new: nodes.Node = object.__new__(type(node))
    for name, value in vars(node).items():
        if isinstance(value, nodes.Node):
            new.__dict__[name] = _copy(value)
        elif isinstance(value, list) and name in node.fields:
            new.__dict__[name] = [_copy(item) if isinstance(item, nodes.Node) else item for item in value]
        else:
            new.__dict__[name] = value
    return new


class Renamer(NodeTransformer):
    """Gives names another name, everywhere but in blocks."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Block(self, node: nodes.Block) -> nodes.Node:
        return node

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        node.name = self._names.get(node.name, node.name)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        node.name = self._names.get(node.name, node.name)
        return self.generic_visit(node)

    def visit_Import(self, node: nodes.Import) -> nodes.Node:
        node.target = self._names.get(node.target, node.target)
        return node

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.Node:
        node.names = [(name, self._names.get(here, here)) for name, here in imported(node)]
        return node
