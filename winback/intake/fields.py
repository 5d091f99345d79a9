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
    LINES = "lines"
    ACTIVITY = "activity"
    SUBSCRIPTIONS = "subscriptions"
    SNAPSHOTS = "snapshots"  # subscriptions as they stood on one day: said by --snapshot-on, not by name
    FEEDBACK = "feedback"
    SUPPRESSIONS = "suppressions"

    @property
    def stored_as(self) -> "Kind":
        """The kind its rows become: a snapshot is of subscriptions."""
        return Kind.SUBSCRIPTIONS if self is Kind.SNAPSHOTS else self


class CellType(StrEnum):
    """How the text of one cell is read (winback.intake.cells has one reader for each)."""

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
    NUMBER = "number"
    MONTHS = "months"
    PRICE = "price"
    WORD = "word"


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
    Kind.LINES: _fields(
        order_id_=CellType.ID,
        customer_id_=CellType.ID,
        product_id_=CellType.ID,
        product_name=CellType.TEXT,
        category=CellType.TEXT,
        quantity_=CellType.NUMBER,
        unit_price_=CellType.PRICE,
        line_no=CellType.ID,
    ),
    Kind.ACTIVITY: _fields(
        customer_id_=CellType.ID,
        at_=CellType.MOMENT,
        kind_=CellType.WORD,
        value=CellType.NUMBER,
    ),
    Kind.SUBSCRIPTIONS: _fields(
        customer_id_=CellType.ID,
        subscription_id=CellType.ID,
        started_on_=CellType.DAY,
        ended_on=CellType.DAY,
        renews_on=CellType.DAY,
        monthly_amount_=CellType.AMOUNT,
        currency=CellType.CURRENCY,
        plan=CellType.TEXT,
        end_reason=CellType.TEXT,
    ),
    Kind.SNAPSHOTS: _fields(
        customer_id_=CellType.ID,
        subscription_id=CellType.ID,
        tenure_months_=CellType.MONTHS,
        churned_=CellType.YES_NO,
        monthly_amount_=CellType.AMOUNT,
        currency=CellType.CURRENCY,
        plan=CellType.TEXT,
        end_reason=CellType.TEXT,
    ),
    Kind.FEEDBACK: _fields(  # what each kind of it must have: winback.intake.records
        customer_id_=CellType.ID,
        at_=CellType.MOMENT,
        kind_=CellType.WORD,
        score=CellType.NUMBER,
        cause=CellType.WORD,
        text=CellType.ATTRIBUTE,
    ),
    Kind.SUPPRESSIONS: _fields(  # one of customer_id and address is required: winback.intake.records
        customer_id=CellType.ID,
        address=CellType.ADDRESS,
        channel=CellType.CHANNEL,
        reason=CellType.TEXT,
        at=CellType.MOMENT,
    ),
}

# what identifies a row of state: of repeated ones the last in the file wins; of facts see SCHEMAS
KEYS: Mapping[Kind, tuple[str, ...]] = {
    Kind.CUSTOMERS: ("customer_id",),
    Kind.ORDERS: ("order_id",),
    Kind.SUPPRESSIONS: ("customer_id", "address", "channel"),
}

_UTC = pl.Datetime("us", "UTC")

# What stands before the columns of lines, activity, subscriptions and feedback. A fact is known by `own_id` where
# it has one, else by its customer and `place`; where `repeats`, equal ones of a file are several facts, counted.
_FACT: Mapping[str, pl.DataType] = {
    "line": pl.Int64(),
    "customer_id": pl.String(),
    "own_id": pl.String(),
    "place": pl.String(),
    "repeats": pl.Boolean(),
    "fact_on": pl.Date(),  # the local day it belongs to; null for lines, whose day is their order's
}
_SUBSCRIPTION: Mapping[str, pl.DataType] = {
    **_FACT,
    "subscription_id": pl.String(),
    "started_on": pl.Date(),
    "ended_on": pl.Date(),  # the first day without it
    "renews_on": pl.Date(),
    "monthly_minor": pl.Int64(),
    "plan": pl.String(),
    "end_reason": pl.String(),
    "tenure_months": pl.Float64(),  # null unless a snapshot told it
    "told_on": pl.Date(),  # the day of the snapshot
}

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
    Kind.LINES: {
        **_FACT,
        "order_id": pl.String(),
        "product_id": pl.String(),
        "product_name": pl.String(),
        "category": pl.String(),
        "quantity": pl.Float64(),
        "unit_price_micros": pl.Int64(),  # millionths of a major unit
    },
    Kind.ACTIVITY: {**_FACT, "at": _UTC, "kind": pl.String(), "value": pl.Float64()},
    Kind.SUBSCRIPTIONS: _SUBSCRIPTION,
    Kind.SNAPSHOTS: _SUBSCRIPTION,
    Kind.FEEDBACK: {
        **_FACT,
        "at": _UTC,
        "kind": pl.String(),
        "score": pl.Float64(),
        "cause": pl.String(),
        "text": pl.String(),
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


def kind_of(name: str, *, snapshot: bool = False) -> Kind:
    """The kind a person named; WrongUse for one that is unknown, and for a day that is not of subscriptions."""
    known = [str(kind) for kind in Kind if kind is not Kind.SNAPSHOTS]
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean '{close}'?" if close else f"allowed: {', '.join(known)}"
        raise WrongUse(f"unknown kind '{name}' ({hint})")
    if snapshot and name != Kind.SUBSCRIPTIONS:
        raise WrongUse(f"--snapshot-on is for subscriptions, not for {name}")
    return Kind.SNAPSHOTS if snapshot else Kind(name)


def place(kind: Kind, header: Sequence[str], mapping: Mapping[str, str], file: str) -> dict[str, int]:
    """Which column of ``header`` holds what: field name or ``attributes.<Column>`` -> position.

    ``mapping`` is field -> column as in ``--map``; fields it does not name are looked for under their own
    name. The other columns of a customers file are attributes; of other kinds they are left out.
    Raises ImportProblem for a repeated or missing column, for one that only its case keeps from being a field, and
    for names in ``mapping`` that do not exist.
    """
    _refuse_repeated(header, file)
    names = [field.name for field in FIELDS[kind]]
    sources = {name: name for name in names if name in header}
    sources |= _checked(mapping, names, header, file)
    _refuse_missing(kind, sources, header, file)
    _refuse_nearly(names, sources, header, file)
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


def _refuse_nearly(names: Sequence[str], sources: Mapping[str, str], header: Sequence[str], file: str) -> None:
    """A ``Currency`` that is left out would make other amounts of the file's."""
    free = {_plain(column): column for column in header if column not in sources.values()}
    for name in names:
        if name not in sources and (column := free.get(_plain(name))):
            problem = f"not the name of a field: write it as {name}"
            raise ImportProblem(problem, file=file, line=1, field=column, nearest=f"--map {name}={column}")


def _list(header: Sequence[str]) -> str:
    return ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")


def _nearest(word: str, known: Sequence[str]) -> str | None:
    """``errors.nearest`` that does not mind case, spaces and dashes (``Customer ID`` for ``customer_id``)."""
    plain = {_plain(name): name for name in known}
    close = nearest(_plain(word), list(plain))
    return plain[close] if close else None


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
