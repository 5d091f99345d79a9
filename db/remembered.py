"""What was found by looking at files, remembered in the workspace's ``.winback`` by all that it came from.

Only ever a saving: the digest a finding is stored under covers what was asked, the files, winback's own code and
the libraries installed, so what is remembered is what looking again would find. Who can write to these files can
write to the database beside them.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_ROOMS = ("winback", "db", "app")
Memory = dict[str, dict[str, Any]]


def recall(place: Path) -> Memory:
    """Digest -> finding; nothing where there is no memory or it was cut short."""
    try:
        memory: Memory = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return memory


def remember(place: Path, memory: Memory, most: int) -> None:
    """Put the latest ``most`` findings in the old file's place; where nothing can be written nothing is saved."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=place.name, delete=False) as file:
            json.dump(dict(list(memory.items())[-most:]), file)
        Path(file.name).replace(place)


def digest_of(asked: object, contents: Iterable[bytes] = ()) -> str:
    """The digest of plain values and of ``contents``, under today's code."""
    digest = hashlib.sha256(_code().encode())
    for content in (json.dumps(asked).encode(), *contents):
        digest.update(b"%d " % len(content))
        digest.update(content)
    return digest.hexdigest()


def contents_below(folder: Path) -> Iterator[bytes]:
    """The name and the content of every file below a folder, links with where they lead."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in (*folders, *sorted(names)):
            path = os.path.join(parent, name)
            yield os.fsencode(path)
            if os.path.islink(path):
                yield os.fsencode(os.readlink(path))
            if name in names:
                yield Path(path).read_bytes()


@cache
def _code() -> str:
    """winback's files by size and time of change, as Python knows its byte code again, and what is installed."""
    root = Path(__file__).parent.parent
    files = [
        (os.path.join(parent, name), found.st_size, found.st_mtime_ns)
        for room in _ROOMS
        for parent, _, names in os.walk(root / room)
        for name in sorted(names)
        if not name.endswith(".pyc") and (found := os.stat(os.path.join(parent, name)))
    ]
    installed = [name for folder in map(Path, sys.path) if folder.is_dir() for name in os.listdir(folder)]
    return json.dumps([sys.version, files, sorted(name for name in installed if name.endswith(".dist-info"))])
