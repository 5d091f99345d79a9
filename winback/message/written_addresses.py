"""Addresses that readers see written out: phones and mail programs make links of them, with a scheme or without.

Without it as few as can be sure of it: a host that begins with ``www.``; one with a path, whose ending is a common
top-level domain; and one alone, whose ending is hardly ever anything else. So neither "e.g./and", 3.50/kg,
12.03.25 nor report.pdf is one. Endings are those of the shops and link shorteners that one meets, by the root
zone's names.
"""

import re
from collections.abc import Collection, Iterator

from winback.message.printed import VALUE

ELSEWHERE = "leads where no link may"  # what is said of an address
_FULL = re.compile(
    r"\b(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?P<host>(?:(?![/?#<>\"'])[\x21-\x7f]|\w)*)[\x21-\x7f]*",
    re.IGNORECASE,
)
_MARKS = ".,;:!?'\")*]"  # after an address they end a sentence
_LABEL = rf"[a-z0-9{VALUE}](?:[a-z0-9{VALUE}-]{{0,61}}[a-z0-9{VALUE}])?"
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
    rf"""(?<![a-z0-9@/._:%+{VALUE}-])(?P<host>
        www\.{_LABEL}(?:\.{_LABEL})+
        | www\.[a-z0-9-]{{0,61}}{VALUE}[a-z0-9{VALUE}-]{{0,61}}
        | (?:{_LABEL}\.)+(?:{"|".join(_WITH_A_PATH)})(?=(?::\d{{1,5}})?[/?\#])
        | (?:{_LABEL}\.)+(?:{"|".join(_ALONE)})
    )(?![a-z0-9@_-]|\.[a-z0-9])(?P<rest>(?::\d{{1,5}})?(?:[/?\#][\x21-\x7f]*)?)""",
    re.IGNORECASE | re.VERBOSE,
)


def is_known_host(host: str, known: Collection[str]) -> bool:
    """Whether links may lead to ``host``: to one of ``known`` or a name below it; anywhere if there are none."""
    name = host.lower().partition(":")[0].rstrip(".")
    plain = bool(name) and not set(name) & set("@\\%")
    return plain and (not known or any(name == each or name.endswith(f".{each}") for each in known))


def allowed_places(hosts: Collection[str]) -> str:
    """Where links may lead, in the words of a fault."""
    return ", ".join(f"https://{host}/" for host in hosts) or "https://"


def leading_elsewhere(text: str, hosts: Collection[str]) -> Iterator[tuple[int, str]]:
    """(place, what is written) of each address in ``text`` that leads elsewhere than ``hosts``, or not by https.

    ``text``: as its reader sees it, with a VALUE where an expression stands.
    """
    for found in _FULL.finditer(text):
        host = found["host"].rstrip(_MARKS)
        known = is_known_host(host, hosts) and not host.endswith(VALUE) and (hosts or VALUE not in host)
        if found["scheme"].lower() != "https" or not known:
            yield found.start(), _shown(found[0])
    for found in _BARE.finditer(_FULL.sub(lambda full: " " * len(full[0]), text)):
        longer = text[found.end("host") :].startswith(VALUE)  # nobody knows where the host ends
        if hosts and (longer or not is_known_host(found["host"], hosts)):
            yield found.start(), _shown(found[0])


def _shown(written: str) -> str:
    return written.rstrip(_MARKS).replace(VALUE, "{{ ... }}")
