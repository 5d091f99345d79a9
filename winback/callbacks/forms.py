"""Forms as web requests carry them (application/x-www-form-urlencoded)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

FIELDS = 200  # more than any form here has


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of one form, with the two methods by which Twilio's own validator reads them."""

    fields: Mapping[str, list[str]]

    def __iter__(self) -> Iterator[str]:
        """The names of the fields."""
        return iter(self.fields)

    def getlist(self, name: str) -> list[str]:
        """Every value of a field."""
        return self.fields.get(name, [])

    def one(self, name: str) -> str | None:
        """The value of a field that stands there exactly once."""
        values = self.getlist(name)
        return values[0] if len(values) == 1 else None


def read_form(text: bytes | str) -> Form | None:
    """The fields of a form body or a query string; None when it is not one."""
    fields: dict[str, list[str]] = defaultdict(list)
    try:
        plain = text.decode("ascii") if isinstance(text, bytes) else text
        pairs = parse_qsl(plain, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:  # not ASCII, not UTF-8 when decoded, or more fields than Twilio has
        return None
    for name, value in pairs:
        fields[name].append(value)
    return Form(fields=dict(fields))
