"""``check``: everything wrong with campaign files and their templates; of unchanged files as found before."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from app.terminal import print_json, say
from db.home import FILE_NAME, STATE, home_of
from db.remembered import contents_below, digest_of, recall, remember
from winback.errors import Exit

MEMORY = "last-check.json"


def check(arguments: argparse.Namespace) -> int:
    """Print every fault; exit 1 when there is one."""
    if arguments.schema:
        from winback.campaigns.reference import schema  # 0.4 s to import

        print_json(schema())
        return Exit.DONE
    home = home_of(os.environ, Path.cwd(), arguments.workspace)
    place, key = home / STATE / MEMORY, _digest(home, arguments.files)
    found = recall(place).get(key)
    if found is None:
        from app.checking import found_in  # pydantic and the campaign's model take 0.1 s to import

        found = asdict(found_in(arguments.workspace, arguments.files))
        if key and not found["ended"]:
            remember(place, {key: found}, 1)
    for line in found["faults"] or [found["fine"]]:
        print(line)
    for line in [*found["said"], *_without_lines(arguments.workspace, found["asking"])]:
        say(line)
    return Exit.NO if found["faults"] else Exit.DONE


def _without_lines(workspace: Path | None, asking: list[str]) -> list[str]:
    """What is not remembered, because it is of what was imported and not of files."""
    if not asking:
        return []
    from app.checking import without_lines

    return without_lines(workspace, asking)


def _digest(home: Path, files: list[Path]) -> str:
    """Of all that a check reads; empty where something cannot be read: then it is looked at, and said."""
    named = files or sorted((home / "campaigns").glob("*.yaml"))
    settings = [path for name in (FILE_NAME, "kinds.yaml", "portraits.yaml") if (path := home / name).exists()]
    try:
        contents = [*(path.read_bytes() for path in (*settings, *named)), *contents_below(home / "templates")]
    except OSError:
        return ""
    return digest_of([str(home), [str(path) for path in (*settings, *named)]], contents)
