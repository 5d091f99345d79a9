"""An e-mail as bytes: RFC 5322 headers, multipart/alternative, one-click unsubscribe (RFC 2369, RFC 8058).

Written by hand because the standard library's EmailMessage takes 2-3 ms a message; a property test reads the
result back with the standard library's parser. What is the same for many messages is made once.
"""

import hashlib
from base64 import b64encode, encodebytes
from datetime import datetime
from email.utils import format_datetime, formataddr
from functools import lru_cache

from winback.delivery.outgoing import Outgoing

LONGEST_LINE = 998  # octets without CRLF, RFC 5322 2.1.1
WORD_BYTES = 39  # of one encoded word: 64 characters; with "Reply-To: " a line stays within 76 (RFC 2047 2)
LONGEST_PLAIN = 60  # characters of a header text; a longer one is written as encoded words, which fold


def eml(message: Outgoing, *, eight_bit: bool = True) -> bytes:
    """The whole e-mail; the same message gives the same bytes. ``eight_bit``: whether the way takes 8-bit text."""
    origin, reply_to, domain = _sender(message.from_address, message.from_name, message.reply_to)
    boundary = "=_" + hashlib.sha256(message.key.encode()).hexdigest()[:32]
    head = (
        f"Date: {_date(message.dated_at)}\r\n"
        f"{origin}"
        f"To: {_mailbox(message.to, message.to_name)}\r\n"
        f"{reply_to}"
        f"Subject: {_words(message.subject)}\r\n"
        f"Message-ID: <{message.key}@{domain}>\r\n"
        f"X-Winback-Key: {message.key}\r\n"
        f"List-Unsubscribe: <{message.unsubscribe_url}>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
    )
    border = b"\r\n--" + boundary.encode()
    plain, rich = _part(b"plain", message.text, eight_bit), _part(b"html", message.html, eight_bit)
    return b"%b%b\r\n%b%b\r\n%b%b--\r\n" % (head.encode(), border, plain, border, rich, border)


@lru_cache(maxsize=256)
def _sender(address: str, name: str | None, reply_to: str | None) -> tuple[str, str, str]:
    """The lines From and Reply-To, and the domain of the message ids."""
    back = f"Reply-To: {reply_to}\r\n" if reply_to else ""
    return f"From: {_mailbox(address, name)}\r\n", back, address.rpartition("@")[2]


@lru_cache(maxsize=256)
def _date(moment: datetime) -> str:
    return format_datetime(moment)


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


def _part(kind: bytes, text: str, eight_bit: bool) -> bytes:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    data = (text.removesuffix("\n").replace("\n", "\r\n") + "\r\n").encode(errors="replace")
    encoding = b"7bit" if data.isascii() else b"8bit"
    if b"\0" in data or _has_long_line(data) or (encoding == b"8bit" and not eight_bit):
        encoding, data = b"base64", encodebytes(data).replace(b"\n", b"\r\n")
    head = b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    return head % (kind, encoding) + data


def _has_long_line(data: bytes) -> bool:
    """Whether a line is too long for mail; jumps from line end to line end, as far as a line may reach."""
    start = 0
    while len(data) - start > LONGEST_LINE + 2:
        end = data.rfind(b"\r\n", start, start + LONGEST_LINE + 2)
        if end < 0:
            return True
        start = end + 2
    return False
