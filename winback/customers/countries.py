"""Countries as people write them, and the code they mean."""

from functools import cache

from babel import Locale


def region_of(country: str | None) -> str | None:
    """The ISO 3166 code of a country given as a code or by its English or Chinese name; None when unknown."""
    return _regions().get(country.strip().casefold()) if country else None


def region_of_number(phone: str) -> str | None:
    """The ISO 3166 code of the country an E.164 number belongs to, the main one where several share its code."""
    import phonenumbers  # most claims never ask

    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(number)
    return region or phonenumbers.region_code_for_country_code(number.country_code or 0)


@cache
def _regions() -> dict[str, str]:
    names = {"uk": "GB", "usa": "US", "u.s.": "US", "u.k.": "GB", "england": "GB", "中国大陆": "CN"}
    for language in ("en", "zh"):
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                names |= {code.casefold(): code, name.casefold(): code}
    return names
