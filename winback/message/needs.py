"""The values that a message cannot do without: whoever lacks one gets no message. Found by trying."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from winback.message.fields import CUSTOMER_FIELDS, samples
from winback.message.rendering import failure_of
from winback.message.template import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A field of the customer that a template prints without asking whether there is one, and where."""

    file: str
    line: int | None
    field: str


def needs_of(message: Message, files: Mapping[str, str]) -> list[Need]:
    """The first such place of each part for each field, of a message without problems; each file is told once."""
    named = [
        name
        for name, field in CUSTOMER_FIELDS.items()
        if not field.always and any(name in text for text in files.values())
    ]
    return list(dict.fromkeys(need for name in named for need in _without(message, name)))


def _without(message: Message, name: str) -> Iterator[Need]:
    """Where the made-up customer who has all but this would be skipped."""
    groups = samples()
    customer = {field: value for field, value in groups["customer"].items() if field != name}
    for suffix, part in sorted(message.editions):
        failure = failure_of(message, suffix, part, groups | {"customer": customer})
        if failure and failure.field == f"customer.{name}":
            yield Need(file=failure.file, line=failure.line, field=failure.field)
