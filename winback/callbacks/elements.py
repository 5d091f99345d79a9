"""The elements of a JSON list that a provider signed: read fast where that is safe, else with care.

Python's own reader takes not-a-number, infinities and the last of equal keys without a word, and needs quadratic
time for very long numbers; none of these may pass. orjson refuses the first two by itself and takes the last of
equal keys, so keys are counted: without its blanks a text has at least one ``":`` for every key, and exactly as
many as there are keys in what was read only if none was dropped. In all other cases the careful reader decides.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_DIGITS = 20  # of the longest whole number in 64 bits; longer ones are read as fractions, in linear time
_BLANKS = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Broken:
    """A piece of JSON that no event may contain; spreads to the object around it."""

    reason: str


def read_elements(body: bytes) -> list[Any] | str:
    """The elements of the list in ``body``, Broken in place of what no event may contain; or what is wrong."""
    quick = _read_fast(body)
    return _read_with_care(body) if quick is None else quick


def _read_fast(body: bytes) -> list[dict[str, Any]] | None:
    """The objects of the list, or None when it is not proved that the careful reader would read the same."""
    try:
        elements = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(elements) is not list or not all(type(element) is dict for element in elements):
        return None
    colons = body.translate(None, _BLANKS).count(b'":')
    return elements if colons == sum(map(len, elements)) or colons == _count_keys(elements) else None


def _count_keys(elements: Sequence[Any]) -> int:
    """The keys of all objects at any depth."""
    keys, left = 0, list(elements)
    while left:
        value = left.pop()
        if isinstance(value, dict):
            keys += len(value)
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
    return keys


def _read_with_care(body: bytes) -> list[Any] | str:
    try:
        elements = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=lambda _: Broken("not_a_number"),
            parse_float=_float,
            parse_int=_integer,
        )
    except RecursionError:
        return "nested_too_deep"
    except ValueError:  # not UTF-8, or not JSON
        return "not_json"
    return elements if isinstance(elements, list) else "not_a_list"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Broken:
    found = dict(pairs)
    return Broken("duplicate_key") if len(found) < len(pairs) else _broken_in(list(found.values())) or found


def _broken_in(value: Any) -> Broken | None:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, list):
        return next((broken for each in value if (broken := _broken_in(each))), None)
    return value if isinstance(value, Broken) else None


def _float(digits: str) -> float | Broken:
    value = float(digits)
    return value if abs(value) != float("inf") else Broken("number_too_large")


def _integer(digits: str) -> int | float | Broken:
    number = int(digits) if len(digits) <= _DIGITS else None
    return number if number is not None and -(2**63) <= number < 2**64 else _float(digits)
