"""Rows: text columns of one kind of file -> a typed frame of good rows and a list of bad ones.

Every row is in exactly one of the two, so good + bad = read; a bad row is listed once, under the first of
its fields (in the contract's order) that cannot be read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from winback.intake.cells import READERS, Workspace, trimmed
from winback.intake.fields import ATTRIBUTE, FIELDS, KEYS, REJECTS, SCHEMAS, CellType, Field, Kind
from winback.intake.rates import RATES
from winback.intake.row_rules import faults_between, finished, in_own_currency, value_of
from winback.intake.shown import VALUE_CHARACTERS, shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """Rows that cannot be taken, their texts and values as far as they were read."""

    kind: Kind
    fields: tuple[Field, ...]
    workspace: Workspace
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """``good`` has the schema ``fields.SCHEMAS[kind]``; it and the faulty rows are by line."""

    good: pl.DataFrame
    faulty: Faulty

    @property
    def rejects(self) -> pl.DataFrame:
        """The faulty rows, explained."""
        return explain([self.faulty])


def parse(
    kind: Kind,
    frame: pl.DataFrame,
    *,
    timezone: str,
    currency: str,
    not_after: date | None = None,
    snapshot_on: date | None = None,
    rates: pl.DataFrame | None = None,
    tidy: bool = False,
) -> Parsed:
    """Read a batch: ``line`` (Int64), text columns named by field, and ``attributes.<Column>`` for customers.

    A field the frame lacks is blank in every row. Naive times are local to ``timezone``; ``currency`` is the
    workspace's; moments on a local day later than ``not_after`` are refused when it is given;
    ``snapshot_on`` is the day a snapshot of subscriptions tells of; ``rates`` (RATES) are of other currencies;
    ``tidy``: the caller knows that all cells are visible ASCII, trimmed, without ``#`` and ``+``.
    """
    workspace = Workspace(
        timezone=timezone,
        currency=currency,
        not_after=not_after,
        snapshot_on=snapshot_on,
        rates=RATES.to_frame() if rates is None else rates,
        tidy=tidy,
    )
    fields = (*FIELDS[kind], *_attributes(frame))
    clean = frame.select("line", *(_cleaned(field, frame, tidy) for field in fields))
    text = clean.with_columns(pl.when(pl.col(field.name) != "").then(field.name).name.keep() for field in fields)
    values = text.with_columns(
        READERS[field.type].value(pl.col(field.name), workspace).alias(value_of(field.name)) for field in fields
    )
    values = in_own_currency(kind, values, workspace)
    judged = values.with_columns(pl.any_horizontal(_faults(kind, fields)).alias("faulty"))
    good = (
        judged.lazy().filter(~pl.col("faulty")).select(_typed(kind, finished(kind, fields, workspace))).collect()
    )
    wrong = judged.filter("faulty").shrink_to_fit()  # else the few hold the long texts of all
    faulty = Faulty(kind=kind, fields=fields, workspace=workspace, rows=wrong)
    return Parsed(good=good, faulty=faulty)


def explain(faulty: Sequence[Faulty]) -> pl.DataFrame:
    """Why the rows of one file cannot be taken (``fields.REJECTS``): of many batches at the cost of one."""
    rows = pl.concat([each.rows for each in faulty])
    return _rejects(faulty[0].kind, faulty[0].fields, rows, faulty[0].workspace)


def last_of_each(kind: Kind, good: pl.DataFrame) -> pl.DataFrame:
    """Of the rows that repeat an id the last one, in the order of the file."""
    return good.unique(subset=list(KEYS[kind]), keep="last", maintain_order=True)


def _attributes(frame: pl.DataFrame) -> tuple[Field, ...]:
    own = sorted(column for column in frame.columns if column.startswith(ATTRIBUTE))
    return tuple(Field(name=column, type=CellType.ATTRIBUTE) for column in own)


def _cleaned(field: Field, frame: pl.DataFrame, tidy: bool) -> pl.Expr:
    if field.name not in frame.columns:
        return pl.lit(None, dtype=pl.String).alias(field.name)
    clean = READERS[field.type].clean
    return pl.col(field.name) if tidy and clean is trimmed else clean(pl.col(field.name)).alias(field.name)


def _fault(field: Field) -> pl.Expr:
    """True where the field is required but blank, or has a text that cannot be read or has no value that day."""
    unread = pl.col(value_of(field.name)).is_null()
    return unread if field.required else unread & pl.col(field.name).is_not_null()


def _faults(kind: Kind, fields: Sequence[Field]) -> list[pl.Expr]:
    return [*(_fault(field) for field in fields), *(wrong for _, wrong, _ in faults_between(kind))]


def _typed(kind: Kind, made: dict[str, pl.Expr]) -> list[pl.Expr]:
    return [made[name].cast(type_).alias(name) for name, type_ in SCHEMAS[kind].items()]


def _rejects(kind: Kind, fields: Sequence[Field], faulty: pl.DataFrame, workspace: Workspace) -> pl.DataFrame:
    reasons = [(field.name, _reason(field, workspace)) for field in fields]
    reasons += [(column, pl.when(wrong).then(pl.lit(reason))) for column, wrong, reason in faults_between(kind)]
    texts = {field.name: _excerpt(field) for field in fields}
    first = pl.coalesce([reason for _, reason in reasons])
    column = pl.coalesce([pl.when(r.is_not_null()).then(pl.lit(c.removeprefix(ATTRIBUTE))) for c, r in reasons])
    value = pl.coalesce([pl.when(r.is_not_null()).then(texts[c].fill_null("")) for c, r in reasons])
    found = {"line": pl.col("line"), "column": column, "value": value, "reason": first}
    return faulty.select(found[name].cast(type_).alias(name) for name, type_ in REJECTS.items())


def _excerpt(field: Field) -> pl.Expr:
    text = pl.col(field.name)
    return text.str.head(VALUE_CHARACTERS) if field.contact else shortened(text)


def _reason(field: Field, workspace: Workspace) -> pl.Expr:
    why = READERS[field.type].why(pl.col(field.name), workspace)
    missing = pl.col(field.name).is_null()
    return pl.when(_fault(field)).then(pl.when(missing).then(pl.lit("empty")).otherwise(why))
