"""Plain CSV at once: either exactly what Python's own reader gives, or left to the one that reads everything."""

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.delimited import Header
from db.intake import open_table
from db.plain import is_tidy, plain_rows
from winback.intake.fields import Kind
from winback.intake.records import parse

HEADER = Header(names=("a", "b", "c"), delimiter=",", first_line=2)
CELLS = st.text(st.sampled_from("ab7 -é李;\t'\"\r\n\0\ufeff\u2028"), max_size=4)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_what_is_taken_at_once_is_what_the_csv_module_reads(rows: list[list[str]], end: str, ended: bool):
    text = end.join(",".join(cells) for cells in rows) + (end if ended else "")

    found = plain_rows(text.encode(), HEADER)

    if found is not None:
        read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        assert [[cell or "" for cell in row] for row in found.rows()] == read


@pytest.mark.parametrize(
    "piece",
    [
        b"1,2,3\n4,5\n",  # too few
        b"1,2,3,4\n5,6\n",  # as many in all, but not in each
        b"1,2,3\n\n4,5,6\n",
        b'1,"2",3\n',
        b"1,2,3\r4,5,6\n",
        b"1,\x002,3\n",
        b"1,2," + b"3" * 131_073 + b"\n",
        b"",
    ],
)
def test_what_is_not_surely_plain_is_left_to_the_other_reader(piece: bytes):
    assert plain_rows(piece, HEADER) is None


def test_plain_rows_are_taken_as_they_stand():
    found = plain_rows(b"007, x ,\r\n#,NA,null", HEADER)

    assert found is not None
    assert found.rows() == [("007", " x ", None), ("#", "NA", "null")]


def test_lines_keep_their_numbers_where_plain_pieces_end(tmp_path: Path):
    """Five megabytes of plain rows, then a quoted one over two lines, a short one and a plain one."""
    plain = "".join(f"{n % 9},o{n:07},2026-01-05,1.00\n" for n in range(200_000))
    file = tmp_path / "orders.csv"
    file.write_text(
        f"sep=,\ncustomer_id,order_id,ordered_at,amount\n{plain}"
        '8,"two\nlines",2026-01-05,1.00\n8,short\n8,last,2026-01-05,1.00\n'
    )

    batches = list(open_table(file, Kind.ORDERS, {}))

    frame, rejects = pl.concat(b.frame for b in batches), pl.concat(b.rejects for b in batches)
    assert frame["line"].to_list() == [*range(3, 200_004), 200_006]
    assert frame["order_id"].to_list() == [*(f"o{n:07}" for n in range(200_000)), "two\nlines", "last"]
    assert rejects["line"].to_list() == [200_005]


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_cells_of_a_tidy_piece_are_visible_ascii_with_nothing_to_trim(rows: list[list[str]], end: str):
    piece = end.join(",".join(cells) for cells in rows).encode()

    found = plain_rows(piece, HEADER)

    if found is not None:
        cells = [cell or "" for row in found.rows() for cell in row]
        plain = all(cell.isascii() and cell.isprintable() and cell == cell.strip() for cell in cells)
        assert is_tidy(piece, HEADER) == (plain and "#" not in "".join(cells))


@pytest.mark.parametrize(
    "cell", [" x", "x ", "x\ty", "\x7f", "#N/A", "1.2E+10", "李", "\ufeffx", "x\x0by", "x\u200b", " "]
)
@pytest.mark.parametrize("place", range(6))
def test_one_cell_makes_a_piece_untidy(cell: str, place: int):
    cells = ["a b"] * 6
    assert is_tidy("{},{},{}\n{},{},{}\n".format(*cells).encode(), HEADER)

    cells[place] = cell

    assert not is_tidy("{},{},{}\n{},{},{}".format(*cells).encode(), HEADER)


def test_tabs_between_cells_are_tidy_and_tabs_in_cells_are_not():
    assert is_tidy(b"a b\tc\td\r\n", Header(names=("a", "b", "c"), delimiter="\t", first_line=2))
    assert not is_tidy(b"a\tb,c,d\r\n", HEADER)


def test_an_id_too_long_is_refused_in_a_tidy_file_as_in_any_other(tmp_path: Path):
    rows = f"1,{'9' * 129},2026-01-05,1.00\n1,{'9' * 128},2026-01-05,1.00\n"
    file = tmp_path / "orders.csv"
    for end, tidy in (("", True), ("1, o3,2026-01-05,1.00\n", False)):
        file.write_text(f"customer_id,order_id,ordered_at,amount\n{rows}{end}")

        [batch] = open_table(file, Kind.ORDERS, {})
        parsed = parse(Kind.ORDERS, batch.frame, timezone="UTC", currency="USD", tidy=batch.tidy)

        assert batch.tidy is tidy
        assert parsed.rejects["reason"].to_list() == ["longer than 128 characters"]
