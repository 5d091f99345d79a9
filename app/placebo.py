"""What a person is told of a run that nobody really got: by the demo and by a replay."""

from collections.abc import Iterable
from pathlib import Path

from winback.campaigns.campaign import HOLDOUT
from winback.outcomes.outcomes import TREATED, Outcome
from winback.report.headline import comparable, headline
from winback.report.words import speaker

_LANGUAGE = {".en": "English", ".zh": "Chinese"}


def show_placebo(outcome: Outcome) -> None:
    """The verdict with its numbers, and what before/after alone would have claimed."""
    said = headline(comparable(outcome), speaker(outcome.churn_definition, "en"))
    print("\n--- what the report says (placebo: nobody really got a message)")
    print(said.title)
    for sentence in said.sentences:
        print(f"  {sentence}")
    if outcome.primary and outcome.primary.difference is not None:
        naive, held = (_before_after(outcome, name) for name in (TREATED, HOLDOUT))
        print(f"  before/after alone would have claimed: inactive {naive}")
        print(f"  but the hold-out, left alone, went {held}: customers are picked at their quietest,")
        print("  so many come back whatever is done")


def show_reports(paths: Iterable[Path]) -> None:
    """One line for each report, named by its language."""
    for path in paths:
        print(f"report ({_LANGUAGE[path.suffixes[0]]})  {path}")


def _before_after(outcome: Outcome, name: str) -> str:
    group = next(group for group in outcome.before_after if group.name == name)
    return f"{_percent(group.before)} -> {_percent(group.after)}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
