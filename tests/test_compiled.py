"""Pages are compiled once in a process, whatever the language, and anew when their file has changed."""

from pathlib import Path
from types import CodeType

from winback.report.page import environment
from winback.report.words import Speaker
from winback.words import Language


def compiled(folder: Path, language: Language) -> CodeType:
    return environment(folder, Speaker(language)).get_template("page.html").root_render_func.__code__


def test_another_language_compiles_nothing_again(tmp_path: Path):
    (tmp_path / "page.html").write_text("{{ say('yes') }}")

    assert compiled(tmp_path, "zh") is compiled(tmp_path, "en")


def test_a_file_that_has_changed_is_compiled_anew(tmp_path: Path):
    (tmp_path / "page.html").write_text("before")
    before = environment(tmp_path, Speaker("en")).get_template("page.html").render()

    (tmp_path / "page.html").write_text("after")
    after = environment(tmp_path, Speaker("en")).get_template("page.html").render()

    assert (before, after) == ("before", "after")


def test_pages_of_two_folders_are_not_taken_for_each_other(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.html").write_text("{{ nothing }}")

    assert compiled(tmp_path / "one", "en").co_filename != compiled(tmp_path / "two", "en").co_filename
