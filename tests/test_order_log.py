"""The order log against a plain reckoning customer by customer, however its rows lie and wherever blocks end."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from db.facts.queries import read_log
from tests.facts import an_order, write_orders
from winback.customers import order_log as module
from winback.customers.order_log import EPOCH, features_at, followed, order_log, packed, recent_of, windows_at
from winback.errors import Unusable

AS_OF = EPOCH + timedelta(days=60)


def some_rows(seed: int) -> pl.DataFrame:
    """Orders, free orders and refunds of 40 customers on 90 days, several a day; three have refunds alone."""
    random = np.random.default_rng(seed)
    size = 400
    return pl.DataFrame(
        {
            "no": random.integers(1, 41, size) * 3,
            "day": random.integers(0, 90, size).astype(np.int32),
            "minor": random.choice([-500, 0, 700, 1_200], size, p=[0.2, 0.2, 0.3, 0.3]),
        }
    ).filter((pl.col("no") > 9) | (pl.col("minor") < 0))


def log_of(rows: pl.DataFrame) -> module.OrderLog:
    return order_log([(packed(rows["no"].to_numpy(), rows["day"].to_numpy()), rows["minor"].to_numpy())])


def reckoned(rows: pl.DataFrame, until: int) -> list[tuple[int, ...]]:
    """customer_no, orders, purchase days, span, gross, net, paid days, repeat paid days and their gross."""
    found = []
    for (no,), own in sorted(rows.filter(pl.col("day") <= until).group_by("no")):
        orders = own.filter(pl.col("minor") >= 0)
        if orders.is_empty():
            continue
        by_day = dict.fromkeys(orders["day"].sort(), 0)
        for day, minor in orders.select("day", "minor").iter_rows():
            by_day[day] += minor
        first, gross, paid = min(by_day), sum(by_day.values()), sum(spent > 0 for spent in by_day.values())
        found.append(
            (no, len(orders), len(by_day), max(by_day) - first, gross, own["minor"].sum(), paid,
             paid - (by_day[first] > 0), gross - by_day[first])
        )  # fmt: skip
    return found


ASKED = [
    "customer_no", "orders", "purchase_days", "span_days", "gross_minor", "net_minor", "positive_days",
    "repeat_positive_days", "repeat_positive_minor",
]  # fmt: skip


@pytest.fixture(params=[(3, 10_000), (3, 0), (1 << 20, 10_000)], ids=["bisected", "picked", "at once"])
def blocks(request, monkeypatch):
    """Blocks of three rows, found by bisection of the runs or row by row; and one block for all."""
    monkeypatch.setattr(module, "BLOCK", request.param[0])
    monkeypatch.setattr(module, "MANY_RUNS", request.param[1])


@pytest.mark.parametrize("seed", [1, 2])
def test_features_are_those_reckoned_by_hand_however_the_rows_lie(blocks, seed):
    rows = some_rows(seed)
    in_order = rows.sort("no", "day", maintain_order=True)
    two_files = pl.concat([part.sort("no", "day") for part in (rows.head(150), rows.tail(-150))])

    for lying in (rows, in_order, two_files):
        log = log_of(lying)
        assert features_at(log, AS_OF).select(ASKED).rows() == reckoned(rows, 60)
        assert features_at(log, EPOCH + timedelta(days=99)).select(ASKED).rows() == reckoned(rows, 99)


def test_what_followed_and_what_was_recent_count_their_own_days_only(blocks):
    """7.00 on day 50, 5.00 back and 12.00 on day 60, 7.00 on day 61, 1.00 on day 70, 9.00 on day 71."""
    rows = pl.DataFrame(
        {
            "no": [3, 3, 3, 3, 3, 3],
            "day": np.array([50, 60, 60, 61, 70, 71], dtype=np.int32),
            "minor": [700, -500, 1200, 700, 100, 900],
        }
    )
    log = log_of(rows)
    features = features_at(log, AS_OF)

    ordered, net = followed(log, features, AS_OF, 10)
    assert (ordered.tolist(), net.tolist()) == ([True], [800])
    assert [each.tolist() for each in recent_of(log, AS_OF, features, 10)] == [[1.0], [1.0], [700.0], [700.0]]


def test_what_was_recent_is_told_in_orders_and_net_of_refunds(blocks):
    """As counted row by row, customers with several orders a day and refunds among them."""
    rows = some_rows(5)
    log = log_of(rows)
    features = features_at(log, AS_OF)

    told = np.column_stack(recent_of(log, AS_OF, features, 20)).tolist()

    expected = []
    for no in features["customer_no"]:
        late, early = (
            [minor for who, day, minor in rows.rows() if who == no and end - 20 < day <= end] for end in (60, 40)
        )
        orders = [float(sum(minor >= 0 for minor in part)) for part in (late, early)]
        expected.append([*orders, float(sum(late)), float(sum(early))])
    assert told == expected


def test_a_fact_file_with_broken_data_is_unusable(tmp_path):
    file = write_orders(tmp_path, *(an_order(order_id=str(n)) for n in range(50)))
    content = bytearray(file.read_bytes())
    content[4:200] = bytes(196)
    file.write_bytes(content)

    with pytest.raises(Unusable, match="the facts cannot be read"):
        read_log([file], as_of=AS_OF.replace(year=2030))


def test_fact_files_from_before_a_column_was_added_are_read_beside_newer_ones(tmp_path):
    older = write_orders(tmp_path, an_order(customer_no=1, order_id="a"), name="older")
    newer = write_orders(tmp_path, an_order(customer_no=2, order_id="b"), name="newer")
    pl.read_parquet(newer).with_columns(refund_of=pl.lit(None, pl.String)).write_parquet(newer)

    for files in ([older, newer], [newer, older]):
        assert read_log(files, as_of=AS_OF.replace(year=2030)).no.tolist() == [1, 2]


@pytest.mark.parametrize("until", [40, 60, 89, 120])
@pytest.mark.parametrize("seed", [1, 2])
def test_windows_tell_of_purchase_days_and_spend_within_multiples_of_the_unit(seed: int, until: int, blocks):
    """Purchase days of the last 2, 4, 8, 16 and 32 days, spend of the last 4 to 32 in mean purchase days."""
    rows, unit = some_rows(seed), 16
    log, day = log_of(rows), EPOCH + timedelta(days=until)
    features = features_at(log, day)

    found = np.expm1(np.array(windows_at(log, day, features, unit)(slice(None))).T)

    orders = rows.filter((pl.col("minor") >= 0) & (pl.col("day") <= until))
    mean_spend = orders["minor"].sum() / orders.unique(["no", "day"]).height
    for no, told in zip(features["customer_no"], found, strict=True):
        recent = [
            orders.filter((pl.col("no") == no) & (pl.col("day") > until - back)) for back in (2, 4, 8, 16, 32)
        ]
        assert told[7:12] == pytest.approx([each["day"].n_unique() for each in recent])
        assert told[12:16] == pytest.approx([each["minor"].sum() / mean_spend for each in recent[1:]])
