"""``audience.where``: how a condition is read, where it is refused, and of whom it holds."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import CAMPAIGN
from winback.audience.matching import holds, traits_schema
from winback.campaigns.faults import TextFault
from winback.campaigns.file import examine
from winback.campaigns.where import ATTRIBUTE, TRAITS, All, Among, Any, Compare, Missing, Not, read_where
from winback.errors import CampaignError
from winback.intake import fields

AS_OF_DAY = (date(2026, 3, 1) - date(1970, 1, 1)).days
PEOPLE = pl.DataFrame(
    {
        "country": ["FR", "GB", None, "US"],
        "orders": [1, 2, 3, 4],
        "last_order_on": [date(2026, 2, 28), date(2026, 1, 1), date(2025, 3, 1), date(2026, 2, 1)],
        "email_consent": [True, False, None, True],
        "attributes.tier": ["gold", None, "silver", "gold"],
        "attributes.points": ["10", "9.5", "many", None],
        "attributes.joined on": ["2020-01-01", "2024-01-01", "?", None],
    }
)


def test_and_binds_closer_than_or_and_not_closest():
    read = read_where('not orders >= 2 and country == "FR" or risk > 0.5').condition

    assert read == Any(
        of=(
            All(
                of=(
                    Not(of=Compare(field="orders", sign=">=", value=2.0)),
                    Compare(field="country", sign="==", value="FR"),
                )
            ),
            Compare(field="risk", sign=">", value=0.5),
        )
    )


def test_every_form_of_a_test_is_read():
    assert read_where("email_consent").condition == Compare(field="email_consent", sign="==", value=True)
    assert read_where("country not in ['FR', \"US\"]").condition == Not(
        of=Among(field="country", values=("FR", "US"))
    )
    assert read_where("birthday_on is not missing").condition == Not(of=Missing(field="birthday_on"))
    assert read_where("last_order_on < 2026-01-31").condition == Compare(
        field="last_order_on", sign="<", value=date(2026, 1, 31)
    )
    assert read_where('attributes."joined on" is missing').fields == ("attributes.joined on",)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('country == "GB"', [1]),
        ('country != "GB"', [0, 3]),
        ('not country == "GB"', [0, 3]),
        ('country in ["FR", "US"]', [0, 3]),
        ('country not in ["FR", "US"]', [1]),
        ("country is missing", [2]),
        ('country is missing or country == "FR"', [0, 2]),
        ("orders >= 2 and orders < 4", [1, 2]),
        ("days_since_order >= 59", [1, 2]),
        ("days_since_order == 1", [0]),
        ("last_order_on >= 2026-02-01", [0, 3]),
        ("email_consent", [0, 3]),
        ("not email_consent", [1]),
        ("email_consent == false", [1]),
        ('attributes.tier == "gold" and orders > 1', [3]),
        ("attributes.points > 9.4", [0, 1]),
        ("not attributes.points > 9.6", [1]),
        ('attributes."joined on" >= 2021-06-01', [1]),
        ("attributes.tier is missing", [1]),
        ("orders in [1, 4]", [0, 3]),
    ],
)
def test_a_condition_holds_of_whom_it_says_and_of_nobody_who_lacks_the_field(text: str, rows: list[int]):
    found = PEOPLE.with_row_index().filter(holds(read_where(text).condition, AS_OF_DAY))["index"]

    assert found.to_list() == rows


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("ordrs >= 2", 0, "'ordrs' is not a field"),
        ("orders = 2", 7, "'=' cannot be read here"),
        ("orders => 2", 7, "'=' cannot be read here"),
        ("orders <> 2", 7, "'<>' cannot be read here"),
        ('orders >= "2"', 10, "orders is a number"),
        ("country == FR", 11, "text stands in quotes"),
        ('country > "A"', 8, "not larger or smaller"),
        ("email_consent == 1", 17, "email_consent is yes or no"),
        ("attributes.a == true", 16, "attributes.a is text"),
        ('attributes.a in ["x", 1]', 22, "attributes.a is text"),
        ("last_order_on < 2026-02-30", 16, "no day of the calendar"),
        ("2 < orders", 0, "the field comes first"),
        ("orders", 6, "ends too early"),
        ("orders >= 2 and", 15, "ends too early"),
        ("orders >= 2 AND risk > 1", 12, "AND is not expected"),
        ("(orders >= 2", 12, "ends too early"),
        ("orders >= 2)", 11, ") is not expected"),
        ("orders in []", 11, "] is not expected"),
        ('country == "FR', 11, "never closed"),
        ("orders >= 2; DROP TABLE customer", 11, "';' cannot be read"),
        ("__import__('os')", 0, "'__import__' is not a field"),
        ("orders.__class__ == 1", 0, "'orders.__class__' is not a field"),
        ("orders >= 1e9", 10, "cannot be read"),
        ("orders >= " + "9" * 5000, 0, "longer than 1,000 characters"),
        ("(" * 30 + "orders > 1" + ")" * 30, 21, "nested too deeply"),
        ("", 0, "ends too early"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_character(text: str, at: int, words: str):
    with pytest.raises(TextFault, match=".") as caught:
        read_where(text)

    assert words in str(caught.value)
    assert caught.value.at == at


@given(st.text(alphabet="orders risk and not in is ()[]\"'=<>!,.0123456789-\n“é", max_size=60))
def test_any_text_is_a_condition_or_one_fault_within_it(text: str):
    try:
        where = range(len(read_where(text).fields))
    except TextFault as fault:
        where = range(fault.at, len(text) + 1)

    assert len(where) > 0


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("audience: {where: country == 'FR' and ordrs > 1}", 5, 39),
        ("audience:\n  where: country == 'FR' and ordrs > 1", 6, 30),
        ("audience:\n  where: 'country == ''FR'' and ordrs > 1'", 6, 33),
        ('audience:\n  where: "country == \\"FR\\" and ordrs > 1"', 6, 33),
        ("audience:\n  where: >\n    country == 'FR'\n    and ordrs > 1", 8, 9),
        ("audience:\n  where: |-\n    country == 'FR'\n\n    and ordrs > 1", 9, 9),
        ("audience:\n  where: country == 'FR'\n    and ordrs > 1", 7, 9),
    ],
)
def test_a_fault_is_told_with_its_line_and_column_however_the_text_is_written(
    written: str, line: int, column: int
):
    [fault] = examine(CAMPAIGN.replace("audience: {inactive: 60d}", written), "spring.yaml")[1]

    assert (fault.line, fault.column, fault.field) == (line, column, "audience.where")
    assert str(fault).startswith(f"spring.yaml:{line}:{column}: audience.where: 'ordrs' is not a field")
    assert fault.nearest == "orders"
    assert isinstance(fault, CampaignError)


def test_every_field_is_a_column_of_scoring_or_is_asked_of_the_customer():
    asked = traits_schema(TRAITS)

    assert {name for name, trait in TRAITS.items() if not trait.scored} == set(asked) - {"customer_no"}
    assert ATTRIBUTE == fields.ATTRIBUTE
