"""A campaign judged by a forecast, end to end: who is predicted lost, what was seen, what is called what."""

import json
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.cli import main
from app.commands.preview import sight_lines
from app.found_lines import found_lines
from db.settings import Settings
from flows.measuring import measure_again, measure_run
from flows.previewing import preview
from tests.report_samples import SAMPLES, Page
from tests.test_findings import DAY, DAYS, RUN, TWO_VARIANTS, Rows, Run, a_shop, newcombe
from tests.workspaces import NOW, load, write_campaign
from winback.campaigns.campaign import Measure
from winback.campaigns.file import read_campaign
from winback.gallery.page import sight_sentences
from winback.gallery.sight import Basis
from winback.gallery.words import TEXTS
from winback.outcomes.outcomes import read_outcome, write_outcome
from winback.report.before_after import before_after_sentences
from winback.report.definitions import foretold
from winback.report.page import render
from winback.report.tables import as_csv
from winback.report.words import Speaker, speaker
from winback.words import LANGUAGES, Language

pytestmark = pytest.mark.slow

END = DAY + timedelta(days=DAYS)
BY_MODEL = TWO_VARIANTS.replace("{within: 60d}", "{within: 60d, definition: model, threshold: 40%}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("forecast"), BY_MODEL)


def risks(shop: Settings, as_of: date) -> dict[int, float]:
    """What `winback score` says of everybody at the end of a day."""
    out = shop.workspace / "scores.parquet"
    asked = ["--as-of", str(as_of), "--horizon", "60", "--out", str(out)]
    assert main(["--workspace", str(shop.workspace), "score", *asked]) == 0
    return {int(name): risk for name, risk in pl.read_parquet(out).select("customer_id", "risk").iter_rows()}


def test_lost_is_whose_risk_at_the_end_of_the_window_reaches_the_threshold(run: Run):
    told = risks(run.shop, END)
    lost = {arm: sum(told[p] >= 0.4 for p in people) for arm, people in run.members.items()}

    found = {each.arm: each for each in [run.outcome.primary, *run.outcome.variants]}

    assert run.outcome.churn_definition == "model"
    assert 20 < lost["holdout"] < len(run.members["holdout"]) - 20
    assert list(found) == ["treated", "a", "b"]
    for arm, each in found.items():
        counts = lost[arm], len(run.members[arm]), lost["holdout"], len(run.members["holdout"])
        assert (each.x, each.n, each.control_x, each.control_n) == counts
        assert (each.low, each.high) == pytest.approx(newcombe(*counts), abs=1e-12)
    assert sum(each.x for each in run.findings.segments if each.dimension == "value") == lost["treated"]


def test_it_is_the_count_of_churn_by_the_model(run: Run, capsys: pytest.CaptureFixture[str]):
    """Of everybody, so that the members and the others are those `winback churn --definition model` counts."""
    asked = ["--as-of", str(END), "--window", "60", "--definition", "model", "--threshold", "0.4", "--json"]
    main(["--workspace", str(run.shop.workspace), "churn", *asked])

    said = json.loads(capsys.readouterr().out)

    primary = run.outcome.primary
    assert said["active"] == primary.n + primary.control_n  # all 600 are in
    assert said["lost"] == primary.x + primary.control_x


def test_who_was_seen_not_to_order_stands_beside_it(run: Run):
    quiet = {arm: sum(not run.days[p] for p in people) for arm, people in run.members.items()}

    found = {each.arm: each for each in run.findings.rates if each.column == "no_order"}

    assert list(found) == ["treated", "a", "b"]
    for arm, each in found.items():
        assert (each.x, each.control_x) == (quiet[arm], quiet["holdout"])
    assert quiet["holdout"] != run.outcome.primary.control_x
    after = {group.name: group.after for group in run.outcome.before_after}
    assert after["holdout"] == quiet["holdout"] / len(run.members["holdout"])  # before/after stays of orders


def test_value_lost_is_what_those_predicted_lost_had_spent(run: Run):
    told = risks(run.shop, END)
    lost = {
        arm: sum(max(run.before[p], 0) for p in people if told[p] >= 0.4) / 100 / len(people)
        for arm, people in run.members.items()
    }

    found = {each.arm: each for each in run.findings.money if each.column == "value_lost"}

    for arm, each in found.items():
        assert (each.mean, each.control_mean) == pytest.approx((lost[arm], lost["holdout"]))


def test_the_reading_names_the_model_its_scores_and_the_threshold(run: Run, capsys: pytest.CaptureFixture[str]):
    out = run.shop.workspace / "scores.parquet"
    asked = ["--as-of", str(END), "--horizon", "60", "--out", str(out), "--json"]
    main(["--workspace", str(run.shop.workspace), "score", *asked])
    scored = json.loads(capsys.readouterr().out)

    told = run.outcome.method.forecast

    same = ("model", "weights", "fallback_reason", "horizon_days", "digest")
    assert {key: told[key] for key in same} == {key: scored[key] for key in same}
    assert (told["as_of"], told["threshold"]) == (str(END), 0.4)
    assert read_outcome(write_outcome(run.outcome)) == run.outcome
    page = render(run.outcome, "en")
    assert scored["digest"] in page
    assert "predicted lost from a risk of: 0.4" in page


def test_orders_after_the_window_change_nothing(run: Run, tmp_path: Path):
    def later(shop: Settings) -> None:
        rows = [f"{n:05},late{n},{END + timedelta(days=1)},50.00" for n in range(1, 601)]
        load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")

    known = Run(tmp_path, BY_MODEL, before=later)

    assert known.outcome.primary == run.outcome.primary
    assert known.outcome.method.forecast == run.outcome.method.forecast


def test_nothing_is_compared_before_the_window_is_over(tmp_path: Path):
    asked = Run(tmp_path, BY_MODEL.replace("window: 60d", "window: 62d"))

    outcome = asked.outcome

    assert not outcome.window.complete
    assert (outcome.primary, outcome.look, outcome.looks, outcome.method.forecast) == (None, None, [], {})
    assert (outcome.findings.rates, outcome.findings.segments) == ([], [])
    for language in LANGUAGES:
        assert render(outcome, language)


def test_did_they_stay_is_asked_of_the_forecast_at_twice_the_window(tmp_path: Path):
    asked = Run(tmp_path, BY_MODEL.replace("window: 60d", "window: 30d"))

    second = measure_again(asked.shop, RUN, NOW)

    told = risks(asked.shop, END)
    assert second is not None
    assert second.method.forecast["as_of"] == str(END)
    assert second.primary.control_x == sum(told[p] >= 0.4 for p in asked.members["holdout"])
    assert second.first.found == asked.outcome.primary


@pytest.mark.parametrize("measure", ["churn", "retention", "value_lost", "value_lost_share", "repeat_rate"])
def test_no_report_calls_a_forecast_churn(tmp_path: Path, run: Run, measure: str):
    text = BY_MODEL.replace("window: 60d", f"window: 60d, measure: {measure}")
    outcome = run.outcome if measure == "churn" else Run(tmp_path, text).outcome

    english, chinese = render(outcome, "en"), render(outcome, "zh")

    forecast = measure != "repeat_rate"
    assert ("This is a forecast, not what happened" in english) is forecast
    assert ("这是预测，不是实际发生的结果" in chinese) is forecast
    assert ("It does not decide." in english) is forecast
    assert "No order in the window (seen)" in english
    assert "观察期内未下单（实际）" in chinese
    assert not re.findall("[Cc]hurn", english)
    for told in (chinese, as_csv(outcome, "zh")):
        assert not re.findall("(?<!预测)(?<!预测为)流失", told)


def test_measure_says_that_it_is_a_forecast_and_what_was_seen(run: Run):
    lines = list(found_lines(run.outcome))

    primary = run.outcome.primary
    assert lines[0] == (
        f"predicted lost (a forecast as of {END}: a risk of 40% or more of no order in 60 days): "
        f"{primary.rate:.1%}, hold-out {primary.control_rate:.1%}"
    )
    assert any(line.startswith("seen, no order in the window: ") for line in lines)


def test_the_lists_of_runs_call_it_a_forecast_too(run: Run, capsys: pytest.CaptureFixture[str]):
    for words in (["campaigns"], ["measure", RUN]):
        main(["--workspace", str(run.shop.workspace), *words])

    said = capsys.readouterr().out
    assert "churn, a forecast" in said
    assert "predicted lost" in said
    assert "churned" not in said
    points = re.search(r"[+-][\d.]+ \([+-][\d.]+ to [+-][\d.]+\), a forecast", said)
    assert points  # the column is that of churn for every campaign


@pytest.mark.parametrize(
    ("measure", "told"),
    [("churn", True), ("value_lost_share", True), ("net_contribution", False), ("csat", False)],
)
def test_of_a_campaign_with_a_forecast_only_what_hangs_on_who_is_lost_is_one(measure: str, told: bool):
    assert foretold(replace(SAMPLES["better"], churn_definition="model", judged_by=Measure(measure))) is told


@pytest.mark.parametrize(
    ("measure", "rate", "said"),
    [(Measure.CHURN, 0.01, "lost"), (Measure.CHURN, 0.99, "to stay"), (Measure.RETENTION, 0.01, "to stay")],
)
def test_too_few_for_a_plan_is_told_of_a_forecast_as_one(tmp_path: Path, measure: Measure, rate: float, said: str):
    seen = preview(a_shop(tmp_path, Rows(seed=5, days=DAYS), BY_MODEL), "spring", END).sight
    none = replace(seen, measure=measure, effect=None, expected=replace(seen.expected, rate=rate))

    assert f"too few of those left alone would be predicted {said}." in " ".join(sight_lines(none, 0))


def test_the_preview_takes_what_the_model_says_today_of_those_chosen_before(tmp_path: Path):
    """Everybody with an order by the start of the window before is chosen then: so many are lost today."""
    shop = a_shop(tmp_path, Rows(seed=5, days=DAYS), BY_MODEL)
    told, known = risks(shop, END), risks(shop, DAY)
    lost = sum(told[p] >= 0.4 for p in known) / len(known)

    expected = preview(shop, "spring", END).sight.expected

    assert expected.basis is Basis.FORECAST_OF_ALIKE
    assert expected.rate == pytest.approx(lost)


def test_the_threshold_is_a_half_where_none_is_given(run: Run):
    text = BY_MODEL.replace(", threshold: 40%", "")

    assert read_campaign(text, "spring").churn.lost_from == 0.5


def test_a_run_keeps_what_it_was_judged_by_whatever_the_file_says_later(run: Run):
    write_campaign(run.shop, TWO_VARIANTS)

    assert measure_run(run.shop, RUN, NOW) == run.outcome


@pytest.mark.parametrize(
    ("sample", "language", "title", "kept"),
    [
        ("better", "en", "Fewer are predicted lost", "About 80 fewer customers are predicted lost"),
        ("better", "zh", "预测流失减少", "预测流失的客户约少 80 名"),
        ("worse", "en", "More are predicted lost", "About 160 more customers are predicted lost"),
        ("worse", "zh", "预测流失增加", "预测流失的客户约多 160 名"),
    ],
)
def test_a_verdict_about_a_forecast_is_titled_as_one(sample: str, language: Language, title: str, kept: str):
    """outcomes A10: 288 of 1,600 against 92 of 400 are 80 saved; 400 against 60 of 400 are 160 lost."""
    outcome = replace(SAMPLES[sample], churn_definition="model")

    shown = Page(render(outcome, language))

    assert shown.text("headline").startswith(title)
    assert kept in shown.text("headline")
    assert title in [row[-1][0] for row in shown.tables["effect"][0]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("waterfall", "by_risk"), [({"not_at_risk": 40}, True), ({"no_consent": 31}, False)])
def test_only_of_customers_chosen_for_their_risk_before_and_after_speaks_of_it(
    waterfall: dict[str, int], by_risk: bool, language: Language
):
    outcome = replace(SAMPLES["better"], churn_definition="model", waterfall=waterfall)

    said = before_after_sentences(outcome, speaker("model", language))[-1]

    assert said.startswith(
        {"en": "Counted here is who ordered, not the forecast", "zh": "此处只看是否下单"}[language]
    )
    assert ({"en": "high risk", "zh": "风险高"}[language] in said) is by_risk


@pytest.mark.parametrize(
    ("language", "measure", "said"),
    [
        ("en", Measure.CHURN, "in the share predicted lost will be seen"),
        ("zh", Measure.CHURN, "只能看出预测流失率达到"),
        ("en", Measure.RETENTION, "in the share predicted to stay will be seen"),
        ("zh", Measure.RETENTION, "只能看出预测留存率达到"),
    ],
)
def test_the_page_of_a_preview_calls_a_forecast_one(
    tmp_path: Path, measure: Measure, language: Language, said: str
):
    shop = a_shop(tmp_path, Rows(seed=5, days=DAYS), BY_MODEL)
    seen = replace(preview(shop, "spring", END).sight, measure=measure)

    told = " ".join(sight_sentences(seen, 0, Speaker(language, TEXTS)))

    assert said in told


@pytest.mark.parametrize(
    ("language", "money", "causes"),
    [
        ("en", "Orders and revenue as seen, and value predicted lost", "Causes named by those predicted lost"),
        ("zh", "实际的订单与收入，以及预测流失价值", "预测流失的客户说明的原因"),
    ],
)
def test_the_sections_of_a_forecast_say_what_of_them_is_seen_and_what_predicted(
    language: Language, money: str, causes: str
):
    say = speaker("model", language)

    assert (say("money"), say("causes").startswith(causes)) == (money, True)
