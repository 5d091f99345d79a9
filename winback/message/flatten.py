"""One syntax tree for a template and all that it extends, includes and imports macros from.

The tree must do exactly what the files do, so text is put in place only where nothing can tell the difference: a
block sees the names of its template and none of the scopes around it, an included file sees them all, an imported
macro only its own file's. Names made in such a text are given new ones, that nothing else can mean. Where a name
could still come to mean something else, an include or import stays as it is, and a template with such a block
raises Unsuited. What took a step of the budget still takes one.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count

from jinja2 import meta, nodes
from jinja2.visitor import NodeTransformer

from winback.message.environment import MessageEnvironment
from winback.message.fields import NAMES
from winback.message.names import (
    Renamer,
    copied,
    has,
    imported,
    inside,
    of_frame,
    read_too_early,
    stored,
    used,
)

STEPS, PARENT = "_steps", "_parent"  # filters: takes steps; is around the text of super()
OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport)
_GROUPS = frozenset(NAMES)
_OF_CALLS = frozenset({"caller", "kwargs", "varargs"})  # their mere use changes how the macro around is called
_OF_JINJA = _OF_CALLS | {"loop", "self", "super"}
_OWN = (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.Import, nodes.FromImport)
_NEW = re.compile(r"\w__\d")  # what the new names look like; a file that has such names stays as it is
_DEEPEST = 20  # files that extend or include each other
_LARGEST = 150_000  # characters of all files put together, each as often as it is used


class Unsuited(Exception):
    """This template is rendered as it is, because a changed one might differ."""


def flatten(environment: MessageEnvironment, name: str) -> nodes.Template:
    """The tree of ``name``; raises Unsuited."""
    files = _Files(environment)
    tree = files.template(files.body(name, (), frozenset()))
    if {name.name for name in tree.find_all(nodes.Name) if name.ctx == "load"} & {"self", "super"}:
        raise Unsuited
    return tree


def steps(number: int) -> nodes.Stmt:
    """A statement that takes ``number`` steps of the budget."""
    return nodes.ExprStmt(nodes.Filter(nodes.Const(number), STEPS, [], [], None, None))


class _Files:
    """Reads files and puts them together."""

    def __init__(self, environment: MessageEnvironment) -> None:
        self._environment, self._numbers = environment, count(1)
        self._room = _LARGEST
        self._pieces: dict[int, tuple[nodes.Scope, set[str]]] = {}

    def template(self, body: Sequence[nodes.Node]) -> nodes.Template:
        """A tree of its own."""
        return nodes.Template(list(body), lineno=1, environment=self._environment)

    def parse(self, name: str) -> nodes.Template:
        """The tree of one file."""
        assert self._environment.loader is not None
        if self._room < 0:
            raise Unsuited
        text, path, _ = self._environment.loader.get_source(self._environment, name)
        self._room -= len(text) + 1
        if self._room < 0 or _NEW.search(text):
            raise Unsuited
        return self._environment.parse(text, path, path)

    def piece(self, body: Sequence[nodes.Node], free: set[str]) -> nodes.Scope:
        """An included file, that takes the names ``free`` from around."""
        scope = nodes.Scope(list(body))
        self._pieces[id(scope)] = scope, free
        return scope

    def free(self, body: Sequence[nodes.Node]) -> set[str]:
        """The names ``body`` takes from around it, blocks left out."""
        blocks = [
            block
            for node in body
            for block in (node, *node.find_all(nodes.Block))
            if isinstance(block, nodes.Block)
        ]
        texts = [block.body for block in blocks]
        for block in blocks:
            block.body = []
        found = meta.find_undeclared_variables(self.template(body))
        for block, text in zip(blocks, texts, strict=True):
            block.body = text
        return found

    def mentioned(self, body: Iterable[nodes.Node]) -> set[str]:
        """The names that files take from around which ``body`` still includes or imports."""
        found, seen = set[str](), set[str]()
        waiting = [_name_of(node) for node in inside(body) if isinstance(node, OTHER_FILES)]
        while waiting:
            if (name := waiting.pop()) not in seen:
                seen.add(name)
                tree = self.parse(name)
                found |= meta.find_undeclared_variables(tree)
                waiting += [name for name in meta.find_referenced_templates(tree) if name]
        return found

    def rename(self, body: Sequence[nodes.Node], keep: Collection[str] = ()) -> frozenset[str]:
        """Give new names to what ``body`` makes for itself; those that must mean nothing around it.

        A name it also takes from around keeps its name, and so do arguments of macros, which calls may name, and
        what another file may read. An included file may read a name before it is made here, and finds what is
        around; a loop here that does so finds nothing, but would find what is around when all is one.
        """
        macros = (node for node in inside(body) if isinstance(node, nodes.Macro | nodes.CallBlock))
        arguments = {argument.name for macro in macros for argument in macro.args}
        seen = self.mentioned(body)
        for node in inside(body):
            if isinstance(node, nodes.For | nodes.With):
                targets = [node.target] if isinstance(node, nodes.For) else node.targets
                test = [node.test] if isinstance(node, nodes.For) and node.test else []
                self._rename([*targets, *test, *node.body], stored(targets) - seen - arguments)
        seen |= self._read_early(body)
        free = self.free(body)
        self._rename(body, stored(body) - free - arguments - seen - frozenset(keep))
        return stored(body, targets=False) & (seen | (free & read_too_early(body)))

    def _read_early(self, body: Sequence[nodes.Node]) -> set[str]:
        """What included files take from around before ``body`` itself has surely made it."""
        found, made = set[str](), set[str]()
        for node in body:
            for piece in (node, *node.find_all(nodes.Scope)):
                found |= self._pieces.get(id(piece), (piece, set()))[1] - made
            if isinstance(node, _OWN):
                made |= stored([node], targets=False)
        return found

    def _rename(self, body: Sequence[nodes.Node], names: Collection[str]) -> None:
        old = sorted(name for name in names if not _NEW.search(name))
        Renamer({name: f"{name}__{next(self._numbers)}" for name in old}).visit(nodes.Scope(list(body)))

    def body(self, name: str, above: tuple[str, ...], visible: frozenset[str]) -> list[nodes.Node]:
        """What rendering ``name`` does. ``above``: the files it is part of, ``visible``: the names made there."""
        files, above = self._with_layouts(name, above)
        *children, outermost = files
        own = [*(list(_before_layout(child)) for child in children), outermost.body]
        top = frozenset().union(*(of_frame(body) for body in own))
        includer = _Includer(self, above, visible | top)
        shadowed = stored(node for body in own for node in body) & _GROUPS
        own = [includer.include(body, bool(shadowed)) for body in own]
        for body in own:
            self.rename(body, keep=top)
        twice = {name for name in top if sum(name in of_frame(body) for body in own) > 1}
        if twice & frozenset().union(*(used(body, in_scopes_only=True) for body in own)):
            raise Unsuited
        blocks: dict[str, list[nodes.Block]] = {}
        for block in (block for file in files for block in file.find_all(nodes.Block)):
            blocks.setdefault(block.name, []).append(block)
        if blocks and stored(node for body in own for node in body) & _GROUPS:
            raise Unsuited
        return _Filler(self, blocks, includer).visit_all([node for body in own for node in body])

    def _with_layouts(self, name: str, above: tuple[str, ...]) -> tuple[list[nodes.Template], tuple[str, ...]]:
        """``name`` and the layouts it extends, the outermost last; and all files these are part of."""
        files: list[nodes.Template] = []
        while name not in above and len(above) < _DEEPEST:
            files.append(self.parse(name))
            above = (*above, name)
            extends = list(files[-1].find_all(nodes.Extends))
            if not extends:
                return files, above
            if len(extends) > 1 or extends[0] not in files[-1].body:
                break
            name = _name_of(extends[0])
        raise Unsuited

    def macros(self, name: str, above: tuple[str, ...]) -> dict[str, nodes.Macro]:
        """The macros of a file that has nothing else, under their names there; they have been renamed."""
        tree = self.parse(name)
        macros = {node.name: node for node in tree.body if isinstance(node, nodes.Macro)}
        others = [node for node in tree.body if not (isinstance(node, nodes.Macro) or _is_data(node))]
        made = stored(child for macro in macros.values() for child in macro.iter_child_nodes())
        if others or made & (macros.keys() | _GROUPS) or name in above or len(above) >= _DEEPEST:
            raise Unsuited
        if has(tree.body, (nodes.Block,)) or self.free(tree.body) - _GROUPS:
            raise Unsuited
        _Includer(self, (*above, name), frozenset()).include(list(macros.values()), shadowed=False)
        Renamer({name: f"{name}__{next(self._numbers)}" for name in macros}).visit(tree)
        return macros


def _is_data(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(isinstance(child, nodes.TemplateData) for child in node.nodes)


def _name_of(node: nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport) -> str:
    assert isinstance(node.template, nodes.Const)  # the environment refuses anything else
    return str(node.template.value)


def _before_layout(child: nodes.Template) -> Iterator[nodes.Node]:
    """What a file that extends a layout does itself: names it makes, and what it prints before it extends."""
    extended = False
    for node in child.body:
        if isinstance(node, nodes.Extends):
            extended = True
            yield steps(1)
        elif isinstance(node, _OWN) or (isinstance(node, nodes.Output) and not extended):
            yield node
        elif not (extended and isinstance(node, nodes.Output | nodes.Block)):
            raise Unsuited


class _Walker(NodeTransformer):
    """Knows which names the scopes around have, other than new ones, and whether a macro is around."""

    def __init__(self, files: _Files) -> None:
        self._files = files
        self._local: frozenset[str] = frozenset()
        self._in_macro = False

    def visit_all(self, body: list[nodes.Node]) -> list[nodes.Node]:
        """``body`` with everything in place."""
        scope = nodes.Scope(body)
        self.generic_visit(scope)
        return scope.body

    def _around(self, node: nodes.Node) -> nodes.Node:
        before = self._local, self._in_macro
        if isinstance(node, nodes.Macro | nodes.CallBlock):
            self._in_macro, self._local = True, self._local | _OF_CALLS
        self._local |= {name for name in stored([node]) if not _NEW.search(name)}
        self._local |= {"loop"} if isinstance(node, nodes.For) else frozenset()
        self.generic_visit(node)
        self._local, self._in_macro = before
        return node

    visit_For = visit_With = visit_Macro = visit_CallBlock = visit_FilterBlock = visit_AssignBlock = _around

    def _calls_differ(self, body: Iterable[nodes.Node]) -> bool:
        return self._in_macro and bool(used(body) & _OF_CALLS)


class _Includer(_Walker):
    """Puts included files and imported macros where they are used, not looking into blocks."""

    def __init__(self, files: _Files, above: tuple[str, ...], visible: frozenset[str]) -> None:
        super().__init__(files)
        self._above, self.visible = above, visible | _GROUPS
        self._shadowed = False

    def include(self, body: list[nodes.Node], shadowed: bool) -> list[nodes.Node]:
        """``body`` with what it includes; ``shadowed`` says that it gives a group's name another meaning."""
        self._shadowed = shadowed
        return self.visit_all(body)

    def visit_Block(self, node: nodes.Block) -> nodes.Node:
        return node

    def visit_Include(self, node: nodes.Include) -> nodes.Node | list[nodes.Node]:
        visible = self.visible | self._local
        try:
            body = self._files.body(_name_of(node), self._above, visible)
        except Unsuited:
            return node
        clash = self._files.rename(body) & visible
        free = self._files.free(body)
        if self._shadowed or clash or self._calls_differ(body) or free & _OF_JINJA:
            return node
        return [steps(1), self._files.piece(body, free)]

    def visit_FromImport(self, node: nodes.FromImport) -> nodes.Node | list[nodes.Node]:
        try:
            macros = self._files.macros(_name_of(node), self._above)
        except Unsuited:
            return node
        wanted = list(imported(node))
        if (
            self._shadowed
            or not {name for name, _ in wanted} <= macros.keys()
            or self._calls_differ(macros.values())
        ):
            return node
        named = [
            nodes.Assign(nodes.Name(here, "store"), nodes.Name(macros[name].name, "load")) for name, here in wanted
        ]
        return [steps(1), *macros.values(), *named]


class _Filler(_Walker):
    """Puts blocks where they are rendered."""

    def __init__(self, files: _Files, blocks: Mapping[str, Sequence[nodes.Block]], includer: _Includer) -> None:
        super().__init__(files)
        self._blocks, self._includer = blocks, includer
        self._inside: tuple[str, int] | None = None

    def visit_Block(self, node: nodes.Block) -> nodes.Node:
        if node.required and len(self._blocks[node.name]) < 2:
            raise Unsuited
        return self._text(node.name, 0)

    def visit_Output(self, node: nodes.Output) -> list[nodes.Node]:
        output = nodes.Output([], lineno=node.lineno)
        found: list[nodes.Node] = [output]
        for child in node.nodes:
            if isinstance(child, nodes.Call) and _is_super(child) and self._inside:
                name, depth = self._inside
                output = nodes.Output([], lineno=node.lineno)
                around = nodes.Filter(None, PARENT, [], [], None, None)
                found += [nodes.FilterBlock([self._text(name, depth + 1)], around), output]
            else:
                output.nodes.append(child)
        return found

    def _text(self, name: str, depth: int) -> nodes.Node:
        """The text of a block; ``depth`` counts the times that super() was said."""
        if depth >= len(self._blocks[name]):
            raise Unsuited
        body = copied(self._blocks[name][depth].body)
        body = self._includer.include(body, bool(stored(body) & _GROUPS))
        if self._files.rename(body) & (self._includer.visible | self._local):
            raise Unsuited
        before = self._local, self._inside
        self._local |= {name for name in of_frame(body) if not _NEW.search(name)}
        self._inside = name, depth
        body = self.visit_all(body)
        self._local, self._inside = before
        taken = self._files.free(body) | self._files.mentioned(body)
        if taken & self._local or self._calls_differ(body):
            raise Unsuited
        return nodes.Scope(body)


def _is_super(call: nodes.Call) -> bool:
    plain = not (call.args or call.kwargs or call.dyn_args or call.dyn_kwargs)
    return plain and call.node == nodes.Name("super", "load")
