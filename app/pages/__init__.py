"""The small pages a customer sees: no script, no picture, no address to load anything from."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.pages.words import WORDS, Words

HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",  # the address of the page is a token
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Cache-Control": "no-store",
    }
)


class Page(StrEnum):
    """What an unsubscribe page can say."""

    ASK = "ask"
    DONE = "done"
    BROKEN = "broken"
    BUSY = "busy"


def render(
    page: Page, *, language: str, sender: str, reply_to: str, postal: str, channel: str, address: str
) -> str:
    """One page as HTML; ``channel`` is email or sms, ``address`` is masked or empty."""
    words = WORDS[language]
    facts = {"sender": sender, "reply_to": reply_to, "to": words.to.format(address=address) if address else ""}
    title, lines = _said(words, page, channel)
    return (
        _environment()
        .get_template("unsubscribe.html")
        .render(
            lang=words.tag,
            page=page.value,
            title=title.format(**facts),
            lines=[line.format(**facts) for line in lines],
            button=words.button,
            sender=sender,
            postal=postal,
        )
    )


def _said(words: Words, page: Page, channel: str) -> tuple[str, tuple[str, ...]]:
    """(title, paragraphs) of a page."""
    by_sms = channel == "sms"
    match page:
        case Page.ASK:
            return (words.ask_sms, words.ask_sms_lines) if by_sms else (words.ask_email, words.ask_email_lines)
        case Page.DONE:
            return words.done, words.done_sms_lines if by_sms else words.done_email_lines
        case Page.BROKEN:
            return words.broken, words.broken_lines
        case Page.BUSY:
            return words.busy, words.busy_lines


def choose_language(locale: str | None, accept_language: str) -> str:
    """The language of the pages: the customer's, else the browser's first that we speak, else English."""
    spoken = [locale or "", *_by_preference(accept_language[:500])]
    return next((language for tag in spoken if (language := _primary(tag)) in WORDS), "en")


def _primary(tag: str) -> str:
    return tag.strip().replace("_", "-").partition("-")[0].lower()


def _by_preference(accept_language: str) -> list[str]:
    weighted = []
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        weighted.append((_weight(parameter), tag))
    return [tag for weight, tag in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        weight = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0  # also refuses not-a-number, which would spoil the order


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
