"""What a lint has read and found, so that it does no work twice: in a call, and where nothing has changed since.

Between calls one small file in the state folder names what was found without faults; whoever deletes it loses only
time. A run never asks it.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from winback import __version__
from winback.errors import FileProblem

MOST = 500  # of what was clean: the newest that are kept
Files = dict[str, str]


class LintMemory:
    """Of one call; ``state``: the folder that remembers from call to call, None = nothing does."""

    def __init__(self, state: Path | None = None) -> None:
        self._file = state / "linted.json" if state else None
        self._clean = _read(self._file)
        self._new: list[str] = []
        self._texts: dict[str, Files] = {}
        self._faults: dict[tuple[str, tuple[str, ...]], list[FileProblem]] = {}

    def files(self, message: str, read: Callable[[], Files]) -> Files:
        """The files of a message, read once."""
        if message not in self._texts:
            self._texts[message] = read()
        return self._texts[message]

    def faults(
        self, message: str, channels: tuple[str, ...], lint: Callable[[Files], list[FileProblem]]
    ) -> list[FileProblem]:
        """The faults of a message whose files were read: looked for only where it is not known to be clean."""
        asked = message, channels
        if asked not in self._faults:
            key = _key(self._texts[message], message, channels) if self._file else ""
            self._faults[asked] = [] if key in self._clean else lint(self._texts[message])
            if self._file and not self._faults[asked] and key not in self._clean:
                self._new.append(key)
        return self._faults[asked]

    def save(self) -> None:
        """Write what is new; a folder that may not be written to costs only time."""
        if not self._new or self._file is None:
            return
        kept = [*sorted(_read(self._file) - {*self._new}), *self._new][-MOST:]
        try:
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps(kept), encoding="utf-8")
            fresh.replace(self._file)
        except OSError:
            return


def _key(files: Mapping[str, str], message: str, channels: tuple[str, ...]) -> str:
    """The digest of all that decides what the lint of a message says, its own code included."""
    rules = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(_RULES.glob("*.py"))]
    said = json.dumps([__version__, rules, sorted(files.items()), message, channels])
    return hashlib.sha256(said.encode()).hexdigest()


_RULES = Path(__file__).parent.parent / "winback/message"


def _read(file: Path | None) -> set[str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file else []
    except (OSError, ValueError):
        return set()
    return {key for key in found if isinstance(key, str)} if isinstance(found, list) else set()
