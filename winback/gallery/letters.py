"""A campaign's messages to made-up customers: every variant and language, and the names that break layouts.

Nobody real is in it. What a message looks like to one customer is ``winback preview --customer``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from types import MappingProxyType

from winback.channel import Channel
from winback.message.fields import MADE_UP_LOCALE, samples
from winback.message.languages import PLAIN
from winback.message.rendering import Email, RenderFailure, Sms, Values, render
from winback.message.sms import outside_gsm
from winback.message.template import Message

USUAL = "usual"
_BLANKS = re.compile(r"[ \t\r\n\f]+")  # what HTML makes one blank
_UNSEEN = re.compile("[\u00a0\u00ad\u034f\u2007\u200b\u200c\u2060\ufeff]+")
PREHEADER = 140  # characters of it that an inbox shows at most
_NAMES: Mapping[str, str | None] = MappingProxyType(
    {
        USUAL: "Ada Quill",
        "long": "Wilhelmina Bartholomea Featherstonehaugh-Cholmondeley of Quillmarsh",
        "missing": None,
        "rtl": "محمد بن عبد الله",
        "emoji": "Zoë 👩‍👩‍👧 🎷",
        "quotes": 'O\'Neil "Bob" & <Co>',
    }
)
_CHINESE_NAMES: Mapping[str, str | None] = MappingProxyType(
    {**_NAMES, USUAL: "林晓雨", "long": "阿卜杜热依木·买买提依明·努尔艾合买提江"}
)
CASES = tuple(_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one made-up customer would get by each channel; ``case``: one of CASES."""

    case: str
    name: str | None
    email: Email | RenderFailure | None
    sms: Sms | RenderFailure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A variant in one language, the usual customer first."""

    variant: str
    language: str
    written: tuple[Written, ...]

    @property
    def usual(self) -> Written:
        """What the customer gets whose data are as they should be."""
        return self.written[0]


def sheets(
    variants: Mapping[str, Message],
    channels: tuple[Channel, ...],
    *,
    campaign: Mapping[str, Values],
    sender: Mapping[str, Values],
) -> Iterator[Sheet]:
    """One Sheet for each variant and language; ``campaign``, ``sender``: "en", "zh" -> what templates may know."""
    for variant, message in variants.items():
        for suffix in sorted(message.suffixes):
            locale = suffix or PLAIN
            spoken = "zh" if message.language(locale).tag.startswith("zh") else "en"
            names = _CHINESE_NAMES if spoken == "zh" else _NAMES
            yield Sheet(
                variant=variant,
                language=locale,
                written=tuple(
                    _written(message, channels, case, name, locale, campaign[spoken], sender[spoken])
                    for case, name in names.items()
                ),
            )


def _written(
    message: Message,
    channels: tuple[Channel, ...],
    case: str,
    name: str | None,
    locale: str,
    campaign: Values,
    sender: Values,
) -> Written:
    values = samples(locale)
    customer = values["customer"] | {"locale": MADE_UP_LOCALE if locale == PLAIN else locale}
    customer |= {"name": name} if name else {}
    if name is None:
        del customer["name"]

    def by(channel: Channel) -> Email | Sms | RenderFailure | None:
        if channel not in channels or channel not in message.channels:
            return None
        return render(message, channel, customer=customer, campaign=campaign, links=values["links"], sender=sender)

    email, sms = by("email"), by("sms")
    assert not isinstance(email, Sms)
    assert not isinstance(sms, Email)
    return Written(case=case, name=name, email=email, sms=sms)


def preheader(html: str) -> str:
    """What an inbox shows after the subject: the first text of the body, hidden or not.

    Blanks that do not become one, as ``&nbsp;&zwnj;``, take their place there without being seen.
    """
    reader = _FirstText()
    reader.feed(html)
    shown = _BLANKS.sub(" ", "".join(reader.found)).lstrip()[:PREHEADER]
    return " ".join(_UNSEEN.sub(" ", shown).split())


class _FirstText(HTMLParser):
    _OUTSIDE = frozenset({"head", "style", "script", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found, self._outside, self._length = list[str](), list[str](), 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(" " if tag in {"p", "td", "div", "br", "h1", "h2"} else "")
        if tag in self._OUTSIDE:
            self._outside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._outside and tag == self._outside[-1]:
            self._outside.pop()

    def handle_data(self, data: str) -> None:
        if not self._outside and self._length < 2 * PREHEADER:
            self.found.append(data)
            self._length += len(data.strip())


def dear_characters(sms: Sms) -> list[str]:
    """The characters for which GSM-7 has no place, if they are few enough to be a slip."""
    found = outside_gsm(sms.text)
    return found if len(found) <= 3 else []
