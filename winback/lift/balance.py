"""Whether the arms were alike before t0: standardised differences of what was known of their customers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from winback.lift.intervals import Z95, Sums, mean_difference

NOTICEABLE = 0.1  # of a standard deviation (Austin 2009, Stat Med 28:3083)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One covariate in both arms; ``difference`` in standard deviations, None where it cannot be had.

    ``by_chance``: 19 of 20 random splits of these sizes stay within +- this.
    """

    covariate: str
    treated_mean: float | None
    control_mean: float | None
    difference: float | None
    by_chance: float | None

    @property
    def noticeable(self) -> bool:
        """Beyond a tenth of a standard deviation and beyond what chance explains."""
        if self.difference is None or self.by_chance is None:
            return False
        return abs(self.difference) > max(NOTICEABLE, self.by_chance)


def balance(covariates: Mapping[str, tuple[Sums, Sums]]) -> list[Balance]:
    """Each covariate's treated and control sums compared; a share's sums are those of its zeros and ones."""
    return [
        Balance(
            covariate=name, treated_mean=treated.mean, control_mean=control.mean,
            difference=standardised_difference(treated, control), by_chance=_by_chance(treated.n, control.n),
        )
        for name, (treated, control) in covariates.items()
    ]  # fmt: skip


def standardised_difference(treated: Sums, control: Sums) -> float | None:
    """Difference of means over sqrt((s1^2 + s0^2) / 2); None below two customers in an arm or without spread."""
    difference, v1, v0 = mean_difference(treated, control), treated.variance, control.variance
    if difference is None or v1 is None or v0 is None or v1 + v0 == 0:
        return None
    return difference / math.sqrt((v1 + v0) / 2)


def _by_chance(n1: int, n0: int) -> float | None:
    return Z95 * math.sqrt(1 / n1 + 1 / n0) if n1 and n0 else None
