"""Scores of contracts: a known truth, what may not be learned from, and too little to learn from."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.contracts import AS_OF, a_row, a_world, contract_frame, expected_auc, nothing_told
from winback.errors import WrongUse
from winback.scores.contract_reasons import contract_reasons
from winback.scores.contracts import ContractModel, Learned, by_customer, score_contracts
from winback.scores.scoring import Scores


def scored(
    contracts: pl.DataFrame, told: pl.DataFrame | None = None, horizon_days: int = 90
) -> tuple[Scores, Learned]:
    told = nothing_told(contracts) if told is None else told
    return score_contracts(contracts, told, as_of=AS_OF, horizon_days=horizon_days, minor_per_major=100)


def reasons(contracts: pl.DataFrame, told: pl.DataFrame, language: str = "en") -> list[list[str]]:
    scores, learned = scored(contracts, told)
    risk = scores.frame["risk"].to_numpy()
    return contract_reasons(
        contracts, told, learned, risk=risk, horizon_days=90, minor_per_major=100, language=language
    ).to_list()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_attribute_is_told_where_it_does_something_and_noise_is_not(seed: int):
    """Regions differ by 0.9 of a log hazard; letters, numbers and the days of the week say nothing."""
    world, rng = a_world(seed, 4_000), np.random.default_rng(seed + 100)
    noise = {
        "attributes.letter": rng.choice(list("abcdefgh"), 4_000),
        "attributes.number": [f"{each:.4f}" for each in rng.normal(size=4_000)],
        "attributes.day": rng.choice(["Mon", "Tue", "Wed", "Thu", "Fri"], 4_000),
    }

    told = reasons(world.contracts, world.attributes.with_columns(**{k: pl.Series(v) for k, v in noise.items()}))

    said = pl.Series([text.split(":")[0].split(" ")[0] for each in told for text in each])
    assert not said.is_in(["letter", "number", "day"]).any()
    assert (said == "Region").sum() > len(told) / 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_of_contracts_whose_truth_is_known_the_ranking_is_the_best_possible(seed: int):
    """The Bayes limit is the AUC of the true probabilities, over all outcomes they allow."""
    world = a_world(seed, 20_000)

    scores, _ = scored(world.contracts, world.attributes)

    risk, truth = scores.frame["risk"].to_numpy(), world.risk(90)
    assert expected_auc(truth, truth) - expected_auc(risk, truth) < 0.002
    assert risk.mean() == pytest.approx(truth.mean(), rel=0.05)
    assert np.abs(risk - truth).mean() < 0.004


@pytest.mark.slow
def test_the_parameters_of_a_known_truth_are_recovered():
    """-1.2 for the plan, 0.6 for the log amount, 0.9 between two regions (weights are of deviations)."""
    world = a_world(6, 40_000)

    _, learned = scored(world.contracts, world.attributes)

    assert learned.model is ContractModel.COMMON
    by_of = {name: np.array(learned.columns.of) == name for name in learned.columns.of}
    said = {name: learned.columns.matrix[:, of] @ learned.hazard.weights[of] for name, of in by_of.items()}
    plan, region = world.contracts["plan"], world.attributes["attributes.Region"]
    amount = np.log(world.contracts["monthly_minor"].to_numpy())
    effect = {each: said["attributes.Region"][(region == each).to_numpy()][0] for each in ("south", "west")}
    assert said["plan"][(plan == "Annual").to_numpy()][0] - said["plan"][(plan == "Monthly").to_numpy()][
        0
    ] == pytest.approx(-1.2, abs=0.12)
    assert np.polyfit(amount, said["monthly_amount"], 1)[0] == pytest.approx(0.6, abs=0.06)
    assert effect["south"] - effect["west"] == pytest.approx(0.9, abs=0.09)


def test_scores_are_of_the_contracts_that_live_and_their_numbers_are_numbers():
    world = a_world(1, 2_000)

    scores, learned = scored(world.contracts, world.attributes)

    frame = scores.frame
    assert frame.height == world.contracts["ended_on"].null_count() == len(learned.live)
    assert frame["risk"].is_between(0, 1).all()
    assert frame.select(pl.col("risk", "expected_value", "past_value").is_finite().all()).row(0) == (True,) * 3
    assert sorted(frame["value_rank"]) == sorted(frame["past_rank"]) == list(range(1, frame.height + 1))


def test_expected_value_is_the_monthly_amount_times_the_months_kept():
    """With 40 ends in 40 x 100 + 160 x 100 days: 0.002 a day; of 90 days (1 - e^-.18) / .002 = 82.365 are kept.

    82.365 days are 2.70603 months of 20.00: 54.1206. Behind it lie 100 days: 65.7084.
    """
    rows = [a_row(n, 100, 100 if n < 40 else None, plan=None) for n in range(200)]

    scores, learned = scored(contract_frame(rows))

    assert learned.model is ContractModel.COMMON
    assert scores.frame["risk"].to_list() == pytest.approx([1 - np.exp(-0.18)] * 160, abs=1e-6)
    assert scores.frame["expected_value"].to_list() == pytest.approx([54.1206] * 160, abs=1e-3)
    assert scores.frame["past_value"].to_list() == pytest.approx([65.7084] * 160, abs=1e-3)


def test_ranks_follow_expected_value():
    rows = [a_row(n, 100, 100 if n < 40 else None, minor=1_000 + n) for n in range(80)]

    frame = scored(contract_frame(rows))[0].frame.sort("value_rank")

    assert frame["expected_value"].is_sorted(descending=True)


def test_a_customers_contracts_become_one_line_of_an_audience():
    rows = [a_row(n, 100 + n, 50 if n < 40 else None) for n in range(80)]
    rows.append((79, "000079", "main", "second", "second", *a_row(79, 10, None)[5:]))

    scores, _ = scored(contract_frame(rows))
    one = by_customer(scores)

    both = scores.frame.filter(pl.col("customer_no") == 79)
    told = one.frame.row(by_predicate=pl.col("customer_no") == 79, named=True)
    assert both.height == 2
    assert told["risk"] == both["risk"].min()
    assert told["expected_value"] == pytest.approx(both["expected_value"].sum())
    assert sorted(one.frame["value_rank"]) == list(range(1, 41))


def annual_world(plans: bool) -> pl.DataFrame:
    """Half end evenly over 400 days, half only about their first anniversary: under two plans, or one."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(3_000):
        age, even = int(rng.integers(1, 700)), number % 2
        over = int(rng.integers(1, 800)) if even else int(rng.integers(360, 370))
        lasts = over if rng.random() < 0.7 else 10_000
        plan = ("Monthly" if even else "Annual") if plans else "Only"
        rows.append(a_row(number, age, lasts if lasts <= age else None, plan=plan))
    return contract_frame(rows)


def test_plans_that_end_at_other_ages_get_curves_of_their_own():
    contracts = annual_world(plans=True)

    scores, learned = scored(contracts, horizon_days=30)

    living = contracts[learned.live].with_columns(risk=scores.frame["risk"])
    age = (AS_OF - living["started_on"]).dt.total_days()
    near, young = age.is_between(335, 358), age < 200
    annual = living["plan"] == "Annual"
    assert learned.model is ContractModel.BY_PLAN
    assert living.filter(annual & near)["risk"].mean() > 0.4
    assert living.filter(annual & young)["risk"].mean() < 0.02
    assert 0.01 < living.filter(~annual & young)["risk"].mean() < 0.1
    assert scored(annual_world(plans=False), horizon_days=30)[1].model is ContractModel.COMMON


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ("end", "Status is left out: one of its values is only of contracts that have ended"),
        ("group", "Status is left out: it tells how old a contract is"),
        ("bills", "Status is left out: it tells how old a contract is"),
        ("score", "Status is left out: it tells which contracts have ended"),
    ],
)
def test_an_attribute_that_tells_the_future_or_the_age_is_left_out_by_name(told: str, fault: str):
    world = a_world(3, 3_000)
    ended = world.contracts["ended_on"].is_not_null().to_numpy()
    stop = (
        (world.contracts["ended_on"].fill_null(AS_OF) - world.contracts["started_on"]).dt.total_days().to_numpy()
    )
    noise = np.random.default_rng(1).random(len(stop))
    texts = {
        "end": ["left" if each else "here" for each in ended],
        "group": [f"{each // 250}" for each in stop],
        "bills": [f"{each:.2f}" for each in stop * (1 + noise / 10)],
        "score": [f"{each:.4f}" for each in ended + noise * 0.9],
    }
    leaking = world.attributes.with_columns(pl.Series("attributes.Status", texts[told]))

    honest, _ = scored(world.contracts, world.attributes)
    scores, learned = scored(world.contracts, leaking)

    assert learned.remarks == (fault,)
    assert scores.digest == honest.digest


def test_unknown_attributes_say_nothing_also_where_only_the_living_have_them():
    world = a_world(4, 3_000)
    alive = world.contracts["ended_on"].is_null()
    only_living = world.attributes.select(pl.when(alive).then("attributes.Region").alias("attributes.Region"))

    scores, learned = scored(world.contracts, only_living)

    risk, truth = scores.frame["risk"].to_numpy(), world.risk(90)
    assert learned.remarks == ()
    assert risk.mean() == pytest.approx(truth.mean(), rel=0.1)


def test_reasons_are_three_at_most_with_their_numbers_in_both_languages():
    world = a_world(1, 3_000)

    told = reasons(world.contracts, world.attributes)
    chinese = reasons(world.contracts, world.attributes, "zh")

    scores, learned = scored(world.contracts, world.attributes)
    living = world.contracts[learned.live]
    riskiest = int(scores.frame["risk"].arg_max())
    assert all(1 <= len(each) <= 3 for each in told)
    assert f"plan {living['plan'][riskiest]}: " in told[riskiest][0] + told[riskiest][1] + told[riskiest][2]
    assert all("times the usual risk of ending" in each for each in told[riskiest])
    assert all("流失风险为平均的" in each for each in chinese[riskiest])


def test_reasons_are_the_same_however_many_are_told_at_once(monkeypatch):
    world = a_world(1, 500)
    at_once = reasons(world.contracts, world.attributes)

    monkeypatch.setattr("winback.scores.contract_reasons.AT_ONCE", 7)

    assert reasons(world.contracts, world.attributes) == at_once


def test_a_reason_tells_how_many_times_the_usual_risk():
    """Half under each plan live; of Gold 50 ended, of Iron 200, in nearly equal days: 1/2 and 2 about their mean.

    The logs differ by about ln 4, so the mean of them lies half-way: 0.5 and 2 times.
    """
    rows = [a_row(n, 100, 100 if n < 50 else None, plan="Gold") for n in range(1_050)]
    rows += [a_row(2_000 + n, 100, 100 if n < 200 else None, plan="Iron") for n in range(1_200)]
    contracts = contract_frame(rows)

    told = reasons(contracts, nothing_told(contracts))

    assert {each for line in told for each in line} == {
        "plan Gold: 0.5 times the usual risk of ending",
        "plan Iron: 1.9 times the usual risk of ending",
    }


ALL_SAME = [a_row(n, 0, None) for n in range(30)]


@pytest.mark.parametrize(
    ("rows", "living", "model", "words"),
    [
        ([], 0, "nothing known", "no contract lives at the end of 2026-06-30"),
        ([a_row(1, 50, None)], 1, "one hazard", "0 contracts have ended, fewer than 20"),
        ([a_row(n, 50, 20) for n in range(60)], 0, "hazard by age", None),
        ([a_row(n, 50, None) for n in range(60)], 60, "one hazard", "0 contracts have ended, fewer than 20"),
        (ALL_SAME, 30, "nothing known", "no contract was seen for a whole day: risk 0.5 for all"),
        ([a_row(n, 50, 0) for n in range(60)], 0, "nothing known", "no contract lives"),
        ([a_row(n, 50, 20 if n < 30 else None, minor=0, plan=None) for n in range(60)], 30, "hazard by age", None),
        ([a_row(n, 60_000, None) for n in range(5)], 5, "one hazard", "0 contracts have ended, fewer than 20"),
    ],
    ids=["none", "one", "all ended", "none ended", "all begun today", "ended when begun", "free", "ancient"],
)
def test_degenerate_contracts_get_an_answer_in_words(rows: list, living: int, model: str, words: str | None):
    contracts = contract_frame(rows)

    scores, learned = scored(contracts)

    frame = scores.frame
    assert (frame.height, scores.model) == (living, model)
    assert (words or "") in (scores.fallback_reason or "")
    assert frame.select(pl.col("risk", "expected_value").is_finite().all()).row(0) == (True, True)
    told = contract_reasons(
        contracts, nothing_told(contracts), learned,
        risk=frame["risk"].to_numpy(), horizon_days=90, minor_per_major=100, language="en",
    )  # fmt: skip
    assert told.len() == living


def test_one_hazard_is_half_an_end_more_over_the_days_seen():
    """No end in 50 days of one contract: 0.5 / 50 = 0.01 a day, over 10 days 1 - e^-.1."""
    frame = scored(contract_frame([a_row(1, 50, None)]), horizon_days=10)[0].frame

    assert frame["risk"].to_list() == [pytest.approx(1 - np.exp(-0.1), abs=1e-6)]


def test_constant_and_collinear_attributes_change_no_ranking_and_no_number_is_lost():
    world = a_world(2, 3_000)
    region = world.attributes["attributes.Region"]
    told = world.attributes.with_columns(
        pl.lit("x").alias("attributes.Constant"),
        region.alias("attributes.Copy"),
        region.replace({"north": "n", "south": "s", "west": "w"}).alias("attributes.Other words"),
        pl.Series("attributes.Own", [str(n) + "-" for n in range(3_000)]),
    )

    plain, _ = scored(world.contracts, world.attributes)
    scores, _ = scored(world.contracts, told)

    assert scores.digest == plain.digest


def test_where_earlier_ends_were_not_recorded_contracts_count_from_the_first_that_was():
    """Only ends of the last 200 days are there: taken as all ends, the hazard would be far too low."""
    world = a_world(1, 10_000)
    ended, first = world.contracts["ended_on"], AS_OF - timedelta(days=200)
    kept = ended.is_null() | (ended >= first)
    contracts, told = world.contracts.filter(kept), world.attributes.filter(kept)

    scores, learned = scored(contracts, told)

    truth = world.risk(90)
    assert learned.remarks == (f"no end before {first} is recorded: older contracts count from then on",)
    assert scores.frame["risk"].mean() == pytest.approx(truth.mean(), rel=0.08)
    assert scored(world.contracts, world.attributes)[1].remarks == ()


def test_contracts_that_all_began_on_one_day_lack_no_earlier_end():
    rows = [a_row(n, 400, 360 + n % 10 if n < 200 else None) for n in range(600)]

    assert scored(contract_frame(rows))[1].remarks == ()


def test_a_horizon_is_at_least_a_day():
    with pytest.raises(WrongUse, match="at least 1 day"):
        scored(contract_frame([a_row(1, 50, None)]), horizon_days=0)


def snapshots(contracts: int = 6_000) -> pl.DataFrame:
    """CONTRACTS that end at .001 a day, as two snapshots tell them, 180 days before AS_OF and on it.

    Each shows who lives and who left since the one before it, the first who left in the 90 days before it.
    """
    random = np.random.default_rng(2)
    first, rows = AS_OF - timedelta(days=180), []
    backs, lasted = random.integers(1, 1_500, contracts), random.exponential(1_000, contracts)
    for n, (back, days) in enumerate(zip(backs, lasted, strict=True)):
        started = AS_OF - timedelta(days=int(back))
        over = started + timedelta(days=int(days) + 1)
        if over <= first - timedelta(days=90):
            continue
        told = first if over <= first else AS_OF if over <= AS_OF else None
        rows.append((n, f"{n:06}", "main", f"s{n}", f"s{n}", started, told, 1_000, "Gold", True))
    return contract_frame(rows)


def test_what_a_first_snapshot_shows_as_left_was_before_it():
    """P(ended within 90 days) is 1 - exp(-.09) = .086; with the ends of the first snapshot it came out at .12."""
    contracts = snapshots()

    scores, _ = score_contracts(
        contracts, nothing_told(contracts), as_of=AS_OF, horizon_days=90, minor_per_major=100
    )

    assert scores.frame.height == contracts["ended_on"].null_count()
    assert scores.frame["risk"].mean() == pytest.approx(0.086, abs=0.009)
    assert "no end before" in scores.fallback_reason


def test_of_one_snapshot_it_is_said_that_the_level_may_be_too_low():
    contracts = snapshots().filter(pl.col("ended_on").is_null() | (pl.col("ended_on") == AS_OF))
    rows = contracts.with_columns(snapshot=pl.lit(False))

    scores, plain = (
        score_contracts(each, nothing_told(each), as_of=AS_OF, horizon_days=90, minor_per_major=100)[0]
        for each in (contracts, rows)
    )

    assert "all risks are too low" in scores.fallback_reason
    assert "all ends are told by" in plain.fallback_reason
    assert "too low" not in plain.fallback_reason
