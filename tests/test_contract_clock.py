"""Contracts that end on the days they renew: the days by hand, the scores against simulated truth."""

from calendar import monthrange
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tests.contracts import contract_frame, expected_auc, nothing_told
from winback.scores.contract_clock import DAYS, DAYS_A_MONTH, Clock, clock_of, months_between
from winback.scores.contract_reasons import contract_reasons
from winback.scores.contracts import score_contracts

AS_OF = date(2025, 6, 30)
MONTHLY = Clock(months=1)


def days(*told: str) -> pl.Series:
    return pl.Series([date.fromisoformat(each) for each in told], dtype=pl.Date)


@pytest.mark.parametrize(
    ("started", "day", "months", "over"),
    [
        ("2025-01-15", "2025-02-14", 0, False),
        ("2025-01-15", "2025-02-15", 1, True),
        ("2025-01-31", "2025-02-27", 0, False),
        ("2025-01-31", "2025-02-28", 1, True),  # the month is over when it ends
        ("2025-01-31", "2025-03-30", 1, False),
        ("2024-02-29", "2025-02-28", 12, True),
        ("2024-12-05", "2025-12-04", 11, False),
    ],
)
def test_months_are_over_on_the_day_of_the_month_they_began(started: str, day: str, months: int, over: bool):
    found, on_day = months_between(days(started), days(day))

    assert (found.tolist(), on_day.tolist()) == ([months], [over])


def test_by_months_a_contract_is_as_old_as_its_months_over_and_its_end_stands_half_a_month_before_the_turn():
    started, ended = days("2025-01-15", "2025-01-15", "2025-01-15"), days("2025-03-15", "2025-03-20", "2025-01-20")

    age, at_end = MONTHLY.age(started, date(2025, 4, 14)), MONTHLY.age_at_end(started, ended)

    assert age == pytest.approx([2 * DAYS_A_MONTH] * 3)
    assert at_end == pytest.approx([1.5 * DAYS_A_MONTH, 2.5 * DAYS_A_MONTH, 0.5 * DAYS_A_MONTH])


def ends(step: object, seed: int = 1) -> tuple[pl.Series, pl.Series]:
    """Begun on 400 days, ended after 1 to 20 steps each (a function of begin and count)."""
    random = np.random.default_rng(seed)
    started = [date(2023, 1, 1) + timedelta(days=int(each)) for each in random.integers(0, 700, 400)]
    counts = random.integers(1, 21, 400).tolist()
    ended = [step(*each) for each in zip(started, counts, strict=True)]
    return pl.Series(started), pl.Series(ended, dtype=pl.Date)


def months_on(start: date, months: int) -> date:
    return pl.Series([start]).dt.offset_by(f"{months}mo").item()


@pytest.mark.parametrize(
    ("step", "clock"),
    [
        (months_on, Clock(months=1)),
        (lambda start, count: months_on(start, 3 * count), Clock(months=3)),
        (lambda start, count: months_on(start, count) - timedelta(days=1), Clock(months=1, shift=-1)),
        (lambda start, count: start + timedelta(days=30 * count), Clock(days=30.0)),
        (lambda start, count: start + timedelta(days=round(DAYS_A_MONTH * count)), Clock(days=DAYS_A_MONTH)),
        (lambda start, count: start + timedelta(days=31 * count + start.day % 17), DAYS),
        (lambda start, count: date(2026, 1, 1), DAYS),  # a snapshot tells all ends on its own day
        (lambda start, count: None, DAYS),
    ],
)
def test_the_clock_is_known_by_the_days_contracts_have_ended_on(step: object, clock: Clock):
    assert clock_of(*ends(step)) == clock


def of_january(contracts: int = 6_000) -> tuple[pl.DataFrame, np.ndarray]:
    """Contracts begun on any day of six years that all renew on January 1: one in three does not the first time,
    one in ten later; (CONTRACTS at AS_OF, P(not renewed on January 1, 2026) of those that live)."""
    random = np.random.default_rng(4)
    started = [AS_OF - timedelta(days=int(age)) for age in random.integers(1, 2_190, contracts)]
    rows, truth = [], []
    for n, day in enumerate(started):
        firsts = [date(year, 1, 1) for year in range(day.year + 1, AS_OF.year + 1)]
        ended = next((at for turn, at in enumerate(firsts) if random.random() < (0.1 if turn else 1 / 3)), None)
        rows.append((n, f"{n:06}", "main", f"s{n}", f"s{n}", day, ended, 1_000, "Gold", False))
        truth += [] if ended else [0.1 if firsts else 1 / 3]
    return contract_frame(rows), np.array(truth)


def test_plans_that_all_renew_in_january_end_in_january():
    """AS_OF is June 30: nobody can leave within 184 days, and on the 185th each as his number of renewals says.

    By age risks were spread over the year; 6,000 contracts tell .1 and .33 to two and four standard errors."""
    contracts, truth = of_january()
    told = {"as_of": AS_OF, "minor_per_major": 100}

    before, learned = score_contracts(contracts, nothing_told(contracts), horizon_days=184, **told)
    after, _ = score_contracts(contracts, nothing_told(contracts), horizon_days=185, **told)

    assert before.frame["risk"].max() == 0.0
    [said] = learned.remarks
    assert said == "contracts end on the same days, and none of these lies in the 184 days after 2025-06-30"
    assert "same days" not in (after.fallback_reason or "")
    assert after.frame["risk"].to_numpy() == pytest.approx(truth, abs=0.04)


@pytest.mark.parametrize(
    ("ends_on", "expected"),
    [
        (lambda year, month: date(year, 1, 1), Clock(months=12, month=0, of_month=1)),
        (lambda year, month: date(year, 1 + 3 * ((month - 1) // 3), 15), Clock(months=3, month=0, of_month=15)),
        (lambda year, month: date(year, month, monthrange(year, month)[1]), Clock(months=1, month=0, of_month=31)),
        (lambda year, month: date(2025, 1, 1), DAYS),  # one day alone tells no turn
    ],
)
def test_turns_that_are_the_same_days_for_all_are_found(ends_on, expected):
    random = np.random.default_rng(1)
    years, months, backs = random.integers([[2021], [1], [5]], [[2026], [13], [900]], (3, 400)).tolist()
    ended = [ends_on(year, month) for year, month in zip(years, months, strict=True)]
    started = [day - timedelta(days=back) for day, back in zip(ended, backs, strict=True)]

    assert clock_of(pl.Series(started), pl.Series(ended)) == expected


def test_turns_for_all_are_counted_from_the_beginning():
    """Month ends after January 15: 31 January, 29 February, 31 March; after January 31, from February on."""
    clock = Clock(months=1, month=0, of_month=31)
    started = pl.Series([date(2024, 1, 15), date(2024, 1, 31)])

    days = date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)
    turns = [clock.age(started, day) / clock.step for day in days]

    assert [list(each) for each in turns] == [[1, 0], [2, 1], [3, 2]]


def monthly(seed: int, contracts: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Contracts that end at a month's turn with a chance of .15 at the first to .04 later, twice that of the plan
    Loose and .2 at the twelfth; (CONTRACTS at AS_OF, P(ended within 90 days) of those that live)."""
    random = np.random.default_rng(seed)
    age = random.integers(1, 1_100, contracts)
    loose = random.random(contracts) < 0.4
    started = pl.Series([AS_OF - timedelta(days=int(each)) for each in age], dtype=pl.Date)
    alive, survives = np.ones(contracts, dtype=bool), np.ones(contracts)
    ended = np.full(contracts, None, dtype=object)
    for month in range(1, 42):
        turn = started.dt.offset_by(f"{month}mo")
        chance = (0.04 + 0.11 * np.exp((1 - month) / 3) + 0.16 * (month == 12)) * np.where(loose, 2.0, 1.0)
        ends_now = alive & (random.random(contracts) < chance) & (turn <= AS_OF).to_numpy()
        ended[ends_now], alive = turn.to_numpy()[ends_now].astype(object), alive & ~ends_now
        ahead = turn.is_between(AS_OF, AS_OF + timedelta(days=90), closed="right").to_numpy()
        survives[ahead] *= (1 - chance)[ahead]
    rows = [
        (
            n,
            f"{n:06}",
            "main",
            f"s{n}",
            f"s{n}",
            started[n],
            ended[n],
            1_000,
            "Loose" if loose[n] else "Firm",
            False,
        )
        for n in range(contracts)
    ]
    return contract_frame(rows), (1 - survives)[alive]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_monthly_contracts_the_ranking_is_the_best_possible_and_the_level_right(seed: int):
    """By days AUC was .004 below the Bayes limit, and risks were wrong by .015 in the mean."""
    contracts, truth = monthly(seed, 20_000)

    scores, _ = score_contracts(
        contracts, nothing_told(contracts), as_of=AS_OF, horizon_days=90, minor_per_major=100
    )

    risk = scores.frame["risk"].to_numpy()
    assert expected_auc(truth, truth) - expected_auc(risk, truth) < 0.002
    assert risk.mean() == pytest.approx(truth.mean(), rel=0.02)
    assert np.abs(risk - truth).mean() < 0.012


def test_who_can_neither_renew_nor_leave_within_the_horizon_has_no_risk_and_is_told_so():
    """Twenty days hold no turn of some monthly contracts."""
    contracts, _ = monthly(1, 3_000)
    told = nothing_told(contracts)

    scores, learned = score_contracts(contracts, told, as_of=AS_OF, horizon_days=20, minor_per_major=100)
    risk = scores.frame["risk"].to_numpy()
    said = contract_reasons(
        contracts, told, learned, risk=risk, horizon_days=20, minor_per_major=100, language="en"
    ).to_list()

    started = contracts[learned.live]["started_on"]
    turns = MONTHLY.age(started, AS_OF + timedelta(days=20)) > MONTHLY.age(started, AS_OF)
    assert 0 < turns.sum() < len(turns)
    assert (risk[~turns] == 0).all()
    assert (risk[turns] > 0).all()
    assert {tuple(each) for each, can in zip(said, turns, strict=True) if not can} == {
        ("no day to renew or leave within 20 days",)
    }
    assert not scores.frame["expected_value"].is_nan().any()
    kept = 10 * 20 / DAYS_A_MONTH
    assert scores.frame["expected_value"].to_numpy()[~turns] == pytest.approx(kept)
