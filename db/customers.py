"""Customers in state: import a frame of them, create those only orders know, list numbers."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import polars as pl
from sqlalchemy import null, select, text, update
from sqlmodel import Session, col

from db.direct import Sql, is_sqlite
from db.engine import changed, insert_or_keep
from db.tables import Customer
from winback.audience.matching import traits_schema
from winback.customers.contact import address_hash
from winback.customers.tie_key import tie_keys
from winback.errors import WrongUse, nearest
from winback.intake.fields import ATTRIBUTE

CHUNK = 500  # rows per transaction: well under the 250 ms a writer may hold SQLite (2,000 changed ones: 0.76 s)
TOLD_AT_ONCE = 20_000  # customers whose attributes are taken apart at once: a million took a gigabyte
FETCHED = 10_000  # customers as one text at once
NEW_CHUNK = 10_000  # ids per transaction: one statement, 20 ms
_IMPORTED = [
    "email", "phone", "name", "locale", "country", "timezone", "salesperson_name",
    "salesperson_email", "email_consent", "sms_consent", "consent_source", "consent_at", "no_personalisation",
    "birthday_on", "attributes",
]  # fmt: skip


def save_customers(session: Session, frame: pl.DataFrame, fields: Sequence[str]) -> tuple[int, int]:
    """Insert new customers and update changed ones; returns (new, changed). At most ``CHUNK`` rows.

    ``frame``: the typed customers frame, one row per customer_id. Only ``fields`` are written: what a file does
    not have stays as it is.
    """
    rows = [_with_hashes(row) for row in frame.select("customer_id", *fields).iter_rows(named=True)]
    names = [name for name in (rows[0] if rows else {}) if name != "customer_id"]
    known = _known(session, [row["customer_id"] for row in rows], names)
    new = [row for row in rows if row["customer_id"] not in known]
    other = [row for row in rows if known.get(row["customer_id"], _values(row, names)) != _values(row, names)]
    _say_who_is_alone(session, [*new, *other])
    if new:
        changed(session, insert_or_keep(session, Customer), new)
    for row in other:
        session.execute(update(Customer).where(col(Customer.customer_id) == row["customer_id"]).values(row))
    return len(new), len(other)


def _say_who_is_alone(session: Session, rows: list[dict[str, Any]]) -> None:
    """Set ``email_alone`` and ``sms_alone`` of rows about to be written; whom they join is alone no more."""
    if session.get_bind().dialect.name == "postgresql":  # two imports would not see each other's customers
        session.execute(text("SELECT pg_advisory_xact_lock(8025004)"))
    for channel in ("email", "sms"):
        held = f"{channel}_hash"
        told = [(row["customer_id"], row[held]) for row in rows if row.get(held)]
        hashed, alone = getattr(Customer, held), getattr(Customer, f"{channel}_alone")
        chosen = select(col(Customer.customer_id), hashed).where(hashed.in_([hash_ for _, hash_ in told]))
        known = [(id_, hash_) for id_, hash_ in session.execute(chosen)] if told else []
        holders = Counter(hash_ for _, hash_ in {*told, *known})
        joined = {hash_ for _, hash_ in known if holders[hash_] > 1}
        if joined:
            session.execute(update(Customer).where(hashed.in_(joined)).values({alone: False}))
        for row in rows:
            if held in row:
                row[f"{channel}_alone"] = holders[row[held]] == 1


def _known(session: Session, ids: list[str], names: list[str]) -> dict[str, tuple[object, ...]]:
    columns = [getattr(Customer, name) for name in names]
    chosen = select(col(Customer.customer_id), *columns).where(col(Customer.customer_id).in_(ids))
    return {row[0]: tuple(row[1:]) for row in session.execute(chosen)}


def _values(row: dict[str, Any], names: list[str]) -> tuple[object, ...]:
    return tuple(row[name] for name in names)


def _with_hashes(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the hash of each address it has a column for."""
    hashes = {"email": "email_hash", "phone": "sms_hash"}
    found = {hashes[name]: address_hash(row[name]) if row[name] else None for name in hashes if name in row}
    return row | found


def imported_fields(columns: Iterable[str]) -> list[str]:
    """The columns of Customer that a file with these placed columns fills."""
    placed = {"attributes" if name.startswith(ATTRIBUTE) else name for name in columns}
    return [name for name in _IMPORTED if name in placed]


def create_customers(session: Session, ids: Sequence[str]) -> None:
    """Customers that only facts know, without an address; known ones are left alone. At most ``NEW_CHUNK`` ids."""
    keys = tie_keys(pl.Series(ids, dtype=pl.String)).tolist()
    members = {
        "sqlite": "SELECT key, value FROM json_each(:new)",
        "postgresql": "SELECT key, CAST(value AS bigint) FROM json_each_text(CAST(:new AS json))",
    }[session.get_bind().dialect.name]
    insert = f"INSERT INTO customer (customer_id, tie_key) {members} WHERE true ON CONFLICT DO NOTHING"
    session.execute(text(insert), {"new": orjson.dumps(dict(zip(ids, keys, strict=True))).decode()})


def numbers(session: Session) -> pl.DataFrame:
    """customer_id -> customer_no of all customers."""
    return _all(session, {"customer_id": pl.String(), "no": pl.Int64()})


def identified(session: Session) -> pl.DataFrame:
    """customer_id, customer_no and tie_key (winback.customers.tie_key) of all customers, by customer_no."""
    return _all(session, {"customer_id": pl.String(), "no": pl.Int64(), "tie_key": pl.Int64()})


def _all(session: Session, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Some columns of all customers, ``no`` as customer_no, ascending.

    A column comes as a JSON array: rows of Python's objects cost thrice the CPU.
    """
    connection = session.connection()
    array = "json_group_array({})" if is_sqlite(connection) else "CAST(coalesce(json_agg({}), '[]') AS text)"
    arrays = ", ".join(map(array.format, columns))
    chosen = Sql(
        f"SELECT {arrays} FROM ("
        f" SELECT {', '.join(columns)} FROM customer WHERE no > :after ORDER BY no LIMIT {FETCHED}"
        ") AS told"
    )
    parts, after = [pl.DataFrame(schema=columns)], 0
    while not parts[1:] or parts[-1].height == FETCHED:
        texts = map(orjson.loads, chosen.run(connection, after=after).fetchone())
        parts.append(pl.DataFrame(dict(zip(columns, texts, strict=True)), schema=columns).sort("no"))
        after = max(parts[-1]["no"].to_list(), default=after)
    frame = pl.concat(parts, rechunk=True).rename({"no": "customer_no"})
    return frame.with_columns(pl.col("customer_no").set_sorted())  # a join of two such takes a tenth of the time


def by_field(session: Session, field: str) -> pl.DataFrame:
    """customer_no -> value of a customer field or imported attribute, as text; WrongUse for an unknown one.

    A consent is yes, no or unknown.
    """
    if field in _GROUPABLE:
        rows = session.execute(select(col(Customer.no), _GROUPABLE[field])).tuples().all()
        blank = "unknown" if field in _CONSENTS else None
        found = [(no, blank if value is None else _text(value)) for no, value in rows]
    else:
        rows = session.execute(select(col(Customer.no), col(Customer.attributes))).tuples().all()
        found = [(no, json.loads(told or "{}").get(field)) for no, told in rows]
        if all(value is None for _, value in found):
            known = sorted({name for _, told in rows for name in json.loads(told or "{}")} | set(_GROUPABLE))
            near = nearest(field, known)
            hint = f"did you mean '{near}'?" if near else f"there are: {', '.join(known)}"
            raise WrongUse(f"no customer field '{field}'; {hint}")
    return pl.DataFrame(found, schema={"customer_no": pl.Int64, "value": pl.String}, orient="row")


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def traits(session: Session, fields: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """What a condition asks of customers now (winback.audience.matching.traits_schema), and their attributes.

    ``fields``: as the condition names them. The second: every attribute any customer has, where one is asked for.
    """
    schema = traits_schema(fields)
    own = [name for name in schema if name.startswith(ATTRIBUTE)]
    columns = [name for name in schema if name not in {"customer_no", *own}]
    asked = [col(Customer.no), *(getattr(Customer, name) for name in columns)]
    rows = session.execute(select(*asked, col(Customer.attributes) if own else null())).tuples().all()
    known: set[str] = set()
    made: list[tuple[object, ...]] = []
    for row in rows:
        attributes = json.loads(row[-1] or "{}")
        known.update(attributes)
        made.append((*row[:-1], *(attributes.get(name.removeprefix(ATTRIBUTE)) for name in own)))
    placed = {name: schema[name] for name in ("customer_no", *columns, *own)}
    return pl.DataFrame(made, schema=placed, orient="row"), sorted(known)


def told_of(session: Session) -> pl.DataFrame:
    """customer_no, and what is told of customers in text, as it is now: their country and every attribute."""
    cursor = _TOLD.run(session.connection())
    parts = [_told([])]
    while rows := cursor.fetchmany(TOLD_AT_ONCE):
        parts.append(_told(rows))
    told = pl.concat(parts, how="diagonal")
    return told.select("customer_no", "country", *sorted(set(told.columns) - {"customer_no", "country"}))


def _told(rows: Sequence[tuple[int, str | None, str | None]]) -> pl.DataFrame:
    told = [json.loads(attributes or "{}") for _, _, attributes in rows]
    made = {"customer_no": [no for no, _, _ in rows], "country": [country for _, country, _ in rows]}
    names = {name for each in told for name in each}
    made |= {f"{ATTRIBUTE}{name}": [each.get(name) for each in told] for name in names}
    kinds = dict.fromkeys(made, pl.String()) | {"customer_no": pl.Int64()}
    return pl.DataFrame(made, schema=kinds)


_TOLD = Sql("SELECT no, country, attributes FROM customer ORDER BY no")


_CONSENTS = ("email_consent", "sms_consent")
_GROUPABLE = {
    "country": col(Customer.country),
    "locale": col(Customer.locale),
    "timezone": col(Customer.timezone),
    "salesperson_name": col(Customer.salesperson_name),
    "email_consent": col(Customer.email_consent),
    "sms_consent": col(Customer.sms_consent),
}
