"""Hostile campaign files and data files, by their number in the list of tests/test_hostile_inputs.py.

Each has one stated result, and no row is lost without its line in the rejects. Where a link leads whatever a
request says (75) stands in test_clicks.py; that only a campaign that names a size waits for approval (86) in
test_approval.py.
"""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy import select

from db.campaigns import check_file
from db.engine import database, reading
from db.intake import open_table
from db.settings import Settings
from db.tables import Customer
from flows.campaign_run import carry_out, manual
from flows.importing import Arrival, ImportReport, import_file
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, write_campaign
from winback.campaigns.schedule import due_slots
from winback.errors import ImportProblem
from winback.intake.fields import Kind

# --- 77-85: campaign files ---------------------------------------------------------------------------------------

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
TOP, NINE = "{inactive: 60d}", "schedule: {cron: '0 9 * * *', timezone: ZONE}\n"
WRONG = {
    "77 object": (CAMPAIGN + "topic: !!python/object/apply:os.system ['id']\n", ":9: the tag"),
    "77 laughs": (CAMPAIGN + LAUGHS, ":9: anchors (&) and aliases (*) are not allowed"),
    "78": (CAMPAIGN + "holdout: 20%\n", ":9: holdout: is given twice"),
    "79": (CAMPAIGN.replace("send: hello", "send: ../../etc"), ":7: journey[1].send: must be lower-case"),
    "80": (CAMPAIGN.replace("id: spring", "id: autumn"), ":1: id: must be the file's name, 'spring'"),
    "81 negative": (CAMPAIGN.replace(TOP, "{value: {top: -20%}}"), ":5: audience.value.top: write a"),
    "81 too much": (CAMPAIGN.replace(TOP, "{value: {top: 100.5%}}"), ":5: audience.value.top: 100.5% is more"),
    "82": (CAMPAIGN + "frequncy_cap: 2\n", ":9: frequncy_cap: is not a field here"),
    "84": (CAMPAIGN + NINE.replace("ZONE", "Mars/Base"), ":9: schedule.timezone: not a time zone"),
    "84 empty": (CAMPAIGN + NINE.replace("ZONE", "''"), ":9: schedule.timezone: not a time zone"),
    "85": (
        CAMPAIGN + NINE.replace("ZONE", "UTC, starts: 2026-05-02, ends: 2026-05-01"),
        ":9: schedule.ends: is before it starts, on 2026-05-02",
    ),
}  # fmt: skip


@pytest.mark.parametrize("number", WRONG)
def test_a_hostile_campaign_file_is_refused_at_its_line(shop: Settings, number: str):
    text, words = WRONG[number]
    write_campaign(shop, text)

    _, problems = check_file(shop, shop.campaigns / "spring.yaml")

    assert f"spring.yaml{words}" in str(problems[0])


def test_a_template_that_is_a_link_out_of_the_folder_is_refused(shop: Settings, tmp_path: Path):  # 79
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    (shop.templates / "hello" / "body.fr.txt").symlink_to(tmp_path / "secret.txt")

    _, [problem] = check_file(shop, shop.campaigns / "spring.yaml")

    assert "is a link out of templates/" in str(problem)


def test_a_time_in_the_gap_of_spring_is_one_slot_right_after_it():  # 83
    """New York, 8 March 2026: 02:30 is not there; 03:00 EDT is 07:00 UTC."""
    after, now = datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 8, 20, tzinfo=UTC)

    [slot] = due_slots("30 2 * * *", ZoneInfo("America/New_York"), after=after, now=now)

    assert (slot.name, slot.at) == ("2026-03-08T02:30", datetime(2026, 3, 8, 7, tzinfo=UTC))


def test_a_time_that_autumn_has_twice_is_one_slot():  # 83
    after, now = datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 11, 1, 20, tzinfo=UTC)

    [slot] = due_slots("30 1 * * *", ZoneInfo("America/New_York"), after=after, now=now)

    assert slot.at == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_an_audience_of_nobody_is_a_run_without_messages(shop: Settings):  # 86
    a_quiet_crowd(shop, 4)
    write_campaign(shop, CAMPAIGN.replace("inactive: 60d", "inactive: 3000d"))

    done = carry_out(manual("spring", AS_OF), shop, NOW)

    assert (done.arms, done.messages, done.stage) == ({}, {}, "released")
    assert sum(done.reasons.values()) == 4


# --- 87-105: data files ------------------------------------------------------------------------------------------

CUSTOMERS, ORDERS = "customer_id,name\n", "customer_id,order_id,ordered_at,amount\n"
GOOD, DAY = "7,good,2024-01-31,7.00\n", "2024-01-31"
# number -> what comes, how many rows are good, and (line, words) of each that is not
COMES: dict[int, tuple[bytes, int, list[tuple[int, str]]]] = {
    87: ((CUSTOMERS + "1,李雷\n2,韩梅梅\n").encode("gbk"), 2, []),
    88: ((CUSTOMERS + "1,李雷\n").encode("utf-8-sig"), 1, []),
    89: ((CUSTOMERS + "1,李雷\n").encode("utf-16"), 1, []),
    90: ((CUSTOMERS + "1,李雷\n").encode() + "2,韩梅梅\n".encode("gbk") + b"3,Ann\n", 2, [(3, "not UTF-8")]),
    91: ((CUSTOMERS + '1,"Ann\n2,Bob\n3,Cem\n').encode(), 2, [(2, "a quote opened on this line is not closed")]),
    92: (
        (CUSTOMERS + "1,Ann,x,y\n2\n3,Cem\n").encode(), 1,
        [(2, "4 columns, the header has 2"), (3, "1 columns, the header has 2")],
    ),
    94: ("\ufeffcustomer_id,\ufeffname\n1,李雷\n".encode(), 1, []),
    95: ((CUSTOMERS + "1,李\0雷\n2\0,Bob\n").encode(), 1, [(3, "an id cannot contain line breaks or invisible")]),
    96: (
        (ORDERS + "1,a,2024-13-45,5\n1,b,31/02/2024,5\n1,c,45292,5\n" + GOOD).encode(), 1,
        [(2, "no such date"), (3, "write the date as 2024-03-31"), (4, "a spreadsheet's serial number")],
    ),
    97: (
        (ORDERS + f'1,a,{DAY},"1,234.50"\n1,b,{DAY},"￥1,234"\n1,c,{DAY},1e309\n1,d,{DAY},-0\n').encode(), 1,
        [(2, "without thousands separators"), (3, "not a plain decimal"), (4, "not a plain decimal")],
    ),
    98: ((ORDERS + f"00123,a,{DAY},5\n1.23E+17,b,{DAY},5\n").encode(), 1, [(3, "damaged by a spreadsheet")]),
    99: ("customer_id,name\r\n1,李雷\r2,Bob\n3,Cem\r\n".encode(), 3, []),
    100: ((CUSTOMERS + '1,"=HYPERLINK(""http://evil"")"\n').encode(), 1, []),
    101: ((CUSTOMERS + "1,Ann\n1,李雷\n").encode(), 2, []),
    102: (  # a fiftieth of it: 600 of 20,000 are bad
        (ORDERS + "".join(f"{n},o{n},{'2024-13-01' if n % 100 < 3 else DAY},5\n" for n in range(20_000))).encode(),
        19_400, [(n + 2, "no such date") for n in range(20_000) if n % 100 < 3],
    ),
    103: ((CUSTOMERS + f"1,{'x' * 10**7}\n2,Bob\n").encode(), 1, [(2, "a cell is longer than 131,072")]),
}  # fmt: skip


def bring(shop: Settings, content: bytes, name: str | None = None) -> ImportReport:
    kind = "orders" if b"order_id" in content else "customers"
    file = shop.workspace / (name or f"{kind}.csv")
    file.write_bytes(content)
    arrival = Arrival(kind=Kind(kind), file=file, source="main", mapping={}, complete_through=None)
    return import_file(arrival, shop, NOW)


def first_name(shop: Settings) -> str | None:
    """The name of customer 1."""
    with database(shop.database_url) as engine, reading(engine) as session:
        return session.execute(select(Customer.name).where(Customer.customer_id == "1")).scalar_one()


@pytest.mark.parametrize("number", COMES)
def test_a_hostile_data_file_keeps_its_good_rows_and_lists_the_others(shop: Settings, number: int):
    content, good, bad = COMES[number]

    report = bring(shop, content)

    assert (report.good, report.bad, report.read) == (good, len(bad), good + len(bad))
    listed = pl.read_csv(report.rejects_file).select("line", "reason").rows() if report.rejects_file else []
    assert [line for line, _ in listed] == [line for line, _ in bad]
    assert all(words in reason for (_, words), (_, reason) in zip(bad, listed, strict=True))


@pytest.mark.parametrize(("number", "name"), [
    *((number, "李雷") for number in (87, 88, 89, 90, 94, 95, 99, 101)),
    (100, '=HYPERLINK("http://evil")'),
])  # fmt: skip
def test_a_name_comes_through_as_it_was_written(shop: Settings, number: int, name: str):
    bring(shop, COMES[number][0])

    assert first_name(shop) == name


def test_an_id_keeps_its_zeros(shop: Settings):  # 98
    bring(shop, COMES[98][0])

    with database(shop.database_url) as engine, reading(engine) as session:
        assert session.execute(select(Customer.customer_id)).scalars().all() == ["00123"]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (
            b"customer_id,name,name\n1,a,b\n",
            "customers.csv",
            "name: two columns of this name (columns 2, 3)",
        ),  # 93
        (
            gzip.compress((CUSTOMERS + "1,Ann\n" * 9_999).encode())[:-20],
            "customers.csv.gz",
            "cut off or broken",
        ),  # 105
    ],
)
def test_a_file_that_cannot_be_trusted_as_a_whole_changes_nothing(
    shop: Settings, content: bytes, name: str, words: str
):
    with pytest.raises(ImportProblem) as refusal:
        bring(shop, content, name)

    assert words in str(refusal.value)
    with database(shop.database_url) as engine, reading(engine) as session:
        assert session.execute(select(Customer)).all() == []


@pytest.mark.parametrize("change", [lambda old: old + b"9,late\n", lambda old: old[:-6]])
def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes]
):  # 104
    path = tmp_path / "customers.csv"
    path.write_bytes((CUSTOMERS + "".join(f"{n},Customer {n}\n" for n in range(200_000))).encode())
    batches = iter(open_table(path, Kind.CUSTOMERS, {}))
    next(batches)

    path.write_bytes(change(path.read_bytes()))

    with pytest.raises(ImportProblem, match="changed while it was read"):
        list(batches)
