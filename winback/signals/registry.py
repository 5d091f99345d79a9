"""The registry of early-warning signals: a new one is one function and one entry of SIGNALS.

A test is an expression over one customer's row at the end of a day: the columns of WATCHED, ``<kind>_now`` and
``<kind>_before`` of each kind of activity in KINDS_READ, the ``emails`` he got and of them ``unclicked`` since his
last click, ``monthly_now``, ``monthly_before``, ``expires`` of his contracts and ``unhappy`` of his newest answer
in the window; what he has nothing of is 0 or false, an answer null.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import polars as pl

HALF, CHEAPER, RHYTHMS, UNANSWERED = 0.5, 0.7, 2.0, 5
EVERYBODY: Final = pl.lit(True)
Test: TypeAlias = tuple[pl.Expr, pl.Expr]  # whom it looks at, and whom of these it flags
_VISITS, _UNLIKED = ("visit", "login"), ("unlike", "unfollow")


class Direction(StrEnum):
    """Which way a signal points."""

    FALLS = "falls"  # less than in the window before
    LONGER = "longer"  # a silence that grows
    NEAR = "near"  # a day that comes
    HAPPENED = "happened"  # once is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One signal: its name, its definition in words ({days} = the window), and its test.

    ``needs``: kinds of activity, or "feedback" or "contracts", of which one at least must have been imported; none
    for a signal of orders alone.
    """

    name: str
    direction: Direction
    test: Callable[[], Test]
    needs: tuple[str, ...] = ()
    en: str
    zh: str
    en_text: str
    zh_text: str


def frequency_falls() -> Test:
    """At most half as many purchase days as in the window before, of those with two or more in it."""
    return pl.col("days_before") >= 2, pl.col("days_now") <= HALF * pl.col("days_before")


def value_falls() -> Test:
    """Net spend per purchase day at most 70 % of that in the window before, where refunds left any."""
    now = pl.col("net_now_minor") / pl.col("days_now")
    before = pl.col("net_before_minor") / pl.col("days_before")
    return pl.col("net_before_minor") > 0, now <= CHEAPER * before


def out_of_rhythm() -> Test:
    """A silence longer than twice the customer's own mean gap, of three purchase days or more."""
    span = (pl.col("last_order_on") - pl.col("first_order_on")).dt.total_days()
    silent = (pl.col("as_of") - pl.col("last_order_on")).dt.total_days()
    return pl.col("purchase_days") >= 3, silent * (pl.col("purchase_days") - 1) > RHYTHMS * span


def visits_fall() -> Test:
    """At most half as many visits and logins, of two or more."""
    return _fewer(*_VISITS)


def enquiries_fall() -> Test:
    """At most half as many enquiries, of two or more."""
    return _fewer("enquiry")


def contact_silence() -> Test:
    """No contact with the salesperson, of those who had one in the window before."""
    return pl.col("contact_before") > 0, pl.col("contact_now") == 0


def expiry_near() -> Test:
    """Neither enquiry nor contact, of those whose contract must be renewed in the window to come."""
    return pl.col("expires"), pl.col("enquiry_now") + pl.col("contact_now") == 0


def stopped_clicking() -> Test:
    """No click by a person, of those who clicked in the window before."""
    return pl.col("click_before") > 0, pl.col("click_now") == 0


def no_answer() -> Test:
    """The newest UNANSWERED e-mails without a click by a person, of those who got as many."""
    return pl.col("emails") >= UNANSWERED, pl.col("unclicked") >= UNANSWERED


def downgraded() -> Test:
    """Pays less a month for live contracts than one window ago, but not nothing."""
    paid = (pl.col("monthly_now") > 0) & (pl.col("monthly_before") > 0)
    return paid, pl.col("monthly_now") < pl.col("monthly_before")


def returned() -> Test:
    """A return, or an order refunded."""
    return EVERYBODY, (pl.col("return_now") > 0) | (pl.col("refunds_now") > 0)


def low_score() -> Test:
    """The newest answer is unhappy, of those who answered in the window."""
    return pl.col("unhappy").is_not_null(), pl.col("unhappy")


def happened(*kinds: str) -> Callable[[], Test]:
    """The test whether one of these kinds of activity happened in the window."""
    return lambda: (EVERYBODY, pl.sum_horizontal(f"{kind}_now" for kind in kinds) > 0)


def _fewer(*kinds: str) -> Test:
    now, before = (pl.sum_horizontal(f"{kind}_{when}" for kind in kinds) for when in ("now", "before"))
    return before >= 2, now <= HALF * before


SIGNALS: Final[tuple[Signal, ...]] = (
    Signal(
        name="frequency_falls", direction=Direction.FALLS, test=frequency_falls,
        en="Buys less often", zh="购买频率下降",
        en_text="at most half as many purchase days in the last {days} days as in the {days} before (2 or more)",
        zh_text="最近 {days} 天的购买天数不到前 {days} 天（至少 2 天）的一半",
    ),
    Signal(
        name="value_falls", direction=Direction.FALLS, test=value_falls,
        en="Spends less each time", zh="单次消费金额下降",
        en_text="spend per purchase day, less refunds, at most 70% of that in the {days} days before",
        zh_text="最近 {days} 天每次购买金额（扣除退款）不超过前 {days} 天的 70%",
    ),
    Signal(
        name="out_of_rhythm", direction=Direction.LONGER, test=out_of_rhythm,
        en="Away longer than usual for this customer", zh="超出自身购买节奏",
        en_text="no order for more than twice the customer's own mean gap (3 purchase days or more)",
        zh_text="未下单时间超过自身平均购买间隔的 2 倍（至少 3 个购买日）",
    ),
    Signal(
        name="visits_fall", direction=Direction.FALLS, test=visits_fall, needs=_VISITS,
        en="Visits less", zh="访问或登录减少",
        en_text="at most half as many visits and logins in the last {days} days as in the {days} before (2+)",
        zh_text="最近 {days} 天的访问和登录次数不到前 {days} 天（至少 2 次）的一半",
    ),
    Signal(
        name="enquiries_fall", direction=Direction.FALLS, test=enquiries_fall, needs=("enquiry",),
        en="Asks less", zh="咨询减少",
        en_text="at most half as many enquiries in the last {days} days as in the {days} before (2 or more)",
        zh_text="最近 {days} 天的咨询次数不到前 {days} 天（至少 2 次）的一半",
    ),
    Signal(
        name="contact_silence", direction=Direction.LONGER, test=contact_silence, needs=("contact",),
        en="Silent with the salesperson", zh="与销售长期无联系",
        en_text="no contact in the last {days} days, but in the {days} before",
        zh_text="前 {days} 天有联系，最近 {days} 天没有",
    ),
    Signal(
        name="expiry_near", direction=Direction.NEAR, test=expiry_near, needs=("contracts",),
        en="Expires soon, has not asked", zh="即将到期且未咨询续约",
        en_text="a contract is up for renewal in the next {days} days; no enquiry or contact in the last {days}",
        zh_text="合同将在未来 {days} 天内到期，最近 {days} 天没有咨询或联系",
    ),
    Signal(
        name="unsubscribed", direction=Direction.HAPPENED, test=happened("unsubscribe"),
        needs=("unsubscribe", "email"),
        en="Unsubscribed", zh="退订",
        en_text="opted out of messages in the last {days} days", zh_text="最近 {days} 天内退订消息",
    ),
    Signal(
        name="stopped_clicking", direction=Direction.FALLS, test=stopped_clicking, needs=("click", "email"),
        en="Stopped clicking", zh="不再点击",
        en_text="a person's click in the {days} days before, none in the last {days}",
        zh_text="前 {days} 天有真人点击，最近 {days} 天没有",
    ),
    Signal(
        name="no_answer", direction=Direction.LONGER, test=no_answer, needs=("email",),
        en="No answer to five e-mails", zh="连续五封邮件无点击",
        en_text="the newest 5 e-mails without a click by a person", zh_text="最近 5 封邮件没有真人点击",
    ),
    Signal(
        name="complaint", direction=Direction.HAPPENED, test=happened("complaint"), needs=("complaint",),
        en="Complained", zh="投诉",
        en_text="a complaint in the last {days} days", zh_text="最近 {days} 天内有投诉",
    ),
    Signal(
        name="late_delivery", direction=Direction.HAPPENED, test=happened("late_delivery"),
        needs=("late_delivery",), en="Delivered late", zh="延迟交付",
        en_text="a late delivery in the last {days} days", zh_text="最近 {days} 天内有延迟交付",
    ),
    Signal(
        name="low_score", direction=Direction.HAPPENED, test=low_score, needs=("feedback",),
        en="Unhappy answer", zh="满意度低",
        en_text="the newest answer of the last {days} days is an NPS of 6 or less or a satisfaction of 2 or less",
        zh_text="最近 {days} 天内最新的回答为 NPS 6 分及以下或满意度 2 分及以下",
    ),
    Signal(
        name="returned", direction=Direction.HAPPENED, test=returned,
        en="Sent something back", zh="退货",
        en_text="a return or a refund in the last {days} days", zh_text="最近 {days} 天内有退货或退款",
    ),
    Signal(
        name="unliked", direction=Direction.HAPPENED, test=happened(*_UNLIKED), needs=_UNLIKED,
        en="Stopped following", zh="取消关注或点赞",
        en_text="unfollowed or unliked in the last {days} days", zh_text="最近 {days} 天内取消关注或点赞",
    ),
    Signal(
        name="downgraded", direction=Direction.FALLS, test=downgraded, needs=("contracts",),
        en="Downgraded", zh="降级",
        en_text="pays less a month for live contracts than {days} days ago",
        zh_text="在用合同的月费低于 {days} 天前",
    ),
)  # fmt: skip

KINDS_READ: Final = frozenset(
    {"enquiry", "contact", "click", "return"}
    | {kind for signal in SIGNALS for kind in signal.needs if kind not in ("feedback", "contracts")}
)
