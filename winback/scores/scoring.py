"""Scores of every customer: the risk that he stays away, what he is expected to bring, and why.

The model is MBG/NBD for orders times gamma-gamma for spend. Where a file cannot carry them it falls back, and the
scores say so in words:

    MBG/NBD  --dropout not identified-->  NBD  --order rate not identified, or few repeaters-->  R+F quintiles
    gamma-gamma  --not identified-->  the mean spend of all purchase days
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from winback.errors import WrongUse
from winback.features import IDENTIFIED, EarlierWindow
from winback.scores.btyd import Family, Fit, Histories, expected_orders, fit, probability_of_no_order
from winback.scores.gamma_gamma import expected_spend, fit_spend
from winback.scores.quintiles import observed_risk, run_rate

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SCORES: Final = pl.Schema(
    {
        "customer_no": pl.Int64(),
        "customer_id": pl.String(),
        "risk": pl.Float64(),  # P(no order in [as_of + 1, as_of + horizon])
        "expected_value": pl.Float64(),  # major units, net, over the same days; not multiplied by risk
        "value_rank": pl.Int64(),  # 1 = highest, unique
        "past_value": pl.Float64(),  # major units, net, until as_of
        "past_rank": pl.Int64(),
        "model": pl.String(),
        "reasons": pl.List(pl.String()),
    }
)

MIN_REPEATERS: Final = 100
MIN_GAIN: Final = 1.92  # of log-likelihood: half the 95 % point of chi-squared with one degree of freedom
RATE_BOUNDS: Final = (1e-3, 1e3)  # r and alpha, time rescaled to the largest age
FITTED_CUSTOMERS: Final = 50_000


class Model(StrEnum):
    """What the risks were computed with."""

    MBG_NBD = "MBG/NBD"
    NBD = "NBD"
    QUINTILES = "R+F quintiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """A SCORES frame in the order of the features, what it was computed with, and what was not identified.

    ``digest`` is ``digest_of(frame)``.
    """

    frame: pl.DataFrame
    model: Model
    weights: dict[str, float]
    fallback_reason: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """Risk and value (minor units) of each customer, before rounding."""

    model: Model
    risk: Floats
    value_minor: Floats
    remarks: tuple[str | None, ...]


def score(
    features: pl.DataFrame,
    *,
    as_of: date,
    horizon_days: int,
    minor_per_major: int,
    earlier: EarlierWindow | None = None,
) -> Scores:
    """Score every row of ``features`` (IDENTIFIED: FEATURES with customer_id) over [as_of + 1, as_of + horizon].

    Models are fitted on at most 50,000 customers, those whose sha256(customer_id) is smallest, so that the sample
    depends on nothing but who the customers are. ``earlier`` is needed for R+F quintiles only; without it their
    risk is 0.5 for all. WrongUse when the horizon is not positive.
    """
    if horizon_days < 1:
        raise WrongUse("a horizon is at least 1 day")
    features = features.select(IDENTIFIED.names())
    keys = _tie_keys(features["customer_id"])
    if features.is_empty():
        nothing = np.empty(0)
        remark = f"nobody had ordered by {as_of}"
        outlook = _Outlook(model=Model.QUINTILES, risk=nothing, value_minor=nothing, remarks=(remark,))
    else:
        outlook = _outlook(features, features[_fitted_rows(keys)], as_of, horizon_days, earlier)
    frame = _frame(features, outlook, keys, as_of, minor_per_major)
    return Scores(
        frame=frame,
        model=outlook.model,
        weights={outlook.model.value: 1.0},
        fallback_reason="; ".join(remark for remark in outlook.remarks if remark) or None,
        digest=digest_of(frame),
    )


def digest_of(frame: pl.DataFrame) -> str:
    """sha256 (hex) of a SCORES frame's numbers, whatever the order of its rows.

    One line a customer, ``customer_id risk expected_value value_rank past_value past_rank`` with tabs between,
    risk and values with 6 decimals; UTF-8, each line ended by ``\\n``, sorted by bytes.
    """
    decimals = pl.col("risk", "expected_value", "past_value").cast(pl.Decimal(38, 6))
    columns = "customer_id", "risk", "expected_value", "value_rank", "past_value", "past_rank"
    line = pl.concat_str(columns, separator="\t") + "\n"
    lines = frame.with_columns(decimals).select(line=line)["line"].sort()
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _outlook(
    features: pl.DataFrame, fitted: pl.DataFrame, as_of: date, horizon_days: int, earlier: EarlierWindow | None
) -> _Outlook:
    chosen, remark = _choose(fitted)
    if chosen is None:
        return _quintiles(features, as_of, horizon_days, earlier, remark)
    histories = _histories(features)
    orders = expected_orders(chosen, histories, horizon=horizon_days)
    spend, spend_remark = _spend(features, fitted)
    kept, kept_remark = _kept_share(features)
    return _Outlook(
        model=Model(chosen.family.value),
        risk=probability_of_no_order(chosen, histories, horizon=horizon_days),
        value_minor=orders * spend * kept,
        remarks=(remark, spend_remark, kept_remark),
    )


def _choose(fitted: pl.DataFrame) -> tuple[Fit | None, str | None]:
    """The model of orders the customers can carry, None for R+F quintiles, and why it is not MBG/NBD."""
    histories = _histories(fitted)
    repeaters = int((histories.repeats > 0).sum())
    if repeaters < MIN_REPEATERS:
        return None, f"{repeaters} customers ordered on two days or more, fewer than {MIN_REPEATERS}"
    chosen, simpler = fit(Family.MBG_NBD, histories), fit(Family.NBD, histories)
    remark = None
    gain = chosen.log_likelihood - simpler.log_likelihood
    if gain < MIN_GAIN:
        remark = f"dropout not identified: log-likelihood of MBG/NBD {gain:.2f} above NBD's, less than {MIN_GAIN}"
        chosen = simpler
    low, high = RATE_BOUNDS
    if not (low <= chosen.r <= high and low <= chosen.alpha_rescaled <= high):
        edge = f"r {chosen.r:.3g}, alpha {chosen.alpha_rescaled:.3g} of the largest age"
        return None, f"order rate not identified by {chosen.family}: {edge}"
    return chosen, remark


def _histories(features: pl.DataFrame) -> Histories:
    return Histories(
        repeats=(features["purchase_days"] - 1).cast(pl.Float64).to_numpy(),
        last=features["span_days"].cast(pl.Float64).to_numpy(),
        age=features["age_days"].cast(pl.Float64).to_numpy(),
    )


def _quintiles(
    features: pl.DataFrame, as_of: date, horizon_days: int, earlier: EarlierWindow | None, remark: str | None
) -> _Outlook:
    recency_days = (features["age_days"] - features["span_days"]).to_numpy()
    seen = 0 if earlier is None else earlier.customers.height
    observed = f"R+F quintiles: risk observed on {seen} customers one horizon ({horizon_days} days) earlier"
    if not seen:
        observed = f"R+F quintiles: nobody known one horizon ({horizon_days} days) earlier, risk 0.5 for all"
    return _Outlook(
        model=Model.QUINTILES,
        risk=observed_risk(recency_days, features["purchase_days"].to_numpy(), earlier),
        value_minor=run_rate(
            features["net_minor"].to_numpy(),
            recorded_days=int(features["age_days"].to_numpy().max()) + 1,
            horizon_days=horizon_days,
        ),
        remarks=(remark, observed),
    )


def _spend(features: pl.DataFrame, fitted: pl.DataFrame) -> tuple[Floats, str | None]:
    """Expected spend (minor units) on one more purchase day, and why it is not gamma-gamma's."""
    days, total = _paid(features)
    mean = np.full(len(days), total.sum() / max(days.sum(), 1))
    fitted_days, fitted_total = _paid(fitted.filter(pl.col("positive_days") > 0))
    often = int((fitted_days > 1).sum())
    if often < MIN_REPEATERS:
        return mean, f"{often} customers paid on two days or more, fewer than {MIN_REPEATERS}: mean spend used"
    model = fit_spend(fitted_days, fitted_total)
    if model.q <= 1:
        return mean, f"spend not identified: gamma-gamma needs q > 1, found {model.q:.3g}: mean spend used"
    return expected_spend(model, days, total), None


def _paid(features: pl.DataFrame) -> tuple[Floats, Floats]:
    """Days with a positive spend and the sum of it, minor units."""
    days, total = (features[name].cast(pl.Float64).to_numpy() for name in ("positive_days", "positive_minor"))
    return days, total


def _kept_share(features: pl.DataFrame) -> tuple[float, str | None]:
    """Total net over total gross, and a remark when nothing is left of it."""
    gross, net = (float(features[name].cast(pl.Float64).sum()) for name in ("gross_minor", "net_minor"))
    if gross <= 0:
        return 0.0, "no order has a positive amount: expected value 0 for all"
    if net <= 0:
        return 0.0, "refunds are not less than the orders: expected value 0 for all"
    return net / gross, None


def _tie_keys(ids: pl.Series) -> NDArray[np.uint64]:
    """The first 8 bytes of sha256(customer_id) as numbers: they sort as the hex digits do."""
    heads = b"".join(hashlib.sha256(value.encode()).digest()[:8] for value in ids)
    return np.frombuffer(heads, dtype=">u8").astype(np.uint64)


def _fitted_rows(keys: NDArray[np.uint64]) -> Integers:
    """The rows with the smallest keys, in their order: sums come out the same however the rows were sorted."""
    return np.argsort(keys, kind="stable")[:FITTED_CUSTOMERS]


def _rank(values: Floats, keys: NDArray[np.uint64]) -> Integers:
    """1 for the highest; equal values by key."""
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.lexsort((keys, -values))] = np.arange(1, len(values) + 1)
    return ranks


def _frame(
    features: pl.DataFrame, outlook: _Outlook, keys: NDArray[np.uint64], as_of: date, minor_per_major: int
) -> pl.DataFrame:
    value = _rounded(outlook.value_minor / minor_per_major)
    past = _rounded(features["net_minor"].to_numpy() / minor_per_major)
    return features.select(
        "customer_no",
        "customer_id",
        risk=pl.lit(pl.Series(_rounded(outlook.risk))),
        expected_value=pl.lit(pl.Series(value)),
        value_rank=pl.lit(pl.Series(_rank(value, keys))),
        past_value=pl.lit(pl.Series(past)),
        past_rank=pl.lit(pl.Series(_rank(past, keys))),
        model=pl.lit(outlook.model.value),
        reasons=_reasons(as_of),
    ).cast(SCORES)


def _rounded(values: Floats) -> Floats:
    """To 1e-6, so that ranks and thresholds do not hang on the last bits; never -0.0."""
    return np.asarray(np.round(values, 6) + 0.0)


def _reasons(as_of: date) -> pl.Expr:
    """Short facts, as ["no order for 92 days", "5 orders in 340 days"]."""
    silent = (pl.lit(as_of) - pl.col("last_order_on")).dt.total_days()
    days = pl.col("age_days") + 1
    last = (
        pl.when(silent == 0)
        .then(pl.format("ordered on {}", "last_order_on"))
        .otherwise(pl.format("no order for {}", _counted(silent, "day")))
    )
    return pl.concat_list(last, pl.format("{} in {}", _counted(pl.col("orders"), "order"), _counted(days, "day")))


def _counted(number: pl.Expr, noun: str) -> pl.Expr:
    return pl.format(f"{{}} {noun}{{}}", number, pl.when(number == 1).then(pl.lit("")).otherwise(pl.lit("s")))
