"""The findings' tables as lines of the CSV file; none in readings without any."""

from collections.abc import Iterator

from winback.lift.contrast import MoneyContrast
from winback.lift.survival import LogRank
from winback.outcomes.findings import Findings
from winback.outcomes.outcomes import Outcome
from winback.outcomes.part_sums import ORDERS, SCORES, SHARES
from winback.report.answers import answer_lines
from winback.report.csv_lines import Line, counted, line, plain
from winback.report.findings import guardrail_rows, measure_rows, return_rows
from winback.report.segments import segment_rows
from winback.report.words import Speaker


def finding_lines(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    """Every table of the findings, in the order of the report; the curves day by day."""
    found = outcome.findings
    if found is None:
        return
    yield from _contest(found, say)
    yield from _segments(outcome, say)
    yield from _curves(found)
    yield from _weeks(found, say)
    yield from _measures(outcome, found.currency, say)
    yield from _returns(outcome, found.currency, say)
    yield from _guardrails(outcome, say)
    yield from answer_lines(outcome, say)


def _contest(found: Findings, say: Speaker) -> Iterator[Line]:
    if found.contest is None:
        return
    unit = unit_of(found.contest.column, found.currency)
    for pair in found.contest.pairs:
        place = ("contest", f"{pair.one} - {pair.other}", say("pair", one=pair.one, other=pair.other))
        yield line(place, "difference", pair.difference, pair.low, pair.high, unit=unit)
        yield from plain(place, {"p_holm": pair.p_holm})
    yield from plain(("contest", "winner", say("variants")), {"winner": found.contest.winner})


def _segments(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for row in segment_rows(outcome, say):
        found, place = row.found, ("segments", f"{row.found.dimension}: {row.found.value}", row.label)
        yield from plain(place, {"customers": found.n, "with_event": found.x}, unit="customers")
        held = {"holdout_customers": found.control_n, "holdout_with_event": found.control_x}
        yield from plain(place, held, unit="customers")
        yield from plain(place, {"rate": found.rate, "holdout_rate": found.control_rate}, unit="share")
        yield line(place, "difference", found.difference, found.low, found.high)
        yield from plain(place, {"p_bh": found.p_bh})
    for each in outcome.findings.interactions if outcome.findings else []:
        place = ("interactions", str(each.dimension), say(f"by_{each.dimension}"))
        yield from plain(place, {"q": each.q, "df": each.df, "p": each.p, "p_bh": each.p_bh})


def _weeks(found: Findings, say: Speaker) -> Iterator[Line]:
    for each in found.weeks:
        label = say("week_days", number=each.number, first=each.first_day, last=each.last_day)
        place = ("weeks", f"week_{each.number}", label)
        yield from plain(place, {"customers": each.n, "first_back": each.x}, unit="customers")
        held = {"holdout_customers": each.control_n, "holdout_first_back": each.control_x}
        yield from plain(place, held, unit="customers")
        yield from plain(place, {"rate": each.rate, "holdout_rate": each.control_rate}, unit="share")
        yield line(place, "difference", each.difference, each.low, each.high, unit="share")


def _curves(found: Findings) -> Iterator[Line]:
    for curve in found.curves:
        place = ("curve", curve.arm, curve.arm)
        yield from plain(place, {"customers": curve.n}, unit="customers")
        for point in curve.points:
            yield line(place, f"not_back_day_{point.day}", point.staying, point.low, point.high)
    if isinstance(found.log_rank, LogRank):
        test = {"chi2": found.log_rank.chi2, "df": found.log_rank.df, "p": found.log_rank.p}
        yield from plain(("curve", "log_rank", "log-rank"), test)


def _measures(outcome: Outcome, currency: str, say: Speaker) -> Iterator[Line]:
    for row in measure_rows(outcome, say):
        found, place = row.contrast, ("measures", f"{row.key}: {row.arm}", row.label)
        unit = unit_of(found.column, currency)
        yield from plain(place, {"customers": found.n}, unit="customers")
        if isinstance(found, MoneyContrast):
            yield from plain(place, {"buyers": found.buyers}, unit="customers")
            yield from plain(place, {"mean": found.mean, "holdout_mean": found.control_mean}, unit=unit)
        else:
            yield line(place, "rate", found.rate, found.rate_low, found.rate_high)
            yield line(place, "holdout_rate", found.control_rate, found.control_rate_low, found.control_rate_high)
        yield line(place, "difference", found.difference, found.low, found.high, unit=unit)
        yield from plain(place, {"p": row.p})
        yield from plain(place, {"verdict": found.verdict.value})


def unit_of(column: str, currency: str) -> str:
    """What the differences in a column are counted in."""
    if column in SHARES:
        return "share"
    return {ORDERS: "orders"}.get(column, "score" if column in SCORES else currency)


def _returns(outcome: Outcome, currency: str, say: Speaker) -> Iterator[Line]:
    for row in return_rows(outcome, say):
        unit = "share" if row.key in ("margin", "roi", "per_delivered") else currency
        yield line(("returns", row.key, row.label), "value", row.value, row.low, row.high, unit=unit)


def _guardrails(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for row in guardrail_rows(outcome, say):
        place = ("guardrails", row.found.name, row.label)
        yield from counted(place, {"messages": row.found.share})
        yield from plain(place, {"limit": row.found.limit}, unit="share")
        yield from plain(place, {"kept": row.found.kept.value})
    pressure = outcome.findings.pressure if outcome.findings else []
    for each in pressure:
        label = say("pressure_csv", days=each.days, arm=say(each.arm))
        beside = "" if each.days == pressure[0].days else f"_{each.days}d"
        place = ("guardrails", f"messages_per_person{beside}: {each.arm}", label)
        yield from plain(place, {"customers": each.n}, unit="customers")
        yield from plain(place, {"messages": each.messages, "mean": each.mean, "cap": each.cap}, unit="messages")
        if each.over:
            yield from counted(place, {"over": each.over})
