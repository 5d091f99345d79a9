"""A campaign judged by contracts, end to end: who is in, who was lost, what it cost; anew from the rows."""

import json
import math
import random
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats

from app.cli import main
from app.commands.preview import sight_lines
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.choosing import choose_now
from flows.measuring import measure_again, measure_run
from flows.previewing import preview
from tests.test_findings import TWO_VARIANTS, Run, newcombe
from tests.test_other_facts import SUB, bring
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load, write_campaign
from winback.errors import CampaignError
from winback.gallery.sight import Basis
from winback.intake.fields import Kind
from winback.outcomes.outcomes import read_outcome, write_outcome
from winback.report.page import render
from winback.words import LANGUAGES

DAY, DAYS = date(2025, 10, 31), 60
END = DAY + timedelta(days=DAYS)
BY_CONTRACT = TWO_VARIANTS.replace("churn: {within: 60d}", "churn: {within: 60d, definition: contract}")


class Contracts:
    """Of 600 customers: (customer, id, started, ended, renews, cents); 500 hold one at DAY, some two."""

    def __init__(self) -> None:
        dice = random.Random(3)
        self.rows: list[tuple[int, str, date, date | None, date | None, int]] = []
        for person in range(1, 501):
            for number in range(dice.choice([1, 1, 2])):
                self.add(dice, person, f"{person}-{number}")
            if dice.random() < 0.1:  # changed into another one within the window
                begun = DAY + timedelta(days=dice.randrange(1, 60))
                self.rows.append((person, f"{person}-n", begun, None, None, 700))
        for person in range(501, 551):  # ended before, or begins after
            self.rows.append(
                (person, f"{person}-o", date(2024, 1, 1), DAY - timedelta(days=person % 7), None, 900)
            )

    def add(self, dice: random.Random, person: int, name: str) -> None:
        ended = DAY + timedelta(days=dice.randrange(1, 90)) if dice.random() < 0.5 else None
        renews = DAY + timedelta(days=dice.randrange(1, 200)) if dice.random() < 0.3 else None
        started = DAY - timedelta(days=dice.randrange(1, 700))
        self.rows.append((person, name, started, ended, renews, dice.randrange(500, 9_000)))

    def csv(self) -> str:
        lines = [
            f"{p:05},{name},{started},{ended or ''},{renews or ''},{cents / 100:.2f},,"
            for p, name, started, ended, renews, cents in self.rows
        ]
        return SUB + "\n".join(lines) + "\n"

    def held(self, day: date) -> dict[int, int]:
        """Customer -> cents a month for the contracts live at the end of a day."""
        found: dict[int, int] = {}
        for person, _, started, ended, renews, cents in self.rows:
            ends = ended or renews
            if started <= day and (ends is None or ends > day):
                found[person] = found.get(person, 0) + cents
        return found


def with_contracts(shop: Settings) -> None:
    bring(shop, Kind.SUBSCRIPTIONS, Contracts().csv(), complete_through=END + timedelta(days=1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("contracts"), BY_CONTRACT, before=with_contracts)


@pytest.mark.slow
def test_only_who_has_a_live_contract_is_chosen_from(run: Run):
    inside = set(run.members["holdout"] + run.members["treated"])

    assert inside == set(Contracts().held(DAY))
    assert run.outcome.waterfall == {}  # whoever has none was not to be chosen from


@pytest.mark.slow
def test_churned_is_who_has_no_contract_at_the_end_of_the_window(run: Run):
    kept = Contracts().held(END)
    lost = {arm: sum(p not in kept for p in people) for arm, people in run.members.items()}

    found = {each.arm: each for each in [run.outcome.primary, *run.outcome.variants]}

    assert run.outcome.churn_definition == "contract"
    assert list(found) == ["treated", "a", "b"]
    for arm, each in found.items():
        counts = lost[arm], len(run.members[arm]), lost["holdout"], len(run.members["holdout"])
        assert (each.x, each.n, each.control_x, each.control_n) == counts
        assert (each.low, each.high) == pytest.approx(newcombe(*counts), abs=1e-12)
    assert run.outcome.saved.customers == pytest.approx(-found["treated"].difference * len(run.members["treated"]))
    assert sum(each.x for each in run.findings.segments if each.dimension == "value") == lost["treated"]


def value_of(run: Run) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Arm -> each member's cents a month at the start, and what of it was lost (max(0, v - v_end))."""
    start, end = Contracts().held(DAY), Contracts().held(END)
    worth = {arm: [start[p] for p in people] for arm, people in run.members.items()}
    lost = {arm: [max(0, start[p] - end.get(p, 0)) for p in people] for arm, people in run.members.items()}
    return worth, lost


@pytest.mark.slow
def test_blank_days_put_the_end_off_at_which_contracts_are_asked_for(tmp_path: Path):
    def known(shop: Settings) -> None:
        bring(shop, Kind.SUBSCRIPTIONS, Contracts().csv(), complete_through=END + timedelta(days=14))

    text = BY_CONTRACT.replace("window: 60d", "window: 60d, blank_out: 14d")
    run = Run(tmp_path, text, before=known, blank=14)

    kept = Contracts().held(END + timedelta(days=14))
    lost = [sum(p not in kept for p in run.members[arm]) for arm in ("treated", "holdout")]
    assert (run.outcome.primary.x, run.outcome.primary.control_x) == tuple(lost)
    assert kept != Contracts().held(END)


@pytest.mark.slow
def test_value_lost_is_what_a_month_lost(run: Run):
    _, lost = value_of(run)

    found = {each.arm: each for each in run.findings.money if each.column == "value_lost"}

    for arm, each in found.items():
        amounts, held = [x / 100 for x in lost[arm]], [x / 100 for x in lost["holdout"]]
        ends = stats.ttest_ind(amounts, held, equal_var=False).confidence_interval()
        assert each.mean == pytest.approx(fmean(amounts))
        assert (each.low, each.high) == pytest.approx((ends.low, ends.high))
        assert each.buyers == sum(p in Contracts().held(END) for p in run.members[arm])


@pytest.mark.slow
def test_share_of_value_lost_is_of_what_was_paid_a_month_at_the_start(run: Run):
    worth, lost = value_of(run)

    for each in run.findings.value_lost_share:
        rates = {arm: sum(lost[arm]) / sum(worth[arm]) for arm in (each.arm, "holdout")}
        errors = [
            np.var(np.array(lost[arm]) - rates[arm] * np.array(worth[arm]), ddof=1)
            / (len(worth[arm]) * np.mean(worth[arm]) ** 2)
            for arm in rates
        ]
        assert each.mean == pytest.approx(rates[each.arm], rel=1e-12)
        assert each.t == pytest.approx(each.difference / math.sqrt(sum(errors)), rel=1e-9)


@pytest.mark.slow
def test_orders_are_told_beside_and_days_of_orders_are_no_word_on_contracts(run: Run):
    bought = {arm: sum(bool(run.days[p]) for p in people) for arm, people in run.members.items()}

    revenue = {each.arm: each for each in run.findings.money if each.column == "revenue"}

    assert {arm: each.buyers for arm, each in revenue.items()} == {arm: bought[arm] for arm in revenue}
    assert (run.findings.weeks, run.findings.curves) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["churn", "retention", "value_lost", "value_lost_share"])
def test_the_report_speaks_of_contracts_not_of_orders(run: Run, measure: str, tmp_path: Path):
    text = BY_CONTRACT.replace("window: 60d", f"window: 60d, measure: {measure}")
    judged = run if measure == "churn" else Run(tmp_path, text, before=with_contracts)
    of_money = measure.startswith("value")

    pages = {language: render(judged.outcome, language) for language in LANGUAGES}

    heads = {name: page.partition('id="headline"')[2].partition("</section>")[0] for name, page in pages.items()}
    assert not any(word in head for head in heads.values() for word in ("order", "下单"))
    assert ("a month" if of_money else "contract") in heads["en"]
    assert ("每月" if of_money else "合同") in heads["zh"]
    assert "No live contract at the end of the window" in pages["en"]
    assert "观察期结束时没有有效合同" in pages["zh"]
    assert "By contract there is no curve and no table of weeks" in pages["en"]
    assert "按合同评判时没有曲线和逐周表" in pages["zh"]


@pytest.mark.slow
def test_until_contracts_are_known_through_the_window_there_is_nothing_and_no_look(tmp_path: Path):
    """Orders reach past it from the start; contracts at first only to its middle."""

    def half(shop: Settings) -> None:
        bring(shop, Kind.SUBSCRIPTIONS, Contracts().csv(), complete_through=DAY + timedelta(days=30))

    early = Run(tmp_path, BY_CONTRACT, before=half)
    bring(early.shop, Kind.SUBSCRIPTIONS, Contracts().csv(), complete_through=END)
    late = measure_run(early.shop, early.outcome.run, NOW)

    assert (early.outcome.window.complete, early.outcome.primary, early.outcome.look) == (False, None, None)
    assert early.outcome.window.data_through == DAY + timedelta(days=30)
    assert "This is day 30 of 60. Nothing is compared before the window is over" in render(early.outcome, "en")
    assert "期满前不作任何比较" in render(early.outcome, "zh")
    assert "no table of weeks" not in render(early.outcome, "en")  # nobody looks for one yet
    assert late.window.complete
    assert late.primary is not None
    assert late.looks == []
    assert measure_again(early.shop, early.outcome.run, NOW) is None  # twice the window is not reached


@pytest.mark.slow
def test_the_reading_names_the_contracts_it_is_made_of(run: Run):
    assert list(run.outcome.method.other_facts) == ["subscriptions"]
    assert read_outcome(write_outcome(run.outcome)) == run.outcome


@pytest.mark.slow
def test_the_preview_plans_value_lost_by_what_contracts_did_in_the_window_before(run: Run):
    start, end = Contracts().held(DAY - timedelta(days=DAYS)), Contracts().held(DAY)
    lost = [max(0, cents - end.get(p, 0)) / 100 for p, cents in start.items()]
    asked = BY_CONTRACT.replace("id: spring", "id: autumn").replace(
        "success: {", "success: {measure: value_lost, "
    )
    write_campaign(run.shop, asked, "autumn")

    sight = preview(run.shop, "autumn", DAY).sight

    assert "from all who had a contract 60 days before" in " ".join(sight_lines(sight, 2))
    assert sight.expected.basis is Basis.CONTRACTS
    assert sight.expected.spread == pytest.approx(stdev(lost))


@pytest.mark.slow
def test_campaigns_of_different_churn_are_not_compared(run: Run, capsys):
    write_campaign(run.shop, TWO_VARIANTS.replace("id: spring", "id: summer"), "summer")
    carry_out(manual("summer", DAY), run.shop, NOW)
    measure_run(run.shop, f"summer/manual-{DAY}", NOW)

    assert main(["--workspace", str(run.shop.workspace), "campaigns", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)

    measured = {row["campaign"]: row["churn_definition"] for row in said["campaigns"] if row["effect"]}
    assert measured == {"spring": "contract", "summer": "no_order"}
    assert said["compared"] == []


def test_without_any_contract_there_is_nobody_to_choose_from(tmp_path: Path):
    shop = a_workspace(tmp_path, None, CAMPAIGN.replace("{within: 60d}", "{within: 60d, definition: contract}"))
    load(shop, "customers", "customer_id,email,email_consent\n1,a@example.com,yes\n")
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n1,a,{DAY - timedelta(days=70)},5\n")

    with pytest.raises(CampaignError, match=r"churn\.definition: needs contracts, and there are none"):
        choose_now(manual("spring", DAY), shop)
    with pytest.raises(CampaignError, match="there are none"):
        carry_out(manual("spring", DAY), shop, NOW)
