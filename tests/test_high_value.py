"""The top 20 % and those of them at risk, counted by hand."""

import polars as pl
import pytest

from winback.scores.high_value import high_value
from winback.scores.scoring import SCORES, Model, Scores


def scored(*rows: tuple[float, float, int, float, int]) -> Scores:
    """Rows of risk, expected value, its rank, past value, its rank."""
    frame = pl.DataFrame(
        [
            {
                "customer_no": no, "customer_id": str(no), "risk": risk,
                "expected_value": value, "value_rank": rank,
                "past_value": past, "past_rank": past_rank, "model": "NBD", "reasons": [],
            }
            for no, (risk, value, rank, past, past_rank) in enumerate(rows)
        ],
        schema=SCORES,
    )  # fmt: skip
    return Scores(frame=frame, model=Model.NBD, weights={}, fallback_reason=None, digest="")


def test_the_top_fifth_is_rounded_up_and_its_risks_are_told_from_a_threshold_on():
    """Six customers: the top is ceil(1.2) = 2, worth 50 and 30 of 100; by past value 60 and 20 of 100."""
    found = high_value(
        scored(
            (0.5, 50, 1, 60, 1), (0.9, 30, 2, 5, 3), (1.0, 5, 3, 20, 2),
            (1.0, 5, 4, 5, 4), (1.0, 5, 5, 5, 5), (1.0, 5, 6, 5, 6),
        )
    )  # fmt: skip

    assert (found.scored, found.customers, found.expected_value) == (6, 2, 80)
    assert (found.expected_share, found.past_share) == (0.8, 0.8)
    assert (found.spent_share, found.past_expected_share, found.in_both) == (0.65, 0.55, 1)
    assert [(each.threshold, each.customers, each.expected_value) for each in found.at_risk] == [
        (0.5, 2, 80), (0.7, 1, 30), (0.9, 1, 30),
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [[], [(0.5, 0.0, 1, 0.0, 1)]])
def test_a_share_of_nothing_is_not_known(rows):
    found = high_value(scored(*rows))

    assert (found.expected_share, found.past_share) == (None, None)
