"""Text without the characters that forge lines, hide words or break an encoder.

Removed: controls (C0 but tab and newline, DEL, C1), Unicode line and paragraph separators, the bidirectional
overrides and isolates U+202A-202E and U+2066-2069, and lone surrogates, which no encoder accepts.
Zero-width joiners stay: emoji and Indic scripts need them.
"""

import re

_FORBIDDEN = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f"[{_FORBIDDEN}]")
_UNSAFE_IN_LINE = re.compile(f"[\t\n{_FORBIDDEN}]")
_BREAKS = re.compile("\r\n?|[\u0085\u2028\u2029]")


def clean_text(text: str) -> str:
    """Several lines of text: line breaks become ``\\n``, forbidden characters go."""
    if not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub("", _BREAKS.sub("\n", text))


def clean_line(text: str) -> str:
    """One line of text: each run of white space is one blank, none at the ends, forbidden characters go."""
    if text.isprintable() and "  " not in text:  # nothing forbidden is printable
        return text.strip()
    return " ".join(clean_text(text).split())


def is_safe_line(text: str) -> bool:
    """Whether ``text`` can stand in a header as it is."""
    return not _UNSAFE_IN_LINE.search(text)
