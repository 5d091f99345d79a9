"""Telling apart, for sure, what failed before a byte left us and what failed after.

Every later error may hide a message that was sent. Guessing the phase from an exception's type is not enough: a
reset can come from the TLS handshake or from the middle of the answer. So the connection itself says so.
"""

import http.client
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TIMEOUT_SECONDS = 10.0


class NotConnected(Exception):
    """No connection was made: name unknown, refused, timed out, or TLS failed. No byte of a request left."""


@contextmanager
def connecting() -> Iterator[None]:
    """Turn whatever goes wrong while connecting into NotConnected."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:  # ssl.SSLError and socket.gaierror are OSErrors
        raise NotConnected(type(error).__name__) from error


class _PlainConnection(http.client.HTTPConnection):
    def connect(self) -> None:
        with connecting():
            super().connect()


class _TlsConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        with connecting():
            super().connect()


class _PlainHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_PlainConnection, req)


class _TlsHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_TlsConnection, req)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET somewhere else, with our key in its headers."""

    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - six arguments, none used
        return None


def opener() -> urllib.request.OpenerDirector:
    """urllib without redirects, whose connections say when they were never made."""
    return urllib.request.build_opener(_PlainHandler, _TlsHandler, _NoRedirect)
