"""Which kinds can be imported, and where their fields are in a header."""

import pytest

from winback.errors import ImportProblem, WrongUse
from winback.intake.fields import Kind, kind_of, place


def test_an_unknown_kind_is_refused_with_the_nearest_name():
    with pytest.raises(WrongUse, match="did you mean 'orders'"):
        kind_of("order")
    with pytest.raises(WrongUse, match="unknown kind 'snapshots'"):
        kind_of("snapshots")
    assert kind_of("orders") is Kind.ORDERS


def test_a_snapshot_is_of_subscriptions_only():
    assert kind_of("subscriptions", snapshot=True) is Kind.SNAPSHOTS
    with pytest.raises(WrongUse, match="--snapshot-on is for subscriptions, not for orders"):
        kind_of("orders", snapshot=True)


def test_columns_are_found_by_name_or_as_mapped():
    header = ["Kunde", "order_id", "when", "amount", "note"]

    placed = place(Kind.ORDERS, header, {"customer_id": "Kunde", "ordered_at": "when"}, "f.csv")

    assert placed == {"customer_id": 0, "order_id": 1, "ordered_at": 2, "amount": 3}


def test_a_customers_column_that_is_mapped_away_is_kept_as_an_attribute():
    placed = place(Kind.CUSTOMERS, ["customer_id", "crm", "line"], {"customer_id": "crm"}, "f.csv")

    assert placed == {"customer_id": 1, "attributes.customer_id": 0, "attributes.line": 2}


@pytest.mark.parametrize(
    ("header", "mapping", "sentence"),
    [
        (["customer_id", "a", "a"], {}, r"f.csv:1: a: two columns of this name \(columns 2, 3\)"),
        (["CustomerID", "name"], {}, "required column is missing .did you mean '--map customer_id=CustomerID'"),
        (["x"], {}, "customer_id: required column is missing; there are: x"),
        (["customer_id"], {"emial": "x"}, "emial: --map names a field .*did you mean 'email'"),
        (["customer_id", "E-Mail"], {"email": "EMail"}, "no such column .did you mean 'E-Mail'"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_with_the_nearest_name(header, mapping, sentence):
    with pytest.raises(ImportProblem, match=sentence):
        place(Kind.CUSTOMERS, header, mapping, "f.csv")


@pytest.mark.parametrize("column", ["Currency", "CURRENCY ", "refund-of", "Refund Of"])
def test_a_column_that_only_its_case_keeps_from_being_a_field_is_refused_with_the_field(column):
    header = ["customer_id", "order_id", "ordered_at", "amount", column]
    field = "currency" if "C" in column else "refund_of"

    with pytest.raises(ImportProblem, match=f"write it as {field} .did you mean '--map {field}={column}'"):
        place(Kind.ORDERS, header, {}, "f.csv")
    assert place(Kind.ORDERS, header, {field: column}, "f.csv")[field] == 4
    assert field in place(Kind.ORDERS, [*header, field], {}, "f.csv")


def test_suppressions_need_a_column_of_addresses_or_of_customers():
    assert place(Kind.SUPPRESSIONS, ["customer_id"], {}, "f.csv") == {"customer_id": 0}
    with pytest.raises(
        ImportProblem, match=r"required column is missing \(or customer_id\) .*--map address=Email"
    ):
        place(Kind.SUPPRESSIONS, ["Email", "why"], {}, "f.csv")
