"""A condition of ``audience.where`` over columns: campaigns.where reads it, polars asks it of everybody."""

from collections.abc import Iterable
from datetime import date
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_

import polars as pl

from winback.campaigns.where import (
    ATTRIBUTE,
    TRAITS,
    All,
    Among,
    Any,
    Compare,
    Condition,
    Missing,
    Not,
    Type,
    Value,
)

_SIGNS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_TYPES: dict[Type, type[pl.DataType]] = {
    Type.TEXT: pl.String, Type.NUMBER: pl.Float64, Type.DAY: pl.Date, Type.YES_NO: pl.Boolean,
}  # fmt: skip
SCORED_TRAITS = frozenset(name for name, trait in TRAITS.items() if trait.scored)


def traits_schema(fields: Iterable[str]) -> dict[str, type[pl.DataType]]:
    """The frame ``select`` needs for a condition on ``fields``: customer_no and what is not known from scoring."""
    wanted = [field for field in fields if field not in SCORED_TRAITS]
    kinds = {field: pl.String if field.startswith(ATTRIBUTE) else _TYPES[TRAITS[field].type] for field in wanted}
    return {"customer_no": pl.Int64} | kinds


def holds(condition: Condition, as_of_day: int) -> pl.Expr:
    """Whether the condition holds of a row; false where a customer lacks a field it depends on.

    ``as_of_day``: as_of in days since 1970-01-01.
    """
    return _expression(condition, as_of_day).fill_null(False)


def _expression(condition: Condition, as_of_day: int) -> pl.Expr:
    match condition:
        case Compare(field=field, sign=sign, value=value):
            compared: pl.Expr = _SIGNS[sign](_column(field, value, as_of_day), pl.lit(value))
            return compared
        case Among(field=field, values=values):
            column = _column(field, values[0], as_of_day)
            return reduce(or_, [column == pl.lit(value) for value in values])
        case Missing(field=field):
            return pl.col(_source(field)).is_null()
        case Not(of=part):
            return ~_expression(part, as_of_day)
        case All(of=parts):
            return reduce(and_, [_expression(part, as_of_day) for part in parts])
        case Any(of=parts):
            return reduce(or_, [_expression(part, as_of_day) for part in parts])


def _column(field: str, value: Value, as_of_day: int) -> pl.Expr:
    """The field as the type of the value; an attribute that does not read as one is missing."""
    if field == "days_since_order":
        return pl.lit(as_of_day) - pl.col("last_order_on").cast(pl.Int32)
    column = pl.col(field)
    if field.startswith(ATTRIBUTE) and isinstance(value, float):
        return column.str.strip_chars().cast(pl.Float64, strict=False)
    if field.startswith(ATTRIBUTE) and isinstance(value, date):
        return column.str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
    return column


def _source(field: str) -> str:
    return "last_order_on" if field == "days_since_order" else field
