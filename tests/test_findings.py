"""The findings of a small run end to end, against everything recomputed from its raw rows by other means."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sqlalchemy import select
from sqlmodel import col

from app.found_lines import found_lines
from db.engine import database, reading
from db.settings import Settings, read_settings
from db.tables import Assignment, Customer, Message
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_run
from flows.sending import send_due
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load
from winback.lift.estimates import Missing, NoEstimate
from winback.lift.verdict import Verdict
from winback.outcomes.findings import Findings
from winback.outcomes.outcomes import Outcome, read_outcome, write_outcome

pytestmark = pytest.mark.slow

DAY = date(2025, 10, 31)
RUN = f"spring/manual-{DAY}"
PEOPLE = 600
DAYS = 60
TWO_VARIANTS = CAMPAIGN.replace("audience: {inactive: 60d}", "audience: {value: {top: 100%}}").replace(
    "success: {window: 60d}",
    "variants: [{name: a}, {name: b}]\nsuccess: {window: 60d, margin: 40%, guardrails: {bounced: 2%}}",
)


ORDER = [("value", "top"), ("value", "other"), ("risk", "low"), ("risk", "middle"), ("risk", "high"),
         ("orders", "1"), ("orders", "2-4"), ("orders", "5+")]  # fmt: skip


class Rows:
    """Orders of ``PEOPLE`` customers as written into the file: (customer, day, cents); a refund is below 0.

    ``days``: from DAY to the last of the window.
    """

    def __init__(self, seed: int, days: int = DAYS) -> None:
        dice = random.Random(seed)
        self.orders: list[tuple[int, date, int]] = []
        for person in range(1, PEOPLE + 1):
            for _ in range(1 + person % 6):
                self.add(person, -dice.randrange(0, 300), dice.randrange(100, 20_000))
            if dice.random() < 0.55:
                for _ in range(dice.choice([1, 1, 2, 3])):
                    self.add(person, dice.randrange(1, days + 1), int(dice.lognormvariate(8, 1)))
            if dice.random() < 0.1:
                self.add(person, dice.randrange(-DAYS, days + 1), -dice.randrange(1, 3_000))
        self.add(PEOPLE, days + 1, 500)  # the facts reach past the window

    def add(self, person: int, days: int, cents: int) -> None:
        self.orders.append((person, DAY + timedelta(days=days), cents))

    def csv(self) -> str:
        lines = [f"{p:05},o{n},{day},{cents / 100:.2f}" for n, (p, day, cents) in enumerate(self.orders)]
        return "customer_id,order_id,ordered_at,amount\n" + "\n".join(lines) + "\n"


def a_shop(folder: Path, rows: Rows, campaign: str = TWO_VARIANTS) -> Settings:
    shop = a_workspace(folder, None, campaign)
    with (shop.workspace / "winback.toml").open("a") as file:
        file.write("\n[prices]\nemail = 0.002\nsms_segment = 0.05\n")
    shop = read_settings({}, shop.workspace)
    people = [f"{n:05},c{n}@example.com,yes" for n in range(1, PEOPLE + 1)]
    load(shop, "customers", "customer_id,email,email_consent\n" + "\n".join(people) + "\n")
    load(shop, "orders", rows.csv())
    return shop


class Run:
    """A measured run and its members' rows: what the recomputation starts from.

    ``blank``: the days between DAY and the window; ``days`` of the first orders are those of the window, from 1.
    """

    def __init__(
        self,
        folder: Path,
        campaign: str = TWO_VARIANTS,
        before: Callable[[Settings], None] = lambda shop: None,
        blank: int = 0,
    ) -> None:
        rows = Rows(seed=5, days=blank + DAYS)
        self.shop = a_shop(folder, rows, campaign)
        before(self.shop)
        carry_out(manual("spring", DAY), self.shop, NOW)
        send_due(self.shop, lambda: NOW)
        self.outcome = measure_run(self.shop, RUN, NOW)
        self.members = self._members()
        self.before: Counter[int] = Counter()
        self.after: Counter[int] = Counter()
        self.days: defaultdict[int, list[int]] = defaultdict(list)
        for person, day, cents in rows.orders:
            place = (day - DAY).days
            if -DAYS < place <= 0:
                self.before[person] += cents
            elif blank < place <= blank + DAYS:
                self.after[person] += cents
                if cents >= 0:
                    self.days[person].append(place - blank)

    def _members(self) -> dict[str, list[int]]:
        with database(self.shop.database_url) as engine, reading(engine) as session:
            chosen = select(col(Assignment.arm), col(Customer.customer_id)).join(
                Customer, col(Customer.no) == col(Assignment.customer_no)
            )
            found: defaultdict[str, list[int]] = defaultdict(list)
            for arm, customer_id in session.execute(chosen):
                found[arm].append(int(customer_id))
        return found | {"treated": found["a"] + found["b"]}

    @property
    def findings(self) -> Findings:
        assert self.outcome.findings is not None
        return self.outcome.findings

    def revenue(self, arm: str) -> list[float]:
        return [self.after[person] / 100 for person in self.members[arm]]


@pytest.fixture(scope="module", params=[0, 14], ids=["no_blank_days", "14_blank_days"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    campaign = TWO_VARIANTS.replace("window: 60d", f"window: 60d, blank_out: {request.param}d")
    return Run(tmp_path_factory.mktemp("findings"), campaign, blank=request.param)


def wilson(x: int, n: int) -> tuple[float, float]:
    found = stats.binomtest(x, n).proportion_ci(method="wilson")
    return found.low, found.high


def newcombe(x1: int, n1: int, x0: int, n0: int) -> tuple[float, float]:
    (l1, u1), (l0, u0), p1, p0 = wilson(x1, n1), wilson(x0, n0), x1 / n1, x0 / n0
    return p1 - p0 - math.hypot(p1 - l1, u0 - p0), p1 - p0 + math.hypot(u1 - p1, p0 - l0)


def test_repeat_orders_are_orders_on_two_days_or_more(run: Run):
    counted = {arm: sum(len(set(run.days[p])) > 1 for p in people) for arm, people in run.members.items()}

    found = {contrast.arm: contrast for contrast in run.findings.rates}

    assert list(found) == ["treated", "a", "b"]
    for arm, contrast in found.items():
        sizes = len(run.members[arm]), len(run.members["holdout"])
        assert (contrast.column, contrast.x, contrast.n) == ("repeated", counted[arm], sizes[0])
        low, high = newcombe(counted[arm], sizes[0], counted["holdout"], sizes[1])
        assert (contrast.low, contrast.high) == pytest.approx((low, high), abs=1e-12)


def column_of(run: Run, column: str) -> dict[str, list[float]]:
    """Each member's amount in a column, from the raw rows."""
    buyers = sorted(run.after[p] / 100 for arm in ("holdout", "treated") for p in run.members[arm] if run.days[p])
    most = buyers[math.ceil(0.99 * len(buyers)) - 1]
    everybody = run.members["holdout"] + run.members["treated"]
    spent = np.array([[run.before[p] / 100, run.after[p] / 100] for p in everybody])
    slope, centre = np.cov(spent.T)[0, 1] / np.var(spent[:, 0], ddof=1), spent[:, 0].mean()
    contribution = {arm: 0.4 * np.array(run.revenue(arm)) - 0.002 * (arm != "holdout") for arm in run.members}
    own = {  # Lin: each arm its own slope
        arm: np.polyfit([run.before[p] / 100 for p in people], contribution[arm], 1)[0]
        for arm, people in run.members.items()
    }

    def amount(person: int, arm: str) -> float:
        before, after = run.before[person] / 100, run.after[person] / 100
        brought = 0.4 * after - (0.0 if arm == "holdout" else 0.002)
        return {
            "revenue": after,
            "revenue_capped": min(after, most),
            "revenue_adjusted": after - slope * (before - centre),
            "orders": len(run.days[person]),
            "value_lost": 0.0 if run.days[person] else max(before, 0.0),
            "net_contribution": brought,
            "net_contribution_adjusted": brought - own[arm] * (before - centre),
        }[column]

    held = [amount(p, "holdout") for p in run.members["holdout"]]
    return {"holdout": held} | {arm: [amount(p, arm) for p in run.members[arm]] for arm in ("treated", "a", "b")}


def test_the_cap_of_revenue_is_the_99th_percentile_of_those_who_bought(run: Run):
    """The smallest amount that 99 of 100 buyers do not exceed, refunds taken off."""
    buyers = sorted(run.after[p] / 100 for arm in ("holdout", "treated") for p in run.members[arm] if run.days[p])

    assert run.findings.revenue_cap == buyers[math.ceil(0.99 * len(buyers)) - 1]


@pytest.mark.parametrize(
    "column",
    [
        "revenue",
        "revenue_capped",
        "revenue_adjusted",
        "orders",
        "value_lost",
        "net_contribution",
        "net_contribution_adjusted",
    ],
)
def test_money_is_that_of_every_assigned_customer(run: Run, column: str):
    amounts = column_of(run, column)

    found = {contrast.arm: contrast for contrast in run.findings.money if contrast.column == column}

    assert list(found) == ["treated", "a", "b"]
    for arm, contrast in found.items():
        test = stats.ttest_ind(amounts[arm], amounts["holdout"], equal_var=False)
        ends = test.confidence_interval()
        assert contrast.n == len(run.members[arm])
        assert contrast.buyers == sum(bool(run.days[p]) for p in run.members[arm])
        assert contrast.mean == pytest.approx(fmean(amounts[arm]), rel=1e-9)
        assert (contrast.low, contrast.high) == pytest.approx((ends.low, ends.high), rel=1e-7)
        assert contrast.p_welch == pytest.approx(test.pvalue, rel=1e-6)
        pooled = stats.ttest_ind(amounts[arm], amounts["holdout"])
        assert contrast.p_pooled == pytest.approx(pooled.pvalue, rel=1e-6)


def test_churn_by_percent_of_value_is_value_lost_of_value_at_the_start(run: Run):
    worth = {arm: [max(run.before[p], 0) for p in people] for arm, people in run.members.items()}
    lost = {
        arm: [0 if run.days[p] else max(run.before[p], 0) for p in people] for arm, people in run.members.items()
    }

    found = run.findings.value_lost_share

    assert not isinstance(found, NoEstimate)
    for contrast in found:
        rates = {arm: sum(lost[arm]) / sum(worth[arm]) for arm in (contrast.arm, "holdout")}
        errors = {
            arm: np.var(np.array(lost[arm]) - rates[arm] * np.array(worth[arm]), ddof=1)
            / (len(worth[arm]) * np.mean(worth[arm]) ** 2)
            for arm in rates
        }
        assert contrast.mean == pytest.approx(rates[contrast.arm], rel=1e-12)
        assert contrast.control_mean == pytest.approx(rates["holdout"], rel=1e-12)
        assert contrast.t == pytest.approx(contrast.difference / math.sqrt(sum(errors.values())), rel=1e-9)


BY = {
    "value_lost": ("money", "value_lost"),
    "value_lost_share": ("value_lost_share", "value_lost_share"),
    "purchase_frequency": ("money", "orders"),
    "net_contribution": ("money", "net_contribution_adjusted"),
    "retention": ("rates", "retained"),
}


@pytest.mark.parametrize("measure", BY)
def test_a_campaign_is_judged_by_the_measure_of_its_file(tmp_path: Path, measure: str):
    judged = Run(tmp_path, TWO_VARIANTS.replace("window: 60d", f"window: 60d, measure: {measure}"))

    found = judged.outcome.success

    listed, column = BY[measure]
    contrasts = [each for each in getattr(judged.findings, listed) if each.column == column]
    assert [each.arm for each in contrasts] == ["treated", "a", "b"]
    assert found == contrasts[0]
    assert judged.outcome.judged_by == measure
    assert judged.findings.contest.column == column
    assert next(found_lines(judged.outcome)).startswith(f"judged by {measure}: {found.verdict}: ")
    if measure == "retention":
        stayed = {arm: sum(bool(judged.days[p]) for p in people) for arm, people in judged.members.items()}
        assert (found.x, found.control_x) == (stayed["treated"], stayed["holdout"])
    else:
        test_churn_by_percent_of_value_is_value_lost_of_value_at_the_start(judged)
        test_money_is_that_of_every_assigned_customer(judged, column if listed == "money" else "value_lost")


def test_the_weeks_are_those_of_the_first_order(run: Run):
    first = {arm: [min(run.days[p]) for p in people if run.days[p]] for arm, people in run.members.items()}

    found = run.findings.weeks

    assert [each.number for each in found] == list(range(1, 10))
    for each in found:
        counts = []
        for arm in ("treated", "holdout"):
            counts += [sum((day - 1) // 7 + 1 == each.number for day in first[arm]), len(run.members[arm])]
        assert [each.x, each.n, each.control_x, each.control_n] == counts
        assert (each.low, each.high) == pytest.approx(newcombe(*counts), abs=1e-12)


def parts_of(run: Run) -> dict[tuple[str, str], set[int]]:
    """(dimension, value) -> customers, from the run's frozen audience."""
    [file] = (run.shop.state / "audiences").glob("*.parquet")
    ledger = pl.read_parquet(file)
    risks = sorted(ledger.filter(pl.col("arm").is_not_null())["risk"].to_list())
    found: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for row in ledger.iter_rows(named=True):
        person = int(row["customer_id"])
        found["value", "top" if row["value_rank"] <= math.ceil(0.2 * ledger.height) else "other"].add(person)
        place = fmean(i for i, risk in enumerate(risks, 1) if risk == row["risk"]) / len(risks)
        found["risk", "low" if place <= 1 / 3 else "middle" if place <= 2 / 3 else "high"].add(person)
        found["orders", "1" if row["orders"] == 1 else "2-4" if row["orders"] < 5 else "5+"].add(person)
    return found


def test_segments_are_fixed_before_the_start_and_have_their_own_counts(run: Run):
    parts = parts_of(run)

    found = {(each.dimension.value, each.value): each for each in run.findings.segments}

    assert list(found) == sorted(parts, key=ORDER.index)
    assert len(found) == 8  # nobody was to be written to by text message, so channel tells nobody apart
    for key, segment in found.items():
        counts = []
        for arm in ("treated", "holdout"):
            people = [p for p in run.members[arm] if p in parts[key]]
            counts += [sum(not run.days[p] for p in people), len(people)]
        assert [segment.x, segment.n, segment.control_x, segment.control_n] == counts
        assert (segment.low, segment.high) == pytest.approx(newcombe(*counts), abs=1e-12)
    corrected = stats.false_discovery_control([each.p_newcombe for each in found.values()])
    assert [each.p_bh for each in found.values()] == pytest.approx(list(corrected))


def test_the_interaction_is_the_spread_of_the_segments_effects(run: Run):
    parts = parts_of(run)

    found = {each.dimension.value: each for each in run.findings.interactions}

    assert list(found) == ["value", "risk", "orders"]
    for dimension, interaction in found.items():
        effects, weights = [], []
        for value in interaction.segments:
            rates, squared = {}, 0.0
            for arm in ("treated", "holdout"):
                churned = [not run.days[p] for p in run.members[arm] if p in parts[dimension, value]]
                rates[arm] = fmean(churned)
                squared += np.var(churned, ddof=1) / len(churned)
            effects.append(rates["treated"] - rates["holdout"])
            weights.append(1 / squared)
        q = np.sum(np.array(weights) * (np.array(effects) - np.average(effects, weights=weights)) ** 2)
        assert interaction.q == pytest.approx(q, rel=0.02)  # the variance of a share divides by n or by n - 1
        assert interaction.p == pytest.approx(stats.chi2.sf(interaction.q, interaction.df))


def test_the_curve_is_the_share_that_has_not_come_back_yet(run: Run):
    found = {curve.arm: curve for curve in run.findings.curves}

    assert list(found) == ["treated", "a", "b", "holdout"]
    for arm, curve in found.items():
        firsts = [min(run.days[p], default=None) for p in run.members[arm]]
        assert curve.n == len(firsts)
        assert [point.day for point in curve.points] == sorted({day for day in firsts if day is not None})
        for point in curve.points:
            gone = sum(day is not None and day <= point.day for day in firsts)
            assert point.staying == pytest.approx(1 - gone / len(firsts))
    samples = [
        stats.CensoredData(
            uncensored=[min(run.days[p]) for p in run.members[arm] if run.days[p]],
            right=[DAYS for p in run.members[arm] if not run.days[p]],
        )
        for arm in ("treated", "holdout")
    ]
    assert run.findings.log_rank.p == pytest.approx(stats.logrank(*samples).pvalue, rel=1e-9)


def test_which_variant_won_is_the_contrast_between_them(run: Run):
    lost = {arm: sum(not run.days[p] for p in run.members[arm]) for arm in ("a", "b")}

    contest = run.findings.contest

    [pair] = contest.pairs
    ends = newcombe(lost["a"], len(run.members["a"]), lost["b"], len(run.members["b"]))
    assert (contest.column, pair.one, pair.other) == ("churned", "a", "b")
    assert (pair.low, pair.high) == pytest.approx(ends, abs=1e-12)
    assert contest.winner is None
    assert ends[0] < 0 < ends[1]


def test_cost_and_what_it_brought(run: Run):
    treated, held = run.revenue("treated"), run.revenue("holdout")
    cost = 0.002 * len(treated)
    ends = stats.ttest_ind(treated, held, equal_var=False).confidence_interval()
    brought = [len(treated) * each for each in (fmean(treated) - fmean(held), ends.low, ends.high)]

    found = run.findings.returns

    assert found.cost == pytest.approx({arm: 0.002 * len(run.members[arm]) for arm in ("a", "b")})
    assert found.total_cost == pytest.approx(cost)
    assert [found.revenue.value, found.revenue.low, found.revenue.high] == pytest.approx(brought, rel=1e-7)
    roi = [(0.4 * each - cost) / cost for each in brought]
    assert [found.roi.value, found.roi.low, found.roi.high] == pytest.approx(roi, rel=1e-7)
    saved = run.outcome.saved.customers
    if saved > 0:
        assert found.per_saved.value == pytest.approx(cost / saved)
    else:
        assert found.per_saved.reason is Missing.NOBODY_SAVED


def test_messages_that_went_out_without_a_price_have_no_known_cost(tmp_path: Path):
    shop = a_shop(tmp_path, Rows(seed=5))
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace("email = 0.002\n", ""))
    shop = read_settings({}, shop.workspace)
    carry_out(manual("spring", DAY), shop, NOW)
    send_due(shop, lambda: NOW)

    found = measure_run(shop, RUN, NOW).findings

    assert found.returns.total_cost is None
    assert found.returns.roi == NoEstimate(reason=Missing.COST_UNKNOWN)
    assert "net_contribution" not in {each.column for each in found.money}


def test_guardrails_are_shares_of_the_messages_that_left(run: Run):
    with database(run.shop.database_url) as engine, reading(engine) as session:
        states = Counter(session.execute(select(col(Message.state))).scalars())

    found = {each.name: each for each in run.findings.guardrails}

    assert set(states) == {"accepted"}
    assert {name: (each.share.x, each.share.n) for name, each in found.items()} == dict.fromkeys(
        ("unsubscribed", "complained", "bounced"), (0, states["accepted"])
    )
    assert [found[name].kept for name in ("complained", "bounced")] == ["no_limit", "kept"]


def test_a_reading_keeps_its_findings(run: Run):
    again: Outcome = read_outcome(write_outcome(run.outcome))

    assert again == run.outcome
    assert again.findings.rows_lost == 0
    assert replace(again, findings=None) != again


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("holdout: 50%", "holdout: 0%"),
        ("holdout: 50%", "holdout: 100%"),
        ("audience: {value: {top: 100%}}", "audience: {inactive: 999d}"),
    ],
)
def test_without_one_of_the_groups_nothing_is_claimed_and_nothing_breaks(tmp_path: Path, old: str, new: str):
    run = Run(tmp_path, TWO_VARIANTS.replace(old, new))

    found = run.findings

    contrasts = [*found.rates, *found.money]
    assert {contrast.verdict for contrast in contrasts} <= {Verdict.NOT_ENOUGH_DATA}
    assert {contrast.difference for contrast in contrasts} <= {None}
    assert isinstance(found.value_lost_share, NoEstimate)
    assert isinstance(found.log_rank, NoEstimate)
    assert isinstance(found.returns.revenue, NoEstimate)
    assert isinstance(found.returns.per_saved, NoEstimate)
    assert read_outcome(write_outcome(run.outcome)) == run.outcome
    assert list(found_lines(run.outcome))


def test_measure_calls_nothing_but_repeat_orders_so(run: Run):
    """Where retention judges, its rate stands before that of repeat orders."""
    repeated = run.findings.rates[0]
    retained = replace(repeated, column="retained", rate=0.123)
    outcome = replace(run.outcome, findings=replace(run.findings, rates=[retained, *run.findings.rates]))

    told = [line for line in found_lines(outcome) if line.startswith("ordered on two days or more")]

    assert len(told) == 1
    assert told[0].startswith(f"ordered on two days or more: {repeated.rate:.1%}, hold-out")


def test_what_measure_prints_of_a_run(run: Run):
    lines = list(found_lines(run.outcome))

    primary, repeated, returns = run.outcome.primary, run.findings.rates[0], run.findings.returns
    assert lines[0].startswith(
        f"difference {100 * primary.difference:+.1f} points (95 %: {100 * primary.low:+.1f}"
    )
    assert f"ordered on two days or more: {repeated.rate:.1%}, hold-out {repeated.control_rate:.1%}" in "\n".join(
        lines
    )
    assert f"cost of the messages: {returns.total_cost:,.2f} USD" in lines
    assert "which variant won: can't tell, by churn" in lines
    assert "bounced: 0.0%, at most 2.0%: kept" in lines
