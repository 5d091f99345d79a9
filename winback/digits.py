"""Digits of many texts at once: eight letters as one number of 64 bits, the first letter its lowest byte."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Flags = NDArray[np.bool_]

WORD: Final = 8  # letters
CACHED: Final = (
    1 << 14
)  # texts at once: arrays that stay in the processor's cache and in memory that is used again
_HIGHEST: Final = np.uint64(0x8080808080808080)
_TO_TOP: Final = np.uint64(0x7676767676767676)  # added to a 10 it sets a byte's top bit, added to a 9 it does not


def every_word(letters: bytes) -> Words:
    """The words that begin at each letter. Nothing is copied: take those that are wanted."""
    return np.ndarray(len(letters) - WORD + 1, "<u8", letters, strides=(1,))


def word(letters: str) -> np.uint64:
    """Eight letters below 256."""
    return np.uint64(int.from_bytes(letters.encode("latin-1"), "little"))


TOP: Final = np.array([0, *((1 << 64) - (1 << 8 * (WORD - last)) for last in range(1, WORD + 1))], np.uint64)
"""By their number the bytes of the last letters."""
ZEROS: Final = word("0" * WORD)  # a word XOR these: the value of each letter that is a digit


def are_digits(values: Words) -> Flags:
    """Whether every byte is 0 to 9."""
    found: Flags = ((values + _TO_TOP) | values) & _HIGHEST == 0
    return found


def byte_of(words: Words, place: int) -> NDArray[np.int64]:
    """The byte of the letter at ``place``."""
    return ((words >> np.uint64(8 * place)) & np.uint64(0xFF)).astype(np.int64)


def in_twos(values: Words) -> Words:
    """In the byte of each digit the number that it and the next one write."""
    return values * np.uint64(10) + (values >> np.uint64(8))


def number_of(values: Words) -> NDArray[np.int64]:
    """The number that eight digits write (D. Lemire, "Quickly parsing eight digits", 2018)."""
    twos = in_twos(values) & np.uint64(0x00FF00FF00FF00FF)
    fours = (twos * np.uint64(100) + (twos >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return ((fours * np.uint64(10_000) + (fours >> np.uint64(32))) & np.uint64(0xFFFFFFFF)).astype(np.int64)
