"""Where the workspace is: known before anything in it is read."""

from collections.abc import Mapping
from pathlib import Path

FILE_NAME = "winback.toml"
STATE = ".winback"
NOT_READ = "is not read: a campaign's file ends in .yaml"


def home_of(environ: Mapping[str, str], start: Path, workspace: Path | None) -> Path:
    """The folder named by ``workspace``, WINBACK_WORKSPACE or ``start``."""
    return (workspace or Path(environ.get("WINBACK_WORKSPACE") or start)).resolve()
