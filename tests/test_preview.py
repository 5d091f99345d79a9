"""What a preview says: by hand from a few rows, from the planning table, and of a real small workspace.

Planning figures were computed beforehand: at 20 % churn of the hold-out 1,600 and 400 customers show 6.1 points,
16,000 and 4,000 show 2.0; a fall of 15 % (3 points) takes 8,515 customers with a fifth held out.
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import MetaData, func, select

from app.cli import main
from app.commands.preview import sight_lines
from db.engine import database
from db.settings import Settings, read_settings
from flows.campaign_run import carry_out, manual
from flows.choosing import dry_run
from flows.previewing import preview, preview_customer
from tests.builders import scored
from tests.test_sight import a_success
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, load, write_campaign
from winback.audience.selection import LEDGER
from winback.errors import WrongUse
from winback.gallery.preview import Cost, a_few, messages_by_channel, worth
from winback.gallery.sight import Basis, expect, in_sight
from winback.lift.balance import Balance
from winback.lift.estimates import Missing, NoEstimate
from winback.message.rendering import Email, RenderFailure, Sms
from winback.outcomes.arms_alike import arms_alike
from winback.outcomes.part_sums import pool_parts

DAY = date(2026, 2, 28)


def a_ledger(arms: list[str | None], **columns: list[object]) -> pl.DataFrame:
    """LEDGER of ``arms`` (None = not in), all by e-mail and drawn in this run."""
    rows = scored(customer_no=list(range(1, len(arms) + 1)), **columns)
    more = {
        "person": rows["customer_id"],
        "channel": pl.Series(["email"] * len(arms), dtype=pl.String),
        "address_hash": rows["customer_id"],
        "reason": pl.Series([None if arm else "not_at_risk" for arm in arms], dtype=pl.String),
        "arm": pl.Series(arms, dtype=pl.String),
        "drawn_before": pl.Series([False] * len(arms)),
    }
    unknown = dict.fromkeys(("kind", "cause", "evidence"), pl.lit(None, dtype=pl.String))
    return rows.with_columns(**unknown).with_columns(**more).select(list(LEDGER))


def named(found: list[Balance]) -> Mapping[str, Balance]:
    return {each.covariate: each for each in found}


def a_sight(customers: int, rate: float | None = 0.2, share: float = 0.2, smallest: float | None = None):
    """Of a campaign judged by churn, which is predicted: what was seen before plays no part."""
    success, nobody = a_success(smallest_effect=smallest), pool_parts([], "nobody")
    expected = expect(success, risk=rate, alike=None, audience=nobody, everybody=nobody, minor=100)
    shares = {"holdout": share, "message": 1 - share}
    return in_sight(expected, success, customers=customers, shares=shares, currency="USD")


def test_value_at_risk_is_expected_value_times_risk_of_those_who_are_in():
    """Of 10 scored, ranks 1 and 2 are the top fifth. In are 2 (10.00 at .5) and 3 (4.00 at .25): 14.00, 6.00."""
    ledger = a_ledger(
        [None, "message", "holdout"] + [None] * 7,
        expected_value=[99.0, 10.0, 4.0] + [1.0] * 7,
        risk=[0.9, 0.5, 0.25] + [0.9] * 7,
    )

    found = worth(ledger, 100)

    assert (found.customers, found.top) == (2, 1)
    assert (found.expected_minor, found.at_risk_minor) == (1400, 600)


def test_the_balance_is_that_of_the_arms_worked_by_hand():
    """Orders 1, 2, 3 (sd 1) against 2, 4, 6 (sd 2): -2 / sqrt(5 / 2) = -1.264911. Days 10, 20, 30 against 20."""
    ledger = a_ledger(
        ["message", "other", "message", "holdout", "holdout", "holdout", None],
        orders=[1, 2, 3, 2, 4, 6, 99],
        last_order_on=[date(2026, 2, 18), date(2026, 2, 8), date(2026, 1, 29), *[date(2026, 2, 8)] * 4],
        expected_value=[0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 9.0],
    )

    found = named(arms_alike(ledger, DAY, 100))

    assert list(found) == ["risk", "expected value", "past value", "orders", "days since order"]
    assert found["orders"].difference == pytest.approx(-1.264911, abs=1e-6)
    assert (found["days since order"].treated_mean, found["days since order"].control_mean) == (20, 20)
    assert found["expected value"].difference == 0
    assert found["risk"].difference is None


def test_who_keeps_an_earlier_arm_is_not_compared():
    ledger = a_ledger(["message", "message", "holdout", "holdout"], orders=[1, 3, 2, 99])
    ledger = ledger.with_columns(drawn_before=pl.Series([False, False, False, True]))

    assert named(arms_alike(ledger, DAY, 100))["orders"].control_mean == 2


def test_sums_of_large_amounts_stay_exact():
    """3,000,000.01 and 1,000,000.01, squared in millionths, exceed 64 bits."""
    ledger = a_ledger(["message", "message", "holdout", "holdout"], past_value=[3_000_000.01, 1_000_000.01] * 2)

    found = named(arms_alike(ledger, DAY, 1_000_000))["past value"]

    assert found.treated_mean == float(Fraction(Decimal("2000000.01")))
    assert found.difference == 0


@pytest.mark.parametrize(("customers", "points"), [(2_000, "6.1"), (20_000, "2.0")])
def test_what_can_be_seen_is_said_in_these_words(customers: int, points: str):
    said = list(sight_lines(a_sight(customers), 0))

    assert said[0] == (
        f"With {customers:,} customers and a 20 % holdout you will only see changes of {points} points or more."
    )
    assert "churn of the hold-out taken as 20 %" in said[1]


def test_a_smallest_effect_that_no_hold_out_shows_is_told_with_what_it_takes():
    said = list(sight_lines(a_sight(2_000, smallest=0.03), 0))[-1]

    assert said.startswith("no hold-out shows your smallest effect, 3.0 points; sharpest: a ")
    assert said.endswith("; with the planned one it takes 8,515 customers")


def test_a_smaller_hold_out_that_is_enough_is_named():
    """20,000 customers: 2.0 points with a fifth held out, so 3 points need less."""
    seen = a_sight(20_000, smallest=0.03)

    assert seen.best.holdout_share < 0.2
    assert seen.best.effect <= 0.03
    assert list(sight_lines(seen, 0))[-1].startswith("enough for your smallest effect, 3.0 points: a ")


@pytest.mark.parametrize(("rate", "few"), [(0.02, "churn"), (0.98, "stay")])
def test_where_the_hold_out_is_too_small_for_a_verdict_nothing_is_promised(rate: float, few: str):
    """Two of a hundred held out: 2 churners of 100 are fewer than five."""
    said = list(sight_lines(a_sight(500, rate=rate), 0))

    assert said[0].endswith(f"you will see no change, however large: too few of those left alone would {few}.")


def test_an_audience_of_nobody_shows_nothing_and_says_nothing():
    seen = a_sight(0, rate=None, smallest=0.03)

    assert (seen.effect, seen.best) == (None, NoEstimate(reason=Missing.NOT_VISIBLE))
    assert list(sight_lines(seen, 0)) == []


def test_those_with_an_earlier_arm_are_named_as_not_compared():
    assert next(iter(sight_lines(a_sight(2_000), 7))).startswith("7 keep the arm of an earlier entry")


def test_a_cost_without_a_price_is_not_known_and_never_0():
    assert Cost(channel="email", messages=1000, units=1000, price_micros=600).cost_micros == 600_000
    assert Cost(channel="sms", messages=10, units=15, price_micros=0).cost_micros is None


def test_only_those_outside_the_hold_out_cost_a_message():
    assert messages_by_channel(a_ledger(["message", "other", "holdout", None], orders=[1] * 4)) == {"email": 2}


def test_the_sample_goes_from_the_most_to_the_least_valuable():
    """Every fifth of a hundred; the whole of three."""
    hundred = a_ledger(["message"] * 100, value_rank=list(range(100, 0, -1)))

    assert a_few(hundred)["value_rank"].to_list() == list(range(1, 101, 5))
    assert a_few(a_ledger(["message", None, "holdout"], orders=[1] * 3)).height == 2
    assert a_few(a_ledger([None], orders=[1])).height == 0


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    return a_workspace(tmp_path)


def everything(shop: Settings) -> dict[str, int]:
    """Table -> rows."""
    known = MetaData()
    with database(shop.database_url) as engine, engine.connect() as connection:
        known.reflect(engine)
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in known.tables.items()
        }


def priced(shop: Settings, text: str) -> Settings:
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text() + f"\n[prices]\n{text}\n")
    return read_settings({}, shop.workspace)


@pytest.mark.slow
def test_a_preview_chooses_what_the_run_chooses_and_stores_nothing(shop: Settings):
    a_quiet_crowd(shop, 60)
    before = everything(shop)

    found = preview(shop, "spring", AS_OF)

    assert everything(shop) == before
    assert not (shop.state / "audiences").exists()
    assert found.digest == dry_run(manual("spring", AS_OF), shop).digest
    assert found.digest == carry_out(manual("spring", AS_OF), shop, NOW).digest
    assert found.reasons == {"not_at_risk": 6}
    assert (sum(arm.customers for arm in found.arms), found.worth.customers) == (54, 54)
    assert [(arm.name, arm.planned_share) for arm in found.arms] == [("holdout", 0.5), ("message", 0.5)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "blank", "basis"),
    [
        (150, 0, Basis.SEEN_OF_ALIKE), (119, 0, Basis.SEEN_OF_ALL),
        (150, 14, Basis.SEEN_OF_ALIKE), (133, 14, Basis.SEEN_OF_ALL),
    ],
)  # fmt: skip
def test_a_mean_is_planned_by_whom_the_same_rules_chose_a_window_earlier(
    shop: Settings, first: int, blank: int, basis: Basis
):
    """All 800 were quiet 60 days ago, and every other has ordered once since: sd sqrt(0.25 x 800/799) = 0.50031.

    Of the 400 who are quiet now, 200 held out: 2.80158 x 0.50031 x sqrt(2/200) = 0.1402. They themselves ordered
    nothing in the window before. Data that begin a window later do not reach. With blank days the rules choose
    before these, in which the others order: that counts for nothing.
    """
    people = "".join(f"{n:05},c{n}@example.com,yes\n" for n in range(1, 801))
    load(shop, "customers", "customer_id,email,email_consent\n" + people)
    orders = [f"{n:05},o{n},{AS_OF - timedelta(days=first)},10.00\n" for n in range(1, 801)]
    orders += [f"{n:05},b{n},{AS_OF - timedelta(days=50)},10.00\n" for n in range(2, 801, 2)]
    orders += [f"{n:05},c{n},{AS_OF - timedelta(days=65)},10.00\n" for n in range(1, 801, 2) if blank]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "".join(orders))
    write_campaign(
        shop,
        CAMPAIGN.replace("{window: 60d}", f"{{window: 60d, blank_out: {blank}d, measure: purchase_frequency}}"),
    )

    seen = preview(shop, "spring", AS_OF).sight

    assert (seen.customers, seen.expected.basis) == (400, basis)
    if basis is Basis.SEEN_OF_ALIKE:
        assert seen.expected.spread == pytest.approx(0.50031, abs=5e-6)
        assert f"would have chosen {60 + blank} days earlier" in " ".join(sight_lines(seen, 2))
        assert seen.effect == pytest.approx(0.1402, abs=2e-3)  # the hold-out is 200 give or take chance


@pytest.mark.slow
def test_the_sample_shows_no_address_and_no_name(shop: Settings):
    a_quiet_crowd(shop, 60)

    sample = preview(shop, "spring", AS_OF).sample

    assert len(sample) == 20
    assert {row["to"] for row in sample} == {"c***@e***.com"}
    assert "Customer" not in json.dumps(sample)


@pytest.mark.slow
def test_text_messages_cost_their_segments(shop: Settings):
    """Nobody held out, nine texts. The three Chinese ones have 86 characters: UCS-2, 67 a segment, so two."""
    (shop.templates / "hello" / "sms.zh-CN.txt").write_text(
        "【海港唱片】" + "听" * 74 + "拒收请回复R", encoding="utf-8"
    )
    write_campaign(shop, CAMPAIGN.replace("50%", "0%"))
    rows = [f"{n},+4477009001{n:02},{'en-GB' if n > 3 else 'zh-CN'},yes" for n in range(1, 10)]
    load(shop, "customers", "customer_id,phone,locale,sms_consent\n" + "\n".join(rows) + "\n10,,,\n")
    load(shop, "customers", "customer_id,email,email_consent\n10,ann@shop.example,yes\n")
    orders = "".join(f"{n},o{n},2025-10-01,5.00\n" for n in range(1, 11))
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + orders)
    messages = [preview_customer(shop, "spring", AS_OF, str(n)).message for n in range(1, 10)]

    mail, texts = preview(priced(shop, 'email = "0.001"\nsms_segment = "0.01"'), "spring", AS_OF).costs

    assert all(isinstance(message, Sms) for message in messages)
    assert (mail.messages, mail.cost_micros) == (1, 1_000)
    assert texts.messages == 9
    assert texts.units == sum(message.size.segments for message in messages) == 12
    assert texts.cost_micros == texts.units * 10_000


@pytest.mark.slow
def test_one_customer_gets_his_message_or_the_reason_why_not(shop: Settings):
    a_quiet_crowd(shop, 60)
    load(shop, "customers", "customer_id,email\nnew,new@example.com\n")
    found = {n: preview_customer(shop, "spring", AS_OF, f"{n:05}") for n in range(1, 61)}

    assert {found[n].reason for n in range(10, 61, 10)} == {"not_at_risk"}
    assert {one.reason for one in found.values() if one.arm == "holdout"} == {"holdout"}
    written = {n: one for n, one in found.items() if one.arm == "message"}
    assert all(isinstance(one.message, Email) and one.reason is None for one in written.values())
    assert all(f"Customer {n}" in one.message.subject + one.message.text for n, one in written.items())
    assert all(one.message.language.startswith("zh") == (n % 3 == 0) for n, one in written.items())
    assert all("https://shop.example/u/sample-token" in one.message.text for one in written.values())
    assert preview_customer(shop, "spring", AS_OF, "new").reason == "not_scored"
    with pytest.raises(WrongUse, match="no customer '7'"):
        preview_customer(shop, "spring", AS_OF, "7")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variants", "said"),
    [("", "e-mail to c***@e***.com"), ("variants: [{name: tea}]\n", "tea, e-mail to c***@e***.com")],
)
def test_one_customers_variant_is_named_where_the_campaign_names_one(
    shop: Settings, capsys: pytest.CaptureFixture[str], variants: str, said: str
):
    write_campaign(shop, CAMPAIGN.replace("50%", "0%") + variants)
    a_quiet_crowd(shop, 3)

    main(["--workspace", str(shop.workspace), "preview", "spring", "--as-of", str(AS_OF), "--customer", "00001"])

    assert capsys.readouterr().out.splitlines()[1].startswith(said)


@pytest.mark.slow
def test_a_message_that_cannot_be_written_for_somebody_is_exit_one(
    shop: Settings, capsys: pytest.CaptureFixture[str]
):
    write_campaign(shop, CAMPAIGN.replace("50%", "0%"))
    text = shop.templates / "hello" / "subject.txt"
    text.write_text("{{ 1 // (customer.orders - 1) }}", encoding="utf-8")
    a_quiet_crowd(shop, 3)

    code = main(
        ["--workspace", str(shop.workspace), "preview", "spring", "--as-of", str(AS_OF), "--customer", "00001"]
    )

    assert isinstance(preview_customer(shop, "spring", AS_OF, "00001").message, RenderFailure)
    assert code == 1
    assert "cannot be written: hello/subject.txt:1: message: raised ZeroDivisionError" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_in_words_and_as_json(shop: Settings, capsys: pytest.CaptureFixture[str]):
    a_quiet_crowd(shop, 60)
    asked = ["--workspace", str(shop.workspace), "preview", "spring", "--as-of", str(AS_OF)]

    codes = [main(asked)]
    shown = capsys.readouterr()
    codes.append(main([*asked, "--json"]))
    found = json.loads(capsys.readouterr().out)
    codes.append(main([*asked, "--customer", "00010", "--json"]))
    one = json.loads(capsys.readouterr().out)

    assert codes == [0, 0, 0]
    assert "- not_at_risk          6    54" in shown.out
    assert "With 54 customers and a 50 % holdout you will" in shown.out
    assert "set [prices] in winback.toml" in shown.out
    assert "the data reach 2026-02-23, 5 days before 2026-02-28" in shown.err
    assert sum(found["arms"].values()) == 54
    assert found["reasons"] == {"not_at_risk": 6}
    assert list(found) == [
        "run", "objective", "digest", "as_of", "arms", "reasons", "shares", "arms_before", "risk",
        "model", "top_value", "currency", "expected_value", "value_at_risk", "smallest_visible",
        "costs", "balance", "sample", "approval",
    ]  # fmt: skip
    assert list(found["smallest_visible"]) == [
        "measure", "customers", "holdout_share", "basis", "control_rate", "spread", "effect", "verdict",
        "smallest_effect", "needed_n", "best", "variants",
    ]  # fmt: skip
    assert found["smallest_visible"]["customers"] == 54
    assert found["costs"][0]["cost"] is None
    assert len(found["sample"]) == 20
    assert (one["reason"], one["message"]) == ("not_at_risk", None)


@pytest.mark.slow
def test_where_nobody_qualifies_it_says_so(shop: Settings, capsys: pytest.CaptureFixture[str]):
    asked = ["--workspace", str(shop.workspace), "preview", "spring", "--as-of", str(AS_OF)]
    without_orders = main(asked), capsys.readouterr().err
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n1,a,{AS_OF},5.00\n")

    code = main(asked)

    assert without_orders == (2, "winback: there are no orders yet: winback import orders FILE\n")
    assert code == 0
    assert "nobody qualifies" in capsys.readouterr().err
