"""One number of each customer id, by which ties are broken and samples drawn: it depends on nothing else.

A million hashes cost as much as half the bare group-by of their orders, so db keeps them with the customers.
"""

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

HASHED: Final = 2_000
"""Ids hashed at once: few enough that each lot takes the memory of the one before it, a quarter less CPU."""

_SIGN: Final = 1 << 63


def tie_keys(ids: "pl.Series") -> "NDArray[np.int64]":
    """The first 8 bytes of sha256(customer_id) as numbers less 2^63: they sort as the hex digits do."""
    import numpy as np  # senders know the tables too, and need neither of the two
    import polars as pl

    keys = np.empty(len(ids), dtype=np.uint64)
    for at in range(0, len(ids), HASHED):
        some = ids[at : at + HASHED].cast(pl.Binary).to_list()
        hashes = b"".join([hashlib.sha256(value).digest() for value in some])
        keys[at : at + HASHED] = np.frombuffer(hashes, dtype=">u8")[::4]
    return (keys ^ np.uint64(_SIGN)).view(np.int64)


def tie_key(customer_id: str) -> int:
    """``tie_keys`` of one id."""
    return int.from_bytes(hashlib.sha256(customer_id.encode()).digest()[:8], "big") - _SIGN
