"""Arms: a stable hash, kept for good."""

import hashlib

import polars as pl
import pytest
from scipy.stats import chisquare

from winback.audience.assignment import arm_at, assign, point, seed_name

SHARES = {"holdout": 0.5, "a": 0.25, "b": 0.25}


def ledger(persons: list[str], reasons: list[str | None] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_no": list(range(len(persons))),
            "person": persons,
            "reason": reasons or [None] * len(persons),
            "arm": [None] * len(persons),
            "drawn_before": [False] * len(persons),
        },
        schema={
            "customer_no": pl.Int64,
            "person": pl.String,
            "reason": pl.String,
            "arm": pl.String,
            "drawn_before": pl.Boolean,
        },
    )


def arms(frame: pl.DataFrame, **changes: object) -> list[str | None]:
    values = {"salt": "salt", "campaign_id": "c", "shares": SHARES, "earlier": {}} | changes
    return assign(frame, **values)["arm"].to_list()


def test_the_point_is_the_first_eight_bytes_of_the_documented_hash():
    expected = int(hashlib.sha256(b"salt\0spring\x0000017").hexdigest()[:16], 16) / 2**64

    assert point("salt", "spring", "00017") == expected


@pytest.mark.parametrize(
    ("at", "arm"), [(0.0, "holdout"), (0.499999, "holdout"), (0.5, "a"), (0.75, "b"), (0.999999, "b")]
)
def test_an_arm_is_an_interval_of_the_cumulative_shares(at: float, arm: str):
    assert arm_at(at, SHARES) == arm


def test_shares_that_fall_short_of_one_by_rounding_still_give_an_arm_that_has_a_share():
    assert arm_at(1 - 2**-53, {"holdout": 0.3, "a": 0.6999999999999, "b": 0.0}) == "a"


def test_only_those_who_are_in_get_an_arm():
    assert arms(ledger(["1", "2"], ["no_consent", None]))[0] is None


def test_the_same_person_always_gets_the_same_arm_and_another_campaign_draws_anew():
    people = ledger([f"{n:05}" for n in range(200)])

    assert arms(people) == arms(people)
    assert arms(people) != arms(people, campaign_id="other")
    assert arms(people) != arms(people, salt="other")


def test_a_person_keeps_the_arm_of_the_first_entry_whatever_the_shares_are_now():
    people = ledger(["1", "2"])

    assert arms(people, earlier={"1": "a"}, shares={"holdout": 0.9, "a": 0.1})[0] == "a"
    assert arms(people, earlier={"1": "holdout"}, shares={"a": 1.0}) == ["holdout", "a"]


def test_who_was_in_a_variant_that_is_no_more_gets_another_and_never_the_holdout():
    people = ledger([f"{n:05}" for n in range(300)])
    earlier = {f"{n:05}": "gone" for n in range(300)}

    assert set(arms(people, earlier=earlier)) == {"a", "b"}


def test_an_arm_of_an_earlier_entry_is_marked_as_drawn_before():
    frame = assign(ledger(["1", "2"]), salt="s", campaign_id="c", shares=SHARES, earlier={"1": "a"})

    assert frame["drawn_before"].to_list() == [True, False]


def test_the_shares_come_out_as_planned():
    counted = arms(ledger([f"{n:06}" for n in range(40_000)]))

    observed = [counted.count(arm) for arm in SHARES]
    expected = [share * 40_000 for share in SHARES.values()]
    assert chisquare(observed, expected).pvalue > 0.001  # fixed salt and ids: the same draw every time


def test_the_seed_has_a_name_that_does_not_tell_it():
    """sha256("winback seed 1" NUL "a salt"), its first 16 hexadecimal digits: by sha256sum."""
    assert seed_name("a salt") == "6931008378646e31"
    assert seed_name("another") != seed_name("a salt")
