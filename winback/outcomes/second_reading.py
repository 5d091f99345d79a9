"""The first reading beside the second, at twice the window: did what was seen last?"""

from dataclasses import dataclass
from enum import StrEnum

from winback.lift.contrast import MoneyContrast, RateContrast
from winback.lift.verdict import Verdict

_TOLD = (Verdict.BETTER, Verdict.WORSE)


class Lasted(StrEnum):
    """What became of the first reading's effect."""

    STAYED = "stayed"  # the second verdict is the first
    FADED = "faded"  # the second interval leaves out what was seen at first, on the side of nothing
    TURNED_ROUND = "turned_round"  # the second verdict is the opposite
    CANT_TELL = "cant_tell"  # the second interval holds nothing as well as what was seen at first
    NOTHING_TO_LAST = "nothing_to_last"  # the first reading told no effect


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstReading:
    """The final reading at the window's end, as it was frozen: ``found`` of what the campaign is judged by.

    ``alpha``: the level of its interval.
    """

    days: int
    alpha: float
    found: RateContrast | MoneyContrast


def lasted(first: FirstReading, second: RateContrast | MoneyContrast | None) -> Lasted:
    """By the two verdicts and the second interval; who was not told apart at first cannot have stayed apart."""
    if first.found.verdict not in _TOLD:
        return Lasted.NOTHING_TO_LAST
    if second is None:
        return Lasted.CANT_TELL
    if second.verdict in _TOLD:
        return Lasted.STAYED if second.verdict is first.found.verdict else Lasted.TURNED_ROUND
    if second.verdict is Verdict.NO_EFFECT_WORTH_HAVING:
        return Lasted.FADED
    return Lasted.FADED if second.verdict is Verdict.CANT_TELL and _left_out(first, second) else Lasted.CANT_TELL


def _left_out(first: FirstReading, second: RateContrast | MoneyContrast) -> bool:
    """Whether what was seen at first is outside the interval of the second."""
    seen, low, high = first.found.difference, second.low, second.high
    return seen is not None and low is not None and high is not None and not low <= seen <= high
