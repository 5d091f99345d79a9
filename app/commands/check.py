"""``check``: everything wrong with campaign files and their templates; of an unchanged file as found before."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.terminal import print_json, say
from db.confined import Child, begin
from db.home import FILE_NAME, NOT_READ, STATE, home_of
from db.remembered import Memory, contents_below, digest_of, recall, remember
from winback.errors import Exit

MEMORY, SALT_MEMORY = "checked.json", "salt.json"
MOST = 500  # campaign files
_TEMPLATES = 32  # characters of a digest


def check(arguments: argparse.Namespace) -> int:
    """Print every fault; exit 1 when there is one."""
    if arguments.schema:
        from winback.campaigns.schema import schema  # 0.4 s to import

        print_json(schema())
        return Exit.DONE
    home = home_of(os.environ, Path.cwd(), arguments.workspace)
    files = arguments.files or sorted((home / "campaigns").glob("*.yaml"))
    found = _look_or_recall(home, arguments.workspace, files)
    faults = dict.fromkeys(fault for each in found for fault in each["faults"])
    faults |= {f"{path}: {NOT_READ}": None for path in _strays(home, arguments)}
    faults |= dict.fromkeys(_changed_salt(home, arguments.workspace))
    for line in faults or [f"{len(files)} campaign{'s' if len(files) != 1 else ''}: no faults"]:
        print(line)
    asking = [str(file) for file, each in zip(files, found, strict=True) if each["asks"]]
    left = [] if faults else [line for each in found for line in each["left_in_folder"]]
    said = [line for each in found for line in each["said"]]
    for line in (*dict.fromkeys((*left, *said)), *_without_lines(arguments.workspace, asking)):
        say(line)
    return Exit.NO if faults else Exit.DONE


def _strays(home: Path, arguments: argparse.Namespace) -> list[Path]:
    """Files that somebody takes for campaigns: of those named, else of all there are."""
    return [
        path for path in arguments.files or sorted((home / "campaigns").glob("*.yml")) if path.suffix == ".yml"
    ]


def _look_or_recall(home: Path, workspace: Path | None, files: list[Path]) -> list[dict[str, Any]]:
    """What is found in each file; those that are remembered are not looked at."""
    place = home / STATE / MEMORY
    memory, keys = recall(place), _digests(home, files)
    new = [at for at, key in enumerate(keys) if key not in memory]
    found = {at: memory[key] for at, key in enumerate(keys) if key in memory}
    if new or not files:
        with _begun(memory, keys) as begun:
            from app.checking import found_in  # pydantic and the campaign's model take 0.1 s to import

            looked = map(asdict, found_in(workspace, [files[at] for at in new], begun))
            found |= zip(new, looked, strict=True)
        lasting = {keys[at]: found[at] for at in new if keys[at] and not found[at]["ended"]}
        remember(place, memory | lasting, MOST)
    return [found[at] for at in range(len(files))]


@contextmanager
def _begun(memory: Memory, keys: list[str]) -> Iterator[Child | None]:
    """The process to look at templates in, loading while this one loads; None where they are remembered."""
    if not keys or any(key.startswith(keys[0][:_TEMPLATES]) for key in memory):
        yield None
        return
    with begin() as begun:
        try:
            yield begun
        finally:
            begun.kill()  # one that has ended is left alone


def _changed_salt(home: Path, workspace: Path | None) -> list[str]:
    """The salt where the database was made with another; that it was made with this one is remembered."""
    place, database = home / STATE / SALT_MEMORY, home / STATE / "winback.db"
    at = [os.environ.get("WINBACK_DATABASE_URL"), database.stat().st_ino if database.exists() else None]
    if not any(at):
        return []
    key = digest_of([str(home), *at], [(home / FILE_NAME).read_bytes()])
    if key in recall(place):
        return []
    from app.checking import salt_found

    found = salt_found(workspace)
    if found is True:
        remember(place, {key: {}}, 1)
    return [found] if isinstance(found, str) else []


def _without_lines(workspace: Path | None, asking: list[str]) -> list[str]:
    """What is not remembered, because it is of what was imported and not of files."""
    if not asking:
        return []
    from app.checking import without_lines

    return without_lines(workspace, asking)


def _digests(home: Path, files: list[Path]) -> list[str]:
    """Of each file with all else that its check reads; empty where something cannot be read: then that is said.

    The first _TEMPLATES characters are of the templates alone.
    """
    settings = [path for name in (FILE_NAME, "kinds.yaml", "portraits.yaml") if (path := home / name).exists()]
    try:
        templates = digest_of(str(home), contents_below(home / "templates"))[:_TEMPLATES]
        beside = digest_of([str(path) for path in settings], (path.read_bytes() for path in settings))
        return [templates + digest_of([templates, beside, str(path)], [path.read_bytes()]) for path in files]
    except OSError:
        return [""] * len(files)
