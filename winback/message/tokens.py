"""Signed links: which message it was, provably written by this workspace, and nothing else.

    unsubscribe  token = key "." base64url(BLAKE2b-128(purpose key, key))
    click        token = key "." number "." mac, mac = part number % 5 of
                 base64url(BLAKE2b-480(purpose key, key "." number // 5))

The purpose key is HMAC-SHA256(workspace salt, purpose): a token made for one thing does not fit another. Keyed
BLAKE2b (RFC 7693) takes half of HMAC's time; one hash signs five of a message's many links to count with 96 bits
each, what IPsec keeps of a longer mac (RFC 2404).
``key`` is the opaque key of a message and ``number`` that of a link in it (winback.message.tracking); a token
holds no address. It does not expire: an opt-out link must work for months after the message was sent.
"""

import hmac
import re
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

UNSUBSCRIBE, CLICK = b"winback unsubscribe 1", b"winback click 1"
MAC_BYTES = 16  # short, because the link stands in text messages too
AT_ONCE, CLICK_BYTES, CLICK_CHARACTERS = 5, 12, 16  # links that one hash signs, and what it gives each of them
TOKEN_CHARACTERS = 200
_URL_SAFE = bytes.maketrans(b"+/", b"-_")  # RFC 4648 5
_CLICK = re.compile(r"(.{1,150})\.(0|[1-9][0-9]{0,5})\.[^.]*", re.DOTALL)


class Signer:
    """Signs links and reads them back; made once, because the keys of the purposes are worked out here.

    The first of ``salts`` signs, and what any of them signed is read: a new salt goes in front, and the old one
    stays as long as links made with it are about.
    """

    def __init__(self, salts: Sequence[str]) -> None:
        self._unsubscribe = [_mac(salt, UNSUBSCRIBE, MAC_BYTES) for salt in salts]
        self._click = [_mac(salt, CLICK, AT_ONCE * CLICK_BYTES) for salt in salts]

    def unsubscribe_token(self, key: str) -> str:
        """The token of the unsubscribe page of the message ``key`` (letters, digits, ``.``, ``_`` and ``-``)."""
        return f"{key}.{self._unsubscribe[0](key)}"

    def click_tokens(self, key: str, numbers: Sequence[int]) -> list[str]:
        """The tokens of the links ``numbers`` in the message ``key``."""
        return _click_tokens(self._click[0], key, numbers)

    def read_unsubscribe(self, token: str) -> str | None:
        """The message key in ``token``; None unless this workspace wrote exactly that token for this purpose."""
        key = token.rpartition(".")[0]
        return key if _is_one(token, (f"{key}.{mac(key)}" for mac in self._unsubscribe)) else None

    def read_click(self, token: str) -> tuple[str, int] | None:
        """(message key, link number) in ``token``; None unless this workspace wrote exactly that token."""
        parts = _CLICK.fullmatch(token)
        if parts is None:
            return None
        key, number = parts[1], int(parts[2])
        ours = (_click_tokens(mac, key, [number])[0] for mac in self._click)
        return (key, number) if _is_one(token, ours) else None


def _click_tokens(mac: Callable[[str], str], key: str, numbers: Sequence[int]) -> list[str]:
    groups, places = _places(tuple(numbers))
    macs = {group: mac(f"{key}.{group}") for group in groups}
    return [f"{key}.{number}.{macs[group][begin:end]}" for number, group, begin, end in places]


@lru_cache(maxsize=1024)
def _places(numbers: tuple[int, ...]) -> tuple[frozenset[int], list[tuple[int, int, int, int]]]:
    """Which hashes the links ``numbers`` need, and (number, hash, begin, end) of each link's part."""
    begins = [(number, *divmod(number, AT_ONCE)) for number in numbers]
    places = [
        (number, group, place * CLICK_CHARACTERS, (place + 1) * CLICK_CHARACTERS)
        for number, group, place in begins
    ]
    return frozenset(group for _, group, _ in begins), places


def _is_one(token: str, ours: Iterable[str]) -> bool:
    """Whether an untrusted ``token`` is one of ours; how long that takes does not tell which part is wrong.

    Texts are compared, not bytes: base64 has several spellings of one value, and only ours counts.
    """
    fits = [hmac.compare_digest(mine, token) for mine in ours] if token.isascii() else []
    return len(token) <= TOKEN_CHARACTERS and any(fits)


def _mac(salt: str, purpose: bytes, octets: int) -> Callable[[str], str]:
    """Keyed BLAKE2b in base64url without ``=``; the key block is hashed once."""
    keyed = blake2b(key=hmac.digest(salt.encode(), purpose, "sha256"), digest_size=octets)

    def mac(text: str) -> str:
        copy = keyed.copy()
        copy.update(text.encode())
        return b2a_base64(copy.digest(), newline=False).translate(_URL_SAFE, b"=").decode()

    return mac
