"""The small pages a customer sees: no script, no picture, no address to load anything from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.pages.words import WORDS, Saying, Words
from db.preferences import Recipient, Standing
from winback.campaigns.section import LocalName

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
LANGUAGE = "lang"  # of a page's address
# the form's fields: WAS_ON and WAS_OFF name every box that was shown, as it was then. A box that is not ticked is
# not sent, and a page that was opened before must not take back what has changed since
WAS_ON, WAS_OFF, EVERYTHING = "was_on", "was_off", "everything"
CHANNEL, TOPIC = "channel.", "topic."  # before the name of one
LESS_OFTEN, NO_PERSONALISATION = "less_often", "no_personalisation"


class Notice(StrEnum):
    """What a page can say."""

    ASK = "ask"
    DONE = "done"
    ENDED = "ended"
    SAVED = "saved"
    BROKEN = "broken"
    NO_LINK = "no_link"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a page with the form shows; ``place``: the page's own address, relative to where it is shown."""

    place: str
    who: Recipient
    topics: Mapping[str, LocalName]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One box to tick; a closed one cannot be."""

    name: str
    label: str
    ticked: bool
    hint: str = ""
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Boxes under one title."""

    title: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """The language of a page; ``chosen`` on the page itself, so that what follows from it keeps it."""

    language: str
    chosen: bool

    @property
    def query(self) -> str:
        """What keeps the choice in the address of the next page."""
        return f"?{LANGUAGE}={self.language}" if self.chosen else ""


def render(notice: Notice, *, view: View | None, speech: Speech, sender: str, reply_to: str, postal: str) -> str:
    """One page as HTML."""
    words = WORDS[speech.language]
    channel = view.who.channel if view else "email"
    address = view.who.addresses[0].masked if view else None
    to = words.to.format(address=address) if address else ""
    facts = {"sender": sender, "reply_to": reply_to, "to": to}
    saying = _saying(words, notice, channel)
    return (
        _environment()
        .get_template("page.html")
        .render(
            lang=words.tag,
            notice=notice.value,
            title=saying.title,
            first=saying.first.format(**facts),
            second=saying.second.format(**facts),
            button=words.button,
            words=words.form,
            place=view.place if view else "",
            query=speech.query,
            others=[
                (f"?{LANGUAGE}={name}", other.tag, other.name)
                for name, other in WORDS.items()
                if name != speech.language
            ],
            groups=_groups(words, view, speech.language, facts) if view else (),
            sender=sender,
            postal=postal,
        )
    )


def _saying(words: Words, notice: Notice, channel: str) -> Saying:
    by_channel = notice in (Notice.ASK, Notice.DONE)
    saying: Saying = getattr(words, f"{notice.value}_{channel}" if by_channel else notice.value)
    return saying


def _groups(words: Words, view: View, language: str, facts: Mapping[str, str]) -> list[Group]:
    form, who = words.form, view.who
    channels = [
        Box(
            name=f"{CHANNEL}{address.channel}",
            label=form.email if address.channel == "email" else form.sms,
            ticked=address.standing is Standing.OPEN,
            closed=address.standing is Standing.CLOSED,
            hint=form.closed.format(**facts) if address.standing is Standing.CLOSED else address.masked or "",
        )
        for address in who.addresses
    ]
    topics = [
        Box(
            name=f"{TOPIC}{name}",
            label=(label.zh or label.en) if language == "zh" else label.en,
            ticked=name not in who.stopped_topics,
        )
        for name, label in view.topics.items()
    ]
    more = [
        Box(name=LESS_OFTEN, label=form.less_often, hint=form.less_often_hint, ticked=who.less_often),
        Box(
            name=NO_PERSONALISATION,
            label=form.no_personalisation,
            hint=form.no_personalisation_hint,
            ticked=who.no_personalisation,
        ),
    ]
    groups = ((form.channels, channels), (form.topics, topics), (form.more, more))
    return [Group(title=title, boxes=tuple(boxes)) for title, boxes in groups if boxes]


def choose_language(asked: str | None, locale: str | None, accept_language: str) -> Speech:
    """The one asked for on the page, else the customer's, else the browser's first that we speak, else English."""
    if asked in WORDS:
        return Speech(language=asked, chosen=True)
    spoken = [locale or "", *_by_preference(accept_language[:500])]
    found = next((language for tag in spoken if (language := _primary(tag)) in WORDS), "en")
    return Speech(language=found, chosen=False)


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
