"""What customers said, by arm: scores and causes of a run end to end, against its raw rows worked anew."""

import hashlib
import math
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from statistics import fmean, variance

import numpy as np
import polars as pl
import pytest
from scipy import stats

from app.commands.preview import sight_lines
from app.found_lines import found_lines
from db.facts.recorded import FEEDBACK
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_run
from flows.previewing import preview
from tests.test_findings import DAY, DAYS, PEOPLE, RUN, TWO_VARIANTS, Rows, Run, a_shop, newcombe
from tests.test_other_facts import bring
from tests.workspaces import NOW, load
from winback.campaigns.churn_kind import RULES_FILE
from winback.churners.causes import Cause
from winback.intake.fields import Kind
from winback.lift.intervals import Z95
from winback.outcomes.answers import newest_answers
from winback.outcomes.outcomes import read_outcome, write_outcome
from winback.report.page import render
from winback.report.tables import as_csv
from winback.words import LANGUAGES

SAID = {"price": Cause.PRICE, "Too expensive": Cause.PRICE, "竞争对手": Cause.COMPETITOR, "moved": Cause.OWN}
COMPLAINTS = f"customer_id,at,kind\n00001,{DAY} 10:00:00,complaint\n"
COMPLAINED = "rules: [{kind: fault, when: {activity: [complaint]}, evidence: {en: complained, zh: 投诉过}}]\n"
TOLD = [*SAID, "the weather"]  # the last names none of the nine


class Voices:
    """Feedback as written into the file: (customer, days since the start, second, kind, score, cause)."""

    def __init__(self) -> None:
        dice = random.Random(11)
        self.rows: list[tuple[int, int, int, str, int | None, str]] = []
        for person in range(1, PEOPLE + 1):
            for second in range(dice.choice([0, 0, 1, 2])):
                place = dice.randrange(-5, DAYS + 6)
                kind = dice.choice(["nps", "csat", "csat"])
                score = dice.randrange(0, 11) if kind == "nps" else dice.randrange(1, 6)
                self.rows.append((person, place, second, kind, score, ""))
            if dice.random() < 0.3:
                self.rows.append((person, dice.randrange(-5, DAYS + 6), 30, "cause", None, dice.choice(TOLD)))

    def csv(self) -> str:
        lines = []
        for person, place, second, kind, score, cause in self.rows:
            at = f"{DAY + timedelta(days=place)} 12:00:{second:02}"
            lines.append(f"{person:05},{at},{kind},{'' if score is None else score},{cause}")
        return "customer_id,at,kind,score,cause\n" + "\n".join(lines) + "\n"

    def early(self, days: int) -> str:
        """The rows of the days until then."""
        known = Voices()
        known.rows = [row for row in self.rows if row[1] <= days]
        return known.csv()

    @property
    def inside(self):
        """Those of the window, oldest first."""
        return sorted((row for row in self.rows if 0 < row[1] <= DAYS), key=lambda row: row[1:3])

    def scores(self, kind: str) -> dict[int, int]:
        return {row[0]: row[4] for row in self.inside if row[3] == kind}

    def causes(self) -> dict[int, Cause]:
        return {row[0]: SAID[row[5]] for row in self.inside if row[5] in SAID}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("answers"), before=lambda shop: load(shop, "feedback", Voices().csv()))


def trimmed(one: list[int], n: int, zero: list[int], control_n: int) -> tuple[float, float]:
    """The ends of Lee's interval, over single answers, each of which may be kept in part (Lee 2009, prop. 3)."""
    if len(one) / n < len(zero) / control_n:
        low, high = trimmed(zero, control_n, one, n)
        return -high, -low
    share = (len(zero) / control_n) / (len(one) / n)
    of_share = share**2 * ((1 - len(one) / n) / len(one) + (1 - len(zero) / control_n) / len(zero))
    ends = []
    for sign in (1, -1):
        values = np.sort(sign * np.array(one, dtype=float))
        weights = np.clip(share * len(values) - np.arange(len(values)), 0, 1)
        mean, last = np.average(values, weights=weights), values[np.flatnonzero(weights > 1e-9)[-1]]
        below = np.maximum(last - values, 0)
        square = below.var() / len(values) / share**2 + ((last - mean) / share) ** 2 * of_share
        ends.append(sign * (mean - sign * fmean(zero) - Z95 * math.sqrt(square + variance(zero) / len(zero))))
    return ends[0], ends[1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nps", "csat"])
def test_satisfaction_is_the_mean_of_the_newest_scores_given_in_the_window(run: Run, kind: str):
    given = Voices().scores(kind)
    scores = {arm: [given[p] for p in people if p in given] for arm, people in run.members.items()}

    found = {each.arm: each for each in run.findings.satisfaction if each.kind == kind}

    assert list(found) == ["treated", "a", "b"]
    for arm, each in found.items():
        low, high = trimmed(scores[arm], len(run.members[arm]), scores["holdout"], len(run.members["holdout"]))
        assert (each.answered.x, each.answered.n) == (len(scores[arm]), len(run.members[arm]))
        assert (each.control_answered.x, each.control_answered.n) == (
            len(scores["holdout"]), len(run.members["holdout"]),
        )  # fmt: skip
        assert each.mean == pytest.approx(fmean(scores[arm]))
        assert each.control_mean == pytest.approx(fmean(scores["holdout"]))
        assert (each.low, each.high) == pytest.approx((low, high))


@pytest.mark.slow
def test_causes_are_of_everybody_assigned_and_add_up_to_churn(run: Run):
    told = Voices().causes()
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for arm in ("treated", "holdout"):
        counts[arm].update(told.get(p, "unknown") for p in run.members[arm] if not run.days[p])

    found = run.findings.causes

    seen = {cause for counter in counts.values() for cause in counter}
    assert [each.cause for each in found] == [name for name in [*Cause, "unknown"] if name in seen]
    for each in found:
        numbers = (
            counts["treated"][each.cause], len(run.members["treated"]),
            counts["holdout"][each.cause], len(run.members["holdout"]),
        )  # fmt: skip
        assert (each.x, each.n, each.control_x, each.control_n) == numbers
        assert (each.low, each.high) == pytest.approx(newcombe(*numbers), abs=1e-12)
    assert sum(each.x for each in found) == run.outcome.primary.x
    assert sum(each.control_x for each in found) == run.outcome.primary.control_x
    corrected = stats.false_discovery_control([each.p_newcombe for each in found])
    assert [each.p_bh for each in found] == pytest.approx(list(corrected))


@pytest.mark.slow
def test_where_nobody_answered_there_is_no_mean_and_no_cause(tmp_path: Path):
    findings = Run(tmp_path).findings

    assert [each.arm for each in findings.satisfaction] == ["treated", "a", "b"] * 2
    assert {(each.mean, each.control_mean, each.difference, each.low) for each in findings.satisfaction} == {
        (None, None, None, None)
    }
    assert {each.answered.x for each in findings.satisfaction} == {0}
    assert findings.causes == []


def answer(second: int, kind: str, score: float | None = None, cause: str | None = None) -> dict[str, object]:
    at = datetime(2026, 1, 5, 12, 0, second, tzinfo=UTC)
    return {"customer_no": 1, "at": at, "given_on": at.date(), "kind": kind, "score": score, "cause": cause}


def test_the_newest_answer_of_each_kind_counts_and_a_cause_that_is_none_of_the_nine_hides_none():
    rows = [answer(3, "nps", 9), answer(1, "nps", 2), answer(2, "csat", 4), answer(1, "cause", cause="Price"),
            answer(4, "exit", cause="the weather")]  # fmt: skip

    found = newest_answers(pl.DataFrame(rows, schema_overrides=FEEDBACK).lazy())

    assert found.rows(named=True) == [{"customer_no": 1, "nps": 9, "csat": 4, "cause": "price"}]


def test_an_answer_without_a_score_is_no_score():
    found = newest_answers(pl.DataFrame([answer(1, "nps")], schema_overrides=FEEDBACK).lazy())

    assert found["nps"].to_list() == [None]


BY_CSAT = TWO_VARIANTS.replace("window: 60d", "window: 60d, measure: csat")


def known_through(shop: Settings, days: int) -> None:
    """The answers, declared complete through so many days after the start."""
    bring(shop, Kind.FEEDBACK, Voices().csv(), complete_through=DAY + timedelta(days=days))


@pytest.mark.slow
def test_a_campaign_is_judged_by_the_satisfaction_of_those_who_answer_in_either_group(tmp_path: Path):
    asked = Run(tmp_path, BY_CSAT, before=lambda shop: known_through(shop, DAYS + 1))
    given = Voices().scores("csat")
    scores = {arm: [given[p] for p in people if p in given] for arm, people in asked.members.items()}
    sizes = {arm: len(people) for arm, people in asked.members.items()}

    found = [each for each in asked.findings.money if each.column == "csat"]

    assert asked.outcome.success == found[0]
    assert [each.arm for each in found] == ["treated", "a", "b"]
    for each in found:
        ends = trimmed(scores[each.arm], sizes[each.arm], scores["holdout"], sizes["holdout"])
        assert (each.low, each.high) == pytest.approx(ends)
        assert (each.n, each.buyers) == (sizes[each.arm], len(scores[each.arm]))
        assert (each.mean, each.control_mean) == pytest.approx((fmean(scores[each.arm]), fmean(scores["holdout"])))
    [pair] = asked.findings.contest.pairs
    assert (pair.low, pair.high) == pytest.approx(trimmed(scores["a"], sizes["a"], scores["b"], sizes["b"]))
    assert read_outcome(write_outcome(asked.outcome)) == asked.outcome
    assert next(found_lines(asked.outcome)).startswith(f"judged by csat: {found[0].verdict}")
    for language in LANGUAGES:
        assert render(asked.outcome, language)
        assert as_csv(asked.outcome, language)


@pytest.mark.slow
@pytest.mark.parametrize("known", [DAYS - 1, None])
def test_no_answer_is_final_before_the_answers_reach_the_windows_end(tmp_path: Path, known: int | None):
    """Orders reach it; the feedback is known until the day before, or not at all."""

    def before(shop: Settings) -> None:
        if known is not None:
            bring(shop, Kind.FEEDBACK, Voices().early(known), complete_through=DAY + timedelta(days=known))

    outcome = Run(tmp_path, BY_CSAT, before=before).outcome

    assert not outcome.window.complete
    assert outcome.success is None
    said = unescape(render(outcome, "en"))
    assert "orders and answers (feedback) are both known through" in said
    assert ("winback import feedback" in said) is (known is None)
    assert "no orders can be counted" not in said
    assert ("This is day" in said) is (known is not None)


@pytest.mark.slow
def test_a_reading_names_the_facts_and_the_rules_its_kinds_of_churn_were_made_of(tmp_path: Path):
    """Those the run was pinned to: facts and rules that came after it chose are none of them."""
    shop = a_shop(tmp_path, Rows(seed=5))
    files = {"orders": fact_files(shop)}
    for kind, text in (("activity", COMPLAINTS), ("feedback", Voices().csv())):
        before = fact_files(shop)
        load(shop, kind, text)
        files[kind] = fact_files(shop) - before
    rules = shop.workspace / RULES_FILE
    rules.write_text(COMPLAINED, encoding="utf-8")
    carry_out(manual("spring", DAY), shop, NOW)
    rules.write_text(COMPLAINED.replace("fault", "hidden"), encoding="utf-8")
    load(shop, "activity", COMPLAINTS.replace("00001", "00002"))

    kinds = measure_run(shop, RUN, NOW).method.kinds

    assert kinds.rules == hashlib.sha256(COMPLAINED.encode()).hexdigest()
    assert {kind: set(found) for kind, found in kinds.facts.items()} == files
    assert list(kinds.facts) == ["orders", "activity", "feedback"]


def fact_files(shop: Settings) -> set[str]:
    return {path.stem for path in shop.facts.glob("*.parquet")}


@pytest.mark.slow
def test_a_reading_in_which_nobody_has_a_kind_of_churn_names_nothing_of_it(tmp_path: Path):
    assert Run(tmp_path).outcome.method.kinds is None  # of orders alone


@pytest.mark.slow
def test_a_preview_says_that_nobody_knows_who_will_answer(tmp_path: Path):
    shop = a_shop(tmp_path, Rows(seed=5), BY_CSAT)

    seen = preview(shop, "spring", DAY).sight

    assert seen.expected is None
    assert next(sight_lines(seen, 0)).startswith("What the result can show of csat is not planned")
