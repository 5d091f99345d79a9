"""Alarms of early-warning signals: raised once, cleared once, whatever wavers between the thresholds."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlmodel import col

from db.engine import database, open_engine, reading, transaction
from db.settings import Settings, read_settings
from db.signal_states import keep, standings
from db.tables import Alert
from flows.signalling import check_signals
from tests.test_alerting import Webhook, telling
from tests.test_cli import as_json, ask
from tests.workspaces import load
from winback.errors import FileProblem
from winback.signals.alarms import Change, Standing, judge, sentence
from winback.signals.early_warning import EarlyWarnings, Reading
from winback.signals.registry import SIGNALS
from winback.signals.settings import Thresholds

COMPLAINT = next(each for each in SIGNALS if each.name == "complaint")
DAY = date(2026, 3, 1)
THRESHOLDS = Thresholds(on="40%", off="20%")
TOML = '\n[signals]\nwindow_days = 10\n[signals.alarms]\ncomplaint = {on = "40%", off = "20%"}\n'


def a_reading(count: int | None, hit_rate: float | None = None, base_rate: float | None = None) -> Reading:
    return Reading(
        signal=COMPLAINT, count=count, flagged=None, hits=None, hit_rate=hit_rate, hit_low=None, hit_high=None,
        looked_at=None, base_rate=base_rate, lift=None, reason=None,
    )  # fmt: skip


def a_day(as_of: date = DAY, active: int = 10, *, complete: bool = True) -> EarlyWarnings:
    return EarlyWarnings(
        as_of=as_of, window_days=10, data_through=as_of, complete=complete, active=active, active_before=0,
        gone=None, base_rate=None, readings=(),
    )  # fmt: skip


def judged_day_by_day(*counts: int | None) -> list[Change | None]:
    """What each day changed, of ten active customers; None also where a day says nothing."""
    stands: Standing | None = None
    changes: list[Change | None] = []
    for number, count in enumerate(counts):
        found = judge(stands, a_day(DAY + timedelta(days=number)), a_reading(count), THRESHOLDS)
        stands = found.standing if found else stands
        changes.append(found.change if found else None)
    return changes


def test_a_share_that_wavers_around_a_threshold_is_an_alarm_once():
    """On from 4 of 10, off at 2: five days around 4, then down and up again around 2."""
    changes = judged_day_by_day(3, 4, 3, 4, 3, 2, 3, 2, 3)

    assert changes == [None, Change.RAISED, None, None, None, Change.CLEARED, None, None, None]


def test_an_alarm_that_is_over_can_be_raised_again():
    assert judged_day_by_day(4, 2, 4) == [Change.RAISED, Change.CLEARED, Change.RAISED]


def test_a_day_without_a_reading_leaves_the_alarm_as_it_was():
    assert judged_day_by_day(4, None, 2) == [Change.RAISED, None, Change.CLEARED]


@pytest.mark.parametrize(
    "day", [a_day(), a_day(DAY - timedelta(days=1)), a_day(DAY + timedelta(days=1), complete=False),
            a_day(DAY + timedelta(days=1), active=0)],
)  # fmt: skip
def test_a_day_judged_before_or_one_the_orders_do_not_reach_is_not_judged(day: EarlyWarnings):
    stands = Standing(signal="complaint", checked_on=DAY, share=0.1, raised_on=None)

    assert judge(stands, day, a_reading(9), THRESHOLDS) is None


def test_staff_is_told_the_share_and_how_often_the_signal_was_right():
    told = sentence(Change.RAISED, a_day(), a_reading(4, hit_rate=0.386, base_rate=0.309), THRESHOLDS)
    over = sentence(Change.CLEARED, a_day(), a_reading(2), THRESHOLDS)

    assert told == (
        "Complained: 4 of 10 active customers, 40.0% or more; of those who showed it 10 days ago 39% left, "
        "of all 31%"
    )
    assert over == "Complained: 2 of 10 active customers, at most 20.0% again: the alarm is over"


def test_of_two_that_judge_at_once_one_keeps_its_judgement(database_url: str):
    first = Standing(signal="complaint", checked_on=DAY, share=0.5, raised_on=DAY)
    second = replace(first, checked_on=DAY + timedelta(days=1))
    with database(database_url) as engine, transaction(engine) as session:
        kept = [keep(session, None, first), keep(session, None, first)]
        kept += [keep(session, first, second), keep(session, first, second)]

        assert kept == [True, False, True, False]
        assert standings(session) == {"complaint": second}


def watched(shop: Settings, text: str = TOML) -> Settings:
    """The workspace with thresholds: five customers bought on Feb 8, through Feb 24."""
    file = shop.workspace / "winback.toml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
    rows = [f"{name},{name}{day},2026-{day},10.00" for name in "abcde" for day in ("02-08", "02-16", "02-24")]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    return read_settings({}, shop.workspace)


def complain(shop: Settings, *names: str, day: str) -> None:
    load(shop, "activity", "customer_id,at,kind\n" + "".join(f"{name},{day},complaint\n" for name in names))


def noon(day: str) -> datetime:
    """Noon of the day after: the last whole day is ``day``."""
    return datetime.fromisoformat(day).replace(hour=17, tzinfo=UTC) + timedelta(days=1)


def alerts(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        return [(row.kind, row.run) for row in session.execute(select(Alert).order_by(col(Alert.id))).scalars()]


def test_a_raised_alarm_is_posted_to_staff_once_and_once_more_when_it_is_over(shop: Settings):
    """Feb 8: two of five complained, 40 %. Feb 17: still in the window. Feb 18: it is over."""
    settings = watched(shop)
    complain(settings, "a", "b", day="2026-02-08")

    with Webhook().listening() as webhook:
        reached = telling(settings, webhook)
        days = ["2026-02-08", "2026-02-08", "2026-02-09", "2026-02-17", "2026-02-18", "2026-02-18", "2026-02-19"]
        judged = [check_signals(reached, noon(day)).as_of for day in days]

    assert [str(day) if day else None for day in judged] == [
        "2026-02-08", None, "2026-02-09", "2026-02-17", "2026-02-18", None, "2026-02-19",
    ]  # fmt: skip
    assert [(post["kind"], post["run"]) for post in webhook.posts] == [
        ("signal", "complaint/2026-02-08"),
        ("signal_over", "complaint/2026-02-18"),
    ]
    assert "2 of 5 active customers" in webhook.posts[0]["text"]


def test_the_last_day_that_the_orders_reach_is_judged_and_no_later_one(shop: Settings):
    settings = watched(shop)
    complain(settings, "a", "b", day="2026-02-24")

    checked = check_signals(settings, noon("2026-03-20"))

    assert checked.as_of == date(2026, 2, 24)
    assert [each.raised_on for each in checked.standings] == [date(2026, 2, 24)]


def test_a_signal_whose_thresholds_are_taken_away_is_forgotten_without_a_word(shop: Settings):
    settings = watched(shop)
    complain(settings, "a", "b", day="2026-02-08")
    check_signals(settings, noon("2026-02-08"))
    bare = settings.file.model_copy(update={"signals": type(settings.file.signals)()})

    checked = check_signals(replace(settings, file=bare), noon("2026-02-09"))

    assert checked.standings == ()
    engine = open_engine(settings.database_url)
    assert alerts(engine) == [("signal", "complaint/2026-02-08")]
    engine.dispose()


def test_a_workspace_without_orders_or_thresholds_has_nothing_to_judge(shop: Settings):
    assert check_signals(shop, noon("2026-02-08")).as_of is None


def test_the_command_shows_the_alarms_and_changes_none(shop: Settings, capsys: pytest.CaptureFixture[str]):
    settings = watched(shop)
    complain(settings, "a", "b", day="2026-02-08")
    check_signals(settings, noon("2026-02-08"))

    said = as_json(capsys, "signals", "--as-of", "2026-02-24", "--window", "10d")
    code, out, _ = ask(capsys, "signals", "--as-of", "2026-02-24", "--window", "10d")

    alarms = {each["signal"]: each["alarm"] for each in said["signals"]}
    assert alarms["complaint"] == {
        "on": 0.4, "off": 0.2, "checked_on": "2026-02-08", "share": 0.4, "raised_on": "2026-02-08",
    }  # fmt: skip
    assert alarms["value_falls"] is None
    assert code == 0
    assert ["Complained", "40.0%", "20.0%", "40.0%", "2026-02-08", "2026-02-08"] in [
        line.split() for line in out.splitlines()
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('complaint = {on = "20%", off = "20%"}', "signals.alarms.complaint: off must be below on"),
        ('complaint = {on = "20%"}', "signals.alarms.complaint.off: is missing"),
        ('complaint = {on = 20, off = 0.1}', "did you mean 20%?"),
        ('complaints = {on = "20%", off = "10%"}', "signals.alarms.complaints: is no signal"),
        ('complaints = {on = "20%", off = "10%"}', "did you mean 'complaint'?"),
    ],
)  # fmt: skip
def test_thresholds_that_cannot_work_are_refused_at_their_line(shop: Settings, line: str, said: str):
    with pytest.raises(FileProblem) as problem:
        watched(shop, f"[signals.alarms]\n{line}\n")

    assert said in str(problem.value)
