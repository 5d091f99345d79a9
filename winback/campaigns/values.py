"""The single values of a campaign file: how each is written, and what it becomes."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from unicodedata import normalize
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo, WithJsonSchema

from winback.campaigns.churn_kind import ChurnKind
from winback.campaigns.faults import IDENTIFIER
from winback.campaigns.limits import PerPerson, micros
from winback.campaigns.quiet_hours import QuietHours, read_quiet_hours
from winback.campaigns.where import Where, read_where
from winback.errors import nearest

PINNED = "pinned"  # key of the context in which a file is read that a run has pinned
_IN_LANGUAGES = "write one text, or one for each language, en and zh"


def is_pinned(info: ValidationInfo) -> bool:
    """Whether a run has pinned the file: rules that came later do not take its campaign away."""
    return bool(info.context and info.context[PINNED])


_DAYS = {"": 1, "d": 1, "day": 1, "days": 1, "天": 1, "日": 1, "w": 7, "week": 7, "weeks": 7, "周": 7,
         "month": 30, "months": 30, "个月": 30}  # fmt: skip
_HOURS = {"": 1, "h": 1, "hour": 1, "hours": 1, "hrs": 1, "小时": 1, "d": 24, "day": 24, "days": 24}
_POINTS = {
    "": 1,
    "%": 1,
    "p": 1,
    "pt": 1,
    "pts": 1,
    "point": 1,
    "points": 1,
    "percentage points": 1,
    "个百分点": 1,
}


def _days(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,4})d", value.strip())):
        return int(found[1])
    raise ValueError("write days as a number and d, such as 90d" + _meant(value, _DAYS, "d"))


def _hours(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,3})h", value.strip())):
        return int(found[1])
    raise ValueError("write hours as a number and h, such as 4h" + _meant(value, _HOURS, "h"))


def _meant(value: object, units: Mapping[str, int], unit: str) -> str:
    """What was meant by a number in another unit, or in none."""
    found = re.fullmatch(r"(\d{1,4}(?:\.\d+)?)\s*([^\d\s].*)?", normalize("NFKC", str(value)).strip())
    known = units.get((found[2] or "").lower()) if found else None
    return f": did you mean {float(found[1]) * known:g}{unit}?" if found and known else ""


def _share(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", value.strip())):
        if float(found[1]) > 100:
            raise ValueError(f"{found[0]} is more than everybody: at most 100%")
        return float(found[1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:  # no .nan
        if 1 < value <= 100:
            raise ValueError(f"{value} is more than everybody: did you mean {value}%?")
        return float(min(max(value, -1), 2))  # a number of 4,000 digits is no float
    found = re.search(r"(?<![-\d.,])\d{1,2}(?:\.\d+)?\s*%", normalize("NFKC", str(value)))
    hint = f": did you mean {found[0]}?" if found else ""
    raise ValueError(f"write a share as a percentage, such as 20%, or as a number from 0 to 1{hint}")


def _most(value: object, info: ValidationInfo) -> object:
    share = _share(value)
    if share == 1 and not is_pinned(info):
        meant = ": did you mean 1%?" if value == 1 else "; write a share such as 1%"
        raise ValueError(f"{value} is everybody: no limit at all{meant}")
    return share


def _points(value: object) -> object:
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*pp", value.strip())):
        if float(found[1]) >= 100:
            raise ValueError(f"{found[0]} is everybody or more: less than 100pp, such as 3pp")
        return float(found[1]) / 100
    share = isinstance(value, float) and 0 < value < 1  # 0.03 means 3pp
    meant = f": did you mean {100 * value:g}pp?" if share else _meant(value, _POINTS, "pp")  # type: ignore[operator]  # a float
    raise ValueError(f"write percentage points as a number and pp, such as 3pp{meant}")


def _per_person(value: object) -> object:
    found = re.fullmatch(r"([1-9][0-9]?) in ([1-9][0-9]{0,2})d", value.strip()) if isinstance(value, str) else None
    if found:
        return PerPerson(messages=int(found[1]), days=int(found[2]))
    near = re.fullmatch(r"([1-9]\d?)[^\d-]+([1-9]\d{0,2})\s*(?:d|days?|天)", str(value).strip())
    meant = f": did you mean {near[1]} in {near[2]}d?" if near else ""
    raise ValueError(f"write messages in days, such as 2 in 30d: 1 to 99 in 1d to 999d{meant}")


def _quiet(value: object) -> object:
    return read_quiet_hours(value if isinstance(value, str) else "")


def _amount(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        amount = Decimal(str(value))
        if amount.is_finite():
            return amount
    raise ValueError("must be a number such as 500 or 499.99")


def _exact(value: Decimal) -> Decimal:
    micros(value)
    return value


def _where(value: object) -> object:
    if isinstance(value, str):
        return read_where(value)
    raise ValueError('write a condition, such as country == "France" and orders >= 2')


def _day(value: object) -> object:
    if type(value) is date:
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip()):
        raise ValueError(f"write the day without quotes: {value.strip()}")
    german = re.fullmatch(r"(\d\d?)\.(\d\d?)\.(\d{4})", str(value))
    meant = f": did you mean {german[3]}-{int(german[2]):02}-{int(german[1]):02}?" if german else ""
    raise ValueError(f"write a day, such as 2026-12-31{meant}")


def churn_kind(value: object) -> ChurnKind:
    """A kind of churn by its name; ValueError with the nearest one."""
    if isinstance(value, str) and value in set(ChurnKind):
        return ChurnKind(value)
    close = nearest(str(value), list(ChurnKind))
    hint = f": did you mean '{close}'?" if close else ""
    raise ValueError(f"'{value}' is none of {', '.join(ChurnKind)}{hint}")


def _churn_kinds(value: object) -> object:
    return tuple(churn_kind(kind) for kind in value) if isinstance(value, list) else value


def _packs(value: object) -> object:
    if isinstance(value, list) and value == ["default"]:
        return ("default",)
    if isinstance(value, list) and value and all(isinstance(pack, str) for pack in value):
        others = [pack for pack in value if pack != "default"]
        if misspelt := next((pack for pack in others if nearest(pack, ["default"])), None):
            raise ValueError(f"'{misspelt}' is no law pack: did you mean 'default'?")
        named = ", ".join(others) or "default twice"
        raise ValueError(f"law packs other than default come with a later version: remove {named}")
    raise ValueError("write a list of law packs: [default]")


def in_languages(value: object, info: ValidationInfo) -> object:
    """A text, or one for each language, as a dict of them; ValueError in words for whatever else."""
    if value is None or (isinstance(value, str) and not value.strip() and not is_pinned(info)):
        raise ValueError(f"is empty: {_IN_LANGUAGES}")
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f'is a number: write it in quotes, "{value}"')
    if isinstance(value, bool):
        raise ValueError("yes, no, on, off, true and false mean something else to YAML: write it in quotes")
    if not isinstance(value, str | dict):
        raise ValueError(_IN_LANGUAGES)
    return {"en": value} if isinstance(value, str) else value


def one_line(value: str, info: ValidationInfo) -> str:
    """The text, or ValueError: it stands in titles and lists."""
    if len(value.splitlines()) > 1 and not is_pinned(info):
        raise ValueError("must be one line")
    return value


def check_zone(value: str) -> str:
    """The zone's own name, or ValueError: it must be in the time zone database."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):  # listing all zones to look it up would take 50 ms
        raise ValueError("not a time zone; zones are named like Europe/London or Asia/Shanghai") from None
    return value


def same_name(one: str, other: str) -> bool:
    """Whether two names mean the same person, as far as names can tell."""
    return _plain_name(one) == _plain_name(other)


def _plain_name(name: str) -> str:
    """The name, or the address beside it in ``Ann <ann@example.com>``, without case, width and spaces around."""
    address = re.search(r"<([^<>]+)>", name)
    return " ".join(normalize("NFKC", address[1] if address else name).casefold().split())


def _written(pattern: str) -> WithJsonSchema:
    """How editors are told to take a text that becomes something else."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


_SHARES = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": r"^\d{1,3}(\.\d+)?\s*%$"},
            {"type": "number", "minimum": 0, "maximum": 1},
        ]
    }
)
_MOST = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": r"^\d{1,2}(\.\d+)?\s*%$"},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ]
    }
)
_AMOUNTS = WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000})

Days = Annotated[int, BeforeValidator(_days), Field(ge=1, le=3650), _written(r"^\d{1,4}d$")]
BlankDays = Annotated[int, BeforeValidator(_days), Field(ge=0, le=3650), _written(r"^\d{1,4}d$")]
Hours = Annotated[int, BeforeValidator(_hours), Field(ge=1, le=168), _written(r"^\d{1,3}h$")]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1), _SHARES]
PositiveShare = Annotated[float, BeforeValidator(_share), Field(gt=0, le=1), _SHARES]
MostShare = Annotated[float, BeforeValidator(_most), Field(gt=0, le=1), _MOST]
Points = Annotated[float, BeforeValidator(_points), Field(gt=0, le=1), _written(r"^\d{1,2}(\.\d+)?\s*pp$")]
Amount = Annotated[
    Decimal, BeforeValidator(_amount), Field(gt=0, le=1_000_000_000), AfterValidator(_exact), _AMOUNTS
]
Identifier = Annotated[str, Field(pattern=IDENTIFIER, max_length=60)]
Day = Annotated[date, BeforeValidator(_day)]
MessagesPerPerson = Annotated[PerPerson, BeforeValidator(_per_person), _written(r"^[1-9]\d? in [1-9]\d{0,2}d$")]
Quiet = Annotated[QuietHours, BeforeValidator(_quiet), _written(r"^\d\d:\d\d-\d\d:\d\d$")]
Filter = Annotated[InstanceOf[Where], BeforeValidator(_where), WithJsonSchema({"type": "string"})]
ChurnKinds = Annotated[tuple[ChurnKind, ...], BeforeValidator(_churn_kinds)]
LawPacks = Annotated[tuple[Literal["default"], ...], BeforeValidator(_packs)]
