"""The Jinja environment of messages: an immutable sandbox with hardly anything in it, and a budget.

Templates are programs written by others. Jinja's sandbox stops attribute tricks; this one also
  - sees only plain values: text, numbers, dates and the dicts that hold them; no method can be called,
    only macros (a plain sandbox would run ``{{ customer.delete() }}``);
  - has no global and only the filters and tests a message needs;
  - counts loop steps, macro calls and included files, and the characters joined, so that no template can run for
    long or fill the memory: nested loops, doubling strings and recursive macros end with one clear error.
Escaping is decided by the part (HTML on, text off), never by a file's name.
"""

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar, Token
from datetime import date
from functools import lru_cache, partial
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from winback.message.formats import FORMATS

MAX_STEPS = 10_000  # loop steps + macro calls + included files of one message
MAX_CHARS = 2_000_000  # characters joined while rendering one message
MAX_NUMBER = 10**15
MAX_POWER = 16
FILTERS = (
    "abs", "capitalize", "d", "default", "e", "escape", "length", "lower", "title", "trim", "truncate", "upper",
)  # fmt: skip
TESTS = ("defined", "even", "number", "odd", "string", "undefined")
PRINTABLE = frozenset({str, int, float, date, Markup})


class MissingValue(UndefinedError):
    """A template used a value that this customer does not have."""

    def __init__(self, field: str, message: str | None = None) -> None:
        self.field = field
        super().__init__(message or f"{field} has no value")


class OverBudget(SecurityError):
    """A template wanted more steps, characters or digits than one message may take."""


class Unknown(StrictUndefined):
    """A name that does not exist: any use of it raises MissingValue."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: object = missing, name: str | None = None, exc: object = None
    ) -> None:
        super().__init__(hint, obj, name, partial(MissingValue, str(name)))  # type: ignore[arg-type]  # called with the message only


class Absent(Undefined):
    """A field this customer has no value for: false in ``if``, equal to none, and anything else raises.

    Python's None would print as "None" wherever a filter or ``~`` turns it into text.
    """

    __slots__ = ()

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} has no value", name=field, exc=partial(MissingValue, field))  # type: ignore[arg-type]  # called with the message only

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Absent)

    __hash__ = Undefined.__hash__

    def __str__(self) -> str:
        self._fail_with_undefined_error()

    def __iter__(self) -> Iterator[object]:
        self._fail_with_undefined_error()

    def __len__(self) -> int:
        self._fail_with_undefined_error()


class Budget:
    """Gives what is rendered inside ``with Budget():`` one message's worth of steps and characters."""

    __slots__ = ("_token", "chars", "steps")

    def __init__(self) -> None:
        self.steps, self.chars = MAX_STEPS, MAX_CHARS

    def __enter__(self) -> None:
        self._token: Token[Budget | None] = _budget.set(self)

    def __exit__(self, *_: object) -> None:
        _budget.reset(self._token)


_budget: ContextVar[Budget | None] = ContextVar("winback_message_budget", default=None)


def step(count: int = 1) -> None:
    """Take ``count`` steps from the budget of the message being rendered."""
    left = _budget.get()
    if left is not None:
        left.steps -= count
        if left.steps < 0:
            raise OverBudget(f"more than {MAX_STEPS} loop steps, macro calls and included files")


def spend(characters: int) -> None:
    """Take ``characters`` from the budget of the message being rendered."""
    left = _budget.get()
    if left is not None:
        left.chars -= characters
        if left.chars < 0:
            raise OverBudget(f"more than {MAX_CHARS} characters")


def joined(parts: Iterable[object]) -> str:
    """Jinja's ``~``, within the budget."""
    text = markup_join(parts)
    spend(len(text))
    return text


def _counted(items: Iterable[object]) -> Iterator[object]:
    """What a ``for`` runs over, within the budget."""
    for item in items:
        step()
        yield item


def is_none(value: object) -> bool:
    """The test ``is none``: also true of a field this customer has no value for."""
    return value is None or isinstance(value, Absent)


def _must_be_there(value: object) -> None:
    if isinstance(value, Undefined):
        str(value)  # raises MissingValue, which names the field


def printed(value: object) -> object:
    """``value`` if a message may print it; raises for nothing, yes/no, lists and anything else."""
    if type(value) in PRINTABLE:
        return value
    _must_be_there(value)
    raise SecurityError(f"{type(value).__name__} cannot be printed in a message")


class PlainGenerator(CodeGenerator):
    """Jinja's, but what a message may not print is refused in constants too (``{{ true }}`` in HTML)."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> str:
        if not isinstance(node, nodes.TemplateData):
            printed(node.as_const(frame.eval_ctx))
        return super()._output_child_to_const(node, frame, finalize)


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """One language and one kind of part (HTML or text) of one message.

    ``rewrite`` changes every parsed file before it is compiled. ``parsed``, ``rewritten``: (text, path) -> tree of
    files that were parsed already, each taken once; parsing takes about as long as compiling.
    """

    code_generator_class = PlainGenerator
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(
        self,
        loader: BaseLoader,
        *,
        escape: bool,
        rewrite: Callable[[nodes.Template], nodes.Template],
    ) -> None:
        self._rewrite = rewrite
        self.parsed: dict[tuple[str, str | None], nodes.Template] = {}
        self.rewritten: dict[tuple[str, str | None], nodes.Template] = {}
        super().__init__(
            loader=loader,
            autoescape=escape,
            undefined=Unknown,
            finalize=printed,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
        )
        self.globals.clear()
        own: dict[str, Callable[..., object]] = {"_joined": joined, "_counted": _counted}
        self.filters = {name: self.filters[name] for name in FILTERS} | FORMATS | own
        self.tests = {name: self.tests[name] for name in TESTS} | {"none": is_none}

    @staticmethod
    @lru_cache(maxsize=8192, typed=True)  # typed: ready-made markup is not the same as its text
    def escaped(value: object) -> str:
        """A customer's value as text of HTML, remembered: dates, numbers and places come again and again."""
        return str(escape(value))

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a template, block, macro or ``set`` produced, within the budget."""
        pieces = list(parts)
        spend(sum(map(len, pieces)))
        return "".join(pieces)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        file = source, filename
        if file in self.rewritten:
            return self.rewritten.pop(file)
        tree = self.parsed.pop(file, None) or _Bounded(name, filename).visit(
            super()._parse(source, name, filename)
        )
        return self._rewrite(tree)

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's signature
        """A dict's entry, or what loops, imports and blocks offer; never an attribute of a value."""
        if type(obj) is dict:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext | TemplateModule | BlockReference | TemplateReference):
            return super().getattr(obj, attribute)
        _must_be_there(obj)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        """A dict's entry by name, or a character or item by number."""
        _must_be_there(obj)
        by_name = type(obj) is dict and type(argument) is str
        by_number = type(obj) in (str, Markup, list, tuple) and type(argument) is int
        try:
            return obj[argument] if by_name or by_number else self.undefined(obj=obj, name=str(argument))
        except LookupError:
            return self.undefined(obj=obj, name=str(argument))

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        """Call a macro, ``caller()``, ``super()`` or ``self.block()``; nothing else can be called."""
        if isinstance(called, Undefined):
            return called()
        if not isinstance(called, Macro | BlockReference):
            raise SecurityError("only macros can be called in a message")
        step()
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        # as Jinja's own call does for these two, without asking the sandbox about them
        return called(context.eval_ctx, *args, **kwargs) if isinstance(called, Macro) else called(*args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        """``+ * ** %`` on numbers of ordinary size, and ``+`` on texts."""
        for value in (left, right):
            _must_be_there(value)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            spend(len(left) + len(right))
            return left + right
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} works on numbers only")
        if operator == "**" and abs(right) > MAX_POWER:
            raise OverBudget(f"powers above {MAX_POWER}")
        result = super().call_binop(context, operator, left, right)
        if not isinstance(result, int | float) or abs(result) > MAX_NUMBER:
            raise OverBudget(f"numbers above {MAX_NUMBER}")
        return result

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:  # noqa: ANN401 - Jinja's signature
        """A template by name; each one fetched while rendering is a step of the budget."""
        step()
        return super().get_template(name, parent, globals)


class _Bounded(NodeTransformer):
    """Puts the budget into loops and ``~``, and refuses what no message needs."""

    def __init__(self, name: str | None, filename: str | None) -> None:
        self._name, self._filename = name, filename

    def _refuse(self, node: nodes.Node, why: str) -> TemplateSyntaxError:
        return TemplateSyntaxError(why, node.lineno, self._name, self._filename)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "_counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "_joined", [], [], None, None, lineno=node.lineno)

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:
        raise self._refuse(node, "{% autoescape %} is not allowed: each part decides for itself")

    def _named(self, node: Any) -> nodes.Node:  # noqa: ANN401 - four node classes with the same field
        if not (isinstance(node.template, nodes.Const) and isinstance(node.template.value, str)):
            raise self._refuse(node, "the name of a file to include must be written out in quotes")
        if not isinstance(node, nodes.Extends):
            node.with_context = True  # a macro file sees the customer too
        self.generic_visit(node)
        return node  # type: ignore[no-any-return]  # one of the four

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _named
