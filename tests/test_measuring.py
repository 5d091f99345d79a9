"""Outcomes of a run: intent-to-treat counts worked out by hand, readings, contamination. On both databases."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import delete, select, update
from sqlmodel import col

from db.engine import database, reading, transaction
from db.frames import save_frame
from db.readings import latest, save_reading
from db.settings import Settings
from db.tables import Assignment, CampaignVersion, Customer, FactFile, Message, Occurrence
from db.tables import Outcome as Reading
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_run
from flows.sending import send_due
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load, write_campaign
from winback.campaigns.file import read_campaign
from winback.errors import WrongUse
from winback.lift.intervals import Proportion, newcombe
from winback.lift.verdict import Rule, Verdict
from winback.outcomes.outcomes import (
    BASE,
    TOP,
    TREATED,
    ArmResult,
    GroupCount,
    Method,
    measure,
    outcome_window,
    read_outcome,
    write_outcome,
)
from winback.report.page import render
from winback.report.tables import as_csv

pytestmark = pytest.mark.slow

DAY = date(2025, 10, 31)
RUN = f"spring/manual-{DAY}"
METHOD = Method(audience_digest="a", facts=[], campaign_digest="c", code_version="1", score={})


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def a_crowd(shop: Settings, people: int, back: set[int]) -> None:
    """Everyone last ordered 70 days before DAY; those in ``back`` order on the last day of the window."""
    rows = [f"{n:05},c{n}@example.com,yes" for n in range(1, people + 1)]
    load(shop, "customers", "customer_id,email,email_consent\n" + "\n".join(rows) + "\n")
    orders = [f"{n:05},o{n},{DAY - timedelta(days=70)},{n}.00" for n in range(1, people + 1)]
    orders += [f"{n:05},b{n},{DAY + timedelta(days=60)},5.00" for n in sorted(back)]
    orders += [f"{people:05},end,{DAY + timedelta(days=61)},5.00"]  # the facts reach past the window
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")


def arms(shop: Settings) -> dict[str, set[int]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Assignment.arm), col(Customer.customer_id)).join(
            Customer, col(Customer.no) == col(Assignment.customer_no)
        )
        found: dict[str, set[int]] = {}
        for arm, customer_id in session.execute(chosen):
            found.setdefault(arm, set()).add(int(customer_id))
        return found


def test_churn_of_each_arm_counts_everyone_assigned_to_it(shop: Settings):
    back = set(range(1, 200, 3))
    a_crowd(shop, 200, back)
    carry_out(manual("spring", DAY), shop, NOW)
    send_due(shop, lambda: NOW)

    outcome = measure_run(shop, RUN, NOW)

    members = arms(shop)
    primary = outcome.primary
    assert (primary.n, primary.x) == (len(members["message"]), len(members["message"] - back))
    assert (primary.control_n, primary.control_x) == (len(members["holdout"]), len(members["holdout"] - back))
    assert outcome.saved.customers == pytest.approx(-(primary.rate - primary.control_rate) * primary.n)
    assert outcome.contaminated == 0
    assert outcome.window.complete


def test_a_run_opened_before_a_guardrail_of_everybody_was_refused_is_measured_and_sent_as_ever(shop: Settings):
    a_crowd(shop, 50, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)
    then = CAMPAIGN.replace("window: 60d", "window: 60d, guardrails: {unsubscribed: 100%}")
    with database(shop.database_url) as engine, transaction(engine) as session:
        version = session.execute(select(CampaignVersion)).scalar_one()
        version.files = json.dumps(json.loads(version.files) | {"campaigns/spring.yaml": then})
        session.add(version)

    sent, outcome = send_due(shop, lambda: NOW), measure_run(shop, RUN, NOW)

    assert sent.states["accepted"] == outcome.primary.n
    assert outcome.primary.n == len(arms(shop)["message"])


def test_before_and_after_are_of_the_same_persons_and_cover_base_and_top(shop: Settings):
    a_crowd(shop, 100, {100, 99, 1})
    carry_out(manual("spring", DAY), shop, NOW)

    groups = {group.name: group for group in measure_run(shop, RUN, NOW).before_after}

    assert list(groups) == [TREATED, "message", "holdout", BASE, TOP]
    assert (groups[BASE].n, groups[BASE].before, groups[BASE].after) == (100, 1.0, 0.97)
    assert (groups[TOP].n, groups[TOP].after) == (20, 0.9)  # 81..100 spent most; 99 and 100 came back


@pytest.mark.parametrize(("days", "counted"), [(0, False), (1, True), (60, True), (61, False)])
def test_the_window_is_whole_local_days_after_the_start(shop: Settings, days: int, counted: bool):
    rows = "customer_id,email,email_consent\n1,a@example.com,yes\n2,b@example.com,yes\n"
    load(shop, "customers", rows)
    late = DAY + timedelta(days=days)
    orders = [f"1,a,{DAY - timedelta(days=70)},1", f"2,b,{DAY - timedelta(days=70)},1", f"2,z,{late} 23:59:59,1",
              f"1,end,{DAY + timedelta(days=90)},1"]  # fmt: skip
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
    campaign = CAMPAIGN.replace("inactive: 60d", "value: {top: 100%}")
    (shop.campaigns / "spring.yaml").write_text(campaign)
    carry_out(manual("spring", DAY), shop, NOW)

    base = next(group for group in measure_run(shop, RUN, NOW).before_after if group.name == BASE)

    assert base.after == (0.5 if counted else 1.0)


def test_a_window_the_data_do_not_reach_is_interim_and_later_final(shop: Settings):
    a_crowd(shop, 50, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)

    interim = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=59))
    final = measure_run(shop, RUN, NOW)

    assert not interim.window.complete
    assert interim.primary is None  # nobody has come back so far
    assert {group.after for group in interim.before_after} == {None}
    assert final.window.complete
    assert final.primary is not None


def test_a_final_reading_is_frozen_whatever_facts_come_later(shop: Settings):
    a_crowd(shop, 50, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)
    assert measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=60)).window.complete
    final = measure_run(shop, RUN, NOW)
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n00010,new,{DAY + timedelta(days=3)},9\n")

    again = measure_run(shop, RUN, NOW)

    assert again == final
    with database(shop.database_url) as engine, reading(engine) as session:
        assert latest(session, 1) == final


def test_messages_per_person_are_those_of_all_campaigns_in_the_days_of_the_limit(shop: Settings):
    """Spring to a half, the next day summer to all: two and one each. Autumn, 30 days later, is too late."""
    a_crowd(shop, 60, {1, 2, 3})
    write_campaign(shop, CAMPAIGN + "limits: {per_person: 1 in 30d}\n")
    sent = {"spring": NOW, "summer": NOW + timedelta(days=1), "autumn": NOW + timedelta(days=30)}
    for name in ("summer", "autumn"):
        text = CAMPAIGN.replace("id: spring", f"id: {name}").replace("holdout: 50%", "holdout: 0%")
        write_campaign(shop, text, name)
    for name, at in sent.items():
        carry_out(manual(name, DAY), shop, at)
        send_due(shop, lambda at=at: at)

    treated, held = measure_run(shop, RUN, NOW).findings.pressure

    members = {arm: len(people) for arm, people in the_arms_of_spring(shop).items()}
    assert (treated.arm, treated.n, treated.messages, treated.mean) == (
        TREATED, members["message"], 2 * members["message"], 2.0,
    )  # fmt: skip
    assert (treated.days, treated.cap, treated.over.x) == (30, 1, members["message"])
    assert (held.arm, held.n, held.mean, held.over.x) == ("holdout", members["holdout"], 1.0, 0)


def test_messages_in_30_days_are_told_whatever_the_days_of_the_limit(shop: Settings):
    """Spring to a half, ten days later summer to all: within 7 days one and none, within 30 two and one."""
    a_crowd(shop, 60, {1, 2, 3})
    write_campaign(shop, CAMPAIGN + "limits: {per_person: 1 in 7d}\n")
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: summer").replace("50%", "0%"), "summer")
    for name, at in (("spring", NOW), ("summer", NOW + timedelta(days=10))):
        carry_out(manual(name, DAY), shop, at)
        send_due(shop, lambda at=at: at)

    outcome = measure_run(shop, RUN, NOW)

    found = [(each.arm, each.days, each.mean, each.cap) for each in outcome.findings.pressure]
    assert found == [
        (TREATED, 7, 1.0, 1),
        ("holdout", 7, 0.0, 1),
        (TREATED, 30, 2.0, None),
        ("holdout", 30, 1.0, None),
    ]
    text = render(outcome, "en")
    assert "all rehearsals, 7 days: 1.00 written to, 0.00 held out. More than 1: 0 of those written to" in text
    assert "all rehearsals, 30 days: 2.00 written to, 1.00 held out." in text
    assert "messages_per_person_30d: holdout" in as_csv(outcome, "en")


@pytest.mark.parametrize(
    ("changed", "values", "run"),
    [
        ("summer", {"placebo": False}, RUN),
        ("summer", {"slot": f"replay-{DAY}"}, RUN),
        ("spring", {"slot": f"replay-{DAY}"}, f"spring/replay-{DAY}"),
    ],
    ids=["a real run beside a rehearsal", "a replay beside a rehearsal", "a rehearsal beside a replay"],
)
def test_messages_per_person_of_another_kind_of_run_do_not_count(
    shop: Settings, changed: str, values: dict[str, object], run: str
):
    a_crowd(shop, 40, {1, 2, 3})
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: summer").replace("50%", "0%"), "summer")
    for name in ("spring", "summer"):
        carry_out(manual(name, DAY), shop, NOW)
        send_due(shop, lambda: NOW)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Occurrence).where(col(Occurrence.campaign_id) == changed).values(**values))

    treated, held = measure_run(shop, run, NOW).findings.pressure

    assert (treated.mean, held.mean) == (1.0, 0.0)
    assert (treated.days, treated.cap, treated.over) == (30, None, None)


def the_arms_of_spring(shop: Settings) -> dict[str, set[int]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Assignment.arm), col(Assignment.customer_no))
        found: dict[str, set[int]] = {}
        for arm, number in session.execute(chosen.where(col(Assignment.campaign_id) == "spring")):
            found.setdefault(arm, set()).add(number)
        return found


def test_a_run_that_has_written_to_nobody_has_no_messages_per_person(shop: Settings):
    a_crowd(shop, 20, {1})
    carry_out(manual("spring", DAY), shop, NOW)

    assert measure_run(shop, RUN, NOW).findings.pressure == []


def test_a_holdout_member_who_was_written_to_is_found_in_the_dispatch_log(shop: Settings):
    """Two of few: above 1 % of the hold-out, so the result is not to be trusted."""
    a_crowd(shop, 60, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)
    send_due(shop, lambda: NOW)
    with database(shop.database_url) as engine, transaction(engine) as session:
        moved = session.execute(
            select(col(Assignment.id))
            .where(col(Assignment.arm) == "message")
            .order_by(col(Assignment.id))
            .limit(2)
        ).scalars()
        session.execute(update(Assignment).where(col(Assignment.id).in_(list(moved))).values(arm="holdout"))

    outcome = measure_run(shop, RUN, NOW)

    assert outcome.contaminated == 2
    assert len(set(outcome.findings.touched)) == 2
    assert set(map(int, outcome.findings.touched)) <= arms(shop)["holdout"]
    assert outcome.primary.verdict is Verdict.DO_NOT_TRUST
    assert Rule.HOLDOUT_CONTAMINATED in outcome.primary.rules


def test_a_run_not_released_cannot_be_measured(shop: Settings):
    with pytest.raises(WrongUse, match=r"no run spring/x"):
        measure_run(shop, "spring/x", NOW)


def test_messages_are_counted_by_arm_and_state(shop: Settings):
    a_crowd(shop, 30, {1})
    carry_out(manual("spring", DAY), shop, NOW)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.id) == 1).values(state="bounced"))

    outcome = measure_run(shop, RUN, NOW)

    by_arm = {arm.name: arm.messages for arm in outcome.arms}
    assert by_arm["holdout"] == {}
    assert by_arm["message"] == {"bounced": 1, "queued": len(arms(shop)["message"]) - 1}


def outcome_of(treated: tuple[int, int], held: tuple[int, int], **changes: object):
    """An outcome from (churned, assigned) of one variant and the hold-out, by the rules alone."""
    text = CAMPAIGN.replace("{window: 60d}", "{window: 60d, smallest_effect: 3pp}")
    counts = {"treated": treated, "message": treated, "holdout": held, BASE: (1, 2), TOP: (1, 2)}
    values: dict[str, object] = {
        "run": "spring/x",
        "campaign": read_campaign(text, "x"),
        "placebo": True,
        "as_of": DAY,
        "window": outcome_window(DAY, 60, DAY + timedelta(days=60)),
        "waterfall": {},
        "arms": [
            ArmResult(
                name="holdout",
                n=held[1],
                drawn=held[1],
                planned_share=held[1] / (held[1] + treated[1]),
                messages={},
            ),
            ArmResult(
                name="message",
                n=treated[1],
                drawn=treated[1],
                planned_share=treated[1] / (held[1] + treated[1]),
                messages={},
            ),
        ],
        "counts": [GroupCount(name=k, n=n, inactive_before=n, inactive_after=x) for k, (x, n) in counts.items()],
        "contaminated": 0,
        "responses": [],
        "method": METHOD,
    }
    return measure(**values | changes)


def test_saved_customers_of_the_reference_table():
    """288/1600 v 92/400: saved 80 (10.81, 155.64), Newcombe, from the published reference values."""
    outcome = outcome_of((288, 1600), (92, 400))

    assert outcome.saved.customers == pytest.approx(80)
    assert outcome.saved.low == pytest.approx(10.81, abs=0.005)
    assert outcome.saved.high == pytest.approx(155.64, abs=0.005)
    assert outcome.primary.verdict is Verdict.BETTER


@pytest.mark.parametrize(
    ("treated", "held", "verdict"),
    [
        ((300, 1000), (200, 1000), Verdict.WORSE),
        ((500, 1000), (500, 1000), Verdict.CANT_TELL),
        ((50_000, 100_000), (50_000, 100_000), Verdict.NO_EFFECT_WORTH_HAVING),
        ((4, 100), (20, 100), Verdict.NOT_ENOUGH_DATA),
    ],
)
def test_the_verdict_is_the_rules(treated: tuple[int, int], held: tuple[int, int], verdict: Verdict):
    assert outcome_of(treated, held).primary.verdict is verdict


def test_customers_lost_are_printed_as_a_negative_number():
    assert outcome_of((300, 1000), (200, 1000)).saved.customers == pytest.approx(-100)


def test_a_split_that_is_wrong_is_not_to_be_trusted():
    arms_ = [
        ArmResult(name="holdout", n=400, drawn=400, planned_share=0.5, messages={}),
        ArmResult(name="message", n=1600, drawn=1600, planned_share=0.5, messages={}),
    ]

    assert outcome_of((288, 1600), (92, 400), arms=arms_).primary.verdict is Verdict.DO_NOT_TRUST


def test_an_outcome_survives_writing_and_reading():
    outcome = outcome_of((288, 1600), (92, 400))

    assert read_outcome(write_outcome(outcome)) == outcome
    assert json.loads(write_outcome(outcome))["primary"]["verdict"] == "better"
    assert replace(outcome, run="other") != outcome


def test_without_a_holdout_nothing_is_claimed():
    no_holdout = [
        ArmResult(name="holdout", n=0, drawn=0, planned_share=0.0, messages={}),
        ArmResult(name="message", n=100, drawn=100, planned_share=1.0, messages={}),
    ]

    outcome = outcome_of((50, 100), (0, 0), arms=no_holdout)

    assert outcome.primary.difference is None
    assert outcome.primary.verdict is Verdict.NOT_ENOUGH_DATA
    assert outcome.saved is None


def test_the_split_is_judged_on_those_drawn_in_this_run_only():
    """Of 1,000 re-entrants all keep the hold-out of an earlier 100 %; the 200 drawn now are split as planned."""
    kept = [
        ArmResult(name="holdout", n=1100, drawn=100, planned_share=0.5, messages={}),
        ArmResult(name="message", n=100, drawn=100, planned_share=0.5, messages={}),
    ]

    assert outcome_of((50, 100), (550, 1100), arms=kept).srm.p == 1


def test_every_reading_before_the_end_counts_and_widens_the_last_one(shop: Settings):
    a_crowd(shop, 200, set(range(1, 200, 3)))
    early = [f"{n:05},x{n},{DAY + timedelta(days=9)},5.00" for n in range(1, 41)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(early) + "\n")
    carry_out(manual("spring", DAY), shop, NOW)

    first = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=25))
    again = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=25))
    final = measure_run(shop, RUN, NOW)

    assert (first.primary.x + first.primary.control_x, first.primary.verdict) == (160, Verdict.INTERIM)
    assert (first.looks, again.looks, final.looks) == ([], [], [first.look])
    assert again.look == first.look
    assert (final.look.fraction, first.look.boundary > final.look.boundary > 1.96) == (1, True)
    for found in (first, final):
        c, z = found.primary, found.look.boundary
        ends = newcombe(Proportion(x=c.x, n=c.n), Proportion(x=c.control_x, n=c.control_n), z=z)
        assert (c.low, c.high) == (ends.low, ends.high)
    assert (first.saved, first.findings.money, first.findings.curves) == (None, [], [])


def test_a_look_at_which_another_reading_arrived_first_is_taken_again(shop: Settings):
    a_crowd(shop, 50, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)
    outcome = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=9))

    with database(shop.database_url) as engine, transaction(engine) as session:
        saved = save_reading(session, 1, outcome, NOW, final=False, after=0)

    assert saved is None


def test_a_look_overtaken_by_one_that_took_the_place_of_the_last_is_taken_again_too(shop: Settings):
    a_crowd(shop, 50, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)
    seen = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=9))
    measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=19))

    with database(shop.database_url) as engine, transaction(engine) as session:
        saved = save_reading(session, 1, seen, NOW, final=False, after=seen.revision.number)

    assert saved is None


def test_a_reading_names_its_revision_and_the_digest_of_all_the_rest_of_it(shop: Settings):
    """Nothing can hold its own digest: it is of the document as stored, in which ``revision`` is null."""
    a_crowd(shop, 50, {1, 2, 3})
    carry_out(manual("spring", DAY), shop, NOW)
    first = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=9))

    final = measure_run(shop, RUN, NOW)

    assert (first.revision.number, final.revision.number) == (1, 2)
    assert measure_run(shop, RUN, NOW) == final
    with database(shop.database_url) as engine, reading(engine) as session:
        [(digest, document)] = session.execute(select(col(Reading.digest), col(Reading.document)))
    assert json.loads(document)["revision"] is None
    assert final.revision.digest == digest == hashlib.sha256(document.encode()).hexdigest()
    assert write_outcome(replace(final, revision=None)) == document
    for report in (render(final, "en"), render(final, "zh"), as_csv(final, "en"), write_outcome(final)):
        assert digest in report


def test_members_lost_after_they_were_assigned_are_found(shop: Settings):
    a_crowd(shop, 200, set(range(1, 200, 3)))
    carry_out(manual("spring", DAY), shop, NOW)
    [audience] = (shop.state / "audiences").glob("*.parquet")
    ledger = pl.read_parquet(audience)
    lost = ledger.filter(pl.col("arm") == "holdout").head(1)["customer_id"]
    fewer = save_frame(audience.parent, ledger.filter(~pl.col("customer_id").is_in(lost.implode())))
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Occurrence).values(audience_file=fewer.name))

    outcome = measure_run(shop, RUN, NOW)

    assert outcome.findings.rows_lost == 1
    assert outcome.primary.verdict is Verdict.DO_NOT_TRUST
    assert Rule.ROWS_LOST in outcome.primary.rules


def test_members_of_whom_no_fact_is_left_are_found(shop: Settings):
    a_crowd(shop, 40, {1, 2})
    carry_out(manual("spring", DAY), shop, NOW)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(delete(FactFile))

    assert measure_run(shop, RUN, NOW).findings.rows_lost == 40


@pytest.mark.parametrize("success", ["window: 90d", "window: 76d, blank_out: 14d"])
def test_members_of_another_live_campaign_are_counted_in_either_arm(shop: Settings, success: str):
    """All 40 are in both. What counts is whether the other's own 90 days still run when those of this one begin:

    a rehearsal, one whose 90th day was the day of t0 and another run of the same campaign touch nobody.
    """
    a_crowd(shop, 40, {1, 2})
    other = CAMPAIGN.replace("id: spring", "id: other").replace(
        "success: {window: 60d}", f"success: {{{success}}}"
    )
    write_campaign(shop, other, "other")
    carry_out(manual("other", DAY), shop, NOW)
    carry_out(manual("spring", DAY), shop, NOW)

    def overlapping(**changes: object) -> dict[str, int]:
        with database(shop.database_url) as engine, transaction(engine) as session:
            session.execute(update(Occurrence).where(col(Occurrence.campaign_id) == "other").values(**changes))
        outcome = measure_run(shop, RUN, NOW, as_of=DAY + timedelta(days=3))
        return {each.arm: each.share.x for each in outcome.findings.overlap}

    everybody = {arm: len(people) for arm, people in spring(shop).items()}
    assert overlapping(placebo=False) == everybody
    assert overlapping(placebo=True) == dict.fromkeys(everybody, 0)
    t0 = datetime(DAY.year, DAY.month, DAY.day, 18, tzinfo=UTC)
    assert overlapping(placebo=False, t0=t0 - timedelta(days=89)) == everybody
    assert overlapping(placebo=False, t0=t0 - timedelta(days=90)) == dict.fromkeys(everybody, 0)
    assert overlapping(placebo=False, t0=t0 + timedelta(days=60)) == everybody
    assert overlapping(placebo=False, t0=t0 + timedelta(days=61)) == dict.fromkeys(everybody, 0)


def spring(shop: Settings) -> dict[str, list[str]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Assignment.arm), col(Assignment.person)).where(col(Assignment.campaign_id) == "spring")
        found: dict[str, list[str]] = {}
        for arm, person in session.execute(chosen):
            found.setdefault(arm, []).append(person)
        return found


def test_the_reading_says_whether_the_groups_were_alike(shop: Settings):
    """Customer n spent n before; the means are those of the members of each arm."""
    a_crowd(shop, 40, {1, 2})
    carry_out(manual("spring", DAY), shop, NOW)

    outcome = measure_run(shop, RUN, NOW)

    members = arms(shop)
    past = {each.covariate: each for each in outcome.balance}["past value"]
    assert past.treated_mean == pytest.approx(sum(members["message"]) / len(members["message"]))
    assert past.control_mean == pytest.approx(sum(members["holdout"]) / len(members["holdout"]))
    assert read_outcome(write_outcome(outcome)) == outcome
