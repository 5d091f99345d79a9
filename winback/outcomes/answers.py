"""What customers said in the window: the newest score each gave, the newest cause, and what that says of the arms.

Only those who answered are known. Whether they answer may itself depend on the message, so the interval of their
means allows for that (lift.trimming).
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from winback.churners.causes import Cause, cause_of
from winback.lift.contrast import RateSums, rate_family
from winback.lift.intervals import mean_difference
from winback.lift.significance import benjamini_hochberg
from winback.lift.trimming import trimmed_bounds
from winback.outcomes.effects import Question
from winback.outcomes.findings import CauseRisk, Satisfaction
from winback.outcomes.part_sums import SCORES, PartSums
from winback.outcomes.responses import share

UNKNOWN: Final = "unknown"  # lost, and nobody knows why
NEWEST: Final = pl.Schema({"customer_no": pl.Int64(), **dict.fromkeys(SCORES, pl.Int64()), "cause": pl.String()})


def newest_answers(feedback: pl.LazyFrame) -> pl.DataFrame:
    """NEWEST, a row for each customer with an answer; null: none of that kind.

    ``feedback``: of the window: customer_no, at, kind, score, cause. Of the causes only the nine count.
    """
    score = pl.col("score")
    told = feedback.with_columns(cause=cause_of(pl.col("cause"))).sort("at", "kind", "score", "cause")
    found = told.group_by("customer_no").agg(
        *(score.filter(pl.col("kind") == kind, score.is_not_null()).last().alias(kind) for kind in SCORES),
        pl.col("cause").drop_nulls().last(),
    )
    return found.select(pl.col(name).cast(kind) for name, kind in NEWEST.items()).collect()


def satisfaction(ask: Question) -> list[Satisfaction]:
    """Every kind of score: all variants together, then each where there are several, against the hold-out."""
    several = ask.groups if len(ask.groups) > 1 else []
    arms = {ask.pooled: ask.variants} | {part.arm: [part.arm] for part in several}
    return [_satisfied(kind, name, arms[name], ask) for kind in SCORES for name in arms]


def _satisfied(kind: str, name: str, arms: Sequence[str], ask: Question) -> Satisfaction:
    one, zero = ask.sums.answers(kind, arms), ask.sums.answers(kind, [ask.held.arm])
    bounds = trimmed_bounds(one, zero)
    ends = bounds.interval(ask.terms.z) if bounds else None
    return Satisfaction(
        kind=kind, arm=name,
        answered=share(one.answered, one.n), mean=one.sums.mean,
        control_answered=share(zero.answered, zero.n), control_mean=zero.sums.mean,
        difference=mean_difference(one.sums, zero.sums),
        low=ends.low if ends else None, high=ends.high if ends else None,
    )  # fmt: skip


def cause_risks(ask: Question) -> list[CauseRisk]:
    """Cause-specific risks, of all variants together: lost for a cause, of everybody assigned; then the unknown.

    They add up to churn. None where no cause is known. Conditioning on a cause would compare those whom the
    message made leave for it; so nobody is left out (outcomes A1).
    """
    treated, held = ask.sums.lost_for(ask.variants), ask.sums.lost_for([ask.held.arm])
    known = [cause.value for cause in Cause if treated.get(cause.value) or held.get(cause.value)]
    return _risks(ask, [_pair(ask, cause, treated, held) for cause in [*known, UNKNOWN]]) if known else []


def _pair(ask: Question, cause: str, treated: dict[str, int], held: dict[str, int]) -> tuple[RateSums, RateSums]:
    def of(part: PartSums, lost: dict[str, int]) -> RateSums:
        x = lost.get(cause, 0) if cause != UNKNOWN else part.churned - sum(lost.values())
        return RateSums(column=cause, arm=part.arm, x=x, n=part.n)

    return of(ask.treated, treated), of(ask.held, held)


def _risks(ask: Question, pairs: Sequence[tuple[RateSums, RateSums]]) -> list[CauseRisk]:
    contrasts = [rate_family([treated], held, ask.terms)[0] for treated, held in pairs]
    corrected = benjamini_hochberg([contrast.p_newcombe for contrast in contrasts])
    return [
        CauseRisk(
            cause=c.column, x=c.x, n=c.n, rate=c.rate,
            control_x=c.control_x, control_n=c.control_n, control_rate=c.control_rate,
            difference=c.difference, low=c.low, high=c.high, p_newcombe=c.p_newcombe, p_bh=p_bh,
        )
        for c, p_bh in zip(contrasts, corrected, strict=True)
    ]  # fmt: skip
