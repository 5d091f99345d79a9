"""Where the workspace is: known before anything in it is read."""

from collections.abc import Mapping
from pathlib import Path

FILE_NAME = "winback.toml"
STATE = ".winback"


def home_of(environ: Mapping[str, str], start: Path, workspace: Path | None) -> Path:
    """The folder named by ``workspace``, WINBACK_WORKSPACE or ``start``."""
    return (workspace or Path(environ.get("WINBACK_WORKSPACE") or start)).resolve()
