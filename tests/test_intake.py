"""Files: encodings, line ends, quotes, broken files; no row is lost and none swallows its neighbours."""

import codecs
import csv
import gzip
import hashlib
import io
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.delimited import Header, chunks
from db.encoding import CHUNK_BYTES
from db.intake import open_table
from winback.errors import ImportProblem
from winback.intake.fields import REJECTS, Kind
from winback.intake.records import parse

HEADER = "customer_id,name"
NAMES = ["李雷", "韩梅梅", "O'Neil", "王小明", "张伟", "Zoë"]


@pytest.fixture
def write(tmp_path):
    def _write(content, name="customers.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def read(path, kind=Kind.CUSTOMERS, mapping=None, **settings):
    """(one text frame, one frame of refused lines) of the whole file."""
    batches = list(open_table(path, kind, mapping or {}, **settings))
    if not batches:
        return pl.DataFrame(schema={"line": pl.Int64}), pl.DataFrame(schema=dict(REJECTS))
    return pl.concat([b.frame for b in batches]), pl.concat([b.rejects for b in batches])


def names_of(path):
    frame, rejects = read(path)
    assert rejects.height == 0, rejects
    return frame["name"].to_list()


def refused(path):
    """(lines that were read, [(line, reason)] of those that were not)."""
    frame, rejects = read(path)
    return frame["line"].to_list(), rejects.select("line", "reason").rows()


def a_file(names=NAMES, end="\n"):
    return end.join([HEADER, *(f"{i},{name}" for i, name in enumerate(names))]) + end


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_a_file_is_read_in_its_own_encoding(write, encoding):
    path = write(a_file().encode(encoding))

    assert names_of(path) == NAMES


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)]
)
def test_both_byte_orders_of_utf_16_are_known_by_their_mark(write, encoding, mark):
    assert names_of(write(mark + a_file().encode(encoding))) == NAMES


def test_gbk_is_read_as_its_superset_gb18030_and_said_so(write):
    path = write(a_file(["李雷", "韩梅梅", "plain"]).encode("gbk"))

    assert open_table(path, Kind.CUSTOMERS, {}).encoding == "gb18030"
    assert names_of(path) == ["李雷", "韩梅梅", "plain"]


@pytest.mark.parametrize("names", [["王镕基"], ["陈昇", "李雷"], ["张喆", "Ann", "朱伟"]])
def test_a_rare_character_among_few_leaves_a_file_gbk(write, names):
    """镕 and 昇 are not of GB2312: their second byte is an ASCII letter, as it often is in other encodings."""
    assert names_of(write(a_file(names).encode("gbk"))) == names


def test_gbk_is_recognised_however_late_its_first_letter_comes(write):
    plain = [f"name{i}" for i in range(CHUNK_BYTES // 8)]

    assert names_of(write(a_file([*plain, "李雷"]).encode("gbk")))[-1] == "李雷"


def test_of_a_file_of_two_encodings_only_the_lines_in_utf_8_are_read(write):
    """All of these bytes are also strict GB18030, which would read 鏉庨浄 for the first name."""
    lines = [HEADER.encode(), "0,李雷".encode(), "1,韩梅梅".encode("gbk"), b"2,Ann", "3,张伟".encode()]
    path = write(b"\n".join(lines))

    read_lines, rejects = refused(path)

    assert read_lines == [2, 4, 5]
    assert rejects == [
        (3, "not UTF-8 (it may be GBK, but the whole file is not surely GBK: save it as CSV UTF-8)")
    ]


@pytest.mark.parametrize("chinese", [["陳功蓋許", "林育淇"], ["王小明", "林美麗"]])
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "big5"])
def test_other_encodings_are_refused_line_by_line_and_never_guessed(write, encoding, chinese):
    names = ["Müller", "Jürgen"] if encoding != "big5" else chinese
    path = write(a_file([*names, "Ann"]).encode(encoding))

    read_lines, rejects = refused(path)

    assert read_lines == [4]
    assert [(line, why[:9]) for line, why in rejects] == [(2, "not UTF-8"), (3, "not UTF-8")]


def test_half_a_surrogate_pair_in_utf_16_costs_its_line(write):
    path = write(codecs.BOM_UTF16_LE + a_file(["Ann", "\ud800", "Bob"]).encode("utf-16-le", "surrogatepass"))

    assert refused(path) == ([2, 4], [(3, "not UTF-16: half a surrogate pair")])


def test_a_utf_16_file_cut_in_the_middle_of_a_letter_is_refused(write):
    path = write(a_file().encode("utf-16")[:-1])

    with pytest.raises(ImportProblem, match="cannot be read as UTF-16 to its end"):
        open_table(path, Kind.CUSTOMERS, {})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(write, end):
    frame, _ = read(write(a_file(end=end)))

    assert frame["name"].to_list() == NAMES
    assert frame["line"].to_list() == [2, 3, 4, 5, 6, 7]


def test_line_ends_may_be_mixed_and_other_separators_of_unicode_are_text(write):
    path = write(f"{HEADER}\r\n1,a\r2,b\n3,c\u2028d\x85e\x0bf\r\n4,g")

    assert names_of(path) == ["a", "b", "c\u2028d\x85e\x0bf", "g"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_the_header_has_most_of(write, delimiter):
    path = write(f'customer_id{delimiter}name{delimiter}"a,b;c"\n1{delimiter}Ann{delimiter}x\n')

    frame, rejects = read(path)

    assert frame.columns == ["line", "customer_id", "name", "attributes.a,b;c"]
    assert (frame.height, rejects.height) == (1, 0)


def test_a_spreadsheets_declared_delimiter_and_blank_lines_before_the_header_are_skipped(write):
    frame, _ = read(write("sep=;\r\n\r\ncustomer_id;name, as written\r\n1;Ann\r\n"))

    assert frame.rows() == [(4, "1", "Ann")]


def test_a_declared_delimiter_after_a_byte_order_mark_is_no_row(write):
    """As Excel saves it: the header is the second line."""
    frame, rejects = read(write("\ufeffsep=;\ncustomer_id;name\n1;Ann\n2;Bo\n"))

    assert frame.rows() == [(3, "1", "Ann"), (4, "2", "Bo")]
    assert rejects.is_empty()


def test_a_byte_order_mark_inside_the_header_is_no_part_of_a_name(write):
    frame, _ = read(write('\ufeff\ufeff"\ufeffcustomer_id", name \n1,Ann\n'))

    assert frame.columns == ["line", "customer_id", "name"]


def test_a_column_without_a_name_is_called_by_its_place(write):
    frame, _ = read(write(",customer_id,\n0,1,x\n"))

    assert frame.columns == ["line", "customer_id", "attributes.column_1", "attributes.column_3"]


def test_columns_may_be_mapped_and_the_columns_no_order_has_are_left_out(write):
    path = write("No,Kunde,order_id,ordered_at,amount\n9,1,A,2024-01-01,5\n", "orders.csv")

    frame, _ = read(path, Kind.ORDERS, {"customer_id": "Kunde"})

    assert frame.columns == ["line", "customer_id", "order_id", "ordered_at", "amount"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\n\r\n  \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"customer_id,customer_id\n1,2\n", "two columns of this name"),
        (b"\xef\xbb\xbfcustomer_id,\xef\xbb\xbfcustomer_id\n1,2\n", "two columns of this name"),
        (b"name\nAnn\n", "customer_id: required column is missing"),
        ("customer_id,名字\n1,x\n".encode("big5"), "the header is not UTF-8"),
        ("customer_id\n1\n".encode("utf-16-le"), "NUL bytes in the header"),
        (b'customer_id,"name\n1,Ann\n', "the header cannot be read"),
        (b"PK\x03\x04 and so on", "an Excel workbook"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_fault(write, content, sentence):
    with pytest.raises(ImportProblem, match=sentence):
        open_table(write(content), Kind.CUSTOMERS, {})


@pytest.mark.parametrize("name", ["customers.xlsx", "customers.json", "customers"])
def test_other_kinds_of_file_are_refused_with_the_allowed_ones(write, name):
    with pytest.raises(ImportProblem, match=r"allowed: .csv, .csv.gz, .parquet"):
        open_table(write(HEADER, name), Kind.CUSTOMERS, {})


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(ImportProblem, match="no such file"):
            open_table(path, Kind.CUSTOMERS, {})


def test_a_file_with_only_a_header_has_no_rows(write):
    for content in (HEADER, HEADER + "\n", HEADER + "\r\n\r\n"):
        assert list(open_table(write(content), Kind.CUSTOMERS, {})) == []


def test_a_gzip_file_is_read_and_its_digest_is_that_of_the_file_as_stored(write):
    packed = gzip.compress(a_file(NAMES[:5]).encode("gbk"))
    path = write(packed, "customers.csv.gz")

    assert open_table(path, Kind.CUSTOMERS, {}).sha256 == hashlib.sha256(packed).hexdigest()
    assert names_of(path) == NAMES[:5]


def test_a_gzip_file_that_is_cut_off_or_altered_is_refused_before_any_row(write):
    packed = gzip.compress(a_file([f"name {i}" for i in range(50_000)]).encode())
    altered = packed[:-8] + bytes(4) + packed[-4:]

    for content in (packed[: len(packed) // 2], packed[:-1], altered, packed[:5]):
        with pytest.raises(ImportProblem, match="gzip"):
            open_table(write(content, "customers.csv.gz"), Kind.CUSTOMERS, {})


@pytest.mark.parametrize("change", [lambda old: old + b"7,x\n", lambda old: old.replace(b"Ann", b"Eve")])
def test_a_file_that_changes_while_it_is_read_is_refused_at_its_end(write, change):
    path = write("customer_id,name\n1,Ann\n")
    table = open_table(path, Kind.CUSTOMERS, {})
    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(ImportProblem, match="changed while it was read"):
        list(table)


def test_a_line_that_no_table_has_is_refused_before_it_fills_the_memory(write, monkeypatch):
    monkeypatch.setattr("db.encoding.LINE_BYTES", 2 * CHUNK_BYTES)

    with pytest.raises(ImportProblem, match="a line is longer than"):
        open_table(write(HEADER.encode() + b"\n1," + b"x" * 4 * CHUNK_BYTES), Kind.CUSTOMERS, {})


def test_too_many_and_too_few_columns_cost_their_line(write):
    path = write(f"{HEADER}\n1,a\n2,b,c\n3\n\n,\n4,d\n")

    lines, rejects = refused(path)

    assert lines == [2, 6, 7]
    assert rejects == [(3, "3 columns, the header has 2"), (4, "1 columns, the header has 2")]


def test_a_cell_of_ten_million_characters_costs_its_line(write):
    path = write(f"{HEADER}\n1,a\n2,{'x' * 10_000_000}\n3,c\n")

    assert refused(path) == ([2, 4], [(3, "a cell is longer than 131,072 characters")])


def test_nul_bytes_stay_in_their_cell_for_the_rules_to_judge(write):
    assert names_of(write(f"{HEADER}\n1,a\x00b\n2,c\n")) == ["a\x00b", "c"]


def test_a_quoted_cell_may_hold_line_ends_and_its_row_begins_on_its_first_line(write):
    path = write(f'{HEADER}\n1,"a\nb"\n2,"c\r\n\r\nd ""e"""\n3,f\n')

    frame, rejects = read(path)

    assert frame.rows() == [(2, "1", "a\nb"), (4, "2", 'c\r\n\r\nd "e"'), (7, "3", "f")]
    assert rejects.height == 0


@pytest.mark.parametrize(
    "after",
    [
        "",
        '6,"Fay"\n',
        '6,"Fay, F"\n7,Gil\n',
        '6,""\n7,Gil\n',
        '6,",x\n',
        '6,Fay"\n',
        "".join(f"{i},name {i}\n" for i in range(6, 3006)),
        "".join(f"{i},{'y' * 100}\n" for i in range(6, 3006)) + '9999,"z"\n',
    ],
)
def test_a_quote_that_is_not_closed_costs_its_line_and_swallows_none(write, after):
    path = write(f'{HEADER}\n1,Ann\n2,"Bob\n3,Cy\n4,Dee\n5,Eve\n{after}')
    total = 5 + after.count("\n")

    lines, rejects = refused(path)

    assert rejects[0] == (3, "a quote opened on this line is not closed")
    assert {2, 4, 5, 6} <= set(lines)
    assert len(lines) + len(rejects) == total


def test_text_after_a_closing_quote_costs_its_line(write):
    path = write(f'{HEADER}\n1,"a" b\n2,c\n3,d "e" f\n')

    assert refused(path) == ([3, 4], [(2, "text after a closing quote")])


def test_an_open_quote_at_the_end_of_a_chunk_is_read_on_in_the_next(write):
    """Chunks are of 1000 lines; the cell spans lines 1000 to 1003."""
    rows = [f"{i},name" for i in range(998)] + ['x,"one\ntwo\nthree\nfour"', "y,name"]
    frame, rejects = read(write("\n".join([HEADER, *rows])))

    assert rejects.height == 0
    assert frame.filter(pl.col("customer_id").is_in(["x", "y"])).rows() == [
        (1000, "x", "one\ntwo\nthree\nfour"),
        (1004, "y", "name"),
    ]


def line_numbers_covered(chunk):
    """The physical lines of each row: the one it begins on and one more for each line end in its cells."""
    width = len(chunk.cells) // len(chunk.lines) if chunk.lines else 1
    for i, line in enumerate(chunk.lines):
        cells = chunk.cells[i * width : (i + 1) * width]
        yield from range(line, line + 1 + sum(len(re.findall(r"\r\n|\r|\n", cell)) for cell in cells))


@settings(deadline=None)
@given(st.text(alphabet='a,"\n\r ', max_size=60), st.booleans())
def test_every_line_of_any_text_is_in_one_row_or_refused(text, damaged):
    lines = list(io.StringIO(text, newline=""))
    header = Header(names=("x", "y"), delimiter=",", first_line=1)

    found = list(chunks(iter(lines), header, damaged=damaged))

    covered = [line for chunk in found for line in line_numbers_covered(chunk)]
    seen = covered + [line for chunk in found for line, _ in chunk.refused]
    blank = [i for i, line in enumerate(lines, start=1) if not line.strip("\r\n") and i not in covered]
    assert sorted(seen + blank) == list(range(1, len(lines) + 1))


tables = st.lists(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=2, max_size=2), max_size=8
)


@settings(deadline=None)
@given(tables, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from([",", ";", "\t"]))
def test_a_table_written_with_every_cell_quoted_is_read_back(tmp_path_factory, rows, encoding, delimiter):
    path = tmp_path_factory.mktemp("intake") / "t.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, delimiter=delimiter)
        writer.writerow(["customer_id", "name"])
        writer.writerows(rows)

    batches = list(open_table(path, Kind.CUSTOMERS, {}))

    assert [list(cells) for b in batches for cells in b.frame.select("customer_id", "name").iter_rows()] == rows
    assert sum(batch.read for batch in batches) == len(rows)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_after_a_header_are_read_or_refused_without_an_exception(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("intake") / "t.csv"
    path.write_bytes(b"customer_id,name\n" + content)

    for batch in open_table(path, Kind.CUSTOMERS, {}):
        parsed = parse(Kind.CUSTOMERS, batch.frame, timezone="UTC", currency="USD")
        assert parsed.good.height + parsed.rejects.height + batch.rejects.height == batch.read


def test_a_large_file_comes_in_batches_and_counts_its_bytes(write):
    path = write(a_file([f"name {i}" for i in range(150_000)]))
    seen = []

    batches = list(open_table(path, Kind.CUSTOMERS, {}, progress=lambda done, of: seen.append((done, of))))

    assert [batch.read for batch in batches] == [100_000, 50_000]
    assert batches[1].frame["line"][0] == 100_002
    assert seen == sorted(seen)
    assert seen[-1] == (2 * path.stat().st_size, 2 * path.stat().st_size)
