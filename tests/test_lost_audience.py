"""A run whose audience file is missing or damaged: whoever needs it is told in words, nothing else stops."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.sending import send_due
from tests.workspaces import AS_OF, NOW, a_quiet_crowd, a_workspace
from winback.errors import Exit

RUN = f"spring/manual-{AS_OF}"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def shop(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("WINBACK_DATABASE_URL", database_url)
    shop = a_workspace(tmp_path, database_url)
    a_quiet_crowd(shop, 20)
    carry_out(manual("spring", AS_OF), shop, NOW)
    return shop


def audience_of(shop: Settings) -> Path:
    [file] = (shop.state / "audiences").glob("*.parquet")
    return file


def one_bit_flipped(file: Path) -> None:
    """Polars reads such a file without a word, and other numbers from it."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def called(shop: Settings, *words: str) -> int:
    return main(["--workspace", str(shop.workspace), *words])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (Path.unlink, "missing"),
        (lambda file: file.write_bytes(b"junk"), "damaged"),
        (lambda file: file.write_bytes(b""), "damaged"),
        (one_bit_flipped, "damaged"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ("run", "spring", "--as-of", f"{AS_OF}"),
        ("explain", "00001"),
        ("measure", RUN, "--as-of", "2026-06-30"),
        ("diff", "spring", "--as-of", f"{AS_OF}"),
    ],
)
def test_who_needs_it_ends_with_the_file_and_what_to_do(
    shop: Settings, capsys: Captured, words: tuple[str, ...], harm: Callable[[Path], object], said: str
):
    harm(file := audience_of(shop))
    capsys.readouterr()

    code = called(shop, *words)

    [line] = capsys.readouterr().err.splitlines()
    assert code == Exit.UNUSABLE
    assert line.startswith(f"winback: {said}: {file}, the audience of {RUN}: put {file.parent} back")


@pytest.mark.parametrize("harm", [Path.unlink, one_bit_flipped])
def test_status_and_send_count_without_it_and_say_so(
    shop: Settings, capsys: Captured, harm: Callable[[Path], object]
):
    called(shop, "status", "--json")
    whole = json.loads(capsys.readouterr().out)
    harm(file := audience_of(shop))

    assert send_due(shop, lambda: NOW, until_empty=True).states["accepted"] > 0
    assert called(shop, "send", "--json") == Exit.DONE
    found = json.loads(capsys.readouterr().out)
    assert called(shop, "status") == Exit.DONE
    shown = capsys.readouterr().out

    assert whole["unreadable"] == []
    assert found["unreadable"] == [{"run": RUN, "file": str(file)}]
    assert list(found["arms"].items()) == list(whole["arms"].items())
    assert set(found["arms"]) == {"holdout", "message"}
    assert f"the audience file of {RUN} ({file}) cannot be read" in shown
