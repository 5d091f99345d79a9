"""Addresses that a text names without ``https://`` and that phones and mail programs make links of all the same.

As few as can be sure of it: a host that begins with ``www.``; one with a path, whose ending is a common top-level
domain; and one alone, whose ending is hardly ever anything else. So neither "e.g./and", 3.50/kg, 12.03.25 nor
report.pdf is one. Endings are those of the shops and link shorteners that one meets, by the root zone's names.
"""

import re
from collections.abc import Iterator

_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|[a-z][a-z0-9+.-]*://[\x21-\x7e]*", re.IGNORECASE | re.DOTALL)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ALONE = (
    "com",
    "net",
    "org",
    "info",
    "biz",
    "shop",
    "xyz",
    "cn",
    "hk",
    "tw",
    "uk",
    "de",
    "fr",
    "jp",
    "eu",
    "example",
)
_WITH_A_PATH = (
    *_ALONE,
    "ae", "app", "ar", "at", "au", "be", "br", "ca", "cc", "ch", "click", "club", "co", "cz", "dev",
    "dk", "es", "fi", "gl", "gr", "hu", "id", "ie", "il", "in", "io", "it", "kr", "link", "ly", "me",
    "mx", "my", "nl", "no", "nz", "online", "ph", "pl", "pt", "ro", "ru", "sa", "se", "sg", "site",
    "store", "test", "th", "to", "top", "tr", "tv", "ua", "us", "vip", "vn", "za",
)  # fmt: skip
_BARE = re.compile(
    rf"""(?<![a-z0-9@/._:%+-])(?P<host>
        www\.{_LABEL}(?:\.{_LABEL})+
        | (?:{_LABEL}\.)+(?:{"|".join(_WITH_A_PATH)})(?=(?::\d{{1,5}})?[/?\#])
        | (?:{_LABEL}\.)+(?:{"|".join(_ALONE)})
    )(?![a-z0-9@_-]|\.[a-z0-9])(?P<rest>(?::\d{{1,5}})?(?:[/?\#][\x21-\x7e]*)?)""",
    re.IGNORECASE | re.VERBOSE,
)


def bare_addresses(source: str) -> Iterator[tuple[int, str, str]]:
    """(place, host, what is written) of each in a template of plain text; what stands in its code is none."""
    text = _CODE.sub(lambda found: "\x7f" * len(found[0]), source)
    for found in _BARE.finditer(text):
        yield found.start(), found["host"], found[0].rstrip(".,;:!?'\")")
