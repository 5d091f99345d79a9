"""On which line each setting of a TOML text stands; the standard library's parser does not say."""

import tomllib
from collections.abc import Iterator

from winback.campaigns.faults import Path


def lines_of(text: str) -> dict[Path, int]:
    """Path of every table and value -> its line, () -> 1, of a text that is TOML.

    Parses what stands before each line: what is new with it stands on it, however it is written. A value of
    several lines belongs to its first.
    """
    found: dict[Path, int] = {(): 1}
    rows = text.splitlines(keepends=True)
    begun = 1
    for end in range(1, len(rows) + 1):
        try:
            data = tomllib.loads("".join(rows[:end]))
        except tomllib.TOMLDecodeError:
            continue
        for path in _paths(data, ()):
            found.setdefault(path, begun)
        begun = end + 1
    return found


def _paths(value: object, path: Path) -> Iterator[Path]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _paths(part, (*path, name))
