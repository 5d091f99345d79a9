"""How an SMS is encoded and how many segments it costs (3GPP TS 23.038 6.2.1, TS 23.040 9.2.3.24.1)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from winback.message.unwritten import NO_OPT_OUT, NO_SIGNATURE

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # two septets each: escape and character


MAX_SEGMENTS = 10  # a longer text is not sent: providers cut at 1,600 characters, and a budget reserves so many


class Encoding(StrEnum):
    """The alphabet an SMS is sent in."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


_SINGLE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_PART = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}  # a part of several gives 6 octets to its header


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSize:
    """What a text costs: ``units`` are septets (GSM-7) or 16-bit units (UCS-2)."""

    encoding: Encoding
    units: int
    segments: int


_SIGNATURE = re.compile(
    r"^【([^【】]{0,200})】|【([^【】]{0,200})】$"
)  # the sender's, of a Chinese SMS; safety L13
SHORTEST_SIGNATURE, LONGEST_SIGNATURE = 2, 12  # characters
_OPT_OUT_ZH = re.compile("退订|拒收")
CHINA = "+86"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What a text lacks, and how it may be written; ``reason`` is the ledger's word."""

    reason: str
    problem: str
    allowed: str


def lacks_in_chinese(text: str) -> list[Lack]:
    """What a text to a Chinese number, or in Chinese, must have and has not (通信短信息服务管理规定, 2015)."""
    found = []
    if not any(is_signature(each) for each in signatures(text)):
        problem = "a Chinese SMS must start or end with its signature"
        found.append(Lack(reason=NO_SIGNATURE, problem=problem, allowed="【海港唱片】"))
    if not _OPT_OUT_ZH.search(text):
        problem = "a Chinese SMS must say how to opt out"
        found.append(Lack(reason=NO_OPT_OUT, problem=problem, allowed="退订 / 拒收请回复R"))
    return found


def signatures(text: str) -> list[str]:
    """What stands in 【】 at the start and at the end of a text."""
    return [found[1] or found[2] or "" for found in _SIGNATURE.finditer(text)]


def is_signature(name: str) -> bool:
    """Whether carriers in China take ``name`` for a signature."""
    return SHORTEST_SIGNATURE <= len(name) <= LONGEST_SIGNATURE


def outside_gsm(text: str) -> list[str]:
    """The characters of ``text``, each once, that GSM-7 does not have: one of them makes the whole text UCS-2."""
    return [letter for letter in dict.fromkeys(text) if letter not in _BASIC and letter not in _EXTENDED]


def sms_size(text: str) -> SmsSize:
    """Encoding and segments of ``text``; a two-unit character is never split over two segments."""
    if _BASIC.issuperset(text):
        widths, encoding = [1] * len(text), Encoding.GSM_7
    elif (_BASIC | _EXTENDED).issuperset(text):
        widths, encoding = [1 + (letter in _EXTENDED) for letter in text], Encoding.GSM_7
    else:
        widths, encoding = [1 + (letter > "\uffff") for letter in text], Encoding.UCS_2
    units = sum(widths)
    segments = 1 if units <= _SINGLE[encoding] else _parts(widths, _PART[encoding])
    return SmsSize(encoding=encoding, units=units, segments=segments)


def _parts(widths: list[int], room: int) -> int:
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts
