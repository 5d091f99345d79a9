"""A changed salt, which would kill every link already sent, stops whatever runs or sends, in words."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from app import checking
from app.cli import main
from db.engine import database, reading
from db.salt import drew
from db.settings import Settings, read_settings
from db.tables import Assignment
from flows.campaign_run import carry_out, manual
from flows.due import look_for_due
from flows.measuring import measure_run
from flows.sending import send_due
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, write_campaign
from winback.audience.assignment import seed_name
from winback.errors import Exit, WrongUse


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def salted(shop: Settings, salt: str, lost_salt: str | None = None) -> Settings:
    return replace(shop, file=shop.file.model_copy(update={"salt": salt, "lost_salt": lost_salt}))


def test_with_another_salt_nothing_runs_nothing_is_sent_and_the_old_one_is_asked_for(shop: Settings):
    a_quiet_crowd(shop, 5)
    carry_out(manual("spring", AS_OF), shop, NOW)
    other = salted(shop, "another salt altogether")

    for doing in (
        lambda: send_due(other, lambda: NOW),
        lambda: carry_out(manual("spring", AS_OF), other, NOW),
        lambda: look_for_due(other, NOW),
    ):
        with pytest.raises(WrongUse, match=r"salt in winback\.toml.*every opt-out.*Put the old salt back"):
            doing()

    assert send_due(shop, lambda: NOW).states["accepted"] > 0


def named(refusal: pytest.ExceptionInfo[WrongUse]) -> str:
    [mark] = re.findall(r'lost_salt = "(\w+)"', str(refusal.value))
    return str(mark)


def test_whoever_has_lost_the_salt_goes_on_by_saying_so_and_everybody_keeps_the_group(shop: Settings):
    """What the refusal names fits this new salt and this database only; a run with the new salt needs none."""
    write_campaign(shop, CAMPAIGN + "again_after: 1d\n")
    a_quiet_crowd(shop, 40)
    carry_out(manual("spring", AS_OF), shop, NOW)
    with pytest.raises(WrongUse) as refusal:
        send_due(salted(shop, "another salt altogether"), lambda: NOW)

    going_on = salted(shop, "another salt altogether", lost_salt=named(refusal))
    with pytest.raises(WrongUse, match="lost_salt"):
        send_due(salted(shop, "a third salt for tests", lost_salt=named(refusal)), lambda: NOW)
    sent = send_due(going_on, lambda: NOW)
    later = timedelta(days=100)
    carry_out(manual("spring", AS_OF + later), going_on, NOW + later)

    assert sent.states["accepted"] > 0
    with database(shop.database_url) as engine, reading(engine) as session:
        entered = session.execute(select(col(Assignment.person), col(Assignment.arm))).tuples().all()
        drawn = [drew(session, going_on, run) for run in (1, 2)]
    assert max(Counter(person for person, _ in entered).values()) == 2
    assert len(set(entered)) == len({person for person, _ in entered})
    assert drawn == [False, True]
    send_due(salted(shop, "another salt altogether"), lambda: NOW)
    with pytest.raises(WrongUse, match="lost_salt"):
        send_due(shop, lambda: NOW)


def test_the_report_of_a_run_drawn_with_a_lost_salt_names_no_seed(shop: Settings):
    a_quiet_crowd(shop, 40)
    carry_out(manual("spring", AS_OF), shop, NOW)

    seeds = [
        measure_run(each, f"spring/manual-{AS_OF}", NOW).method.seed
        for each in (shop, salted(shop, "another salt altogether"))
    ]

    assert seeds == [seed_name("a salt for tests"), ""]


def test_before_anybody_was_drawn_the_salt_may_be_chosen_freely(shop: Settings):
    a_quiet_crowd(shop, 5)

    carry_out(manual("spring", AS_OF), salted(shop, "another salt altogether"), NOW)

    assert send_due(salted(shop, "another salt altogether"), lambda: NOW).states["accepted"] > 0


@pytest.mark.parametrize("words", [("send",), ("run", "spring", "--as-of", f"{AS_OF}"), ("serve", "--port", "0")])
def test_commands_end_with_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]):
    shop = a_workspace(tmp_path)
    a_quiet_crowd(shop, 5)
    carry_out(manual("spring", AS_OF), shop, NOW)
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace("a salt for tests", "another salt altogether"))
    assert read_settings({}, shop.workspace).file.salt == "another salt altogether"

    code = main(["--workspace", str(shop.workspace), *words])

    assert code == Exit.WRONG_USE
    assert "Put the old salt back" in capsys.readouterr().err


def with_another_salt(shop: Settings) -> None:
    toml = shop.workspace / "winback.toml"
    toml.write_text(toml.read_text().replace("a salt for tests", "another salt altogether"))


def test_status_begins_with_a_changed_salt_and_check_counts_it_as_a_fault(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WINBACK_DATABASE_URL", shop.database_url)
    a_quiet_crowd(shop, 5)

    def called(*words: str) -> tuple[int, str]:
        code = main(["--workspace", str(shop.workspace), *words])
        return code, capsys.readouterr().out

    before = called("check")
    carry_out(manual("spring", AS_OF), shop, NOW)
    drawn = called("check")
    with_another_salt(shop)
    changed, status = called("check"), called("status")[1]
    found = json.loads(called("status", "--json")[1])

    assert before == drawn == (Exit.DONE, "1 campaign: no faults\n")
    assert changed[0] == Exit.NO
    assert changed[1].startswith("the salt in winback.toml is not the one")
    assert status.startswith("the salt in winback.toml is not the one")
    assert found["salt"] in status


def test_that_the_salt_is_right_is_remembered_until_the_database_is_another_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    shop, other = a_workspace(tmp_path), a_workspace(tmp_path / "other")
    for each in (shop, other):
        a_quiet_crowd(each, 5)
    carry_out(manual("spring", AS_OF), shop, NOW)
    carry_out(manual("spring", AS_OF), salted(other, "another salt altogether"), NOW)
    words = ["--workspace", str(shop.workspace), "check"]
    assert main(words) == Exit.DONE
    with monkeypatch.context() as patch:
        patch.delattr(checking, "salt_found")
        assert main(words) == Exit.DONE

    (other.state / "winback.db").replace(shop.state / "winback.db")

    assert main(words) == Exit.NO
    assert "Put the old salt back" in capsys.readouterr().out


def test_check_of_files_needs_no_database_and_makes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    shop = a_workspace(tmp_path)
    words = ["--workspace", str(shop.workspace), "check"]
    codes = [main(words)]
    for url in ("postgresql://nobody@127.0.0.1:1/none", f"sqlite:///{tmp_path}/none/at/all.db", "junk"):
        monkeypatch.setenv("WINBACK_DATABASE_URL", url)
        codes.append(main(words))

    assert codes == [Exit.DONE] * 4
    assert not (tmp_path / "none").exists()
    assert not (shop.state / "winback.db").exists()
