"""Every table of the report as one CSV file that a spreadsheet opens: one line per number, one number per cell.

``table``, ``row``, ``measure`` and ``unit`` are stable names, the same in both languages; ``label`` is what the
report calls the row. Numbers are the outcome's own, shares 0-1; what is undefined is an empty cell, never 0.
"""

from collections.abc import Iterator
from dataclasses import fields, replace

from winback.campaigns.campaign import HOLDOUT
from winback.lift.contrast import RateContrast
from winback.outcomes.outcomes import TREATED, Outcome
from winback.outcomes.second_reading import lasted
from winback.report.balance import balance_rows
from winback.report.before_after import before_after_groups
from winback.report.checks import checks
from winback.report.csv_lines import Line, Place, counted, line, plain
from winback.report.definitions import by_model
from winback.report.findings_tables import finding_lines, unit_of
from winback.report.headline import comparable, headline, held_n, judged, judgement
from winback.report.page import (
    arm_name,
    audience_rows,
    effect_rows,
    message_states,
    observed_share,
    response_rows,
)
from winback.report.second import second_view
from winback.report.words import Speaker, speaker
from winback.sheet import Cell, sheet
from winback.words import Language

# What of a forecast would pass for seen: its measures by another name, and its rows of two tables.
_FORETOLD = {
    "churned": "predicted_lost",
    "churn_rate": "predicted_lost_share",
    "customers_kept": "fewer_predicted_lost",
    "lost": "predicted_lost",
    "holdout_lost": "holdout_predicted_lost",
}
_FORETOLD_ROWS = {
    ("measures", "retained"): "predicted_to_stay",
    ("measures", "value_lost"): "value_predicted_lost",
    ("measures", "value_lost_share"): "share_of_value_predicted_lost",
    ("returns", "per_saved"): "per_fewer_predicted_lost",
}
_FORECAST = ("model", "as_of", "horizon_days", "threshold", "digest")
COLUMNS = [field.name for field in fields(Line)]


def as_csv(outcome: Outcome, language: Language) -> str:
    """The report's tables as CSV text, with the byte order mark by which Excel knows UTF-8."""
    found = lines(comparable(outcome), speaker(outcome.churn_definition, language))
    if by_model(outcome):
        found = map(_foretold, found)
    return sheet([COLUMNS, *([getattr(each, column) for column in COLUMNS] for each in found)])


def lines(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    """Every table in the order of the report."""
    yield from _report(outcome, say)
    yield from _readings(outcome, say)
    yield from _effect(outcome, say)
    yield from _before_after(outcome, say)
    yield from finding_lines(outcome, say)
    yield from _orders(outcome, say)
    yield from _answers(outcome, say)
    yield from _audience(outcome, say)
    yield from _messages(outcome, say)
    yield from _health(outcome, say)


def _foretold(told: Line) -> Line:
    """A line of a forecast, called one."""
    key, colon, arm = told.row.partition(":")
    row = _FORETOLD_ROWS.get((told.table, key), key) + colon + arm
    return replace(told, row=row, measure=_FORETOLD.get(told.measure, told.measure))


def _report(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    window, found, told = outcome.window, headline(outcome, say), outcome.method.forecast
    values: dict[str, Cell] = {
        "campaign": outcome.campaign_name.get(say.language) or outcome.campaign_id,
        "placebo": "yes" if outcome.placebo else "no",
        "as_of": outcome.as_of,
        "first_on": window.first_on,
        **({"blank_out_days": window.blank_out} if window.blank_out else {}),
        "last_on": window.last_on,
        "data_through": window.data_through,
        "churn_definition": outcome.churn_definition,
        **{f"forecast_{name}": told[name] for name in _FORECAST if name in told},
        "verdict": judgement(outcome).verdict.value,
        "headline": found.title,
        **{f"sentence_{number}": text for number, text in enumerate(found.sentences, 1)},
        "audience_digest": outcome.method.audience_digest,
        "campaign_digest": outcome.method.campaign_digest,
        "code_version": outcome.method.code_version,
        "seed": outcome.method.seed,
        **_revision(outcome),
    }
    yield from plain(("report", outcome.run, say("kicker")), values)


def _revision(outcome: Outcome) -> dict[str, Cell]:
    told = outcome.revision
    return {"revision": told.number, "reading_digest": told.digest} if told else {}


def _readings(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    """The first reading and the second, of what is judged; nothing in a first one."""
    second = second_view(outcome, say)
    currency = outcome.findings.currency if outcome.findings else ""
    for row in second.rows if second else []:
        found, place = row.found.contrast, ("readings", row.key, row.label)
        yield from plain(place, {"customers": found.n}, unit="customers")
        unit = unit_of(found.column, currency)
        yield line(place, "difference", found.difference, found.low, found.high, unit=unit)
        yield from plain(place, {"verdict": found.verdict.value})
    if outcome.first:
        place = ("readings", "lasted", say("second"))
        yield from plain(place, {"lasted": lasted(outcome.first, judged(outcome)).value})


def _effect(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for row in effect_rows(outcome, say):
        place = ("effect", row.key, row.label)
        yield from plain(place, {"customers": row.n}, unit="customers")
        yield from _contrast(place, row.contrast)
        if row.key == TREATED and outcome.saved:
            kept = outcome.saved
            yield line(place, "customers_kept", kept.customers, kept.low, kept.high, unit="customers")
    place = ("effect", HOLDOUT, say(HOLDOUT))
    yield from plain(place, {"customers": held_n(outcome)}, unit="customers")
    found = outcome.primary
    rate = (found.control_rate, found.control_rate_low, found.control_rate_high) if found else (None,)
    yield from plain(place, {"churned": found.control_x if found else None}, unit="customers")
    yield line(place, "churn_rate", *rate)


def _contrast(place: Place, found: RateContrast | None) -> Iterator[Line]:
    """A comparison; every line is there while there is none yet, with empty cells."""
    yield from plain(place, {"churned": found.x if found else None}, unit="customers")
    yield line(place, "churn_rate", *((found.rate, found.rate_low, found.rate_high) if found else (None,)))
    yield line(place, "difference", *((found.difference, found.low, found.high) if found else (None,)))
    yield from plain(place, {"p_holm": found.p_holm if found else None})
    yield from plain(place, {"verdict": found.verdict.value if found else None})


def _before_after(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for group in before_after_groups(outcome, say):
        found, place = group.shares, ("before_after", group.shares.name, group.label)
        yield from plain(place, {"customers": found.n}, unit="customers")
        yield line(place, "inactive_before", found.before, found.before_low, found.before_high)
        yield line(place, "inactive_after", found.after, found.after_low, found.after_high)
        yield line(place, "change", group.change)


def _orders(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for row in response_rows(outcome, say):
        found, place = row.found.orders, ("orders", row.found.arm, row.label)
        if found is None:
            continue
        yield from plain(place, {"customers": row.found.members}, unit="customers")
        yield from counted(place, {"ordered": found.ordered, "repeated": found.repeated})
        yield from plain(place, {"orders": found.orders}, unit="orders")
        yield from plain(place, {"net_revenue": found.net_revenue}, unit=found.currency)
        yield from plain(place, {"days_to_order": found.days_to_order}, unit="days")
        after = {"after_message": found.after_message, "after_click": found.after_click}
        yield from plain(place, after, unit="orders")


def _answers(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for row in response_rows(outcome, say):
        found, place = row.found.messages, ("answers", row.found.arm, row.label)
        if found is None:
            continue
        names = ("sent", "delivered", "clicked", "replied", "unsubscribed", "complained", "bounced")
        yield from plain(place, {"customers": row.found.members}, unit="customers")
        yield from counted(place, {name: getattr(found, name) for name in names})
        yield from plain(place, {"clicks": found.clicks}, unit="clicks")


def _audience(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for row in audience_rows(outcome, say):
        yield from plain(("audience", row.key, row.label), {"customers": row.n}, unit="customers")
    for arm in outcome.arms:
        place = ("groups", arm.name, arm_name(arm.name, say))
        yield from plain(place, {"customers": arm.n}, unit="customers")
        yield line(place, "planned_share", arm.planned_share)
        yield line(place, "observed_share", observed_share(arm, outcome))


def _messages(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for arm in outcome.arms:
        counts = {state: arm.messages.get(state, 0) for state in message_states(outcome)}
        place = ("messages", arm.name, arm_name(arm.name, say))
        yield from plain(place, {"all": sum(counts.values())} | counts, unit="messages")


def _health(outcome: Outcome, say: Speaker) -> Iterator[Line]:
    for check in checks(outcome, say):
        yield from plain(("health", check.key, check.name), {"status": check.status, "found": check.found})
    for row in balance_rows(outcome, say):
        known, place = row.found, ("balance", row.key, row.label)
        yield from plain(place, {"mean": known.treated_mean, "holdout_mean": known.control_mean})
        values = {"difference": known.difference, "by_chance": known.by_chance}
        yield from plain(place, values, unit="standard deviations")
    if outcome.srm:
        found = {"chi2": outcome.srm.chi2, "df": outcome.srm.df, "p": outcome.srm.p}
        yield from plain(("health", "split", say("srm_check")), found)
