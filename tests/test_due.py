"""Slots of schedules: each carried out once, whoever looks, on both databases and over both clock changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from db.engine import database, reading
from db.settings import Settings
from db.tables import Alert, Assignment, Message, Occurrence
from flows.campaign_run import Order, carry_out
from flows.due import Looked, look_for_due
from flows.sending import send_due
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, load, write_campaign
from winback.errors import WrongUse

pytestmark = pytest.mark.slow

NINE = "schedule: {cron: '0 9 * * *', timezone: America/New_York}\n"
EVE = NOW - timedelta(hours=20)  # 13:00 in New York the day before NOW, which is 09:00
SLOT = "spring/2026-03-01T09:00"


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    """Twenty customers, two of whom ordered lately, and a campaign at nine every morning."""
    settings = a_workspace(tmp_path, database_url, CAMPAIGN + NINE)
    a_quiet_crowd(settings, 20)
    return settings


class Recorder:
    """Carries out nothing and remembers what it was asked for; fails with ``errors`` first."""

    def __init__(self, *errors: Exception) -> None:
        self.orders: list[Order] = []
        self._errors = list(errors)

    def __call__(self, order: Order, settings: Settings, now: datetime) -> None:
        self.orders.append(order)
        if self._errors:
            raise self._errors.pop(0)


def rows(shop: Settings, *columns: object) -> list[tuple[object, ...]]:
    with database(shop.database_url) as engine, reading(engine) as session:
        return [tuple(row) for row in session.execute(select(*columns))]


def stages(shop: Settings) -> dict[object, object]:
    return dict(rows(shop, Occurrence.slot, Occurrence.stage))


def at_once(lookers: int, look: Callable[[], Looked]) -> list[Looked]:
    with ThreadPoolExecutor(lookers) as pool:
        return [future.result() for future in [pool.submit(look) for _ in range(lookers)]]


def test_the_first_look_runs_nothing_from_the_past(shop: Settings):
    looked = look_for_due(shop, NOW + timedelta(minutes=1))

    assert looked == Looked()
    assert stages(shop) == {}


def test_a_slot_due_after_the_first_look_runs(shop: Settings):
    look_for_due(shop, EVE)

    looked = look_for_due(shop, NOW)
    send_due(shop, lambda: NOW)

    assert looked == Looked(ran=(SLOT,))
    assert stages(shop) == {"2026-03-01T09:00": "released"}
    arms = [arm for (arm,) in rows(shop, Assignment.arm)]
    assert len(arms) == 18
    assert rows(shop, Message.state) == [("accepted",)] * arms.count("message")


def test_looking_before_the_slot_or_again_after_it_does_nothing(shop: Settings):
    look_for_due(shop, EVE)

    before = look_for_due(shop, NOW - timedelta(seconds=1))
    look_for_due(shop, NOW)
    after = [look_for_due(shop, NOW + timedelta(minutes=minutes)) for minutes in (0, 1, 300)]

    assert [before, *after] == [Looked()] * 4
    assert len(rows(shop, Occurrence.id)) == 1


def test_two_lookers_at_once_write_to_everyone_once(shop: Settings):
    look_for_due(shop, EVE)

    def work() -> Looked:
        looked = look_for_due(shop, NOW)
        send_due(shop, lambda: NOW, until_empty=True)
        return looked

    looks = at_once(2, work)

    assert {run for looked in looks for run in looked.ran} == {SLOT}
    assert [alarm for looked in looks for alarm in looked.alarms] == []
    assert stages(shop) == {"2026-03-01T09:00": "released"}
    assert len(rows(shop, Assignment.id)) == 18
    messages = rows(shop, Message.customer_no, Message.state, Message.attempt)
    assert len({no for no, _, _ in messages}) == len(messages) > 0
    assert {(state, attempt) for _, state, attempt in messages} == {("accepted", 1)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("midnight", "slots"),
    [
        pytest.param(
            datetime(2026, 3, 8, 5, tzinfo=UTC),  # 02:00 EST becomes 03:00 EDT at 07:00 UTC
            {"01:30": "06:30", "02:30": "07:00"},
            id="the spring gap",
        ),
        pytest.param(
            datetime(2026, 11, 1, 4, tzinfo=UTC),  # 02:00 EDT becomes 01:00 EST at 06:00 UTC
            {"01:30": "05:30", "02:30": "07:30"},
            id="the repeated hour",
        ),
    ],
)
def test_eight_lookers_over_a_clock_change_run_each_slot_once(
    shop: Settings, midnight: datetime, slots: dict[str, str]
):
    """``slots``: wall clock in New York -> UTC at which it is due, by the tz database's transitions of 2026."""
    write_campaign(shop, CAMPAIGN + "schedule: {cron: '30 1,2 * * *', timezone: America/New_York}\n")
    look_for_due(shop, midnight)

    for minutes in range(30, 230, 30):  # every slot is due at one of them
        now = midnight + timedelta(minutes=minutes)
        looks = at_once(8, lambda now=now: look_for_due(shop, now))
        wrong = [alarm for looked in looks for alarm in looked.alarms if alarm.kind != "stale"]
        assert ([looked.missed for looked in looks], wrong) == ([()] * 8, [])

    found = rows(shop, Occurrence.slot, Occurrence.stage, col(Occurrence.released_at))
    day = midnight.date()
    assert sorted((slot, stage, at.isoformat()) for slot, stage, at in found) == [
        (f"{day}T{wall}", "released", f"{day}T{utc}:00+00:00") for wall, utc in slots.items()
    ]


@pytest.mark.parametrize(("days", "kinds"), [(2, []), (3, ["stale"])])
def test_a_run_whose_orders_end_more_than_a_week_before_its_day_is_told_to_staff(
    shop: Settings, days: int, kinds: list[str]
):
    """The orders end on 23 February; the slots of 3 and 4 March are as of 2 and 3 March: 7 and 8 days later."""
    look_for_due(shop, EVE + timedelta(days=days))

    looked = look_for_due(shop, NOW + timedelta(days=days))

    assert looked.ran == (f"spring/2026-03-0{1 + days}T09:00",)
    assert [alarm.kind for alarm in looked.alarms] == kinds
    assert all("reach 2026-02-23 only, 8 days before 2026-03-03" in alarm.text for alarm in looked.alarms)


@pytest.mark.parametrize(("minutes", "stage"), [(240, "released"), (241, "missed")])
def test_a_slot_later_than_its_limit_is_missed_and_staff_hears_of_it(shop: Settings, minutes: int, stage: str):
    look_for_due(shop, EVE)

    looked = look_for_due(shop, NOW + timedelta(minutes=minutes))
    again = look_for_due(shop, NOW + timedelta(minutes=minutes))

    assert stages(shop) == {"2026-03-01T09:00": stage}
    assert looked.missed == ((SLOT,) if stage == "missed" else ())
    assert [(alarm.kind, alarm.run) for alarm in looked.alarms] == [("missed", run) for run in looked.missed]
    assert rows(shop, Alert.kind, Alert.run) == [("missed", run) for run in looked.missed]
    assert bool(rows(shop, Message.id)) is (stage == "released")
    assert again == Looked()


def test_of_two_lookers_at_once_one_notes_the_missed_slot(shop: Settings):
    look_for_due(shop, EVE)

    looks = at_once(2, lambda: look_for_due(shop, NOW + timedelta(hours=5)))

    assert sorted(looked.missed for looked in looks) == [(), (SLOT,)]


def test_a_faulty_campaign_raises_an_alarm_and_stops_no_other(shop: Settings):
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: another\nagian_after: 90d"), name="another")
    look_for_due(shop, EVE)

    looked = look_for_due(shop, NOW)

    assert looked.ran == (SLOT,)
    [alarm] = looked.alarms
    assert (alarm.kind, alarm.run) == ("invalid", "another/2026-03-01")
    assert "another.yaml:2: agian_after: is not a field" in alarm.text
    assert "did you mean 'again_after'?" in alarm.text


def test_a_template_that_is_no_text_raises_an_alarm_and_not_an_error(shop: Settings):
    (shop.templates / "hello" / "subject.txt").write_bytes(b"\xff\xfe")

    [alarm] = look_for_due(shop, NOW).alarms

    assert alarm.kind == "invalid"
    assert "subject.txt:1: is not UTF-8" in alarm.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (WrongUse("the facts are not there"), "the facts are not there"),
        (ValueError("ann@example.com is odd"), "ValueError"),
    ],
)
def test_a_failing_run_raises_an_alarm_and_is_tried_again_at_the_next_look(
    shop: Settings, caplog: pytest.LogCaptureFixture, error: Exception, text: str
):
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: summer") + NINE, name="summer")
    look_for_due(shop, EVE)
    failing_once = Recorder(error)

    looked = look_for_due(shop, NOW, failing_once)
    again = look_for_due(shop, NOW + timedelta(minutes=5))

    assert [(alarm.kind, alarm.run, alarm.text) for alarm in looked.alarms] == [("failed", SLOT, text)]
    assert looked.ran == ("summer/2026-03-01T09:00",)
    assert SLOT in again.ran
    assert "ann@example.com" not in caplog.text


def breaking_at(stage: str) -> Callable[[Order, Settings, datetime], object]:
    """Carries a run out up to the stage called ``stage``, which fails."""

    def breaking(function: Callable[..., object]) -> Callable[..., object]:
        if function.__name__ == stage:
            raise OSError("the disk is full")
        return function

    return lambda order, settings, now: carry_out(order, settings, now, breaking)


@pytest.mark.parametrize("campaign", [CAMPAIGN + NINE, CAMPAIGN], ids=["as it was", "without its schedule"])
def test_a_run_that_broke_off_is_resumed_with_what_it_had_chosen(shop: Settings, campaign: str):
    look_for_due(shop, EVE)
    look_for_due(shop, NOW, breaking_at("plan_messages"))
    [(digest,)] = rows(shop, Occurrence.audience_digest)
    write_campaign(shop, campaign)

    looked = look_for_due(shop, NOW + timedelta(hours=1))

    assert looked.ran == (SLOT,)
    assert rows(shop, Occurrence.stage, Occurrence.audience_digest) == [("released", digest)]


@pytest.mark.parametrize("stage", ["score_customers", "plan_messages"])
def test_a_run_not_released_in_time_is_missed_and_the_next_one_has_its_people(shop: Settings, stage: str):
    look_for_due(shop, EVE)
    look_for_due(shop, NOW, breaking_at(stage))
    late, next_day = NOW + timedelta(hours=5), NOW + timedelta(days=1)

    looks = [look_for_due(shop, at) for at in (late, late, next_day)]

    assert [looked.missed for looked in looks] == [(SLOT,), (), ()]
    assert stages(shop) == {"2026-03-01T09:00": "missed", "2026-03-02T09:00": "released"}
    assert len(rows(shop, Assignment.id)) == 18


@pytest.mark.parametrize(
    ("cron", "zone", "now", "as_of"),
    [
        ("0 9 * * *", "America/New_York", NOW, date(2026, 2, 28)),
        ("0 0 * * *", "America/New_York", datetime(2026, 3, 1, 5, tzinfo=UTC), date(2026, 2, 28)),
        ("59 23 * * *", "America/New_York", datetime(2026, 3, 1, 4, 59, tzinfo=UTC), date(2026, 2, 27)),
        # 09:00 of 2 March in Shanghai is 20:00 of 1 March in the shop's New York
        ("0 9 * * *", "Asia/Shanghai", datetime(2026, 3, 2, 1, tzinfo=UTC), date(2026, 2, 28)),
    ],
)
def test_the_facts_of_a_slot_end_with_the_last_whole_day_of_the_workspace_before_it(
    shop: Settings, cron: str, zone: str, now: datetime, as_of: date
):
    write_campaign(shop, CAMPAIGN + f"schedule: {{cron: '{cron}', timezone: {zone}}}\n")
    look_for_due(shop, now - timedelta(minutes=1))
    recorder = Recorder()

    look_for_due(shop, now + timedelta(hours=3), recorder)

    assert [(order.as_of, order.late_after) for order in recorder.orders] == [(as_of, now + timedelta(hours=4))]


def test_an_order_of_the_slots_own_day_is_not_seen_by_its_run(shop: Settings):
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n00001,today,2026-03-01T08:00,99.00\n")
    look_for_due(shop, EVE)

    look_for_due(shop, NOW)

    assert rows(shop, Occurrence.as_of) == [(AS_OF,)]
    seen = dict(rows(shop, Assignment.person, Assignment.last_order_on))
    assert seen["00001"] == AS_OF - timedelta(days=101)


def test_a_changed_schedule_makes_no_earlier_slot_due(shop: Settings):
    look_for_due(shop, EVE - timedelta(days=10))
    write_campaign(shop, CAMPAIGN + NINE.replace("0 9", "0 8"))

    looks = [look_for_due(shop, at) for at in (NOW, NOW + timedelta(days=1))]

    assert looks == [Looked(), Looked(ran=("spring/2026-03-02T08:00",))]


def test_a_campaign_that_is_let_go_on_makes_up_for_nothing(shop: Settings):
    look_for_due(shop, EVE - timedelta(days=10))
    ended = NINE.replace("}", ", ends: 2026-02-27}")
    write_campaign(shop, CAMPAIGN + ended)
    over = look_for_due(shop, NOW)
    write_campaign(shop, CAMPAIGN + ended.replace("02-27", "12-31"))

    looks = [look_for_due(shop, at) for at in (NOW, NOW + timedelta(days=1))]

    assert over == Looked()
    assert looks == [Looked(), Looked(ran=("spring/2026-03-02T09:00",))]


def test_a_campaign_that_gets_a_schedule_after_a_run_by_hand_starts_with_the_next_slot(shop: Settings):
    write_campaign(shop, CAMPAIGN)
    order = Order(campaign_id="spring", slot="manual-2026-02-01", as_of=date(2026, 2, 1))
    carry_out(order, shop, EVE - timedelta(days=10))
    write_campaign(shop, CAMPAIGN + NINE)

    assert look_for_due(shop, NOW) == Looked()


def test_a_schedule_that_comes_back_runs_its_next_slot(shop: Settings):
    look_for_due(shop, NOW - timedelta(days=20))
    write_campaign(shop, CAMPAIGN + NINE.replace("0 9", "0 8"))
    look_for_due(shop, EVE)
    write_campaign(shop, CAMPAIGN + NINE)

    assert look_for_due(shop, NOW) == Looked(ran=(SLOT,))


def test_a_changed_template_loses_no_slot(shop: Settings):
    look_for_due(shop, EVE)
    template = shop.templates / "hello" / "subject.txt"
    template.write_text(template.read_text(encoding="utf-8") + "!", encoding="utf-8")

    assert look_for_due(shop, NOW) == Looked(ran=(SLOT,))


def test_a_campaign_without_a_schedule_is_never_due(shop: Settings):
    write_campaign(shop, CAMPAIGN)

    looks = [look_for_due(shop, at) for at in (EVE, NOW, NOW + timedelta(days=30))]

    assert looks == [Looked()] * 3
