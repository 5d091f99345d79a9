"""A shop that stands still: no order of anybody for longer than chance or habit explains.

Risks take a silence for the customers' own. Where orders stopped coming in, it is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

from winback.words import Words

QUIET_DAYS: Final = 7  # fewer say little, whatever the flow: a weekend, a holiday, last night's import
KNOWN_DAYS: Final = 28  # from first to newest order, before a flow is usual
YEAR_DAYS: Final = 365
EXPECTED: Final = 20.0  # purchase days missed: by chance (Poisson) none of 20 come once in 500 million times

_SAID: Final = Words(
    "The newest order is {days} days old ({newest}), and in the {known} days up to it {usual} customers a day "
    "ordered: orders are missing (winback import) or the shop stood still. Risks take this silence for the "
    "customers' own, so they mean little.",
    "最新订单距今 {days} 天（{newest}），而截至该日的 {known} 天内平均每天有 {usual} 名客户下单："
    "可能有订单尚未导入（winback import），或店铺停业。风险把这段沉默算作客户自身的沉默，参考意义不大。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """``days`` without an order since ``newest_on``; in the ``known_days`` up to it ``usual`` customers a day."""

    newest_on: date
    days: int
    usual: float
    known_days: int

    @property
    def said(self) -> Words:
        """It in words, and what it does to risks."""
        usual = f"{self.usual:,.1f}" if self.usual < 10 else f"{self.usual:,.0f}"
        told = {"days": self.days, "newest": self.newest_on, "known": self.known_days, "usual": usual}
        return Words(_SAID.say("en", **told), _SAID.say("zh", **told))


def standstill(customers: Mapping[date, int], as_of: date) -> Standstill | None:
    """Whether nobody orders any more at the end of ``as_of``; ``customers``: who ordered, by day, oldest first.

    Not where as long a silence was seen before, as in a shop that sells in December only.
    """
    days = list(customers)
    if not days or (silent := (as_of - days[-1]).days) < QUIET_DAYS:
        return None
    newest, known = days[-1], (days[-1] - days[0]).days + 1
    longest = max(((later - earlier).days for earlier, later in pairwise(days)), default=0)
    lately = min(known, YEAR_DAYS)
    usual = sum(number for day, number in customers.items() if (newest - day).days < lately) / lately
    if known < KNOWN_DAYS or silent <= longest or usual * silent < EXPECTED:
        return None
    return Standstill(newest_on=newest, days=silent, usual=usual, known_days=lately)
