"""What ``winback measure`` prints of a reading: the answer first, then what else was found, a line each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from winback.estimates import Estimate

if TYPE_CHECKING:  # with polars and pydantic 0.3 s to import
    from winback.contrast import MoneyContrast, RateContrast
    from winback.findings import Contest, Findings, Guardrail, Returns
    from winback.outcomes import Outcome

NOT_TOLD = "can't tell"
_TOLD = ("revenue", "net_contribution", "net_contribution_adjusted")  # of the amounts


def found_lines(outcome: "Outcome") -> Iterator[str]:
    """The answer, the difference in churn, then the lines of the findings; nothing that is not known."""
    other = outcome.judged_by != "churn"
    if other:
        yield f"judged by {outcome.judged_by}: {_success(outcome)}"
    if outcome.primary:
        c = outcome.primary
        level = "95 %" if outcome.window.complete else "95 %, widened for looking early"
        yield f"difference {points(c.difference)} points ({level}: {points(c.low)} to {points(c.high)})"
        yield f"churn: {c.verdict}: {c.reason}" if other else f"{c.verdict}: {c.reason}"
    if outcome.findings:
        yield from _beside(outcome.findings, outcome.winner_helped)


def _success(outcome: "Outcome") -> str:
    if outcome.success:
        return f"{outcome.success.verdict}: {outcome.success.reason}"
    if not outcome.window.complete:
        return "interim"
    if (
        outcome.judged_by == "net_contribution"
        and outcome.findings
        and outcome.findings.returns.total_cost is None
    ):
        return "not_enough_data: what the messages cost is not known"
    return "not_enough_data: it is not defined for one of the groups"


def _beside(found: "Findings", winner_helped: bool | None) -> Iterator[str]:
    for rate in found.rates[:1]:
        yield f"ordered again: {percent(rate.rate)}, hold-out {percent(rate.control_rate)}{_interval(rate)}"
    for contrast in found.money:
        if contrast.arm == "treated" and contrast.column in _TOLD:
            yield f"{contrast.column.replace('_', ' ')} a customer: {_money(contrast)} {found.currency}"
    yield from _returns(found.returns, found.currency)
    if found.contest:
        yield _contest(found.contest, winner_helped)
    for interaction in found.interactions:
        if interaction.apart:
            yield f"the effect differs by {interaction.dimension}: {', '.join(interaction.apart)}"
    for rail in found.guardrails:
        if rail.limit is not None:
            yield _guardrail(rail)
    for each in found.pressure[:1]:
        yield f"messages of all campaigns in {each.days} days: {_mean(each.mean)} to each customer written to"
    yield from _warnings(found)


def _mean(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _returns(found: "Returns", currency: str) -> Iterator[str]:
    revenue, roi = found.revenue, found.roi
    if isinstance(revenue, Estimate):
        yield f"incremental revenue: {revenue.value:,.2f} {currency} ({revenue.low:,.2f} to {revenue.high:,.2f})"
    if found.total_cost is None:
        yield "cost of the messages: not known"
    elif found.total_cost:
        yield f"cost of the messages: {found.total_cost:,.2f} {currency}"
    if isinstance(roi, Estimate):
        yield f"return on it: {roi.value:.1f} times ({roi.low:.1f} to {roi.high:.1f})"


def _contest(found: "Contest", helped: bool | None) -> str:
    said = f"which variant won: {found.winner or NOT_TOLD}, by {found.column.replace('_', ' ')}"
    if not found.winner or helped:
        return said
    none = "nobody was held out, so nobody knows whether any variant helped"
    return f"{said}; {none if helped is None else 'but it is not visibly better than no message'}"


def _guardrail(rail: "Guardrail") -> str:
    kept = {"kept": "kept", "broken": "BROKEN", "cant_tell": NOT_TOLD}[rail.kept]
    return f"{rail.name}: {percent(rail.share.rate)}, at most {percent(rail.limit)}: {kept}"


def _warnings(found: "Findings") -> Iterator[str]:
    overlapping = sum(each.share.x for each in found.overlap)
    if overlapping:
        yield f"{overlapping:,} of them were in another campaign too"
    if found.touched:
        yield f"hold-out members who were written to: {', '.join(found.touched)}"
    if found.rows_lost:
        yield f"{found.rows_lost:,} customers assigned but not measured, or the other way round"


def _interval(c: "RateContrast") -> str:
    if c.difference is None:
        return ""
    return f": {points(c.difference)} points (95 %: {points(c.low)} to {points(c.high)})"


def _money(c: "MoneyContrast") -> str:
    if c.mean is None or c.control_mean is None or c.difference is None or c.low is None or c.high is None:
        return "-"
    ends = f"{c.difference:+,.2f} (95 %: {c.low:+,.2f} to {c.high:+,.2f})"
    return f"{c.mean:,.2f}, hold-out {c.control_mean:,.2f}: {ends}"


def percent(share: float | None) -> str:
    """A share 0-1 as a percentage; a hyphen where it is undefined."""
    return "-" if share is None else f"{share:.1%}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points with its sign; a hyphen where it is undefined."""
    return "-" if share is None else f"{round(100 * share, 1) + 0.0:+.1f}"
