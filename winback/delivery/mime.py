"""An e-mail as bytes: RFC 5322 headers, multipart/alternative, one-click unsubscribe (RFC 2369, RFC 8058).

Written by hand because the standard library's EmailMessage takes 2-3 ms a message; a property test reads the
result back with the standard library's parser.
"""

import hashlib
from base64 import b64encode, encodebytes
from email.utils import format_datetime, formataddr

from winback.delivery.outgoing import Outgoing, unsubscribe_headers

LONGEST_LINE = 998  # octets without CRLF, RFC 5322 2.1.1
WORD_BYTES = 39  # of one encoded word: 64 characters; with "Reply-To: " a line stays within 76 (RFC 2047 2)
LONGEST_PLAIN = 60  # characters of a header text; a longer one is written as encoded words, which fold


def eml(message: Outgoing) -> bytes:
    """The whole e-mail; the same message gives the same bytes."""
    boundary = "=_" + hashlib.sha256(message.key.encode()).hexdigest()[:32]
    headers = {
        "Date": format_datetime(message.dated_at),
        "From": _mailbox(message.from_address, message.from_name),
        "To": _mailbox(message.to, message.to_name),
        "Reply-To": message.reply_to,
        "Subject": _words(message.subject),
        "Message-ID": f"<{message.key}@{message.from_address.rpartition('@')[2]}>",
        "X-Winback-Key": message.key,
        **unsubscribe_headers(message),
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{boundary}"',
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value).encode()
    parts = b"".join(
        b"--%b\r\n%b\r\n" % (boundary.encode(), _part(kind, text))
        for kind, text in (("plain", message.text), ("html", message.html))
    )
    return b"%b\r\n%b--%b--\r\n" % (head, parts, boundary.encode())


def _mailbox(address: str, name: str | None) -> str:
    if not name:
        return address
    return formataddr((name, address)) if _is_plain(name) else f"{_words(name)} <{address}>"


def _words(text: str) -> str:
    """``text`` as it may stand in a header: as it is, or as encoded words (RFC 2047) on folded lines."""
    if _is_plain(text):
        return text
    words = [b""]
    for letter in text:
        data = letter.encode(errors="replace")
        if len(words[-1]) + len(data) > WORD_BYTES:
            words.append(b"")
        words[-1] += data
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _is_plain(text: str) -> bool:
    return text.isascii() and len(text) <= LONGEST_PLAIN and "=?" not in text


def _part(kind: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    data = "\r\n".join([*lines, ""]).encode(errors="replace")
    encoding = "7bit" if data.isascii() else "8bit"
    if b"\0" in data or max(map(len, data.split(b"\r\n"))) > LONGEST_LINE:
        encoding, data = "base64", encodebytes(data).replace(b"\n", b"\r\n")
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + data
