"""The audience as a CSV: masked unless asked, nothing in it is a formula, and the hold-out has no addresses."""

import csv
from pathlib import Path

import polars as pl
import pytest

from app.cli import main
from db.settings import Settings
from tests.builders import scored
from tests.workspaces import AS_OF, a_quiet_crowd, a_workspace, load
from winback.audience.file import COLUMNS, members
from winback.sheet import BOM


@pytest.fixture
def shop(tmp_path: Path, monkeypatch) -> Settings:
    made = a_workspace(tmp_path)
    monkeypatch.setenv("WINBACK_WORKSPACE", str(made.workspace))
    return made


def exported(shop: Settings, *more: str) -> list[dict[str, str]]:
    file = shop.workspace / "audience.csv"
    assert main(["preview", "spring", "--as-of", str(AS_OF), "--audience", str(file), *more]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def test_everybody_who_is_in_stands_in_it_with_the_address_masked(shop: Settings, capsys):
    a_quiet_crowd(shop, 20)

    rows = exported(shop)

    assert list(rows[0]) == list(COLUMNS)
    assert (shop.workspace / "audience.csv").read_bytes().startswith(BOM.encode())
    assert len(rows) == 18
    assert "18 customers" in capsys.readouterr().err
    written = [row for row in rows if row["arm"] != "holdout"]
    assert 0 < len(written) < 18
    assert all("***" in row["to"] and "@" in row["to"] for row in written)
    assert "c1@example.com" not in (shop.workspace / "audience.csv").read_text(encoding="utf-8")


def test_unmasked_has_addresses_of_those_who_are_written_to_and_of_nobody_held_out(shop: Settings):
    a_quiet_crowd(shop, 20)

    rows = exported(shop, "--unmasked")

    assert {row["to"] for row in rows if row["arm"] == "holdout"} == {""}
    for row in rows:
        if row["arm"] != "holdout":
            assert row["to"] == f"c{int(row['customer_id'])}@example.com"


@pytest.mark.parametrize("more", [["--out", "page.html"], ["--json"], ["--customer", "00001"]])
def test_what_would_not_be_written_beside_it_is_refused(shop: Settings, capsys, more: list[str]):
    a_quiet_crowd(shop, 1)
    file = shop.workspace / "audience.csv"

    code = main(["preview", "spring", "--as-of", str(AS_OF), "--audience", str(file), *more])

    assert (code, file.exists()) == (2, False)
    assert "--audience writes its file alone: without --out, --json and --customer" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "  =", "＝", "＋", "－", "＠"])
def test_no_text_is_a_formula_and_numbers_keep_their_minus(first: str):
    ledger = scored(customer_id=[f'{first}HYPERLINK("http://evil")'], past_value=[-5.0]).with_columns(
        arm=pl.lit("message"), channel=pl.lit("sms")
    )
    addresses = pl.DataFrame({"customer_no": [1], "email": [None], "phone": ["+44770090010"]})

    [row] = members(ledger, addresses, masked=False).rows(named=True)

    assert row["customer_id"] == f'\'{first}HYPERLINK("http://evil")'
    assert row["to"] == "'+44770090010"
    assert row["past_value"] == -5.0


def test_a_customer_id_that_is_an_address_is_masked_as_well(shop: Settings):
    load(shop, "customers", "customer_id,email,email_consent\nann@example.com,ann@example.com,yes\n")
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\nann@example.com,o1,2025-06-01,9.00\n")

    [row] = exported(shop)

    assert "ann@example.com" not in row.values()
