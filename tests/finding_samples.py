"""Made-up members of a run, so that the report's samples have findings whose parts agree with each other."""

import random
from collections import Counter
from dataclasses import replace

from winback.lift.pairs import PairSums
from winback.outcomes.findings import Dimension
from winback.outcomes.part_sums import PartSums, RunSums, pool_parts
from winback.outcomes.seen import Seen

CURRENCY, MINOR = "USD", 100
COST_MICROS = 42_000  # of one message
MOST_MINOR = 40_000  # each customer's spend counts up to this


def seen(
    arms,
    *,
    days=90,
    messages=(),
    touched=(),
    rows_lost=0,
    overlap=None,
    letters=None,
    per_person=None,
    priced=True,
    causes=None,
    answering=0.0,
    asked="csat",
    kinds=(),
    foretold=False,
    by_contract=False,
) -> Seen:
    """``arms``: name -> (n, planned share, inactive before, inactive after); who comes back spends.

    ``answering``: of the members, how many give a score of satisfaction, ``asked`` for as csat or nps. ``kinds``:
    theirs of churn, by lot. ``foretold``: who churned is a forecast, mostly of those who stayed away.
    """
    dice = random.Random(7)
    voices, lots, cells = random.Random(8), random.Random(9), list[PartSums]()
    first: dict[str, Counter[int]] = {}
    scores: dict[str, Counter[int]] = {}
    for arm, (n, _, _, churned) in arms.items():
        people = [_a_member(dice, arm, number, churned) for number in range(n)]
        people = [_foretold(each, lots) for each in people] if foretold else people
        scores[arm] = Counter(_score(each, voices, asked) for each in people if voices.random() < answering)
        cells += _cells([_of_kind(person, lots, kinds) for person in people] if kinds else people)
        first[arm] = Counter(1 + int(dice.expovariate(2 / days)) % days for _ in range(n - churned))
    return Seen(
        sums=RunSums(days=days, cells=cells, first_orders=first, causes=causes or {}, cap_minor=MOST_MINOR,
                     scores={asked: scores}),
        members={arm: values[0] for arm, values in arms.items()},
        messages=messages, touched=touched, rows_lost=rows_lost, overlap=overlap or {},
        currency=CURRENCY, minor=MINOR, letters=letters or {}, per_person=per_person, priced=priced,
        by_contract=by_contract, by_model=foretold,
    )  # fmt: skip


def _a_member(dice: random.Random, arm: str, number: int, churned: int) -> PartSums:
    stayed = number >= churned
    before = dice.randrange(0, 20_000)
    orders = dice.choice([1, 1, 1, 2, 3]) if stayed else 0
    after = sum(int(dice.lognormvariate(8, 0.9)) for _ in range(orders))
    cost = 0 if arm == "holdout" else COST_MICROS
    capped = min(after, MOST_MINOR)
    parts = {
        Dimension.VALUE: "top" if dice.random() < 0.3 else "other",
        Dimension.RISK: dice.choice(["low", "middle", "high"]),
        Dimension.ORDERS: dice.choice(["1", "2-4", "5+"]),
        Dimension.CHANNEL: "email" if dice.random() < 0.8 else "sms",
    }
    return PartSums(
        arm=arm, parts=parts, n=1, buyers=int(stayed), churned=int(not stayed), repeated=int(orders > 1),
        spend=_pair(before, after),
        capped=(capped, capped**2), orders=(orders, orders**2), worth=_pair(before, 0 if stayed else before),
        messages=_pair(cost, after), cost_before=cost * before,
    )  # fmt: skip


def _score(member: PartSums, voices: random.Random, asked: str) -> int:
    """1 to 5, of nps twice as many, those who stayed a little happier."""
    told = voices.choice([2, 3, 4, 4, 5] if member.buyers else [1, 2, 3, 4])
    return told if asked == "csat" else 2 * told


def _foretold(member: PartSums, lots: random.Random) -> PartSums:
    lost = lots.random() < (0.05 if member.buyers else 0.8)
    before = member.spend.x if lost else 0
    return replace(member, churned=int(lost), worth=_pair(int(member.spend.x), int(before)))


def _of_kind(member: PartSums, lots: random.Random, kinds: tuple[str, ...]) -> PartSums:
    return replace(member, parts={**member.parts, Dimension.KIND: lots.choice(kinds)})


def _pair(x: int, y: int) -> PairSums:
    return PairSums(n=1, x=x, y=y, xx=x * x, yy=y * y, xy=x * y)


def _cells(people: list[PartSums]) -> list[PartSums]:
    """Members alike in every dimension as one cell, as the database counts them."""
    alike: dict[tuple[str | None, ...], list[PartSums]] = {}
    for person in people:
        alike.setdefault(tuple(person.parts.get(each) for each in Dimension), []).append(person)
    return [replace(pool_parts(group, group[0].arm), parts=group[0].parts) for group in alike.values()]
