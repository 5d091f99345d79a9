"""What a check found is remembered by content: the same files get the same words, any other are looked at."""

from pathlib import Path

import pytest

from app import checking
from app.cli import main
from db import confined, remembered
from db.confined import Looked, asked, look
from db.looked import FILE, look_or_recall
from db.remembered import digest_of, recall, remember
from db.settings import Settings
from tests.test_templates import a_message
from tests.workspaces import CAMPAIGN, write_campaign


def a_check(settings: Settings, capsys) -> tuple[int, str, str]:
    code = main(["--workspace", str(settings.workspace), "check"])
    return code, *capsys.readouterr()


def test_unchanged_files_are_not_read_again_and_the_words_are_the_same(shop: Settings, capsys, monkeypatch):
    (shop.templates / "hello" / "sms.txt").write_text("no way out", encoding="utf-8")
    first = a_check(shop, capsys)
    monkeypatch.delattr(checking, "found_in")

    again = a_check(shop, capsys)

    assert again == first
    assert first[0] == 1


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("campaigns/spring.yaml", "frequncy_cap: 2\n", "frequncy_cap"),
        ("campaigns/another.yaml", "id: x\n", "another.yaml"),
        ("templates/hello/subject.txt", "{{ nmae }}", "nmae"),
        ("templates/hello/leaflet.pdf", "%PDF", "leaflet.pdf"),
        ("kinds.yaml", "nonsense: 1\n", "kinds.yaml"),
        ("winback.toml", 'link_hosts = ["other.example"]\n', "known place"),
    ],
)
def test_whatever_is_edited_is_looked_at(shop: Settings, capsys, file: str, text: str, fault: str):
    body = shop.templates / "hello" / "body.html"
    body.write_text(f"<a href='https://harbour-records.example'>New</a>{body.read_text()}", encoding="utf-8")
    before = a_check(shop, capsys)
    place = shop.workspace / file
    old = place.read_text(encoding="utf-8") if place.exists() else ""
    place.write_text(text + old if file == "winback.toml" else old + text, encoding="utf-8")

    after = a_check(shop, capsys)

    assert before[0] == 0
    assert after[0] == 1
    assert fault in after[1]


def test_of_several_campaigns_only_the_edited_one_is_read(shop: Settings, capsys, monkeypatch):
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: summer"), "summer")
    a_check(shop, capsys)
    read, look_in = [], checking.found_in
    monkeypatch.setattr(
        checking, "found_in", lambda where, files, begun: read.extend(files) or look_in(where, files, begun)
    )
    write_campaign(shop, CAMPAIGN.replace("id: spring", "id: summer") + "frequncy_cap: 2\n", "summer")

    code, out, _ = a_check(shop, capsys)

    assert (code, "summer.yaml:9: frequncy_cap" in out) == (1, True)
    assert [path.name for path in read] == ["summer.yaml"]
    assert a_check(shop, capsys)[1] == out


def test_a_process_for_templates_is_begun_beforehand_only_where_they_are_new(shop: Settings, capsys, monkeypatch):
    begun, begin = [], confined.begin
    monkeypatch.setattr("app.commands.check.begin", lambda: begun.append(begin()) or begun[-1])
    counts = []
    for file, text in (("", ""), ("campaigns/spring.yaml", "# edited\n"), ("templates/hello/subject.txt", "Hi")):
        if file:
            (shop.workspace / file).write_text((shop.workspace / file).read_text() + text, encoding="utf-8")
        code, _, _ = a_check(shop, capsys)
        counts.append((code, len(begun)))

    assert counts == [(0, 1), (0, 1), (0, 2)]
    assert [process.poll() is not None for process in begun] == [True, True]


def test_a_process_that_is_asked_nothing_answers_nothing_and_ends():
    with confined.begin() as process:
        assert process.communicate("", 30) == ("[]", None)

    assert process.returncode == 0


def test_what_lies_in_the_folder_one_stands_in_is_not_loaded_beside_templates(tmp_path: Path, monkeypatch):
    (tmp_path / "jinja2.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    [found] = look([asked(a_message(), "hello", ["email"], ())])

    assert found.problems == ()


def test_no_campaign_at_all_has_no_faults(shop: Settings, capsys):
    (shop.campaigns / "spring.yaml").unlink()

    assert a_check(shop, capsys)[:2] == (0, "0 campaigns: no faults\n")


def test_a_link_that_leads_elsewhere_now_is_another_folder(tmp_path: Path):
    (tmp_path / "templates").mkdir()
    for name in "ab":
        (tmp_path / name).write_text("the same", encoding="utf-8")
    link = tmp_path / "templates" / "subject.txt"
    link.symlink_to(tmp_path / "a")
    before = list(remembered.contents_below(tmp_path / "templates"))
    link.unlink()
    link.symlink_to(tmp_path / "b")

    assert list(remembered.contents_below(tmp_path / "templates")) != before


def test_a_message_looked_at_once_is_remembered_with_its_faults_and_its_costs(tmp_path: Path, monkeypatch):
    fine = asked(
        a_message({"hello/sms.txt": "Hi {{ customer.name }} \N{SNOWMAN}, reply STOP"}),
        "hello",
        ["email", "sms"],
        (),
    )
    wrong = asked(a_message({"hello/subject.txt": "{{ nmae }}"}), "hello", ["email"], ())
    first = look_or_recall(tmp_path, [fine, wrong])
    monkeypatch.setattr("db.looked.look", lambda wanted, _: [] if not wanted else pytest.fail("looked again"))

    again = look_or_recall(tmp_path, [wrong, fine])

    assert again == first == dict(zip([fine, wrong], look([fine, wrong]), strict=True))
    assert again[fine].texts[0].outside == ("\N{SNOWMAN}",)
    assert [each.field for each in again[fine].needs] == ["customer.name"]


def test_a_message_that_had_to_be_ended_is_looked_at_again(tmp_path: Path, monkeypatch):
    ended = Looked(problems=({"problem": "takes too long", "file": "hello/"},), texts=(), ended=True)
    bomb = asked(a_message(), "hello", ["email"], ())
    monkeypatch.setattr("db.looked.look", lambda wanted, _: [ended for _ in wanted])

    found = look_or_recall(tmp_path, [bomb])

    assert found == {bomb: ended}
    assert not (tmp_path / FILE).exists()


def test_other_code_remembers_nothing(monkeypatch):
    before = digest_of(["asked"])
    monkeypatch.setattr(remembered, "_code", lambda: "another version")

    assert digest_of(["asked"]) != before


@pytest.mark.parametrize("torn", ["", '{"a": ', "\0"])
def test_a_memory_cut_short_is_none(tmp_path: Path, torn: str):
    (tmp_path / FILE).write_text(torn, encoding="utf-8")

    assert recall(tmp_path / FILE) == {}


def test_only_the_latest_are_kept(tmp_path: Path):
    remember(tmp_path / FILE, {"old": {}, "older": {}, "new": {"x": 1}}, 1)

    assert recall(tmp_path / FILE) == {"new": {"x": 1}}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_where_nothing_can_be_written_a_check_is_as_ever(shop: Settings, capsys):
    before = a_check(shop, capsys)
    for path in shop.state.iterdir():
        path.unlink() if path.is_file() else None
    blocked = shop.workspace / "elsewhere"
    shop.state.rename(blocked)
    shop.state.write_text("a file where the folder should be", encoding="utf-8")

    after = a_check(shop, capsys)

    assert after == before
