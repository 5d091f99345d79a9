"""A changed salt, which would kill every link already sent, stops whatever runs or sends, in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import main
from db.settings import Settings, read_settings
from flows.campaign_run import carry_out, manual
from flows.due import look_for_due
from flows.sending import send_due
from tests.workspaces import AS_OF, NOW, a_quiet_crowd, a_workspace
from winback.errors import Exit, WrongUse


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    return a_workspace(tmp_path, database_url)


def salted(shop: Settings, salt: str) -> Settings:
    return replace(shop, file=shop.file.model_copy(update={"salt": salt}))


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
