"""A recipe: which models the scores are made of. A backtest chooses one; without it ``default_recipe`` holds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from winback.scores.btyd import Family


class Model(StrEnum):
    """What risks can be computed with."""

    PARETO_NBD = "Pareto/NBD"
    SEASONAL = "seasonal Pareto/NBD"  # by the clock of ``season_clock``
    MBG_NBD = "MBG/NBD"
    BG_NBD = "BG/NBD"
    NBD = "NBD"
    LOGISTIC = "logistic"
    LIGHTGBM = "LightGBM"
    QUINTILES = "R+F quintiles"

    @property
    def family(self) -> Family:
        """Of BG/NBD, MBG/NBD and NBD."""
        return Family(self.value)


ORDER_MODELS = (Model.PARETO_NBD, Model.SEASONAL, Model.MBG_NBD, Model.BG_NBD)
LEARNERS = (Model.LOGISTIC, Model.LIGHTGBM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Models whose logits of risk are averaged with equal weights.

    ``orders``: the model of orders, which gives the learners two of their columns, the level where the learners
    have none, and the expected value; R+F quintiles alone do without it. ``season``: shift the level by what the
    same season last year showed; not of a seasonal model, which knows it.
    ``learned_value``: take the geometric mean of expected value and LightGBM's, where LightGBM is a part.
    """

    parts: tuple[Model, ...]
    orders: Model = Model.PARETO_NBD
    season: bool = True
    learned_value: bool = True

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each part, sum 1."""
        return {part.value: round(1 / len(self.parts), 6) for part in self.parts}

    def as_dict(self) -> dict[str, Any]:
        """As the database keeps it."""
        return {
            "parts": [part.value for part in self.parts],
            "orders": self.orders.value,
            "season": self.season,
            "learned_value": self.learned_value,
        }

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Recipe":
        """What ``as_dict`` gave."""
        return cls(
            parts=tuple(Model(part) for part in kept["parts"]),
            orders=Model(kept["orders"]),
            season=bool(kept["season"]),
            learned_value=bool(kept["learned_value"]),
        )


PLAIN = Recipe(parts=(Model.PARETO_NBD, Model.LOGISTIC))
FULL = Recipe(parts=(Model.PARETO_NBD, Model.LOGISTIC, Model.LIGHTGBM))


def default_recipe(*, lightgbm: bool) -> Recipe:
    """What holds before a backtest has chosen: everything that is installed, with equal weights."""
    return FULL if lightgbm else PLAIN
