"""``audience.where``: a text such as ``country == "France" and orders >= 2`` -> a typed condition.

    condition   = part {"or" part};  part = term {"and" term};  term = "not" term | "(" condition ")" | test
    test        = field ("==" | "!=" | "<" | "<=" | ">" | ">=") value
                | field ["not"] "in" "[" value {"," value} "]" | field "is" ["not"] "missing" | yes-no field

Read here and nowhere else: no part of the text becomes SQL or code. What is compared must be of one type. A
customer who lacks the field passes no test of it but ``is missing``, not even with ``not`` before it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from winback.campaigns.faults import TextFault
from winback.errors import nearest

ATTRIBUTE = "attributes."  # as in winback.intake.fields, which takes polars along: `check` must stay fast
MOST_CHARACTERS, MOST_NESTED = 1_000, 20
Value = str | float | bool | date


class Type(StrEnum):
    """What a field holds and what it may be compared with."""

    TEXT = "text"
    NUMBER = "a number"
    DAY = "a day"
    YES_NO = "yes or no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """A field a condition may ask for; ``scored``: known from the facts at as_of, else from the customer."""

    type: Type
    en: str
    zh: str
    scored: bool = False


TRAITS: Mapping[str, Trait] = {
    "orders": Trait(
        type=Type.NUMBER, scored=True, en="orders up to the as-of day, refunds not counted",
        zh="截至统计日的订单数，不含退款",
    ),
    "last_order_on": Trait(type=Type.DAY, scored=True, en="day of the last order", zh="最近一次下单的日期"),
    "days_since_order": Trait(
        type=Type.NUMBER, scored=True, en="days from the last order to the as-of day",
        zh="最近一次下单距统计日的天数",
    ),
    "risk": Trait(
        type=Type.NUMBER, scored=True, en="probability of no order within `churn.within`, 0 to 1",
        zh="在 `churn.within` 内不下单的概率，0 到 1",
    ),
    "expected_value": Trait(
        type=Type.NUMBER, scored=True, en="expected net spend within `churn.within`",
        zh="预计在 `churn.within` 内的净消费额",
    ),
    "past_value": Trait(type=Type.NUMBER, scored=True, en="net spend so far", zh="迄今的净消费额"),
    "customer_id": Trait(type=Type.TEXT, en="as imported", zh="按导入原样"),
    "country": Trait(type=Type.TEXT, en="as imported", zh="按导入原样"),
    "locale": Trait(type=Type.TEXT, en="language and region, such as `zh-CN`", zh="语言和地区，例如 `zh-CN`"),
    "timezone": Trait(type=Type.TEXT, en="such as `Europe/London`", zh="例如 `Europe/London`"),
    "salesperson_name": Trait(type=Type.TEXT, en="as imported", zh="按导入原样"),
    "birthday_on": Trait(type=Type.DAY, en="day of birth", zh="出生日期"),
    "email_consent": Trait(type=Type.YES_NO, en="agreed to e-mail", zh="是否同意接收邮件"),
    "sms_consent": Trait(type=Type.YES_NO, en="agreed to text messages", zh="是否同意接收短信"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """``field sign value``; an attribute is read as the type of the value."""

    field: str
    sign: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """The field is one of the values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The customer lacks the field."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The contrary, where it is known."""

    of: "Condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Every part holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Any:
    """One part holds or more."""

    of: tuple["Condition", ...]


Condition = Compare | Among | Missing | Not | All | Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A condition with the text it was read from."""

    text: str
    condition: Condition

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is asked for, once; an attribute with its prefix."""
        return tuple(dict.fromkeys(_fields(self.condition)))


def _fields(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Compare | Among | Missing):
        yield condition.field
    elif isinstance(condition, Not):
        yield from _fields(condition.of)
    else:
        for part in condition.of:
            yield from _fields(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKENS = re.compile(
    r"""(?P<day>\d{4}-\d{2}-\d{2}(?![\w.-]))|(?P<number>-?\d{1,15}(?:\.\d{1,9})?(?![\w.]))"""
    r"""|(?P<text>"[^"\n]*"|'[^'\n]*')|(?P<word>[^\W\d]\w*(?:\.(?:\w+|"[^"\n]*"))?)"""
    r"""|(?P<sign>==|!=|<=|>=|<(?!>)|>|[()\[\],])"""
)
_SPACE = re.compile(r"\s*")
_SIGNS = ("==", "!=", "<", "<=", ">", ">=")
_RESERVED = {"and", "or", "not", "in", "is", "missing", "true", "false"}
_INSTEAD = {"=": "==", "<>": "!=", "&": "and", "|": "or", "!": "not", "AND": "and", "OR": "or", "NOT": "not",
            "IN": "in", "IS": "is", "null": "missing", "NULL": "missing", "True": "true", "False": "false",
            "“": '"', "”": '"', "‘": "'", "’": "'", "（": "(", "）": ")", "，": ","}  # fmt: skip


def read_where(text: str) -> Where:
    """The condition in a text; TextFault, at its character, for what is none."""
    if len(text) > MOST_CHARACTERS:
        raise TextFault(f"is longer than {MOST_CHARACTERS:,} characters", at=0)
    reader = _Reader(list(_tokens(text)))
    condition = reader.any(0)
    if (left := reader.here).kind != "end":
        raise _unexpected(left, "and or or")
    return Where(text=text, condition=condition)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while (at := _end(_SPACE, text, at)) < len(text):
        found = _TOKENS.match(text, at)
        if not found:
            raise _unreadable(text, at)
        yield _Token(kind=str(found.lastgroup), text=found[0], at=at)
        at = found.end()
    yield _Token(kind="end", text="", at=len(text.rstrip()))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _unreadable(text: str, at: int) -> TextFault:
    if text[at] in "\"'":
        return TextFault(f"the quote {text[at]} is never closed", at=at)
    wrong = next((sign for sign in ("<>", *_INSTEAD) if text.startswith(sign, at)), None)
    if wrong:
        return TextFault(f"'{wrong}' cannot be read here", at=at, nearest=_INSTEAD[wrong])
    if re.match(r"[/.]\d{1,2}[/.]\d{2,4}", text[at:]) or re.match(r"\d{1,2}[/.]\d{1,2}[/.]\d{2,4}", text[at:]):
        return TextFault("days are written as year, month and day", at=at, allowed=_LIKE[Type.DAY.value])
    shown = re.match(r"\S{1,20}", text[at:])
    return TextFault(f"'{shown[0] if shown else text[at]}' cannot be read here", at=at)


def _unexpected(token: _Token, wanted: str) -> TextFault:
    if token.kind == "end":
        return TextFault("ends too early", at=token.at, allowed=wanted)
    return TextFault(f"{token.text} is not expected here", at=token.at, allowed=wanted,
                     nearest=_INSTEAD.get(token.text))  # fmt: skip


class _Reader:
    """Tokens from left to right, one look ahead."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._next = tokens, 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._next]

    def take(self) -> _Token:
        token = self.here
        self._next += token.kind != "end"
        return token

    def took(self, text: str) -> bool:
        found = self.here.text == text and self.here.kind in {"word", "sign"}
        self._next += found
        return found

    def expect(self, text: str) -> None:
        if not self.took(text):
            raise _unexpected(self.here, text)

    def any(self, depth: int) -> Condition:
        parts = self._joined("or", self._all, depth)
        return parts[0] if len(parts) == 1 else Any(of=parts)

    def _all(self, depth: int) -> Condition:
        parts = self._joined("and", self._term, depth)
        return parts[0] if len(parts) == 1 else All(of=parts)

    def _joined(self, word: str, part: Callable[[int], Condition], depth: int) -> tuple[Condition, ...]:
        parts = [part(depth)]
        while self.took(word):
            parts.append(part(depth))
        return tuple(parts)

    def _term(self, depth: int) -> Condition:
        if depth > MOST_NESTED:
            raise TextFault("is nested too deeply", at=self.here.at)
        if self.took("not"):
            return Not(of=self._term(depth + 1))
        if self.took("("):
            inner = self.any(depth + 1)
            self.expect(")")
            return inner
        return self._test(self.take())

    def _test(self, token: _Token) -> Condition:
        field, type_ = _named(token)
        if self.took("is"):
            lacks = not self.took("not")
            self.expect("missing")
            return Missing(field=field) if lacks else Not(of=Missing(field=field))
        if self.took("in"):
            return self._among(field, type_)
        if self.took("not"):
            self.expect("in")
            return Not(of=self._among(field, type_))
        if self.here.text in _SIGNS:
            return self._compare(field, type_)
        if type_ is Type.YES_NO:
            return Compare(field=field, sign="==", value=True)
        raise _unexpected(self.here, ", ".join((*_SIGNS, "in", "not in", "is missing")))

    def _compare(self, field: str, type_: Type | None) -> Compare:
        sign = self.take()
        value, of = self._value(field, type_)
        if sign.text not in _SIGNS[:2] and of in {Type.TEXT, Type.YES_NO}:
            raise TextFault(f"{of.value} is not larger or smaller", at=sign.at, allowed="==, !=")
        return Compare(field=field, sign=sign.text, value=value)

    def _among(self, field: str, type_: Type | None) -> Among:
        self.expect("[")
        values = [self._value(field, type_)]
        while self.took(","):
            values.append(self._value(field, values[0][1]))
        self.expect("]")
        return Among(field=field, values=tuple(value for value, _ in values))

    def _value(self, field: str, type_: Type | None) -> tuple[Value, Type]:
        """A value and its type, which must be ``type_``; None: of an attribute, text, number or day."""
        token = self.take()
        value, of = _literal(token, type_)
        if of is type_ or (type_ is None and of is not Type.YES_NO):
            return value, of
        holds = type_.value if type_ else "text"
        raise TextFault(f"{field} is {holds}, {token.text} is {of.value}", at=token.at, allowed=_LIKE[holds])


_LIKE = {Type.TEXT.value: 'a text in quotes, such as "France"', Type.NUMBER.value: "a number, such as 2",
         Type.DAY.value: "a day, such as 2026-01-31", Type.YES_NO.value: "true, false"}  # fmt: skip


def _literal(token: _Token, type_: Type | None) -> tuple[Value, Type]:
    if token.kind == "number":
        return float(token.text), Type.NUMBER
    if token.kind == "text":
        return token.text[1:-1], Type.TEXT
    if token.kind == "day":
        return _day(token), Type.DAY
    if token.text in {"true", "false"}:
        return token.text == "true", Type.YES_NO
    if token.kind == "word" and type_ in {Type.TEXT, None}:
        raise TextFault(f"text stands in quotes: {token.text}", at=token.at, nearest=f'"{token.text}"')
    raise _unexpected(token, _LIKE[type_.value if type_ else Type.TEXT.value])


def _day(token: _Token) -> date:
    try:
        return date.fromisoformat(token.text)
    except ValueError:
        raise TextFault(f"{token.text} is no day of the calendar", at=token.at) from None


def _named(token: _Token) -> tuple[str, Type | None]:
    """The field a test begins with, and its type; None for an attribute, whose type is that of the value."""
    if token.kind in {"number", "text", "day"}:
        raise TextFault(f"the field comes first, then the value: {token.text}", at=token.at)
    if token.kind != "word" or token.text in _RESERVED:
        raise _unexpected(token, "a field, not, (")
    if token.text.startswith(ATTRIBUTE):
        return ATTRIBUTE + token.text.removeprefix(ATTRIBUTE).strip('"'), None
    if token.text in TRAITS:
        return token.text, TRAITS[token.text].type
    known = list(TRAITS)
    near = _INSTEAD.get(token.text) or nearest(token.text, known)
    allowed = ", ".join((*known, f"{ATTRIBUTE}<column of your own>"))
    raise TextFault(f"'{token.text}' is not a field", at=token.at, allowed=allowed, nearest=near)
