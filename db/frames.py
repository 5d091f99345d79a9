"""Immutable Parquet files named by their content: written once, durable before anybody is told of them."""

import hashlib
import os
import tempfile
from pathlib import Path

import polars as pl

from winback.errors import Unusable


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


def read_frame(path: Path) -> pl.DataFrame:
    """What ``save_frame`` wrote; Unusable, with the file named, where it is missing or not what was written."""
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == path.stem:
                return pl.read_parquet(path)
    except FileNotFoundError:
        raise Unusable(f"missing: {path}") from None
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror or error}") from error
    raise Unusable(f"damaged: {path}")


def make_durable(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
