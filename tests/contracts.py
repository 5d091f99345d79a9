"""Contracts whose truth is known: CONTRACTS frames and what ends them."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from winback.scores.contracts import CONTRACTS, in_order

AS_OF = date(2026, 6, 30)
SHAPE, SCALE = 0.8, 900.0  # Weibull hazard of the age in days, falling
BY_PLAN = {"Monthly": 0.0, "Annual": -1.2}
BY_REGION = {"north": 0.0, "south": 0.5, "west": -0.4}
BY_LOG_AMOUNT = 0.6
SEEN_DAYS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Contracts at AS_OF with their customers' attributes, rows alike; ``score``: the true x b of each."""

    contracts: pl.DataFrame
    attributes: pl.DataFrame
    score: np.ndarray

    def risk(self, horizon_days: int) -> np.ndarray:
        """P(ended within the horizon) of each that lives."""
        live = self.contracts["ended_on"].is_null().to_numpy()
        age = (AS_OF - self.contracts["started_on"]).dt.total_days().to_numpy()[live]
        ahead = ((age + horizon_days) / SCALE) ** SHAPE - (age / SCALE) ** SHAPE
        return 1 - np.exp(-ahead * np.exp(self.score[live]))


def a_world(seed: int, contracts: int) -> World:
    """Begun evenly over SEEN_DAYS before AS_OF; ends by Weibull's hazard times exp(x b)."""
    rng = np.random.default_rng(seed)
    plan = rng.choice(list(BY_PLAN), contracts, p=[0.6, 0.4])
    region = rng.choice(list(BY_REGION), contracts)
    log_amount = rng.normal(3, 0.5, contracts)
    minor = np.rint(100 * np.exp(log_amount)).astype(np.int64)
    score = (
        np.array([BY_PLAN[each] for each in plan])
        + np.array([BY_REGION[each] for each in region])
        + BY_LOG_AMOUNT * (log_amount - 3)
    )
    age = rng.integers(0, SEEN_DAYS, contracts)
    lasts = np.ceil(SCALE * (rng.exponential(size=contracts) / np.exp(score)) ** (1 / SHAPE)).astype(np.int64)
    rows = [
        a_row(number, days, over if over <= days else None, amount, named)
        for number, (days, over, amount, named) in enumerate(zip(age, lasts, minor, plan, strict=True))
    ]
    frame = contract_frame(rows)
    return World(contracts=frame, attributes=pl.DataFrame({"attributes.Region": region}), score=score)


def a_row(number: int, age: int, ended_at: int | None, minor: int = 2_000, plan: str | None = "Gold") -> tuple:
    """One row of CONTRACTS: ``age`` days old at AS_OF, ended at the age ``ended_at``."""
    started = AS_OF - timedelta(days=int(age))
    ended = None if ended_at is None else started + timedelta(days=int(ended_at))
    return number, f"{number:06}", "main", f"s{number}", f"s{number}", started, ended, int(minor), plan, False


def contract_frame(rows: list[tuple]) -> pl.DataFrame:
    """CONTRACTS in order."""
    return in_order(pl.DataFrame(rows, schema=CONTRACTS, orient="row"))


def nothing_told(contracts: pl.DataFrame) -> pl.DataFrame:
    """No attribute of anybody."""
    return pl.DataFrame({"country": pl.Series([None] * contracts.height, dtype=pl.String)})


def expected_auc(score: np.ndarray, chance: np.ndarray) -> float:
    """AUC over all outcomes that chances allow: P(s_i > s_j) weighted by p_i (1 - p_j); ties half."""
    order = np.argsort(score, kind="stable")
    places = np.searchsorted(score[order], score, side="left"), np.searchsorted(score[order], score, side="right")
    others = np.concatenate(([0.0], np.cumsum((1 - chance)[order])))
    below = (others[places[0]] + others[places[1]]) / 2
    return float((chance * below).sum() - (chance * (1 - chance)).sum() / 2) / float(
        chance.sum() * (1 - chance).sum() - (chance * (1 - chance)).sum()
    )
