"""Telling apart, for sure, what failed before a byte left us and what failed after.

Every later error may hide a message that was sent. Guessing the phase from an exception's type is not enough: a
reset can come from the TLS handshake or from the middle of the answer. So the connection itself says so.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from winback.delivery.answer import Answer, ErrorKind, from_error, untrusted
from winback.errors import Unusable

TIMEOUT_SECONDS = 10.0  # for connecting, and again for each wait on the connection


class NotConnected(Exception):
    """No connection was made: name unknown, refused, timed out, or TLS failed. No byte of a request left."""

    def answer(self, url: str) -> Answer:
        """What that makes of a message to the server at ``url``."""
        if isinstance(self.__cause__, ssl.SSLCertVerificationError):
            return untrusted(urlsplit(url).hostname or "")
        return from_error(ErrorKind.NOT_CONNECTED)


@contextmanager
def connecting(*also: type[Exception]) -> Iterator[None]:
    """Turn whatever goes wrong while connecting into NotConnected; ``also`` are a library's own errors."""
    expected: tuple[type[Exception], ...] = (OSError, HTTPException, *also)
    try:
        yield
    except expected as error:  # ssl.SSLError and socket.gaierror are OSErrors
        raise NotConnected(type(error).__name__) from error


def base_url(url: str) -> str:
    """``url`` without a slash at its end; Unusable when it is no http(s) address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or True)
    except ValueError:
        usable = None
    if not usable or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise Unusable("a provider's address must look like https://api.sendgrid.com")
    return url.rstrip("/")


def refuse_proxy(url: str) -> None:
    """Unusable when the environment wants a proxy on the way to ``url``: bulk connections go straight there."""
    parts = urlsplit(url)
    host, wanted = parts.hostname or "", getproxies().keys() & {parts.scheme, "all"}
    if wanted and not (is_loopback(host) or proxy_bypass(host)):
        raise Unusable(
            f"the environment names a proxy for {parts.scheme}, but messages are sent over direct connections: "
            f"put {host} into NO_PROXY"
        )


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
