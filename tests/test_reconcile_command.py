"""winback reconcile, stop, resume and status --watch as they are typed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col

from app.cli import main
from db.engine import database, reading, transaction
from db.reconciling import Uncertain
from db.settings import Settings
from db.stops import switch_stop
from db.tables import Event, Gate, Message, Occurrence, Quarantine, RunTally, Stop
from flows.lookups import LookUps
from tests.builders import NOON, a_customer, a_message, an_assignment
from tests.telling import an_event, tell
from tests.workspaces import AS_OF, CAMPAIGN, a_quiet_crowd, a_workspace
from winback.delivery.lookup import Found

ROOT = Path(__file__).parent.parent
RUN = f"spring/manual-{AS_OF}"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Settings:
    """Nine messages of a rehearsal, three of them unknown; the files of the first two are in the folder."""
    for name in list(os.environ):
        if name.startswith("WINBACK_") or name == "PREFECT_API_URL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("WINBACK_DATABASE_URL", database_url)
    shop = a_workspace(tmp_path, database_url, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    a_quiet_crowd(shop, 10)
    monkeypatch.chdir(shop.workspace)
    assert main(["run", "spring", "--as-of", str(AS_OF)]) == 0
    assert main(["send"]) == 0
    with database(database_url) as engine, transaction(engine) as session:
        for number in (1, 2, 3):
            session.execute(update(Message).where(col(Message.id) == number).values(**UNKNOWN))
    (shop.outbox_folder / f"{keys(shop)[2]}.eml").unlink()
    return shop


UNKNOWN = {
    "state": "uncertain", "reason": "lease_expired", "provider": None, "lease_until": None,
    "state_at": NOON.replace(year=2020),
}  # fmt: skip


def keys(shop: Settings) -> list[str]:
    with database(shop.database_url) as engine, engine.connect() as connection:
        return list(connection.execute(text("SELECT key FROM message ORDER BY id")).scalars())


def states(shop: Settings) -> Counter[str]:
    with database(shop.database_url) as engine, engine.connect() as connection:
        return Counter(connection.execute(text("SELECT state FROM message")).scalars())


@pytest.fixture
def lately(shop: Settings) -> Settings:
    """The same, unknown since a quarter of an hour."""
    since_lately(shop)
    return shop


def since_lately(shop: Settings, minutes: int = 15) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.state) == "uncertain").values(state_at=at))


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        code = main(words)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_reconcile_asks_settles_and_lists_what_is_left_as_one_json_object(lately: Settings, capsys):
    code, out, _ = say(capsys, "reconcile", "--json")

    found = json.loads(out)
    assert code == 0
    assert (found["settled"], found["not_settled"]) == ({"accepted": 2}, {"not_found": 1})
    [left] = found["uncertain"]
    assert (left["run"], left["key"], left["channel"], left["why"]) == (
        RUN,
        keys(lately)[2],
        "email",
        "lease_expired",
    )
    assert left["evidence"].startswith("not found at ")
    assert states(lately) == {"accepted": 8, "uncertain": 1}


def test_nothing_personal_is_shown_but_a_masked_address(lately: Settings, capsys):
    shown = "".join(say(capsys, "reconcile", *more)[1] for more in ([], ["--json"], [RUN]))

    assert "c***@e***.com" in shown
    assert "@example.com" not in shown
    assert "Customer" not in shown


def test_another_run_is_left_alone_and_a_run_that_is_none_is_wrong_use(lately: Settings, capsys):
    wrong, _, said = say(capsys, "reconcile", "spring/manual-2020-01-01")
    code, out, _ = say(capsys, "reconcile", RUN, "--json")

    assert wrong == 2
    assert RUN in said
    assert (code, json.loads(out)["settled"]) == (0, {"accepted": 2})


def test_a_campaign_in_place_of_a_run_is_told_what_is_missing(lately: Settings, capsys):
    code, _, said = say(capsys, "reconcile", "nosuch")

    assert (code, said) == (2, f"winback: no run nosuch: say CAMPAIGN/OCCURRENCE; there is {RUN}\n")


def test_who_settles_one_by_hand_is_not_shown_the_others(lately: Settings, capsys):
    first, *others = keys(lately)

    _, out, _ = say(capsys, "reconcile", "--key", first, "--sent", "--evidence", "in their log")

    assert not [key for key in others if key in out]
    assert "2 are still uncertain" in out


def test_a_person_settles_by_key_and_by_file(lately: Settings, capsys, tmp_path: Path):
    first, second, third = keys(lately)[:3]
    file = tmp_path / "their-log.csv"
    file.write_text(f"\ufeffname,key\nAnn,{second}\nBob, {third} \nAnn again,{second}\n", encoding="utf-8")

    one = say(capsys, "reconcile", "--key", first, "--sent", "--evidence", "bounced to our own box")
    many = say(capsys, "reconcile", "--file", str(file), "--abandon", "--evidence", "nobody answers there")

    assert (one[0], many[0]) == (0, 0)
    assert states(lately) == {"accepted": 7, "abandoned": 2}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Name;Key\r\nAnn;{0}\r\nBob;{1}\r\n", "utf-8"),
        ("sep=;\nKEY;name\n{0};Ann\n{1};Bob\n", "utf-8"),
        ("name\tkey\nAnn\t{0}\nBob\t{1}\n", "utf-16"),
        ("姓名, Key \n陈静,{0}\n王磊,{1}\n", "gb18030"),
    ],
)
def test_keys_are_read_from_what_a_spreadsheet_writes(
    lately: Settings, capsys, tmp_path: Path, text: str, encoding: str
):
    file = tmp_path / "their-log.csv"
    file.write_bytes(text.format(*keys(lately)).encode(encoding))

    code, _, said = say(
        capsys, "reconcile", "--file", str(file), "--abandon", "--evidence", "nobody answers there"
    )

    assert (code, said) == (0, "")
    assert states(lately) == {"accepted": 6, "abandoned": 2, "uncertain": 1}


def test_a_file_with_a_bad_line_settles_nothing_and_names_the_line(lately: Settings, capsys, tmp_path: Path):
    file = tmp_path / "their-log.csv"
    file.write_text("name,key\nAnn,{}\nBob,{},x\n".format(*keys(lately)))

    code, _, said = say(capsys, "reconcile", "--file", str(file), "--sent", "--evidence", "their log")

    assert code == 2
    assert "their-log.csv:3: 3 columns, the header has 2" in said
    assert states(lately) == {"accepted": 6, "uncertain": 3}


def test_asked_too_early_it_says_from_when_on_it_can_be_asked(shop: Settings, capsys):
    """The folder's settle window is two minutes (winback.delivery.settling); unknown since one."""
    since_lately(shop, minutes=1)
    [since] = {message["since"] for message in json.loads(say(capsys, "reconcile", "--json")[1])["uncertain"]}

    code, out, said = say(capsys, "reconcile")
    found = json.loads(say(capsys, "reconcile", "--json")[1])

    ripe = datetime.fromisoformat(since) + timedelta(minutes=2)
    local = f"{ripe.astimezone(shop.zone):%H:%M:%S} America/New_York"
    assert code == 0
    assert re.search(r"^too_early +3$", out, re.M)
    assert f"too early for 3: the first can be asked about from {local} on" in said
    assert {line["ask_from"] for line in found["uncertain"]} == {ripe.isoformat()}
    assert {line["provider"] for line in found["uncertain"]} == {"folder"}


def test_how_long_asking_takes_is_said_with_its_condition(shop: Settings, capsys):
    """One question every ten seconds; before the first answer nobody knows whether the account may ask."""
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.id).in_([2, 3])).values(state="accepted"))
        session.execute(update(Message).where(col(Message.id) == 1).values(provider="sendgrid"))
    since_lately(shop)

    said = say(capsys, "reconcile")[2]

    assert "asking sendgrid about 1 message: " in said
    assert "about 0:00:10 at its pace, if it lets this account ask" in said


def test_a_provider_that_cannot_be_asked_has_no_instant_for_it(shop: Settings, capsys):
    since_lately(shop, minutes=1)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.id) == 1).values(provider="smtp"))
        session.execute(update(Message).where(col(Message.id) == 2).values(state_at=NOON.replace(year=2020)))

    said = say(capsys, "reconcile")[2]
    found = json.loads(say(capsys, "reconcile", "--json")[1])

    assert "too early for 1: " in said
    assert found["not_settled"] == {"cannot_be_asked": 1, "too_early": 1}
    assert [line["ask_from"] is None for line in found["uncertain"]] == [True, False]


def test_a_key_that_no_message_has_is_named_and_exits_one(lately: Settings, capsys):
    code, _, said = say(capsys, "reconcile", "--key", "zzz", "--not-sent", "--evidence", "a guess")

    assert code == 1
    assert said == "winback: no message has the key 'zzz'\n"


def test_a_key_that_is_not_uncertain_is_named_and_exits_one(lately: Settings, capsys):
    accepted = keys(lately)[5]

    code, _, said = say(capsys, "reconcile", "--key", accepted, "--not-sent", "--evidence", "a guess")

    assert code == 1
    assert f"{accepted} is accepted, not uncertain: it stays so" in said
    assert states(lately) == {"accepted": 6, "uncertain": 3}


@pytest.mark.parametrize(("word", "state"), [("--sent", "accepted"), ("--abandon", "abandoned")])
@pytest.mark.parametrize("held", [None, "quiet_hours"])
def test_a_wrong_not_sent_can_be_taken_back_while_it_has_not_left_again(
    lately: Settings, capsys, word: str, state: str, held: str | None
):
    first = keys(lately)[0]
    assert say(capsys, "reconcile", "--key", first, "--not-sent", "--evidence", "a wrong file")[0] == 0
    assert states(lately)["queued"] == 1
    with database(lately.database_url) as engine, transaction(engine) as session:
        if held:  # a sender looked at it meanwhile, and it has to wait
            session.execute(update(Message).where(col(Message.key) == first).values(reason=held))

    code, _, said = say(capsys, "reconcile", "--key", first, word, "--evidence", "their log after all")

    assert (code, said) == (0, "")
    assert states(lately) == Counter({"accepted": 6, "uncertain": 2}) + Counter([state])


@pytest.mark.parametrize("word", ["--sent", "--abandon"])
def test_what_was_taken_back_does_not_leave_again(lately: Settings, capsys, word: str):
    """Of two that were said not to be sent the one that stands leaves, the other does not."""
    wrong, right = keys(lately)[:2]
    for key in (wrong, right):
        say(capsys, "reconcile", "--key", key, "--not-sent", "--evidence", "a wrong file")
    say(capsys, "reconcile", "--key", wrong, word, "--evidence", "their log after all")
    shutil.rmtree(lately.outbox_folder)  # whatever is sent now is sent a second time

    assert say(capsys, "send", "--until-empty")[0] == 0

    assert [path.stem for path in lately.outbox_folder.iterdir()] == [right]


def test_a_not_sent_that_was_claimed_again_cannot_be_taken_back(lately: Settings, capsys):
    first = keys(lately)[0]
    say(capsys, "reconcile", "--key", first, "--not-sent", "--evidence", "a wrong file")
    with database(lately.database_url) as engine, transaction(engine) as session:
        claimed = {"attempt": 2, "reason": "http_429"}
        session.execute(update(Message).where(col(Message.key) == first).values(**claimed))

    code, _, said = say(capsys, "reconcile", "--key", first, "--sent", "--evidence", "their log after all")

    assert code == 1
    assert f"{first} is queued, not uncertain: it stays so" in said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # words, before any database is asked
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--key", "k", "--sent"], "say how you know"),
        (["--key", "k", "--sent", "--evidence", "  "], "say how you know"),
        (["--key", "k", "--sent", "--evidence", "x" * 301], "up to 300 characters"),
        (["--key", "k", "--sent", "--evidence", "ann@shop.example told me"], "leave addresses out"),
        (["--key", "k", "--sent", "--evidence", "called +44 7700 900123"], "leave addresses out"),
        (["--key", "k"], "say what became of them"),
        (["--sent", "--evidence", "all of them"], "say which messages"),
        (["--evidence", "all of them"], "say which messages"),
        ([RUN, "--key", "k", "--sent", "--evidence", "x"], "not both"),
        (["--key", "k", "--sent", "--not-sent", "--evidence", "x"], "not allowed with"),
        (["--file", "missing.csv", "--sent", "--evidence", "x"], "cannot be read as CSV"),
        (["--file", "winback.toml", "--sent", "--evidence", "x"], "no column 'key'"),
    ],
)
def test_what_does_not_fit_together_changes_nothing(lately: Settings, capsys, words: list[str], said: str):
    code, _, shown = say(capsys, "reconcile", *words)

    assert code == 2
    assert said in shown
    assert states(lately) == {"accepted": 6, "uncertain": 3}


def test_what_a_person_said_is_kept_with_the_message(lately: Settings, capsys):
    say(capsys, "reconcile", "--key", keys(lately)[0], "--not-sent", "--evidence", "line\r\nbroken \u202e text")

    with database(lately.database_url) as engine, transaction(engine) as session:
        [event] = session.execute(select(Event)).scalars().all()
        assert (event.provider, event.kind, event.reason) == ("person", "not_sent", "line broken text")


def test_one_run_is_stopped_and_resumed_with_the_reason_it_was_stopped_for(lately: Settings, capsys):
    stopped = say(capsys, "stop", RUN)
    with database(lately.database_url) as engine, transaction(engine) as session:
        switch_stop(session, "spring", on=True, now=NOON, reason="0.31 % complaints")
    status = json.loads(say(capsys, "status", "--json")[1])
    shown = say(capsys, "status")[1]
    resumed = [say(capsys, "resume", what)[1] for what in (RUN, "spring")]

    assert stopped[:2] == (0, f"stopped: {RUN}\n")
    assert status["stopped"] == [
        {"scope": "spring", "reason": "0.31 % complaints"},
        {"scope": RUN, "reason": None},
    ]
    assert "0.31 % complaints" in shown
    assert resumed == [f"resumed: {RUN}\n", "resumed: spring (it was stopped: 0.31 % complaints)\n"]
    assert json.loads(say(capsys, "status", "--json")[1])["stopped"] == []


def test_resume_says_what_is_still_stopped_and_what_lets_it_go_on(lately: Settings, capsys):
    for words in (["stop"], ["stop", RUN]):
        say(capsys, *words)
    with database(lately.database_url) as engine, transaction(engine) as session:
        switch_stop(session, "spring", on=True, now=NOON, reason="0.31 % complaints")

    of_the_run = say(capsys, "resume", RUN)
    of_everything = say(capsys, "resume")
    sent = say(capsys, "send")[2]

    campaign = "stopped: spring (0.31 % complaints); 'winback resume spring'\n"
    assert of_the_run == (
        0,
        f"resumed: {RUN}\n",
        f"still stopped: everything (by hand); 'winback resume'\nstill {campaign}",
    )
    assert of_everything == (0, "resumed: everything\n", f"still {campaign}")
    assert campaign in sent


def test_what_was_not_stopped_and_what_was_stopped_before_is_said(lately: Settings, capsys):
    never = say(capsys, "resume", "spring")
    first, again = say(capsys, "stop", "spring"), say(capsys, "stop", "spring")

    assert never == (0, "was not stopped: spring\n", "")
    assert (first[1], again[1]) == ("stopped: spring\n", "it was stopped before: spring (by hand)\n")


def test_a_stop_by_hand_says_so_in_the_status(lately: Settings, capsys):
    say(capsys, "stop")

    shown = say(capsys, "status")[1]

    assert re.search(r"^everything +by hand$", shown, re.M)


@pytest.mark.parametrize("what", ["sprnig", "spring/manual-1999-01-01", "*"])
def test_what_is_neither_a_campaign_nor_a_run_cannot_be_stopped(lately: Settings, capsys, what: str):
    code, _, said = say(capsys, "stop", what)

    assert code == 2
    assert "no " in said


def test_a_run_that_was_resumed_by_the_command_is_judged_by_what_comes_then(lately: Settings, capsys):
    """Three complaints of 1,000 stopped it; a fourth is 0.4 %, but three of them a person has seen."""
    complaint = an_event("complained", key=keys(lately)[5])
    with database(lately.database_url) as engine:
        with transaction(engine) as session:
            session.add(RunTally(occurrence_id=1, delivered=1_000, complained=3))
            session.add(Stop(scope=RUN, reason="3 of 1,000 delivered messages were reported as spam", at=NOON))

        code, out, _ = say(capsys, "resume", RUN)
        tell(engine, complaint)

        with reading(engine) as session:
            found = session.get_one(RunTally, 1)
            assert (found.complained, found.seen_complained, found.seen_delivered) == (4, 3, 1_000)
            assert session.execute(select(col(Stop.scope))).scalars().all() == []
    assert code == 0
    assert f"resumed: {RUN} (it was stopped: 3 of 1,000" in out


def test_a_campaign_whose_file_is_gone_can_still_be_stopped(lately: Settings, capsys):
    (lately.campaigns / "spring.yaml").unlink()

    assert say(capsys, "stop", "spring")[0] == 0


def test_status_counts_what_sql_counts_and_says_when_what_waits_is_done(lately: Settings, capsys):
    """Six left to send at two a second: three seconds."""
    with database(lately.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.state) == "accepted").values(state="queued"))
        session.add(Gate(provider="sendgrid", waits=3, shut_until=NOON, reason="http_503"))
    toml = lately.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace("[sender]", "[pace]\nemail_per_second = 2\n\n[sender]"))

    status = json.loads(say(capsys, "status", "--json")[1])
    shown = say(capsys, "status")[1]

    assert Counter(status["messages"]) == states(lately) == {"queued": 6, "uncertain": 3}
    assert status["runs"][0]["messages"] == status["messages"]
    assert status["unknown"] == 3
    assert status["waiting"] == {"email": {"messages": 6, "eta_seconds": 3}}
    assert status["shut"] == [
        {"provider": "sendgrid", "until": "2026-03-02T12:00:00+00:00", "tried": 3, "reason": "http_503"}
    ]
    assert "0:00:03" in shown
    assert "winback reconcile" in shown


def test_status_says_what_share_a_provider_refuses_and_why(lately: Settings, capsys):
    assert json.loads(say(capsys, "status", "--json")[1])["refused"] == []
    with database(lately.database_url) as engine, transaction(engine) as session:
        run = session.execute(select(Occurrence)).scalar_one()
        for n in range(100, 125):
            session.add(a_customer(n))
            session.flush()
            session.add(member := an_assignment(run, n))
            session.flush()
            session.add(
                a_message(member, n, state="rejected", reason="smtp_550:5.1.1", state_at=datetime.now(UTC))
            )

    [refused] = json.loads(say(capsys, "status", "--json")[1])["refused"]

    reason = "smtp_550:5.1.1"
    assert refused == {"run": RUN, "messages": 25, "of": 31, "reason": reason, "times": 25}
    said = "25 of 31 messages were refused by the provider (80.6%), 25 of them: the mailbox does not exist"
    assert f"{RUN}: {said} ({reason})" in say(capsys, "status")[1]


def test_status_counts_what_was_set_aside_by_its_reason_the_latest_first(lately: Settings, capsys):
    assert json.loads(say(capsys, "status", "--json")[1])["set_aside"] == []
    assert "set aside" not in say(capsys, "status")[1]
    with database(lately.database_url) as engine, transaction(engine) as session:
        for digest, position, reason in (("a", 3, "no_event_id"), ("a", 4, "stale"), ("b", 0, "no_event_id")):
            at = NOON + timedelta(minutes=position)
            session.add(Quarantine(digest=digest, position=position, reason=reason, at=at))

    assert json.loads(say(capsys, "status", "--json")[1])["set_aside"] == [
        {"reason": "stale", "times": 1, "last_at": "2026-03-02T12:04:00+00:00"},
        {"reason": "no_event_id", "times": 2, "last_at": "2026-03-02T12:03:00+00:00"},
    ]
    assert re.search(r"^no_event_id +2 +2026-03-02T12:03:00", say(capsys, "status")[1], re.M)


def test_status_and_report_count_the_same_messages(lately: Settings, capsys, tmp_path: Path):
    say(capsys, "reconcile", "--key", keys(lately)[0], "--abandon", "--evidence", "x")
    status = json.loads(say(capsys, "status", "--json")[1])
    say(capsys, "measure", RUN)
    file = tmp_path / "r.json"
    assert say(capsys, "report", RUN, "--out", str(file), "--format", "json")[0] == 0

    arms = json.loads(file.read_text())["arms"]
    reported: Counter[str] = sum((Counter(arm["messages"]) for arm in arms), Counter())
    assert reported == Counter(status["messages"]) == states(lately)
    assert reported["abandoned"] == 1


@pytest.fixture
def orphans(shop: Settings) -> tuple[Settings, str]:
    """Three messages whose sender was killed a moment ago, and the second until which they are its."""
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=100)
    claimed = {"state": "sending", "owner": "dead", "reason": None, "lease_until": until}
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.state) == "uncertain").values(**claimed))
    by = f"{until.astimezone(shop.zone):%H:%M:%S} America/New_York"
    return shop, f"3 are claimed by a sender; what it has not reported by {by} becomes uncertain"


def test_after_a_kill_every_command_says_who_holds_what_and_until_when(
    orphans: tuple[Settings, str], capsys: pytest.CaptureFixture[str]
):
    _, line = orphans

    shown = {" ".join(words): "".join(say(capsys, *words)[1:]) for words in (
        ["status"], ["send"], ["reconcile"], ["reconcile", RUN],
    )}  # fmt: skip
    found = json.loads(say(capsys, "status", "--json")[1])["claimed"]

    assert {name: text.count(line) for name, text in shown.items()} == dict.fromkeys(shown, 1)
    assert "nothing is uncertain" in shown["reconcile"]
    assert found["messages"] == 3
    assert datetime.fromisoformat(found["until"]).astimezone(ZoneInfo("America/New_York")).strftime("%X") in line


def test_where_no_sender_holds_anything_nobody_speaks_of_it(lately: Settings, capsys):
    shown = "".join("".join(say(capsys, word)[1:]) for word in ("status", "send", "reconcile"))

    assert "claimed" not in shown
    assert json.loads(say(capsys, "status", "--json")[1])["claimed"] is None


def test_watch_and_json_do_not_go_together(lately: Settings, capsys):
    code, _, said = say(capsys, "status", "--watch", "--json")

    assert code == 2
    assert "--watch" in said


@pytest.mark.slow
def test_status_watch_goes_on_until_it_is_interrupted_and_then_exits_zero(lately: Settings):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "app.cli", "--workspace", str(lately.workspace), "status", "--watch"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    seen, deadline = 0, time.monotonic() + 60
    while seen < 2 and time.monotonic() < deadline:
        seen += process.stdout.readline().startswith("setting")
    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 0
    process.stdout.close()
    assert seen == 2


def test_whoever_breaks_it_off_sees_what_was_settled_by_then(
    lately: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """SIGINT while the first of three is asked about: its answer counts, the others are not asked about."""
    ask = LookUps.ask

    def and_break_off(look_ups: LookUps, message: Uncertain, now: datetime) -> Found:
        signal.raise_signal(signal.SIGINT)
        return ask(look_ups, message, now)

    monkeypatch.setattr(LookUps, "ask", and_break_off)
    capsys.readouterr()

    assert main(["reconcile", "--json"]) == 130
    said = json.loads(capsys.readouterr().out)

    assert said["settled"] == {"accepted": 1}
    assert said["not_settled"] == {"out_of_time": 2}
    assert states(lately)["uncertain"] == 2
