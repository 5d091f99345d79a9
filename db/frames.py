"""Immutable Parquet files named by their content: written once, durable before anybody is told of them."""

import hashlib
import os
import tempfile
from pathlib import Path

import polars as pl


def save_frame(folder: Path, frame: pl.DataFrame) -> Path:
    """Write ``frame`` as ``<sha256 of the file>.parquet``; two frames share a file only when all bytes agree."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".arriving-")
    try:
        with os.fdopen(handle, "w+b") as file:
            frame.write_parquet(file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            target = folder / f"{hashlib.file_digest(file, 'sha256').hexdigest()}.parquet"
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
