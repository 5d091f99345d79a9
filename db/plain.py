"""CSV without quotes or any irregularity, taken apart at once: what most files are, at a sixth of the CPU.

A piece that is not surely so is left to ``db.delimited``, which reads whatever there is; so is all after it.
"""

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

from db.delimited import Header

_STRETCH = 1 << 16
_SPACE = 0x20


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


def is_tidy(piece: bytes, header: Header) -> bool:
    """Whether every cell of a plain piece is ASCII, visible or spaces inside it, without ``#`` and ``+``.

    Then there is nothing to trim, and no id can have been damaged by a spreadsheet.
    """
    if not piece.isascii() or b"#" in piece or b"+" in piece or b"\x7f" in piece:
        return False
    letters, between = np.frombuffer(piece, np.uint8), (ord(header.delimiter), *b"\r\n")
    controls = sum(piece.count(bytes([each])) for each in between if each < _SPACE)
    if np.count_nonzero(letters < _SPACE) != controls:
        return False
    spaces = np.flatnonzero(letters == _SPACE)
    if not len(spaces):
        return True
    beside = np.concatenate([letters[spaces[spaces > 0] - 1], letters[spaces[spaces < len(letters) - 1] + 1]])
    return len(beside) == 2 * len(spaces) and not np.isin(beside, between).any()


def has_common_ends(piece: bytes) -> bool:
    """Whether no line ends with CR alone."""
    return piece.count(b"\r") == piece.count(b"\r\n")


def _has_long_line(piece: bytes) -> bool:
    """Whether some line may be longer than a cell may be: then a stretch of half that length has no end in it."""
    return any(
        piece.find(b"\n", start, start + _STRETCH) < 0 for start in range(0, len(piece) - _STRETCH, _STRETCH)
    )
