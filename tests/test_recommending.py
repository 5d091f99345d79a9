"""Recommendations worked by hand: co-purchase first, never what was bought or sent back, then bestsellers."""

import polars as pl

from tests.test_cli import as_json, ask
from tests.workspaces import load
from winback.customers.recommending import LINES, RECOMMENDED, hit_rate, popular, recommend
from winback.lift.intervals import Proportion


def lines_of(bought: dict[int, str], returned: dict[int, str] | None = None, kinds: str = "") -> pl.DataFrame:
    """LINES of products named by single letters; capitals of ``kinds`` share one category."""
    rows = [
        (number, product, "K" if product in kinds else None, False)
        for number, all_ in bought.items()
        for product in all_
    ]
    rows += [(number, product, None, True) for number, all_ in (returned or {}).items() for product in all_]
    return pl.DataFrame(rows, schema=LINES, orient="row")


def told(found: pl.DataFrame, customer_no: int) -> str:
    rows = found.filter(pl.col("customer_no") == customer_no).sort("place")
    return "".join(rows["product_id"])


def test_what_others_bought_with_the_same_comes_first_by_cosine():
    """Of a's three buyers two have b: 2/sqrt(3*2) = .82; one has c, which three have: 1/3; d stands alone."""
    shop = lines_of({1: "a", 2: "abc", 3: "ab", 4: "cd", 5: "cd", 6: "d"})

    assert told(recommend(shop), 1) == "bcd"


def test_nothing_bought_or_sent_back_is_recommended():
    shop = lines_of({1: "a", 2: "abc", 3: "abc"}, returned={1: "b"})

    assert told(recommend(shop), 1) == "c"


def test_without_anything_alike_the_bestsellers_of_his_categories_come_before_the_others():
    """1 bought x, which nobody else did; y, of x's category, sold once, z twice."""
    shop = lines_of({1: "x", 2: "y", 3: "z", 4: "z"}, kinds="xy")

    assert told(recommend(shop), 1) == "yz"


def test_plain_popularity_knows_the_bestsellers_only():
    shop = lines_of({1: "a", 2: "abc", 3: "ab", 4: "cd", 5: "cd", 6: "d"})

    assert told(popular(shop), 1) == "cdb"


def test_who_has_only_sent_things_back_gets_the_bestsellers_and_a_shop_without_sales_nothing():
    assert told(recommend(lines_of({1: "ab", 2: "b"}, returned={3: "a"})), 3) == "b"
    assert recommend(lines_of({}, returned={3: "a"})).is_empty()
    assert recommend(lines_of({})).schema == RECOMMENDED


def test_the_hit_rate_is_of_those_who_bought_later():
    """1 bought what he was told, 2 something else, 3 nothing."""
    advice = pl.DataFrame(
        {"customer_no": [1, 2, 3], "place": [1] * 3, "product_id": ["a"] * 3}, schema=RECOMMENDED
    )
    later = pl.DataFrame({"customer_no": [1, 2], "product_id": ["a", "b"]})

    assert hit_rate(advice, later) == Proportion(x=1, n=2)


def test_the_command_writes_the_list_and_judges_it(shop, capsys):
    """1 bought a, then b as others had with a; the bestseller c is what 1 never wanted."""
    bought = {"1": "a", "2": "ab", "3": "ab", "4": "c", "5": "c", "6": "c"}
    rows = [f"{who},{who},2026-01-01,1.00" for who in bought] + ["1,later,2026-02-10,1.00"]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    lines = [f"{who},{who},{product},{product.upper()},1,1.00" for who, all_ in bought.items() for product in all_]
    lines += ["later,1,b,B,1,1.00"]
    head = "order_id,customer_id,product_id,product_name,quantity,unit_price\n"
    load(shop, "lines", head + "\n".join(lines) + "\n")
    where = shop.workspace / "next.csv"

    said = as_json(capsys, "recommend", "--as-of", "2026-02-28", "--window", "30", "--out", str(where))
    none, _, _ = ask(capsys, "recommend", "--as-of", "2025-02-28", "--out", str(where))

    assert (said["bought_since"], said["hits"], said["customers"]) == (1, 1, 6)
    assert where.read_text("utf-8-sig").splitlines()[:2] == [
        "customer_id,place,product_id,product_name",
        "1,1,c,C",
    ]
    assert none == 2
