"""Selection: one first reason each, one copy per person, the same digest for the same people."""

import hashlib
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import contacts, scored
from winback.audience.selection import (
    LEDGER,
    AudienceRules,
    Reason,
    arm_counts,
    digest,
    persons,
    select,
    top_count,
    waterfall,
)
from winback.campaigns.campaign import LimitRule
from winback.campaigns.where import read_where

AS_OF = date(2025, 12, 31)
AS_OF_DAY = (AS_OF - date(1970, 1, 1)).days
ALL = AudienceRules(top_share=None, top_by="past", inactive_days=None, min_risk=None, channels=("email", "sms"))


def reasons(
    people: pl.DataFrame, addresses: pl.DataFrame, rules: AudienceRules = ALL, entered=()
) -> list[str | None]:
    return select(people, addresses, entered, rules, AS_OF_DAY).sort("customer_no")["reason"].to_list()


def rules(**changes: object) -> AudienceRules:
    values = {name: getattr(ALL, name) for name in ALL.__slots__} | changes
    return AudienceRules(**values)


def test_the_top_share_counts_all_scored_customers_and_rounds_up():
    assert [top_count(0.2, n) for n in (1, 5, 6, 23_570)] == [1, 1, 2, 4_714]

    got = reasons(
        scored(past_rank=[1, 2, 3, 4, 5, 6]), contacts(customer_no=[1, 2, 3, 4, 5, 6]), rules(top_share=0.2)
    )

    assert got == [None, None] + [Reason.NOT_TOP_VALUE] * 4


def test_the_top_is_by_expected_value_where_the_campaign_says_so():
    people = scored(past_rank=[1, 2], value_rank=[2, 1])

    assert reasons(people, contacts(customer_no=[1, 2]), rules(top_share=0.5, top_by="expected")) == [
        Reason.NOT_TOP_VALUE,
        None,
    ]


@pytest.mark.parametrize(("days", "reason"), [(59, Reason.NOT_AT_RISK), (60, None), (61, None)])
def test_inactive_means_so_many_days_or_more_without_an_order(days: int, reason: str | None):
    people = scored(last_order_on=[AS_OF - timedelta(days=days)])

    assert reasons(people, contacts(customer_no=[1]), rules(inactive_days=60)) == [reason]


@pytest.mark.parametrize(("risk", "reason"), [(0.599999, Reason.NOT_AT_RISK), (0.6, None)])
def test_risk_is_at_least_the_threshold(risk: float, reason: str | None):
    assert reasons(scored(risk=[risk]), contacts(customer_no=[1]), rules(min_risk=0.6)) == [reason]


def test_who_does_not_meet_the_condition_is_out_for_that_reason_and_may_be_asked_what_only_state_knows():
    people = scored(orders=[1, 2, 3, 4])
    traits = pl.DataFrame({"customer_no": [1, 2, 3, 4], "country": ["FR", "FR", "GB", None]})
    chosen = rules(where=read_where('country == "FR" and orders >= 2'))

    ledger = select(people, contacts(customer_no=[1, 2, 3, 4]), [], chosen, AS_OF_DAY, traits)

    assert ledger.sort("customer_no")["reason"].to_list() == [Reason.WHERE, None, Reason.WHERE, Reason.WHERE]


@pytest.mark.parametrize(
    ("first", "taken"),
    [
        ("value_at_risk", [2, 3]),  # 0.5 x 10, 0.4 x 30, 0.9 x 9, 0.3 x 1
        ("risk", [1, 3]),
        ("value", [1, 2]),
    ],
)
def test_a_limit_takes_those_first_that_the_campaign_names_and_counts_nobody_who_is_out(
    first: str, taken: list[int]
):
    people = scored(
        risk=[0.5, 0.4, 0.9, 0.3, 0.99],
        expected_value=[10.0, 30.0, 9.0, 1.0, 500.0],
        value_rank=[3, 2, 4, 5, 1],
        past_rank=[1, 2, 4, 5, 3],
    )
    addresses = contacts(customer_no=[1, 2, 3, 4, 5], email_consent=[True] * 4 + [False])
    chosen = rules(limit=LimitRule(people=2, first=first))

    got = reasons(people, addresses, chosen)

    assert [no for no, reason in enumerate(got, 1) if reason is None] == taken
    assert got[4] == Reason.NO_CONSENT
    assert got.count(Reason.OVER_LIMIT) == 2


def test_of_equal_ones_a_limit_takes_those_of_higher_value():
    people = scored(risk=[0.5] * 3, past_rank=[3, 1, 2])

    got = reasons(people, contacts(customer_no=[1, 2, 3]), rules(limit=LimitRule(people=1, first="risk")))

    assert got == [Reason.OVER_LIMIT, None, Reason.OVER_LIMIT]


def test_the_first_reason_is_the_one_in_the_documented_order():
    people = scored(past_rank=[2, 1, 1, 1], value_rank=[2, 1, 1, 1], risk=[0.1, 0.1, 0.9, 0.9])
    addresses = contacts(customer_no=[1, 2, 3, 4], email_suppressed=[True] * 4, email_consent=[False] * 4)

    got = reasons(people, addresses, rules(top_share=0.25, min_risk=0.5), entered=[1, 2, 3])

    assert got == [Reason.NOT_TOP_VALUE, Reason.NOT_AT_RISK, Reason.ALREADY_ENTERED, Reason.SUPPRESSED]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"email_consent": False}, Reason.NO_CONSENT),
        ({"email_consent": None}, Reason.NO_CONSENT),
        ({"email_suppressed": True}, Reason.SUPPRESSED),
        ({"email_suppressed": True, "email_consent": False}, Reason.SUPPRESSED),
        ({"email_hash": None}, Reason.NO_ADDRESS),
        ({"email_hash": None, "sms_hash": "p", "sms_consent": None}, Reason.NO_CONSENT),
        ({"email_hash": None, "sms_hash": "p", "sms_consent": True}, None),
        ({"email_consent": False, "sms_hash": "p", "sms_consent": True}, None),
        ({"email_hash": None, "sms_hash": "p", "sms_consent": True, "sms_suppressed": True}, Reason.SUPPRESSED),
    ],
)
def test_consent_suppression_and_address_decide_in_that_order(fields: dict[str, object], reason: str | None):
    addresses = contacts(**{"customer_no": [1]} | {name: [value] for name, value in fields.items()})

    assert reasons(scored(customer_no=[1]), addresses) == [reason]


def test_the_first_channel_that_is_allowed_and_has_an_address_is_taken():
    addresses = contacts(
        customer_no=[1, 2],
        email_hash=["m", None],
        sms_hash=["p1", "p2"],
        sms_consent=[True, True],
    )

    ledger = select(scored(customer_no=[1, 2]), addresses, [], ALL, AS_OF_DAY).sort("customer_no")

    assert ledger["channel"].to_list() == ["email", "sms"]
    assert ledger["address_hash"].to_list() == ["m", "p2"]


def test_people_sharing_contacts_in_a_chain_are_one_person_named_by_the_smallest_id():
    addresses = contacts(
        customer_no=[1, 2, 3, 4],
        customer_id=["d", "c", "b", "a"],
        email_hash=["x", "x", None, "own"],
        sms_hash=[None, "p", "p", None],
    )

    assert dict(persons(addresses).iter_rows()) == {1: "b", 2: "b", 3: "b", 4: "a"}


def test_an_email_and_a_phone_with_the_same_text_are_not_the_same_contact():
    addresses = contacts(customer_no=[1, 2], email_hash=["x", None], sms_hash=[None, "x"])

    assert dict(persons(addresses).iter_rows()) == {1: "00001", 2: "00002"}


def test_one_copy_per_person_goes_to_the_highest_past_value():
    addresses = contacts(customer_no=[1, 2, 3], email_hash=["x", "x", "y"])

    assert reasons(scored(past_rank=[3, 1, 2]), addresses) == [Reason.SAME_CONTACT, None, None]


def test_a_copy_that_is_out_for_another_reason_does_not_take_the_place():
    addresses = contacts(customer_no=[1, 2], email_hash=["x", "x"], email_consent=[True, True])

    assert reasons(scored(past_rank=[2, 1], risk=[0.9, 0.1]), addresses, rules(min_risk=0.5)) == [
        None,
        Reason.NOT_AT_RISK,
    ]


def test_a_customer_in_two_rows_is_refused():
    with pytest.raises(ValueError, match="two rows"):
        reasons(scored(customer_no=[1, 2]), contacts(customer_no=[1, 2, 2]))


def test_the_digest_is_the_documented_one():
    ledger = select(
        scored(customer_no=[1, 2], risk=[0.9, 0.1]), contacts(customer_no=[1, 2]), [], rules(min_risk=0.5), 0
    )
    ledger = ledger.with_columns(arm=pl.when(pl.col("reason").is_null()).then(pl.lit("holdout")))

    assert digest(ledger) == hashlib.sha256(b"00001\tholdout\n00002\tnot_at_risk\n").hexdigest()
    assert digest(ledger.reverse()) == digest(ledger)


def test_the_digest_of_nobody_is_that_of_no_bytes():
    assert digest(pl.DataFrame(schema=LEDGER)) == hashlib.sha256(b"").hexdigest()


def test_the_digest_sorts_by_bytes_not_by_letters():
    ledger = pl.DataFrame({"customer_id": ["a", "B", "é"], "reason": ["kind"] * 3, "arm": [None] * 3})

    assert digest(ledger) == hashlib.sha256("B\tkind\na\tkind\né\tkind\n".encode()).hexdigest()


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from(["a", "b", "c", None]),
            st.sampled_from([True, False, None]),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_everybody_is_in_once_or_out_for_one_reason(people: list[tuple[float, str | None, bool | None, bool]]):
    size = len(people)
    addresses = contacts(
        customer_no=list(range(1, size + 1)),
        email_hash=[mail for _, mail, _, _ in people],
        email_consent=[consent for _, _, consent, _ in people],
        email_suppressed=[stopped for _, _, _, stopped in people],
    )

    ledger = select(scored(risk=[risk for risk, *_ in people]), addresses, [], rules(min_risk=0.5), AS_OF_DAY)

    inside = ledger.filter(pl.col("reason").is_null())
    assert ledger.height == size
    assert dict(ledger.schema) == LEDGER
    assert inside["address_hash"].is_unique().all()
    assert inside["address_hash"].null_count() == 0
    assert sum(waterfall(ledger).values()) + inside.height == size


def test_counts_of_reasons_and_arms_are_in_reading_order():
    ledger = pl.DataFrame(
        {"reason": ["no_address", "not_top_value", None, None], "arm": [None, None, "b", "holdout"]},
    )

    assert list(waterfall(ledger)) == ["not_top_value", "no_address"]
    assert arm_counts(ledger) == {"holdout": 1, "b": 1}
