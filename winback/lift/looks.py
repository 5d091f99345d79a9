"""Readings before the end: an interim result must be farther out, so that looking often claims nothing more often.

The boundaries are those of winback.lift.boundaries.
"""

from dataclasses import dataclass

from winback.lift.significance import normal_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A reading at ``fraction`` (0-1) of the information: |z| must reach ``boundary`` for a verdict.

    The interval of a look is drawn at ``boundary`` in place of 1.96.
    """

    fraction: float
    boundary: float

    @property
    def alpha(self) -> float:
        """The two-sided level of this one reading."""
        return normal_p(self.boundary)
