"""The house rules that a machine can hold: imports point one way, rules stay pure, files stay short."""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RANK = {"winback": 0, "db": 1, "flows": 2, "app": 3}
FILES = sorted(path for room in RANK for path in (ROOT / room).rglob("*.py"))
OUTSIDE = {
    "prefect",
    "sqlmodel",
    "sqlalchemy",
    "apscheduler",
    "fastapi",
    "starlette",
    "uvicorn",
    "duckdb",
    "alembic",
}
NETWORK = {"sendgrid", "twilio", "requests", "urllib", "http", "socket", "smtplib", "httpx", "python_http_client"}
PURE_PARTS = {"urllib.parse", "twilio.request_validator"}  # they open no connection
CLOCKS = re.compile(r"\b(datetime|date)\.(now|today|utcnow)\(|time\.time\(|os\.environ|os\.getenv")
NOUNS_REFUSED = {"utils", "helpers", "common", "types", "service", "manager", "base", "misc"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_one_way(path: Path):
    mine = RANK[named(path).split("/")[0]]

    upward = [name for name in imports(path) if RANK.get(name.split(".")[0], -1) > mine]

    assert upward == []


def room(name: str) -> str:
    """winback.lift.verdict -> winback.lift: the folder or, on the ground, the file."""
    return ".".join(name.split(".")[:2])


def test_the_rooms_of_the_rules_import_each_other_in_no_circle():
    rooms: dict[str, set[str]] = {}
    for path in FILES:
        if named(path).startswith("winback/"):
            mine = room(named(path).removesuffix(".py").replace("/", "."))
            theirs = {room(name) for name in imports(path) if name.startswith("winback.")}
            rooms.setdefault(mine, set()).update(theirs - {mine})

    order = list(TopologicalSorter(rooms).static_order())

    assert order.index("winback.lift") < order.index("winback.outcomes") < order.index("winback.report")


def test_the_plan_of_the_house_names_every_room_of_the_rules():
    plan = (ROOT / "docs/house.md").read_text(encoding="utf-8")
    rooms = [path for path in (ROOT / "winback").iterdir() if not path.name.startswith("_")]

    assert [path.name for path in rooms if f"`{path.stem}{'/' if path.is_dir() else ''}`" not in plan] == []


@pytest.mark.parametrize("path", [path for path in FILES if named(path).startswith("winback/")], ids=named)
def test_the_rules_know_no_database_no_clock_and_no_environment(path: Path):
    roots = {name.split(".")[0] for name in imports(path) if name not in PURE_PARTS}
    refused = OUTSIDE if named(path).startswith("winback/delivery/") else OUTSIDE | NETWORK

    assert roots & refused == set()
    assert CLOCKS.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [path for path in FILES if named(path).startswith("db/")], ids=named)
def test_the_storage_reads_no_clock_and_only_settings_reads_the_environment(path: Path):
    text = path.read_text(encoding="utf-8")
    found = CLOCKS.findall(text) or re.findall(r"os\.environ", text)

    assert not found or named(path) == "db/settings.py"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_at_most_four_hundred_lines_and_named_by_a_noun(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in NOUNS_REFUSED


def test_nothing_in_the_repository_names_an_index_or_a_machines_path():
    texts = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".toml", ".yaml", ".lock", ".txt"}]
    mine = [
        path for path in texts if not {".venv", ".demo", ".git", ".prefect"} & set(path.relative_to(ROOT).parts)
    ]
    pattern = re.compile("index-" + "url =|find-" + "links|/" + "root/|/simple" + "/")

    assert [named(path) for path in mine if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_every_dependency_of_the_lock_has_a_hash():
    lines = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    pinned = [line for line in lines if re.match(r"[a-z0-9]", line)]

    assert len(pinned) > 50
    assert [line.split()[0] for line in pinned if "--hash=sha256:" not in line] == []
