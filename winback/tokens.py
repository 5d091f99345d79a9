"""Signed links: which message it was, provably written by this workspace, and nothing else.

    unsubscribe  token = key "." mac(key), mac = base64url(first 128 bits of HMAC-SHA256(purpose key, text))
    click        token = key "." number "." mac(key "." number), mac = base64url(BLAKE2b-128(purpose key, text))

The purpose key is HMAC-SHA256(workspace salt, purpose): a token made for one thing does not fit another. A message
has many links to count, and keyed BLAKE2b (RFC 7693) takes half of HMAC's time.
``key`` is the opaque key of a message and ``number`` that of a link in it (winback.message.tracking); a token
holds no address. It does not expire: an opt-out link must work for months after the message was sent.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b, sha256

UNSUBSCRIBE, CLICK = b"winback unsubscribe 1", b"winback click 1"
MAC_BYTES = 16  # RFC 2104 section 5: at least half the hash; short, because the link stands in text messages too
TOKEN_CHARACTERS = 200


class Signer:
    """Signs links and reads them back; made once, because the keys of the purposes are worked out here.

    The first of ``salts`` signs, and what any of them signed is read: a new salt goes in front, and the old one
    stays as long as links made with it are about.
    """

    def __init__(self, salts: Sequence[str]) -> None:
        self._unsubscribe = [_hmac(_purpose_key(salt, UNSUBSCRIBE)) for salt in salts]
        self._click = [_blake2(_purpose_key(salt, CLICK)) for salt in salts]

    def unsubscribe_token(self, key: str) -> str:
        """The token of the unsubscribe page of the message ``key`` (letters, digits, ``.``, ``_`` and ``-``)."""
        return f"{key}.{self._unsubscribe[0](key)}"

    def click_token(self, key: str, number: int) -> str:
        """The token of link ``number`` in the message ``key``."""
        text = f"{key}.{number}"
        return f"{text}.{self._click[0](text)}"

    def read_unsubscribe(self, token: str) -> str | None:
        """The message key in ``token``; None unless this workspace wrote exactly that token for this purpose."""
        return _signed_text(token, self._unsubscribe)

    def read_click(self, token: str) -> tuple[str, int] | None:
        """(message key, link number) in ``token``; None unless this workspace wrote exactly that token."""
        text = _signed_text(token, self._click)
        if text is None:
            return None
        key, _, number = text.rpartition(".")
        return key, int(number)


def _signed_text(token: str, macs: Sequence[Callable[[str], str]]) -> str | None:
    if len(token) > TOKEN_CHARACTERS or not token.isascii():
        return None
    text, _, mac = token.rpartition(".")
    # texts are compared, not bytes: base64 has several spellings of one value, and only ours counts
    fits = [hmac.compare_digest(expected(text), mac) for expected in macs]
    return text if text and any(fits) else None


def _purpose_key(salt: str, purpose: bytes) -> bytes:
    return hmac.digest(salt.encode(), purpose, "sha256")


def _hmac(key: bytes) -> Callable[[str], str]:
    """HMAC-SHA256 whose two key blocks are hashed once (RFC 2104 section 4)."""
    block = key.ljust(64, b"\0")
    inner, outer = (sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))

    def mac(text: str) -> str:
        inside, outside = inner.copy(), outer.copy()
        inside.update(text.encode())
        outside.update(inside.digest())
        return _written(outside.digest()[:MAC_BYTES])

    return mac


def _blake2(key: bytes) -> Callable[[str], str]:
    """Keyed BLAKE2b, whose key block is hashed once."""
    keyed = blake2b(key=key, digest_size=MAC_BYTES)

    def mac(text: str) -> str:
        copy = keyed.copy()
        copy.update(text.encode())
        return _written(copy.digest())

    return mac


def _written(mac: bytes) -> str:
    return urlsafe_b64encode(mac)[:-2].decode()
