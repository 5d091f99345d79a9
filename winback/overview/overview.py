"""The churn overview: what the page of `winback churn --out` shows."""

from dataclasses import dataclass
from datetime import date

from winback.churners.portraits import Portraits
from winback.overview.churn import Churn
from winback.overview.cohorts import Cohort
from winback.overview.staying import Staying
from winback.overview.trend import Comparison, MonthChurn, MonthSales
from winback.scores.high_value import HighValue
from winback.signals.early_warning import EarlyWarnings


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Churn around one day.

    ``churn`` is that of the window after its day, which the data may not cover yet; ``begins`` is the month of the
    first fact; ``months`` are oldest first; ``comparison`` is None while the data are too short for one.
    """

    churn: Churn
    begins: date | None
    months: tuple[MonthChurn, ...]
    sales: tuple[MonthSales, ...]
    comparison: Comparison | None
    cohorts: tuple[Cohort, ...]
    staying: Staying
    high_value: HighValue
    warnings: EarlyWarnings
    reasons: tuple[Churn, ...]  # of the newest month with a rate: by kind, by cause; empty without one
    portraits: Portraits | None = None  # of the same lost; None without such a month

    @property
    def newest(self) -> MonthChurn | None:
        """The newest month that had active customers and whose window is complete."""
        return next((each for each in reversed(self.months) if each.churn.rate is not None), None)

    def before(self, months: int) -> MonthChurn | None:
        """The month that many before the newest one with a rate."""
        if self.newest is None:
            return None
        place = self.months.index(self.newest) - months
        return self.months[place] if place >= 0 else None
