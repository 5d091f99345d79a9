"""CSV without quotes or any irregularity, taken apart at once: what most files are, at a sixth of the CPU.

A piece that is not surely so is left to ``db.delimited``, which reads whatever there is; so is all after it.
"""

import polars as pl
from polars.exceptions import PolarsError

from db.delimited import Header

_STRETCH = 1 << 16


def plain_rows(piece: bytes, header: Header) -> pl.DataFrame | None:
    """The rows of a piece of whole lines as text columns ``column_1`` ..., or None where it is not surely plain.

    Plain: no quotes, no NUL, lines that end with LF or CRLF, none blank, each with as many cells as the header.
    """
    width, delimiter = len(header.names), header.delimiter.encode()
    if width < 2 or b'"' in piece or b"\0" in piece or not has_common_ends(piece) or _has_long_line(piece):
        return None
    rows = piece.count(b"\n") + (not piece.endswith(b"\n"))
    if piece.count(delimiter) != (width - 1) * rows:
        return None
    try:
        found = pl.read_csv(
            piece, has_header=False, separator=header.delimiter, quote_char=None, infer_schema=False
        )
    except PolarsError:  # a row with more cells than another
        return None
    return found if found.shape == (rows, width) else None


def has_common_ends(piece: bytes) -> bool:
    """Whether no line ends with CR alone."""
    return piece.count(b"\r") == piece.count(b"\r\n")


def _has_long_line(piece: bytes) -> bool:
    """Whether some line may be longer than a cell may be: then a stretch of half that length has no end in it."""
    return any(
        piece.find(b"\n", start, start + _STRETCH) < 0 for start in range(0, len(piece) - _STRETCH, _STRETCH)
    )
