"""How far a reading before the window's end must be out, and how far the one at its end after such readings.

Churn is a share of customers who have not come back by a day, so the difference after d days is as precise as the
pooled odds of having come back: its successive values correlate as sqrt(odds_d / odds_D) (Bernoulli shares of one
cohort, variance F (1 - F)). Those odds are the information. At the window's end there will be as much as scoring
expected, or as follows from the pace so far, whichever is more: the other way round too much would be spent early.
What an earlier look was judged at stands whatever comes of that forecast; it has spent what it spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from winback.lift.boundaries import CLOSEST, NEVER, look_at
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
    there is. Nearly the same data as an earlier look's are the same look, at its boundary; with less than an
    earlier one had, nothing can be claimed.
    """
    last = day == days
    if not 0 < back < n + last or (last and not earlier):
        return None
    information = _odds(min(back, n - 0.5) / n)  # all of them back: as if half a customer were not
    if last:
        return _taken(through, information, information, earlier)
    at_this_pace = 1 - (1 - back / n) ** (days / day)
    final = max(_odds(expected_share), _odds(at_this_pace), information / LATEST)
    if same := [each for each in earlier if abs(each.information - information) < CLOSEST * final]:
        return replace(same[0], through=through)
    return _taken(through, information, final, earlier) if information >= CLOSEST * final else None


def _taken(through: date, information: float, final: float, earlier: Sequence[LookTaken]) -> LookTaken:
    """With the last of the data those that knew no less are the same look: corrections can take some away."""
    fraction, last = information / final, information == final
    known = [Look(fraction=min(each.information, information) / final, boundary=each.boundary) for each in earlier]
    ahead = not last and any(each.information > information for each in earlier)
    boundary = NEVER if ahead else look_at(fraction, earlier=known).boundary
    return LookTaken(through=through, information=information, fraction=fraction, boundary=boundary)


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else float("inf")
