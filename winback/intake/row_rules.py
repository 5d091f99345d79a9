"""Rules over the cells of one row: what no single cell can tell, and the typed columns made of them.

Expressions see the texts by field name and the values as ``value_of(field)``, both null where blank.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import polars as pl

from winback.intake.cells import Workspace
from winback.intake.fields import ATTRIBUTE, Field, Kind
from winback.intake.moments import local_day
from winback.intake.rates import convert

Fault = tuple[str, pl.Expr, str]  # column, where it is wrong, reason
Columns = dict[str, pl.Expr]


class FeedbackKind(StrEnum):
    """What customers tell of themselves."""

    NPS = "nps"
    CSAT = "csat"
    EXIT = "exit"
    CAUSE = "cause"


SCORES: Mapping[FeedbackKind, tuple[int, int]] = {FeedbackKind.NPS: (0, 10), FeedbackKind.CSAT: (1, 5)}


def value_of(field: str) -> str:
    """The column that holds a field's typed value."""
    return f"value of {field}"


def in_own_currency(kind: Kind, values: pl.DataFrame, workspace: Workspace) -> pl.DataFrame:
    """The values with amounts in the workspace's currency by the rate of their day.

    Where that day has none, the value of ``currency`` is taken away, which is a fault of its own (no_rate).
    """
    if kind not in _AMOUNTS or workspace.rates.is_empty():
        return values
    field, day = _AMOUNTS[kind]
    amount, currency = value_of(field), value_of("currency")
    found = convert(
        values,
        amount=amount,
        currency=currency,
        day=day(workspace),
        own=workspace.currency,
        rates=workspace.rates,
    )
    gone = pl.col(amount).is_null() & values[amount].is_not_null()
    return found.with_columns(
        pl.when(~gone).then(currency).alias(currency),
        pl.when(gone).then(values[amount]).otherwise(amount).alias(amount),
    )


_AMOUNTS: Mapping[Kind, tuple[str, Callable[[Workspace], pl.Expr]]] = {
    Kind.ORDERS: ("amount", lambda workspace: local_day(pl.col(value_of("ordered_at")), workspace.timezone)),
    Kind.SUBSCRIPTIONS: ("monthly_amount", lambda _: pl.col(value_of("started_on"))),
    Kind.SNAPSHOTS: ("monthly_amount", lambda workspace: pl.lit(workspace.snapshot_on, dtype=pl.Date)),
}


def faults_between(kind: Kind) -> list[Fault]:
    """(column, where it is wrong, reason) for what no single field can tell."""
    match kind:
        case Kind.ORDERS:
            return [_no_refund()]
        case Kind.SUPPRESSIONS:
            return _suppression_faults()
        case Kind.SUBSCRIPTIONS:
            return _subscription_faults()
        case Kind.SNAPSHOTS:
            return [_negative_amount()]
        case Kind.FEEDBACK:
            return _feedback_faults()
    return []


def _suppression_faults() -> list[Fault]:
    alone = pl.col("customer_id").is_null()
    mail, channel = pl.col("address").str.contains("@", literal=True), pl.col(value_of("channel"))
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


def _subscription_faults() -> list[Fault]:
    started = pl.col(value_of("started_on"))
    return [
        (name, (pl.col(value_of(name)) < started).fill_null(False), "earlier than started_on")
        for name in ("ended_on", "renews_on")
    ] + [_negative_amount()]


def _no_refund() -> Fault:
    """Taken as it stands it would count as one more order, on its day."""
    nothing_back = pl.col("refund_of").is_not_null() & (pl.col(value_of("amount")) >= 0)
    return "amount", nothing_back.fill_null(False), "what refunds an order (refund_of) has a negative amount"


def _negative_amount() -> Fault:
    negative = (pl.col(value_of("monthly_amount")) < 0).fill_null(False)
    return "monthly_amount", negative, "a recurring amount cannot be negative"


def _feedback_faults() -> list[Fault]:
    kind, score = pl.col(value_of("kind")), pl.col(value_of("score"))
    faults: list[Fault] = [
        ("kind", (~kind.is_in(list(FeedbackKind))).fill_null(False), f"write {', '.join(FeedbackKind)}")
    ]
    for name, (low, high) in SCORES.items():
        whole = (score.is_between(low, high) & (score == score.round())).fill_null(False)
        faults.append(
            ("score", ((kind == name) & ~whole).fill_null(False), f"{name} is a whole number from {low} to {high}")
        )
    caused = (kind == FeedbackKind.CAUSE).fill_null(False)
    return [*faults, ("cause", caused & pl.col(value_of("cause")).is_null(), "empty")]


def finished(kind: Kind, fields: Sequence[Field], workspace: Workspace) -> Columns:
    """The columns of ``SCHEMAS[kind]``, not cast yet."""
    made = {field.name: pl.col(value_of(field.name)) for field in fields} | {"line": pl.col("line")}
    return made | _MADE[kind](made, fields, workspace)


def _customer(_: Columns, fields: Sequence[Field], __: Workspace) -> Columns:
    return {"attributes": _as_json([field for field in fields if field.name.startswith(ATTRIBUTE)])}


def _order(made: Columns, _: Sequence[Field], workspace: Workspace) -> Columns:
    return {"amount_minor": made["amount"], "ordered_on": local_day(made["ordered_at"], workspace.timezone)}


def _suppression(made: Columns, _: Sequence[Field], __: Workspace) -> Columns:
    return {"channel": made["channel"].fill_null("all")}


def _line(made: Columns, _: Sequence[Field], __: Workspace) -> Columns:
    """Known by order and line_no, else by order and product, the n-th of that order in the file."""
    numbered = pl.coalesce("L" + made["line_no"], "P" + made["product_id"])
    return {
        "own_id": _joined(made["order_id"], numbered),
        "place": pl.lit(""),
        "repeats": made["line_no"].is_null(),
        "fact_on": pl.lit(None),
        "unit_price_micros": made["unit_price"],
    }


def _activity(made: Columns, _: Sequence[Field], workspace: Workspace) -> Columns:
    return _happening(made, workspace, made["kind"])


def _feedback(made: Columns, _: Sequence[Field], workspace: Workspace) -> Columns:
    return _happening(made, workspace, made["kind"], made["cause"].fill_null(""))


def _happening(made: Columns, workspace: Workspace, *what: pl.Expr) -> Columns:
    """Known by its customer, its moment and what it was."""
    return {
        "own_id": pl.lit(None),
        "place": _joined(made["at"].dt.to_string("%Y-%m-%dT%H:%M:%S%.6f"), *what),
        "repeats": pl.lit(False),
        "fact_on": local_day(made["at"], workspace.timezone),
    }


def _subscription(made: Columns, _: Sequence[Field], __: Workspace) -> Columns:
    return {
        "own_id": made["subscription_id"],
        "place": made["started_on"].dt.to_string("%Y-%m-%d"),
        "repeats": pl.lit(False),
        "fact_on": made["started_on"],
        "monthly_minor": made["monthly_amount"],
        "tenure_months": pl.lit(None),
        "told_on": pl.lit(None),
    }


def _snapshot(made: Columns, _: Sequence[Field], workspace: Workspace) -> Columns:
    """A contract as one day showed it: begun on the earliest day its whole months allow, ended on that day.

    Who left had left by that day; whoever has 0 months was a customer already a month before it, so that all
    contracts of a snapshot were live through the month it tells of.
    """
    told_on = pl.lit(workspace.snapshot_on, dtype=pl.Date)
    months = made["tenure_months"].floor().cast(pl.Int64) + 1
    return {
        "own_id": _joined(made["subscription_id"], pl.lit(f"@{workspace.snapshot_on}")),
        "place": pl.lit(f"@{workspace.snapshot_on}"),
        "repeats": pl.lit(False),
        "fact_on": told_on,
        "started_on": told_on.dt.offset_by(pl.concat_str(pl.lit("-"), months, pl.lit("mo"))),
        "ended_on": pl.when(made["churned"]).then(told_on),
        "renews_on": pl.lit(None),
        "monthly_minor": made["monthly_amount"],
        "told_on": told_on,
    }


def _joined(*parts: pl.Expr) -> pl.Expr:
    """One text of several, null where one is; no id holds the character between."""
    return pl.concat_str(*parts, separator="\t")


_MADE: Mapping[Kind, Callable[[Columns, Sequence[Field], Workspace], Columns]] = {
    Kind.CUSTOMERS: _customer,
    Kind.ORDERS: _order,
    Kind.LINES: _line,
    Kind.ACTIVITY: _activity,
    Kind.SUBSCRIPTIONS: _subscription,
    Kind.SNAPSHOTS: _snapshot,
    Kind.FEEDBACK: _feedback,
    Kind.SUPPRESSIONS: _suppression,
}


def _as_json(fields: Sequence[Field]) -> pl.Expr:
    """One JSON object per row, keys sorted, blank cells left out."""
    members = [_member(field) for field in fields]
    inside = pl.concat_str(members, separator=",", ignore_nulls=True) if members else pl.lit("")
    return pl.concat_str(pl.lit("{"), inside, pl.lit("}"))


def _member(field: Field) -> pl.Expr:
    value = pl.col(value_of(field.name))
    named = pl.struct(value.alias(field.name.removeprefix(ATTRIBUTE))).struct.json_encode()
    return pl.when(value.is_not_null()).then(named.str.head(-1).str.slice(1))
