"""Which clicks are a machine's: mail gateways, previews and robots open links before, or without, a reader.

A flagged click is kept and never counts as a response, so both numbers can be told; what compares campaigns is
orders, which no robot places. Of the user agent only the judgement is kept. A human click can be flagged wrongly
(a reader who is faster than ten seconds); what is not flagged may still be a machine's that hides well.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

HONEYPOT = 0  # the number of a link that no reader sees
SOON = timedelta(seconds=10)  # after delivery
AT_ONCE = timedelta(seconds=2)  # for all links of a message
AGAIN = timedelta(seconds=1)  # the same link within it is the same click


class Flag(StrEnum):
    """Why a click is taken for a machine's; the first that applies."""

    HEAD = "head"  # asks for the headers only
    HONEYPOT = "honeypot"
    SCANNER = "scanner"  # says itself what it is, or says nothing
    TOO_SOON = "too_soon"
    ALL_LINKS = "all_links"


class Click(NamedTuple):
    """One click on link number ``link``; ``id`` is the stored event's, None before it is stored."""

    id: int | None
    link: int
    at: datetime
    flag: str | None


# Parts of user agents, in lower case. Gateways: what they are called in their own user agents and in reports of
# senders (resend-node #901, jdavidbakr/mail-tracker #255, jusso-dev/Collie #50); previews of links in chats; and
# libraries. WeChat's, Facebook's and other apps' own browsers are readers and contain none of these.
_AGENTS = (
    "barracuda", "mimecast", "proofpoint", "ironport", "ciscosecureemail", "trendmicro", "symantec", "messagelabs",
    "forcepoint", "fortinet", "fortiguard", "sophos", "trustwave", "mailscanner", "safelinks", "urlscan",
    "virustotal", "ms-office", "msoffice", "microsoft office existence", "googleimageproxy", "google-safety",
    "yahoomailproxy",
    "whatsapp/", "skypeuripreview", "facebookexternalhit", "preview",
    "crawler", "spider", "slurp", "scanner", "headless", "phantomjs", "curl/", "wget/", "python", "go-http-client",
    "java/", "libwww", "httpclient", "axios", "node-fetch", "postman",
)  # fmt: skip
_MACHINE = re.compile("|".join(re.escape(part) for part in _AGENTS) + "|(?<!cu)bot")  # Cubot makes telephones


def flag_of_agent(agent: str) -> Flag | None:
    """SCANNER when the user agent is known for no reader's, or empty."""
    known = not agent.strip() or _MACHINE.search(agent.lower())
    return Flag.SCANNER if known else None


def flag_of_click(*, head: bool, link: int, agent: str, at: datetime, since: datetime | None) -> Flag | None:
    """Why this click alone is taken for a machine's, or None.

    ``since``: when the message was delivered; while that is not known, when it was handed to the provider. A
    delivery told later flags earlier clicks then (db.events), so the order of what is told does not matter.
    """
    if head:
        return Flag.HEAD
    if link == HONEYPOT:
        return Flag.HONEYPOT
    if flag := flag_of_agent(agent):
        return flag
    return Flag.TOO_SOON if since is not None and at < since + SOON else None


def is_repeat(click: Click, earlier: Iterable[Click]) -> bool:
    """Whether the same link was clicked within AGAIN; a machine's HEAD does not hide the GET of a reader."""
    return any(
        other.link == click.link
        and (other.flag == Flag.HEAD) == (click.flag == Flag.HEAD)
        and abs(click.at - other.at) < AGAIN
        for other in earlier
    )


def clicked_at_once(click: Click, earlier: Sequence[Click], links: Iterable[int]) -> list[Click]:
    """The clicks, this one among them, that together took all of a message's ``links`` within AT_ONCE; or none.

    ``earlier``: clicks of the same message. A message with one link is not judged by it.
    """
    asked = set(links)
    near = [other for other in (*earlier, click) if abs(click.at - other.at) <= AT_ONCE]
    return near if len(asked) > 1 and asked <= {other.link for other in near} else []
