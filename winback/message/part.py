"""One part of a message compiled for one campaign version and language: a function of the customer alone.

Jinja still writes the code, only the tree it is given is another (winback.message.flatten, .baking). What it calls
private here (its tree, CodeGenerator and Context) is why its minor version is pinned.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from jinja2 import Template, TemplateError, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context

from winback.message.baking import Baker, neighbours_joined
from winback.message.cleaning import clean_text
from winback.message.environment import MAX_STEPS, MessageEnvironment, PlainGenerator, joined, step
from winback.message.flatten import OTHER_FILES, PARENT, STEPS, Unsuited, flatten
from winback.message.formats import FORMATS, formats_in
from winback.message.names import copied, has, stored

# A filter here gives the same for the same values whenever it is asked, and touches nothing: only so may it be
# worked out once for all customers. A new filter must be put here before a template with it is rendered fast.
PURE = frozenset(FORMATS) | {
    "abs", "capitalize", "d", "default", "e", "escape", "length", "lower", "title", "trim", "truncate", "upper",
    "_counted", "_joined", STEPS, PARENT,
}  # fmt: skip
LINKS = "links"
ESCAPED_LINKS = "links | escape"  # no template can call a variable so
_TEXTUAL = frozenset(FORMATS) | {"capitalize", "e", "escape", "lower", "title", "trim", "upper"}  # give text only
_TAKE_BUDGET = (
    nodes.Add, nodes.AssignBlock, nodes.Call, nodes.CallBlock, nodes.FilterBlock, nodes.For, nodes.Macro,
    *OTHER_FILES,
)  # fmt: skip
_LEAVE_TRACES = (nodes.Assign, nodes.AssignBlock, nodes.CallBlock, nodes.Macro, *OTHER_FILES)  # in Jinja's context
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A compiled part.

    ``root`` yields the text, given a context with ``blocks`` whose parent has all groups; ``alone`` says that it
    leaves nothing there. ``fast``: it is baked, not as ``render`` has it. ``bounded``: it may take from the budget
    while it runs, beside the ``steps`` it always takes. ``clean``: it gives nothing that clean_text would remove.
    ``prints``: what it prints whoever reads, fields as (group, name) and constants as texts. ``links``: the fields
    of ``links`` it reads, None for any.
    """

    root: Callable[[Context], Iterator[str]]
    environment: MessageEnvironment
    blocks: dict[str, Callable[[Context], Iterator[str]]]
    fast: bool
    alone: bool
    bounded: bool
    steps: int
    clean: bool
    prints: frozenset[object]
    links: frozenset[str] | None


def flat_tree(template: Template) -> nodes.Template:
    """All that ``template`` is made of in one tree, for every language it is written in; raises Unsuited."""
    with _as_unsuited():
        return flatten(_workshop(template), str(template.name))


def compile_part(
    template: Template,
    tree: nodes.Template,
    constants: Mapping[str, Mapping[str, object]],
    fields: Mapping[str, frozenset[str]],
    tag: str,
) -> Part:
    """``template``, whose flat tree is ``tree``, in the language ``tag``; raises Unsuited.

    ``constants``: group -> name -> cleaned value, the same for every customer. ``fields``: group -> the names that
    a customer's dict of that group will have.
    """
    environment = _workshop(template)
    with _as_unsuited():
        tree = nodes.Template(copied(tree.body), lineno=1)
        shadowed = stored(tree.body)
        if "message" not in shadowed:
            environment.filters = environment.filters | formats_in(tag)
        baker = Baker(environment, _without(constants, shadowed), _without(fields, shadowed))
        baker.visit(tree)
        return _compiled(environment, str(template.name), tree, baker.read)


@contextmanager
def _as_unsuited() -> Iterator[None]:
    try:
        yield
    except (TemplateError, SyntaxError, RecursionError, ValueError, MemoryError) as error:
        raise Unsuited from error


def plain_part(template: Template) -> Part:
    """``template`` as ``render`` has it, for one that is Unsuited."""
    assert isinstance(template.environment, MessageEnvironment)
    return Part(
        root=template.root_render_func,
        environment=template.environment,
        blocks=template.blocks,
        fast=False,
        alone=False,
        bounded=True,
        steps=0,
        clean=False,
        prints=frozenset(),
        links=None,
    )


def _without(groups: Mapping[str, _Value], names: frozenset[str]) -> dict[str, _Value]:
    return {group: values for group, values in groups.items() if group not in names}


def _workshop(template: Template) -> MessageEnvironment:
    """A copy of the template's environment to bake and compile in; other files are still the compiled ones."""
    environment = template.environment
    assert isinstance(environment, MessageEnvironment)
    copy = environment.overlay()
    copy.cache = environment.cache
    copy.filters = environment.filters | {STEPS: _take_steps, PARENT: _parent, "_joined": _joined_at_run}
    return copy


# These are told the context, which keeps Jinja from working them out while it compiles, where there is no budget.


@pass_context
def _take_steps(_: Context, number: int) -> None:
    step(number)


@pass_context
def _parent(_: Context, text: str) -> str:
    step()
    return text


@pass_context
def _joined_at_run(_: Context, parts: Iterable[object]) -> str:
    return joined(parts)


def _compiled(
    environment: MessageEnvironment, name: str, tree: nodes.Template, read: Mapping[str, tuple[str, str]]
) -> Part:
    taken = _take_certain_steps(tree)
    if taken > MAX_STEPS or {filter_.name for filter_ in tree.find_all(nodes.Filter)} - PURE:
        raise Unsuited
    generator = _Generator(environment, name, name, groups=sorted({group for group, _ in read.values()}))
    generator.visit(tree)
    code = compile(generator.source(), f"<{name}>", "exec")
    return Part(
        root=Template.from_code(environment, code, {}).root_render_func,
        environment=environment,
        blocks={},
        fast=True,
        alone=not has(tree.body, _LEAVE_TRACES),
        bounded=has(tree.body, _TAKE_BUDGET)
        or any(f.name in (STEPS, "_joined") for f in tree.find_all(nodes.Filter)),
        steps=taken,
        clean=_is_clean(tree),
        prints=frozenset(_printed(tree, read)),
        links=_links_read(tree, read),
    )


def _take_certain_steps(tree: nodes.Template) -> int:
    """Remove from the tree the steps of the budget that every customer takes; how many."""
    certain = [_steps_of(node) for node in tree.body]
    tree.body = neighbours_joined([node for node, taken in zip(tree.body, certain, strict=True) if not taken])
    return sum(certain)


def _steps_of(node: nodes.Node) -> int:
    if isinstance(node, nodes.ExprStmt) and isinstance(node.node, nodes.Filter) and node.node.name == STEPS:
        assert isinstance(node.node.node, nodes.Const)
        return int(node.node.node.value)
    return 0


def _is_clean(tree: nodes.Template) -> bool:
    """Clean texts of the template stay so: the customer's are cleaned, and no filter adds a control character."""
    texts = (text for node in tree.find_all(nodes.Const) for text in _texts_in(node.value))
    return not has(tree.body, OTHER_FILES) and all(clean_text(text) == text for text in texts)


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Iterable):
        inside = (*value.keys(), *value.values()) if isinstance(value, dict) else value
        for part in inside:
            yield from _texts_in(part)


def _printed(tree: nodes.Template, read: Mapping[str, tuple[str, str]]) -> Iterator[object]:
    for child in (child for node in tree.body if isinstance(node, nodes.Output) for child in node.nodes):
        if isinstance(child, nodes.InternalName):
            yield read[child.name]
        elif isinstance(child, nodes.Const):
            yield child.value


def _links_read(tree: nodes.Template, read: Mapping[str, tuple[str, str]]) -> frozenset[str] | None:
    if has(tree.body, OTHER_FILES) or any(name.name == "links" for name in tree.find_all(nodes.Name)):
        return None
    found = (read[node.name] for node in tree.find_all(nodes.InternalName))
    return frozenset(name for group, name in found if group == "links")


class _Generator(PlainGenerator):
    """Writes the code of a baked tree."""

    def __init__(self, environment: MessageEnvironment, name: str, filename: str, groups: Iterable[str]) -> None:
        super().__init__(environment, name, filename)
        self._groups = groups

    def source(self) -> str:
        """What has been written."""
        return str(self.stream.getvalue())  # type: ignore[attr-defined]  # a StringIO when none was given

    def write_commons(self) -> None:
        """Jinja's beginning of a function, and the dicts that Baker's look-ups read."""
        super().write_commons()
        self.writeline("escaped = environment.escaped")
        for group in self._groups:
            self.writeline(f"{group} = context.parent[{group!r}]")
        if LINKS in self._groups:
            self.writeline(f"escaped_{LINKS} = context.parent[{ESCAPED_LINKS!r}]")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if _is_link(node, frame):
            self.write("escaped_" if frame.eval_ctx.autoescape else "")
        elif _is_short(node) and frame.eval_ctx.autoescape and not frame.eval_ctx.volatile:
            self.write("escaped(")
        else:
            super()._output_child_pre(node, frame, _unless_printable(node, finalize))

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if not _is_link(node, frame):
            super()._output_child_post(node, frame, _unless_printable(node, finalize))


def _is_link(node: nodes.Expr, frame: Frame) -> bool:
    """Whether the node is one of a customer's links, which is there as text and as HTML."""
    is_link = isinstance(node, nodes.InternalName) and node.name.startswith(f"{LINKS}[")
    return is_link and not frame.eval_ctx.volatile


def _is_short(node: nodes.Expr) -> bool:
    """Whether the node is a customer's field, or one written by the locale: worth remembering with its escapes."""
    return isinstance(node, nodes.InternalName) or (
        isinstance(node, nodes.Filter) and node.name in FORMATS and isinstance(node.node, nodes.InternalName)
    )


def _unless_printable(node: nodes.Expr, finalize: CodeGenerator._FinalizeInfo) -> CodeGenerator._FinalizeInfo:
    """Not asked of a customer's field whether it can be printed: it is text, number or date, or raises itself."""
    printable = isinstance(node, nodes.InternalName) or (isinstance(node, nodes.Filter) and node.name in _TEXTUAL)
    return finalize._replace(src=None) if printable else finalize
