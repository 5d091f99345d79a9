"""Rows: text columns of one kind of file -> a typed frame of good rows and a list of bad ones.

Every row is in exactly one of the two, so good + bad = read; a bad row is listed once, under the first of
its fields (in the contract's order) that cannot be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from winback.cells import READERS, Workspace
from winback.fields import ATTRIBUTE, FIELDS, KEYS, REJECTS, SCHEMAS, CellType, Field, Kind
from winback.moments import local_day

VALUE_CHARACTERS = 80  # of a rejected value: enough to find it


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """``good`` has the schema ``fields.SCHEMAS[kind]``, ``rejects`` has ``fields.REJECTS``; both by line."""

    good: pl.DataFrame
    rejects: pl.DataFrame


def parse(
    kind: Kind, frame: pl.DataFrame, *, timezone: str, currency: str, not_after: date | None = None
) -> Parsed:
    """Read a batch: ``line`` (Int64), text columns named by field, and ``attributes.<Column>`` for customers.

    A field the frame lacks is blank in every row. Naive times are local to ``timezone``; ``currency`` is the
    workspace's; moments on a local day later than ``not_after`` are refused when it is given.
    """
    workspace = Workspace(timezone=timezone, currency=currency, not_after=not_after)
    fields = (*FIELDS[kind], *_attributes(frame))
    text = frame.select("line", *(_cleaned(field, frame) for field in fields))
    values = text.with_columns(
        READERS[field.type].value(pl.col(field.name), workspace).alias(_value(field)) for field in fields
    )
    judged = values.with_columns(pl.any_horizontal(_faults(kind, fields)).alias("faulty"))
    good = judged.filter(~pl.col("faulty")).select(_finished(kind, fields, workspace))
    faulty = judged.filter("faulty")
    return Parsed(good=good, rejects=_rejects(kind, fields, faulty, workspace))


def last_of_each(kind: Kind, good: pl.DataFrame) -> pl.DataFrame:
    """Of the rows that repeat an id the last one, in the order of the file."""
    return good.unique(subset=list(KEYS[kind]), keep="last", maintain_order=True)


def _attributes(frame: pl.DataFrame) -> tuple[Field, ...]:
    own = sorted(column for column in frame.columns if column.startswith(ATTRIBUTE))
    return tuple(Field(name=column, type=CellType.ATTRIBUTE) for column in own)


def _cleaned(field: Field, frame: pl.DataFrame) -> pl.Expr:
    if field.name not in frame.columns:
        return pl.lit(None, dtype=pl.String).alias(field.name)
    clean = READERS[field.type].clean(pl.col(field.name))
    return pl.when(clean.str.len_bytes() > 0).then(clean).alias(field.name)


def _value(field: Field) -> str:
    return f"value of {field.name}"


def _fault(field: Field) -> pl.Expr:
    """True where the field is required but blank, or has a text that cannot be read."""
    unread = pl.col(_value(field)).is_null()
    return unread if field.required else unread & pl.col(field.name).is_not_null()


def _faults(kind: Kind, fields: Sequence[Field]) -> list[pl.Expr]:
    return [*(_fault(field) for field in fields), *(wrong for _, wrong, _ in _between(kind))]


def _between(kind: Kind) -> list[tuple[str, pl.Expr, str]]:
    """(column, where it is wrong, reason) for what no single field can tell."""
    if kind is not Kind.SUPPRESSIONS:
        return []
    alone = pl.col("customer_id").is_null()
    mail, channel = pl.col("address").str.contains("@", literal=True), pl.col("value of channel")
    return [
        (
            "address",
            alone & pl.col("address").is_null(),
            "empty: an address or a customer_id is needed",
        ),
        (
            "channel",
            (alone & mail & (channel == "sms")).fill_null(False),
            "an e-mail address gets no text messages",
        ),
        ("channel", (alone & ~mail & (channel == "email")).fill_null(False), "a phone number gets no e-mail"),
    ]


def _finished(kind: Kind, fields: Sequence[Field], workspace: Workspace) -> list[pl.Expr]:
    """The columns of ``SCHEMAS[kind]`` from the values."""
    made = {field.name: pl.col(_value(field)) for field in fields} | {"line": pl.col("line")}
    if kind is Kind.CUSTOMERS:
        made["attributes"] = _as_json([field for field in fields if field.name.startswith(ATTRIBUTE)])
    if kind is Kind.ORDERS:
        made["amount_minor"] = made["amount"]
        made["ordered_on"] = local_day(made["ordered_at"], workspace.timezone)
    if kind is Kind.SUPPRESSIONS:
        made["channel"] = made["channel"].fill_null("all")
    return [made[name].cast(type_).alias(name) for name, type_ in SCHEMAS[kind].items()]


def _as_json(fields: Sequence[Field]) -> pl.Expr:
    """One JSON object per row, keys sorted, blank cells left out."""
    members = [_member(field) for field in fields]
    inside = pl.concat_str(members, separator=",", ignore_nulls=True) if members else pl.lit("")
    return pl.concat_str(pl.lit("{"), inside, pl.lit("}"))


def _member(field: Field) -> pl.Expr:
    value = pl.col(_value(field))
    named = pl.struct(value.alias(field.name.removeprefix(ATTRIBUTE))).struct.json_encode()
    return pl.when(value.is_not_null()).then(named.str.head(-1).str.slice(1))


def _rejects(kind: Kind, fields: Sequence[Field], faulty: pl.DataFrame, workspace: Workspace) -> pl.DataFrame:
    reasons = [(field.name, _reason(field, workspace)) for field in fields]
    reasons += [(column, pl.when(wrong).then(pl.lit(reason))) for column, wrong, reason in _between(kind)]
    first = pl.coalesce([reason for _, reason in reasons])
    column = pl.coalesce([pl.when(r.is_not_null()).then(pl.lit(c.removeprefix(ATTRIBUTE))) for c, r in reasons])
    value = pl.coalesce([pl.when(r.is_not_null()).then(pl.col(c).fill_null("")) for c, r in reasons])
    found = {"line": pl.col("line"), "column": column, "value": value.str.head(VALUE_CHARACTERS), "reason": first}
    return faulty.select(found[name].cast(type_).alias(name) for name, type_ in REJECTS.items())


def _reason(field: Field, workspace: Workspace) -> pl.Expr:
    why = READERS[field.type].why(pl.col(field.name), workspace)
    missing = pl.col(field.name).is_null()
    return pl.when(_fault(field)).then(pl.when(missing).then(pl.lit("empty")).otherwise(why))
