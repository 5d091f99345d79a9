"""The report's cards: first the measure the campaign is judged by, then what it brought; only what is known."""

from collections.abc import Iterator
from dataclasses import dataclass

from winback import words
from winback.campaigns.campaign import HOLDOUT, Measure
from winback.lift.contrast import MoneyContrast, RateContrast
from winback.lift.estimates import Estimate
from winback.outcomes.outcomes import Outcome
from winback.outcomes.part_sums import ADJUSTED_CONTRIBUTION, SCORES, SHARES
from winback.report.findings import few_buyers, measure_row, return_rows
from winback.report.headline import drawn_n, judged_column, treated_n
from winback.report.judged import held_counted
from winback.report.words import Speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One number; ``interval``, of ``level``, stands between the lines ``above`` and ``below`` it.

    ``role`` colours the edge.
    """

    label: str
    number: str
    role: str = ""
    above: tuple[str, ...] = ()
    interval: str = ""
    level: str = "95%"
    below: tuple[str, ...] = ()


def cards(outcome: Outcome, say: Speaker) -> list[Card]:
    """At most five, in a reader's order; empty where nothing is known yet."""
    judged = _success(outcome, say) if outcome.success else _churn(outcome, say)
    return [*judged, *_brought(outcome, say)]


def _success(outcome: Outcome, say: Speaker) -> Iterator[Card]:
    """What the campaign is judged by where that is not churn."""
    found, currency = outcome.success, outcome.findings.currency if outcome.findings else ""
    if found is None:
        return
    row = measure_row(found, None, currency, say)
    ends, held_ends = _ends(found, say)
    held = drawn_n(outcome, HOLDOUT)
    if found.n:
        label = say("card_of_treated", measure=row.label)
        yield Card(label=label, number=row.treated, role="treated", above=(row.counted,), interval=ends)
    if held:
        label = say("card_of_holdout", measure=row.label)
        yield Card(
            label=label,
            number=row.held,
            role="holdout",
            above=(held_counted(found, held, say),),
            interval=held_ends,
        )
    if found.difference is not None:
        both = say("n_both", n=words.whole(found.n), control_n=words.whole(held))
        label = say("card_points" if found.column in SHARES else "card_of_difference")
        if isinstance(found, MoneyContrast) and found.column in SCORES:
            both = say("n_both", n=words.whole(found.buyers), control_n=words.whole(found.control_buyers))
            label = say("card_of_scores")
        yield Card(
            label=label, number=row.difference.text, above=(both,), interval=row.difference.interval,
            level=words.level(outcome.alpha),
        )  # fmt: skip


def _ends(found: RateContrast | MoneyContrast, say: Speaker) -> tuple[str, str]:
    """The intervals of the two groups; amounts have none of their own."""
    if isinstance(found, MoneyContrast):
        return "", ""
    return (
        _between(found.rate_low, found.rate_high, say),
        _between(found.control_rate_low, found.control_rate_high, say),
    )


def _churn(outcome: Outcome, say: Speaker) -> Iterator[Card]:
    """Churn of both groups, or no order so far; then customers kept, or the difference while it is early.

    Where it stands in for another measure that is not known (yet), it has no difference: that would be its answer.
    """
    found, done = outcome.primary, outcome.window.complete
    if found and found.rate is not None:
        yield Card(
            label=say("card_treated" if done else "card_treated_so_far"),
            number=words.percent(found.rate), role="treated",
            above=(say("of", x=words.whole(found.x), n=words.whole(found.n)),),
            interval=_between(found.rate_low, found.rate_high, say),
        )  # fmt: skip
    if found and found.control_rate is not None:
        yield Card(
            label=say("card_holdout" if done else "card_holdout_so_far"),
            number=words.percent(found.control_rate), role="holdout",
            above=(say("of", x=words.whole(found.control_x), n=words.whole(found.control_n)),),
            interval=_between(found.control_rate_low, found.control_rate_high, say),
        )  # fmt: skip
    if found and found.difference is not None and outcome.judged_by is Measure.CHURN:
        yield from _difference(outcome, found, say)


def _difference(outcome: Outcome, found: RateContrast, say: Speaker) -> Iterator[Card]:
    """In points and in customers; one card says both where there are findings to follow."""
    points = words.points(found.difference)
    if outcome.findings is None or outcome.saved is None:
        yield Card(
            label=say("card_difference"), number=points,
            above=(say("n_both", n=words.whole(found.n), control_n=words.whole(found.control_n)),),
            interval=words.between(words.points(found.low), words.points(found.high), say.language),
            level=words.level(outcome.alpha), below=(say("difference_sign"),),
        )  # fmt: skip
    if outcome.saved:
        kept, n = outcome.saved, say("n", n=words.whole(treated_n(outcome)))
        yield Card(
            label=say("card_kept"), number=words.gain(kept.customers),
            above=(n, say("card_difference_is", difference=points)) if outcome.findings else (n,),
            interval=words.between(words.gain(kept.low), words.gain(kept.high), say.language),
            level=words.level(outcome.alpha), below=(say("kept_sign"),),
        )  # fmt: skip


def _brought(outcome: Outcome, say: Speaker) -> Iterator[Card]:
    """Extra revenue and return on cost, once there is an estimate of the first."""
    if outcome.findings is None or not isinstance(outcome.findings.returns.revenue, Estimate):
        return
    rows = {row.key: row for row in return_rows(outcome, say)}
    told = [
        ("revenue", "card_revenue", say("n", n=words.whole(treated_n(outcome)))),
        ("roi", "card_roi", say("card_cost", cost=rows["cost"].text) if rows["cost"].value is not None else ""),
    ]
    plain = (say("card_plain"),) if judged_column(outcome) == ADJUSTED_CONTRIBUTION else ()
    few = (say("card_few_buyers"),) if few_buyers(outcome) else ()
    for key, label, line in told:
        row = rows[key]
        below = few if row.interval else (row.note,)
        yield Card(
            label=say(label), number=row.text, above=(*((line,) if line else ()), *plain), interval=row.interval,
            level=words.level(outcome.alpha), below=below,
        )  # fmt: skip


def _between(low: float | None, high: float | None, say: Speaker) -> str:
    return words.between(words.percent(low), words.percent(high), say.language)
