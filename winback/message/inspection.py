"""Everything a person must mend in a message's templates, found before any customer is read."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from jinja2 import Template, meta, nodes

from winback.channel import Channel
from winback.errors import TemplateError, nearest
from winback.message.fields import FOOTER, MADE_UP_LOCALE, NAMES, PERSONAL, samples
from winback.message.formats import is_currency
from winback.message.languages import candidates
from winback.message.markup import markup_problems
from winback.message.needs import Need, needs_of
from winback.message.plain_text import seen_in
from winback.message.printed import CODE, NO_CODE, NO_HTML, almost_code, html_in, printed
from winback.message.rendering import RenderFailure, Sms, render
from winback.message.sms import SmsSize, lacks_in_chinese, outside_gsm, signatures
from winback.message.template import (
    HTML,
    PARTS,
    SMS,
    TEXT,
    Message,
    Source,
    as_template_error,
    channels_of,
    compiled_of,
    environment,
    file_of,
    no_templates,
    own_files,
    part_of,
    put_together,
    sources,
    suffixes_of,
)
from winback.message.written_addresses import ELSEWHERE, allowed_places, leading_elsewhere

_CHINESE = re.compile("[\u4e00-\u9fff]")
_OPT_OUT = re.compile(r"\bSTOP\b")
_CODE = re.compile(r"\{[{%][^{}]*\}")  # no brace within: an opening one that never closes costs no more time
_WEB = re.compile(
    rf"(?:https?://|\{{\{{\s*links\.\w+\s*\}}\}})(?:{_CODE.pattern}\}}?|[^\s\"'<>{{}}])*", re.IGNORECASE
)
_SETS = (nodes.Assign, nodes.AssignBlock)
MAX_HTML = 100_000  # bytes: Gmail cuts a mail off at 102 kB and hides the rest, its way out among it
SOMEBODY = "某某商店"  # a sender of no template's own signature, as long as the made-up one
_OF_JINJA = {"self", "super", "caller", "loop"}


def check(
    files: Mapping[str, str], message: str, channels: Collection[Channel] = (), hosts: Collection[str] = ()
) -> list[TemplateError]:
    """All problems of ``message`` in ``files`` (path below templates/ -> text); empty means it can be sent.

    ``channels`` are the ones a campaign wants; without them every channel with a file is looked at. ``hosts``:
    where links may lead, and to names below them; none = anywhere.
    """
    return examine(files, message, channels, hosts).problems


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSize:
    """What one text message to the made-up customer costs; ``outside``: what keeps it out of GSM-7.

    ``signed``: its signature, in 【】, is the sender's name.
    """

    file: str
    size: SmsSize
    outside: tuple[str, ...]
    signed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What is wrong with a message; of one without problems what its text messages cost, and what it needs."""

    problems: list[TemplateError]
    texts: list[TextSize] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)


def examine(
    files: Mapping[str, str], message: str, channels: Collection[Channel], hosts: Collection[str]
) -> Examined:
    """What ``check`` finds, and what is told of a message without problems."""
    if not own_files(files, message):
        return Examined(problems=[no_templates(files, message)])
    found = [*_file_problems(files, message), *_missing_parts(files, message, channels)]
    complete = channels_of(files, message)
    editions: dict[tuple[str, str], Template] = {}
    for suffix in sorted(suffixes_of(files, message)):
        for part in (part for channel in sorted(complete) for part in PARTS[channel]):
            problems, template = _part_problems(files, message, suffix, part, hosts)
            found += problems
            if template:
                editions[suffix, part] = template
    if found:
        return Examined(problems=_each_once(found))
    if not complete:
        return Examined(problems=[no_templates(files, message)])
    loaded = put_together(files, message, editions)
    if problems := list(_sample_problems(loaded)):
        return Examined(problems=_each_once(problems))
    return Examined(problems=[], texts=text_sizes(loaded), needs=needs_of(loaded, files))


def _each_once(found: Iterable[TemplateError]) -> list[TemplateError]:
    """Shared files are read once a language; say each thing once, in the order of file and line."""
    once = {str(problem): problem for problem in found}
    return sorted(once.values(), key=lambda problem: (problem.file, problem.line or 0, str(problem)))


def _file_problems(files: Mapping[str, str], message: str) -> Iterator[TemplateError]:
    known = [part for parts in PARTS.values() for part in parts]
    for path in own_files(files, message):
        name, part = path.removeprefix(f"{message}/"), part_of(path)
        if name.startswith("_"):
            continue  # a piece of the message's own, for its parts to include
        if part is None:
            dashed = name.replace("_", "-")
            hint = dashed if part_of(dashed) else nearest(name, known)
            yield TemplateError("is not a part of a message", file=path, allowed=", ".join(known), nearest=hint)
        elif name.endswith(".mjml") and f"{path.removesuffix('.mjml')}.html" in files:
            yield TemplateError("stands beside its .html: which is meant?", file=path)
        elif part[1] and candidates(part[1])[:1] != (part[1],):
            better = next(iter(candidates(part[1])), None)
            yield TemplateError(f"'{part[1]}' is not a language", file=path, allowed="zh, zh-CN", nearest=better)


def _missing_parts(
    files: Mapping[str, str], message: str, channels: Collection[Channel]
) -> Iterator[TemplateError]:
    present = set(filter(None, map(part_of, own_files(files, message))))
    for channel, parts in PARTS.items():
        begun = {suffix for part, suffix in present if part in parts}
        for suffix in sorted(begun | {""} if begun or channel in channels else begun):
            tags = candidates(suffix) if suffix else ("",)
            for part in (part for part in parts if part != TEXT):  # a missing text is made of the HTML
                if not any((part, tag) in present for tag in tags):
                    yield _missing(message, part, suffix, channel)


def _missing(message: str, part: str, suffix: str, channel: Channel) -> TemplateError:
    stem, end = part.split(".")
    name = f"{stem}.{suffix}.{end}" if suffix else part
    why = f"so a {suffix} customer would get two languages in one message" if suffix else f"needed for {channel}"
    return TemplateError(f"is missing, {why}", file=f"{message}/{name}")


def _part_problems(
    files: Mapping[str, str], message: str, suffix: str, part: str, hosts: Collection[str]
) -> tuple[list[TemplateError], Template | None]:
    """What is wrong with a part, and the part compiled if it can be."""
    jinja, name = environment(files, message, suffix, part), file_of(files, message, suffix, part)
    found: list[TemplateError] = []
    try:
        read = {path: _Read.of(source) for path, source in sources(jinja, name).items()}
        found.extend(_unidentified(read, name) if part in (HTML, TEXT) else ())
        for source, nodes_of in read.values():
            found.extend(markup_problems(source, jinja, hosts) if part == HTML else ())
            found.extend(_text_problems(source, hosts) if name.endswith(".txt") else ())
            found.extend(_unknown_currencies(source, nodes_of))
        found.extend(_unknown_names(read.values()))
        found.extend(_named_in_addresses(read.values()))
        return found, compiled_of(jinja, name, {path: each.source for path, each in read.items()})
    except TemplateError as problem:  # what was found before it stays
        return [*found, problem], None


class _Read(NamedTuple):
    """A file and all nodes of its tree, walked once."""

    source: Source
    nodes: list[nodes.Node]

    @classmethod
    def of(cls, source: Source) -> "_Read":
        return cls(source, list(source.tree.find_all(nodes.Node)))


N = TypeVar("N", bound=nodes.Node)


def _those(found: Iterable[nodes.Node], kind: type[N]) -> Iterator[N]:
    return (node for node in found if isinstance(node, kind))


def _unknown_names(read: Collection[_Read]) -> Iterator[TemplateError]:
    known = {*NAMES, *_OF_JINJA}.union(*(_own_names(each.nodes) for each in read))
    for source, found in read:
        loaded = [name for name in _those(found, nodes.Name) if name.ctx == "load" and name.name not in known]
        with as_template_error(source.path):  # it takes as long as compiling
            undeclared = meta.find_undeclared_variables(source.tree) if loaded else set[str]()
        for name in loaded:
            if name.name in undeclared:
                yield _unknown(source.path, name.lineno, name.name, sorted(NAMES))
        for group, named, line in _fields(found):
            if named not in NAMES[group]:
                yield _unknown(source.path, line, f"{group}.{named}", [f"{group}.{f}" for f in NAMES[group]])


def _own_names(found: Collection[nodes.Node]) -> Iterator[str]:
    """What a template itself names: ``set``, loop variables, macros, imports."""
    yield from (name.name for name in _those(found, nodes.Name) if name.ctx != "load")
    yield from (macro.name for macro in _those(found, nodes.Macro))
    yield from (module.target for module in _those(found, nodes.Import))
    for pieces in _those(found, nodes.FromImport):
        yield from (piece if isinstance(piece, str) else piece[1] for piece in pieces.names)


def _unknown(file: str, line: int, name: str, known: list[str]) -> TemplateError:
    allowed = ", ".join(known)
    return TemplateError(
        "unknown name", file=file, line=line, field=name, allowed=allowed, nearest=nearest(name, known)
    )


def _fields(found: Collection[nodes.Node]) -> Iterator[tuple[str, str, int]]:
    """(group, field, line) of every ``customer.name`` and ``customer["name"]``."""
    for dotted in _those(found, nodes.Getattr):
        if isinstance(dotted.node, nodes.Name) and dotted.node.name in NAMES:
            yield dotted.node.name, dotted.attr, dotted.lineno
    for item in _those(found, nodes.Getitem):
        if isinstance(item.node, nodes.Name) and item.node.name in NAMES and isinstance(item.arg, nodes.Const):
            yield item.node.name, str(item.arg.value), item.lineno


def _unknown_currencies(source: Source, found: Collection[nodes.Node]) -> Iterator[TemplateError]:
    """Currencies written out that there are not; the sample may never come to where they stand."""
    for money in (each for each in _those(found, nodes.Filter) if each.name == "money"):
        given = [*money.args, *(each.value for each in money.kwargs if each.key == "currency")]
        for code in (str(each.value) for each in _those(given, nodes.Const)):
            if not is_currency(code):
                near = code.upper() if is_currency(code.upper()) else None
                yield TemplateError(
                    f"|money knows no currency '{code}'",
                    file=source.path,
                    line=money.lineno,
                    allowed="the codes of ISO 4217, such as GBP or CNY",
                    nearest=near,
                )


def _named_in_addresses(read: Collection[_Read]) -> Iterator[TemplateError]:
    """Web addresses that say who the customer is: servers, browsers and whoever is linked to next keep them."""
    telling = _telling([node for each in read for node in each.nodes])
    for source, _ in read:
        for address in _WEB.finditer(source.text):
            if any(telling.search(code) for code in _CODE.findall(address[0])):
                yield TemplateError(
                    "an address must not say who reads it: those it leads to keep it",
                    file=source.path,
                    line=source.text.count("\n", 0, address.start()) + 1,
                    field=f"customer.{PERSONAL}",
                )


def _telling(found: Collection[nodes.Node]) -> re.Pattern[str]:
    """What an expression must not hold to say nobody's name: the field, and what is made of it by ``set``."""
    sets = [list(node.find_all(nodes.Node)) for node in found if isinstance(node, _SETS)]
    names, before = set[str](), -1
    while len(names) > before:  # a name may be made of one that is made of the field
        before = len(names)
        for inside in sets:
            loaded = {each.name for each in _those(inside, nodes.Name) if each.ctx == "load"}
            if loaded & names or ("customer", PERSONAL) in {(group, named) for group, named, _ in _fields(inside)}:
                names |= {each.name for each in _those(inside, nodes.Name) if each.ctx == "store"}
    own = "".join(rf"|\b{re.escape(name)}\b" for name in sorted(names))
    return re.compile(rf"""\bcustomer\s*(?:\.\s*{PERSONAL}\b|\[\s*["']{PERSONAL}["'])""" + own)


def _text_problems(source: Source, hosts: Collection[str]) -> Iterator[TemplateError]:
    """What a text prints and should not: addresses that lead elsewhere than they may, code that is none, HTML."""
    text, allowed = printed(source.text), allowed_places(hosts)
    found: list[tuple[int, str, str | None]] = [
        (at, f"{written} {ELSEWHERE}", allowed) for at, written in leading_elsewhere(text.text, hosts)
    ]
    found += [(at, f"{written} {NO_CODE}", CODE) for at, written in almost_code(text.text)]
    found += [(at, f"{written} {NO_HTML}", None) for at, written in html_in(text.text)]
    for at, problem, instead in found:
        line = source.text.count("\n", 0, text.place(at)) + 1
        yield TemplateError(problem, file=source.path, line=line, allowed=instead)


def _unidentified(read: Mapping[str, _Read], name: str) -> Iterator[TemplateError]:
    used = {f"{group}.{named}" for each in read.values() for group, named, _ in _fields(each.nodes)}
    for needed in FOOTER:
        if needed not in used:
            yield TemplateError(f"must show {{{{ {needed} }}}}", file=read[name].source.path, field=needed)


def _sample_problems(message: Message) -> Iterator[TemplateError]:
    """Render every language and channel for a made-up customer who has every field."""
    for suffix in sorted(message.suffixes):
        values = samples(suffix)
        customer = values["customer"] | {"locale": suffix or MADE_UP_LOCALE}
        groups = {"campaign": values["campaign"], "links": values["links"], "sender": values["sender"]}
        for channel in sorted(message.channels):
            result = render(message, channel, customer=customer, **groups)
            if isinstance(result, RenderFailure):
                yield TemplateError(result.problem, file=result.file, line=result.line, field=result.field)
            elif isinstance(result, Sms):
                yield from _sms_problems(result, message.editions[suffix, SMS].filename or SMS)
            elif unseen := _unseen(result.html, groups):
                file = message.editions[suffix, HTML].filename or HTML
                yield TemplateError(
                    f"must show {{{{ {unseen} }}}} where a reader sees it", file=file, field=unseen
                )
            elif (size := len(result.html.encode())) > MAX_HTML:
                problem = f"is {size:,} bytes of HTML: Gmail cuts it off at {MAX_HTML:,}"
                yield TemplateError(problem, file=message.editions[suffix, HTML].filename or HTML)


def _unseen(html: str, groups: Mapping[str, Mapping[str, object]]) -> str | None:
    """What every e-mail must show and this one hides: in a comment or hidden part, behind a link without words."""
    seen = " ".join(seen_in(html).split())
    for needed in FOOTER:
        group, field = needed.split(".")
        if str(groups[group][field]) not in seen:
            return needed
    return None


def _sms_problems(sms: Sms, file: str) -> Iterator[TemplateError]:
    if _CHINESE.search(sms.text):
        for lack in lacks_in_chinese(sms.text):
            yield TemplateError(lack.problem, file=file, allowed=lack.allowed)
    elif not _OPT_OUT.search(sms.text):
        yield TemplateError("must say how to opt out", file=file, allowed="Reply STOP to opt out")


def text_sizes(loaded: Message) -> list[TextSize]:
    """The text messages of a faultless message, one for each language."""
    if "sms" not in loaded.channels:
        return []
    found = {}
    for suffix in sorted(loaded.suffixes):
        values = samples(suffix)
        sender = values["sender"] | ({"name": SOMEBODY} if suffix.startswith("zh") else {})
        groups = {"campaign": values["campaign"], "links": values["links"], "sender": sender}
        customer = values["customer"] | {"locale": suffix or MADE_UP_LOCALE}
        sms, file = render(loaded, "sms", customer=customer, **groups), loaded.editions[suffix, SMS].filename
        if isinstance(sms, Sms) and file:
            outside, signed = tuple(outside_gsm(sms.text)), SOMEBODY in signatures(sms.text)
            found[file] = TextSize(file=file, size=sms.size, outside=outside, signed=signed)
    return list(found.values())
