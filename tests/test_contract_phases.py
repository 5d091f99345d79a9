"""Contracts that end some days after a term: phases are found and foretell; a wave at one age is none."""

from calendar import monthrange
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tests.contracts import contract_frame, expected_auc, nothing_told
from winback.scores.contract_phases import phase_clock, phase_clocks
from winback.scores.contracts import score_contracts

AS_OF, HORIZON, GRACE = date(2025, 6, 30), 45, 20


def months_on(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def prepaid(terms: dict[str, tuple[int, float]], contracts: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Contracts of terms in months, each ended with a chance 0 to GRACE days after a term, evenly; by plan.

    (CONTRACTS at AS_OF, P(ended within HORIZON) of those that live.)
    """
    random = np.random.default_rng(seed)
    until, rows, truth = AS_OF + timedelta(days=HORIZON), [], []
    for n in range(contracts):
        plan = random.choice(list(terms))
        months, chance = terms[plan]
        started = AS_OF - timedelta(days=int(random.integers(1, 1_200)))
        ended, here, all_of_it, alive = None, 0.0, 0.0, 1.0
        for term in range(1, 40):
            if (turn := months_on(started, months * term)) > until:
                break
            if ended is None and random.random() < chance:
                ended = turn + timedelta(days=int(random.integers(0, GRACE + 1)))
            late = (turn - AS_OF).days + np.arange(GRACE + 1)
            all_of_it += (late > 0).mean() * alive * chance
            here += ((late > 0) & (late <= HORIZON)).mean() * alive * chance
            alive *= 1 - chance
        rows.append((n, f"{n:06}", "main", f"s{n}", f"s{n}", started, ended, 1_000, plan or None, False))
        if ended is None or ended > AS_OF:
            truth.append(here / (all_of_it + alive))
    known = [(*row[:6], row[6] if row[6] and row[6] <= AS_OF else None, *row[7:]) for row in rows]
    return contract_frame(known), np.array(truth)


@pytest.mark.parametrize(
    "terms",
    [{"": (6, 0.3)}, {"a quarter": (3, 0.18), "half a year": (6, 0.25)}],
    ids=["a term that nobody tells", "a term of each plan"],
)
def test_prepaid_terms_with_days_of_grace_are_ranked_as_well_as_they_can_be(terms):
    """By days alone the AUC was .02 to .04 short: who is just past a term hardly ends, who comes to one may."""
    contracts, truth = prepaid(terms, 5_000, seed=2)

    scores, _ = score_contracts(
        contracts, nothing_told(contracts), as_of=AS_OF, horizon_days=HORIZON, minor_per_major=100
    )

    risk = scores.frame.sort("customer_id")["risk"].to_numpy()
    assert expected_auc(risk, truth) >= expected_auc(truth, truth) - 0.006
    assert np.abs(risk - truth).mean() < 0.015
    assert risk.mean() == pytest.approx(truth.mean(), abs=0.006)


def ends_at(ages: np.ndarray, until: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Contracts that began ``until`` days before AS_OF and end at ``ages``, if that is over by then."""
    started = [AS_OF - timedelta(days=int(days)) for days in until]
    ended = [
        day + timedelta(days=int(age)) if age <= days else None
        for day, age, days in zip(started, ages, until, strict=True)
    ]
    return pl.Series(started, dtype=pl.Date), pl.Series(ended, dtype=pl.Date)


def test_a_wave_at_one_age_is_no_phase():
    """A price that goes up after a year: a third leave in the thirteenth month, the others on any day."""
    random = np.random.default_rng(4)
    ages = random.exponential(1_000, 5_000)
    wave = (random.random(5_000) < 1 / 3) & (ages > 365)
    ages[wave] = random.integers(365, 395, wave.sum())

    assert phase_clock(*ends_at(ages, random.integers(1, 1_100, 5_000)), AS_OF) is None


@pytest.mark.parametrize("contracts", [5_000, 200_000])
def test_ends_on_any_day_have_no_phase(contracts):
    """Of 200,000 that the 29th to 31st are rarer shows clearly: it is the calendar's."""
    random = np.random.default_rng(5)
    ages, until = random.exponential(400, contracts), random.integers(1, 1_100, contracts)

    assert phase_clock(*ends_at(ages, until), AS_OF) is None


def test_within_a_term_the_clock_passes_with_its_ends():
    """Half a year and 0 to 20 days: the first three weeks of a term are nearly all of it."""
    contracts, _ = prepaid({"": (6, 0.3)}, 3_000, seed=6)
    clock = phase_clock(contracts["started_on"], contracts["ended_on"], AS_OF)
    started = pl.Series([date(2024, 1, 10)])

    at = {day: clock.age(started, day)[0] for day in (date(2024, 7, 9), date(2024, 7, 31), date(2025, 1, 9))}

    term = at[date(2025, 1, 9)] - at[date(2024, 7, 9)]
    assert clock.months == 6
    assert term == pytest.approx(365.25 / 2, rel=0.02)
    assert at[date(2024, 7, 31)] - at[date(2024, 7, 9)] > 0.85 * term


def test_a_plan_with_few_ends_goes_by_the_clock_of_all():
    contracts, _ = prepaid({"": (6, 0.3)}, 3_000, seed=6)
    rare = pl.Series(["rare" if n < 30 else "usual" for n in range(contracts.height)])

    clocks = phase_clocks(contracts["started_on"], contracts["ended_on"], rare, AS_OF)

    assert {clock.months for _, clock in clocks.parts} == {6}
    assert phase_clocks(*ends_at(np.arange(1.0, 500), np.full(499, 600)), pl.Series(["x"] * 499), AS_OF) is None
