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
from db.plain import plain_rows
from winback.intake.fields import Kind

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
