"""Immutable Parquet files named by a digest: written once, durable before anybody is told of them."""

import os
import tempfile
from pathlib import Path

import polars as pl


def save_frame(folder: Path, digest: str, frame: pl.DataFrame) -> Path:
    """Write ``frame`` as ``<digest>.parquet``; an existing file of that name is the same and is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{digest}.parquet"
    if target.exists():
        return target
    handle, name = tempfile.mkstemp(dir=folder, prefix=".arriving-")
    try:
        with os.fdopen(handle, "wb") as file:
            frame.write_parquet(file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    make_durable(folder)
    return target


def make_durable(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
