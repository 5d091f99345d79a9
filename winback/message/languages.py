"""Which language a customer is written to: the suffix of the files, and the locale of dates and numbers."""

from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global, parse_locale

PLAIN = "en"  # the language of a file without a suffix
LONGEST_TAG = 35  # characters of a language tag any software must take, RFC 5646 4.4.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """``suffix`` of the template files ("" = the plain ones); ``tag`` for ``<html lang>``, dates and numbers."""

    suffix: str
    tag: str


def candidates(locale: str) -> tuple[str, ...]:
    """The suffixes that suit ``locale``, best first; none for what is not a locale.

    >>> candidates("zh_Hans_CN")
    ('zh-Hans-CN', 'zh-CN', 'zh')
    >>> candidates("zh")
    ('zh', 'zh-CN')

    A bare language also gets its likely region (CLDR likely subtags): ``zh`` finds a ``zh-CN`` file.
    """
    try:
        language, region, script, *_ = parse_locale(locale.strip().replace("_", "-"), sep="-")
    except ValueError:
        return ()
    likely = None
    if not region and (known := get_global("likely_subtags").get(_joined(language, script, sep="_"))):
        likely = parse_locale(known)[1]
    tags = [_joined(language, script, region), _joined(language, region), _joined(language, likely)]
    return tuple(dict.fromkeys([*tags, language] if region else [language, *tags]))


def _joined(*parts: str | None, sep: str = "-") -> str:
    return sep.join(part for part in parts if part)


@lru_cache(maxsize=4096)
def choose(locale: str | None, suffixes: frozenset[str]) -> Language:
    """The language for a customer of ``locale`` among the ``suffixes`` a message has.

    Fallback zh-CN -> zh -> plain. Dates and numbers follow the customer's region where it speaks the language of
    the text (an English text to en-GB has British dates, to de-DE plain English ones).
    """
    wanted = candidates(locale or "")
    suffix = next((tag for tag in wanted if tag in suffixes), "")
    written = suffix or PLAIN
    for tag in wanted:
        if tag.split("-")[0] == written.split("-")[0] and is_locale(tag):
            return Language(suffix=suffix, tag=tag)
    return Language(suffix=suffix, tag=written)


def is_locale(tag: str) -> bool:
    """Whether dates and numbers can be written for ``tag``."""
    try:
        return bool(Locale.parse(tag, sep="-"))
    except (ValueError, UnknownLocaleError):
        return False
