"""Scores of CDNOW against what was measured elsewhere; every fall-back; degenerate files; ranks and digest."""

import hashlib
import struct
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli import main
from db.facts.queries import read_features, read_log
from tests.facts import MASTER, an_order, area_under_curve, identified, read_cdnow, write_cdnow, write_orders
from tests.workspaces import a_workspace, load
from winback.customers.features import EARLIER, FEATURES, EarlierWindow
from winback.customers.order_log import earlier_window
from winback.errors import WrongUse
from winback.scores.btyd import Family, Histories, expected_orders, fit
from winback.scores.recipe import Model, Recipe
from winback.scores.scoring import SCORES, Scores, digest_of, score

AS_OF = date(2026, 1, 31)
MBG = Recipe(parts=(Model.MBG_NBD,), orders=Model.MBG_NBD)


def customers(purchase_days, span_days, age_days, spend_minor=1000.0, **columns) -> pl.DataFrame:
    """FEATURES with ids, one customer for each entry; ``spend_minor`` is what a purchase day brings."""
    days, span, age = (np.asarray(values, dtype=np.int64) for values in (purchase_days, span_days, age_days))
    total = np.round(days * np.broadcast_to(spend_minor, days.shape)).astype(np.int64)
    positive = np.where(total > 0, days, 0)
    repeats = np.maximum(positive - 1, 0)
    frame = pl.DataFrame(
        {
            "customer_no": np.arange(1, len(days) + 1),
            "first_order_on": [AS_OF - timedelta(days=int(value)) for value in age],
            "last_order_on": [AS_OF - timedelta(days=int(value)) for value in age - span],
            "orders": days,
            "purchase_days": days,
            "span_days": span,
            "age_days": age,
            "gross_minor": total,
            "net_minor": total,
            "positive_days": positive,
            "positive_minor": total,
            "repeat_positive_days": repeats,
            "repeat_positive_minor": np.where(positive > 0, total * repeats // np.maximum(positive, 1), 0),
        }
    ).cast(dict(FEATURES))
    return identified(frame).with_columns(**columns)


def scored(features: pl.DataFrame, **changed) -> Scores:
    return score(
        features, **({"as_of": AS_OF, "horizon_days": 90, "minor_per_major": 100, "recipe": MBG} | changed)
    )


def simulated(size: int = 3_000, *, dropout: bool = True, seed: int = 0) -> pl.DataFrame:
    """Customers of 400 days at most who order at their own rate, with or without stopping; spend varies."""
    random = np.random.default_rng(seed)
    age = random.integers(1, 401, size)
    living = age * random.beta(0.6, 0.9, size) if dropout else age
    span = np.zeros(size)
    repeats = random.poisson(random.gamma(1.2, 1 / 60, size) * living)
    repeats = np.minimum(repeats, age)
    some = repeats > 0
    span[some] = np.maximum(repeats[some], living[some] * random.beta(repeats[some], 1))
    spend = 2_500 * random.gamma(6, 1 / random.gamma(4, 1, size))
    return customers(repeats + 1, np.minimum(np.ceil(span), age), age, spend)


def assert_whole(scores: Scores, rows: int) -> None:
    """What holds of every answer: its shape, finite numbers in range, unique ranks."""
    frame = scores.frame
    assert frame.schema == SCORES
    assert frame.height == rows
    numbers = frame.select("risk", "expected_value", "past_value")
    assert numbers.select(pl.all().is_finite().all()).row(0) == (True, True, True)
    assert frame["risk"].is_between(0, 1).all()
    for rank in ("value_rank", "past_rank"):
        assert frame[rank].sort().to_list() == list(range(1, rows + 1))


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory):
    return write_cdnow(tmp_path_factory.mktemp("master"), MASTER)


@pytest.mark.parametrize(
    ("as_of", "auc", "best_brier", "share", "past_share", "best_share"),
    [
        (date(1997, 9, 30), 0.7547, 0.1644, 0.688, 0.661, 0.939),
        (date(1997, 12, 31), 0.7931, 0.1283, 0.729, 0.710, 0.984),
    ],
)
def test_cdnow_is_scored_as_well_as_measured_elsewhere(
    cdnow, as_of, auc, best_brier, share, past_share, best_share
):
    """39/39 and 52/26 weeks. AUC of MBG/NBD, the shares of the following revenue held by the top fifth by past
    spend and by knowing the future, and the best Brier score of any model were measured independently, the share
    by expected value for BG/NBD x gamma-gamma."""
    horizon = (date(1998, 6, 30) - as_of).days
    scores = scored(identified(read_features([cdnow], as_of=as_of)), as_of=as_of, horizon_days=horizon)
    after = read_cdnow().filter(pl.col("ordered_at") > as_of).group_by("customer_id").agg(pl.col("amount").sum())
    frame = scores.frame.join(after, on="customer_id", how="left", maintain_order="left")

    lost, revenue = frame["amount"].is_null().to_numpy(), frame["amount"].fill_null(0)
    top = -(-frame.height // 5)

    def held(rank: str) -> float:
        return frame.filter(pl.col(rank) <= top)["amount"].sum() / revenue.sum()

    assert (scores.model, scores.fallback_reason) == (Model.MBG_NBD, None)
    assert area_under_curve(frame["risk"].to_numpy(), lost) == pytest.approx(auc, abs=0.001)  # fitted on 10,000
    assert best_brier <= ((frame["risk"].to_numpy() - lost) ** 2).mean() <= best_brier + 0.003
    assert held("value_rank") == pytest.approx(share, abs=0.004)
    assert held("past_rank") == pytest.approx(past_share, abs=0.001)
    assert revenue.sort(descending=True).head(top).sum() / revenue.sum() == pytest.approx(best_share, abs=0.0006)
    assert_whole(scores, 23_570)


def test_customers_who_do_not_stop_are_scored_by_nbd():
    scores = scored(simulated(dropout=False))

    assert scores.model == Model.NBD
    assert scores.weights == {"NBD": 1.0}
    assert "dropout not identified" in scores.fallback_reason
    assert_whole(scores, 3_000)


def test_customers_who_stop_are_scored_by_mbg_nbd():
    scores = scored(simulated())

    assert (scores.model, scores.fallback_reason) == (Model.MBG_NBD, None)
    assert scores.frame["model"].unique().to_list() == ["MBG/NBD"]


@pytest.mark.parametrize(("repeaters", "model"), [(99, Model.QUINTILES), (100, Model.MBG_NBD)])
def test_a_model_needs_a_hundred_repeaters(repeaters, model):
    pool = simulated()
    once, twice = (pool.filter(rule) for rule in (pl.col("purchase_days") == 1, pl.col("purchase_days") > 1))
    scores = scored(pl.concat([once.head(100), twice.head(repeaters)]))

    assert (scores.model == Model.QUINTILES) == (model is Model.QUINTILES)
    assert ("99 customers ordered on two days or more" in (scores.fallback_reason or "")) == (repeaters == 99)


@pytest.mark.parametrize("orders", [11, 201])
def test_an_order_rate_without_spread_falls_back_to_quintiles(orders):
    """Everybody ordered equally often: r and alpha have no upper end, only their ratio is known. With 201 orders
    alpha is still inside when r has left."""
    scores = scored(customers([orders] * 500, [200] * 500, [200] * 500))

    assert scores.model == Model.QUINTILES
    assert "order rate not identified" in scores.fallback_reason
    assert_whole(scores, 500)


def test_alpha_has_bounds_of_its_own(monkeypatch):
    """Simulated with r 1.2 and alpha 60 days of 400: at a lower bound of 0.5 alpha alone is outside."""
    monkeypatch.setattr("winback.scores.order_fit.RATE_BOUNDS", (0.5, 1e3))

    assert "order rate not identified" in scored(simulated(dropout=False)).fallback_reason


def test_quintiles_use_what_was_observed_one_horizon_earlier():
    """Two customers; of the earlier ones in the first's cell one of four stayed away."""
    rows = [(number, 5, 1, number != 1) for number in range(1, 5)]
    earlier = EarlierWindow(
        as_of=AS_OF - timedelta(days=90),
        horizon_days=90,
        customers=pl.DataFrame(rows, schema=EARLIER, orient="row"),
    )

    scores = scored(customers([1, 1], [0, 0], [5, 49]), earlier=lambda: earlier)

    assert scores.frame["risk"].to_list() == [0.25, 0.25]
    assert "risk observed on 4 customers one horizon (90 days) earlier" in scores.fallback_reason
    paces = np.array([90 / 95, 90 / 139])  # one purchase day in 5 and 49 days, 90 days added
    worth = 10.00 * paces / (1 - np.exp(-paces))
    np.testing.assert_allclose(scores.frame["expected_value"], 0.75 * worth, atol=1e-6)


def test_without_an_earlier_window_quintiles_say_that_they_know_nothing():
    scores = scored(customers([1], [0], [5]))

    assert scores.frame["risk"].to_list() == [0.5]
    assert "nobody known one horizon (90 days) earlier" in scores.fallback_reason


def test_spend_on_too_few_days_falls_back_to_each_one_s_own():
    """Nobody paid on two days and each brought 20.00: so will every expected order."""
    money = ("gross_minor", "net_minor", "positive_minor")
    features = simulated().with_columns(pl.lit(1).alias("positive_days"), *(pl.lit(2_000).alias(n) for n in money))
    seen = Histories(
        repeats=features["purchase_days"].to_numpy() - 1.0,
        last=features["span_days"].to_numpy() * 1.0,
        age=features["age_days"].to_numpy() * 1.0,
    )

    scores = scored(features)

    assert (
        "0 customers paid on two days or more, fewer than 100: each one's own mean spend used"
        in scores.fallback_reason
    )
    orders = expected_orders(fit(Family.MBG_NBD, seen), seen, horizon=90)
    paid = 3_000 / features["purchase_days"].sum()  # of all purchase days, one of each customer's
    np.testing.assert_allclose(scores.frame["expected_value"], 20 * paid * orders, atol=1e-5)


def test_spend_whose_means_have_no_mean_is_each_one_s_own():
    """Means as 1/Gamma(1/2) have no expectation: q is 1/2. Ten times the spend is then ten times the value."""
    random = np.random.default_rng(1)
    spend = 1_000 / random.gamma(0.5, 1, 3_000)
    features = simulated()
    days = features["purchase_days"].to_numpy()
    features = customers(days, features["span_days"], features["age_days"], spend)

    more = customers(days, features["span_days"], features["age_days"], np.append(10 * spend[0], spend[1:]))

    scores, other = scored(features), scored(more)

    assert "gamma-gamma needs q > 1" in scores.fallback_reason
    value, ten_times = (each.frame["expected_value"].to_numpy() for each in (scores, other))
    assert ten_times[0] == pytest.approx(10 * value[0], rel=1e-4)
    np.testing.assert_allclose(ten_times[1:], value[1:], atol=1e-5)


def test_expected_value_is_net_of_the_refunds_of_all():
    whole = scored(simulated()).frame["expected_value"].to_numpy()
    half = simulated().with_columns(net_minor=pl.col("net_minor") // 2)

    np.testing.assert_allclose(scored(half).frame["expected_value"], whole / 2, rtol=1e-4, atol=1e-5)


def test_expected_value_is_in_major_units():
    yen, cents = (scored(simulated(), minor_per_major=unit).frame["expected_value"] for unit in (1, 100))

    np.testing.assert_allclose(yen / 100, cents, atol=1e-6)


def one_person(days: int) -> pl.DataFrame:
    return customers([days], [days - 1], [days - 1])


@pytest.mark.parametrize(
    "features",
    [
        pytest.param(one_person(1), id="one customer with one order today"),
        pytest.param(one_person(1_683), id="1,683 orders of one person"),
        pytest.param(customers([1] * 2_000, [0] * 2_000, range(2_000)), id="nobody ordered twice"),
        pytest.param(customers([1] * 500, [0] * 500, [0] * 500), id="everybody came today"),
        pytest.param(customers([2] * 500, [30] * 500, [30] * 500), id="everybody came twice on the same two days"),
        pytest.param(customers([1, 2] * 300, [0, 1] * 300, [1, 1] * 300), id="no time spread"),
        pytest.param(simulated().with_columns(net_minor=-pl.col("gross_minor")), id="refunds exceed orders"),
        pytest.param(simulated().with_columns(net_minor=pl.lit(0)), id="everything was refunded"),
        pytest.param(customers([1, 3, 9] * 200, [0, 50, 90] * 200, [100] * 600, 0), id="only free orders"),
        pytest.param(customers([1, 3, 9] * 200, [0, 50, 90] * 200, [100] * 600, 1e13), id="huge amounts"),
        pytest.param(pl.concat([simulated(), one_person(1_683)]), id="one who comes every day among many"),
    ],
)
def test_degenerate_files_get_an_answer(features):
    scores = scored(features)

    assert_whole(scores, features.height)
    if scores.model != Model.MBG_NBD:
        assert scores.fallback_reason


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (simulated().with_columns(net_minor=pl.lit(0)), "refunds are not less than the orders"),
        (
            simulated().with_columns(
                pl.lit(0).alias(name) for name in ("gross_minor", "net_minor", "positive_days", "positive_minor")
            ),
            "no order has a positive amount",
        ),
    ],
)
def test_where_nothing_is_kept_nothing_is_expected(features, words):
    scores = scored(features)

    assert words in scores.fallback_reason
    assert scores.frame["expected_value"].unique().to_list() == [0.0]


def test_orders_after_the_day_leave_nobody_to_score(tmp_path):
    facts = write_orders(tmp_path, an_order(ordered_on="2026-02-01"))

    scores = scored(identified(read_features([facts], as_of=AS_OF)))

    assert_whole(scores, 0)
    assert scores.fallback_reason == "nobody had ordered by 2026-01-31"
    assert scores.digest == hashlib.sha256(b"").hexdigest()


def test_a_horizon_of_no_days_is_refused():
    with pytest.raises(WrongUse, match="at least 1 day"):
        scored(one_person(1), horizon_days=0)


def test_equal_values_are_ranked_by_the_digest_of_the_id():
    """Twenty customers alike: their ranks follow the hex digits of sha256(customer_id)."""
    frame = scored(customers([1] * 20, [0] * 20, [10] * 20)).frame

    by_digest = sorted(frame["customer_id"], key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert frame.sort("value_rank")["customer_id"].to_list() == by_digest
    assert frame.sort("past_rank")["customer_id"].to_list() == by_digest


def test_values_that_differ_in_the_seventh_decimal_are_equal():
    """Two past nets of 1e-7 major units apart rank by digest, not by size."""
    features = customers([1, 1], [0, 0], [10, 10], [10.0, 11.0])

    frame = scored(features, minor_per_major=10_000_000).frame

    first = min(frame["customer_id"], key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert frame["past_value"].n_unique() == 1
    assert frame.sort("past_rank")["customer_id"][0] == first


def test_the_digest_is_what_its_docstring_says():
    frame = scored(simulated(50)).frame

    rows = sorted(frame.to_dicts(), key=lambda row: row["value_rank"])
    told = "".join(f"{row['customer_id']}\n" for row in rows).encode()
    for name in ("risk", "expected_value", "past_value"):
        told += struct.pack("<50d", *(row[name] for row in rows))
    told += struct.pack("<50q", *(row["past_rank"] for row in rows))
    assert digest_of(frame) == hashlib.sha256(told).hexdigest()
    assert digest_of(frame.reverse()) == digest_of(frame)


def test_other_customer_numbers_and_another_order_of_rows_give_the_same_digest(monkeypatch):
    """With more customers than a fit takes: the sample hangs on their ids alone."""
    monkeypatch.setattr("winback.scores.scoring.FITTED_CUSTOMERS", 2_000)
    features = simulated()
    other = features.reverse().with_columns(customer_no=pl.col("customer_no") * 3)

    assert scored(other).digest == scored(features).digest


def test_orders_in_one_file_or_in_several_are_scored_into_the_same_file(tmp_path, capsys):
    """Customers are numbered as they come: those of the second half first."""
    rows = [f"{n // 3:02},o{n},2026-01-{1 + n % 28:02},{5 + n % 9}.00" for n in range(120)]
    told = []
    for name, parts in (("one", [rows]), ("two", [rows[80:], rows[:80]])):
        shop = a_workspace(tmp_path / name)
        for part in parts:
            load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(part) + "\n")
        out = tmp_path / f"{name}.parquet"
        words = ["score", "--as-of", "2026-02-28", "--horizon", "60", "--out", str(out)]
        main(["--workspace", str(shop.workspace), *words])
        told.append(out.read_bytes())

    assert told[0] == told[1]


def test_a_fit_on_a_sample_is_close_to_the_fit_on_all(monkeypatch):
    monkeypatch.setattr("winback.scores.outlook.FITTED_ORDERS", 20_000)
    features = simulated(20_000)
    whole = scored(features).frame["risk"]

    monkeypatch.setattr("winback.scores.outlook.FITTED_ORDERS", 10_000)

    sampled = scored(features).frame["risk"]
    assert 0 < (sampled - whole).abs().max() < 0.03


def test_the_earlier_window_of_cdnow_serves_a_small_part_of_it(cdnow):
    """The first 150 customers have fewer than 100 repeaters by 1997-06-30."""
    as_of = date(1997, 6, 30)
    features = identified(read_features([cdnow], as_of=as_of)).head(150)
    earlier = earlier_window(read_log([cdnow], as_of=as_of), as_of, 90)

    scores = scored(features, as_of=as_of, earlier=lambda: earlier)

    assert scores.model == Model.QUINTILES
    assert scores.frame["risk"].n_unique() > 5
    assert_whole(scores, 150)


@settings(deadline=None, max_examples=30)  # fits take longer on a loaded machine
@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.floats(0, 1), st.integers(0, 900), st.integers(0, 10**9)),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 30),
    st.integers(1, 400),
)
def test_any_file_gets_finite_scores_and_unique_ranks(people, copies, horizon):
    """Any few customers, repeated so that both sides of 100 repeaters come up."""
    visits, share, age, spend = (np.array(column * copies) for column in zip(*people, strict=True))
    visits = np.minimum(visits, age + 1)
    span = np.clip(np.ceil(share * age), visits - 1, age) * (visits > 1)

    assert_whole(scored(customers(visits, span, age, spend), horizon_days=horizon), len(age))
