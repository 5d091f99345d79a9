"""A campaign file's text -> Campaign, or the list of everything a person must mend, each with its line.

YAML tags, anchors and aliases are refused: a campaign is plain data, and an alias can be a bomb.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from winback.campaigns.campaign import Campaign
from winback.campaigns.faults import Path, dotted, explain, line_at
from winback.campaigns.other_words import MEANT, NOT_YET
from winback.campaigns.unreadable import unreadable
from winback.campaigns.values import PINNED
from winback.errors import CampaignError, unprintable

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
# Controls but tab and line break, zero-width blanks, separators and directions; emoji need U+200C and U+200D.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff]")
M = TypeVar("M", bound=BaseModel)
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_campaign(text: str, file: str) -> Campaign:
    """The campaign in ``text``; raises the first CampaignError of ``problems``."""
    campaign, found = examine(text, file)
    if campaign is None:
        raise found[0]
    return campaign


def read_pinned(text: str, file: str) -> Campaign:
    """The campaign in a text that a run has pinned: what was right when it was pinned still is.

    Rules that only keep a new file from a slip do not apply. Raises as ``read_campaign``.
    """
    campaign, found = examine_as(Campaign, text, file, pinned=True)
    if campaign is None:
        raise found[0]
    return campaign


def campaign_of(files: Mapping[str, str], campaign_id: str) -> Campaign:
    """The campaign among the files of a folder (path -> text); raises as ``read_campaign``."""
    return read_campaign(files[f"campaigns/{campaign_id}.yaml"], campaign_id)


def examine(text: str, file: str) -> tuple[Campaign | None, list[CampaignError]]:
    """The campaign, or None and every problem found, in the order of the file."""
    return examine_as(Campaign, text, file, later=NOT_YET, meant=MEANT)


def examine_as(
    model: type[M],
    text: str,
    file: str,
    *,
    later: Mapping[str, str] = MappingProxyType({}),
    meant: Mapping[str, str] = MappingProxyType({}),
    pinned: bool = False,
) -> tuple[M | None, list[CampaignError]]:
    """A file that marketers write, as ``model``; ``later``, ``meant``: as campaigns.faults has them."""
    places = _Places(text)
    try:
        data = _plain_data(text, file, places)
    except CampaignError as error:
        return None, [error]
    slips = [] if pinned else [*_empty(places, file), *_invisible(places, file)]
    try:
        found = model.model_validate(data, context={PINNED: pinned})
    except ValidationError as error:
        faults = explain(
            error, model=model, error=CampaignError, file=file, lines=places.lines, later=later, meant=meant,
            spot=places.spot,
        )  # fmt: skip
        said = {each.field for each in faults}
        found_too = (each for each in slips if each.field not in said)
        return None, sorted([*faults, *found_too], key=lambda fault: fault.line or 0)
    return (None, slips) if slips else (found, [])


def _empty(places: "_Places", file: str) -> Iterator[CampaignError]:
    """Fields without a value: who leaves one may mean 0, or what is usual."""
    for path, node in places.scalars.items():
        if node.tag == "tag:yaml.org,2002:null":
            problem = "is empty: write a value, or take the line out for what is usual"
            yield CampaignError(problem, file=file, line=line_at(path, places.lines), field=dotted(path))


def _invisible(places: "_Places", file: str) -> Iterator[CampaignError]:
    """Values with a character that nobody wrote on purpose: YAML takes them in quotes, as ``\\a``."""
    for path, node in places.scalars.items():
        if hidden := _INVISIBLE.search(str(node.value)):
            yield CampaignError(
                unprintable(hidden[0]), file=file, line=line_at(path, places.lines), field=dotted(path)
            )


def line_of(text: str, *path: str | int) -> int:
    """The line of a field in a text that ``examine`` has accepted; where it is absent, of what is around it."""
    return line_at(path, _places_of(text).lines)


def values_of(text: str) -> dict[str, str]:
    """Field -> its value in the file's own words, of a text that ``examine`` has accepted."""
    return {dotted(path): str(node.value) for path, node in _places_of(text).scalars.items()}


class _Places:
    """Where everything in a file stands: the line of each field, and each single value as it was written."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {(): 1}
        self.scalars: dict[Path, yaml.ScalarNode] = {}
        self._text = text

    def spot(self, path: Path, at: int) -> tuple[int, int]:
        """Line and column, from 1, of character ``at`` of a value's text.

        A value may run over lines, in quotes or not; its visible characters come in the same order.
        """
        node = self.scalars[path]
        index = node.start_mark.index
        if node.style in {"|", ">"}:
            index = self._text.index("\n", index)
        elif node.style:
            index += 1
        for _ in range(len("".join(node.value[:at].split()))):
            index = self._visible(index, node.style) + 1
        if node.value[at:].strip():  # else it ends too early: just behind its last character
            index = self._visible(index, node.style)
        before = self._text[:index]
        return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1

    def _visible(self, index: int, style: str | None) -> int:
        """The next visible character that is the value's own, not its escape."""
        while index < len(self._text) and self._text[index].isspace():
            index += 1
        escaped = (style == '"' and self._text[index : index + 1] == "\\") or (
            style == "'" and self._text[index : index + 2] == "''"
        )
        return index + escaped


def _places_of(text: str) -> _Places:
    places = _Places(text)
    _plain_data(text, "", places)
    return places


def _plain_data(text: str, file: str, places: _Places) -> object:
    if len(text.encode()) > MAX_BYTES:
        raise CampaignError(f"is larger than {MAX_BYTES // 1024} KiB; a campaign is one page", file=file)
    try:
        _refuse_tricks(text, file)
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line, words = unreadable(error, text)
        raise CampaignError(words, file=file, line=line) from error
    except yaml.reader.ReaderError as error:
        raise _no_text(text, file) from error
    if not isinstance(node, yaml.MappingNode):
        raise CampaignError("is empty or not a list of 'field: value' lines", file=file, line=1)
    return _value(node, (), file, places)


def _no_text(text: str, file: str) -> CampaignError:
    """Of a character that YAML has no place for: the parser says where it is, but not in which line."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    assert found, "only such a character is unreadable in a decoded text"
    return CampaignError(unprintable(found[0]), file=file, line=text.count("\n", 0, found.start()) + 1)


def _refuse_tricks(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise CampaignError("anchors (&) and aliases (*) are not allowed", file=file, line=line)
        if tag := getattr(event, "tag", None):
            raise CampaignError(f"the tag {tag} is not allowed", file=file, line=line)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise CampaignError("is nested too deeply", file=file, line=line)


def _value(node: yaml.Node, path: Path, file: str, places: _Places) -> object:
    places.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return {key: _value(value, (*path, key), file, places) for key, value in _pairs(node, path, file, places)}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), file, places) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        places.scalars[path] = node
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except ValueError as error:  # a day that is none, a number of 5,000 digits
        line, is_day = node.start_mark.line + 1, node.tag.endswith(":timestamp")
        words = f"there is no such day: {node.value}" if is_day else f"cannot be read: {error}"
        raise CampaignError(words, file=file, line=line, field=dotted(path)) from error


def _pairs(node: yaml.MappingNode, path: Path, file: str, places: _Places) -> Iterator[tuple[str, yaml.Node]]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line, key = key_node.start_mark.line + 1, str(key_node.value)
        if not isinstance(key_node, yaml.ScalarNode):
            raise CampaignError("a field name must be a word", file=file, line=line)
        if hidden := next((letter for letter in key if not letter.isprintable()), None):
            raise CampaignError(unprintable(hidden), file=file, line=line)
        if key in seen:
            raise CampaignError("is given twice", file=file, line=line, field=dotted((*path, key)))
        seen.add(key)
        places.lines[(*path, key)] = line
        yield key, value_node
