"""C7: the disk is full when it wants to write down what it does: it says so, breaks nothing, and goes on later."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.settings import Settings
from flows.dispatch import WINDOW
from tests.fault.scene import LATER, a_live_shop, a_sink, judge, live, released, states
from tests.fault.sender import Job, finish, said
from tests.workspaces import NOW
from winback.errors import Exit

pytestmark = pytest.mark.slow

PEOPLE = 1_000
ROOM = 300_000  # bytes left: some claims fit in, not all


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("only root may mount a small disk; the limit on a file's size is tested in any case")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def shop(tmp_path: Path, new_sqlite: Callable[[Path], str]) -> Settings:
    return released(a_live_shop(tmp_path, new_sqlite(tmp_path), PEOPLE))


def check_what_was_left(shop: Settings, folder: Path, sink: str) -> None:
    """After the failure: a sentence, nothing broken; once there is room: everybody, once."""
    database = shop.database_url.removeprefix("sqlite:///")
    assert "disk" in said(shop)
    assert "Traceback" not in said(shop)
    assert sqlite3.connect(database).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 0 < judge(folder, states(shop)).arrived < PEOPLE, "it ended before or after the disk was full"
    assert finish(Job(settings=live(shop, sink), now=NOW + LATER)) == 0
    verdict = judge(folder, states(shop))
    assert verdict.wrong == {}
    assert verdict.uncertain <= WINDOW


def test_a_full_disk(shop: Settings, small_disk: Path, folder: Path):
    file = Path(shop.database_url.removeprefix("sqlite:///"))
    shutil.move(file, small_disk)
    moved = replace(shop, database_url=f"sqlite:///{small_disk / file.name}")
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * (free - ROOM))
    with a_sink(folder) as sink:
        code = finish(Job(settings=live(moved, sink)))
        ballast.unlink()

        assert code == Exit.UNUSABLE
        check_what_was_left(moved, folder, sink)


def test_a_file_that_may_not_grow(shop: Settings, folder: Path):
    with a_sink(folder) as sink:
        code = finish(Job(settings=live(shop, sink), largest_file=ROOM))

        assert code == Exit.UNUSABLE
        check_what_was_left(shop, folder, sink)
