"""What customers said, by arm: scores and causes of a run end to end, against its raw rows worked anew."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean

import polars as pl
import pytest
from scipy import stats

from db.facts.recorded import FEEDBACK
from tests.test_findings import DAY, DAYS, PEOPLE, Run, newcombe
from tests.workspaces import load
from winback.churners.causes import Cause
from winback.outcomes.answers import newest_answers

SAID = {"price": Cause.PRICE, "Too expensive": Cause.PRICE, "竞争对手": Cause.COMPETITOR, "moved": Cause.OWN}
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nps", "csat"])
def test_satisfaction_is_the_mean_of_the_newest_scores_given_in_the_window(run: Run, kind: str):
    given = Voices().scores(kind)
    scores = {arm: [given[p] for p in people if p in given] for arm, people in run.members.items()}

    found = {each.arm: each for each in run.findings.satisfaction if each.kind == kind}

    assert list(found) == ["treated", "a", "b"]
    for arm, each in found.items():
        test = stats.ttest_ind(scores[arm], scores["holdout"], equal_var=False).confidence_interval()
        assert (each.answered.x, each.answered.n) == (len(scores[arm]), len(run.members[arm]))
        assert (each.control_answered.x, each.control_answered.n) == (
            len(scores["holdout"]), len(run.members["holdout"]),
        )  # fmt: skip
        assert each.mean == pytest.approx(fmean(scores[arm]))
        assert each.control_mean == pytest.approx(fmean(scores["holdout"]))
        assert (each.low, each.high) == pytest.approx((test.low, test.high))


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
