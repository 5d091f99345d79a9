"""A replay on history: run, messages, reading and report in one go, and no trace of it in what counts.

The crowd of 60 last ordered on AS_OF - (100 + n) days; customers 10, 20, ... order again on AS_OF - 5, the last
day of the data. As of AS_OF - 65 customer n has been quiet for 35 + n days, so 25 to 60 are in (36 people), and of
them 30, 40, 50 and 60 order on the last day of the 60 days after.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.cli import main
from db.engine import database, reading, transaction
from db.occurrences import find_run
from db.outbox import written_to_in
from db.settings import Pace, Settings
from db.stops import switch_stop
from db.tables import Assignment, Customer, DayTally, Occurrence, Preference
from flows.campaign_run import Order, carry_out, manual, replay
from flows.choosing import dry_run
from flows.due import look_for_due
from flows.measuring import measure_run
from flows.replaying import Replayed, replay_campaign
from flows.sending import send_due
from tests.fault.scene import live
from tests.sink import Sink
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, load, write_campaign
from winback.errors import WrongUse

pytestmark = pytest.mark.slow
DAY = AS_OF - timedelta(days=65)


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    made = a_workspace(tmp_path, database_url)
    a_quiet_crowd(made, 60)
    return made


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """The same on SQLite alone."""
    made = a_workspace(tmp_path)
    a_quiet_crowd(made, 60)
    return made


def play(shop: Settings, as_of=DAY) -> Replayed:
    return replay_campaign(shop, "spring", as_of, lambda: NOW)


def broken_off(shop: Settings, before: str) -> None:
    """A replay whose process died before a stage."""

    class Dead(Exception):
        pass

    def stage(function: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object) -> object:
            if function.__name__ == before:
                raise Dead
            return function(*arguments)

        return run

    with pytest.raises(Dead):
        carry_out(replay("spring", DAY), shop, NOW, stage)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.*")) if folder.exists() else []


def test_a_replay_runs_writes_measures_and_reports_in_one_go(shop: Settings):
    played = play(shop)

    arms, primary = played.summary.arms, played.outcome.primary
    assert (played.summary.run, played.summary.reasons) == (f"spring/replay-{DAY}", {"not_at_risk": 24})
    assert sum(arms.values()) == 36
    assert played.summary.messages == {"accepted": arms["message"]}
    assert (primary.n + primary.control_n, primary.x + primary.control_x) == (36, 32)
    assert played.outcome.placebo
    assert played.outcome.window.complete
    assert [path.name for path in played.reports] == ["report.en.html", "report.zh.html"]
    assert "Placebo" in played.reports[0].read_text(encoding="utf-8")


def test_its_messages_lie_in_a_folder_of_their_own(small: Settings):
    played = play(small)

    assert played.messages == small.state / "replays" / "spring" / str(DAY)
    assert len(files(played.messages)) == played.summary.arms["message"]
    assert not small.outbox_folder.exists()
    message = message_from_bytes((played.messages / files(played.messages)[0]).read_bytes())
    assert message["To"].endswith("@example.com>")


def test_without_a_day_it_plays_the_latest_whose_window_is_surely_whole(small: Settings):
    """Orders reach AS_OF - 5, a day that may still grow; the window of AS_OF - 66 ends the day before."""
    assert play(small, None).outcome.as_of == AS_OF - timedelta(days=66)


def test_blank_days_put_the_latest_day_off(small: Settings):
    write_campaign(small, CAMPAIGN.replace("window: 60d", "window: 60d, blank_out: 14d"))

    played = play(small, None)

    assert (
        played.summary.run == f"spring/replay-{DAY - timedelta(days=15)}"
    )  # the last day of orders may not be whole
    assert played.outcome.window.last_on == DAY + timedelta(days=59)
    with pytest.raises(WrongUse, match="the 74 days after"):
        play(small, DAY - timedelta(days=13))


def test_a_declared_last_day_is_whole(small: Settings):
    main(["--workspace", str(small.workspace), "import", "orders", str(small.workspace / "orders.csv"),
          "--complete-through", str(AS_OF)])  # fmt: skip

    assert play(small, None).outcome.as_of == AS_OF - timedelta(days=60)


def test_the_same_day_again_says_so_and_writes_nothing_more(shop: Settings):
    first = play(shop)
    written = files(first.messages)

    again = play(shop)

    assert (first.again, again.again, again.outdated) == (False, True, False)
    assert again.summary == first.summary
    assert files(again.messages) == written


def test_a_campaign_changed_since_is_told_for_the_day_stays_as_it_was_played(small: Settings):
    first = play(small)
    write_campaign(small, CAMPAIGN.replace("holdout: 50%", "holdout: 20%"))

    again = play(small)

    assert again.outdated
    assert again.summary == first.summary


def test_whatever_providers_are_named_nothing_leaves(small: Settings, tmp_path: Path):
    (tmp_path / "sink").mkdir()
    with Sink(tmp_path / "sink") as sink:
        played = play(live(small, sink.url))
        send_due(live(small, sink.url), lambda: NOW, until_empty=True)

    assert sink.requests() == []
    assert played.summary.messages == {"accepted": played.summary.arms["message"]}


def test_neither_rehearsals_nor_real_runs_see_who_entered_a_replay_nor_the_other_way_round(shop: Settings):
    real = live(shop, "https://127.0.0.1:1")
    untouched = [dry_run(manual("spring", AS_OF), each).arms for each in (shop, real)]
    first = play(shop)

    assert [dry_run(manual("spring", AS_OF), each).arms for each in (shop, real)] == untouched
    carry_out(manual("spring", AS_OF), shop, NOW)
    another = play(shop, DAY - timedelta(days=1))
    assert "already_entered" not in first.summary.reasons | another.summary.reasons


def test_a_replay_that_died_stands_in_no_runs_way_and_nobody_else_finishes_it(shop: Settings):
    broken_off(shop, "enrol_members")

    ran = carry_out(manual("spring", AS_OF), shop, NOW)
    looked = look_for_due(shop, NOW)

    assert ran.messages == {"queued": ran.arms["message"]}
    assert looked.ran == ()
    assert play(shop).summary.messages == {"accepted": play(shop).summary.arms["message"]}


def test_an_unfinished_run_stands_in_no_replays_way(shop: Settings):
    class Dead(Exception):
        pass

    def stage(function: Callable[..., object]) -> Callable[..., object]:
        if function.__name__ == "plan_messages":
            raise Dead
        return function

    with pytest.raises(Dead):
        carry_out(manual("spring", AS_OF), shop, NOW, stage)

    assert play(shop).summary.messages


def test_send_leaves_a_replays_messages_alone(shop: Settings):
    carry_out(replay("spring", DAY), shop, NOW)

    tally = send_due(shop, lambda: NOW, until_empty=True)

    assert not any(tally.states.values())
    assert not shop.outbox_folder.exists()
    assert set(play(shop).summary.messages) == {"accepted"}


def test_while_everything_is_stopped_it_says_that_messages_are_not_written(small: Settings):
    with database(small.database_url) as engine, transaction(engine) as session:
        switch_stop(session, "*", on=True, now=NOW, reason="holidays")

    with pytest.raises(WrongUse, match=r"\d+ messages of spring/replay-.* are not written yet.*winback status"):
        play(small)

    with database(small.database_url) as engine, transaction(engine) as session:
        switch_stop(session, "*", on=False, now=NOW)
    resumed = play(small)
    assert set(resumed.summary.messages) == {"accepted"}
    assert not resumed.again


def test_todays_limits_say_nothing_of_the_past(small: Settings):
    """Quiet all day, one message a day and per person, one in ten seconds: a rehearsal would write none."""
    limits = "limits: {per_person: 1 in 30d, quiet_hours: '00:00-23:59', per_day: 1}\n"
    write_campaign(small, CAMPAIGN + limits)
    slow = replace(small, file=small.file.model_copy(update={"pace": Pace(email_per_second=0.1)}))

    played = play(slow)

    assert played.summary.messages == {"accepted": played.summary.arms["message"]}


def test_who_asked_for_fewer_messages_is_played_although_a_rehearsal_wrote_lately(small: Settings):
    write_campaign(small, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    carry_out(manual("spring", AS_OF), small, NOW)
    send_due(small, lambda: NOW)
    with database(small.database_url) as engine, transaction(engine) as session:
        for hashed in session.execute(select(col(Customer.email_hash))).scalars():
            session.add(Preference(address_hash=hashed, less_often=True, at=NOW))

    assert play(small).summary.messages == {"accepted": 36}


def test_messages_of_a_replay_use_up_nobodys_cap(shop: Settings):
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%") + "limits: {per_person: 1 in 30d}\n")
    play(shop)
    rehearsed = carry_out(manual("spring", AS_OF), shop, NOW)

    tally = send_due(shop, lambda: NOW)

    assert tally.states["accepted"] == rehearsed.arms["message"] > 36


def test_the_days_tally_is_that_of_other_runs(small: Settings):
    write_campaign(small, CAMPAIGN.replace("holdout: 50%", "holdout: 0%") + "limits: {per_day: 5}\n")
    carry_out(manual("spring", AS_OF), small, NOW)
    send_due(small, lambda: NOW)
    play(small)

    with database(small.database_url) as engine, reading(engine) as session:
        assert session.execute(select(col(DayTally.sent))).all() == [(5,)]


def test_a_hold_out_is_not_touched_by_replays_nor_a_real_one_by_rehearsals(shop: Settings):
    """Everybody is written to in a replay and in a rehearsal; then half of them are held out for real."""
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    play(shop)
    carry_out(Order(campaign_id="spring", slot="2026-02-28T09:00", as_of=AS_OF), shop, NOW)
    send_due(shop, lambda: NOW)
    write_campaign(shop, CAMPAIGN)

    real = carry_out(manual("spring", AS_OF), live(shop, "https://127.0.0.1:1"), NOW)

    assert real.arms["holdout"] > 0
    with database(shop.database_url) as engine, reading(engine) as session:
        assert written_to_in(session, find_run(session, real.run).id or 0, "holdout") == []


def test_a_replays_own_hold_out_is_watched(shop: Settings):
    played = play(shop)
    with database(shop.database_url) as engine, transaction(engine) as session:
        run = find_run(session, played.summary.run).id or 0
        for entry in session.execute(select(Assignment).where(col(Assignment.occurrence_id) == run)).scalars():
            entry.arm = "holdout"

    with database(shop.database_url) as engine, reading(engine) as session:
        assert len(written_to_in(session, run, "holdout")) == played.summary.arms["message"]


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (DAY + timedelta(days=1), "60 days after 2025-12-26 are not all in the orders yet"),
        (AS_OF - timedelta(days=200), "there was no order by 2025-08-12"),
    ],
)
def test_a_day_that_cannot_be_played_is_refused_with_those_that_can(small: Settings, day, said: str):
    with pytest.raises(WrongUse) as refusal:
        play(small, day)

    assert said in str(refusal.value)
    assert "(allowed for a replay: 2025-09-21 to 2025-12-25)" in str(refusal.value)
    with database(small.database_url) as engine, reading(engine) as session:
        assert session.execute(select(Occurrence)).first() is None


def test_orders_shorter_than_the_window_are_told(tmp_path: Path):
    shop = a_workspace(tmp_path)
    with pytest.raises(WrongUse, match="no orders yet"):
        play(shop, None)
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n1,a,2026-01-01,1\n1,b,2026-02-01,1\n")

    with pytest.raises(
        WrongUse, match="from 2026-01-01 to 2026-02-01: too short for a replay with a window that ends 60 days"
    ):
        play(shop, None)


def test_measuring_a_replay_by_its_name_gives_the_reading_of_its_report(small: Settings):
    played = play(small, AS_OF - timedelta(days=66))

    assert measure_run(small, played.summary.run, NOW) == played.outcome


def test_the_command_says_where_the_report_lies(small: Settings, capsys: pytest.CaptureFixture[str]):
    place = ["--workspace", str(small.workspace)]

    code = main([*place, "run", "spring", "--replay", "--as-of", str(DAY)])
    shown = capsys.readouterr()
    main([*place, "run", "spring", "--replay", "--as-of", str(DAY), "--json"])
    found = json.loads(capsys.readouterr().out)
    main([*place, "campaigns", "--json"])
    [listed] = json.loads(capsys.readouterr().out)["campaigns"]

    assert code == 0
    assert f"report (English)  {small.state}/reports/spring/replay-{DAY}/report.en.html" in shown.out
    assert "played before" not in shown.err
    assert {"run", "digest", "arms", "reasons", "messages"} < set(found)
    assert found["again"] is True
    assert listed["last_run"] is None
    with pytest.raises(SystemExit):
        main([*place, "run", "spring", "--replay", "--flow"])
