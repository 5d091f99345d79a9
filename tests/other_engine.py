"""The facts on PostgreSQL: the SQL of db/facts/sql, translated by sqlglot, put to tables instead of Parquet files.

``facts_on(address)`` stands where ``db.facts.queries`` opens DuckDB, so that a whole run asks the other engine.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import polars as pl
import psycopg
from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify

TYPES = {
    pl.Int64(): "bigint", pl.Int32(): "integer", pl.String(): "text", pl.Date(): "date", pl.Boolean(): "boolean",
    pl.Float64(): "float8", pl.Datetime("us", "UTC"): "timestamptz", pl.Datetime("us"): "timestamp",
}  # fmt: skip


def facts_on(address: str) -> Callable[[], AbstractContextManager["Facts"]]:
    """What ``db.facts.queries._connection`` is replaced with."""

    @contextmanager
    def opened(files: object = ()) -> Iterator[Facts]:
        with psycopg.connect(address) as connection:
            yield Facts(connection)
            connection.rollback()

    return opened


class Facts:
    """As much of a DuckDB connection as the facts are asked with."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._macros: dict[str, exp.Create] = {}
        self._columns: dict[str, dict[str, str]] = {}

    def register(self, name: str, stream: Any) -> None:
        """A frame as a table."""
        self._fill(name, pl.DataFrame(stream))

    def execute(self, text: str, bound: dict[str, Any] | None = None) -> "Facts":
        """Keep a macro, or answer a question with ``bound``, whose ``files`` become a table."""
        said = parse_one(text, read="duckdb")
        if isinstance(said, exp.Create):
            self._macros[said.this.this.name] = said
            return self
        bound = dict(bound or {})
        self._fill("facts", pl.read_parquet([name.replace("[[]", "[") for name in bound.pop("files")]))
        self._cursor = self._connection.execute(self._translated(said), bound)
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._cursor.fetchall()

    def fetchnumpy(self) -> dict[str, Any]:
        """A column of objects for each name."""
        names = [column.name for column in self._cursor.description or ()]
        rows = self._cursor.fetchall()
        return {name: np.array([row[place] for row in rows], dtype=object) for place, name in enumerate(names)}

    def _fill(self, name: str, frame: pl.DataFrame) -> None:
        self._columns[name] = {column: TYPES[type_] for column, type_ in frame.schema.items()}
        columns = ", ".join(f'"{column}" {type_}' for column, type_ in self._columns[name].items())
        self._connection.execute(f"DROP TABLE IF EXISTS {name}")
        self._connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
        with self._connection.cursor().copy(f"COPY {name} FROM STDIN") as copy:
            for row in frame.iter_rows():
                copy.write_row(row)

    def _translated(self, question: exp.Expression) -> str:
        question = question.transform(self._unfolded).transform(_as_table)
        question = question.transform(_wide_numbers)
        qualified = qualify(question, schema=self._columns, dialect="duckdb", validate_qualify_columns=False)
        return qualified.transform(_in_order).sql("postgres")

    def _unfolded(self, node: exp.Expression) -> exp.Expression:
        """The body of a macro where it is called."""
        if not isinstance(node, exp.Table) or node.this.name not in self._macros:
            return node
        macro = self._macros[node.this.name]
        given = dict(zip((each.name for each in macro.this.expressions), node.this.expressions, strict=True))

        def bound(inside: exp.Expression) -> exp.Expression:
            named = isinstance(inside, exp.Column) and not inside.table and inside.name in given
            return given[inside.name].copy() if named else inside

        body = macro.expression.copy().transform(bound)
        return exp.Subquery(this=body, alias=node.args.get("alias") or exp.TableAlias(this=node.this.name))


def _as_table(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Table) and isinstance(node.this, exp.ReadParquet):
        return exp.Table(this=exp.to_identifier("facts"), alias=node.args.get("alias"))
    return node


def _wide_numbers(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.INT128:
        return exp.DataType.build("DECIMAL")
    return node


def _in_order(node: exp.Expression) -> exp.Expression:
    """UNION ALL BY NAME, which PostgreSQL has not: the second half's columns in the order of the first."""
    if not isinstance(node, exp.Union) or not node.args.get("by_name"):
        return node
    told = {each.alias_or_name: each for each in node.expression.selects}
    columns = [told.get(name) or exp.alias_(exp.null(), name) for name in node.this.named_selects]
    node.expression.set("expressions", columns)
    node.set("by_name", None)
    return node
