"""Unknown messages settled at a provider that records, with its clock and ours in step, on both databases.

The settle window of SendGrid and Twilio is 15 minutes (winback.delivery.settling).
SendGrid takes a look-up every 10 s.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Barrier, Thread
from urllib.parse import unquote

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from db.claims import expire_leases
from db.engine import database, reading, transaction
from db.events import store
from db.reconciling import queue_again, uncertain
from db.restored import hold
from db.settings import Settings, WorkspaceFile
from db.stops import switch_stop
from db.tables import Customer, DayTally, Event, Message, Suppression
from flows.campaign_run import carry_out, manual
from flows.reconciling import Campaigns, Patience, Said, Settled, reconcile, settle_by_hand
from flows.sending import send_due
from tests.fault.scene import EVERYBODY, a_live_shop, live
from tests.sink import Reply, Sink
from tests.telling import FREE
from tests.workspaces import AS_OF, NOW, write_campaign
from winback.events import Event as Told
from winback.events import EventKind

pytestmark = pytest.mark.slow

RESEND = EVERYBODY + "on_uncertain: resend_after_reconcile\n"
LOST = Reply(act="reset", takes=True)  # the provider has it, we never hear
GONE = Reply(act="reset", takes=False)  # neither has it, nor do we hear
BUSY = Reply(status=429, headers={"Retry-After": "7"})
WINDOW = timedelta(minutes=15)
RUN = f"spring/manual-{AS_OF}"


class Clock:
    """One time for both: it passes when somebody waits, or when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sink"
    made.mkdir()
    return made


class Scene:
    """A shop, a provider, and what was sent to it: one message is accepted, then one for each of ``replies``."""

    def __init__(self, shop: Settings, sink: Sink, clock: Clock) -> None:
        self.settings, self.sink, self.clock = live(shop, sink.url), sink, clock

    def send(self) -> None:
        send_due(self.settings, self.clock, until_empty=False)

    def reconcile(self, *, after: timedelta = timedelta(0), **how: object) -> Settled:
        """Settle what can be settled ``after`` that long."""
        self.clock.now += after
        return reconcile(self.settings, Patience(clock=self.clock, sleep=self.clock.wait, **how))

    def rows(self, *columns: object) -> list[tuple[object, ...]]:
        with database(self.settings.database_url) as engine, reading(engine) as session:
            return [tuple(row) for row in session.execute(select(*columns).order_by(col(Message.id)))]

    def states(self) -> Counter[object]:
        return Counter(state for (state,) in self.rows(col(Message.state)))

    def change(self, **values: object) -> None:
        """Change the uncertain messages."""
        with database(self.settings.database_url) as engine, transaction(engine) as session:
            session.execute(update(Message).where(col(Message.state) == "uncertain").values(**values))

    def unknown_keys(self) -> list[str]:
        with database(self.settings.database_url) as engine, reading(engine) as session:
            return [message.key for message in uncertain(session)]

    def evidence(self) -> list[tuple[str, str, str]]:
        with database(self.settings.database_url) as engine, reading(engine) as session:
            chosen = select(col(Event.provider), col(Event.kind), col(Event.reason)).order_by(col(Event.id))
            return [tuple(row) for row in session.execute(chosen)]

    def copies(self) -> list[int]:
        """How often each message that was ever taken was taken."""
        return sorted(Counter(request.key for request in self.sink.requests() if request.accepted).values())


def with_prices(shop: Settings) -> Settings:
    """The shop where a message costs a cent."""
    said = shop.file.model_dump() | {"prices": {"email": "0.01", "sms_segment": "0.01"}}
    return replace(shop, file=WorkspaceFile.model_validate(said))


@pytest.fixture
def scene(tmp_path: Path, database_url: str, folder: Path, clock: Clock):
    """Makes a Scene; ``campaign``: its file."""
    opened: list[Sink] = []

    def make(
        *replies: Reply,
        campaign: str = EVERYBODY,
        channel: str = "email",
        look_ups: list[Reply] | None = None,
        people: int | None = None,
    ) -> Scene:
        shop = with_prices(a_live_shop(tmp_path, database_url, people or 1 + len(replies), channel))
        write_campaign(shop, campaign)
        sink = Sink(
            folder, [Reply(), *replies, Reply()], look_ups=look_ups or [Reply()], clock=clock.seconds
        ).__enter__()
        opened.append(sink)
        made = Scene(shop, sink, clock)
        carry_out(manual("spring", AS_OF), made.settings, NOW)
        made.send()
        return made

    yield make
    for sink in opened:
        sink.__exit__()


def test_a_message_that_arrived_is_found_and_one_that_did_not_stays_unknown_with_what_was_seen(scene):
    it = scene(LOST, GONE)

    settled = it.reconcile(after=WINDOW)

    assert settled.states == {"accepted": 1}
    assert settled.unlearnt == {"not_found": 1}
    assert it.states() == {"accepted": 2, "uncertain": 1}
    assert None not in {provider_id for (provider_id,) in it.rows(col(Message.provider_id))[:2]}
    at = NOW + WINDOW
    assert {(by, kind) for by, kind, _ in it.evidence()} == {("sendgrid", "accepted"), ("sendgrid", "not_found")}
    assert any(said.startswith(f"not found at {at:%Y-%m-%d %H:%M}") for _, _, said in it.evidence())


def test_before_the_settle_window_is_over_nobody_asks(scene):
    it = scene(LOST, GONE, campaign=RESEND)

    settled = it.reconcile(after=WINDOW - timedelta(seconds=1))

    assert settled.unlearnt == {"too_early": 2}
    assert it.sink.look_ups() == []
    assert it.states() == {"accepted": 1, "uncertain": 2}


def test_a_provider_that_records_late_makes_no_duplicate(scene):
    """It sees its messages 0.4 s after it took them: whoever asks at once and believes it writes twice."""
    it = scene(LOST, LOST, LOST, campaign=RESEND)
    it.sink.recording_seconds = 0.4

    it.reconcile()
    it.send()
    it.reconcile(after=WINDOW)
    it.send()

    assert it.copies() == [1, 1, 1, 1]
    assert it.states() == {"accepted": 4}


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_with_resend_what_did_not_arrive_is_sent_once_more_and_arrives_once(scene, channel: str):
    it = scene(LOST, GONE, GONE, campaign=RESEND, channel=channel)

    settled = it.reconcile(after=WINDOW)
    it.send()

    assert (settled.states, settled.unlearnt) == ({"accepted": 1, "queued": 2}, {})
    assert it.states() == {"accepted": 4}
    assert it.copies() == [1, 1, 1, 1]
    assert sorted(attempt for (attempt,) in it.rows(col(Message.attempt))) == [1, 1, 2, 2]


def test_what_stays_unknown_after_its_second_try_is_not_sent_a_third_time(scene):
    it = scene(GONE, GONE, GONE, GONE, campaign=RESEND)
    it.change(attempt=2, resends=1)

    for _ in range(3):
        it.reconcile(after=WINDOW, by_hand=True)
        it.send()

    assert it.states() == {"accepted": 1, "uncertain": 4}
    assert len(it.sink.requests()) == 5


@pytest.mark.parametrize("scope", ["*", "spring", RUN])
def test_a_stopped_campaign_sends_nothing_again(scene, scope: str):
    it = scene(GONE, campaign=RESEND)
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        switch_stop(session, scope, on=True, now=NOW)

    assert it.reconcile(after=WINDOW).unlearnt == {"not_found": 1}
    assert it.states() == {"accepted": 1, "uncertain": 1}


def test_a_message_that_is_late_is_not_sent_again(scene, clock: Clock):
    it = scene(GONE, campaign=RESEND)
    it.change(late_after=NOW + WINDOW)

    it.reconcile(after=WINDOW)

    assert it.states() == {"accepted": 1, "uncertain": 1}


def test_an_absence_is_not_believed_where_nothing_is_found_that_is_known_to_be_there(scene):
    """A filter the provider ignores, or another account: every look-up comes back empty."""
    empty = Reply(status=200, body='{"messages": []}', headers={"Content-Type": "application/json"})
    it = scene(LOST, campaign=RESEND, look_ups=[empty])

    settled = it.reconcile(after=WINDOW)
    it.send()

    assert settled.unlearnt == {"sendgrid: a message that arrived is not found either": 1}
    assert it.copies() == [1, 1]


def test_an_absence_is_not_believed_where_no_message_is_known_to_have_arrived(scene):
    it = scene(GONE, campaign=RESEND)
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.state) == "accepted").values(provider="another"))

    it.reconcile(after=WINDOW)

    assert it.states() == {"accepted": 1, "uncertain": 1}


@pytest.mark.parametrize(
    "answer",
    [
        Reply(status=403, body='{"errors": [{"message": "no add-on"}]}'),
        Reply(status=429, headers={"Retry-After": "60"}),
        Reply(status=500),
        Reply(act="reset"),
        Reply(status=200, body="<html>portal</html>", headers={"Content-Type": "text/html"}),
        Reply(status=200, body='{"messages": "none"}', headers={"Content-Type": "application/json"}),
    ],
    ids=["refused", "too often", "error", "reset", "portal", "no list"],
)
def test_a_look_up_that_fails_proves_nothing_and_is_tried_again_ten_minutes_later(scene, answer: Reply):
    it = scene(GONE, campaign=RESEND, look_ups=[answer])

    first = it.reconcile(after=WINDOW)
    asked = len(it.sink.look_ups())
    at_once = it.reconcile(after=timedelta(minutes=5))
    assert len(it.sink.look_ups()) == asked
    it.reconcile(after=timedelta(minutes=6))

    assert sum(first.unlearnt.values()) == 1
    assert at_once.unlearnt == {"asked_lately": 1}
    assert len(it.sink.look_ups()) > asked
    assert it.states() == {"accepted": 1, "uncertain": 1}


def test_what_was_not_found_is_asked_about_again_a_day_later_or_when_a_person_wants_it(scene):
    it = scene(GONE)
    it.reconcile(after=WINDOW)
    asked = len(it.sink.look_ups())

    it.reconcile(after=timedelta(hours=20))
    assert len(it.sink.look_ups()) == asked
    it.reconcile(by_hand=True)
    by_hand = len(it.sink.look_ups())
    it.reconcile(after=timedelta(hours=25))

    assert asked < by_hand < len(it.sink.look_ups())


@pytest.mark.parametrize("status", [401, 403])
def test_after_an_account_is_refused_nobody_asks_again_in_that_call(scene, clock: Clock, status: int):
    it = scene(GONE, GONE, GONE, look_ups=[Reply(status=status)] * 3)
    began = clock.now

    settled = it.reconcile(after=WINDOW)

    assert [(why.split(":")[1], count) for why, count in settled.unlearnt.items()] == [(f" http_{status}", 3)]
    assert len(it.sink.look_ups()) == 1
    assert clock.now - began == WINDOW


def test_an_account_that_may_not_ask_is_tried_less_and_less_often(scene, clock: Clock):
    """A call a minute for an hour: asked at minutes 0, 1, 2, 4, 8, 16, 31 and 46. It was asked in every minute."""
    it = scene(*[GONE] * 12, look_ups=[Reply(status=403)] * 60)
    clock.now += WINDOW

    unlearnt = [it.reconcile(after=timedelta(minutes=minute > 0)).unlearnt for minute in range(60)]

    assert len(it.sink.look_ups()) == 8
    assert any("http_403" in why for why in unlearnt[5])  # nobody asked in that minute


def test_a_person_asks_at_once_and_an_account_put_right_is_open_to_all(scene, clock: Clock):
    it = scene(*[LOST] * 3, look_ups=[Reply(status=401), Reply(status=401), *[Reply()] * 3])
    it.reconcile(after=WINDOW)
    it.reconcile(by_hand=True)

    barred = it.reconcile(after=timedelta(seconds=59)).states
    by_hand = it.reconcile(by_hand=True).states

    assert (barred, by_hand) == (Counter(), Counter(accepted=3))


def test_look_ups_of_sendgrid_keep_to_six_a_minute(scene, clock: Clock):
    it = scene(*[LOST] * 7)
    clock.now += WINDOW
    began = clock.now

    it.reconcile()

    assert len(it.sink.look_ups()) == 7
    assert clock.now - began >= timedelta(seconds=60)


def test_time_that_is_up_leaves_the_rest_for_the_next(scene, clock: Clock):
    it = scene(*[LOST] * 6)

    first = it.reconcile(after=WINDOW, seconds=25)
    second = it.reconcile()

    assert first.states["accepted"] == 3
    assert first.unlearnt == {"out_of_time": 3}
    assert second.states["accepted"] == 3


def test_a_provider_that_takes_its_time_keeps_nobody_waiting_for_another(scene):
    """The newest message is of a provider without a pace: its turn comes before the 10 s of each of the others."""
    it = scene(*[LOST] * 4)
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        newest = select(func.max(Message.id)).scalar_subquery()
        session.execute(update(Message).where(col(Message.id) == newest).values(provider="twilio"))

    settled = it.reconcile(after=WINDOW, seconds=5)

    assert settled.unlearnt == {"twilio is not the provider any more": 1, "out_of_time": 2}
    assert settled.states == {"accepted": 1}


def test_two_that_reconcile_at_once_change_everything_once(scene, database_url: str, clock: Clock):
    it = scene(*[LOST] * 4, *[GONE] * 4, campaign=RESEND)
    clock.now += WINDOW
    unknown, start, settled = it.unknown_keys(), Barrier(2), list[Settled]()

    def work() -> None:
        start.wait()
        settled.append(it.reconcile())

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    it.send()

    asked = [unquote(request.path) for request in it.sink.look_ups()]
    assert {sum(key in path for path in asked) for key in unknown} == {1}
    assert sum((each.states for each in settled), Counter()) == {"accepted": 4, "queued": 4}
    assert it.copies() == [1] * 9
    assert it.states() == {"accepted": 9}


def test_an_event_that_comes_while_the_provider_is_asked_is_not_undone(scene):
    """The look-up said "not there", the event says "delivered": the event came first."""
    it = scene(GONE, campaign=RESEND)
    with database(it.settings.database_url) as engine:
        with reading(engine) as session:
            [message] = uncertain(session)
        rules = Campaigns(engine, it.settings).rules(message)
        told = Told(provider="sendgrid", id="e1", message_key=message.key, kind=EventKind.DELIVERED, at=NOW)
        with transaction(engine) as session:
            store(session.connection(), [told], NOW, it.settings.tariff)
        with transaction(engine) as session:
            assert queue_again(session, message, NOW, rules) is False

    assert it.states() == {"accepted": 1, "delivered": 1}


def test_a_later_attempt_is_not_settled_by_a_look_that_began_before_it(scene):
    it = scene(GONE, campaign=RESEND)
    with database(it.settings.database_url) as engine:
        with reading(engine) as session:
            [message] = uncertain(session)
        it.change(attempt=2)
        with transaction(engine) as session:
            assert queue_again(session, message, NOW, Campaigns(engine, it.settings).rules(message)) is False

    assert it.states() == {"accepted": 1, "uncertain": 1}


def test_what_a_dead_sender_left_is_settled_too(scene, clock: Clock):
    """Claimed and never answered: its lease is over, then its settle window."""
    it = scene(GONE)
    it.change(state="sending", lease_until=NOW + timedelta(minutes=2), owner="dead")

    it.reconcile(after=timedelta(minutes=3))
    assert it.rows(col(Message.state), col(Message.reason))[-1] == ("uncertain", "lease_expired")
    settled = it.reconcile(after=WINDOW)

    assert settled.unlearnt == {"not_found": 1}


def test_a_text_message_is_recognised_by_what_all_of_its_kind_share(scene):
    """The sample's SMS has no link of its own; its customer is imported anew under another name meanwhile."""
    it = scene(LOST, GONE, campaign=RESEND.replace("send: hello", "send: winback-invitation"), channel="sms")
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        session.execute(update(Customer).values(name="Somebody Renamed"))

    settled = it.reconcile(after=WINDOW)

    assert "Customer" in it.sink.requests()[0].form["Body"]
    assert "https" not in it.sink.requests()[0].form["Body"]
    assert settled.states == {"accepted": 1, "queued": 1}


def test_a_text_message_to_a_number_that_is_not_his_any_more_cannot_be_looked_up(scene):
    it = scene(LOST, campaign=RESEND, channel="sms")
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        session.execute(update(Customer).values(sms_hash="another"))

    settled = it.reconcile(after=WINDOW)

    assert settled.unlearnt == {"twilio: nothing to look for, the address or the text has changed": 1}
    assert it.sink.look_ups() == []


@pytest.mark.parametrize(
    ("provider", "why"),
    [("smtp", "cannot_be_asked"), ("folder", "folder is not the provider any more")],
)
def test_a_provider_that_is_not_used_any_more_is_not_taken_for_the_one_that_is(scene, provider: str, why: str):
    it = scene(LOST, campaign=RESEND)
    it.change(provider=provider)

    assert it.reconcile(after=WINDOW).unlearnt == {why: 1}
    assert it.sink.look_ups() == []


def test_72_hours_after_its_last_chance_it_is_abandoned_and_an_event_still_lifts_it(scene):
    it = scene(GONE)
    it.change(late_after=NOW + timedelta(hours=4))

    it.reconcile(after=timedelta(hours=76) - timedelta(seconds=1))
    before = it.states()
    settled = it.reconcile(after=timedelta(seconds=1))
    [key] = [key for key, state in it.rows(col(Message.key), col(Message.state)) if state == "abandoned"]
    told = Told(provider="sendgrid", id="e1", message_key=key, kind=EventKind.DELIVERED, at=NOW)
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        store(session.connection(), [told], NOW, it.settings.tariff)

    assert before == {"accepted": 1, "uncertain": 1}
    assert settled.states == {"abandoned": 1}
    assert it.states() == {"accepted": 1, "delivered": 1}


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_after_a_backup_those_that_left_are_found_and_the_rest_stay_unknown(scene, clock: Clock, channel: str):
    """The backup knew the second message as queued: it was sent since, the third was not."""
    it = scene(Reply(), Reply(status=429, headers={"Retry-After": "7200"}), channel=channel)
    with database(it.settings.database_url) as engine:
        with transaction(engine) as session:
            second = select(col(Message.id)).where(col(Message.state) == "accepted").order_by(col(Message.id))
            newest = session.execute(second).scalars().all()[-1]
            forgotten = {"state": "queued", "attempt": 0, "owner": None, "provider": None, "sent_at": None}
            session.execute(update(Message).where(col(Message.id) == newest).values(**forgotten))
        hold(engine, NOW + timedelta(hours=1))
    clock.now += timedelta(hours=1)

    settled = it.reconcile(after=WINDOW)

    assert settled.states == {"accepted": 1}
    assert it.states() == {"accepted": 2, "uncertain": 1}


def test_only_the_run_that_was_named_is_settled(scene):
    it = scene(LOST)

    it.clock.now += WINDOW
    other = Patience(clock=it.clock, sleep=it.clock.wait)
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).values(reason="seen"))
    assert reconcile(it.settings, other, RUN).states == {"accepted": 1}


def by_hand(it: Scene, said: Said, keys: list[str] | None = None) -> tuple[Counter[str], list[str]]:
    return settle_by_hand(it.settings, keys or it.unknown_keys(), said, "their log of 2 March", it.clock())


def test_a_person_says_that_it_was_sent(scene):
    it = scene(GONE, GONE)

    states, refused = by_hand(it, Said.SENT)

    assert (states, refused) == ({"accepted": 2}, [])
    assert it.states() == {"accepted": 3}
    assert it.evidence() == [("person", "accepted", "their log of 2 March")] * 2


def test_a_person_says_that_it_was_not_sent_and_it_leaves_once_more(scene):
    it = scene(GONE)

    states, _ = by_hand(it, Said.NOT_SENT)
    it.send()

    assert states == {"queued": 1}
    assert it.copies() == [1, 1]
    assert it.states() == {"accepted": 2}


def test_tries_that_came_back_unsent_leave_a_person_his_resend_but_only_one(scene):
    """The provider is busy twice, so nothing leaves; then twice nobody knows, and a person says it did not."""
    it = scene(BUSY, BUSY, GONE, GONE, people=2)
    for _ in range(2):
        it.clock.now += timedelta(minutes=1)
        it.send()
    assert it.rows(col(Message.state), col(Message.attempt))[-1] == ("uncertain", 3)

    first, _ = by_hand(it, Said.NOT_SENT)
    it.clock.now += timedelta(minutes=30)  # the gate is shut meanwhile
    it.send()
    second, _ = by_hand(it, Said.NOT_SENT)

    assert (first, second) == ({"queued": 1}, {"abandoned": 1})
    assert it.rows(col(Message.attempt), col(Message.resends))[-1] == (4, 1)


@pytest.mark.parametrize("changes", [{"late_after": NOW}, {"resends": 1}])
def test_what_was_not_sent_and_may_not_leave_any_more_is_abandoned(scene, changes: dict[str, object]):
    it = scene(GONE)
    it.change(**changes)

    states, _ = by_hand(it, Said.NOT_SENT)
    it.send()

    assert states == {"abandoned": 1}
    assert it.states() == {"accepted": 1, "abandoned": 1}


def test_what_a_person_gives_up_may_still_turn_out_to_have_arrived(scene):
    it = scene(GONE)
    keys = it.unknown_keys()

    given_up, _ = by_hand(it, Said.ABANDON, keys)
    again = by_hand(it, Said.NOT_SENT, keys)
    sent, _ = by_hand(it, Said.SENT, keys)

    assert given_up == {"abandoned": 1}
    assert again == (Counter(), keys)
    assert sent == {"accepted": 1}


@pytest.mark.parametrize(("said", "state"), [(Said.SENT, "accepted"), (Said.NOT_SENT, "queued")])
def test_keys_that_are_not_uncertain_are_refused_one_by_one(scene, said: Said, state: str):
    """One is delivered, one waits for its hour: neither becomes anything else because somebody says so."""
    it = scene(Reply(status=429, headers={"Retry-After": "60"}), GONE)
    others = [key for key, was in it.rows(col(Message.key), col(Message.state)) if was != "uncertain"]

    states, refused = by_hand(it, said, [*others, "never-heard-of", *it.unknown_keys()])

    assert states == {state: 1}
    assert refused == [*others, "never-heard-of"]
    assert it.states() == Counter(["accepted", "queued", state])


def test_of_two_persons_who_say_opposite_things_the_one_who_says_sent_prevails(scene):
    it = scene(*[GONE] * 6)
    keys, start, told = it.unknown_keys(), Barrier(2), list[Counter[str]]()

    def say(said: Said) -> None:
        start.wait()
        told.append(by_hand(it, said, keys)[0])

    threads = [Thread(target=say, args=(said,)) for said in (Said.SENT, Said.NOT_SENT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert it.states() == {"accepted": 7}  # one had arrived before
    assert sum(told, Counter())["accepted"] == 6  # "not sent" may have come first, and was taken back


def test_what_was_not_sent_is_given_back_to_the_day_and_the_budget(scene):
    """Ten a day at 0.01 each: two claimed, one of them not sent: one message and 0.01 are used."""
    limits = "limits: {per_day: 10, budget: {amount: 5, currency: USD}}\n"
    it = scene(GONE, campaign=EVERYBODY + limits)

    used, keys = tally(it), it.unknown_keys()
    by_hand(it, Said.NOT_SENT)

    assert used == (2, 20_000)
    assert tally(it) == (1, 10_000)
    assert {
        sent_at for state, sent_at in it.rows(col(Message.state), col(Message.sent_at)) if state == "queued"
    } == {None}

    by_hand(it, Said.SENT, keys)  # it was sent after all

    assert tally(it) == used


def tally(it: Scene) -> tuple[int, int]:
    with database(it.settings.database_url) as engine, reading(engine) as session:
        [(sent, cost)] = session.execute(select(col(DayTally.sent), col(DayTally.cost_micros)))
        return sent, cost


def test_a_pinned_campaign_decides_not_the_file_of_today(scene):
    it = scene(GONE, campaign=EVERYBODY)
    write_campaign(it.settings, RESEND)

    it.reconcile(after=WINDOW)

    assert it.states() == {"accepted": 1, "uncertain": 1}


@pytest.fixture(autouse=True)
def _no_lease_is_left(database_url: str) -> Iterator[None]:
    """A scene ends with nothing in ``sending``: the sink has answered or hung up."""
    yield
    with database(database_url) as engine, transaction(engine) as session:
        assert expire_leases(session.connection(), NOW + timedelta(days=30), FREE) == 0


def closed(it: Scene) -> list[tuple[str, str, str]]:
    with database(it.settings.database_url) as engine, reading(engine) as session:
        chosen = select(col(Suppression.channel), col(Suppression.reason), col(Suppression.source))
        return [tuple(row) for row in session.execute(chosen)]


def given_up_by_twilio(it: Scene, code: int | None, status: str = "failed") -> Reply:
    """Twilio's list, where the last text we sent has failed."""
    text = it.sink.requests()[-1].form["Body"]
    dated = format_datetime(it.clock.now)
    one = {"sid": f"SM{9:032x}", "body": text, "status": status, "error_code": code, "date_created": dated}
    return Reply(status=200, body=json.dumps({"messages": [one], "next_page_uri": None}))


@pytest.mark.parametrize(
    ("status", "code", "state", "reason", "suppressed"),
    [
        ("failed", 30005, "bounced", "failed 30005", [("sms", "bounced", "twilio")]),
        ("undelivered", 30003, "bounced", "undelivered 30003", []),
        ("failed", 30007, "bounced", "our_fault failed 30007", []),
        ("failed", 21610, "bounced", "opted_out", [("sms", "unsubscribed", "twilio")]),
        ("canceled", None, "bounced", "our_fault canceled", []),
        ("delivered", None, "delivered", None, []),
        ("sent", None, "accepted", None, []),
    ],
)
def test_what_twilios_list_says_of_a_text_settles_it_as_its_callback_would(
    scene, status: str, code: int | None, state: str, reason: str | None, suppressed: list[tuple[str, str, str]]
):
    it = scene(LOST, channel="sms")
    it.sink.gets.answer_with(given_up_by_twilio(it, code, status))

    settled = it.reconcile(after=WINDOW)

    assert settled.states == {state: 1}
    assert it.rows(col(Message.state), col(Message.reason))[-1] == (state, reason)
    assert it.rows(col(Message.provider_id))[-1] == (f"SM{9:032x}",)
    assert closed(it) == suppressed


def test_after_a_restore_a_text_that_failed_is_no_text_sent(scene):
    """A message the backup did not know to have left, and the day's figures that its bounce must change."""
    it = scene(LOST, channel="sms")
    with database(it.settings.database_url) as engine:
        hold(engine, it.clock.now)
    it.sink.gets.answer_with(given_up_by_twilio(it, 30005))

    it.reconcile(after=WINDOW)

    assert it.states() == {"accepted": 1, "bounced": 1}
    assert closed(it) == [("sms", "bounced", "twilio")]


def listed_by_sendgrid(it: Scene, *events: dict[str, str], status: int = 200) -> list[Reply]:
    """SendGrid's list, where the last e-mail we sent was not delivered, and what it says of that one."""
    to = json.loads(it.sink.requests()[-1].body)["personalizations"][0]["to"][0]["email"]
    one = {"msg_id": "m 1", "to_email": to, "status": "not_delivered"}
    lists = Reply(status=200, body=json.dumps({"messages": [one]}))
    return [lists, Reply(status=status, body=json.dumps(one | {"events": events}))]


@pytest.mark.parametrize(
    ("event", "reason", "suppressed"),
    [
        ({"event_name": "bounced", "bounce_type": "hard"}, "bounce", [("email", "bounced", "sendgrid")]),
        ({"event_name": "bounced", "bounce_type": "soft"}, "blocked", []),
        ({"event_name": "dropped", "reason": "Spam Content"}, "our_fault dropped", []),
        (
            {"event_name": "dropped", "reason": "Unsubscribed Address"},
            "opted_out",
            [("email", "unsubscribed", "sendgrid")],
        ),
        ({"event_name": "deferred"}, "not_delivered", []),
    ],
)
def test_what_sendgrid_did_not_deliver_is_asked_for_its_reason_and_settled_as_by_its_event(
    scene, event: dict[str, str], reason: str, suppressed: list[tuple[str, str, str]]
):
    it = scene(LOST)
    it.sink.gets.answer_with(*listed_by_sendgrid(it, {"event_name": "processed"}, event))

    settled = it.reconcile(after=WINDOW)

    assert settled.states == {"bounced": 1}
    assert it.rows(col(Message.state), col(Message.reason))[-1] == ("bounced", reason)
    assert closed(it) == suppressed
    assert [request.path.partition("?")[0] for request in it.sink.look_ups()] == [
        "/v3/messages",
        "/v3/messages/m%201",
    ]


@pytest.mark.parametrize(
    ("status", "states", "unlearnt"),
    [
        (429, {}, {"sendgrid activity: http_429": 1}),
        (503, {}, {"sendgrid activity: http_503": 1}),
        (404, {"bounced": 1}, {}),
        (403, {"bounced": 1}, {}),
    ],
)
def test_where_sendgrid_does_not_say_why_now_it_is_asked_again_and_where_it_never_will_the_address_stays_open(
    scene, status: int, states: dict[str, int], unlearnt: dict[str, int]
):
    it = scene(LOST)
    it.sink.gets.answer_with(*listed_by_sendgrid(it, status=status))

    settled = it.reconcile(after=WINDOW)

    assert (settled.states, settled.unlearnt) == (states, unlearnt)
    assert closed(it) == []


def test_the_second_question_counts_in_sendgrids_six_a_minute(scene, clock: Clock):
    it = scene(*[LOST] * 3)
    one = {"msg_id": "m-1", "to_email": "", "status": "not_delivered", "events": []}
    with database(it.settings.database_url) as engine, transaction(engine) as session:
        session.execute(update(Customer).values(email_hash="another"))
    it.sink.gets.answer_with(Reply(status=200, body=json.dumps(one | {"messages": [one]})))
    began = clock.now + WINDOW

    it.reconcile(after=WINDOW)

    assert len(it.sink.look_ups()) == 6
    assert clock.now - began >= timedelta(seconds=40)
