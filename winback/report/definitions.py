"""In whose words an outcome is told, by its definition of churn: those of orders, contracts or a forecast."""

from collections.abc import Mapping

from winback.campaigns.campaign import Measure
from winback.lift.verdict import Rule, Verdict
from winback.outcomes.outcomes import Outcome
from winback.report import contract_words, forecast_words, judged_words, names
from winback.words import Words


def by_contract(outcome: Outcome) -> bool:
    """Whether contracts decided who churned."""
    return outcome.churn_definition == "contract"


def by_model(outcome: Outcome) -> bool:
    """Whether a forecast decided who churned."""
    return outcome.churn_definition == "model"


def foretold(outcome: Outcome) -> bool:
    """Whether what the campaign is judged by is a forecast: of who is lost, but not of orders and answers."""
    return by_model(outcome) and outcome.judged_by in forecast_words.FACTS


def titled(outcome: Outcome, verdict: Verdict) -> Words:
    """A verdict in the words of what the campaign is judged by."""
    key = (outcome.judged_by, verdict)
    told = judged_words.TITLES | (forecast_words.TITLES if by_model(outcome) else {})
    return told.get(key) or churn_title(outcome, verdict)


def churn_title(outcome: Outcome, verdict: Verdict) -> Words:
    """A verdict of churn, whatever the campaign is judged by."""
    told = names.VERDICTS | (forecast_words.VERDICTS if by_model(outcome) else {})
    return told[verdict]


def sides_of(outcome: Outcome, column: str) -> tuple[Words, Words]:
    """What lies left and right of 0 in a chart of differences in a column."""
    told = judged_words.SIDES | (forecast_words.SIDES if by_model(outcome) else {})
    return told[column]


def own_facts(outcome: Outcome) -> Mapping[Measure, Words]:
    """What was found of both groups, by measure, where the definition has words of its own for it."""
    own = {"contract": contract_words.FACTS, "model": forecast_words.FACTS}
    return own.get(outcome.churn_definition, {})


def rule_words(rule: Rule, outcome: Outcome) -> Words:
    """Why, in the words of the definition, else of the measure, else of every report."""
    named = judged_words.RULES.get((outcome.judged_by, rule), names.RULES[rule])
    return _own_rules(outcome).get(rule, named)


def _own_rules(outcome: Outcome) -> Mapping[Rule, Words]:
    of_value = outcome.judged_by in judged_words.VALUE
    if by_contract(outcome):
        return contract_words.RULES | (contract_words.VALUE_RULES if of_value else {})
    if foretold(outcome):
        return forecast_words.RULES | (forecast_words.VALUE_RULES if of_value else {})
    return {}


def no_value(outcome: Outcome) -> Words:
    """That nobody was worth anything at the start."""
    return contract_words.NO_VALUE if by_contract(outcome) else judged_words.NO_VALUE


def nobody_churned(outcome: Outcome) -> Words:
    """That there was no loss to compare."""
    own = {"contract": contract_words.NOBODY_CHURNED, "model": forecast_words.NOBODY_CHURNED}
    return own.get(outcome.churn_definition, judged_words.NOBODY_CHURNED)
