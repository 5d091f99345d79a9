"""Scores of contracts: the risk that each ends within the horizon, what it is expected to bring until then.

A hazard by the contract's age is fitted to all contracts begun by ``as_of``, those that have ended and those that
live (winback.scores.hazard), and asked of those that live. How hard it is held back, and whether plans get curves
of their own, is chosen by what it says of contracts it was not fitted on. Where there is too little to learn from
it falls back, and the scores say so in words:

    hazard by age and plan --plans alike--> hazard by age --few have ended--> one hazard --nothing seen--> risk 0.5
"""

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.customers.tie_key import tie_keys
from winback.errors import WrongUse
from winback.scores.contract_clock import DAYS, DAYS_A_MONTH, FEWEST_DAYS, Clock, clock_of, days_until
from winback.scores.contract_columns import Columns, columns_of
from winback.scores.contract_lately import LATELY_DAYS, ends_of_late
from winback.scores.contract_phases import PlanClocks, phase_clocks
from winback.scores.hazard import Hazard, Penalty, Spells, fit_hazard, log_likelihood, with_covariance
from winback.scores.scoring import FITTED_CUSTOMERS, SCORES, Scores, digest_of, ranked, rounded, smallest
from winback.words import in_singular

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CONTRACTS: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "customer_id": pl.String(),
        "source": pl.String(),
        "contract": pl.String(),  # unique within its source
        "subscription_id": pl.String(),  # null where none was given
        "started_on": pl.Date(),  # on or before as_of
        "ended_on": pl.Date(),  # the first day without it, or the day it ran out; null unless on or before as_of
        "monthly_minor": pl.Int64(),
        "plan": pl.String(),
        "snapshot": pl.Boolean(),  # shown by one: an end is told on the day of the next, whenever it was
    }
)
CONTRACT_SCORES: Final = pl.Schema({**SCORES, "subscription_id": pl.String()})

MIN_ENDED: Final = 20
"""Contracts that have ended before anything is learned from them but how many."""
MISSED: Final = 10.0
"""Ends that should have been seen earlier, from which it is certain that earlier ones were not recorded."""
FOLDS: Final = 5
CHOSEN_ON: Final = 6_000
MIDDLE: Final = 10.0
RIDGES: Final = (1.0, MIDDLE, 100.0, 1000.0)
SMOOTH: Final = (3.0, 30.0, 300.0)
CERTAIN: Final = 2.0
AT_ONCE: Final = 50_000
"""Contracts asked at a time, so that memory does not grow with the file."""


_NEVER: Final = pl.Series([None], dtype=pl.Date)
_ONE_DAY: Final = "all ends are told by {first}: a contract counts as ended at the age it had"
_ONE_SNAPSHOT: Final = (
    _ONE_DAY
    + ". One snapshot does not tell since when: if it shows only those who left of late, who is riskier than "
    "whom roughly holds, but all risks are too low"
)


class ContractModel(StrEnum):
    """What risks of contracts can be computed with."""

    BY_PLAN = "hazard by age and plan"
    COMMON = "hazard by age"
    CONSTANT = "one hazard"
    NOTHING = "nothing known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A hazard fitted to contracts, and the rows of them it can be asked of; ``live``: those rows that live.

    ``stratum``: of each contract, the row of the hazard's curves. ``age``: in days. ``ended``: how many have,
    within ``seen_days``. ``turned`` and ``turns``: the age by the hazard's clock, and what the horizon adds to it.
    """

    model: ContractModel
    hazard: Hazard
    columns: Columns
    stratum: Integers
    age: Floats
    turned: Floats
    turns: Floats
    live: Integers
    ended: int
    seen_days: float
    remarks: tuple[str, ...]


def score_contracts(
    contracts: pl.DataFrame,
    attributes: pl.DataFrame,
    *,
    as_of: date,
    horizon_days: int,
    minor_per_major: int,
    told_from: date | None = None,
) -> tuple[Scores, Learned]:
    """Score every contract of ``contracts`` (CONTRACTS at ``as_of``, sorted as ``in_order``) that lives.

    ``attributes``: of the same rows, see ``columns_of``. The frame is CONTRACT_SCORES, one row a contract.
    ``told_from``: where there is none, the day of the first snapshot, for the words. WrongUse when the horizon is
    not positive.
    """
    if horizon_days < 1:
        raise WrongUse("a horizon is at least 1 day")
    learned = learn(contracts, attributes, as_of, horizon_days)
    risk, kept = ahead(learned, horizon_days)
    living = contracts[learned.live]
    monthly = living["monthly_minor"].cast(pl.Float64).to_numpy()
    value, past = (monthly * days / DAYS_A_MONTH for days in (kept, learned.age[learned.live]))
    scores = _scores(living, learned, risk, value / minor_per_major, past / minor_per_major)
    if told_from and told_from > as_of and contracts.is_empty():
        said = f"no contract was known by {as_of}: the first snapshot is of {told_from}"
        scores = replace(scores, fallback_reason=said)
    return scores, learned


def in_order(contracts: pl.DataFrame) -> pl.DataFrame:
    """CONTRACTS in an order that is the same on every database."""
    return contracts.select(CONTRACTS.names()).sort("customer_id", "source", "started_on", "contract")


def by_customer(scores: Scores) -> Scores:
    """One row a customer, for an audience: the values of all his contracts, the risk of the one least at risk.

    A customer is lost with his last contract (docs/decisions/029).
    """
    one = scores.frame.group_by("customer_no", "customer_id").agg(
        pl.col("risk").min(),
        pl.col("expected_value", "past_value").sum(),
        model=pl.col("model").first(),
        subscription_id=pl.lit(None, dtype=pl.String),
    )
    frame = _ranked(one.sort("customer_id"))
    return Scores(
        frame=frame,
        model=scores.model,
        weights=scores.weights,
        fallback_reason=scores.fallback_reason,
        digest=digest_of(frame),
    )


def learn(contracts: pl.DataFrame, attributes: pl.DataFrame, as_of: date, horizon_days: int) -> Learned:
    """Fit a hazard to contracts as they were known at ``as_of``."""
    started = contracts["started_on"]
    told_ends = contracts["ended_on"].zip_with(~contracts["snapshot"], _NEVER.new_from_index(0, contracts.height))
    clock: Clock | PlanClocks = clock_of(started, told_ends)
    if clock is DAYS:
        clock = phase_clocks(started, told_ends, contracts["plan"], as_of) or DAYS
    seen, watched = _seen(contracts, as_of, clock)
    columns = columns_of(contracts, attributes, seen)
    live = np.flatnonzero(contracts["ended_on"].is_null().to_numpy())
    keys = tie_keys(contracts["customer_id"])
    told = np.flatnonzero(seen.exit > seen.entry)
    rows = told[smallest(keys[told], FITTED_CUSTOMERS)]
    sample = _Sample(seen.of(rows), columns.matrix[rows], columns.stratum[rows], keys[rows])
    ended = int(sample.spells.ended.sum())
    if ended >= MIN_ENDED:
        model, hazard = _fitted(sample)
        remarks = (*watched, *columns.remarks, *_without_turn(clock, as_of, horizon_days))
        dated = contracts["ended_on"].n_unique() > FEWEST_DAYS and not contracts["snapshot"].any()
        if dated:  # else ends are told of a day, not on theirs
            by = columns.stratum if model is ContractModel.BY_PLAN else np.zeros_like(columns.stratum)
            since = _ages_lately(contracts, clock, as_of - timedelta(days=LATELY_DAYS))
            remarks += ends_of_late(hazard, seen, columns.matrix, by, since, as_of)
    else:
        model, hazard, remark = _unfitted(sample, ended, horizon_days)
        remarks = (remark,) if len(live) else (f"no contract lives at the end of {as_of}",)
    by_plan = model is ContractModel.BY_PLAN
    return Learned(
        model=model,
        hazard=hazard,
        columns=columns,
        stratum=columns.stratum if by_plan else np.zeros_like(columns.stratum),
        age=days_until(started, as_of),
        turned=(turned := clock.age(started, as_of)),
        turns=clock.age(started, as_of + timedelta(days=horizon_days)) - turned,
        live=live,
        ended=int(seen.ended.sum()),
        seen_days=float((seen.exit - seen.entry).sum()),
        remarks=remarks,
    )


def ahead(learned: Learned, horizon_days: int) -> tuple[Floats, Floats]:
    """(risk, expected days kept within the horizon) of the contracts that live; it is that of ``learn``."""
    asked = [
        learned.hazard.ahead(
            learned.columns.matrix[rows], learned.stratum[rows], learned.turned[rows], learned.turns[rows]
        )
        for rows in np.array_split(learned.live, 1 + len(learned.live) // AT_ONCE)
    ]
    risk, kept = np.concatenate([risk for risk, _ in asked]), np.concatenate([kept for _, kept in asked])
    turns = learned.turns[learned.live]
    share = np.divide(kept, turns, out=np.ones_like(kept), where=turns > 0)
    return risk, share * horizon_days


def at_one_rate(learned: Learned) -> Learned:
    """The same contracts with one hazard for all: what anything learned is to be held against."""
    hazard = _one_hazard(learned.ended, learned.seen_days, learned.columns.matrix.shape[1])
    return replace(learned, model=ContractModel.CONSTANT, hazard=hazard, stratum=np.zeros_like(learned.stratum))


@dataclass(frozen=True, slots=True)
class _Sample:
    """Contracts something is learned from; arrays of one length."""

    spells: Spells
    traits: Floats
    stratum: Integers
    keys: NDArray[np.int64]

    def of(self, rows: Integers) -> "_Sample":
        return _Sample(self.spells.of(rows), self.traits[rows], self.stratum[rows], self.keys[rows])

    def common(self) -> "_Sample":
        return _Sample(self.spells, self.traits, np.zeros_like(self.stratum), self.keys)

    def fit(self, penalty: Penalty, strata: int) -> Hazard:
        return fit_hazard(self.spells, self.traits, self.stratum, strata, penalty)

    def fit_and_doubt(self, penalty: Penalty, strata: int) -> Hazard:
        fitted = self.fit(penalty, strata)
        return with_covariance(fitted, self.spells, self.traits, self.stratum, penalty)


def _fitted(sample: _Sample) -> tuple[ContractModel, Hazard]:
    """The hazard that speaks best of contracts it was not fitted on.

    With one curve for all, how smooth it is and the ridge are chosen; then whether plans get curves of their own,
    for which they must speak better by more than chance makes of the parts (CERTAIN standard errors).
    """
    few, strata = sample.of(np.arange(len(sample.keys))[:CHOSEN_ON]), int(sample.stratum.max()) + 1
    common = few.common()
    told: dict[Penalty, Floats] = {}

    def best_of(penalties: list[Penalty]) -> Penalty:
        told.update({each: _held_out(common, each, 1) for each in penalties if each not in told})
        return max(penalties, key=lambda each: float(told[each].sum()))

    smooth = best_of([Penalty(ridge=MIDDLE, smooth=each) for each in SMOOTH]).smooth
    best = best_of([Penalty(ridge=each, smooth=smooth) for each in RIDGES])
    if strata > 1:
        gain = _held_out(few, best, strata) - told[best]
        if gain.sum() > CERTAIN * gain.std(ddof=1) * math.sqrt(FOLDS):
            return ContractModel.BY_PLAN, sample.fit_and_doubt(best, strata)
    return ContractModel.COMMON, sample.common().fit_and_doubt(best, 1)


def _held_out(sample: _Sample, penalty: Penalty, strata: int) -> Floats:
    """Log likelihood of each of FOLDS parts under what was fitted to the others; a customer is in one part."""
    fold, told = sample.keys % FOLDS, np.zeros(FOLDS)
    for part in range(FOLDS):
        known, other = sample.of(np.flatnonzero(fold != part)), sample.of(np.flatnonzero(fold == part))
        if known.spells.ended.any():
            fitted = known.fit(penalty, strata)
            told[part] = log_likelihood(fitted, other.spells, other.traits, other.stratum)
    return told


def _unfitted(sample: _Sample, ended: int, horizon_days: int) -> tuple[ContractModel, Hazard, str]:
    """One hazard for all: half an end more than were seen, over the days seen; risk 0.5 where none were."""
    days, traits = float((sample.spells.exit - sample.spells.entry).sum()), sample.traits.shape[1]
    if not days:
        even = _one_hazard(0, horizon_days / math.log(4), traits)  # half an end in so many days: ln 2 a horizon
        return ContractModel.NOTHING, even, "no contract was seen for a whole day: risk 0.5 for all"
    gone = "1 contract has" if ended == 1 else f"{ended} contracts have"
    said = f"{gone} ended, fewer than {MIN_ENDED}: one risk of ending a day for all of them"
    return ContractModel.CONSTANT, _one_hazard(ended, days, traits), said


def _one_hazard(ended: int, days: float, traits: int) -> Hazard:
    daily = (ended + 0.5) / days
    return Hazard(cuts=np.empty(0), log_hazard=np.array([[math.log(daily)]]), weights=np.zeros(traits))


def _without_turn(clock: Clock | PlanClocks, as_of: date, horizon_days: int) -> tuple[str, ...]:
    """What is to be said where all contracts end on the same days, and none of these lies within the horizon."""
    ends, until = pl.Series([as_of]), as_of + timedelta(days=horizon_days)
    if clock.month is None or clock.age(ends, until)[0]:
        return ()
    said = f"contracts end on the same days, and none of these lies in the {horizon_days} days after {as_of}"
    return (in_singular(said),)


def _seen(contracts: pl.DataFrame, as_of: date, clock: Clock | PlanClocks) -> tuple[Spells, tuple[str, ...]]:
    """Ages at which contracts were seen, and what is to be said of it."""
    started, ended = contracts["started_on"], contracts["ended_on"]
    gone = ended.is_not_null().to_numpy()
    stop = np.where(gone, clock.age_at_end(started, ended.fill_null(as_of)), clock.age(started, as_of))
    whole = Spells(entry=np.zeros(len(stop)), exit=stop, ended=gone, early=clock.early)
    days = ended.drop_nulls()
    if not len(days):
        return whole, ()
    first: date = days.min()  # type: ignore[assignment]  # of dates it is one
    shown = (contracts["snapshot"] & (ended == first)).fill_null(value=False).to_numpy()
    if first == days.max():
        return whole, ((_ONE_SNAPSHOT if shown.any() else _ONE_DAY).format(first=first),)
    entry = np.clip(clock.age(started, first - timedelta(days=0 if shown.any() else 1)), 0, stop)
    return _from_first_end(whole, entry, first, int(shown.sum()))


def _ages_lately(contracts: pl.DataFrame, clock: Clock | PlanClocks, day: date) -> Floats:
    """Age of each contract at the end of ``day``, infinite where it had ended by then."""
    gone = (contracts["ended_on"] <= day).fill_null(value=False).to_numpy()
    return np.where(gone, np.inf, clock.age(contracts["started_on"], day))


def _from_first_end(whole: Spells, entry: Floats, first: date, shown: int) -> tuple[Spells, tuple[str, ...]]:
    """The spells from the first end that was recorded on, where it is certain that earlier ones were not.

    After it contracts of each age end at some rate (Nelson & Aalen): how many should have ended before at it?
    ``shown``: ends in a first snapshot, which were before it.
    """
    later = replace(whole, entry=entry, ended=whole.ended & (whole.exit > entry))
    earlier = replace(whole, exit=entry, ended=np.zeros_like(whole.ended))
    ages, ends = np.unique(later.exit[later.ended], return_counts=True)
    missed = float((ends * _at_risk(earlier, ages) / np.maximum(_at_risk(later, ages), 1)).sum())
    if missed - shown < MISSED + CERTAIN * math.sqrt(shown):
        return whole, ()
    return later, (f"no end before {first} is recorded: older contracts count from then on",)


def _at_risk(spells: Spells, ages: Floats) -> Floats:
    """Contracts seen at each age: entry < age <= exit."""
    begun = np.searchsorted(np.sort(spells.entry), ages, side="left")
    over = np.searchsorted(np.sort(spells.exit), ages, side="left")
    return np.asarray(begun - over, dtype=np.float64)


def _scores(living: pl.DataFrame, learned: Learned, risk: Floats, value: Floats, past: Floats) -> Scores:
    """``value`` and ``past`` in major units."""
    frame = living.select(
        "customer_no",
        "customer_id",
        "subscription_id",
        risk=pl.lit(pl.Series(rounded(risk))),
        expected_value=pl.lit(pl.Series(rounded(value))),
        past_value=pl.lit(pl.Series(rounded(past))),
        model=pl.lit(learned.model.value),
    )
    ranks = _ranked(frame)
    return Scores(
        frame=ranks,
        model=learned.model.value,
        weights={learned.model.value: 1.0},
        fallback_reason="; ".join(learned.remarks) or None,
        digest=digest_of(ranks),
    )


def _ranked(frame: pl.DataFrame) -> pl.DataFrame:
    """CONTRACT_SCORES with ranks; equal values by sha256(customer_id), one customer's by the order of rows."""
    keys = tie_keys(frame["customer_id"])
    return frame.with_columns(
        value_rank=pl.lit(pl.Series(ranked(frame["expected_value"].to_numpy(), keys))),
        past_rank=pl.lit(pl.Series(ranked(frame["past_value"].to_numpy(), keys))),
    ).select(pl.col(name).cast(kind) for name, kind in CONTRACT_SCORES.items())
