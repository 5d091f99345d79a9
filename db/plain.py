"""CSV without quotes or any irregularity, taken apart at once: what most files are, at a sixth of the CPU.

A piece that is not surely so is left to ``db.delimited``, which reads whatever there is; so is all after it.
"""

import codecs
from collections.abc import Collection, Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.exceptions import PolarsError

from db.delimited import Header

_CACHED = 1 << 17  # bytes that stay in the processor's cache while they are looked at
_STRETCH = 1 << 16
_SPACE = 0x20


def plain_rows(piece: bytes, header: Header) -> pl.DataFrame | None:
    """The rows of a piece of whole lines as text columns ``column_1`` ..., or None where it is not surely plain.

    Plain: no quotes, no NUL, lines that end with LF or CRLF, none blank, each with as many cells as the header.
    """
    width = len(header.names)
    if width < 2 or b'"' in piece or b"\0" in piece or not has_common_ends(piece) or _has_long_line(piece):
        return None
    letters = np.frombuffer(piece, np.uint8)
    rows = _count(letters, "\n") + (not piece.endswith(b"\n"))
    if _count(letters, header.delimiter) != (width - 1) * rows or piece.startswith(codecs.BOM_UTF8):
        return None  # polars would swallow the mark
    try:
        found = pl.read_csv(
            piece, has_header=False, separator=header.delimiter, quote_char=None, infer_schema=False
        )
    except PolarsError:  # a row with more cells than another
        return None
    return found if found.shape == (rows, width) else None


def is_tidy(piece: bytes, header: Header) -> bool:
    """Whether every cell of a plain piece is ASCII, visible or spaces inside it, without ``#`` and ``+``.

    Then there is nothing to trim, and no id can have been damaged by a spreadsheet.
    """
    if not piece.isascii() or b"#" in piece or b"+" in piece or b"\x7f" in piece:
        return False
    letters, between = np.frombuffer(piece, np.uint8), {"\n", header.delimiter, *("\r" if b"\r" in piece else "")}
    ends_visible = not piece.startswith(b" ") and not piece.endswith(b" ")
    return ends_visible and all(_is_tidy(part, between) for part in _stretches(letters))


def _is_tidy(letters: NDArray[np.uint8], between: Collection[str]) -> bool:
    """Whether there is no control character but those ``between`` cells, and no space beside one of these."""
    ends = letters < _SPACE
    known = sum(_count(letters, each) for each in between if each < " ")
    if np.count_nonzero(ends) != known:
        return False
    for each in between:
        ends |= letters == ord(each)
    spaces = letters == _SPACE
    return not ((spaces[1:] & ends[:-1]).any() or (spaces[:-1] & ends[1:]).any())


def _count(letters: NDArray[np.uint8], letter: str) -> int:
    """At a quarter of the CPU that ``bytes.count`` takes."""
    return sum(
        int(np.count_nonzero(letters[at : at + _CACHED] == ord(letter))) for at in range(0, len(letters), _CACHED)
    )


def _stretches(letters: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Parts of all letters, each but the first from the last letter of the one before."""
    return (letters[max(at - 1, 0) : at + _CACHED] for at in range(0, len(letters), _CACHED))


def has_common_ends(piece: bytes) -> bool:
    """Whether no line ends with CR alone."""
    return b"\r" not in piece or piece.count(b"\r") == piece.count(b"\r\n")


def _has_long_line(piece: bytes) -> bool:
    """Whether some line may be longer than a cell may be: then a stretch of half that length has no end in it."""
    return any(
        piece.find(b"\n", start, start + _STRETCH) < 0 for start in range(0, len(piece) - _STRETCH, _STRETCH)
    )
