"""Portraits of the churned: planted groups come back, their rules decide, and too few make none."""

import re
from dataclasses import replace
from math import inf

import numpy as np
import polars as pl
import pytest

from tests.test_cli import as_json, ask
from tests.workspaces import load
from winback.churners.clusters import Bound, adjusted_rand, leaf_of, leaves_of
from winback.churners.names import KEYS, read_names, suggested
from winback.churners.portraits import CHURNED, in_words, portraits, with_keys
from winback.words import Words

NOTHING = pl.DataFrame(schema={"customer_no": pl.Int64, "name": pl.String, "cause": pl.String})


def planted(each: int = 100) -> pl.DataFrame:
    """Three groups of ``each``: once for 10.00 long ago, five times for 100.00, 20 times for 2,000.00 lately."""
    random = np.random.default_rng(7)
    middles = [(80, 1, 1_000), (40, 5, 10_000), (8, 20, 200_000)]
    rows = [
        (recency + int(random.integers(0, 5)), days + int(random.integers(0, 2)) * (days > 1), money + number)
        for recency, days, money in middles
        for number in range(each)
    ]
    numbered = [(number, *row) for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema=CHURNED, orient="row")


def test_planted_groups_come_back_with_size_value_and_rules():
    found = portraits(planted(), NOTHING, NOTHING, 100, {})

    assert [each.customers for each in found.portraits] == [100, 100, 100]
    assert [each.value_minor for each in found.portraits] == [20_004_950, 1_004_950, 104_950]
    assert [each.name.en for each in found.portraits] == [
        "Regulars, spent much, bought until lately", "Like most of the lost",  # it holds all three medians
        "One order, spent little, quiet for longer",
    ]  # fmt: skip
    assert (found.agreement, found.reason) == (1.0, None)
    assert found.stability == pytest.approx(1.0)
    assert all(each.rules and each.name.zh for each in found.portraits)


def test_what_they_bought_and_why_they_left_is_of_the_members():
    bought = pl.DataFrame({"customer_no": [*range(50), 0, 299], "name": ["mug"] * 50 + ["tray", "lamp"]})
    causes = pl.DataFrame({"customer_no": [0, 1, 299], "cause": ["price", "price", "quality"]})

    found = portraits(planted(), bought, causes, 100, {})

    assert [dict(each.bought) for each in found.portraits] == [{"lamp": 1}, {}, {"mug": 50, "tray": 1}]
    assert [dict(each.causes) for each in found.portraits] == [{"quality": 1}, {}, {"price": 2}]


def test_the_order_of_the_rows_changes_nothing():
    rows = planted()

    assert portraits(rows.reverse(), NOTHING, NOTHING, 100, {}) == portraits(rows, NOTHING, NOTHING, 100, {})


@pytest.mark.parametrize("alike", [(10, 1, 1000), (10, 1, 0), (10, 1, -500)])
def test_customers_without_any_difference_make_one_portrait(alike):
    rows = pl.DataFrame([(number, *alike) for number in range(150)], schema=CHURNED, orient="row")

    found = portraits(rows, NOTHING, NOTHING, 100, {})

    assert [(each.customers, each.rules) for each in found.portraits] == [(150, (Words("everybody", "全部"),))]


def test_too_few_make_no_portrait():
    found = portraits(planted().head(99), NOTHING, NOTHING, 100, {})

    assert found.portraits == ()
    assert found.reason == "99 customers were lost, fewer than 100: too few for portraits"


def test_the_adjusted_rand_index_is_hubert_and_arabie_s():
    """{1,2},{3,4},{5,6} against {1,2,3},{4,5,6}: pairs 2 together in both, 3 and 6 of 15; expected 18/15 = 1.2."""
    one, other = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1])

    assert adjusted_rand(one, other) == pytest.approx((2 - 1.2) / (4.5 - 1.2))
    assert adjusted_rand(one, one) == 1.0


def test_a_tree_s_leaves_hold_every_row_once():
    random = np.random.default_rng(1)
    features, labels = random.normal(size=(200, 2)), random.integers(0, 3, 200)

    leaves = leaves_of(features, labels, 3)

    inside = sum(
        np.all([(features[:, b.feature] > b.threshold) == b.above for b in leaf.bounds], axis=0).astype(int)
        for leaf in leaves
    )
    assert len(leaves) <= 8
    assert set(inside) == {1}
    assert leaf_of(features, leaves).max() == len(leaves) - 1


def test_the_command_tells_portraits_or_why_there_are_none(shop, capsys):
    """120 customers order once on Jan 10, a half of them a mug, and nobody by Feb 27."""
    rows = [f"{n:03},o{n},2026-01-10,{10 if n % 2 else 900}.00" for n in range(120)] + ["x,x,2026-02-28,1.00"]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    lines = [f"o{n},{n:03},m,Mug,1,10.00" for n in range(1, 120, 2)]
    head = "order_id,customer_id,product_id,product_name,quantity,unit_price\n"
    load(shop, "lines", head + "\n".join(lines) + "\n")
    asked = ("churn", "--as-of", "2026-01-28", "--window", "30", "--portraits")

    said = as_json(capsys, *asked)
    code, out, _ = ask(capsys, *asked)
    young = as_json(capsys, "churn", "--as-of", "2026-02-15", "--window", "30", "--portraits")

    assert [(each["customers"], each["value"], each["bought"]) for each in said["portraits"]] == [
        (60, 54000.0, {}), (60, 600.0, {"Mug": 60}),
    ]  # fmt: skip
    assert (code, "One order" in out) == (0, True)
    assert young["portraits"] == []
    assert "not complete" in young["reason"]


def test_the_rules_stand_in_both_languages():
    found = portraits(planted(), NOTHING, NOTHING, 100, {})

    rules = [rule for each in found.portraits for rule in each.rules]
    assert [re.findall(r"[\d,]+", rule.en) for rule in rules] == [re.findall(r"[\d,]+", rule.zh) for rule in rules]
    assert {rule.zh.split()[0] for rule in rules} <= {
        f"{name}{side}" for name in ("距上次下单天数", "购买天数", "消费") for side in ("大于", "不超过", "", "为")
    }


def test_a_portrait_has_the_name_that_somebody_gave_its_key():
    given = read_names(
        "names:\n  regulars-much-lately: {en: Lost regulars, zh: 流失老客}\n  one-little-quiet: Tried once\n"
    )

    found = portraits(planted(), NOTHING, NOTHING, 100, given)

    assert [(each.key, each.name) for each in found.portraits] == [
        ("regulars-much-lately", Words("Lost regulars", "流失老客")),
        (
            "usual-usual-usual",
            Words("Like most of the lost", "与多数流失客户相近"),
        ),
        ("one-little-quiet", Words("Tried once", "Tried once")),
    ]


def test_every_key_is_of_one_portrait():
    """Three of one shape, the most valuable first; two have the same means, to the figures shown."""
    found = portraits(planted(), NOTHING, NOTHING, 100, {})
    [first, *_] = found.portraits
    other = replace(first, spend_minor=90_040.0, recency_days=first.recency_days + 0.2)

    named = list(with_keys([first, other, replace(first, spend_minor=90_000.0)], {}, 100))
    two = list(with_keys([first, other], {"regulars-much-lately-2": Words("Ours", "我们的")}, 100))

    assert [each.key for each in named] == [f"regulars-much-lately{end}" for end in ("", "-2", "-3")]
    assert {each.key for each in named} <= set(KEYS)
    assert suggested("regulars-much-lately") == first.name
    assert [each.name.en.removeprefix(first.name.en) for each in named] == [
        " (on average 2,000 spent)", " (2)", " (3)",
    ]  # fmt: skip
    assert [each.name.zh for each in two] == ["常客，消费高，近期仍购买（平均消费 2,000）", "我们的"]


def read_rule(rule: str) -> list[tuple[int, float, float]]:
    """(feature, least, most) of each condition of a printed rule."""
    names = ("days since the last order", "purchase days", "spent")
    told = []
    for part in rule.replace(",", "").split(" and "):
        feature = next(number for number, name in enumerate(names) if part.startswith(name))
        said = part.removeprefix(names[feature]).strip()
        numbers = [float(number) for number in re.findall(r"\d+", said)]
        least = numbers[0] + 1 if said.startswith("above") else -inf if said.startswith("at most") else numbers[0]
        told.append((feature, least, inf if said.startswith("above") else numbers[-1]))
    return told


CLAIMS = {
    "quiet for longer": (0, 1), "bought until lately": (0, -1), "Regulars": (1, 1), "More than one order": (1, 1),
    "Few orders": (1, -1), "spent much": (2, 1), "spent little": (2, -1),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_a_name_says_what_the_printed_rules_and_the_medians_say(seed):
    """Customers of random shops, sorted anew by the rules as printed, without our own reading of them."""
    random = np.random.default_rng(seed)
    n, rate = 400, random.gamma(0.8, 6, 400)
    days = 1 + random.poisson(rate if seed % 3 else rate / 8)
    spent = np.round(days * random.lognormal(3.5, 0.3 + seed % 4 / 2, n) * 100).astype(int)
    recency = np.minimum(random.exponential(60 / (1 + (seed % 2) * rate)), 89).astype(int)
    rows = pl.DataFrame([*zip(range(n), recency, days, spent, strict=True)], schema=CHURNED, orient="row")
    told = np.column_stack([recency, days, spent // 100])
    middle = np.median(told, axis=0)

    found = portraits(rows, NOTHING, NOTHING, 100, {}).portraits

    assert len({each.name for each in found}) == len({each.name.zh for each in found}) == len(found) > 1
    for each in found:
        rules = [read_rule(rule.en) for rule in each.rules]
        inside = [any(all(a <= row[f] <= b for f, a, b in rule) for rule in rules) for row in told]
        assert sum(inside) == each.customers
        own = np.median(told[inside], axis=0)
        for claim, (feature, side) in CLAIMS.items():
            if claim.casefold() not in each.name.en.casefold():
                continue
            high, low = (own[feature], middle[feature])[::side]
            assert high >= 1.25 * low
            for rule in rules:
                for _, least, most in [part for part in rule if part[0] == feature]:
                    assert most > middle[feature] if side > 0 else least <= middle[feature], (each.name, rule)
        assert not each.name.en.startswith("One order") or told[inside][:, 1].max() == 1
        assert not each.name.en.startswith("Regulars") or own[1] >= 3


def test_the_tree_has_no_rule_for_a_handful_and_none_that_says_the_same_twice():
    """Of 100, one odd row; a split whose halves stand for the same grouping is none."""
    features = np.arange(100.0)[:, None]
    labels = np.array([1, *[0] * 49, *[1] * 50])

    found = leaves_of(features, labels, 3, 5)

    assert [(leaf.label, [bound.threshold for bound in leaf.bounds]) for leaf in found] == [(0, [49]), (1, [49])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: {regular-much-lately: X}", "did you mean 'regulars-much-lately'?"),
        ("names: {regulars-much-lately: ''}", "names.regulars-much-lately"),
        ("name: {}", "did you mean 'names'?"),
    ],
)
def test_a_wrong_file_of_names_is_told_by_check_and_refused_by_the_command(shop, capsys, text, said):
    (shop.workspace / "portraits.yaml").write_text(text, encoding="utf-8")

    code, out, _ = ask(capsys, "check")

    assert code == 1
    assert said in out


def a_lost_crowd(shop) -> None:
    """120 customers order once on Jan 10, every other one a mug for much, and nobody after Feb 27."""
    rows = [f"{n:03},o{n},2026-01-10,{10 if n % 2 else 900}.00" for n in range(120)] + ["x,x,2026-02-28,1.00"]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    load(shop, "lines", "order_id,customer_id,product_id,product_name,quantity,unit_price\n"
         + "".join(f"o{n},{n:03},m,Mug,1,10.00\n" for n in range(1, 120, 2)))  # fmt: skip


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            ("Portraits of the lost", "Big one-timers", "spent above", "bought: Mug (60)", "50.0%", "is in USD"),
        ),
        ("zh", ("流失客户画像", "大额一次客", "消费大于", "买过：Mug (60)", "50.0%", "消费以 USD 计")),
    ],
)
def test_the_page_shows_the_portraits_with_their_rules(shop, tmp_path, capsys, language, texts):
    a_lost_crowd(shop)
    name = "{en: Big one-timers, zh: 大额一次客}"
    names = f"names: {{one-much-usual: {name}}}"
    (shop.workspace / "portraits.yaml").write_text(names, encoding="utf-8")
    page = tmp_path / "page.html"

    code, _, err = ask(
        capsys, "churn", "--as-of", "2026-02-28", "--window", "28", "--out", str(page), "--lang", language
    )

    assert code == 0, err
    text = page.read_text(encoding="utf-8")
    section = text[text.index('id="portraits"') : text.index('id="warnings"')]
    assert [each for each in texts if each not in section] == []


@pytest.mark.parametrize(
    ("bounds", "english", "chinese"),
    [
        ([], "everybody", "全部"),
        ([(1, False, 3)], "purchase days at most 3", "购买天数不超过 3"),
        ([(1, False, 5), (1, False, 3), (2, True, 1000)], "purchase days at most 3 and spent above 1,000",
         "购买天数不超过 3，且消费大于 1,000"),
        ([(1, True, 2), (1, False, 5)], "purchase days 3 to 5", "购买天数 3 至 5"),
        ([(1, True, 2), (1, False, 3)], "purchase days 3", "购买天数为 3"),
        ([(0, True, 90), (0, False, 120), (0, True, 100)], "days since the last order 101 to 120",
         "距上次下单天数 101 至 120"),
    ],
)  # fmt: skip
def test_two_sides_of_a_number_are_said_as_a_range(bounds, english, chinese):
    """All numbers of a rule are whole, so more than 2 and at most 5 is 3 to 5."""
    said = in_words(tuple(Bound(feature=f, above=above, threshold=at) for f, above, at in bounds))

    assert (said.en, said.zh) == (english, chinese)
