"""What a model finds wrong with a file's values -> errors for the person who wrote it: line, field, plain words.

Campaign files and winback.toml are both explained here, so that they are refused in the same words.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_origin
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from winback.errors import FileProblem, nearest

Path = tuple[str | int, ...]
E = TypeVar("E", bound=FileProblem)
Spot = Callable[[Path, int], tuple[int, int]]  # (field, character of its text from 0) -> line, column from 1


class TextFault(ValueError):
    """A text of a grammar of its own cannot be read: at which character (from 0), what may stand there."""

    def __init__(self, problem: str, *, at: int, allowed: str | None = None, nearest: str | None = None) -> None:
        self.at, self.allowed, self.nearest = at, allowed, nearest
        super().__init__(problem)


# The texts that models describe by a pattern, and what a person is told instead of it.
IDENTIFIER = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
EMAIL = r"^[^@\s]+@[^@\s]+$"
SENDER_EMAIL = r"^[A-Za-z0-9.!#$%&\x27*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$"  # as winback.delivery.outgoing
CURRENCY = r"^[A-Z]{3}$"
HOST = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$"
SENDER_NAME = r"^[^\r\n]{1,120}$"
PATTERNS = {
    IDENTIFIER: "must be lower-case words joined by hyphens, such as spring-offer",
    EMAIL: "must be an e-mail address",
    SENDER_EMAIL: "must be an e-mail address in ASCII, as providers want it (a domain in other letters: xn--...)",
    HOST: "must be a host in small letters, such as shop.example",
    CURRENCY: "must be three capital letters, such as EUR",
    SENDER_NAME: "must be one line of up to 120 characters",
}

_PLAIN = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "decimal_type": "must be a number",
    "decimal_parsing": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "literal_error": "is none of the choices",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
    "decimal_max_places": "has too many decimals",
}
_LIMITS = {
    "gt": "more than {}",
    "ge": "at least {}",
    "lt": "less than {}",
    "le": "at most {}",
    "min_length": "at least {}",
    "max_length": "at most {}",
    "decimal_places": "at most {}",
}


def explain(
    found: ValidationError,
    *,
    model: type[BaseModel],
    error: type[E],
    file: str,
    lines: Mapping[Path, int],
    later: Mapping[str, str] = MappingProxyType({}),
    meant: Mapping[str, str] = MappingProxyType({}),
    spot: Spot | None = None,
) -> list[E]:
    """Every fault as an ``error``, in the order of the file.

    ``lines``: path -> line, with () for the whole. ``later``: fields of later versions, each with what to do
    instead or nothing. ``meant``: what others call a field -> the field. ``spot``: needed where the model raises
    TextFault.
    """
    explained = [
        _at_spot(detail, file, error, spot)
        if spot and isinstance(detail.get("ctx", {}).get("error"), TextFault)
        else _explain(detail, model, error, file, lines, later, meant)
        for detail in _own_faults(found.errors(), model)
    ]
    return sorted(explained, key=lambda problem: problem.line or 0)


def _at_spot(detail: ErrorDetails, file: str, error: type[E], spot: Spot) -> E:
    fault, path = detail["ctx"]["error"], detail["loc"]
    line, column = spot(path, fault.at)
    hints = {"allowed": fault.allowed, "nearest": fault.nearest}
    return error(str(fault), file=file, line=line, column=column, field=dotted(path), **hints)


def line_at(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a field; where it is absent, of what is around it."""
    while path not in lines:
        path = path[:-1]
    return lines[path]


def dotted(path: Path) -> str:
    """A field as people write it: ``journey[1].send``."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """The field names ``model`` allows at a place of its file; empty where there are none, or any may be."""
    place: Any = model
    for part in path:
        if not isinstance(part, int):
            place = _below(place, part)
    section = _section_in(place)
    return [] if section is None or _is_mapping(place) else list(section.model_fields)


def _below(place: Any, name: str) -> Any:  # noqa: ANN401 - typing forms have no common type
    if _is_mapping(place):
        return get_args(place)[1]
    section = _section_in(place)
    field = section.model_fields.get(name) if section else None
    return field.annotation if field else None


def _is_mapping(annotation: Any) -> bool:  # noqa: ANN401 - typing forms have no common type
    return get_origin(annotation) is dict


def _section_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - typing forms have no common type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_section_in(part) for part in getattr(annotation, "__args__", ())]
    return next((part for part in found if part is not None), None)


def _own_faults(details: list[ErrorDetails], model: type[BaseModel]) -> list[ErrorDetails]:
    """Without what is mended with another fault: the reader mends one thing.

    That is "too short" of a list whose items are at fault themselves, and "missing" of a field that is misspelt.
    """
    inner = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    misspelt = {_meant(detail["loc"], model) for detail in details if detail["type"] == "extra_forbidden"}
    follows = {"too_short": inner, "missing": misspelt}
    return [detail for detail in details if detail["loc"] not in follows.get(detail["type"], ())]


def _meant(path: Path, model: type[BaseModel]) -> Path:
    """The path of the known field whose name is nearest; the path itself where none is near."""
    near = _near_field(str(path[-1]), fields_at(model, path[:-1]))
    return (*path[:-1], near) if near else path


def _explain(
    detail: ErrorDetails,
    model: type[BaseModel],
    error: type[E],
    file: str,
    lines: Mapping[Path, int],
    later: Mapping[str, str],
    meant: Mapping[str, str],
) -> E:
    path: Path = tuple(part for part in detail["loc"] if part != "[key]")  # of a name that is at fault itself
    if detail["type"].startswith("string_") and path not in lines:
        path = path[:-1]  # one text for all languages
    known = fields_at(model, path[:-1])
    place: dict[str, Any] = {"file": file, "line": line_at(path, lines), "field": dotted(path)}
    if detail["type"] != "extra_forbidden":
        allowed = _allowed(detail, model, path)
        return error(_words(detail), allowed=allowed, nearest=_near_value(detail), **place)
    if path[-1] in later:
        words = " ".join(part for part in ("comes with a later version: remove it", later[str(path[-1])]) if part)
        return error(words, allowed=", ".join(known), **place)
    near = meant.get(str(path[-1])) or _near_field(str(path[-1]), known)
    if len(known) > 1 and (elsewhere := _elsewhere(model, str(path[-1]))):
        return error(f"is not a field here: it stands in {elsewhere}", **place)
    return error("is not a field here", allowed=", ".join(known), nearest=near, **place)


def _near_field(name: str, known: list[str]) -> str | None:
    return known[0] if len(known) == 1 else nearest(name, known)


def _elsewhere(model: type[BaseModel], name: str) -> str | None:
    """Where in the file a field of this name stands, if it is one place only."""
    found = [dotted(path) for path in _sections(model, ()) if name in fields_at(model, path)]
    return found[0] if len(found) == 1 and found[0] else None


def _sections(model: type[BaseModel], path: Path) -> Iterator[Path]:
    """The paths of all parts of a file that hold fields; of lists the first."""
    yield path
    for name, field in model.model_fields.items():
        section = None if _is_mapping(field.annotation) else _section_in(field.annotation)
        if section:
            yield from _sections(section, (*path, name))


def _words(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "string_pattern_mismatch":
        return PATTERNS[detail["ctx"]["pattern"]]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "must hold fields of its own"
    if kind in {"tuple_type", "frozen_set_type"}:
        given = detail["input"]
        return (
            f"write a list: [{given}]" if isinstance(given, str | int) else "write a list: entries after hyphens"
        )
    return detail["msg"][0].lower() + detail["msg"][1:]


def _allowed(detail: ErrorDetails, model: type[BaseModel], path: Path) -> str | None:
    context = detail.get("ctx", {})
    if detail["type"] == "literal_error":
        return str(context["expected"]).replace("'", "")
    if detail["type"].startswith(("model_", "dict_")):
        return ", ".join(fields_at(model, path)) or None
    limits = [text.format(f"{context[key]}".removesuffix(".0")) for key, text in _LIMITS.items() if key in context]
    unit = "" if not detail["type"].startswith("string_") else " character" + "s" * (limits[-1:] != ["at least 1"])
    return " and ".join(limits) + unit if limits else None


def _near_value(detail: ErrorDetails) -> str | None:
    value = str(detail["input"])
    if detail["type"] in {"int_type", "float_type", "int_parsing", "float_parsing"}:
        number = re.sub(r"[\s,_'’%]" if detail["type"].startswith("float") else r"[\s,_'’]", "", value)
        return number if re.fullmatch(r"\d{1,9}", number) else None
    if detail["type"] == "string_pattern_mismatch":
        return _near_text(value, str(detail["ctx"]["pattern"]))
    if detail["type"] == "literal_error":
        return nearest(value, str(detail["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", "))
    if detail["type"] == "value_error" and "time zone" in str(detail["ctx"]["error"]):
        return _near_zone(value)
    return None


def _near_text(value: str, pattern: str) -> str | None:
    """The text as it may be written, where small letters, capitals or hyphens are all that it needs."""
    word = re.sub(r"[\s_]+", "-", value.strip()) if re.fullmatch(r"[A-Za-z0-9\s_-]+", value) else ""
    host = value.strip().lower().removeprefix("https://").rstrip("/")
    near = {IDENTIFIER: word.lower(), CURRENCY: value.strip().upper(), HOST: host}.get(pattern, "")
    return near if re.fullmatch(pattern, near) else None


_IN_CHINA = ("beijing", "shenzhen", "guangzhou", "china", "北京", "上海", "深圳", "广州", "中国")


def _near_zone(value: str) -> str | None:
    """The nearest zone; none for abbreviations and offsets, which are of several or change in summer."""
    if any(city in value.casefold() for city in _IN_CHINA):
        return "Asia/Shanghai"
    sure = len(value) > 4 and not re.search(r"\d", value)
    return nearest(value, sorted(available_timezones())) if sure else None
