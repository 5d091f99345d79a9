"""The command line as a person and a script use it: results, exit codes, and never a traceback for a mistake."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update
from sqlmodel import col

from app.cli import main
from db.engine import database, reading, transaction
from db.outbox import counts
from db.settings import Settings
from db.tables import DayTally, Gate, Message, Occurrence
from tests.workspaces import AS_OF, CAMPAIGN, a_quiet_crowd, load, write_campaign
from winback.campaigns.schedule import due_slots

ROOT = Path(__file__).parent.parent


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error of one command."""
    try:
        code = main(words)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    found = capsys.readouterr()
    return code, found.out, found.err


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    code, out, _ = ask(capsys, *words, "--json")
    assert code in {0, 1}
    return json.loads(out)


def test_run_send_and_status_print_the_contracts_object(shop: Settings, capsys):
    a_quiet_crowd(shop, 30)
    run = as_json(capsys, "run", "spring", "--as-of", str(AS_OF))
    sent = as_json(capsys, "send", "--until-empty")
    status = as_json(capsys, "status")

    assert set(run) == {"run", "digest", "arms", "reasons", "messages"}
    assert run["run"] == f"spring/manual-{AS_OF}"
    assert run["messages"] == {"queued": run["arms"]["message"]}
    for later in (sent, status):
        assert {name: later[name] for name in ("run", "digest", "arms", "reasons")} == {
            name: run[name] for name in ("run", "digest", "arms", "reasons")
        }
        assert later["messages"] == {"accepted": run["arms"]["message"]}


def test_import_prints_the_contracts_object(shop: Settings, capsys, tmp_path: Path):
    file = tmp_path / "o.csv"
    file.write_text("Kunde,order_id,ordered_at,amount\n007,a,2026-01-05,10.00\n,b,2026-01-05,1\n")

    code, out, _ = ask(capsys, "import", "orders", str(file), "--map", "customer_id=Kunde", "--json")

    found = json.loads(out)
    assert code == 0
    assert list(found) == [
        "kind", "file", "sha256", "read", "good", "bad", "new", "changed", "unchanged", "rejects_file",
        "data_through",
    ]  # fmt: skip
    assert (found["read"], found["good"], found["bad"], found["data_through"]) == (2, 1, 1, "2026-01-05")


def test_churn_prints_the_contracts_object_and_an_incomplete_window_is_exit_one(shop: Settings, capsys):
    a_quiet_crowd(shop, 40)
    day = AS_OF - timedelta(days=100)

    complete = as_json(capsys, "churn", "--as-of", str(day), "--window", "90d", "--by", "locale")
    code, out, _ = ask(capsys, "churn", "--as-of", str(AS_OF), "--window", "90", "--json")

    assert list(complete)[:10] == [
        "definition", "as_of", "window_days", "data_through", "complete", "active", "lost", "rate", "rate_low",
        "rate_high",
    ]  # fmt: skip
    assert sum(part["active"] for part in complete["by"]) == complete["active"]
    assert {part["value"] for part in complete["by"]} == {"en", "zh-CN"}
    assert code == 1
    assert json.loads(out)["complete"] is False
    assert json.loads(out)["rate"] is None


def test_score_writes_the_contracts_columns(shop: Settings, capsys, tmp_path: Path):
    import polars as pl

    a_quiet_crowd(shop, 40)

    said = as_json(capsys, "score", "--as-of", str(AS_OF), "--horizon", "60", "--out", str(tmp_path / "s.parquet"))

    assert list(said) == [
        "rows",
        "as_of",
        "horizon_days",
        "model",
        "weights",
        "fallback_reason",
        "digest",
        "out",
        "notes",
    ]
    frame = pl.read_parquet(tmp_path / "s.parquet")
    assert frame.columns == [
        "customer_id", "risk", "expected_value", "value_rank", "past_value", "past_rank", "model", "reasons",
    ]  # fmt: skip
    assert frame.height == said["rows"] == 40
    assert said["model"] == "R+F quintiles"  # fewer than 100 repeaters, and it says so
    assert "fewer than 100" in said["fallback_reason"]


def test_measure_and_report_of_a_finished_run(shop: Settings, capsys, tmp_path: Path):
    a_quiet_crowd(shop, 60)
    day = AS_OF - timedelta(days=60)
    write_campaign(shop, CAMPAIGN.replace("inactive: 60d", "inactive: 30d"))
    run = as_json(capsys, "run", "spring", "--as-of", str(day))["run"]

    code, out, _ = ask(capsys, "measure", run, "--json")
    for language in ("en", "zh"):
        page = tmp_path / f"{language}.html"
        assert ask(capsys, "report", run, "--out", str(page), "--lang", language)[0] == 0
        assert "<svg" in page.read_text(encoding="utf-8")
    document = tmp_path / "r.json"
    assert ask(capsys, "report", run, "--out", str(document), "--format", "json")[0] == 0
    table, charts = tmp_path / "r.csv", tmp_path / "charts"
    assert ask(capsys, "report", run, "--out", str(table), "--format", "csv", "--lang", "zh")[0] == 0
    pictures = ask(capsys, "report", run, "--out", str(charts), "--format", "png", "--lang", "zh")[1].split()

    assert code == 1  # the data end 5 days before the window does
    assert json.loads(out)["window"]["complete"] is False
    assert json.loads(document.read_text())["run"] == run
    assert f"report,{run}," in table.read_text(encoding="utf-8-sig")
    assert sorted(pictures) == sorted(str(path) for path in charts.iterdir())
    assert {charts / "before_after.png", charts / "audience.png"} <= set(charts.iterdir())


def test_lift_reads_any_randomised_file(shop: Settings, capsys, tmp_path: Path):
    """288/1600 against 92/400: Newcombe -0.0972749, -0.0067551 (R Epi::ci.pd)."""
    rows = ["t,1"] * 288 + ["t,0"] * 1312 + ["h,1"] * 92 + ["h,0"] * 308
    (tmp_path / "x.csv").write_text("arm,churned\n" + "\n".join(rows) + "\n")

    found = as_json(
        capsys, "lift", str(tmp_path / "x.csv"), "--arm", "arm", "--control", "h", "--rate", "churned",
        "--lower-is-better", "churned", "--planned", "t=0.8", "h=1/5",
    )  # fmt: skip

    [rate] = found["rates"]
    assert (round(rate["low"], 7), round(rate["high"], 7)) == (-0.0972749, -0.0067551)
    assert rate["verdict"] == "better"
    assert found["srm"]["p"] == 1


def test_check_prints_every_fault_and_exits_one_other_commands_two(shop: Settings, capsys):
    write_campaign(shop, CAMPAIGN.replace("holdout", "holduot") + "offers: {}\n")

    code, out, _ = ask(capsys, "check")

    assert code == 1
    assert re.search(r"spring\.yaml:6: holduot: .*did you mean 'holdout'\?", out)
    assert re.search(r"spring\.yaml:9: offers: comes with a later version", out)
    assert ask(capsys, "run", "spring")[0] == 2


def test_check_of_a_good_workspace_exits_zero(shop: Settings, capsys):
    assert ask(capsys, "check")[:2] == (0, "1 campaign: no faults\n")


@pytest.mark.parametrize(("share", "warned"), [("0%", True), ("0.0", True), ("1%", False)])
def test_check_warns_of_a_campaign_that_holds_nobody_out(shop: Settings, capsys, share: str, warned: bool):
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", f"holdout: {share}"))

    code, out, said = ask(capsys, "check")

    assert (code, out) == (0, "1 campaign: no faults\n")
    assert ("spring.yaml: holdout: 0%: with nobody held out no effect can be measured" in said) is warned


@pytest.mark.parametrize(("days", "warned"), [("1 * mon", True), ("* * mon", False), ("1 * *", False)])
def test_check_warns_of_a_day_and_a_weekday_of_which_either_is_enough(shop: Settings, capsys, days: str, warned):
    """2026-06-01 is a Monday; so are the 8th, 15th and so on, on which cron runs as well."""
    write_campaign(shop, CAMPAIGN + f"schedule: {{cron: 0 9 {days}, timezone: UTC}}\n")

    code, _, said = ask(capsys, "check")

    words = "schedule.cron: runs on day 1 of the month and on every mon, not only where they fall together"
    assert (code, words in said) == (0, warned)
    span = {"after": datetime(2026, 6, 1, tzinfo=UTC), "now": datetime(2026, 6, 9, tzinfo=UTC)}
    assert len(due_slots(f"0 9 {days}", ZoneInfo("UTC"), **span)) == (1 if days == "1 * *" else 2)


@pytest.mark.parametrize(
    ("hour", "channel", "limit", "warned"),
    [(4, "sms", "4h", True), (5, "sms", "4h", False), (4, "sms", "5h", False), (4, "email", "4h", False)],
)
def test_check_warns_of_a_slot_whose_texts_wait_until_they_are_too_late(
    shop: Settings, capsys, hour: int, channel: str, limit: str, warned: bool
):
    """No text before 8:00 (47 CFR 64.1200(c)(1)): one of 4:00 that may be four hours late has no time left."""
    timed = f'schedule: {{cron: "0 {hour} * * *", timezone: America/New_York, late_limit: {limit}}}\n'
    write_campaign(shop, CAMPAIGN.replace("hello}", f"hello, channels: [{channel}]}}") + timed)

    _, _, said = ask(capsys, "check")

    words = "text messages of 04:00 wait until 08:00 (quiet hours), and are too late from 08:00 on"
    assert (words in said) is warned


def test_check_tells_of_a_file_that_only_looks_like_a_campaign(shop: Settings, capsys):
    (shop.campaigns / "spring.yaml").rename(shop.campaigns / "spring.yml")

    code, out, _ = ask(capsys, "check")

    assert (code, out) == (1, f"{shop.campaigns / 'spring.yml'}: is not read: a campaign's file ends in .yaml\n")


@pytest.mark.parametrize("command", [["preview", "spring", "--as-of", str(AS_OF)], ["run", "spring"]])
def test_a_campaign_whose_file_has_the_other_ending_is_told_of_where_it_is_asked_for(
    shop: Settings, capsys, command: list[str]
):
    file = (shop.campaigns / "spring.yaml").rename(shop.campaigns / "spring.yml")

    code, _, said = ask(capsys, *command)

    assert (code, said) == (2, f"winback: {file} is not read: a campaign's file ends in .yaml\n")


def test_check_of_one_file_with_the_other_ending_says_that_nothing_reads_it(shop: Settings, capsys):
    file = (shop.campaigns / "spring.yaml").rename(shop.campaigns / "spring.yml")

    code, out, _ = ask(capsys, "check", str(file))

    assert (code, out) == (1, f"{file}: is not read: a campaign's file ends in .yaml\n")


@pytest.mark.parametrize(("most", "warned"), [("0.1", True), ("10%", True), ("0.1%", False), ("9.9%", False)])
def test_check_warns_of_a_guardrail_that_lacks_its_percent_sign(shop: Settings, capsys, most: str, warned: bool):
    text = CAMPAIGN.replace("success: {", f"success: {{guardrails: {{complained: {most}}}, ")
    write_campaign(shop, text)

    code, _, said = ask(capsys, "check")

    words = "success.guardrails.complained: 10% of all messages is hardly a limit: did you mean 0.1%?"
    assert (code, words in said) == (0, warned)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("holdout: 50%", "holdout: 0.5%", "holdout: 0.5% is hardly meant: did you mean 50%?"),
        ("inactive: 60d", "value: {top: 0.002}", "audience.value.top: 0.2% is hardly meant: did you mean 20%?"),
        (
            "inactive: 60d",
            "risk: {at_least: 0.6%}",
            "audience.risk.at_least: 0.6% is hardly meant: did you mean 60%?",
        ),
        (
            "churn: {within: 60d}",
            "churn: {definition: model, within: 60d, threshold: 0.6%}",
            "churn.threshold: 0.6% is hardly meant: did you mean 60%?",
        ),
        ("holdout: 50%", "holdout: 1%", ""),
    ],
)
def test_check_warns_of_a_percentage_of_a_share(shop: Settings, capsys, old: str, new: str, said: str):
    write_campaign(shop, CAMPAIGN.replace(old, new))

    code, _, err = ask(capsys, "check")

    assert code == 0
    assert said in err if said else "hardly meant" not in err


@pytest.mark.parametrize(
    ("risk", "warned"), [("1", True), ("100%", True), ("0.99", False), ("1%", False), ("60%", False)]
)
def test_check_warns_of_a_risk_that_must_be_certain(shop: Settings, capsys, risk: str, warned: bool):
    model = f"churn: {{definition: model, within: 60d, threshold: {risk}}}"
    text = CAMPAIGN.replace("churn: {within: 60d}", model).replace("inactive: 60d", f"risk: {{at_least: {risk}}}")
    write_campaign(shop, text)

    code, _, said = ask(capsys, "check")

    words = "100%: hardly anybody is so sure to be lost: write 1% for one percent, else a share such as 60%"
    assert code == 0
    assert [f"{field}: {words}" in said for field in ("churn.threshold", "audience.risk.at_least")] == [warned] * 2


def test_check_warns_of_variants_that_send_the_same(shop: Settings, capsys):
    three = "{name: a}, {name: b, template: winback-invitation}, {name: c, template: hello}"
    write_campaign(shop, CAMPAIGN + f"variants: [{three}]\n")

    code, out, said = ask(capsys, "check")

    assert (code, out) == (0, "1 campaign: no faults\n")
    assert "spring.yaml: variants: a and c send the same template, hello: they can't differ" in said
    assert "winback-invitation" not in said


@pytest.mark.parametrize(("share", "warned"), [("99.9%", True), ("50%", False)])
def test_check_warns_of_a_campaign_that_holds_out_more_than_a_half(
    shop: Settings, capsys, share: str, warned: bool
):
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", f"holdout: {share}"))

    code, _, said = ask(capsys, "check")

    assert code == 0
    assert (f"spring.yaml: holdout: {share}: beyond 50% holding out more shows less" in said) is warned


def test_a_threshold_without_a_model_exits_two_and_names_the_field(shop: Settings, capsys):
    write_campaign(shop, CAMPAIGN.replace("within: 60d", "within: 60d, threshold: 60%"))

    code, _, said = ask(capsys, "run", "spring")

    assert code == 2
    assert "churn: threshold is a risk of the model" in said


def test_check_finds_faults_of_the_templates_too(shop: Settings, capsys):
    template = shop.templates / "hello" / "subject.txt"
    template.write_text("{{ customer.nmae }}", encoding="utf-8")

    code, out, _ = ask(capsys, "check")

    assert code == 1
    assert "hello/subject.txt:1" in out
    assert "name" in out


def test_the_stop_switch_from_the_command_line(shop: Settings, capsys):
    a_quiet_crowd(shop, 20)
    as_json(capsys, "run", "spring", "--as-of", str(AS_OF))
    ask(capsys, "stop")
    assert as_json(capsys, "send", "--until-empty")["now"] == {}
    ask(capsys, "resume")

    assert as_json(capsys, "send", "--until-empty")["now"]


def test_a_suppressed_address_is_left_out_with_its_reason(shop: Settings, capsys):
    a_quiet_crowd(shop, 20)
    assert ask(capsys, "suppress", "C1@Example.com")[0] == 0

    run = as_json(capsys, "run", "spring", "--as-of", str(AS_OF))
    lines = as_json(capsys, "explain", "00001")["runs"]

    assert run["reasons"]["suppressed"] == 1
    assert lines[0]["reason"] == "suppressed"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["chek"], 2, "did you mean 'check'"),
        (["run", "sprnig"], 2, "did you mean 'spring'"),
        (["run", "spring", "--as-of", "31/12/2025"], 2, "not a day like"),
        (["churn", "--as-of", "2026-01-01", "--window", "0"], 2, "1 to 3650"),
        (["churn", "--as-of", "2026-01-01", "--window", "9", "--definition", "contract"], 2, "no subscriptions"),
        (["churn", "--as-of", "2026-01-01", "--window", "9", "--by", "contry"], 2, "did you mean 'country'"),
        (["import", "ordres", "x.csv"], 2, "did you mean 'orders'"),
        (["import", "line", "x.csv"], 2, "did you mean 'lines'"),
        (["import", "orders", "missing.csv"], 2, "no such file"),
        (["measure", "spring/nothing"], 2, "no run spring/nothing"),
        (["explain", "nobody"], 2, "no customer 'nobody'"),
        (["suppress", "not an address"], 2, "neither an e-mail address"),
        (["suppress", "用户@例子.公司"], 2, "a character beyond ASCII before the @"),
        (["suppress", "user@例子 .公司"], 2, "neither an e-mail address"),
        (["stop", "sprnig"], 2, "no campaign"),
        (["check", "missing.yaml"], 1, ""),
    ],
)
def test_a_persons_mistake_gets_a_sentence_and_an_exit_code(
    shop: Settings, capsys, words: list[str], code: int, said: str
):
    found, out, err = ask(capsys, *words)

    assert found == code
    assert said in out + err
    assert "Traceback" not in out + err


def test_a_folder_without_a_workspace_is_exit_three(tmp_path: Path, capsys):
    code, _, err = ask(capsys, "--workspace", str(tmp_path), "status")

    assert code == 3
    assert "winback init" in err


def test_a_database_of_newer_code_is_exit_three(shop: Settings, capsys):
    ask(capsys, "status")
    with sqlite3.connect(shop.workspace / ".winback" / "winback.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    code, _, err = ask(capsys, "status")

    assert code == 3
    assert "upgrade winback" in err


def test_a_database_that_cannot_be_reached_is_exit_three(shop: Settings, capsys, monkeypatch):
    monkeypatch.setenv("WINBACK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    code, _, err = ask(capsys, "run", "spring")

    assert code == 3
    assert "cannot be used" in err


def test_a_locked_database_is_exit_three(shop: Settings, capsys, monkeypatch):
    a_quiet_crowd(shop, 10)
    monkeypatch.setattr("db.engine.LOCK_WAIT_SECONDS", 0.2)
    other = sqlite3.connect(shop.workspace / ".winback" / "winback.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    code, _, err = ask(capsys, "run", "spring", "--as-of", str(AS_OF))
    other.close()

    assert code == 3
    assert "locked" in err


def test_a_setting_nobody_knows_is_refused_by_name(shop: Settings, capsys):
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text() + '\n[provider]\nemail = "sendgrid"\n')

    code, _, err = ask(capsys, "status")

    assert code == 2
    assert "did you mean 'providers'" in err


def test_live_sending_needs_the_switch_and_the_keys(shop: Settings, capsys):
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace('email = "folder"', 'email = "sendgrid"'))
    assert "live = true" in ask(capsys, "send")[2]
    toml.write_text(toml.read_text().replace("live = false", "live = true"))

    code, _, err = ask(capsys, "send")

    assert code == 2
    assert "WINBACK_SENDGRID_KEY" in err


@pytest.fixture
def half_live(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """E-mail by SendGrid, where nothing listens; text messages to the folder."""
    toml = shop.workspace / "winback.toml"
    text = toml.read_text().replace('email = "folder"', 'email = "sendgrid"')
    toml.write_text(text.replace("live = false", "live = true"))
    monkeypatch.setenv("WINBACK_SENDGRID_KEY", "SG.test")
    monkeypatch.setenv("WINBACK_SENDGRID_URL", "http://127.0.0.1:1")
    return shop


def test_a_channel_that_stays_in_the_folder_beside_a_live_one_is_warned_of(half_live: Settings, capsys):
    a_quiet_crowd(half_live, 1)
    west = datetime.now(UTC).hour - 12  # of where it is noon: nobody is written to at night
    noon = f"Etc/GMT{west:+}" if west else "Etc/GMT"
    row = f"00001,+15005550001,{noon},yes,no"
    load(half_live, "customers", f"customer_id,phone,timezone,sms_consent,email_consent\n{row}\n")
    write_campaign(half_live, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    commands = (["check"], ["run", "spring"], ["send"])

    answers = [ask(capsys, *words) for words in commands]

    assert [code for code, _, _ in answers] == [0, 0, 0]
    for _, out, err in answers:
        assert f"text messages stay in {half_live.outbox_folder}: nobody gets them" in err
        assert "nobody gets them" not in out
    assert "nobody gets them" not in ask(capsys, "send")[2]  # where nothing was sent it was said before


def test_a_channel_that_no_campaign_uses_may_stay_in_the_folder(half_live: Settings, capsys):
    write_campaign(half_live, CAMPAIGN.replace("hello}", "hello, channels: [email]}"))

    said = "".join(ask(capsys, word)[2] for word in ("check", "send"))

    assert "nobody gets them" not in said


def test_where_all_is_a_rehearsal_nobody_is_warned(shop: Settings, capsys):
    assert "nobody gets them" not in ask(capsys, "check")[2] + ask(capsys, "send")[2]


def test_a_key_file_that_others_can_read_is_refused(shop: Settings, capsys, tmp_path: Path, monkeypatch):
    key = tmp_path / "key"
    key.write_text("SG.secret")
    key.chmod(0o644)
    monkeypatch.setenv("WINBACK_SENDGRID_KEY_FILE", str(key))

    code, out, err = ask(capsys, "status")

    assert code == 2
    assert "chmod 600" in err
    assert "SG.secret" not in out + err


def test_a_key_file_that_is_not_there_is_exit_three(shop: Settings, capsys, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("WINBACK_SENDGRID_KEY_FILE", str(tmp_path / "nothing"))

    code, _, err = ask(capsys, "status")

    assert code == 3
    assert "WINBACK_SENDGRID_KEY_FILE" in err


def test_only_the_owner_can_look_into_the_state(shop: Settings, capsys):
    ask(capsys, "status")

    assert (shop.workspace / ".winback").stat().st_mode & 0o777 == 0o700


def test_init_makes_a_workspace_that_checks_and_refuses_to_overwrite_one(tmp_path: Path, capsys):
    folder = tmp_path / "new"
    assert ask(capsys, "init", str(folder))[0] == 0
    assert ask(capsys, "--workspace", str(folder), "check")[0] == 0

    code, _, err = ask(capsys, "init", str(folder))

    assert code == 2
    assert "already" in err


def test_two_workspaces_never_share_a_salt(tmp_path: Path, capsys):
    salts = set()
    for name in ("a", "b"):
        ask(capsys, "init", str(tmp_path / name))
        salts.add(re.search(r'salt = "(\w+)"', (tmp_path / name / "winback.toml").read_text())[1])

    assert len(salts) == 2


@pytest.mark.parametrize(
    ("command", "heavy"),
    [
        ("--help", "prefect pydantic sqlalchemy"),
        ("check", "prefect sqlalchemy polars"),
        ("status", "prefect"),
        ("churn --as-of 2026-01-01 --window 30", "prefect"),
        ("send", "prefect polars scipy numpy duckdb sendgrid twilio"),
    ],
)
def test_a_command_imports_nothing_heavy_that_it_does_not_need(shop: Settings, command: str, heavy: str):
    code = (
        "import sys; from app.cli import main\n"
        "try:\n    main(sys.argv[2:])\nexcept SystemExit:\n    pass\n"
        "print('imported:', *set(sys.argv[1].split()) & sys.modules.keys(), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, heavy, "--workspace", str(shop.workspace), *command.split()],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )

    assert done.stderr.splitlines()[-1] == "imported:"


def test_nobody_qualifies_is_exit_zero_with_the_waterfall(shop: Settings, capsys):
    a_quiet_crowd(shop, 10)
    write_campaign(shop, CAMPAIGN.replace("inactive: 60d", "inactive: 3000d"))

    code, out, err = ask(capsys, "run", "spring", "--as-of", str(AS_OF))

    assert code == 0
    assert "not_at_risk" in out
    assert "nobody qualifies" in err


def test_an_import_of_bad_rows_only_is_exit_one(shop: Settings, capsys, tmp_path: Path):
    (tmp_path / "o.csv").write_text("customer_id,order_id,ordered_at,amount\n1,a,never,1\n")

    code, out, _ = ask(capsys, "import", "orders", str(tmp_path / "o.csv"))

    assert code == 1
    assert "1 bad" in out


def test_zeros_only_score_without_nonsense(shop: Settings, capsys, tmp_path: Path):
    rows = [f"{n},o{n},2025-0{n % 9 + 1}-01,0" for n in range(1, 40)]
    (tmp_path / "o.csv").write_text("customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")
    assert ask(capsys, "import", "orders", str(tmp_path / "o.csv"))[0] == 0

    said = as_json(
        capsys, "score", "--as-of", "2026-01-01", "--horizon", "60", "--out", str(tmp_path / "s.parquet")
    )

    assert said["rows"] == 39
    assert "NaN" not in json.dumps(said)


def test_campaigns_are_compared_once_their_windows_are_complete(shop: Settings, capsys):
    a_quiet_crowd(shop, 200)
    day = AS_OF - timedelta(days=90)
    text = CAMPAIGN.replace("inactive: 60d", "inactive: 1d")
    write_campaign(shop, text)
    write_campaign(shop, text.replace("id: spring", "id: autumn"), "autumn")
    found = {
        name: as_json(capsys, "measure", as_json(capsys, "run", name, "--as-of", str(day))["run"], "--json")
        for name in ("autumn", "spring")
    }

    said = as_json(capsys, "campaigns", "--json")
    table = ask(capsys, "campaigns")[1]

    effects = {row["campaign"]: row["effect"]["value"] for row in said["campaigns"]}
    assert effects == {name: each["primary"]["difference"] for name, each in found.items()}
    [pair] = said["compared"]
    assert (pair["campaign"], pair["other"]) == ("autumn", "spring")
    assert pair["value"] == pytest.approx(effects["autumn"] - effects["spring"])
    assert pair["low"] < pair["value"] < pair["high"]
    assert "autumn         spring" in table


def test_the_runs_of_one_campaign_stand_by_the_week_of_entry(shop: Settings, capsys):
    """28 November 2025 is a Friday of week 48, 5 December one of week 49; nobody enters twice."""
    a_quiet_crowd(shop, 200)
    write_campaign(shop, CAMPAIGN.replace("inactive: 60d", "inactive: 10d"))
    days = [date(2025, 11, 28), date(2025, 12, 5)]
    found = [
        as_json(capsys, "measure", as_json(capsys, "run", "spring", "--as-of", str(day))["run"], "--json")
        for day in days
    ]

    said = as_json(capsys, "campaigns", "spring", "--json")
    table = ask(capsys, "campaigns", "spring")[1]

    assert [(each["week"], each["entered_on"]) for each in said["weeks"]] == [
        ("2025-W48", str(days[0])), ("2025-W49", str(days[1])),
    ]  # fmt: skip
    assert [each["customers"] for each in said["weeks"]] == [each["primary"]["n"] for each in found]
    assert [each["effect"]["value"] for each in said["weeks"]] == [each["primary"]["difference"] for each in found]
    assert "explored, not proved" in table


def test_a_run_whose_window_is_not_over_is_interim_and_stands_by_no_week(shop: Settings, capsys):
    a_quiet_crowd(shop, 40)
    run = as_json(capsys, "run", "spring", "--as-of", str(AS_OF))["run"]
    before = as_json(capsys, "campaigns", "--json")["campaigns"][0]["result"]
    ask(capsys, "measure", run)

    [row] = as_json(capsys, "campaigns", "--json")["campaigns"]

    assert (before, row["result"]) == (None, "interim")
    assert ask(capsys, "campaigns", "spring")[1] == (
        "no run of spring has been measured to the end of its window yet\n"
    )


def test_the_runs_of_no_campaign_are_wrong_use_with_the_nearest_name(shop: Settings, capsys):
    code, _, said = ask(capsys, "campaigns", "sprung")

    assert code == 2
    assert "did you mean 'spring'" in said


@pytest.mark.parametrize(("window", "warned"), [("60d", True), ("61d", False)])
def test_check_warns_where_no_value_can_be_lost(shop: Settings, capsys, window: str, warned: bool):
    """Who ordered nothing for 60 days spent nothing in the 60 days before: value lost is of that spend."""
    measured = f"success: {{window: {window}, measure: value_lost}}"
    write_campaign(shop, CAMPAIGN.replace("success: {window: 60d}", measured))

    code, _, said = ask(capsys, "check")

    assert code == 0
    assert ("who ordered nothing for 60 days had no value in a window no longer than that" in said) is warned


ENDS = {"value": "difference", "low": "low", "high": "high"}


def test_a_campaign_is_listed_with_the_verdict_it_is_judged_by(shop: Settings, capsys):
    """Twenty of 200 came back: enough for churn, too few buyers for a mean."""
    a_quiet_crowd(shop, 200)
    text = CAMPAIGN.replace("inactive: 60d", "inactive: 1d")
    write_campaign(shop, text.replace("success: {window: 60d}", "success: {window: 60d, measure: value_lost}"))
    run = as_json(capsys, "run", "spring", "--as-of", str(AS_OF - timedelta(days=65)))["run"]
    found = as_json(capsys, "measure", run, "--json")

    [row] = as_json(capsys, "campaigns", "--json")["campaigns"]
    table, told = ask(capsys, "campaigns")[1], ask(capsys, "measure", run)[1].splitlines()

    assert row["result"] == found["success"]["verdict"] == "not_enough_data"
    assert found["primary"]["verdict"] == "cant_tell"
    assert row["judged_by"] == "value_lost"
    assert row["difference"] == {name: found["success"][key] for name, key in ENDS.items()}
    assert row["effect"] == {name: found["primary"][key] for name, key in ENDS.items()}
    head, line = table.splitlines()[:2]
    judged, difference = head.index("judged by"), head.index("difference")
    assert line[judged:].startswith("value_lost  not_enough_data")
    assert f"{row['difference']['value']:+.2f} EUR (95 %: " in line[difference:].replace("USD", "EUR")
    assert told[0].startswith("judged by value_lost: not_enough_data")
    assert told[1].startswith("value lost: ")
    assert told[2].startswith("churn, for comparison: difference ")


def test_a_report_takes_the_format_its_file_asks_for(shop: Settings, capsys, tmp_path: Path):
    a_quiet_crowd(shop, 40)
    run = as_json(capsys, "run", "spring", "--as-of", str(AS_OF - timedelta(days=90)))["run"]
    ask(capsys, "measure", run)

    ask(capsys, "report", run, "--out", str(tmp_path / "r.json"))
    unknown = ask(capsys, "report", run, "--out", str(tmp_path / "r.txt"))
    folder = ask(capsys, "report", run, "--out", str(tmp_path))

    assert json.loads((tmp_path / "r.json").read_text())["run"] == run
    assert (unknown[0], folder[0]) == (2, 2)
    assert "no format 'txt' (allowed: html, json, csv, pdf, png)" in unknown[2]
    assert str(tmp_path) in folder[2]


@pytest.mark.parametrize("rehearsal", [True, False])
def test_what_waits_for_a_provider_that_is_not_named_any_more_is_said_with_what_to_do(
    half_live: Settings, capsys, rehearsal: bool
):
    """The provider was changed in the middle of a run; a stopped run waits for another reason."""
    a_quiet_crowd(half_live, 20)
    toml = half_live.workspace / "winback.toml"
    live = toml.read_text()
    toml.write_text(live.replace('email = "sendgrid"', 'email = "folder"').replace("live = true", "live = false"))
    assert ask(capsys, "run", "spring", "--as-of", str(AS_OF))[0] == 0
    with database(half_live.database_url) as engine, transaction(engine) as session:
        session.execute(update(Occurrence).values(placebo=rehearsal))
    if rehearsal:
        toml.write_text(live)

    said, shown = ask(capsys, "send")[2], ask(capsys, "status")[1]
    ask(capsys, "stop", "spring")
    after = ask(capsys, "status")[1]

    words = "it is a rehearsal, and winback.toml names a provider" if rehearsal else "name the provider again"
    run = f"spring/manual-{AS_OF}"
    assert words in said
    assert words in shown
    assert f"{run}: " in shown
    assert f"winback stop {run}" in shown
    assert words not in after


def test_what_waits_is_reckoned_by_the_limit_of_the_day_and_the_late_limit(shop: Settings, capsys):
    """18 at 3 a day: the last leave 5 days from now. Late on the second day from now: 9 do not leave."""
    a_quiet_crowd(shop, 20)
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%") + "limits: {per_day: 3}\n")
    ask(capsys, "run", "spring", "--as-of", str(AS_OF))
    today = datetime.now(shop.zone).date()
    begins = datetime.combine(today + timedelta(days=5), datetime.min.time(), shop.zone)

    before = as_json(capsys, "status")["waiting"]["email"]
    said = ask(capsys, "send")[2]
    [later] = as_json(capsys, "status")["later"]
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Occurrence).values(late_after=begins - timedelta(days=3) + timedelta(hours=1)))
    too_late = as_json(capsys, "status")["too_late"]

    assert before["messages"] == 18
    assert before["eta_seconds"] == pytest.approx((begins - datetime.now(UTC)).total_seconds(), abs=600)
    assert f"the last from {begins:%Y-%m-%d} on" in said
    assert (later["messages"], datetime.fromisoformat(later["last_from"])) == (15, begins)
    assert too_late == [{"run": f"spring/manual-{AS_OF}", "messages": 9}]
    assert "9 will be too late" in ask(capsys, "status")[1]
    assert "9 will be too late" in ask(capsys, "send")[2]


def test_send_ends_with_how_many_still_wait_and_why(shop: Settings, capsys):
    """18 at 3 a day, then 15 once the limit is gone and nothing can be written into the folder."""
    a_quiet_crowd(shop, 20)
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%") + "limits: {per_day: 3}\n")
    ask(capsys, "run", "spring", "--as-of", str(AS_OF))

    _, did, said = ask(capsys, "send")
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.state) == "queued").values(not_before=None, reason=None))
        session.execute(delete(DayTally))
    shutil.rmtree(shop.outbox_folder)
    shop.outbox_folder.write_text("in the way", encoding="utf-8")
    _, tried, shut = ask(capsys, "send")

    assert did.split()[:4] == ["in", "this", "call", "messages"]
    assert said.splitlines()[-1] == "15 still wait: 15 by email, later: day_limit"
    assert "back in the queue" in tried
    last = shut.splitlines()[-1]
    assert re.fullmatch(r"15 still wait: .*its provider takes nothing now \(folder_.*\), next try 2.*", last)


@pytest.mark.parametrize(("terminal", "state"), [(True, "accepted"), (False, "queued")])
def test_only_a_person_at_a_terminal_tries_a_shut_provider_before_its_time(
    shop: Settings, capsys, monkeypatch: pytest.MonkeyPatch, terminal: bool, state: str
):
    """The folder takes messages again: one tells so, and the others follow."""
    a_quiet_crowd(shop, 11)
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    ask(capsys, "run", "spring", "--as-of", str(AS_OF))
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.add(Gate(provider="folder", shut_until=datetime.now(UTC) + timedelta(hours=1), reason="full"))
        waiting = counts(session)["queued"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)

    ask(capsys, "send")

    with database(shop.database_url) as engine, reading(engine) as session:
        assert counts(session) == {state: waiting}


def test_send_says_how_the_end_of_a_budget_is_reached(shop: Settings, capsys):
    """What another sender has reserved may come back in a moment: as its claim puts them off."""
    a_quiet_crowd(shop, 20)
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    ask(capsys, "run", "spring", "--as-of", str(AS_OF))
    soon = datetime.now(UTC) + timedelta(minutes=1)
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).values(not_before=soon, reason="over_budget"))

    said = ask(capsys, "send")[2]

    wanted = "18 still wait: 18 by email, later: over_budget, 'winback send --until-empty' goes on"
    assert said.splitlines()[-1] == wanted


def test_send_ends_with_what_waits_because_it_is_stopped(shop: Settings, capsys):
    """18 of a stopped run and as many of one that is not: these leave, and the last line is about the others."""
    a_quiet_crowd(shop, 20)
    everybody = CAMPAIGN.replace("holdout: 50%", "holdout: 0%")
    write_campaign(shop, everybody)
    write_campaign(shop, everybody.replace("id: spring", "id: summer"), "summer")
    for campaign in ("spring", "summer"):
        ask(capsys, "run", campaign, "--as-of", str(AS_OF))
    ask(capsys, "stop", "spring")

    _, did, said = ask(capsys, "send", "--until-empty")
    of_all = ask(capsys, "stop", f"spring/manual-{AS_OF}"), ask(capsys, "resume", "spring")[2]

    assert re.search(r"accepted +18", did)
    assert said.splitlines()[-1] == "stopped: spring (by hand), 18 messages wait; 'winback resume spring'"
    assert of_all[1] == (
        f"still stopped: spring/manual-{AS_OF} (by hand), 18 messages wait; "
        f"'winback resume spring/manual-{AS_OF}'\n"
    )


def test_what_a_sender_has_claimed_waits_no_more_and_a_shut_provider_gives_no_end(shop: Settings, capsys):
    a_quiet_crowd(shop, 20)
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    ask(capsys, "run", "spring", "--as-of", str(AS_OF))
    claimed = {"state": "sending", "lease_until": datetime.now(UTC) + timedelta(minutes=2)}
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.execute(update(Message).where(col(Message.id) <= 7).values(claimed))

    found, before = as_json(capsys, "status"), ask(capsys, "status")[1]
    with database(shop.database_url) as engine, transaction(engine) as session:
        session.add(Gate(provider="folder", shut_until=datetime.now(UTC) + timedelta(minutes=1), reason="full"))
    after = ask(capsys, "status")[1]

    assert found["messages"] == {"queued": 11, "sending": 7}
    assert found["claimed"]["messages"] == 7
    assert found["waiting"]["email"]["messages"] == 11
    assert "as fast as it goes" in before
    assert "as fast as it goes" not in after
    assert "once its provider takes messages again" in after
