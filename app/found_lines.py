"""What ``winback measure`` prints of a reading: the answer first, then what else was found, a line each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from winback.lift.estimates import Estimate
from winback.lift.verdict import Rule

if TYPE_CHECKING:  # with polars and pydantic 0.3 s to import
    from winback.lift.contrast import MoneyContrast, RateContrast
    from winback.outcomes.findings import CauseRisk, Contest, Findings, Guardrail, Returns, Satisfaction
    from winback.outcomes.outcomes import Outcome

NOT_TOLD = "can't tell"
_TOLD = ("revenue", "net_contribution", "net_contribution_adjusted")  # of the amounts
_BY = {
    "churned": "churn",
    "retained": "retention",
    "repeated": "repeat orders",
    "no_order": "no order",
    "net_contribution_adjusted": "net contribution, adjusted",
}
_SHARES = ("churned", "retained", "repeated", "no_order", "value_lost_share")  # told in points


def found_lines(outcome: "Outcome") -> Iterator[str]:
    """The answer, the difference in churn, then the lines of the findings; nothing that is not known."""
    other, level = outcome.judged_by != "churn", _level(outcome)
    if other:
        yield f"judged by {outcome.judged_by}: {_success(outcome)}"
        yield from _judged(outcome)
    if outcome.primary and outcome.primary.difference is not None:
        c, forecast = outcome.primary, outcome.churn_definition == "model"
        if forecast:
            yield from _forecast(outcome)
        churn = "predicted lost" if forecast else "churn"
        name = f"{churn}, for comparison: difference" if other else "difference"
        yield f"{name} {points(c.difference)} points ({level}: {points(c.low)} to {points(c.high)})"
    if outcome.primary and not other:
        yield f"{outcome.primary.verdict}: {outcome.primary.reason}"
    yield from _stayed(outcome)
    if outcome.findings:
        yield from _beside(outcome, outcome.findings, level)


def _forecast(outcome: "Outcome") -> Iterator[str]:
    """That churn is a forecast, and of what."""
    found, told = outcome.primary, outcome.method.forecast
    risk = f"a risk of {told['threshold']:.0%} or more of no order in {told['horizon_days']} days"
    if found:
        shares = f"{percent(found.rate)}, hold-out {percent(found.control_rate)}"
        yield f"predicted lost (a forecast as of {told['as_of']}: {risk}): {shares}"


def _judged(outcome: "Outcome") -> Iterator[str]:
    """Both groups and their difference in what is judged."""
    from winback.lift.contrast import RateContrast  # loaded with every outcome; without one 0.3 s

    if difference := judged_difference(outcome):
        found = outcome.success
        one, zero = (
            (found.rate, found.control_rate) if isinstance(found, RateContrast)
            else (found.mean, found.control_mean) if found else (None, None)
        )  # fmt: skip
        name, column = str(outcome.judged_by).replace("_", " "), found.column if found else ""
        yield f"{name}: {_level_of(one, column)}, hold-out {_level_of(zero, column)}: {difference}"


def judged_difference(outcome: "Outcome") -> str | None:
    """The difference in what the campaign is judged by with its interval and unit; None where there is none."""
    found = outcome.primary if outcome.judged_by == "churn" else outcome.success
    if found is None or found.difference is None or found.low is None or found.high is None:
        return None
    write = points if found.column in _SHARES else _signed
    units = dict.fromkeys(_SHARES, "points") | {"orders": "orders each", "csat": "of 5", "nps": "of 10"}
    unit = units.get(found.column) or (outcome.findings.currency if outcome.findings else "")
    ends = f"{_level(outcome)}: {write(found.low)} to {write(found.high)}"
    return f"{write(found.difference)} {unit} ({ends})"


def _level_of(value: float | None, column: str) -> str:
    """A rate, a share of value or a mean."""
    if column in _SHARES:
        return percent(value)
    return "-" if value is None else f"{value:,.2f}"


def _signed(value: float) -> str:
    return _plus(f"{round(value, 2) + 0.0:+,.2f}")


def _level(outcome: "Outcome") -> str:
    """What the intervals of differences are at: 95 %, or wider after early looks."""
    level = f"{round(100 * (1 - outcome.alpha), 1):g} %"
    return level if outcome.window.complete else f"{level}, widened for looking early"


def _stayed(outcome: "Outcome") -> Iterator[str]:
    """The second reading beside the first."""
    if outcome.first is None:
        return
    from winback.outcomes.second_reading import lasted  # as in _judged

    now = outcome.primary if outcome.judged_by == "churn" else outcome.success
    before = outcome.first.found.difference
    write = points if outcome.first.found.column in _SHARES else _money_or_dash
    unit = " points" if outcome.first.found.column in _SHARES else ""
    told = f"1st reading {write(before)}{unit}, now {write(now.difference if now else None)}"
    yield f"did they stay? {lasted(outcome.first, now).replace('_', ' ')}: {told}"


def _money_or_dash(value: float | None) -> str:
    return "-" if value is None else _signed(value)


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


def _beside(outcome: "Outcome", found: "Findings", level: str) -> Iterator[str]:
    seen = {"no_order": "seen, no order in the window", "repeated": "ordered on two days or more"}
    for rate in found.rates:
        if rate.column in seen and rate.arm == "treated":
            shares = f"{percent(rate.rate)}, hold-out {percent(rate.control_rate)}"
            yield f"{seen[rate.column]}: {shares}{_interval(rate, level)}"
    for contrast in found.money:
        told = contrast.column in _TOLD and not (outcome.success and contrast.column == outcome.success.column)
        if contrast.arm == "treated" and told and contrast.difference is not None:
            yield f"{contrast.column.replace('_', ' ')} a customer, {found.currency}: {_money(contrast, level)}"
    yield from _returns(found.returns, found.currency)
    if found.contest:
        yield _contest(found.contest, outcome.winner_helped)
    for interaction in found.interactions:
        if interaction.apart:
            yield f"the effect differs by {interaction.dimension}: {', '.join(interaction.apart)}"
    for rail in found.guardrails:
        if rail.limit is not None:
            yield _guardrail(rail)
    for each in found.pressure[:1]:
        yield f"messages of all campaigns in {each.days} days: {_mean(each.mean)} to each customer written to"
    yield from _said(found, level, "predicted lost" if outcome.churn_definition == "model" else "lost")
    yield from _warnings(found)


def _said(found: "Findings", level: str, lost: str) -> Iterator[str]:
    """What customers answered and why they left, all variants together; nothing where nobody said a word."""
    for score in found.satisfaction:
        if score.arm == "treated" and (score.answered.x or score.control_answered.x):
            yield f"{score.kind}, of those who answered: {_scores(score, level)}"
    if found.causes:
        yield f"{lost}, by cause (in brackets the hold-out): {', '.join(map(_cause, found.causes))}"


def _cause(found: "CauseRisk") -> str:
    from winback.churners.causes import CAUSE_NAMES, Cause  # as in _judged

    name = CAUSE_NAMES[Cause(found.cause)].en.lower() if found.cause in set(Cause) else "not known"
    return f"{name} {percent(found.rate)} ({percent(found.control_rate)})"


def _scores(score: "Satisfaction", level: str) -> str:
    means = f"{_mean(score.mean)} ({score.answered.x:,})"
    held = f"hold-out {_mean(score.control_mean)} ({score.control_answered.x:,})"
    if score.difference is None or score.low is None or score.high is None:
        return f"{means}, {held}"
    ends = f"{level}: {_signed(score.low)} to {_signed(score.high)}"
    return f"{means}, {held}: {_signed(score.difference)} ({ends})"


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
    by = _BY.get(found.column, found.column.replace("_", " "))
    said = f"which variant won: {found.winner or NOT_TOLD}, by {by}"
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


def _interval(c: "RateContrast", level: str) -> str:
    if c.difference is None:
        return ""
    return f": {points(c.difference)} points ({level}: {points(c.low)} to {points(c.high)})"


def _money(c: "MoneyContrast", level: str) -> str:
    if c.mean is None or c.control_mean is None or c.difference is None or c.low is None or c.high is None:
        return "-"
    ends = f"{_signed(c.difference)} ({level}: {_signed(c.low)} to {_signed(c.high)})"
    few = "; few buyers: approximate" if {Rule.FEW_BUYERS, Rule.APPROXIMATE} & {*c.rules} else ""
    return f"{c.mean:,.2f}, hold-out {c.control_mean:,.2f}: {ends}{few}"


def percent(share: float | None) -> str:
    """A share 0-1 as a percentage; a hyphen where it is undefined."""
    return "-" if share is None else f"{share:.1%}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points with its sign; a hyphen where it is undefined."""
    return "-" if share is None else _plus(f"{round(100 * share, 1) + 0.0:+.1f}")


def _plus(written: str) -> str:
    """Without the sign of a number that is printed as 0."""
    return written if any(digit in written for digit in "123456789") else written.lstrip("+")
