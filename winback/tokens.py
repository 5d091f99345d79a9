"""Signed tokens for unsubscribe links: which message it was, provably written by this workspace, and nothing else.

    token = base64url(message key) "." base64url(first 128 bits of HMAC-SHA256(purpose key, message key))

The purpose key is HMAC-SHA256(workspace salt, purpose), so a token made for something else does not fit here. A
token does not expire: an opt-out link must work for months after the message was sent.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

PURPOSE = b"winback unsubscribe 1"
MAC_BYTES = 16  # RFC 2104 section 5: at least half the hash; short, because the link stands in text messages too
TOKEN_CHARACTERS = 400


def make_token(salt: str, key: str) -> str:
    """The unsubscribe token of the message with the opaque ``key``."""
    purpose_key = hmac.digest(salt.encode(), PURPOSE, "sha256")
    mac = hmac.digest(purpose_key, key.encode(), hashlib.sha256)[:MAC_BYTES]
    return f"{_text(key.encode())}.{_text(mac)}"


def read_token(salt: str, token: str) -> str | None:
    """The message key in ``token``, or None when this workspace did not write exactly that token."""
    payload, dot, _ = token.partition(".")
    if not dot or len(token) > TOKEN_CHARACTERS or not token.isascii():
        return None
    try:
        key = urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    except ValueError:  # not base64, or not UTF-8 inside
        return None
    # the whole token is compared: base64 has several spellings of one value, and only ours counts
    return key if hmac.compare_digest(make_token(salt, key), token) else None


def unsubscribe_url(public_url: str, salt: str, key: str) -> str:
    """The address of the unsubscribe page of the message with the opaque ``key``."""
    return f"{public_url.rstrip('/')}/u/{make_token(salt, key)}"


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
