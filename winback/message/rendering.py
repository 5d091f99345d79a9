"""One customer's message: rendered parts, or a value that says why there are none. Never an exception."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from jinja2 import TemplateError as JinjaError
from markupsafe import escape

from winback.channel import Channel
from winback.message.cleaning import clean_line, clean_text
from winback.message.environment import Absent, Budget, MissingValue, OverBudget
from winback.message.fields import NAMES, RECOMMENDED, REQUIRED_IN_EMAIL, Products
from winback.message.plain_text import tidy
from winback.message.sms import CHINA, MAX_SEGMENTS, SmsSize, lacks_in_chinese, sms_size
from winback.message.template import HTML, PARTS, SMS, SUBJECT, TEXT, Message
from winback.message.unwritten import RENDER_ERROR

MAX_VALUE = 2_000  # characters of one customer value; a longer one is a fault of the data
Values = Mapping[str, str | int | float | date | Products | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """The three parts of an e-mail; ``language`` is the one it is written in."""

    language: str
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """An SMS and what it costs."""

    language: str
    text: str
    size: SmsSize


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderFailure:
    """Why this customer gets no message: the place in the template and the field, no customer data.

    ``reason`` is one of winback.message.unwritten.
    """

    file: str
    line: int | None
    field: str | None
    problem: str
    reason: str = RENDER_ERROR


def render(
    message: Message, channel: Channel, *, customer: Values, campaign: Values, links: Values, sender: Values
) -> Email | Sms | RenderFailure:
    """Render ``message`` for one customer in the language of ``customer["locale"]``.

    Each group may hold the names of ``winback.message.fields`` only; a name left out, None or blank counts as
    missing. Text is cleaned to one line (the postal address may keep several) before a template sees it.
    """
    locale = customer.get("locale")
    language = message.language(locale if isinstance(locale, str) else None)
    groups = {"customer": customer, "campaign": campaign, "links": links, "sender": sender}
    place = f"{message.name}/{PARTS[channel][-1]}"
    if channel not in message.channels:
        return RenderFailure(file=place, line=None, field=None, problem=f"this message has no {channel} parts")
    try:
        context = {name: cleaned(message, name, values) for name, values in groups.items()}
        context["message"] = cleaned(message, "message", {"language": language.tag})
        parts = _parts(message, channel, language.suffix, context)
        if channel == "sms":
            return as_sms(language.tag, parts[SMS])
        email = Email(language=language.tag, subject=parts[SUBJECT], html=parts[HTML], text=parts[TEXT])
        return anonymous(email, context, message.name) or email
    except Exception as error:  # a template is another's program: whatever it raises is this message's failure
        return _failure(error, place)


def failure_of(
    message: Message, suffix: str, part: str, groups: Mapping[str, Mapping[str, object]]
) -> RenderFailure | None:
    """Why one part in one language cannot be written for somebody; None where it can."""
    try:
        context = {name: cleaned(message, name, values) for name, values in groups.items()}
        with Budget():
            message.editions[suffix, part].render(context)
    except Exception as error:  # as in render
        return _failure(error, f"{message.name}/{part}")
    return None


class _Empty(JinjaError):
    """A part came out without a word; ``file``: the one it is written in."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__("is empty")


def _parts(message: Message, channel: Channel, suffix: str, context: Mapping[str, object]) -> dict[str, str]:
    parts = {}
    with Budget():
        for part in PARTS[channel]:
            text = message.editions[suffix, part].render(context)
            parts[part] = (tidy if part == TEXT and suffix in message.made else CLEAN[part])(text)
            if not parts[part]:
                raise _Empty(message.editions[suffix, part].filename or part)
    return parts


CLEAN: Mapping[str, Callable[[str], str]] = {
    SUBJECT: clean_line,
    HTML: str,  # its values and its source were cleaned; scanning 3 kB again would cost a tenth of the render
    TEXT: lambda text: clean_text(text).strip() + "\n",
    SMS: lambda text: clean_text(text).strip(),
}


def as_sms(tag: str, text: str) -> Sms:
    """The finished SMS; raises OverBudget for one that no provider would take whole."""
    size = sms_size(text)
    if size.segments > MAX_SEGMENTS:
        raise OverBudget(f"more than {MAX_SEGMENTS} segments")
    return Sms(language=tag, text=text, size=size)


def unlawful(sms: Sms, number: str, message: str) -> RenderFailure | None:
    """Refuse a text that may not go to this ``number`` (E.164): to a Chinese one, without signature or way out."""
    lacks = lacks_in_chinese(sms.text) if number.startswith(CHINA) else []
    if not lacks:
        return None
    file, lack = f"{message}/{SMS}", lacks[0]
    return RenderFailure(file=file, line=None, field=None, problem=lack.problem, reason=lack.reason)


def cleaned(message: Message, group: str, values: Mapping[str, object]) -> dict[str, object]:
    """Exactly the allowed names, as plain cleaned values; what there is no value for is Absent."""
    found: dict[str, object] = {}
    for name in message.links if group == "links" else NAMES[group]:
        value = values.get(name)
        kind = type(value)
        ordinary = kind is int or kind is date or (kind is str and _is_clean(value))  # type: ignore[arg-type]  # text
        found[name] = value if ordinary else _plain(value, group, name)
    return found


class PlainLinks(dict[str, str]):
    """A customer's links, each of which ``needs_nothing``."""


def needs_nothing(text: str) -> bool:
    """Whether neither cleaning nor escaping would change ``text``."""
    return _is_clean(text) and escape(text) == text


def _is_clean(text: str) -> bool:
    """Whether ``text`` is one of those, nearly all, that cleaning leaves alone."""
    return text.isprintable() and 0 < len(text) <= MAX_VALUE and "  " not in text and text[0] != " " != text[-1]


def _plain(value: object, group: str, name: str) -> object:
    if isinstance(value, str):
        if len(value) > MAX_VALUE:
            raise MissingValue(f"{group}.{name}", f"{group}.{name} is longer than {MAX_VALUE} characters")
        clean = clean_text if name in _SEVERAL_LINES else clean_line
        return clean(str(value)) or _absent(group, name)  # str(): ready-made markup is text too
    if type(value) in (int, float, date):
        return value
    if type(value) is list and group == "customer" and name == RECOMMENDED:
        return [_product(each) for each in value] or _absent(group, name)
    if value is None:
        return _absent(group, name)
    raise MissingValue(f"{group}.{name}", f"{group}.{name} is not text, a number or a date")


def _product(told: Mapping[str, str | None]) -> dict[str, object]:
    """A product a template may print: cleaned as all that others typed."""
    return {field: _plain(told.get(field), "customer.recommended", field) for field in ("name", "link")}


@cache
def _absent(group: str, name: str) -> Absent:
    return Absent(f"{group}.{name}")


_SEVERAL_LINES = {"postal_address"}


def anonymous(email: Email, context: Mapping[str, Mapping[str, object]], name: str) -> RenderFailure | None:
    """Refuse an e-mail that does not show its sender's address and the way out in both bodies (CAN-SPAM)."""
    for needed in REQUIRED_IN_EMAIL:
        group, field = needed.split(".")
        shown = str(context[group][field])
        for part, body, wanted in ((HTML, email.html, str(escape(shown))), (TEXT, email.text, shown)):
            if wanted not in body and not (part == TEXT and tidy(wanted).strip() in body):
                problem = f"{part} does not show {needed}"
                return RenderFailure(file=f"{name}/{part}", line=None, field=needed, problem=problem)
    return None


def _failure(error: Exception, place: str) -> RenderFailure:
    """The innermost template line of the traceback, without any text that may hold a customer's data.

    Of a template that calls itself without end, the outermost: where it stops is chance.
    """
    lines = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "__jinja_exception__" in frame.f_globals  # the frames Jinja rewrites to template lines
    ]
    if isinstance(error, _Empty):
        return RenderFailure(file=error.file, line=None, field=None, problem=str(error))
    file, line = lines[0 if isinstance(error, RecursionError) else -1] if lines else (place, None)
    field = error.field if isinstance(error, MissingValue) else None
    problem = str(error) if isinstance(error, JinjaError) else f"raised {type(error).__name__}"
    return RenderFailure(file=file, line=line, field=field, problem=problem)
