"""The rules of a claim in the database: caps, budget, days, quiet hours, priority; also under racing claims."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, text, update
from sqlmodel import col

from db.claims import Batch, Wish, claim, due_runs, expire_leases
from db.engine import open_engine, reading, transaction
from db.people import suppress
from db.results import Result, record
from db.tables import Assignment, Customer, CustomerPreference, DayTally, Message, Occurrence, Preference
from tests.builders import NOON, a_customer, a_message, an_assignment, an_outbox
from tests.test_outbox import LEASE, take, take_batch
from winback.campaigns.limits import PerPerson
from winback.campaigns.quiet_hours import read_quiet_hours
from winback.delivery.claiming import Rules
from winback.delivery.tariff import Tariff
from winback.events import State

ZONE = ZoneInfo("UTC")


def rules(**limits) -> Rules:
    return Rules(zone=ZONE, **limits)


def another_run(engine: Engine, campaign: str, *, priority: int = 50, slot: str = "manual-2026-03-01") -> int:
    """A released run of ``campaign`` with a message to everybody the first run writes to."""
    with transaction(engine) as session:
        first = session.execute(select(Occurrence).order_by(col(Occurrence.id))).scalars().first()
        occurrence = Occurrence(
            campaign_id=campaign,
            slot=slot,
            stage="released",
            placebo=True,
            as_of=first.as_of,
            version_id=first.version_id,
            opened_at=NOON,
            priority=priority,
            code_version="test",
        )
        session.add(occurrence)
        session.flush()
        people = (
            session.execute(select(Assignment).where(col(Assignment.occurrence_id) == first.id)).scalars().all()
        )
        for known in people:
            entry = an_assignment(occurrence, known.customer_no, channel=known.channel)
            session.add(entry)
            session.flush()
            session.add(a_message(entry, known.customer_no, key=f"{campaign}-{slot}-{known.customer_no}"))
        return int(occurrence.id)


def messages(engine: Engine, **where) -> list[Message]:
    with reading(engine) as session:
        chosen = select(Message).order_by(col(Message.id))
        for name, value in where.items():
            chosen = chosen.where(getattr(Message, name) == value)
        found = list(session.execute(chosen).scalars())
        session.expunge_all()
        return found


def spent(engine: Engine) -> dict[str, tuple[int, int]]:
    with reading(engine) as session:
        return {
            row.campaign_id: (row.sent, row.cost_micros) for row in session.execute(select(DayTally)).scalars()
        }


def test_who_had_enough_messages_of_any_campaign_waits_until_the_cap_frees(engine: Engine):
    an_outbox(engine, messages=1)
    another_run(engine, "summer")
    once = rules(per_person=PerPerson(messages=1, days=30))
    [first] = take(engine, rules=once)

    again = take_batch(engine, rules=once, at=NOON + timedelta(days=1))

    assert (again.messages, again.held) == ([], 1)
    [waiting] = messages(engine, campaign_id="summer")
    assert (waiting.state, waiting.reason, waiting.not_before) == ("queued", "capped", NOON + timedelta(days=30))
    assert [m.campaign_id for m in take(engine, rules=once, at=NOON + timedelta(days=30))] == ["summer"]
    assert first.campaign_id == "spring"


def test_a_cap_that_frees_too_late_skips_the_message_as_capped(engine: Engine):
    an_outbox(engine, messages=1)
    another_run(engine, "summer")
    with transaction(engine) as session:
        session.execute(update(Message).values(late_after=NOON + timedelta(days=3)))
    once = rules(per_person=PerPerson(messages=1, days=30))
    take(engine, rules=once)

    batch = take_batch(engine, rules=once)

    assert batch.skipped == 1
    assert [(m.state, m.reason) for m in messages(engine, campaign_id="summer")] == [("skipped", "capped")]


def test_a_message_that_was_not_sent_does_not_count_for_the_cap(engine: Engine):
    an_outbox(engine, messages=1)
    another_run(engine, "summer")
    once = rules(per_person=PerPerson(messages=1, days=30))
    batch = take_batch(engine, rules=once)
    with transaction(engine) as session:
        record(session.connection(), batch, [Result(batch.messages[0], State.REJECTED, "http_400")], NOON)

    assert [m.campaign_id for m in take(engine, rules=once)] == ["summer"]


def test_the_cap_holds_for_the_person_whatever_the_channel(engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.execute(update(Assignment).values(channel="sms", address_hash="phone-1"))
    another_run(engine, "summer")
    once = rules(per_person=PerPerson(messages=1, days=30))
    take(engine, rules=once)

    assert take(engine, rules=once, channel="sms") == []


@pytest.mark.parametrize("known_by", ["customer", "person", "address"])
def test_the_cap_holds_for_the_customer_the_person_and_the_address(engine: Engine, known_by: str):
    """He shared an address with a smaller id; put right, he is another person at another address."""
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.add(a_customer(2, email="old@example.com", email_hash="mail-old"))
    once = rules(per_person=PerPerson(messages=1, days=30))
    take(engine, rules=once)
    another_run(engine, "summer")
    changed = {"customer_no": 2, "person": "00000", "address_hash": "mail-old"}
    same = {"customer": "customer_no", "person": "person", "address": "address_hash"}[known_by]
    with transaction(engine) as session:
        for table in (Assignment, Message):
            values = {name: value for name, value in changed.items() if name != same}
            session.execute(update(table).where(col(table.occurrence_id) == 1).values(values))

    assert take(engine, rules=once) == []
    assert [message.reason for message in messages(engine, campaign_id="summer")] == ["capped"]


def test_who_asked_for_less_gets_one_in_thirty_days_whatever_the_campaign_says(engine: Engine):
    an_outbox(engine, messages=2)
    another_run(engine, "summer")
    with transaction(engine) as session:
        session.add(Preference(address_hash="mail-1", less_often=True, at=NOON))
    take(engine)

    assert [m.address for m in take(engine)] == ["c2@example.com"]


@pytest.mark.parametrize("shared", [False, True])
def test_what_a_customer_asked_for_holds_at_his_next_address(engine: Engine, shared: bool):
    """Asked for by 1, at an address of before; ``shared``: by 3, who has that of 1 now."""
    an_outbox(engine, messages=2)
    another_run(engine, "summer")
    with transaction(engine) as session:
        session.execute(update(Customer).values(email_alone=not shared))
        session.add(a_customer(3, email_hash="mail-1"))
        session.flush()
        session.add(CustomerPreference(customer_no=3 if shared else 1, less_often=True, at=NOON))
    take(engine)

    assert [m.address for m in take(engine)] == ["c2@example.com"]
    with transaction(engine) as session:
        session.execute(update(CustomerPreference).values(less_often=False, no_personalisation=True))
        session.execute(update(Message).values(state="queued", not_before=None, sent_at=None))
    assert [m.address for m in take(engine)] == ["c2@example.com"]
    assert {m.reason for m in messages(engine, state="skipped")} == {"no_consent"}


def test_who_wants_no_forecast_about_himself_is_not_written_to(engine: Engine):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.add(Preference(address_hash="mail-1", no_personalisation=True, at=NOON))

    assert take(engine) == []
    assert messages(engine)[0].reason == "no_consent"


def test_a_topic_somebody_left_is_suppressed_and_other_topics_are_not(engine: Engine):
    an_outbox(engine, messages=1)
    another_run(engine, "summer")
    with transaction(engine) as session:
        session.execute(update(Occurrence).where(col(Occurrence.campaign_id) == "spring").values(topic="offers"))
        session.execute(update(Occurrence).where(col(Occurrence.campaign_id) == "summer").values(topic="news"))
        suppress(
            session, address_hash="mail-1", customer_no=None, channel="topic:offers", reason="unsubscribed",
            source="winback", at=NOON,
        )  # fmt: skip

    assert take(engine) == []
    assert messages(engine, campaign_id="spring")[0].reason == "suppressed"
    assert [m.campaign_id for m in take(engine)] == ["summer"]


def test_no_more_than_so_many_go_a_day_and_the_rest_wait_for_the_next(engine: Engine):
    an_outbox(engine, messages=5)
    three = Rules(zone=ZoneInfo("Asia/Shanghai"), per_day=3)

    batch = take_batch(engine, rules=three)

    midnight = datetime(2026, 3, 2, 16, tzinfo=UTC)  # NOON is 20:00 in Shanghai
    assert (len(batch.messages), batch.held) == (3, 2)
    assert {m.not_before for m in messages(engine, state="queued")} == {midnight}
    assert len(take(engine, rules=three, at=midnight)) == 2


def test_what_was_given_back_does_not_count_for_the_day(engine: Engine):
    an_outbox(engine, messages=2)
    one = rules(per_day=1)
    batch = take_batch(engine, rules=one, window=1)
    with transaction(engine) as session:
        record(session.connection(), batch, [Result(batch.messages[0], State.QUEUED)], NOON)

    assert len(take(engine, rules=one, window=1)) == 1


def accepted(engine: Engine, batch: Batch, cost: int, at: datetime = NOON) -> None:
    with transaction(engine) as session:
        results = [Result(message, State.ACCEPTED, cost_micros=cost) for message in batch.messages]
        record(session.connection(), batch, results, at)


YESTERDAY = NOON - timedelta(days=1)
A_WISH = Wish(
    owner="b", channel="email", provider="folder", placebo=True, window=64, now=NOON, lease=LEASE,
    unknown_email_consent=False,
)  # fmt: skip
FREE, COUNTED = rules(), rules(per_day=3, budget_micros=1_000, price_micros=100)


def test_the_first_limit_counts_what_was_sent_before_it(engine: Engine):
    """One yesterday and two today, of a run without limits: 300 of 1,000 and 2 of 3 are used."""
    an_outbox(engine, messages=3)
    accepted(engine, take_batch(engine, at=YESTERDAY, window=1), 100)
    accepted(engine, take_batch(engine), 100)
    another_run(engine, "spring", slot="manual-2026-03-02")

    batch = take_batch(engine, rules=COUNTED)

    assert (len(batch.messages), batch.held) == (1, 2)
    assert days(engine) == {YESTERDAY.date(): (1, 100), NOON.date(): (3, 300)}


def days(engine: Engine) -> dict[object, tuple[int, int]]:
    with reading(engine) as session:
        return {row.day: (row.sent, row.cost_micros) for row in session.execute(select(DayTally)).scalars()}


def test_a_day_of_the_first_count_is_the_workspace_s(engine: Engine):
    """The next day begins in Kolkata at 18:30 UTC."""
    an_outbox(engine, messages=3)
    accepted(engine, take_batch(engine, at=datetime(2026, 3, 1, 18, 29, 59, tzinfo=UTC), window=1), 100)
    accepted(engine, take_batch(engine, at=datetime(2026, 3, 1, 18, 30, tzinfo=UTC), window=1), 100)

    take_batch(engine, rules=Rules(zone=ZoneInfo("Asia/Kolkata"), budget_micros=1_000, price_micros=100))

    assert days(engine) == {date(2026, 3, 1): (1, 100), date(2026, 3, 2): (2, 200)}


def test_a_run_without_limits_counts_once_another_of_its_campaign_has_some(engine: Engine):
    """Its claim before, its answer after, and its next claim: each once."""
    an_outbox(engine, messages=3)
    before = take_batch(engine, window=1)
    another_run(engine, "spring", slot="manual-2026-03-02", priority=60)
    take_batch(engine, rules=COUNTED, window=1)
    assert days(engine) == {NOON.date(): (2, 100)}
    accepted(engine, before, 70)
    with transaction(engine) as session:
        session.execute(update(Occurrence).where(col(Occurrence.id) == 1).values(priority=70))

    accepted(engine, take_batch(engine, window=1), 70)

    assert days(engine) == {NOON.date(): (3, 240)}


@pytest.fixture
def postgresql(new_postgresql: Callable[[Path], str], tmp_path: Path) -> Iterator[Engine]:
    """SQLite has one writer, so nothing of this can happen there."""
    engine = open_engine(new_postgresql(tmp_path))
    yield engine
    engine.dispose()


def beside(engine: Engine, work: Callable[[], object]) -> Thread:
    """``work`` in a thread, as far as it comes: it is done, or waits for a lock."""
    waiting = text(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
    )
    thread = Thread(target=work)
    thread.start()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watch:
        while thread.is_alive() and not watch.execute(waiting).scalar_one():
            pass
    return thread


def test_a_claim_under_way_is_in_the_first_count(postgresql: Engine):
    """A run without limits claims two; before that is committed another of its campaign counts first."""
    an_outbox(postgresql, messages=2)
    with transaction(postgresql) as session:
        [run] = due_runs(session.connection(), "email", placebo=True, by=NOON)
    another_run(postgresql, "spring", slot="manual-2026-03-02", priority=60)

    with transaction(postgresql) as session:
        claim(session.connection(), A_WISH, run, FREE)
        counting = beside(postgresql, lambda: take_batch(postgresql, rules=COUNTED, window=1))
    counting.join()

    assert days(postgresql) == {NOON.date(): (3, 100)}


def test_an_answer_under_way_is_in_the_first_count(postgresql: Engine):
    """What two messages cost, 140, is not committed yet."""
    an_outbox(postgresql, messages=2)
    batch = take_batch(postgresql)
    another_run(postgresql, "spring", slot="manual-2026-03-02", priority=60)

    with transaction(postgresql) as session:
        results = [Result(message, State.ACCEPTED, cost_micros=70) for message in batch.messages]
        record(session.connection(), batch, results, NOON)
        counting = beside(postgresql, lambda: take_batch(postgresql, rules=COUNTED, window=1))
    counting.join()

    assert days(postgresql) == {NOON.date(): (3, 240)}


def test_a_later_run_without_limits_is_counted_by_the_next_claim_with_some(engine: Engine):
    an_outbox(engine, messages=2)
    take_batch(engine, rules=COUNTED, window=1)
    another_run(engine, "spring", slot="manual-2026-03-02", priority=60)
    accepted(engine, take_batch(engine, window=1), 70)
    assert days(engine) == {NOON.date(): (1, 100)}
    with transaction(engine) as session:
        session.execute(update(Occurrence).where(col(Occurrence.id) == 1).values(priority=70))

    take_batch(engine, rules=COUNTED, window=1)

    assert days(engine) == {NOON.date(): (3, 270)}


def test_what_came_back_or_was_never_claimed_is_not_counted_first_either(engine: Engine):
    """One given back, one that only a restored state has marked, one of another campaign, one replayed."""
    an_outbox(engine, messages=3)
    batch = take_batch(engine, window=1)
    with transaction(engine) as session:
        record(session.connection(), batch, [Result(batch.messages[0], State.REJECTED)], NOON)
        marked = {"state": "uncertain", "reason": "restored", "sent_at": NOON}
        session.execute(update(Message).where(col(Message.key) == "k-2").values(**marked))
    for campaign, slot in (("summer", "manual-2026-03-01"), ("spring", "replay-2026-01-01")):
        run = another_run(engine, campaign, slot=slot)
        with transaction(engine) as session:
            of_run = col(Message.occurrence_id) == run
            session.execute(update(Message).where(of_run).values(state="accepted", owner="a", sent_at=NOON))

    take_batch(engine, rules=COUNTED)

    assert spent(engine) == {"spring": (1, 100)}


def test_a_budget_is_never_overspent_and_ends_the_rest(engine: Engine):
    an_outbox(engine, messages=5)
    limited = rules(budget_micros=1_000, price_micros=400)
    batch = take_batch(engine, rules=limited)
    assert len(batch.messages) == 2
    with transaction(engine) as session:
        record(
            session.connection(), batch, [Result(m, State.ACCEPTED, cost_micros=400) for m in batch.messages], NOON
        )

    assert take(engine, rules=limited, at=NOON + timedelta(minutes=1)) == []
    assert {m.reason for m in messages(engine, state="skipped")} == {"over_budget"}
    assert spent(engine) == {"spring": (2, 800)}


TEXTS = rules(budget_micros=950, price_micros=1_000, least_micros=100)


def test_the_last_of_a_budget_goes_one_by_one_where_less_is_left_than_a_message_may_cost(engine: Engine):
    """950 at 300 a text: three of them, and 50 left that no text can have."""
    an_outbox(engine, messages=5)
    reserved, at = [], NOON
    for _ in range(4):
        batch = take_batch(engine, rules=TEXTS, at=at)
        reserved.append((len(batch.messages), batch.rules.price_micros, batch.held))
        accepted(engine, batch, 300, at)
        at += timedelta(seconds=10)

    assert reserved == [(1, 950, 4), (1, 650, 3), (1, 350, 2), (0, 1_000, 0)]
    assert {m.reason for m in messages(engine, state="skipped")} == {"over_budget"}
    assert spent(engine) == {"spring": (3, 900)}


def test_nobody_is_skipped_for_money_that_may_come_back(engine: Engine):
    """All of it is reserved by another sender's text, whatever that will cost."""
    an_outbox(engine, messages=2)
    first = take_batch(engine, rules=TEXTS, window=1)

    second = take_batch(engine, rules=TEXTS, owner="b")

    assert (second.messages, second.held, second.skipped) == ([], 1, 0)
    accepted(engine, first, 100)
    assert len(take(engine, rules=TEXTS, at=NOON + timedelta(seconds=10))) == 1


def test_what_a_dead_sender_reserved_is_free_once_its_lease_is_over(engine: Engine):
    """Nobody knows what its text cost: one segment from then on, so 850 of 950 are left."""
    an_outbox(engine, messages=2, channel="sms")
    take_batch(engine, rules=TEXTS, window=1, channel="sms")
    later = NOON + LEASE * 2
    with transaction(engine) as session:
        assert expire_leases(session.connection(), later, Tariff(ZONE, {"sms": 100})) == 1

    batch = take_batch(engine, rules=TEXTS, at=later, channel="sms")

    assert batch.rules.price_micros == 850
    assert [m.cost_micros for m in messages(engine, state="uncertain")] == [100]
    assert days(engine) == {NOON.date(): (2, 950)}


def test_money_kept_back_for_long_messages_comes_free_when_they_were_short(engine: Engine):
    an_outbox(engine, messages=3)
    limited = rules(budget_micros=1_000, price_micros=1_000)
    first = take_batch(engine, rules=limited)
    assert (len(first.messages), first.held) == (1, 2)
    with transaction(engine) as session:
        record(session.connection(), first, [Result(first.messages[0], State.ACCEPTED, cost_micros=100)], NOON)

    assert spent(engine) == {"spring": (1, 100)}
    assert messages(engine, state="skipped") == []


QUIET = (read_quiet_hours("21:00-09:00"),)


@pytest.mark.parametrize(("late", "reason"), [(0, "quiet_hours"), (1, None)])
def test_who_is_free_only_when_it_is_too_late_is_skipped_for_the_quiet_hours_at_once(
    engine: Engine, late: int, reason: str | None
):
    """In Tokyo it is 21:00 at NOON: the quiet hours end at 09:00, which is midnight in UTC."""
    an_outbox(engine, messages=1)
    until = datetime(2026, 3, 3, 0, 0, late, tzinfo=UTC)
    with transaction(engine) as session:
        session.execute(update(Customer).values(timezone="Asia/Tokyo"))
        session.execute(update(Message).values(late_after=until))

    take_batch(engine, rules=rules(quiet=QUIET))

    [message] = messages(engine)
    assert (message.state, message.reason) == (("skipped", reason) if reason else ("queued", "quiet_hours"))


@pytest.mark.parametrize(
    ("zone", "country", "free"),
    [
        ("Asia/Shanghai", None, None),  # NOON is 20:00 there: allowed
        ("Asia/Tokyo", None, datetime(2026, 3, 3, 0, tzinfo=UTC)),  # 21:00; free at 09:00
        (None, "US", datetime(2026, 3, 2, 19, tzinfo=UTC)),  # 09:00 in Honolulu; New York is awake then
        (None, None, None),  # unknown: the workspace's, UTC
    ],
)
def test_nobody_is_disturbed_in_the_quiet_hours_of_his_place(engine: Engine, zone, country, free):
    an_outbox(engine, messages=1)
    with transaction(engine) as session:
        session.execute(update(Customer).values(timezone=zone, country=country))

    batch = take_batch(engine, rules=rules(quiet=QUIET))

    [message] = messages(engine)
    assert (message.state, message.not_before) == (("sending", None) if free is None else ("queued", free))
    assert batch.held == (free is not None)


@pytest.mark.parametrize(
    ("phone", "zone", "free"),
    [
        ("+12125550001", None, datetime(2026, 3, 2, 19, tzinfo=UTC)),  # all of the US: 09:00 in Honolulu
        ("+447700900001", None, None),  # a number of no island: London, where it is noon
        ("+819012345678", None, datetime(2026, 3, 3, 0, tzinfo=UTC)),  # 21:00 in Tokyo
        ("+819012345678", "Europe/London", None),  # what is known of the person goes first
    ],
)
def test_a_text_goes_by_the_country_of_its_number_where_nothing_else_is_known(engine: Engine, phone, zone, free):
    an_outbox(engine, messages=1, channel="sms")
    with transaction(engine) as session:
        session.execute(update(Customer).values(timezone=zone, country=None, phone=phone))

    batch = take_batch(engine, channel="sms", rules=rules(quiet=QUIET))

    [message] = messages(engine)
    assert (message.state, message.not_before) == (("sending", None) if free is None else ("queued", free))
    assert batch.held == (free is not None)


def test_a_claim_whose_lease_reaches_into_quiet_hours_waits(engine: Engine):
    an_outbox(engine, messages=1)
    late = datetime(2026, 3, 2, 20, 59, tzinfo=UTC)
    assert late + LEASE > datetime(2026, 3, 2, 21, tzinfo=UTC)
    with transaction(engine) as session:
        session.execute(update(Customer).values(timezone="UTC"))

    assert take(engine, rules=rules(quiet=QUIET), at=late) == []


@pytest.mark.slow
def test_four_campaigns_racing_for_the_same_people_stay_within_caps_days_and_budgets(engine: Engine):
    people = 120
    an_outbox(engine, messages=people)
    for campaign in ("summer", "autumn", "winter"):
        another_run(engine, campaign)
    limits = rules(per_person=PerPerson(messages=2, days=30), per_day=100, budget_micros=90, price_micros=1)
    start = Barrier(4)

    def work(owner: str) -> None:
        start.wait()
        while batch := take_batch(engine, rules=limits, window=7, owner=owner):
            with transaction(engine) as session:
                record(
                    session.connection(),
                    batch,
                    [Result(m, State.ACCEPTED, cost_micros=1) for m in batch.messages],
                    NOON,
                )

    threads = [Thread(target=work, args=(f"owner-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    sent = messages(engine, state="accepted")
    per_person = [sum(m.person == person for m in sent) for person in {m.person for m in sent}]
    per_campaign = {name: sum(m.campaign_id == name for m in sent) for name in spent(engine)}
    assert max(per_person) <= 2
    assert max(per_campaign.values()) <= 90
    assert spent(engine) == {name: (count, count) for name, count in per_campaign.items()}
    assert sum(per_person) >= 2 * people - 50  # neither rule is kept by sending next to nothing
