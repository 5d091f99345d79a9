"""A change of everybody's hazard on a day is told; chance, turns and snapshots are not."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.contracts import AS_OF, a_row, contract_frame, nothing_told
from winback.scores.contract_lately import ends_of_late
from winback.scores.contracts import learn
from winback.scores.hazard import Hazard, Spells

DAILY = 0.0008


def contracts(seed: int, times: float, step: int, number: int = 1_500) -> pl.DataFrame:
    """Begun over 1,500 days, ending at every ``step`` of days; for the last 100 days ``times`` as often."""
    rng, rows = np.random.default_rng(seed), []
    for one in range(number):
        age = int(rng.integers(1, 1_500))
        turns = np.arange(1, age // step + 1) * step
        passed = np.cumsum(np.where(age - turns < 100, times, 1.0) * DAILY * step)
        place = int(np.searchsorted(passed, rng.exponential()))
        rows.append(a_row(one, age, int(turns[place]) if place < len(turns) else None))
    return contract_frame(rows)


def told(frame: pl.DataFrame) -> list[str]:
    return [each for each in learn(frame, nothing_told(frame), AS_OF, 60).remarks if "were to be expected" in each]


@pytest.mark.parametrize("step", [1, 30, 365])
@pytest.mark.parametrize(("times", "said"), [(3.0, "more frequent"), (1.0, None), (0.2, "rarer")])
def test_a_hazard_that_changed_for_all_is_told_with_both_numbers(step: int, times: float, said: str | None):
    frame = contracts(1, times, step)
    ended = (frame["ended_on"] > AS_OF - timedelta(days=90)).sum()

    remarks = told(frame)

    assert len(remarks) == (said is not None)
    assert all(said in each and f" {ended} contracts ended" in each for each in remarks if said)


def test_ends_told_by_snapshots_have_no_days_of_their_own():
    assert told(contracts(1, 3.0, 1).with_columns(snapshot=pl.lit(value=True))) == []
    one_day = pl.when(pl.col("ended_on").is_not_null()).then(AS_OF - timedelta(days=1))
    assert told(contracts(1, 1.0, 1).with_columns(ended_on=one_day)) == []


def lately(since: float, gone: int = 0) -> tuple[str, ...]:
    """Of 300 contracts 100 ended at the age 50, 80 of them not late; 200 live at 110, the first ``gone`` at 40."""
    stop = np.array([110.0] * 200 + [50.0] * 100)
    stop[:gone] = 40.0
    spells = Spells(entry=np.zeros(300), exit=stop, ended=np.arange(300) >= 200)
    hazard = Hazard(cuts=np.empty(0), log_hazard=np.log([[0.01]]), weights=np.zeros(0))
    nothing, common = np.empty((300, 0)), np.zeros(300, dtype=np.int64)
    begin = np.full(300, since)
    begin[200:280] = np.inf
    return ends_of_late(hazard, spells, nothing, common, begin, AS_OF)


def test_expected_are_the_ends_times_the_share_of_those_of_their_age_seen_of_late():
    """At the age 50 220 of 300 are late: of 100 ends 73.3, sd sqrt(73.3 x .267) = 4.4; 20 were.

    Where 195 were gone by then 25 of 105 are late: 23.8, sd 4.3.
    """
    [said] = lately(45.0)

    assert " 20 contracts ended, 73 were" in said
    assert lately(45.0, gone=195) == ()
    assert lately(np.inf) == ()


def test_what_happens_at_an_age_is_no_change_of_the_day():
    """All began on one day, a year and a month ago, and a third ended about their anniversary."""
    rows = [a_row(n, 400, 360 + n % 10 if n < 200 else None) for n in range(600)]

    assert told(contract_frame(rows)) == []
