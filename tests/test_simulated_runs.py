"""Forty campaigns of known truth end to end: chosen, split, sent to the folder, measured; equal to the bare rules.

Customers buy at their own rates, so many of those who were silent come back by themselves; the campaign multiplies
the rate of those written to. Some orders arrive only after a first reading, some messages stay unknown.
"""

import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from db.engine import database, reading, transaction
from db.settings import Settings
from db.tables import Assignment, Customer, Message
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_run
from flows.sending import send_due
from tests.workspaces import NOW, a_workspace, load
from winback.campaigns.campaign import HOLDOUT
from winback.lift.contrast import RateSums
from winback.lift.lift import Arm, compare
from winback.lift.verdict import Verdict
from winback.outcomes.outcomes import Outcome

pytestmark = pytest.mark.slow

DAY = date(2025, 10, 31)
RUN = f"spring/manual-{DAY}"
DAYS = 60
SIZES = (200, 300, 500, 900)
RIGHT = {1.0: None, 3.0: Verdict.BETTER, 0.3: Verdict.WORSE}
CAMPAIGNS = [(seed, SIZES[seed % 4], effect) for seed in range(10) for effect in (1.0, 1.0, 3.0, 0.3)]


class Simulated:
    """One campaign: its people's rates of buying, its arms, and who of them truly came back in the window."""

    def __init__(self, folder: Path, seed: int, people: int, effect: float) -> None:
        self.dice, self.effect = random.Random(f"{seed} {effect} {folder.name}"), effect
        self.shop = a_workspace(folder)
        self.rates = {n: self.dice.gammavariate(1.5, 1 / 60) for n in range(1, people + 1)}
        rows = [f"{n:05},c{n}@example.com,yes" for n in self.rates]
        load(self.shop, "customers", "customer_id,email,email_consent\n" + "\n".join(rows) + "\n")
        self.orders([(n, -self.dice.randrange(60, 200)) for n in self.rates])  # all silent for 60 days
        carry_out(manual("spring", DAY), self.shop, NOW)
        send_due(self.shop, lambda: NOW)
        self.arms = arms_of(self.shop)

    def orders(self, made: list[tuple[int, int]]) -> None:
        """Import orders of (customer, days after DAY)."""
        lines = [f"{n:05},o{self.dice.random()},{DAY + timedelta(days=days)},9.50" for n, days in made]
        load(self.shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(lines) + "\n")

    def go_by(self) -> set[int]:
        """Let twice the window pass; one order in twenty comes late. Returns who ordered in the window."""
        made = []
        for n, arm in self.arms.items():
            rate = self.rates[n] * (1.0 if arm == HOLDOUT else self.effect)
            day = self.dice.expovariate(rate)
            while day < 2 * DAYS:
                made.append((n, 1 + int(day)))
                day += self.dice.expovariate(rate)
        late = [order for order in made if self.dice.random() < 0.05]
        self.orders([order for order in made if order not in late] + [(1, 2 * DAYS + 1)])
        measure_run(self.shop, RUN, NOW, as_of=DAY)  # nothing of the window: no look
        self.orders([*late, (1, 2 * DAYS + 1)])
        return {n for n, day in made if day <= DAYS}

    def lose_events(self) -> None:
        with database(self.shop.database_url) as engine, transaction(engine) as session:
            session.execute(update(Message).where(col(Message.id) % 7 == 0).values(state="uncertain"))


def arms_of(shop: Settings) -> dict[int, str]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Customer.customer_id), col(Assignment.arm)).join(
            Assignment, col(Assignment.customer_no) == col(Customer.no)
        )
        return {int(customer_id): arm for customer_id, arm in session.execute(chosen)}


def by_the_rules(arms: dict[int, str], back: set[int]):
    """The comparison from the raw rows."""
    n, churned = Counter(arms.values()), Counter(arm for person, arm in arms.items() if person not in back)
    return compare(
        control=HOLDOUT,
        arms=[Arm(name=arm, n=n[arm], planned_share=0.5) for arm in (HOLDOUT, "message")],
        rates=[RateSums(column="churned", arm=arm, x=churned[arm], n=n[arm]) for arm in n],
        lower_is_better={"churned"},
        contaminated_share=0.0,
        pooled_as="treated",
    ).pooled_rates[0]


def test_forty_campaigns_of_known_truth_end_to_end_are_judged_as_by_the_bare_rules(tmp_path: Path):
    verdicts: dict[float, list[Verdict]] = {effect: [] for effect in RIGHT}
    for place, (seed, people, effect) in enumerate(CAMPAIGNS):
        campaign = Simulated(tmp_path / str(place), seed, people, effect)
        back = campaign.go_by()
        campaign.lose_events()

        outcome: Outcome = measure_run(campaign.shop, RUN, NOW)

        assert outcome.primary == by_the_rules(campaign.arms, back)
        assert outcome.findings.rows_lost == 0
        verdicts[effect].append(outcome.primary.verdict)

    directional = {Verdict.BETTER, Verdict.WORSE}
    assert sum(len(found) for found in verdicts.values()) == 40
    assert len([each for each in verdicts[1.0] if each in directional]) <= 4  # 5 % of 20: 1 expected, 5 in 1/400
    for effect in (3.0, 0.3):
        assert set(verdicts[effect]) & directional == {RIGHT[effect]}
