"""The files of a message -> compiled templates, in every language the message has.

A message is the folder ``<message>/`` with ``subject.txt``, ``body.html`` or ``body.mjml``, ``body.txt`` and
``sms.txt``, a language by suffix (``body.zh-CN.html``), and ``_shared/`` beside it for layouts. Without a
``body.txt`` the text is made from the HTML. Files are given by stored content (path below ``templates/`` -> text):
a run renders the version it was released with, never the folder.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jinja2 import BaseLoader, Environment, Template, TemplateNotFound, TemplateSyntaxError, nodes

from winback.channel import Channel
from winback.errors import TemplateError, nearest
from winback.message.cleaning import clean_text
from winback.message.environment import FILTERS, TESTS, MessageEnvironment
from winback.message.fields import LINK_FIELDS
from winback.message.formats import FORMATS
from winback.message.inlining import inlined, rules_of
from winback.message.languages import LONGEST_TAG, PLAIN, Language, candidates, choose
from winback.message.mjml import as_html
from winback.message.pieces import Written
from winback.message.plain_text import as_text

SHARED = "_shared"
_BY_META = "<introspection>"  # the file name jinja2.meta gives its errors
SUBJECT, HTML, TEXT, SMS = "subject.txt", "body.html", "body.txt", "sms.txt"
PARTS: Mapping[Channel, tuple[str, ...]] = {"email": (SUBJECT, HTML, TEXT), "sms": (SMS,)}
PART_FILE = re.compile(
    r"(?P<stem>subject|body|sms)(\.(?P<suffix>[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*))?\.(?P<end>txt|html|mjml)"
)
_OTHER_FILE = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)
_OPTIONAL = {TEXT}  # made from the HTML where there is none
MAX_SOURCE = 120_000  # characters of one template file; a mail above 100 kB is cut short by large mail services


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A compiled message. ``editions``: (suffix, part) -> template; "" is the plain language, English.

    ``made``: the suffixes whose text is made from the HTML. ``links``: the names that ``links`` has in its
    templates; tracked ones come with winback.message.tracking.
    """

    name: str
    suffixes: frozenset[str]
    channels: frozenset[Channel]
    editions: Mapping[tuple[str, str], Template]
    made: frozenset[str]
    links: tuple[str, ...] = tuple(LINK_FIELDS)

    def language(self, locale: str | None) -> Language:
        """The language a customer of ``locale`` is written to."""
        return choose(locale if locale and len(locale) <= LONGEST_TAG else None, self.suffixes)

    def has_edition_for(self, locale: str) -> bool:
        """Whether a customer of ``locale`` is written to in his own language."""
        tags = candidates(locale) if len(locale) <= LONGEST_TAG else ()
        return any(tag in self.suffixes or tag == PLAIN for tag in tags)


Rewrite = Callable[[nodes.Template], nodes.Template]


def _as_written(tree: nodes.Template) -> nodes.Template:
    return tree


def load(
    files: Mapping[str, str], message: str, rewrites: Mapping[tuple[str, str], Rewrite] = MappingProxyType({})
) -> Message:
    """Compile ``message`` from stored ``files``; raises the first TemplateError that stops it.

    ``rewrites``: (suffix, part) -> what is done to the syntax tree of each file of that part.
    """
    channels = channels_of(files, message)
    if not channels:
        raise no_templates(files, message)
    editions = {
        (suffix, part): compiled(
            environment(files, message, suffix, part, rewrites.get((suffix, part), _as_written)),
            file_of(files, message, suffix, part),
        )
        for suffix in suffixes_of(files, message)
        for channel in channels
        for part in PARTS[channel]
    }
    return put_together(files, message, editions)


def put_together(files: Mapping[str, str], message: str, editions: Mapping[tuple[str, str], Template]) -> Message:
    """The message of ``files`` whose parts are compiled already."""
    suffixes = suffixes_of(files, message)
    made = frozenset(suffix for suffix in suffixes if is_made(files, message, suffix, TEXT))
    channels = channels_of(files, message)
    return Message(name=message, suffixes=suffixes, channels=channels, editions=editions, made=made)


def no_templates(files: Mapping[str, str], message: str) -> TemplateError:
    """The error for a message nobody can send: no complete channel."""
    folders = sorted({path.split("/")[0] for path in files if "/" in path} - {SHARED})
    return TemplateError(
        "this message has no templates",
        file=f"{message}/",
        allowed=f"{SUBJECT} and {HTML} for e-mail, {SMS} for SMS",
        nearest=nearest(message, folders) if message not in folders else None,
    )


def suffixes_of(files: Mapping[str, str], message: str) -> frozenset[str]:
    """The languages a message has files in; "" is always one of them."""
    parts = (part_of(path) for path in own_files(files, message))
    return frozenset({"", *(suffix for _, suffix in filter(None, parts))})


def part_of(path: str) -> tuple[str, str] | None:
    """(part, suffix) of a message's file; None for a file that is no part.

    >>> part_of("winback/body.zh-CN.html")
    ('body.html', 'zh-CN')
    """
    match = PART_FILE.fullmatch(path.split("/", 1)[-1])
    part = f"{match['stem']}.{'html' if match['end'] == 'mjml' else match['end']}" if match else ""
    return (part, match["suffix"] or "") if match and part in (SUBJECT, HTML, TEXT, SMS) else None


def channels_of(files: Mapping[str, str], message: str) -> frozenset[Channel]:
    """The channels for which every part that must be has its plain file."""
    plain = {part for part, suffix in filter(None, map(part_of, own_files(files, message))) if not suffix}
    return frozenset(channel for channel, parts in PARTS.items() if {*parts} - _OPTIONAL <= plain)


def is_made(files: Mapping[str, str], message: str, suffix: str, part: str) -> bool:
    """Whether the part in this language is made from another: the text, where no file of the language has one."""
    tags = candidates(suffix) if suffix else ("",)
    own = set(filter(None, map(part_of, own_files(files, message)))) if part in _OPTIONAL else set()
    return part in _OPTIONAL and not any((part, tag) in own for tag in tags)


def file_of(files: Mapping[str, str], message: str, suffix: str, part: str) -> str:
    """The name under which the templates of a part begin."""
    return f"{message}/{HTML if is_made(files, message, suffix, part) else part}"


def own_files(files: Mapping[str, str], message: str) -> list[str]:
    """The paths of a message's own files, sorted."""
    return sorted(path for path in files if path.startswith(f"{message}/"))


def environment(
    files: Mapping[str, str], message: str, suffix: str, part: str, rewrite: Rewrite = _as_written
) -> MessageEnvironment:
    """The environment of one part in one language; HTML is escaped, text is not.

    In HTML the CSS is inlined, a text without a file of its own is made of the HTML; ``rewrite`` comes after.
    """
    stored = Stored(files, message, suffix)
    made = is_made(files, message, suffix, part)
    if part != HTML and not made:
        return MessageEnvironment(stored, escape=False, rewrite=rewrite)
    try:
        plain = MessageEnvironment(stored, escape=not made, rewrite=_as_written)
        read = list(sources(plain, f"{message}/{HTML}").values())
    except TemplateError:  # whoever reads the part will say so
        read = []
    rules = rules_of(Written(source.tree).text for source in read)  # the CSS of all its files
    written = as_text if made else _as_written
    ours = MessageEnvironment(stored, escape=not made, rewrite=lambda tree: rewrite(written(inlined(tree, rules))))
    ours.parsed |= _trees(read)
    return ours


def _trees(read: Iterable["Source"]) -> dict[tuple[str, str | None], nodes.Template]:
    return {(source.text, source.path): source.tree for source in read}


class _NoFile(TemplateNotFound):
    """A file that there is not; ``near``: the name nearest to it."""

    def __init__(self, name: str, near: str | None) -> None:
        super().__init__(name)
        self.near = near


class Stored(BaseLoader):
    """Templates from stored content: the message's own files and ``_shared/``, in one language.

    ``body.html`` finds ``body.zh-CN.html``, then ``body.zh.html``, then ``body.html``; so do included files. A
    name is looked up among the given paths only, so no ``..`` and no absolute name can reach another file. MJML
    counts as the HTML that is made of it.
    """

    def __init__(self, files: Mapping[str, str], message: str, suffix: str) -> None:
        self._files, self._folders = files, (f"{message}/", f"{SHARED}/")
        self._tags = candidates(suffix) if suffix else ()

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """(cleaned source, path, always fresh); TemplateNotFound outside the two folders."""
        stem, dot, end = template.rpartition(".")
        for path in (*(f"{stem}.{tag}{dot}{end}" for tag in self._tags), template):
            if not path.startswith(self._folders):
                continue
            if path in self._files:
                return clean_text(self._files[path].removeprefix("\ufeff")), path, lambda: True
            if path.endswith(".html") and (mjml := f"{path.removesuffix('.html')}.mjml") in self._files:
                return clean_text(as_html(self._files, mjml)), mjml, lambda: True
        raise _NoFile(
            template, nearest(template, [path for path in self._files if path.startswith(self._folders)])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file as it stands: its path, its text and its syntax tree."""

    path: str
    text: str
    tree: nodes.Template


def sources(environment: MessageEnvironment, name: str) -> dict[str, Source]:
    """Name -> source, of ``name`` and everything it extends, includes or imports; raises TemplateError."""
    found: dict[str, Source] = {}
    waiting: list[tuple[str, str, int | None]] = [(name, name, None)]
    while waiting:
        current, asked_by, line = waiting.pop()
        if current in found:
            continue
        with as_template_error(asked_by, line):
            found[current] = source = _read(environment, current)
        asking: Iterator[Any] = source.tree.find_all(_OTHER_FILE)  # node classes with the same field
        for node in asking:
            assert isinstance(node.template, nodes.Const), "the environment refuses all other"
            waiting.append(
                (node.template.value, source.path, None if source.path.endswith(".mjml") else node.lineno)
            )
    return found


def _read(environment: MessageEnvironment, name: str) -> Source:
    assert environment.loader is not None
    text, path, _ = environment.loader.get_source(environment, name)
    if len(text) > MAX_SOURCE:
        raise TemplateError(f"is longer than {MAX_SOURCE} characters", file=str(path))
    return Source(path=str(path), text=text, tree=environment.parse(text, path, path))


def compiled(environment: MessageEnvironment, name: str) -> Template:
    """The template ``name``, with everything it uses compiled; raises TemplateError with file and line."""
    return compiled_of(environment, name, sources(environment, name))


def compiled_of(environment: MessageEnvironment, name: str, read: Mapping[str, Source]) -> Template:
    """``compiled``, of one whose sources were read; their trees are used up."""
    environment.rewritten |= _trees(read.values())
    for other, source in read.items():
        with as_template_error(source.path):
            environment.get_template(other)
    return environment.get_template(name)


@contextmanager
def as_template_error(file: str, line: int | None = None) -> Iterator[None]:
    """Whatever Jinja or Python makes of a wrong template becomes a TemplateError of ``file``.

    ``line``: where another file is asked for.
    """
    try:
        yield
    except TemplateSyntaxError as error:
        raise _syntax(error, file) from error
    except TemplateNotFound as error:
        problem = f"'{error.name}' is not among this message's files and {SHARED}/"
        raise TemplateError(problem, file=file, line=line, nearest=getattr(error, "near", None)) from error
    except (RecursionError, SyntaxError, ValueError, OverflowError, MemoryError) as error:
        raise TemplateError("is nested too deeply, or holds a number too long", file=file) from error


_OPEN = re.compile(
    r"(?:Unexpected end|Encountered unknown tag '(?P<met>\w+)').*needs to be closed is '(?P<open>\w+)'"
)
_TAGS = ("if", "elif", "else", "endif", "for", "endfor", "block", "endblock", "set", "include", "extends", "macro",
         "endmacro", "from", "import", "call", "endcall")  # fmt: skip


def _plainly(text: str) -> str:
    """What Jinja says of tags and brackets, in fewer words."""
    if found := _OPEN.search(text):
        missing = f"{{% {found['open']} %}} is not closed: {{% end{found['open']} %}} is missing"
        return f"{missing} before {{% {found['met']} %}}" if found["met"] else missing
    if tag := re.fullmatch(r"Encountered unknown tag '(\w+)'\.", text):
        near = nearest(tag[1], list(_TAGS))
        return f"{{% {tag[1]} %}} is no tag" + (f": did you mean {{% {near} %}}?" if near else "")
    return f"{text}: an expression ends with }}}}" if text == "unexpected '}'" else text


def _syntax(error: TemplateSyntaxError, file: str) -> TemplateError:
    text = _plainly(str(error.message))
    unknown = re.match(r"No (filter|test) named '([^']*)'", text)
    path = file if error.filename in (None, _BY_META) else error.filename
    if unknown is None:
        return TemplateError(text, file=path, line=error.lineno)
    kind, name = unknown.groups()
    known = [*FILTERS, *FORMATS] if kind == "filter" else [*TESTS, "none"]
    return TemplateError(
        f"|{name} would let a customer's data become HTML" if name == "safe" else f"unknown {kind} '{name}'",
        file=path,
        line=error.lineno,
        allowed=", ".join(sorted(known)),
        nearest=nearest(name, known),
    )
