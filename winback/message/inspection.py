"""Everything a person must mend in a message's templates, found before any customer is read."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import Template, meta, nodes

from winback.channel import Channel
from winback.errors import TemplateError, nearest
from winback.message.fields import NAMES, REQUIRED_IN_EMAIL, samples
from winback.message.languages import candidates
from winback.message.markup import is_known_host, markup_problems
from winback.message.plain_text import seen_in
from winback.message.rendering import RenderFailure, Sms, render
from winback.message.sms import SmsSize, lacks_in_chinese, outside_gsm
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

_CHINESE = re.compile("[\u4e00-\u9fff]")
_OPT_OUT = re.compile(r"\bSTOP\b")
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*)://([^\s/?#<>\"'{]*)", re.IGNORECASE)
MAX_HTML = 100_000  # bytes: Gmail cuts a mail off at 102 kB and hides the rest, its way out among it
_OF_JINJA = {"self", "super", "caller", "loop"}


def check(
    files: Mapping[str, str], message: str, channels: Collection[Channel] = (), hosts: Collection[str] = ()
) -> list[TemplateError]:
    """All problems of ``message`` in ``files`` (path below templates/ -> text); empty means it can be sent.

    ``channels`` are the ones a campaign wants; without them every channel with a file is looked at. ``hosts``:
    where links may lead, and to names below them; none = anywhere.
    """
    return examine(files, message, channels, hosts)[0]


def examine(
    files: Mapping[str, str], message: str, channels: Collection[Channel], hosts: Collection[str]
) -> tuple[list[TemplateError], list["TextSize"]]:
    """What ``check`` finds, and of a message without problems what its text messages cost."""
    if not own_files(files, message):
        return [no_templates(files, message)], []
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
        return _each_once(found), []
    if not complete:
        return [no_templates(files, message)], []
    loaded = put_together(files, message, editions)
    found += _sample_problems(loaded)
    return _each_once(found), [] if found else text_sizes(loaded)


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
            hint = nearest(name, known)
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
        read = sources(jinja, name)
        found.extend(_unidentified(read, name) if part in (HTML, TEXT) else ())
        for source in read.values():
            found.extend(markup_problems(source, jinja, hosts) if part == HTML else ())
            found.extend(_address_problems(source, hosts) if name.endswith(".txt") else ())
        found.extend(_unknown_names(read.values()))
        return found, compiled_of(jinja, name, read)
    except TemplateError as problem:  # what was found before it stays
        return [*found, problem], None


def _unknown_names(read: Collection[Source]) -> Iterator[TemplateError]:
    known = {*NAMES, *_OF_JINJA}.union(*(_own_names(source.tree) for source in read))
    for source in read:
        with as_template_error(source.path):
            undeclared = meta.find_undeclared_variables(source.tree)
        for name in source.tree.find_all(nodes.Name):
            if name.name in undeclared - known:
                yield _unknown(source.path, name.lineno, name.name, sorted(NAMES))
        for group, field, line in _fields(source.tree):
            if field not in NAMES[group]:
                yield _unknown(source.path, line, f"{group}.{field}", [f"{group}.{f}" for f in NAMES[group]])


def _own_names(tree: nodes.Template) -> Iterator[str]:
    """What a template itself names: ``set``, loop variables, macros, imports."""
    yield from (name.name for name in tree.find_all(nodes.Name) if name.ctx != "load")
    yield from (macro.name for macro in tree.find_all(nodes.Macro))
    yield from (module.target for module in tree.find_all(nodes.Import))
    for pieces in tree.find_all(nodes.FromImport):
        yield from (piece if isinstance(piece, str) else piece[1] for piece in pieces.names)


def _unknown(file: str, line: int, name: str, known: list[str]) -> TemplateError:
    allowed = ", ".join(known)
    return TemplateError(
        "unknown name", file=file, line=line, field=name, allowed=allowed, nearest=nearest(name, known)
    )


def _fields(tree: nodes.Template) -> Iterator[tuple[str, str, int]]:
    """(group, field, line) of every ``customer.name`` and ``customer["name"]``."""
    for dotted in tree.find_all(nodes.Getattr):
        if isinstance(dotted.node, nodes.Name) and dotted.node.name in NAMES:
            yield dotted.node.name, dotted.attr, dotted.lineno
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and item.node.name in NAMES and isinstance(item.arg, nodes.Const):
            yield item.node.name, str(item.arg.value), item.lineno


def _address_problems(source: Source, hosts: Collection[str]) -> Iterator[TemplateError]:
    """Addresses written out in a text that lead elsewhere than they may."""
    for found in _ADDRESS.finditer(source.text):
        if found[1].lower() != "https" or not is_known_host(found[2], hosts):
            yield TemplateError(
                f"{found[0]} leads where no link may",
                file=source.path,
                line=source.text.count("\n", 0, found.start()) + 1,
                allowed=", ".join(f"https://{host}/" for host in hosts) or "https://",
            )


def _unidentified(read: Mapping[str, Source], name: str) -> Iterator[TemplateError]:
    used = {f"{group}.{field}" for source in read.values() for group, field, _ in _fields(source.tree)}
    for needed in REQUIRED_IN_EMAIL:
        if needed not in used:
            yield TemplateError(f"must show {{{{ {needed} }}}}", file=read[name].path, field=needed)


def _sample_problems(message: Message) -> Iterator[TemplateError]:
    """Render every language and channel for a made-up customer who has every field."""
    values = samples()
    for suffix in sorted(message.suffixes):
        customer = values["customer"] | {"locale": suffix or "en"}
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
    for needed in REQUIRED_IN_EMAIL:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSize:
    """What one text message to the made-up customer costs; ``outside``: what keeps it out of GSM-7."""

    file: str
    size: SmsSize
    outside: tuple[str, ...]


def text_sizes(loaded: Message) -> list[TextSize]:
    """The text messages of a faultless message, one for each language."""
    if "sms" not in loaded.channels:
        return []
    values = samples()
    groups = {"campaign": values["campaign"], "links": values["links"], "sender": values["sender"]}
    found = {}
    for suffix in sorted(loaded.suffixes):
        name = "林晓雨" if suffix.startswith("zh") else values["customer"]["name"]
        customer = values["customer"] | {"locale": suffix or "en", "name": name}
        sms, file = render(loaded, "sms", customer=customer, **groups), loaded.editions[suffix, SMS].filename
        if isinstance(sms, Sms) and file:
            found[file] = TextSize(file=file, size=sms.size, outside=tuple(outside_gsm(sms.text)))
    return list(found.values())
