"""Fixtures of the fault tests."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a recording sink."""
    made = tmp_path / "sink"
    made.mkdir()
    return made
