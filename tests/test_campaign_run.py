"""A run from pinned inputs to sent messages, on both databases."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import polars as pl
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from db.engine import database, reading, transaction
from db.people import suppress
from db.settings import Secrets, Settings, WorkspaceFile, read_settings
from db.tables import Assignment, Customer, Message, Occurrence
from flows.campaign_run import Order, RunSummary, carry_out, manual, read_ledger
from flows.choosing import dry_run
from flows.due import look_for_due
from flows.sending import send_due
from tests.sink import Sink, recorded
from tests.test_reconciling import with_prices
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, load, write_campaign
from winback.audience.selection import digest
from winback.customers.contact import address_hash
from winback.errors import CampaignError, WrongUse

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def run(shop: Settings, as_of: date = AS_OF) -> RunSummary:
    return carry_out(manual("spring", as_of), shop, NOW)


def rows(shop: Settings, *columns: object) -> list[tuple[object, ...]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        return [tuple(row) for row in session.execute(select(*columns))]


def sent(shop: Settings) -> list[str]:
    return sorted(path.name for path in shop.outbox_folder.glob("*.*")) if shop.outbox_folder.exists() else []


def test_everyone_outside_the_holdout_gets_one_message_and_the_holdout_none(shop: Settings):
    a_quiet_crowd(shop, 60)

    summary = run(shop)
    send_due(shop, lambda: NOW, until_empty=True)

    assert summary.reasons == {"not_at_risk": 6}
    assert sum(summary.arms.values()) == 54
    assert len(sent(shop)) == summary.arms["message"]
    written_to = {no for (no,) in rows(shop, col(Message.customer_no))}
    held_out = {no for no, arm in rows(shop, col(Assignment.customer_no), col(Assignment.arm)) if arm == "holdout"}
    assert not written_to & held_out


def test_running_twice_sends_once_and_keeps_the_audience(shop: Settings):
    a_quiet_crowd(shop, 40)
    first = run(shop)
    send_due(shop, lambda: NOW, until_empty=True)
    files = sent(shop)
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n00001,new,{AS_OF},99.00\n")

    again = run(shop)
    send_due(shop, lambda: NOW, until_empty=True)

    assert again.digest == first.digest
    assert sent(shop) == files


def test_four_runs_at_once_send_once(shop: Settings):
    a_quiet_crowd(shop, 40)

    def work() -> None:
        run(shop)
        send_due(shop, lambda: NOW, until_empty=True)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    summary = run(shop)
    assert summary.messages == {"accepted": summary.arms["message"]}
    assert len(sent(shop)) == summary.arms["message"]
    assert len(rows(shop, Assignment.id)) == sum(summary.arms.values())


@pytest.mark.parametrize(
    "stage", ["score_customers", "select_audience", "enrol_members", "plan_messages", "release"]
)
def test_a_run_that_broke_off_after_any_stage_is_resumed(shop: Settings, stage: str):
    a_quiet_crowd(shop, 40)

    class Broken(Exception):
        pass

    def breaking(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            if function.__name__.startswith(stage):
                raise Broken
            return function(*arguments)

        return wrapped

    with pytest.raises(Broken):
        carry_out(manual("spring", AS_OF), shop, NOW, breaking)
    summary = run(shop)

    assert summary.messages == {"queued": summary.arms["message"]}


def test_arms_are_stored_before_any_message_exists(shop: Settings):
    a_quiet_crowd(shop, 20)
    seen: list[tuple[int, int]] = []

    def watching(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            if function.__name__ == "plan_messages":
                seen.append((len(rows(shop, Assignment.id)), len(rows(shop, Message.id))))
            return function(*arguments)

        return wrapped

    summary = carry_out(manual("spring", AS_OF), shop, NOW, watching)

    assert seen == [(sum(summary.arms.values()), 0)]


def test_a_person_with_two_customer_ids_is_in_once(shop: Settings):
    text = "customer_id,email,email_consent\n1,a@example.com,yes\n2,a@example.com,yes\n3,b@example.com,yes\n"
    load(shop, "customers", text)
    orders = ["1,o1,2025-09-01,10.00", "2,o2,2025-09-02,30.00", "3,o3,2025-09-03,20.00"]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")

    summary = run(shop)

    assert summary.reasons == {"same_contact": 1}
    assert {person for (person,) in rows(shop, Assignment.person)} == {"1", "3"}


def test_without_again_after_a_person_enters_once(shop: Settings):
    a_quiet_crowd(shop, 20)
    first = run(shop)

    second = run(shop, AS_OF + timedelta(days=300))

    assert sum(first.arms.values()) == 18
    assert second.reasons == {"already_entered": 18}
    assert sum(second.arms.values()) == 2


@pytest.mark.parametrize(("days", "entered_again"), [(179, False), (180, True)])
def test_with_again_after_a_person_enters_again_in_the_same_arm(shop: Settings, days: int, entered_again: bool):
    write_campaign(shop, CAMPAIGN + "again_after: 180d\n")
    a_quiet_crowd(shop, 30)
    run(shop)
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 90%") + "again_after: 180d\n")

    second = run(shop, AS_OF + timedelta(days=days))

    assert ("already_entered" in second.reasons) is not entered_again
    arms: dict[str, set[str]] = {}
    for person, arm in rows(shop, Assignment.person, Assignment.arm):
        arms.setdefault(person, set()).add(arm)
    assert all(len(each) == 1 for each in arms.values())


@pytest.mark.parametrize(
    ("limits", "counted"),
    [("", False), ("per_person: 1 in 9d", False), ("per_day: 9", True),
     ("budget: {amount: 5, currency: USD}", True)],
)  # fmt: skip
def test_a_run_with_a_limit_a_day_or_a_budget_is_counted_from_its_first_message(
    shop: Settings, limits: str, counted: bool
):
    shop = with_prices(shop)
    a_quiet_crowd(shop, 5)
    write_campaign(shop, CAMPAIGN + f"limits: {{{limits}}}\n")

    run(shop)

    assert rows(shop, col(Occurrence.tallied)) == [(counted,)]


def test_the_ledger_holds_every_scored_customer_and_its_digest_is_the_runs(shop: Settings):
    a_quiet_crowd(shop, 30)

    summary = run(shop)

    with database(shop.database_url) as engine, reading(engine) as session:
        ledger = read_ledger(shop, session.execute(select(Occurrence)).scalar_one())
    assert ledger.height == 30
    assert digest(ledger) == summary.digest
    assert ledger.filter(pl.col("reason").is_null() == pl.col("arm").is_null()).height == 0


def test_a_suppression_or_lost_consent_between_run_and_send_is_honoured(shop: Settings):
    a_quiet_crowd(shop, 20)
    summary = run(shop)
    targets = [no for (no,) in rows(shop, Message.customer_no)][:2]
    with database(shop.database_url) as engine, transaction(engine) as session:
        suppress(
            session,
            address_hash=address_hash(f"c{targets[0]}@example.com"),
            customer_no=None,
            channel="all",
            reason="asked",
            source="test",
            at=NOW,
        )
    load(shop, "customers", f"customer_id,email,email_consent\n{targets[1]:05},c{targets[1]}@example.com,no\n")

    send_due(shop, lambda: NOW, until_empty=True)

    assert len(sent(shop)) == summary.arms["message"] - 2
    why = dict(rows(shop, Message.customer_no, Message.reason))
    assert (why[targets[0]], why[targets[1]]) == ("suppressed", "no_consent")


def test_messages_are_rendered_from_what_the_run_pinned_not_from_the_folder(shop: Settings):
    a_quiet_crowd(shop, 20)
    run(shop)
    for template in shop.templates.rglob("*.txt"):
        template.write_text("changed after release", encoding="utf-8")

    send_due(shop, lambda: NOW, until_empty=True)

    assert sent(shop)
    assert not any(b"changed after release" in (shop.outbox_folder / name).read_bytes() for name in sent(shop))


def test_nobody_qualifies_is_a_finished_run_without_messages(shop: Settings):
    a_quiet_crowd(shop, 20)
    write_campaign(shop, CAMPAIGN.replace("inactive: 60d", "inactive: 3000d"))

    summary = run(shop)

    assert summary.arms == {}
    assert summary.messages == {}
    assert summary.reasons == {"not_at_risk": 20}


def test_without_any_orders_nothing_is_frozen_and_the_run_says_what_to_do(shop: Settings):
    with pytest.raises(WrongUse, match="winback import orders"):
        run(shop)
    a_quiet_crowd(shop, 20)

    assert run(shop).arms


def test_a_person_enters_once_whichever_of_his_customer_ids_is_looked_at(shop: Settings):
    """The copy that was dropped as same_contact must not get in by itself a week later."""
    rows = "customer_id,email,email_consent\n1,a@example.com,yes\n2,a@example.com,yes\n"
    load(shop, "customers", rows)
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,o1,2025-09-01,30\n2,o2,2025-09-02,10\n")
    first = run(shop)

    second = run(shop, AS_OF + timedelta(days=7))

    assert sum(first.arms.values()) == 1
    assert second.reasons == {"already_entered": 2}


@pytest.mark.parametrize(
    ("channel", "contact"), [("email", "a@example.com,yes,,"), ("sms", ",,+442079460018,yes")]
)
def test_an_address_that_moved_to_another_customer_id_does_not_enter_again(
    shop: Settings, channel: str, contact: str
):
    """No second copy into the same inbox because the shop gave its customers other numbers."""
    write_campaign(
        shop, CAMPAIGN.replace("{send: hello}", f"{{send: hello, channels: [{channel}]}}") + "again_after: 180d\n"
    )
    head = "customer_id,email,email_consent,phone,sms_consent\n"
    load(shop, "customers", f"{head}1,{contact}\n")
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,o1,2025-09-01,30\n9,o9,2025-09-01,30\n")
    first = run(shop)
    load(shop, "customers", f"{head}1,,,,\n9,{contact}\n")

    second, later = run(shop, AS_OF + timedelta(days=7)), run(shop, AS_OF + timedelta(days=180))

    assert sum(first.arms.values()) == 1
    assert second.reasons == {"already_entered": 2}
    assert later.reasons == {"no_address": 1}
    assert {no for (no,) in rows(shop, Assignment.customer_no)} == {1, 2}


def test_whoever_was_held_out_with_an_address_stays_held_out_under_another_customer_id(shop: Settings):
    """Drawn anew by their new numbers, twenty would all fall as they did once in 2**20 times."""
    write_campaign(shop, CAMPAIGN + "again_after: 10d\n")
    people, bought = "customer_id,email,email_consent\n", "customer_id,order_id,ordered_at,amount\n"
    load(shop, "customers", people + "".join(f"{n},c{n}@example.com,yes\n" for n in range(20)))
    load(shop, "orders", bought + "".join(f"{n},o{n},2025-09-01,30\n" for n in range(20)))
    run(shop)
    before = dict(rows(shop, Assignment.address_hash, Assignment.arm))
    load(shop, "customers", people + "".join(f"{n},,\nnew{n},c{n}@example.com,yes\n" for n in range(20)))
    load(shop, "orders", bought + "".join(f"new{n},p{n},2025-09-01,30\n" for n in range(20)))

    again = run(shop, AS_OF + timedelta(days=30))

    assert sum(again.arms.values()) == 20
    assert dict(rows(shop, Assignment.address_hash, Assignment.arm)) == before
    assert len(rows(shop, Assignment.id)) == 40


def test_a_person_keeps_his_arm_when_a_smaller_customer_id_joins_his_contact(shop: Settings):
    write_campaign(shop, CAMPAIGN + "again_after: 10d\n")
    a_quiet_crowd(shop, 30)
    run(shop)
    before = dict(rows(shop, Assignment.customer_no, Assignment.arm))
    more = "".join(f"0{n:05},c{n}@example.com,yes\n" for n in range(1, 31))
    load(shop, "customers", "customer_id,email,email_consent\n" + more)

    run(shop, AS_OF + timedelta(days=20))

    after = rows(shop, Assignment.customer_no, Assignment.arm)
    assert len(after) > len(before)
    assert {(no, arm) for no, arm in after if no in before} == set(before.items())


def test_a_rehearsal_through_the_folder_does_not_use_up_the_real_entry(shop: Settings):
    a_quiet_crowd(shop, 20)
    rehearsal = run(shop)

    real = carry_out(Order(campaign_id="spring", slot="2026-03-01T09:00", as_of=AS_OF), live(shop), NOW)

    assert real.arms == rehearsal.arms


def test_who_refuses_personalisation_is_neither_chosen_nor_written_to(shop: Settings):
    a_quiet_crowd(shop, 20)
    load(shop, "customers", "customer_id,no_personalisation\n00001,yes\n")
    summary = run(shop)
    (target,) = [no for (no,) in rows(shop, Message.customer_no)][:1]
    load(shop, "customers", f"customer_id,no_personalisation\n{target:05},yes\n")

    send_due(shop, lambda: NOW, until_empty=True)

    assert summary.reasons["no_consent"] == 1
    assert dict(rows(shop, Message.customer_no, Message.reason))[target] == "no_consent"


def test_who_left_the_campaigns_topic_is_suppressed_for_it_and_not_for_another(shop: Settings):
    a_quiet_crowd(shop, 20)
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text() + '\n[topics]\noffers = {en = "Offers"}\nnews = {en = "News"}\n')
    shop = replace(read_settings({}, shop.workspace), database_url=shop.database_url)
    with database(shop.database_url) as engine, transaction(engine) as session:
        gone = session.execute(
            select(col(Customer.email_hash)).where(col(Customer.customer_id) == "00001")
        ).scalar_one()
        suppress(
            session, address_hash=gone, customer_no=None, channel="topic:offers", reason="unsubscribed",
            source="winback", at=NOW,
        )  # fmt: skip
    write_campaign(shop, CAMPAIGN + "topic: offers\n")
    offers = dry_run(manual("spring", AS_OF), shop)
    write_campaign(shop, CAMPAIGN + "topic: news\n")
    news = dry_run(manual("spring", AS_OF), shop)

    assert (offers.reasons.get("suppressed", 0), news.reasons.get("suppressed", 0)) == (1, 0)


def test_a_dry_run_shows_the_same_audience_and_stores_nothing(shop: Settings):
    a_quiet_crowd(shop, 30)

    looked = dry_run(manual("spring", AS_OF), shop)

    assert rows(shop, Occurrence.id) == []
    assert looked.digest == run(shop).digest


def test_a_dry_run_of_a_run_that_has_chosen_shows_whom(shop: Settings):
    a_quiet_crowd(shop, 30)

    done = run(shop)

    assert dry_run(manual("spring", AS_OF), shop) == done


def test_a_campaign_with_a_fault_is_not_run(shop: Settings):
    write_campaign(shop, CAMPAIGN.replace("hello", "helo"))

    with pytest.raises(CampaignError, match=r"spring.yaml:7: journey\[1\].send: .*did you mean 'hello'"):
        run(shop)


def test_an_unknown_campaign_names_the_nearest(shop: Settings):
    with pytest.raises(WrongUse, match="did you mean 'spring'"):
        carry_out(manual("sprig", AS_OF), shop, NOW)


def test_an_old_day_is_never_really_sent(shop: Settings):
    with pytest.raises(WrongUse, match="more than 3 days ago"):
        carry_out(manual("spring", AS_OF - timedelta(days=4)), live(shop), NOW)


def test_the_start_is_one_instant_for_all_and_for_the_folder_it_is_the_end_of_the_day(shop: Settings):
    a_quiet_crowd(shop, 20)
    run(shop)

    [(t0,)] = rows(shop, col(Occurrence.t0))
    assert t0.isoformat() == "2026-03-01T05:00:00+00:00"  # midnight in New York


@pytest.mark.parametrize("late_after", [None, NOW + timedelta(days=9)])
def test_a_run_really_sent_may_leave_until_three_days_after_its_day(shop: Settings, late_after: datetime | None):
    """28 February ends at 05:00 UTC on 1 March in New York; three days later is 4 March."""
    a_quiet_crowd(shop, 20)
    order = replace(manual("spring", AS_OF), late_after=late_after)

    carry_out(order, live(shop), NOW)

    assert {each for (each,) in rows(shop, col(Message.late_after))} == {datetime(2026, 3, 4, 5, tzinfo=UTC)}


def test_a_run_by_hand_through_the_folder_has_no_late_limit(shop: Settings):
    a_quiet_crowd(shop, 20)
    run(shop)

    assert {each for (each,) in rows(shop, col(Message.late_after))} == {None}


def test_a_scheduled_slot_carries_its_late_limit_to_its_messages(shop: Settings):
    a_quiet_crowd(shop, 20)
    order = Order(campaign_id="spring", slot="2026-03-01T09:00", as_of=AS_OF, late_after=NOW + timedelta(hours=4))
    carry_out(order, shop, NOW)

    send_due(shop, lambda: NOW + timedelta(hours=5))

    assert sent(shop) == []
    assert {reason for (reason,) in rows(shop, Message.reason)} == {"late"}


def test_message_keys_say_nothing_about_campaign_or_customer(shop: Settings):
    a_quiet_crowd(shop, 20)
    run(shop)

    for (key,) in rows(shop, Message.key):
        assert "spring" not in key
        assert "0000" not in key.partition("-")[2]


def test_the_same_people_have_the_same_digest_on_both_databases(
    tmp_path: Path, new_sqlite: Callable[[Path], str], new_postgresql: Callable[[Path], str]
):
    found = []
    for new in (new_sqlite, new_postgresql):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        shop = a_workspace(folder, new(folder))
        a_quiet_crowd(shop, 50)
        found.append(run(shop))

    assert found[0] == found[1]


def test_a_ledger_explains_a_customer(shop: Settings):
    from db.people import customer_by_id
    from flows.explaining import explain_customer

    a_quiet_crowd(shop, 20)
    summary = run(shop)
    send_due(shop, lambda: NOW, until_empty=True)

    with database(shop.database_url) as engine, reading(engine) as session:
        [left_out] = explain_customer(session, shop, customer_by_id(session, "00010"))
        lines = [explain_customer(session, shop, customer_by_id(session, f"{n:05}"))[0] for n in range(1, 10)]
    assert left_out["reason"] == "not_at_risk"
    assert {line["message"] for line in lines if line["arm"] == "message"} == {"accepted"}
    assert {line["message"] for line in lines if line["arm"] == "holdout"} <= {None}
    assert json.dumps(left_out)
    assert summary.digest


def live(shop: Settings) -> Settings:
    said = shop.file.model_dump() | {"live": True, "providers": {"email": "sendgrid", "sms": "folder"}}
    return replace(shop, file=WorkspaceFile.model_validate(said), secrets=Secrets(sendgrid_key="SG.test"))


def test_a_rehearsal_never_leaves_for_real_and_a_real_message_never_ends_in_the_folder(
    shop: Settings, tmp_path: Path
):
    a_quiet_crowd(shop, 20)
    rehearsed = run(shop)
    with Sink(tmp_path) as sink:
        real = replace(live(shop), sendgrid_url=sink.url)
        send_due(real, lambda: NOW, until_empty=True)
        assert recorded(tmp_path) == []

        meant = carry_out(Order(campaign_id="spring", slot="2026-03-01T09:00", as_of=AS_OF), real, NOW)
        send_due(shop, lambda: NOW, until_empty=True)
        assert len(sent(shop)) == rehearsed.arms["message"]

        send_due(real, lambda: NOW, until_empty=True)
    assert len(recorded(tmp_path)) == meant.arms["message"]


def test_a_second_run_of_a_campaign_waits_until_the_first_is_released(shop: Settings):
    """Two at once would both enrol the same people."""
    a_quiet_crowd(shop, 20)

    class Broken(Exception):
        pass

    def breaking(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            if function.__name__ == "enrol_members":
                raise Broken
            return function(*arguments)

        return wrapped

    with pytest.raises(Broken):
        carry_out(manual("spring", AS_OF), shop, NOW, breaking)
    other = Order(campaign_id="spring", slot="2026-03-01T09:00", as_of=AS_OF)
    with pytest.raises(WrongUse, match="is not finished yet"):
        carry_out(other, shop, NOW)

    first = run(shop)
    second = carry_out(other, shop, NOW)

    assert sum(first.arms.values()) == 18
    assert second.reasons["already_entered"] == 18


def test_an_unfinished_run_is_resumed_from_what_it_pinned_whatever_the_folder_says_now(shop: Settings):
    a_quiet_crowd(shop, 20)

    class Broken(Exception):
        pass

    def breaking(function: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            if function.__name__ == "plan_messages":
                raise Broken
            return function(*arguments)

        return wrapped

    with pytest.raises(Broken):
        carry_out(manual("spring", AS_OF), shop, NOW, breaking)
    write_campaign(shop, "no campaign any more")

    looked = look_for_due(shop, NOW)

    assert looked.ran == (f"spring/manual-{AS_OF}",)
    assert run(shop).messages == {"queued": run(shop).arms["message"]}


def test_a_run_given_up_leaves_nobody_locked_out(shop: Settings):
    a_quiet_crowd(shop, 20)
    run(shop)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Occurrence).values(stage="planned", late_after=NOW - timedelta(hours=1)))
        session.execute(update(Message).values(state="planned"))

    looked = look_for_due(shop, NOW)
    again = run(shop, AS_OF + timedelta(days=1))

    assert [alarm.kind for alarm in looked.alarms] == ["missed"]
    assert sum(again.arms.values()) == 18


def test_the_files_of_two_audiences_are_never_mistaken_for_each_other(shop: Settings):
    """Two campaigns without a hold-out over the same people differ by channel only, not by digest."""
    rows_ = [f"{n},c{n}@example.com,+4477009001{n:02},yes,yes" for n in range(10, 20)]
    load(shop, "customers", "customer_id,email,phone,email_consent,sms_consent\n" + "\n".join(rows_) + "\n")
    orders = [f"{n},o{n},2025-09-01,9.00" for n in range(10, 20)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
    base = CAMPAIGN.replace("holdout: 50%", "holdout: 0%")
    for name, channel in (("mails", "email"), ("texts", "sms")):
        text = base.replace("id: spring", f"id: {name}")
        write_campaign(shop, text.replace("{send: hello}", f"{{send: hello, channels: [{channel}]}}"), name)
        carry_out(manual(name, AS_OF), shop, NOW)

    assert set(rows(shop, Message.campaign_id, Message.channel)) == {("mails", "email"), ("texts", "sms")}


@pytest.mark.parametrize("row", ["2,no,", "2,yes,yes"])
def test_a_no_of_one_customer_id_holds_for_all_who_share_the_address(shop: Settings, row: str):
    text = "customer_id,email,email_consent\n1,a@example.com,yes\n2,a@example.com,yes\n3,b@example.com,yes\n"
    load(shop, "customers", text)
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,o1,2025-09-01,30\n3,o3,2025-09-01,10\n")
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    run(shop)
    load(shop, "customers", f"customer_id,email_consent,no_personalisation\n{row}\n")

    send_due(shop, lambda: NOW, until_empty=True)
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: later"), "later")
    later = carry_out(manual("later", AS_OF), shop, NOW)

    assert len(sent(shop)) == 1
    if "no" in row:
        assert later.reasons["no_consent"] == 1


def test_a_customer_suppressed_by_his_number_is_suppressed_for_all_who_share_the_address(shop: Settings):
    text = "customer_id,email,email_consent\n1,a@example.com,yes\n2,a@example.com,yes\n"
    load(shop, "customers", text)
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,o1,2025-09-01,30\n")
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    run(shop)
    load(shop, "suppressions", "customer_id,channel\n2,email\n")

    send_due(shop, lambda: NOW, until_empty=True)

    assert sent(shop) == []
    assert rows(shop, Message.reason) == [("suppressed",)]


def test_a_day_that_is_not_over_is_never_really_sent(shop: Settings):
    with pytest.raises(WrongUse, match="not over yet"):
        carry_out(manual("spring", AS_OF + timedelta(days=1)), live(shop), NOW)


def test_nothing_of_a_live_run_leaves_days_later(shop: Settings, tmp_path: Path):
    a_quiet_crowd(shop, 20)
    with Sink(tmp_path) as sink:
        real = replace(live(shop), sendgrid_url=sink.url)
        carry_out(manual("spring", AS_OF), real, NOW)
        send_due(real, lambda: NOW + timedelta(days=4), until_empty=True)

    assert recorded(tmp_path) == []
    assert {reason for (reason,) in rows(shop, Message.reason)} == {"late"}
