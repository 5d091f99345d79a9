"""A campaign file's text -> Campaign, or the list of everything a person must mend, each with its line.

YAML tags, anchors and aliases are refused: a campaign is plain data, and an alias can be a bomb.
"""

from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from winback.campaign import NOT_YET, Campaign, model_at
from winback.errors import CampaignError, nearest

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
Path = tuple[str | int, ...]
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_PLAIN = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
}


def read_campaign(text: str, file: str) -> Campaign:
    """The campaign in ``text``; raises the first CampaignError of ``problems``."""
    campaign, found = examine(text, file)
    if campaign is None:
        raise found[0]
    return campaign


def examine(text: str, file: str) -> tuple[Campaign | None, list[CampaignError]]:
    """The campaign, or None and every problem found, in the order of the file."""
    lines: dict[Path, int] = {(): 1}
    try:
        data = _plain_data(text, file, lines)
    except CampaignError as error:
        return None, [error]
    try:
        return Campaign.model_validate(data), []
    except ValidationError as error:
        found = [_explain(detail, file, lines) for detail in _own_faults(error.errors())]
        return None, sorted(found, key=lambda problem: problem.line or 0)


def line_of(text: str, *path: str | int) -> int:
    """The line of a field in a text that ``examine`` has accepted; where it is absent, of what is around it."""
    lines: dict[Path, int] = {(): 1}
    _plain_data(text, "", lines)
    return _line(path, lines)


def _plain_data(text: str, file: str, lines: dict[Path, int]) -> object:
    if len(text.encode()) > MAX_BYTES:
        raise CampaignError(f"is larger than {MAX_BYTES // 1024} KiB; a campaign is one page", file=file)
    try:
        _refuse_tricks(text, file)
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else None
        raise CampaignError(f"not readable as YAML: {error.problem}", file=file, line=line) from error
    except yaml.YAMLError as error:
        raise CampaignError(f"not readable as YAML: {error}", file=file) from error
    if not isinstance(node, yaml.MappingNode):
        raise CampaignError("is empty or not a list of 'field: value' lines", file=file, line=1)
    return _value(node, (), file, lines)


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


def _value(node: yaml.Node, path: Path, file: str, lines: dict[Path, int]) -> object:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return {key: _value(value, (*path, key), file, lines) for key, value in _pairs(node, path, file, lines)}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), file, lines) for index, item in enumerate(node.value)]
    return yaml.constructor.SafeConstructor().construct_object(node)


def _pairs(
    node: yaml.MappingNode, path: Path, file: str, lines: dict[Path, int]
) -> Iterator[tuple[str, yaml.Node]]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line, key = key_node.start_mark.line + 1, str(key_node.value)
        if not isinstance(key_node, yaml.ScalarNode):
            raise CampaignError("a field name must be a word", file=file, line=line)
        if key in seen:
            raise CampaignError("is given twice", file=file, line=line, field=_dotted((*path, key)))
        seen.add(key)
        lines[(*path, key)] = line
        yield key, value_node


def _own_faults(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without "too short" of a list whose items are at fault themselves: the reader mends one thing."""
    inner = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [detail for detail in details if not (detail["type"] == "too_short" and detail["loc"] in inner)]


def _explain(detail: ErrorDetails, file: str, lines: dict[Path, int]) -> CampaignError:
    path: Path = tuple(detail["loc"])
    known = model_at(path[:-1])
    place: dict[str, Any] = {"file": file, "line": _line(path, lines), "field": _dotted(path)}
    if detail["type"] != "extra_forbidden":
        return CampaignError(_words(detail), allowed=_allowed(detail, path), nearest=_near_value(detail), **place)
    if path[-1] in NOT_YET:
        return CampaignError("is not yet supported: remove it", allowed=", ".join(known), **place)
    return CampaignError(
        "is not a field of a campaign",
        allowed=", ".join(known),
        nearest=nearest(str(path[-1]), known),
        **place,
    )


def _words(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "must hold fields of its own"
    return detail["msg"][0].lower() + detail["msg"][1:]


def _allowed(detail: ErrorDetails, path: Path) -> str | None:
    context = detail.get("ctx", {})
    if detail["type"] == "literal_error":
        return str(context["expected"]).replace("'", "")
    if detail["type"].startswith(("model_", "dict_")):
        return ", ".join(model_at(path)) or None
    limits = [f"{word} {context[key]}" for key, word in _LIMITS.items() if key in context]
    return " and ".join(limits) or None


_LIMITS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def _near_value(detail: ErrorDetails) -> str | None:
    value = str(detail["input"])
    if detail["type"] == "literal_error":
        return nearest(value, str(detail["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", "))
    if detail["type"] == "value_error" and "time zone" in str(detail["ctx"]["error"]):
        return nearest(value, sorted(available_timezones()))
    return None


def _line(path: Path, lines: dict[Path, int]) -> int:
    while path not in lines:
        path = path[:-1]
    return lines[path]


def _dotted(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
