"""The difference a treatment made, every arm against the hold-out: values in, values out.

``compare`` takes the sums of each arm and returns a ``Lift``, whose ``as_dict`` is the JSON of ``winback lift``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, TypeVar

from winback.lift.contrast import (
    MoneyContrast,
    MoneySums,
    RateContrast,
    RateSums,
    Terms,
    money_family,
    pool_money,
    pool_rates,
    rate_family,
)
from winback.lift.looks import Look
from winback.lift.significance import SampleRatio, sample_ratio
from winback.lift.verdict import MONEY_FLOOR, Conditions

S = TypeVar("S", RateSums, MoneySums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm as assigned: its customers and, where known, its planned share of all."""

    name: str
    n: int
    planned_share: Fraction | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """All contrasts of one comparison; ``pooled_*`` hold all treated arms together, where that was asked for."""

    control: str
    arms: tuple[Arm, ...]
    srm: SampleRatio | None
    rates: tuple[RateContrast, ...]
    money: tuple[MoneyContrast, ...]
    pooled_rates: tuple[RateContrast, ...] = ()
    pooled_money: tuple[MoneyContrast, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON of ``winback lift``, key for key; every value is plain."""
        return {
            "control": self.control,
            "arms": {arm.name: {"n": arm.n, "planned_share": _plain(arm.planned_share)} for arm in self.arms},
            "srm": None if self.srm is None else asdict(self.srm),
            "rates": [contrast_dict(contrast) for contrast in self.rates],
            "money": [contrast_dict(contrast) for contrast in self.money],
        }


def _plain(share: Fraction | float | None) -> float | None:
    return None if share is None else float(share)


def contrast_dict(contrast: RateContrast | MoneyContrast) -> dict[str, Any]:
    """A contrast as it stands in the JSON: without the machine keys of its rules and the p that scores have."""
    plain = asdict(contrast) | {"verdict": contrast.verdict.value}
    del plain["rules"]
    plain.pop("p_trimmed", None)
    return plain


def compare(
    *,
    control: str,
    arms: Sequence[Arm],
    rates: Sequence[RateSums] = (),
    money: Sequence[MoneySums] = (),
    lower_is_better: Collection[str] = (),
    smallest_effect: Mapping[str, float] | None = None,
    matured: bool = True,
    contaminated_share: float | None = None,
    money_floor: int = MONEY_FLOOR,
    pooled_as: str | None = None,
    look: Look | None = None,
    rows_lost: int = 0,
) -> Lift:
    """Every arm against ``control`` in every column, with Holm over the arms of a column.

    An arm without sums of a column is an empty arm. ``smallest_effect`` by column: a share for rates, an amount
    for money. ``pooled_as`` names one more contrast per column, of all treated arms together: a campaign's
    primary question, no part of the arms' Holm family.

    ``look``: one of several planned readings (winback.lift.looks): intervals as wide as its boundary, and a
    verdict before the window is complete only beyond it. ``rows_lost``: by winback.lift.verdict.rows_lost.
    Raises WrongUse for planned shares that do not add up to 1; without a planned share for every arm ``srm`` is
    None.
    """
    srm = _sample_ratio(arms)
    srm_p = srm.p if srm else None
    terms = Terms(
        conditions=Conditions(
            srm_p=srm_p,
            contaminated_share=contaminated_share,
            matured=matured,
            planned_look=look is not None,
            rows_lost=rows_lost,
        ),
        lower_is_better=lower_is_better,
        smallest_effect=smallest_effect or {},
        money_floor=money_floor,
        look=look,
    )
    treated = [arm.name for arm in arms if arm.name != control]
    by_rate = _columns(rates, control, treated, RateSums)
    by_money = _columns(money, control, treated, MoneySums)
    name = pooled_as if treated else None
    pooled_rate = [(base, [pool_rates(rest, name)]) for base, rest in by_rate] if name else []
    pooled_money = [(base, [pool_money(rest, name)]) for base, rest in by_money] if name else []
    return Lift(
        control=control,
        arms=tuple(arms),
        srm=srm,
        rates=tuple(c for base, rest in by_rate for c in rate_family(rest, base, terms)),
        money=tuple(c for base, rest in by_money for c in money_family(rest, base, terms)),
        pooled_rates=tuple(c for base, rest in pooled_rate for c in rate_family(rest, base, terms)),
        pooled_money=tuple(c for base, rest in pooled_money for c in money_family(rest, base, terms)),
    )


def _sample_ratio(arms: Sequence[Arm]) -> SampleRatio | None:
    shares = [arm.planned_share for arm in arms if arm.planned_share is not None]
    return sample_ratio([arm.n for arm in arms], shares) if 0 < len(arms) == len(shares) else None


def _columns(sums: Sequence[S], control: str, treated: Sequence[str], kind: type[S]) -> list[tuple[S, list[S]]]:
    """Per column the control's sums and the treated arms', in the order of the arms; missing sums are empty."""
    known = {(each.column, each.arm): each for each in sums}

    def find(column: str, arm: str) -> S:
        return known.get((column, arm)) or kind(column=column, arm=arm)

    names = dict.fromkeys(each.column for each in sums)
    return [(find(name, control), [find(name, arm) for arm in treated]) for name in names]
