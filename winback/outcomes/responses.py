"""What people did after a campaign began: orders, clicks, replies, opt-outs, for each arm as assigned.

None of it is the effect. Members of the hold-out order too; how many more the others do is what lift.contrast
answers. An order *after a message* says that one came before the other, not that it came of it.
Opens are no response: mail programs open by themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from winback.events import State
from winback.lift.intervals import Proportion, wilson
from winback.money import major

# A message in one of these has left, and nobody has heard that it failed.
WENT_OUT = (State.ACCEPTED, State.DEFERRED, State.DELIVERED, State.COMPLAINED)
_ARRIVED = (State.DELIVERED, State.COMPLAINED)  # nobody complains of what did not arrive
_MAY_HAVE_GONE_OUT = (*WENT_OUT, State.BOUNCED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCount:
    """The messages of one arm in one state, one for each member, and what people did with them.

    ``clicked``, ``replied``, ``unsubscribed``: messages of which it is true at least once. ``clicks``: all clicks,
    ``human_clicks``: those not taken for a machine's; ``clicked`` asks for one of these.
    """

    arm: str
    state: str
    messages: int
    clicked: int = 0
    replied: int = 0
    unsubscribed: int = 0
    clicks: int = 0
    human_clicks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCount:
    """The orders (amount >= 0) of one arm's members on the days of the window that the data reach.

    ``ordered``, ``repeated``: members with an order, with orders on two days or more. ``net_minor``: all amounts,
    refunds subtracted. ``days_to_order``: median over those who ordered, from t0's day to the first order's.
    ``after_message``, ``after_click``: orders on a later day than the member's message went out, than the first
    human click on it.
    """

    arm: str
    ordered: int = 0
    repeated: int = 0
    orders: int = 0
    net_minor: int = 0
    days_to_order: float | None = None
    after_message: int = 0
    after_click: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """``x`` of ``n`` members, 0-1, with the Wilson 95 % interval; an arm of nobody has no rate."""

    x: int
    n: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came of an arm's messages; shares are of all members of the arm, written to or not."""

    sent: Share
    delivered: Share
    clicked: Share
    clicks: int
    human_clicks: int
    replied: Share
    unsubscribed: Share
    complained: Share
    bounced: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What an arm ordered; shares are of all its members, ``net_revenue`` is in major units of ``currency``.

    ``after_message``, ``after_click``: None for an arm of which no message can have gone out.
    """

    ordered: Share
    repeated: Share
    orders: int
    net_revenue: float
    currency: str
    days_to_order: float | None
    after_message: int | None
    after_click: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """What the members of one arm did.

    ``messages``: None while no message of the arm can have gone out, so always for the hold-out. ``orders``: None
    while the data reach no day of the window.
    """

    arm: str
    members: int
    messages: Answers | None
    orders: Orders | None


def by_arm(counts: Iterable[MessageCount]) -> dict[str, list[MessageCount]]:
    """Arm -> its counts, one for each state."""
    found: dict[str, list[MessageCount]] = {}
    for count in counts:
        found.setdefault(count.arm, []).append(count)
    return found


def answer_counts(messages: Sequence[MessageCount]) -> dict[str, int]:
    """What came of one arm's messages, in the words of Answers, as mere counts."""
    total = sum(count.messages for count in messages)
    found = answers(messages, total)
    return {
        "messages": total,
        "sent": found.sent.x,
        "delivered": found.delivered.x,
        "clicked": found.clicked.x,
        "clicks": found.clicks,
        "replied": found.replied.x,
        "unsubscribed": found.unsubscribed.x,
        "complained": found.complained.x,
        "bounced": found.bounced.x,
    }


def responses(
    members: Mapping[str, int],
    messages: Iterable[MessageCount],
    orders: Iterable[OrderCount] | None,
    *,
    currency: str,
) -> list[Responses]:
    """One object for each arm of ``members`` (arm -> how many), in its order.

    ``orders``: None while the data reach no day of the window; an arm that is not in it ordered nothing.
    """
    written = by_arm(messages)
    ordered = None if orders is None else {count.arm: count for count in orders}
    return [_of_arm(arm, n, written.get(arm, []), ordered, currency) for arm, n in members.items()]


def _of_arm(
    arm: str, n: int, messages: Sequence[MessageCount], orders: Mapping[str, OrderCount] | None, currency: str
) -> Responses:
    gone = any(count.state in _MAY_HAVE_GONE_OUT for count in messages)
    return Responses(
        arm=arm,
        members=n,
        messages=answers(messages, n) if gone else None,
        orders=None if orders is None else _orders(orders.get(arm, OrderCount(arm=arm)), n, currency, gone=gone),
    )


def answers(messages: Sequence[MessageCount], n: int) -> Answers:
    """What came of the messages of an arm of ``n`` members."""

    def among(*states: State) -> Share:
        return share(sum(count.messages for count in messages if count.state in states), n)

    return Answers(
        sent=among(*WENT_OUT),
        delivered=among(*_ARRIVED),
        clicked=share(sum(count.clicked for count in messages), n),
        clicks=sum(count.clicks for count in messages),
        human_clicks=sum(count.human_clicks for count in messages),
        replied=share(sum(count.replied for count in messages), n),
        unsubscribed=share(sum(count.unsubscribed for count in messages), n),
        complained=among(State.COMPLAINED),
        bounced=among(State.BOUNCED),
    )


def _orders(count: OrderCount, n: int, currency: str, *, gone: bool) -> Orders:
    return Orders(
        ordered=share(count.ordered, n),
        repeated=share(count.repeated, n),
        orders=count.orders,
        net_revenue=float(major(count.net_minor, currency)),
        currency=currency,
        days_to_order=count.days_to_order,
        after_message=count.after_message if gone else None,
        after_click=count.after_click if gone else None,
    )


def share(x: int, n: int) -> Share:
    """``x`` of ``n`` with its interval."""
    part = Proportion(x=x, n=n)
    interval = wilson(part)
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Share(x=x, n=n, rate=part.rate, low=low, high=high)
