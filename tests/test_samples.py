"""The samples: the real orders are those of the source, the invented people could never be written to."""

import gzip
import re
import runpy
from pathlib import Path

import polars as pl
import pytest

from db.intake import open_table
from winback.intake.fields import Kind
from winback.intake.records import parse

SAMPLES = Path(__file__).parent.parent / "samples"


def rows_of(name, kind):
    batches = list(open_table(SAMPLES / name, kind, {}))
    parsed = [parse(kind, batch.frame, timezone="America/New_York", currency="USD") for batch in batches]
    assert sum(p.rejects.height for p in parsed) + sum(b.rejects.height for b in batches) == 0
    return pl.concat([p.good for p in parsed])


@pytest.fixture(scope="module")
def customers():
    return rows_of("customers.csv.gz", Kind.CUSTOMERS)


@pytest.fixture(scope="module")
def suppressions():
    return rows_of("suppressions.csv", Kind.SUPPRESSIONS)


@pytest.fixture(scope="module")
def orders():
    return rows_of("orders.csv.gz", Kind.ORDERS)


def test_the_orders_are_the_cdnow_master_data_set(orders):
    """Counts of lifetimes 0.11.3, datasets/CDNOW_master.txt, by awk: 69,659 lines, 23,570 ids, 2500315.63."""
    assert orders.height == orders["order_id"].n_unique() == 69_659
    assert orders["customer_id"].n_unique() == 23_570
    assert orders["amount_minor"].sum() == 250_031_563
    assert (orders["amount_minor"] == 0).sum() == 80
    assert [f"{orders['ordered_on'].min()}", f"{orders['ordered_on'].max()}"] == ["1997-01-01", "1998-06-30"]


def test_every_customer_of_the_orders_has_an_invented_person_and_nobody_else(customers, orders):
    assert customers["customer_id"].is_unique().all()
    assert set(customers["customer_id"]) == set(orders["customer_id"])


def test_no_address_in_the_samples_can_reach_anybody(customers, suppressions):
    """RFC 2606 domains; North American 555-01XX; Ofcom's drama mobiles 07700 900000-900999."""
    addresses = pl.concat([customers["email"], customers["phone"], suppressions["address"]]).drop_nulls()
    fiction = re.compile(r"[a-z.+0-9]+@example\.(com|net|org)|\+1[2-9]\d\d55501\d\d|\+447700900\d{3}")

    assert [address for address in addresses if not fiction.fullmatch(address)] == []


def test_the_people_are_as_the_readme_says(customers):
    phones = customers.filter(pl.col("phone").is_not_null())
    emails = customers.filter(pl.col("email").is_not_null())
    shared = 1 - emails["email"].n_unique() / emails.height + 1 - phones["phone"].n_unique() / phones.height
    nothing = customers.filter(pl.col("email").is_null() & pl.col("phone").is_null())

    assert (customers["locale"] == "zh-CN").mean() == pytest.approx(0.30, abs=0.01)
    assert customers["email"].null_count() / customers.height == pytest.approx(0.12, abs=0.01)
    assert (~emails["email_consent"]).sum() / emails.height == pytest.approx(0.08, abs=0.01)
    assert emails["email_consent"].null_count() / emails.height == pytest.approx(0.06, abs=0.01)
    assert (~phones["sms_consent"]).sum() / phones.height == pytest.approx(0.15, abs=0.01)
    assert phones["sms_consent"].null_count() / phones.height == pytest.approx(0.15, abs=0.01)
    assert shared == pytest.approx(0.02, abs=0.005)
    assert nothing.height == 148
    assert {"null", None} < set(customers["name"])


def test_the_old_opt_outs_are_about_one_address_in_a_hundred_and_before_1998(customers, suppressions):
    addresses = customers["email"].count() + customers["phone"].count()
    listed = suppressions["address"].count()

    assert listed / addresses == pytest.approx(0.01, abs=0.002)
    assert suppressions["customer_id"].count() == 12
    assert suppressions["at"].dt.year().max() == 1997
    assert set(suppressions["address"].drop_nulls()) <= {*customers["email"], *customers["phone"]}


def test_making_the_samples_again_changes_nothing(tmp_path):
    runpy.run_path(str(SAMPLES / "make_samples.py"))["write"](tmp_path)

    for name in ("customers.csv.gz", "suppressions.csv"):
        old, new = ((folder / name).read_bytes() for folder in (SAMPLES, tmp_path))
        if name.endswith(".gz"):
            old, new = gzip.decompress(old), gzip.decompress(new)
        assert new == old


def test_both_readmes_say_that_the_people_are_invented_and_name_the_source():
    for name, invented in (
        ("README.md", "nobody in these files exists"),
        ("README.zh-CN.md", "这些文件里的人都不存在"),
    ):
        text = (SAMPLES / name).read_text(encoding="utf-8")

        assert invented in text
        assert "Interfaces* 31(3)" in text
        assert "Permission is hereby granted" in text
