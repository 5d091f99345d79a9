"""A SQL database as a source: read only, again without a change, and further on by a cursor."""

import json
import os
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from app.cli import main
from db.facts.queries import read_features
from db.settings import Settings, read_settings
from db.source import SourceQuery, spool
from tests.test_other_facts import files
from winback.errors import ImportProblem, Unusable, WrongUse

ROWS = [
    ("007", "a", "2026-01-05 10:00:00", "10.00", 1),
    ("007", "b", "2026-01-06 10:00:00", "5.50", 2),
    ("8", "c", "2026-01-07 10:00:00", "7.25", 2),
]
COLUMNS = "customer_id, order_id, ordered_at, amount, changed"


@pytest.fixture(params=["sqlite", "postgresql"])
def till(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A shop's own database with three orders; ``changed`` grows with every change."""
    address = f"sqlite:///{tmp_path / 'till.db'}"
    if request.param == "postgresql":
        make: Callable[[Path], str] = request.getfixturevalue("new_postgresql")
        address = make(tmp_path)
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    execute(engine, "CREATE TABLE sales (customer_id TEXT, order_id TEXT, ordered_at TIMESTAMP, "
                    "amount NUMERIC(12, 2), changed INTEGER)")  # fmt: skip
    for row in ROWS:
        add(engine, *row)
    yield engine
    engine.dispose()


def execute(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def add(engine: Engine, *row: object) -> None:
    names = COLUMNS.split(", ")
    values = dict(zip(names, row, strict=True))
    execute(engine, f"INSERT INTO sales ({COLUMNS}) VALUES ({', '.join(f':{name}' for name in names)})", **values)


def url(engine: Engine) -> str:
    return engine.url.set(drivername=engine.url.get_backend_name()).render_as_string(hide_password=False)


def bring(engine: Engine, capsys, *words: str) -> tuple[int, dict[str, object]]:
    code = main(["import", "orders", "--from", url(engine), *words, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def counts(said: dict[str, object]) -> tuple[object, ...]:
    return tuple(said[name] for name in ("read", "good", "bad", "new", "changed", "unchanged"))


def net(shop: Settings) -> list[int]:
    return read_features(files(shop, "orders"), as_of=date(2026, 2, 28))["net_minor"].to_list()


def test_a_table_is_imported_and_again_without_a_change(shop: Settings, till: Engine, capsys):
    code, first = bring(till, capsys, "--table", "sales")
    _, again = bring(till, capsys, "--table", "sales")

    assert code == 0
    assert counts(first) == (3, 3, 0, 3, 0, 0)
    assert counts(again) == (3, 3, 0, 0, 0, 3)
    assert first["data_through"] == "2026-01-07"
    assert first["file"].endswith(" sales")
    assert sorted(net(shop)) == [725, 1550]


def test_a_query_is_imported_with_its_colons_and_percents(shop: Settings, till: Engine, capsys):
    query = (
        "SELECT customer_id AS who, order_id, ordered_at, amount FROM sales WHERE order_id NOT LIKE '%:b%' -- all"
    )

    _, said = bring(till, capsys, "--query", query, "--map", "customer_id=who")

    assert counts(said) == (3, 3, 0, 3, 0, 0)


def test_a_cursor_goes_on_from_the_last_value_and_misses_none_of_the_same(shop: Settings, till: Engine, capsys):
    """After 2 was the last: both rows of 2 are read again with the new one of 2 and the one of 3."""
    words = ["--table", "sales", "--cursor", "changed"]
    bring(till, capsys, *words)
    add(till, "8", "d", "2026-01-08 10:00:00", "1.00", 2)
    add(till, "8", "e", "2026-01-09 10:00:00", "1.00", 3)
    execute(till, "UPDATE sales SET amount = 20.00 WHERE order_id = 'a'")

    _, second = bring(till, capsys, *words)
    execute(till, "UPDATE sales SET changed = 4 WHERE order_id = 'a'")
    _, third = bring(till, capsys, *words)

    assert counts(second) == (4, 4, 0, 2, 0, 2)
    assert counts(third) == (2, 2, 0, 0, 1, 1)
    assert sorted(net(shop)) == [925, 2550]


def test_a_cursor_may_be_a_time(shop: Settings, till: Engine, capsys):
    words = ["--table", "sales", "--cursor", "ordered_at"]
    bring(till, capsys, *words)
    add(till, "8", "d", "2026-01-08 10:00:00.000001", "1.00", 2)

    _, said = bring(till, capsys, *words)

    assert counts(said) == (2, 2, 0, 1, 0, 1)


def test_another_question_begins_anew(shop: Settings, till: Engine, capsys):
    bring(till, capsys, "--table", "sales", "--cursor", "changed")

    _, said = bring(till, capsys, "--query", "SELECT * FROM sales", "--cursor", "changed")

    assert said["read"] == 3


def test_an_import_that_fails_leaves_the_cursor_where_it_was(shop: Settings, till: Engine, capsys):
    words = ["--table", "sales", "--cursor", "changed"]
    (shop.workspace / "rates.csv").write_text("day\n", encoding="utf-8")
    failed, _ = bring(till, capsys, *words)
    (shop.workspace / "rates.csv").unlink()

    _, said = bring(till, capsys, *words)

    assert failed == 2
    assert said["new"] == 3


def test_no_row_is_no_fault(shop: Settings, till: Engine, capsys):
    code, said = bring(till, capsys, "--query", "SELECT * FROM sales WHERE changed > 9", "--cursor", "changed")

    assert (code, said["read"]) == (0, 0)


def test_bad_rows_of_a_database_are_listed_with_their_reason(shop: Settings, till: Engine, capsys):
    add(till, "8", None, "2026-01-08 10:00:00", "1.00", 3)

    _, said = bring(till, capsys, "--table", "sales")

    assert counts(said) == (4, 3, 1, 3, 0, 0)
    assert "empty" in Path(str(said["rejects_file"])).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--table", "sale"], "sale"),
        (["--query", "SELEC 1"], "syntax error"),
        (["--table", "sales", "--cursor", "changd"], "changd"),
        (["--query", "SELECT 1 AS customer_id", "--map", "order_id=x"], "no such column"),
    ],
)
def test_a_question_that_cannot_be_answered_is_the_askers_mistake(
    shop: Settings, till: Engine, capsys, words: list[str], sentence: str
):
    assert main(["import", "orders", "--from", url(till), *words]) == 2
    assert sentence in capsys.readouterr().err


def test_nothing_can_be_written_to_postgresql(shop: Settings, postgres: str, new_postgresql, tmp_path: Path):
    address = new_postgresql(tmp_path)
    query = "SELECT setval('customer_no_seq', 99)"

    with pytest.raises(WrongUse, match="read-only transaction"):
        spool(SourceQuery(url=address, query=query), None, None, tmp_path)


def test_a_sqlite_file_is_opened_for_reading_only_and_never_made(tmp_path: Path):
    with pytest.raises(Unusable, match="unable to open"):
        spool(SourceQuery(url=f"sqlite:///{tmp_path / 'no.db'}", table="sales"), None, None, tmp_path)
    assert not (tmp_path / "no.db").exists()


def test_an_id_that_is_a_floating_point_number_is_refused(shop: Settings, tmp_path: Path, capsys):
    with sqlite3.connect(tmp_path / "till.db") as connection:
        connection.execute("CREATE TABLE sales (customer_id REAL, order_id TEXT, ordered_at TEXT, amount REAL)")
        connection.execute("INSERT INTO sales VALUES (7, 'a', '2026-01-05', 10.1)")
    connection.close()

    code = main(["import", "orders", "--from", f"sqlite:///{tmp_path / 'till.db'}", "--table", "sales"])

    assert code == 2
    assert "customer_id: an id that is a floating-point number" in capsys.readouterr().err


def test_a_column_that_has_no_text_is_named(tmp_path: Path):
    asked = SourceQuery(url=f"sqlite:///{tmp_path / 'till.db'}", query="SELECT x'00ff' AS picture")
    sqlite3.connect(tmp_path / "till.db").close()
    (tmp_path / "till.db").touch()

    with pytest.raises(ImportProblem, match="picture: a column of type bytes cannot be read"):
        spool(asked, None, None, tmp_path)


def test_a_password_is_never_taken_from_the_address_and_never_shown():
    with pytest.raises(WrongUse, match="WINBACK_SOURCE_PASSWORD") as problem:
        _ = SourceQuery(url="postgresql://ann:hush@till.example/shop", table="sales").name

    assert "hush" not in str(problem.value)


def test_the_password_comes_from_the_environment_or_a_file_of_its_own(shop: Settings, tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("hush\n", encoding="utf-8")
    file.chmod(0o600)

    one = read_settings({"WINBACK_SOURCE_PASSWORD": "hush"}, shop.workspace)
    two = read_settings({"WINBACK_SOURCE_PASSWORD_FILE": str(file)}, shop.workspace)
    os.chmod(file, 0o644)

    assert one.secrets.source_password == two.secrets.source_password == "hush"
    assert "hush" not in repr(one)
    with pytest.raises(WrongUse, match="can be read by others"):
        read_settings({"WINBACK_SOURCE_PASSWORD_FILE": str(file)}, shop.workspace)


def test_a_server_that_is_not_there_is_unusable(tmp_path: Path):
    with pytest.raises(Unusable):
        spool(SourceQuery(url="postgresql://ann@127.0.0.1:1/shop", table="sales"), "hush", None, tmp_path)


def test_a_password_among_the_addresss_options_is_refused_too():
    with pytest.raises(WrongUse, match="WINBACK_SOURCE_PASSWORD"):
        _ = SourceQuery(url="postgresql://ann@till.example/shop?password=hush", table="sales").name


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "name a file, or a database with --from"),
        (["x.csv", "--from", "sqlite:///x.db", "--table", "t"], "name a file, or a database with --from"),
        (["x.csv", "--table", "t"], "--table is of a database"),
        (["--from", "sqlite:///x.db"], "--table NAME or --query SQL"),
        (["--from", "mysql://x/y", "--table", "t"], "mysql is not supported"),
        (["--from", "x", "--table", "t"], "not a database address"),
    ],
)
def test_words_that_do_not_fit_are_refused(shop: Settings, capsys, words: list[str], sentence: str):
    assert main(["import", "orders", *words]) == 2
    assert sentence in capsys.readouterr().err
