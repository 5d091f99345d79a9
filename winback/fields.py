"""What a file of each kind may contain: its fields, which are required, and where they are in a given header."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from winback.errors import ImportProblem, WrongUse, nearest

ATTRIBUTE = "attributes."  # prefix of the text columns that hold a customers file's own columns


class Kind(StrEnum):
    """The kinds of file that can be imported."""

    CUSTOMERS = "customers"
    ORDERS = "orders"
    SUPPRESSIONS = "suppressions"


_NOT_YET = ("lines", "activity", "subscriptions", "feedback")


class CellType(StrEnum):
    """How the text of one cell is read (winback.cells has one reader for each)."""

    ID = "id"
    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    ADDRESS = "address"
    AMOUNT = "amount"
    CURRENCY = "currency"
    MOMENT = "moment"
    DAY = "day"
    YES_NO = "yes_no"
    LOCALE = "locale"
    ZONE = "zone"
    CHANNEL = "channel"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column winback knows by name; ``contact`` fields are masked wherever a value is shown."""

    name: str
    type: CellType
    required: bool = False

    @property
    def contact(self) -> bool:
        return self.type in (CellType.EMAIL, CellType.PHONE, CellType.ADDRESS)


def _fields(**types: CellType) -> tuple[Field, ...]:
    """Fields from keywords; a trailing underscore marks a required one."""
    return tuple(Field(name=n.rstrip("_"), type=t, required=n.endswith("_")) for n, t in types.items())


FIELDS: Mapping[Kind, tuple[Field, ...]] = {
    Kind.CUSTOMERS: _fields(
        customer_id_=CellType.ID,
        email=CellType.EMAIL,
        phone=CellType.PHONE,
        name=CellType.TEXT,
        locale=CellType.LOCALE,
        country=CellType.TEXT,
        timezone=CellType.ZONE,
        salesperson_name=CellType.TEXT,
        salesperson_email=CellType.EMAIL,
        email_consent=CellType.YES_NO,
        sms_consent=CellType.YES_NO,
        consent_source=CellType.TEXT,
        consent_at=CellType.MOMENT,
        no_personalisation=CellType.YES_NO,
        birthday_on=CellType.DAY,
    ),
    Kind.ORDERS: _fields(
        customer_id_=CellType.ID,
        order_id_=CellType.ID,
        ordered_at_=CellType.MOMENT,
        amount_=CellType.AMOUNT,
        currency=CellType.CURRENCY,
        refund_of=CellType.ID,
    ),
    Kind.SUPPRESSIONS: _fields(  # one of customer_id and address is required: winback.records
        customer_id=CellType.ID,
        address=CellType.ADDRESS,
        channel=CellType.CHANNEL,
        reason=CellType.TEXT,
        at=CellType.MOMENT,
    ),
}

# what identifies a row: of repeated ones the last in the file wins
KEYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CUSTOMERS: ("customer_id",),
    Kind.ORDERS: ("order_id",),
    Kind.SUPPRESSIONS: ("customer_id", "address", "channel"),
}

_UTC = pl.Datetime("us", "UTC")

# The typed frames, one row per good row of the file; `line` is its physical line (Parquet: its row, from 1).
SCHEMAS: Mapping[Kind, Mapping[str, pl.DataType]] = {
    Kind.CUSTOMERS: {
        "line": pl.Int64(),
        "customer_id": pl.String(),
        "email": pl.String(),
        "phone": pl.String(),
        "name": pl.String(),
        "locale": pl.String(),
        "country": pl.String(),
        "timezone": pl.String(),
        "salesperson_name": pl.String(),
        "salesperson_email": pl.String(),
        "email_consent": pl.Boolean(),
        "sms_consent": pl.Boolean(),
        "consent_source": pl.String(),
        "consent_at": _UTC,
        "no_personalisation": pl.Boolean(),
        "birthday_on": pl.Date(),
        "attributes": pl.String(),
    },
    Kind.ORDERS: {
        "line": pl.Int64(),
        "customer_id": pl.String(),
        "order_id": pl.String(),
        "ordered_at": _UTC,
        "ordered_on": pl.Date(),
        "amount_minor": pl.Int64(),
        "refund_of": pl.String(),
    },
    Kind.SUPPRESSIONS: {
        "line": pl.Int64(),
        "customer_id": pl.String(),
        "address": pl.String(),
        "channel": pl.String(),
        "reason": pl.String(),
        "at": _UTC,
    },
}

REJECTS: Mapping[str, pl.DataType] = {
    "line": pl.Int64(),
    "column": pl.String(),
    "value": pl.String(),
    "reason": pl.String(),
}


def kind_of(name: str) -> Kind:
    """The kind a person named; WrongUse for one that is unknown or not yet there."""
    known = [str(kind) for kind in Kind]
    if name in _NOT_YET:
        raise WrongUse(f"'{name}' cannot be imported yet (now: {', '.join(known)})")
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean '{close}'?" if close else f"allowed: {', '.join(known)}"
        raise WrongUse(f"unknown kind '{name}' ({hint})")
    return Kind(name)


def place(kind: Kind, header: Sequence[str], mapping: Mapping[str, str], file: str) -> dict[str, int]:
    """Which column of ``header`` holds what: field name or ``attributes.<Column>`` -> position.

    ``mapping`` is field -> column as in ``--map``; fields it does not name are looked for under their own
    name. The other columns of a customers file are attributes; of other kinds they are left out.
    Raises ImportProblem for a repeated or missing column and for names in ``mapping`` that do not exist.
    """
    _refuse_repeated(header, file)
    names = [field.name for field in FIELDS[kind]]
    sources = {name: name for name in names if name in header}
    sources |= _checked(mapping, names, header, file)
    _refuse_missing(kind, sources, header, file)
    placed = {name: header.index(sources[name]) for name in names if name in sources}
    if kind is Kind.CUSTOMERS:
        rest = (column for column in header if column not in sources.values())
        placed |= {f"{ATTRIBUTE}{column}": header.index(column) for column in rest}
    return placed


def _refuse_repeated(header: Sequence[str], file: str) -> None:
    repeated = next((name for name in header if header.count(name) > 1), None)
    if repeated is not None:
        places = ", ".join(str(i) for i, name in enumerate(header, start=1) if name == repeated)
        raise ImportProblem(f"two columns of this name (columns {places})", file=file, line=1, field=repeated)


def _checked(mapping: Mapping[str, str], names: list[str], header: Sequence[str], file: str) -> Mapping[str, str]:
    for name, column in mapping.items():
        if name not in names:
            problem = f"--map names a field that is not one of {', '.join(names)}"
            raise ImportProblem(problem, file=file, field=name, nearest=_nearest(name, names))
        if column not in header:
            problem = f"--map {name}={column}: the file has no such column"
            raise ImportProblem(problem, file=file, field=column, nearest=_nearest(column, header))
    return mapping


def _refuse_missing(kind: Kind, sources: Mapping[str, str], header: Sequence[str], file: str) -> None:
    free = [column for column in header if column not in sources.values()]
    for field in FIELDS[kind]:
        if field.required and field.name not in sources:
            close = _nearest(field.name, free)
            hint = f"--map {field.name}={close}" if close else None
            problem = (
                "required column is missing"
                if close
                else f"required column is missing; there are: {_list(header)}"
            )
            raise ImportProblem(problem, file=file, field=field.name, nearest=hint)
    if kind is Kind.SUPPRESSIONS and not {"customer_id", "address"} & sources.keys():
        close = _nearest("address", free) or _nearest("email", free)
        hint = f"--map address={close}" if close else None
        raise ImportProblem(
            "required column is missing (or customer_id)", file=file, field="address", nearest=hint
        )


def _list(header: Sequence[str]) -> str:
    return ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")


def _nearest(word: str, known: Sequence[str]) -> str | None:
    """``errors.nearest`` that does not mind case, spaces and dashes (``Customer ID`` for ``customer_id``)."""
    plain = {_plain(name): name for name in known}
    close = nearest(_plain(word), list(plain))
    return plain[close] if close else None


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
