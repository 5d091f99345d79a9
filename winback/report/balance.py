"""The report's view of the arms' balance: what was known of both groups before anything was sent."""

from dataclasses import dataclass

from winback import words
from winback.lift.balance import Balance
from winback.outcomes.outcomes import Outcome
from winback.report.words import Speaker

_MONEY = ("expected value", "past value")


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """One covariate, its means as they are written, and whether the difference is worth a look."""

    key: str
    label: str
    treated: str
    held: str
    difference: str
    by_chance: str
    status: str
    status_words: str
    found: Balance


def balance_rows(outcome: Outcome, say: Speaker) -> list[BalanceRow]:
    """Every covariate that can be compared; none in readings frozen before they were."""
    currency = outcome.findings.currency if outcome.findings else ""
    return [_row(each, currency, say) for each in outcome.balance if each.difference is not None]


def _row(found: Balance, currency: str, say: Speaker) -> BalanceRow:
    key = found.covariate.replace(" ", "_")
    return BalanceRow(
        key=key, label=say(f"known_{key}"), treated=_mean(found.treated_mean, found, currency, say),
        held=_mean(found.control_mean, found, currency, say), difference=words.gain_number(found.difference),
        by_chance=say("by_chance", limit=words.number(found.by_chance)),
        status="attention" if found.noticeable else "fine",
        status_words=say("unlike" if found.noticeable else "alike"), found=found,
    )  # fmt: skip


def _mean(value: float | None, found: Balance, currency: str, say: Speaker) -> str:
    if found.covariate == "risk":
        return words.percent(value)
    if found.covariate in _MONEY and currency:
        return words.money(value, currency, say.language)
    return words.number(value)
