"""How far a reading before the window's end must be out, and how far the one at its end after such readings.

Churn is a share of customers who have not come back by a day, so the difference after d days is as precise as the
pooled odds of having come back: its successive values correlate as sqrt(odds_d / odds_D) (Bernoulli shares of one
cohort, variance F (1 - F)). Those odds are the information. At the window's end there will be as much as scoring
expected, or as follows from the pace so far, whichever is more: the other way round too much would be spent early.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from winback.lift.boundaries import CLOSEST, look_at
from winback.lift.looks import Look

LATEST = 0.99  # as much of the final information as a reading before the end can have


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTaken:
    """A reading with the data through a day; ``boundary`` takes the place of 1.96.

    ``information``: pooled odds of having come back; ``fraction``: that as a share (0-1) of what is expected at
    the window's end.
    """

    through: date
    information: float
    fraction: float
    boundary: float

    @property
    def look(self) -> Look:
        """The boundary as comparisons take it."""
        return Look(fraction=self.fraction, boundary=self.boundary)


def take_look(
    *, through: date, day: int, days: int, n: int, back: int, expected_share: float, earlier: Sequence[LookTaken]
) -> LookTaken | None:
    """The look at ``back`` of ``n`` members, both arms together, who came back by ``through``.

    That is day ``day`` of ``days``. ``expected_share``: of all, by the window's end, as expected at t0. None
    before there is information, and at the window's end when nobody looked before: then it is the only reading
    there is. Earlier looks keep their information, and their fractions follow what is known now of the final one.
    """
    if not 0 < back < n or (day == days and not earlier):
        return None
    information = _odds(back / n)
    at_this_pace = 1 - (1 - back / n) ** (days / day)
    final = max(_odds(expected_share), _odds(at_this_pace), information / LATEST)
    final = information if day == days else final
    fraction = information / final
    if fraction < CLOSEST:
        return None
    before = _apart([each.information / final for each in earlier if each.information < information], fraction)
    boundary = look_at(fraction, earlier=before).boundary
    return LookTaken(through=through, information=information, fraction=fraction, boundary=boundary)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else float("inf")


def _apart(fractions: Sequence[float], last: float) -> list[float]:
    """Fractions in order, those too close to the one before left out: the same data read again is one look."""
    kept: list[float] = []
    for fraction in sorted(fractions):
        if fraction - (kept[-1] if kept else 0.0) >= CLOSEST and fraction <= last - CLOSEST:
            kept.append(fraction)
    return kept
