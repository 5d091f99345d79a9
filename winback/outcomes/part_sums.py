"""What a part of a run did in the window, as sums: all that a comparison of arms needs, and that adds up.

A cell is those of an arm that were alike before t0 in every dimension; any other part is cells added together.
Amounts are minor units of one currency, costs millionths of its major unit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from winback.campaigns.churn_kind import NO_KIND, ChurnKind
from winback.campaigns.limits import MICROS
from winback.lift.contrast import MoneySums, RateSums
from winback.lift.intervals import Amount
from winback.lift.pairs import PairSums, pool_pairs
from winback.lift.survival import Exits
from winback.lift.trimming import Answers
from winback.outcomes.findings import Dimension

CHURNED, RETAINED, REPEATED = "churned", "retained", "repeated"
NO_ORDER = "no_order"  # seen, beside a forecast
RATES = (CHURNED, RETAINED, REPEATED, NO_ORDER)
REVENUE, CAPPED, ADJUSTED, ORDERS = "revenue", "revenue_capped", "revenue_adjusted", "orders"
VALUE_LOST, LOST_SHARE, CONTRIBUTION = "value_lost", "value_lost_share", "net_contribution"
ADJUSTED_CONTRIBUTION = "net_contribution_adjusted"
SCORES = ("nps", "csat")  # kinds of feedback with a score
SHARES = (*RATES, LOST_SHARE)  # the other columns are amounts, but for these:
NUMBERS = (ORDERS, *SCORES)
# Parts that have an order other than the alphabet's.
_IN_ORDER = {
    value: place
    for place, value in enumerate(("top", "other", "low", "middle", "high", "1", "2-4", "5+", *ChurnKind, NO_KIND))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSums:
    """``n`` members; ``buyers`` (an order), how many churned, came again (orders on two days or more).

    Churned: no order, or by contract none at the end of the window, or by the model predicted lost then.

    ``spend``: x = net spend in the window before t0, y = in the window after. ``capped``, ``orders``: (sum, sum of
    squares) of y cut off at the 99th percentile of buyers, and of the number of orders. ``worth``: x = value at
    the start (spend before t0, at least 0; by contract what is paid a month), y = what of it was lost.
    ``messages``: x = cost, y = net spend after. ``cost_before``: the sum of cost times spend before.
    """

    arm: str
    parts: Mapping[Dimension, str | None] = field(default_factory=dict)
    n: int
    buyers: int
    churned: int
    repeated: int
    spend: PairSums
    capped: tuple[Amount, Amount]
    orders: tuple[Amount, Amount]
    worth: PairSums
    messages: PairSums
    cost_before: Amount

    @property
    def stayed(self) -> int:
        """Members who did not churn."""
        return self.n - self.churned

    def rate(self, column: str) -> RateSums:
        """One of RATES."""
        counted = {
            CHURNED: self.churned, RETAINED: self.stayed, REPEATED: self.repeated, NO_ORDER: self.n - self.buyers,
        }  # fmt: skip
        return RateSums(column=column, arm=self.arm, x=counted[column], n=self.n)

    def money(self, column: str, total: Amount, squares: Amount, unit: int = 1) -> MoneySums:
        """A mean per member from sums in ``unit``-ths of what it is told in; value is kept by who stayed."""
        return MoneySums(
            column=column, arm=self.arm, n=self.n,
            buyers=self.stayed if column in (VALUE_LOST, LOST_SHARE) else self.buyers,
            total=Fraction(total) / unit, total_sq=Fraction(squares) / unit**2,
        )  # fmt: skip

    def contribution(self, margin: Fraction, minor: int) -> PairSums:
        """x = net spend before t0, y = margin x net spend after - cost; major units of ``minor`` minor units."""
        of_spend, of_cost = margin / minor, Fraction(1, MICROS)
        k, y, kk, yy, ky = (Fraction(getattr(self.messages, name)) for name in ("x", "y", "xx", "yy", "xy"))
        crossed = of_spend * Fraction(self.spend.xy) - of_cost * Fraction(self.cost_before)
        return PairSums(
            n=self.n,
            x=Fraction(self.spend.x) / minor,
            y=of_spend * y - of_cost * k,
            xx=Fraction(self.spend.xx) / minor**2,
            yy=of_spend**2 * yy - 2 * of_spend * of_cost * ky + of_cost**2 * kk,
            xy=crossed / minor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSums:
    """A run in the window: the cells of all arms, and per arm on which day (from 1) how many first came back.

    Those who did not come back were watched for all ``days`` of the window. ``causes``: arm -> cause -> of those
    who churned, how many named it in the window. ``cap_minor``: what spend is cut off at; 0: nobody bought.
    ``scores``: kind (SCORES) -> arm -> score -> members who gave it in the window, each the newest.
    """

    days: int
    cells: Sequence[PartSums]
    first_orders: Mapping[str, Mapping[int, int]]
    causes: Mapping[str, Mapping[str, int]]
    cap_minor: int
    scores: Mapping[str, Mapping[str, Mapping[int, int]]] = field(default_factory=dict)

    def arm(self, name: str) -> PartSums:
        """All members of an arm."""
        return self.together([name], name)

    def together(self, names: Sequence[str], name: str) -> PartSums:
        """All members of some arms as one arm called ``name``."""
        return pool_parts((cell for cell in self.cells if cell.arm in names), name)

    def part(self, names: Sequence[str], name: str, dimension: Dimension, value: str) -> PartSums:
        """Those of some arms as one who are alike in one way."""
        chosen = (cell for cell in self.cells if cell.arm in names and cell.parts.get(dimension) == value)
        return pool_parts(chosen, name)

    def values(self, dimension: Dimension) -> list[str]:
        """The parts there are of a dimension; customers of whom it is not known are in none."""
        found = {value for cell in self.cells if (value := cell.parts.get(dimension)) is not None}
        return sorted(found, key=lambda value: (_IN_ORDER.get(value, len(_IN_ORDER)), value))

    def back_between(self, names: Sequence[str], first_day: int, last_day: int) -> int:
        """How many of some arms first came back on these days, both included."""
        days = [day for name in names for day in self.first_orders.get(name, {}).items()]
        return sum(n for day, n in days if first_day <= day <= last_day)

    def lost_for(self, names: Sequence[str]) -> dict[str, int]:
        """Of those of some arms who churned, how many named each cause."""
        found: Counter[str] = Counter()
        for name in names:
            found.update(self.causes.get(name, {}))
        return dict(found)

    def answers(self, kind: str, names: Sequence[str]) -> Answers:
        """The scores of a kind that those of some arms gave."""
        given: Counter[int] = Counter()
        for name in names:
            given.update(self.scores.get(kind, {}).get(name, {}))
        return Answers(n=sum(cell.n for cell in self.cells if cell.arm in names), scores=dict(given))

    def exits(self, *names: str) -> list[Exits]:
        """By day how many of some arms together first came back; the others are watched to the window's end."""
        counted: dict[int, int] = {}
        for name in names:
            for day, n in self.first_orders.get(name, {}).items():
                counted[day] = counted.get(day, 0) + n
        rest = sum(cell.n for cell in self.cells if cell.arm in names) - sum(counted.values())
        back = [Exits(day=day, left=n) for day, n in sorted(counted.items())]
        return [*back, Exits(day=self.days, censored=rest)]


def pool_parts(parts: Iterable[PartSums], arm: str) -> PartSums:
    """Parts as one: adding parts is adding sums; no parts are nobody."""
    parts = list(parts)
    return PartSums(
        arm=arm,
        n=sum(part.n for part in parts),
        buyers=sum(part.buyers for part in parts),
        churned=sum(part.churned for part in parts),
        repeated=sum(part.repeated for part in parts),
        spend=pool_pairs(part.spend for part in parts),
        capped=_added(part.capped for part in parts),
        orders=_added(part.orders for part in parts),
        worth=pool_pairs(part.worth for part in parts),
        messages=pool_pairs(part.messages for part in parts),
        cost_before=sum(part.cost_before for part in parts),
    )


def _added(pairs: Iterable[tuple[Amount, Amount]]) -> tuple[Amount, Amount]:
    pairs = list(pairs)
    return sum(total for total, _ in pairs), sum(squares for _, squares in pairs)
