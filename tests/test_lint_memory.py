"""`check` does no work twice, and never overlooks what has changed."""

from pathlib import Path

from app.cli import main
from db.lint_memory import LintMemory
from tests.workspaces import CAMPAIGN, a_workspace, write_campaign
from winback.errors import TemplateError

TEXTS = {"hello/body.txt": "Hello"}


def ask(memory: LintMemory, asked: list[str], faults: list[TemplateError], texts: dict[str, str] = TEXTS):
    memory.files("hello", lambda: texts)

    def lint(files: dict[str, str]):
        asked.append(files["hello/body.txt"])
        return faults

    return memory.faults("hello", ("email",), lint)


def test_what_was_clean_is_not_looked_through_again_until_it_changes(tmp_path: Path):
    asked: list[str] = []
    for texts in (TEXTS, TEXTS, {"hello/body.txt": "Hello {{ nmae }}"}):
        memory = LintMemory(tmp_path)
        ask(memory, asked, [], texts)
        ask(memory, asked, [], texts)
        memory.save()

    assert asked == ["Hello", "Hello {{ nmae }}"]


def test_a_fault_is_told_again_each_time(tmp_path: Path):
    asked: list[str] = []
    fault = TemplateError("is wrong", file="hello/body.txt")
    for _ in range(2):
        memory = LintMemory(tmp_path)
        assert ask(memory, asked, [fault]) == [fault]
        memory.save()

    assert asked == ["Hello", "Hello"]


def test_a_broken_memory_and_none_cost_only_time(tmp_path: Path):
    (tmp_path / "linted.json").write_text("{", encoding="utf-8")
    asked: list[str] = []

    ask(LintMemory(tmp_path), asked, [])
    ask(LintMemory(), asked, [])

    assert asked == ["Hello", "Hello"]


def test_a_fault_in_a_template_that_two_campaigns_share_is_said_once(tmp_path: Path, capsys, monkeypatch):
    shop = a_workspace(tmp_path)
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: autumn"), "autumn")
    monkeypatch.setenv("WINBACK_WORKSPACE", str(shop.workspace))
    assert main(["check"]) == main(["check"]) == 0
    subject = shop.templates / "winback-advice/subject.txt"
    subject.write_text("{{ customer.nmae }}", encoding="utf-8")
    capsys.readouterr()

    assert main(["check"]) == 1
    said = capsys.readouterr().out.splitlines()

    assert len([line for line in said if "nmae" in line]) == 1
