"""The rolling backtest: measures worked by hand, nothing of the future read, a choice that is kept and used."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from app.cli import main
from db.choices import latest_choice
from db.engine import database, reading
from db.facts.store import digests
from flows.backtesting import at_cut, backtest, cut_days
from flows.scoring import score_all
from tests.test_default_scores import a_life
from tests.workspaces import load
from winback.customers.order_log import OrderLog, followed, number_of, order_log, packed, windows_at
from winback.customers.tie_key import tie_keys
from winback.scores.backtest import Measured, Truth, bands, calibration_error, choose, measured, name_of
from winback.scores.learners import has_lightgbm
from winback.scores.recipe import FULL, PLAIN, Model, default_recipe

CUT = date(2025, 6, 30)


def a_truth(silent, minor, past=None) -> Truth:
    values = np.asarray(minor, dtype=float)
    return Truth(
        cut=CUT,
        silent=np.asarray(silent, dtype=bool),
        minor=values,
        past_minor=values if past is None else np.asarray(past, dtype=float),
        keys=np.arange(len(values), dtype=np.int64),
    )


def test_the_measures_of_five_customers_are_those_worked_by_hand():
    """Risks .9 .6 .6 .2 .1; the first, second and fourth stayed away. Pairs that are right: of the first 2, of the
    second .5 + 1, of the fourth 1, so 4.5 of 6. Brier (.01 + .16 + .36 + .64 + .01) / 5 = .236."""
    truth = a_truth([1, 1, 0, 1, 0], [0, 0, 30, 0, 70], past=[5, 4, 9, 2, 1])

    found = measured("ours", "ours", truth, np.array([0.9, 0.6, 0.6, 0.2, 0.1]), np.array([1.0, 2, 3, 4, 5]))

    assert found.auc == pytest.approx(0.75)
    assert found.brier == pytest.approx(0.236)
    assert found.base_rate == 0.6
    assert (found.value_share_top20, found.value_share_best, found.value_share_past_spend) == (0.7, 0.7, 0.3)


def test_the_calibration_error_is_the_mean_distance_of_ten_equal_groups():
    """Twenty customers, all risks .3; in each group of two one stayed away: .2 everywhere."""
    found = bands(np.full(20, 0.3), np.arange(20) % 2 == 0)

    assert len(found) == 10
    assert calibration_error(found) == pytest.approx(0.2)


def test_what_cannot_be_measured_is_null():
    found = measured("ours", "ours", a_truth([1, 1], [0, 0]), np.array([0.5, 0.6]), np.array([1.0, 2.0]))

    assert (found.auc, found.value_share_top20) == (None, None)


def a_row(model: str, auc: float, brier: float, share: float = 0.5, cut: date = CUT) -> Measured:
    return Measured(
        cut=cut, model=model, used=model, n=1, base_rate=0.5, auc=auc, brier=brier, ece=0.0,
        value_share_top20=share, value_share_best=1.0, value_share_past_spend=0.4,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("auc", "brier", "chosen"),
    [(0.79, 0.13, "BG/NBD"), (0.79, 0.15, name_of(PLAIN)), (0.77, 0.13, name_of(PLAIN))],
)
def test_another_model_is_chosen_only_when_it_is_better_in_both_measures(auc, brier, chosen):
    rows = [a_row(name_of(PLAIN), 0.78, 0.14), a_row("BG/NBD", auc, brier)]

    assert name_of(choose(rows, lightgbm=False)) == chosen


def test_the_season_is_left_out_when_it_was_measured_and_made_it_worse():
    plain = name_of(PLAIN)

    assert choose([a_row(plain, 0.78, 0.14)], lightgbm=False).season
    assert choose([a_row(plain, 0.78, 0.14), a_row(plain + " + season", 0.78, 0.13)], lightgbm=False).season
    assert not choose([a_row(plain, 0.78, 0.14), a_row(plain + " + season", 0.78, 0.15)], lightgbm=False).season


def test_the_season_is_judged_on_the_model_that_is_chosen():
    """BG/NBD is better than the default in both measures, and worse with the season, which helps the default."""
    plain = name_of(PLAIN)
    rows = [a_row(plain, 0.78, 0.14), a_row(plain + " + season", 0.78, 0.13), a_row("BG/NBD", 0.79, 0.12)]

    assert choose(rows, lightgbm=False).season
    worse = choose([*rows, a_row("BG/NBD + season", 0.79, 0.125)], lightgbm=False)
    assert (name_of(worse), worse.season) == ("BG/NBD", False)


def test_models_are_compared_as_they_would_be_used():
    """The seasonal model beats the default as it stands, .12 to .14, but not the default with its shift, .11."""
    plain = name_of(PLAIN)
    rows = [a_row(plain, 0.78, 0.14), a_row(plain + " + season", 0.78, 0.11)]

    chosen = choose([*rows, a_row("seasonal Pareto/NBD", 0.79, 0.12)], lightgbm=False)

    assert (name_of(chosen), chosen.season) == (plain, True)


@pytest.mark.parametrize(
    ("auc", "brier", "chosen"),
    [(0.7815, 0.1395, False), (0.7825, 0.1395, True), (0.7815, 0.1385, True), (0.7795, 0.1385, False)],
)
def test_a_difference_that_few_windows_make_by_chance_chooses_nothing(auc, brier, chosen):
    """Beside .78 and .14, margins are .002 of AUC and .0014 of Brier: better in both, and in one by that."""
    found = choose([a_row(name_of(PLAIN), 0.78, 0.14), a_row("BG/NBD", auc, brier)], lightgbm=False)

    assert (name_of(found) == "BG/NBD") == chosen


def test_where_auc_cannot_be_told_brier_speaks_alone():
    rows = [a_row(name_of(PLAIN), 0.5, 0.03), a_row("seasonal Pareto/NBD", 0.5, 0.001)]

    found = choose([replace(row, auc=None) for row in rows], lightgbm=False)

    assert name_of(found) == "seasonal Pareto/NBD"


def test_a_shift_that_is_hardly_worse_is_kept():
    """The windows that are measured are not the season to come."""
    plain = name_of(PLAIN)

    assert choose([a_row(plain, 0.78, 0.14), a_row(plain + " + season", 0.78, 0.141)], lightgbm=False).season
    assert not choose([a_row(plain, 0.78, 0.14), a_row(plain + " + season", 0.78, 0.142)], lightgbm=False).season


def test_a_backtest_speaks_for_its_own_horizon_alone(shop, capsys):
    log = a_log(customers=300)
    load(shop, "orders", a_csv(log))
    assert main(["backtest", "--horizon", "30", "--cuts", "1"]) == 0
    through = date(1970, 1, 1) + timedelta(days=int(log.day.max()))

    assert (
        "the last backtest was over 30 days, not 90: the default models"
        in scored_at(shop, through).fallback_reason
    )
    capsys.readouterr()


def test_fifths_are_chosen_where_they_were_the_best():
    rows = [a_row(name_of(PLAIN), 0.78, 0.14), a_row("R+F quintiles", 0.79, 0.13)]

    assert name_of(choose(rows, lightgbm=False)) == "R+F quintiles"


def test_learned_value_is_left_out_when_it_found_less_revenue():
    full, pareto = a_row(name_of(FULL), 0.8, 0.1, share=0.6), a_row("Pareto/NBD", 0.7, 0.2, share=0.61)

    assert not choose([full, pareto], lightgbm=True).learned_value
    assert choose([full, replace(pareto, value_share_top20=0.6)], lightgbm=True).learned_value


def a_log(seed: int = 4, customers: int = 2_000, *, until: date = date.max) -> OrderLog:
    """Customers whose past says nothing of what follows CUT: then a coin alone decides who orders."""
    random = np.random.default_rng(seed)
    orders = 1 + random.poisson(random.gamma(0.7, 4, customers))
    no = np.repeat(np.arange(1, customers + 1), orders)
    before = number_of(CUT) - random.integers(0, 400, len(no))
    came = np.flatnonzero(random.random(customers) < 0.5) + 1
    after = number_of(CUT) + random.integers(1, 91, len(came))
    day = np.r_[before, after].astype(np.int32)
    minor, kept = random.integers(500, 9_000, len(day)), day <= number_of(until)
    return order_log([(packed(np.r_[no, came], day)[kept], minor[kept])])


def ids_of(log: OrderLog) -> pl.DataFrame:
    ids = pl.Series([f"{no:05}" for no in log.no])
    return pl.DataFrame({"customer_no": log.no, "customer_id": ids, "tie_key": tie_keys(ids)})


def highest_auc(log: OrderLog) -> float:
    rows, _, _ = at_cut(log, ids_of(log), CUT, 90)
    return max(row.auc or 0.0 for row in rows)


def test_nobody_foresees_a_coin():
    """A planted future that hangs on nothing: AUC of every model is one half, to four standard errors (.013)."""
    assert highest_auc(a_log()) < 0.55


def test_a_broken_cut_foresees_the_coin(monkeypatch):
    """The same where the windows see 90 days too many, so that the test above is known to notice it."""

    def foresee(log, as_of, features, unit_days):
        seen, later = windows_at(log, as_of, features, unit_days), followed(log, features, as_of, unit_days)[0]
        return lambda of: [*seen(of), later[of]]

    monkeypatch.setattr("winback.scores.material.windows_at", foresee)

    assert highest_auc(a_log()) > 0.8


def test_a_cut_s_scores_do_not_hang_on_what_came_after_it():
    """The whole log, and the log without a single order after the cut, give the same calibrated risks."""
    whole, cut_off = a_log(), a_log(until=CUT)

    _, seen, _ = at_cut(whole, ids_of(whole), CUT, 90)
    _, unseen, _ = at_cut(cut_off, ids_of(whole), CUT, 90)

    assert {name: [band.risk for band in bands] for name, bands in seen.items()} == {
        name: [band.risk for band in bands] for name, bands in unseen.items()
    }


def test_cuts_lie_one_horizon_apart_and_need_as_much_history_as_the_horizon():
    """Orders from day 0 to 299: cuts at 209, 119 and none at 29, whose 30 days are fewer than 90."""
    first = date(2025, 1, 1)
    day = (number_of(first) + np.arange(300)).astype(np.int32)
    log = order_log([(packed(np.ones(300, dtype=np.int64), day), np.full(300, 100))])
    last = first + timedelta(days=299)

    assert cut_days(log, last, 90, 9) == [last - timedelta(days=90), last - timedelta(days=180)]


def test_the_season_to_come_is_measured_where_the_one_before_it_is_known():
    """Three years: the last three cuts, and the day a year before the end; two years and a half are too few for
    90 days, since the season before that year has no two horizons before it."""
    first = date(2023, 1, 1)

    def found(days: int) -> list[int]:
        day = (number_of(first) + np.arange(days)).astype(np.int32)
        log = order_log([(packed(np.ones(days, dtype=np.int64), day), np.full(days, 100))])
        last = first + timedelta(days=days - 1)
        return [(last - cut).days for cut in cut_days(log, last, 90, 3)]

    assert found(1_096) == [90, 180, 270, 365]
    assert found(900) == [90, 180, 270]


def a_csv(log: OrderLog) -> str:
    """One order a purchase day, as each customer has it in the log."""
    days = [(date(1970, 1, 1) + timedelta(days=int(day))).isoformat() for day in log.day]
    numbers = np.repeat(log.no, np.diff(log.start))
    rows = zip(numbers, range(len(log.day)), days, np.diff(log.gross), strict=True)
    lines = "\n".join(f"{no:05},o{order},{day},{minor / 100:.2f}" for no, order, day, minor in rows)
    return f"customer_id,order_id,ordered_at,amount\n{lines}\n"


def scored_at(shop, as_of: date):
    with database(shop.database_url) as engine, reading(engine) as session:
        return score_all(session, shop, digests(session), as_of, 90)[1]


def test_later_facts_and_a_later_backtest_leave_the_scores_of_an_earlier_day_as_they_were(shop, capsys):
    log = a_log(customers=600)
    early = log.day <= number_of(CUT)
    text = a_csv(log).splitlines()
    kept = [text[0], *(line for line, old in zip(text[1:], early, strict=True) if old)]
    load(shop, "orders", "\n".join(kept) + "\n")
    before = scored_at(shop, CUT)

    load(shop, "orders", a_csv(log))
    assert main(["backtest", "--horizon", "90", "--json"]) == 0

    after = scored_at(shop, CUT)
    assert after.digest == before.digest
    assert (
        after.frame.drop("customer_no")
        .sort("customer_id")
        .equals(before.frame.drop("customer_no").sort("customer_id"))
    )
    capsys.readouterr()


def test_what_a_backtest_chose_is_what_scores_are_made_of(shop, capsys):
    log = a_log(customers=600)
    load(shop, "orders", a_csv(log))

    assert main(["backtest", "--horizon", "90", "--cuts", "1"]) == 0

    through = date(1970, 1, 1) + timedelta(days=int(log.day.max()))
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = latest_choice(session, through, 90)
        found = backtest(session, shop, 90, 1)
        assert latest_choice(session, through - timedelta(days=1), 90) is None
        assert latest_choice(session, through, 60) is None
    assert chosen == found.recipe
    assert {row.model for row in found.measured} >= {"R+F quintiles", "Pareto/NBD", "logistic"}
    assert f"Scores from {through} on: {name_of(chosen)}" in capsys.readouterr().out


def test_a_history_too_short_is_said_and_nothing_is_chosen(shop, capsys):
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,a,2026-01-01,5\n1,b,2026-02-28,5\n")

    assert main(["backtest", "--horizon", "90"]) == 1

    said = capsys.readouterr().err
    assert "59 days: a backtest over 90 days needs twice as many" in said


def test_without_a_backtest_everything_installed_counts_the_same():
    assert default_recipe(lightgbm=False).weights == {"Pareto/NBD": 0.5, "logistic": 0.5}
    assert set(default_recipe(lightgbm=True).parts) == {Model.PARETO_NBD, Model.LOGISTIC, Model.LIGHTGBM}


def test_the_calibration_is_that_of_what_was_chosen(shop, capsys):
    """Customers of Pareto/NBD: fifths of recency and frequency, the first that is measured, are another curve."""
    log, _ = a_life(np.random.default_rng(7), "Pareto/NBD", 3_000, 720)
    load(shop, "orders", a_csv(log))

    assert main(["backtest", "--horizon", "90", "--cuts", "1", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    chosen, eces = found["default"], {row["model"]: row["ece"] for row in found["results"]}
    gaps = [abs(band["risk"] - band["stayed_away"]) for band in found["calibration"]]
    named = chosen["model"] + " + season" if chosen["season"] else chosen["model"]
    assert np.mean(gaps) == pytest.approx(eces[named], abs=1e-4)
    assert eces["R+F quintiles"] != pytest.approx(eces[named], abs=1e-3)


def test_where_too_little_is_known_the_default_is_measured_by_what_it_came_down_to(shop, capsys):
    """Thirty customers: no model of orders, nobody to learn from. The default's row says it was R+F quintiles."""
    log = a_log(customers=30)
    load(shop, "orders", a_csv(log))

    assert main(["backtest", "--horizon", "90", "--cuts", "1", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    rows = {row["model"]: row for row in found["results"]}
    default = name_of(default_recipe(lightgbm=has_lightgbm()))
    assert set(rows) == {"R+F quintiles", default}
    assert rows[default]["used"] == "R+F quintiles"
    assert rows[default]["brier"] == rows["R+F quintiles"]["brier"]
    assert any(f"{default} came down to R+F quintiles" in note for note in found["notes"])
