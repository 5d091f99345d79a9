"""The documents say what is: everything a user can type stands in them, in both languages, and nothing else.

The tutorial of the README is run as it stands; a ``text`` block after a step must be in that step's output.
"""

import argparse
import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import GenericAlias

import pytest
import yaml
from pydantic import BaseModel

from app.cli import parser
from db.home import FILE_NAME
from db.settings import SenderName, WorkspaceFile
from docs.make_reference import generated
from winback import __version__
from winback.audience.selection import Reason
from winback.campaigns.campaign import Campaign
from winback.campaigns.faults import fields_at
from winback.campaigns.file import examine
from winback.campaigns.reference import FIELDS as FIELDS_IN_WORDS
from winback.campaigns.schema import names, schema
from winback.errors import Exit
from winback.events import State
from winback.intake.fields import FIELDS
from winback.lift.verdict import Verdict
from winback.message.environment import FILTERS, TESTS
from winback.message.fields import NAMES
from winback.message.inspection import check

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ENGLISH = [path for path in PAGES if "zh-CN" not in path.name]
CHINESE = {path: path.with_name(f"{path.stem}.zh-CN.md") for path in ENGLISH}
EVERYTHING = [*ENGLISH, *CHINESE.values(), ROOT / "CHANGELOG.md", *sorted((ROOT / "docs/decisions").glob("*.md"))]
REFERENCES = [ROOT / "docs/reference.md", ROOT / "docs/reference.zh-CN.md"]
CAMPAIGN_FILES = [ROOT / "docs/campaign-file.md", ROOT / "docs/campaign-file.zh-CN.md"]
TEMPLATE_PAGES = [ROOT / "docs/templates.md", ROOT / "docs/templates.zh-CN.md"]
SALT = "a salt for the tutorial"  # a reader's is random; with it a test could find everybody held out
KINDS = {list: "list of products", str: "text", int: "whole number", date: "date"}
LATER = {Reason.KIND, Reason.EXCLUSIVE_GROUP, Reason.GLOBAL_HOLDOUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """A fenced block: its language, its text, and whether it is a step of the tutorial."""

    language: str
    text: str
    is_step: bool


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path) -> list[Fence]:
    found = re.findall(
        r"(<!-- tutorial -->\n)?^```(\w*)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S
    )
    return [Fence(language=language, text=text, is_step=bool(mark)) for mark, language, text in found]


def without_fences(path: Path) -> str:
    return re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def headings(path: Path) -> list[tuple[int, str]]:
    return [(len(m[1]), m[2]) for m in re.finditer(r"^(#+) (.+)$", without_fences(path), re.M)]


def sections(path: Path, level: int) -> dict[str, str]:
    """Heading -> the text below it, of one level."""
    parts = re.split(rf"^{'#' * level} (.+)$", path.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def nth_section(path: Path, english: str) -> str:
    """The section that stands where ``english`` stands in the English page."""
    place = list(sections(path.with_name(path.name.replace(".zh-CN", "")), 2)).index(english)
    return list(sections(path, 2).values())[place]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text: rows of cells, without the header."""
    found = re.findall(r"^(?:\|.*\|\n)+", text, re.M)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in t.splitlines()[2:]] for t in found]


def first_words(table: list[list[str]]) -> list[str]:
    """What the first column names in code."""
    return [word for row in table for word in re.findall(r"`([^`]+)`", row[0])]


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def commands() -> dict[str, argparse.ArgumentParser]:
    choices = [action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(choices[0])


def options(command: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: a for a in command._actions for name in a.option_strings if name.startswith("--")}


@pytest.mark.parametrize("path", ENGLISH, ids=named)
def test_both_languages_have_the_same_headings_and_the_same_code(path: Path):
    other = CHINESE[path]

    assert [level for level, _ in headings(path)] == [level for level, _ in headings(other)]
    assert fences(path) == fences(other)
    assert len(tables(without_fences(path))) == len(tables(without_fences(other)))


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_every_link_between_the_documents_resolves(path: Path):
    broken = []
    for target in re.findall(r"\]\(([^)]+)\)", without_fences(path)):
        if target.startswith("https://"):
            continue
        place, _, anchor = target.partition("#")
        page = (path.parent / place).resolve() if place else path
        if not page.exists() or (anchor and anchor not in {slug(text) for _, text in headings(page)}):
            broken.append(target)

    assert broken == []


def test_every_page_leads_to_its_other_language():
    for english, chinese in CHINESE.items():
        assert f"]({chinese.name})" in english.read_text(encoding="utf-8")[:400]
        assert f"]({english.name})" in chinese.read_text(encoding="utf-8")[:400]


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_command_and_no_other(path: Path):
    documented = [name.strip("`") for name in sections(path, 3)]

    assert sorted(documented) == sorted(commands())


@pytest.mark.parametrize("path", REFERENCES, ids=named)
@pytest.mark.parametrize("name", list(commands()))
def test_the_reference_has_every_option_of_a_command_and_no_other(path: Path, name: str):
    text = re.split(r"^## ", sections(path, 3)[f"`{name}`"], flags=re.M)[0]
    known = options(commands()[name])
    positionals = [a.metavar or a.dest for a in commands()[name]._actions if not a.option_strings]
    choices = [str(choice) for action in known.values() for choice in action.choices or ()]
    cells = [row[0] for table in tables(text) for row in table]

    assert sorted(word for word in re.findall(r"`(--[\w-]+)`", "\n".join(cells))) == sorted(
        set(known) - {"--help"}
    )
    assert sorted(cell.split()[0] for cell in cells if not cell.startswith("`")) == sorted(positionals)
    assert [choice for choice in choices if f"`{choice}`" not in text] == []


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_the_options_of_winback_itself(path: Path):
    table = tables(path.read_text(encoding="utf-8"))[0]

    assert sorted(first_words(table)) == sorted(options(parser()))


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_exit_code(path: Path):
    table = tables(nth_section(path, "Exit codes"))[0]

    assert [row[0] for row in table] == [*(str(int(code)) for code in Exit), "130"]


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_setting_with_its_default_and_no_other(path: Path):
    table = tables(nth_section(path, FILE_NAME))[0]
    known = dict(settings_of(WorkspaceFile, ""))

    assert first_words(table) == list(known)
    for name, _, default in table:
        if isinstance(known[name.strip("`")], str | bool):
            assert default == f"`{str(known[name.strip('`')]).replace('True', 'true').replace('False', 'false')}`"


def settings_of(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        if field.annotation is SenderName:  # one setting, given as a text or as one in each language
            yield prefix + name, field.default.en
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_of(field.annotation, f"{name}.")
        else:
            yield prefix + name, field.default


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_variable_of_the_environment_and_no_other(path: Path):
    source = "".join((ROOT / f"db/{name}.py").read_text(encoding="utf-8") for name in ("home", "settings"))
    secrets = set(re.findall(r'_secret\(environ, "(WINBACK_\w+)"\)', source))
    table = tables(nth_section(path, "Environment"))[0]

    assert {*first_words(table)} == {
        *re.findall(r'"(WINBACK_\w+)"', source),
        "PREFECT_API_URL",
    }
    assert {row[0].split("`")[1] for row in table if row[0].endswith("*")} == secrets


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_import_field_and_no_other(path: Path):
    found = tables(nth_section(path, "Import fields"))
    word = "必填" if "zh-CN" in path.name else "required"

    assert [first_words(table) for table in found] == [
        [field.name for field in fields] for fields in FIELDS.values()
    ]
    for table, fields in zip(found, FIELDS.values(), strict=True):
        assert [row[1].startswith(word) for row in table] == [field.required for field in fields]


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_template_field_and_no_other(path: Path):
    table = tables(nth_section(path, "Template fields"))[0]
    fields = [field for group in NAMES.values() for field in group.values()]

    assert [row[0].strip("`") for row in table] == [
        f"{group}.{name}" for group, found in NAMES.items() for name in found
    ]
    assert [row[2] in {"yes", "是"} for row in table] == [field.always for field in fields]
    if "zh-CN" not in path.name:
        assert [row[1] for row in table] == [KINDS[field.kind] for field in fields]


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_word_of_results(path: Path):
    reasons, states, verdicts = (first_words(table) for table in tables(nth_section(path, "Words in results")))

    assert reasons == [reason.value for reason in Reason if reason not in LATER]
    assert sorted(states) == sorted(state.value for state in State)
    assert sorted(verdicts) == sorted(verdict.value for verdict in Verdict)


@pytest.mark.parametrize("path", REFERENCES, ids=named)
def test_the_reference_has_every_deployment_with_its_parameters(path: Path):
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    table = tables(nth_section(path, "Prefect deployments"))[0]

    assert [row[0].strip("`") for row in table] == [each["name"] for each in deployed]
    for row, each in zip(table, deployed, strict=True):
        assert re.findall(r"`(\w+)`", row[3]) == parameters(each["entrypoint"])


def parameters(entrypoint: str) -> list[str]:
    file, _, name = entrypoint.partition(":")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return [argument.arg for argument in function.args.args]


@pytest.mark.parametrize("path", CAMPAIGN_FILES, ids=named)
def test_every_field_of_a_campaign_is_documented_and_no_other(path: Path):
    table = tables(path.read_text(encoding="utf-8"))[0]

    assert [row[0].strip("`") for row in table] == sorted(campaign_fields(()), key=order_of(table))


def is_list(name: str) -> bool:
    return isinstance(Campaign.model_fields[name].annotation, GenericAlias)


def test_what_is_generated_is_as_it_is_generated_now():
    outdated = [named(path) for path, text in generated().items() if path.read_text(encoding="utf-8") != text]

    assert outdated == [], "make reference writes them anew"


def test_the_schema_for_editors_has_every_field_of_a_campaign_and_describes_it():
    made = schema()

    assert sorted(names(made)) == sorted(campaign_fields(())) == sorted(FIELDS_IN_WORDS)
    assert '"description": "one of [topics] in winback.toml' in json.dumps(made)


def order_of(table: list[list[str]]):
    shown = [row[0].strip("`") for row in table]
    return lambda name: shown.index(name) if name in shown else len(shown)


def campaign_fields(path: tuple[str, ...]) -> Iterator[str]:
    for name in fields_at(Campaign, path):
        below = fields_at(Campaign, (*path, name))
        if below and name not in {"name", "objective"}:  # a text, or one for each language
            yield from campaign_fields((*path, name))
        else:
            lists = {n for n in Campaign.model_fields if fields_at(Campaign, (n, 0)) and is_list(n)}
            yield ".".join(f"{part}[]" if part in lists else part for part in (*path, name))


def test_the_example_of_a_campaign_file_is_one():
    example = next(fence.text for fence in fences(CAMPAIGN_FILES[0]) if fence.language == "yaml")

    campaign, problems = examine(example, "come-back.yaml")

    assert problems == []
    assert campaign is not None


def test_the_example_of_a_message_can_be_sent():
    folder = ROOT / "templates"
    paths = [path for name in ("_shared", "winback-invitation") for path in (folder / name).iterdir()]
    files = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    example = next(fence.text for fence in fences(TEMPLATE_PAGES[0]) if fence.language == "jinja")

    assert check(files | {"winback-invitation/body.txt": example}, "winback-invitation", ("email", "sms")) == []
    assert check(files | {"winback-invitation/body.txt": "Hello"}, "winback-invitation") != []


@pytest.mark.parametrize("path", TEMPLATE_PAGES, ids=named)
def test_the_filters_and_tests_of_a_template_are_documented(path: Path):
    rows = [re.split("[,、] ?", row[1]) for row in tables(path.read_text(encoding="utf-8"))[0]]

    assert rows[1] == list(FILTERS)
    assert rows[2] == sorted([*TESTS, "none"])


@pytest.mark.parametrize("path", [*ENGLISH, *CHINESE.values()], ids=named)
def test_every_make_target_that_is_named_exists(path: Path):
    text = path.read_text(encoding="utf-8")
    targets = {
        word
        for line in re.findall(r"^([^\s#:=][^:=]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        for word in line.split()
    }

    wanted = set(re.findall(r"^make (\S+)$", text, re.M)) | set(re.findall(r"`make ([^`\s]+)", text))

    assert wanted <= targets
    assert wanted or path.stem.partition(".")[0] != "README"


def can_be_typed(line: str) -> bool:
    try:
        parser().parse_args(shlex.split(line)[1:])
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("path", [*ENGLISH, *CHINESE.values()], ids=named)
def test_every_winback_command_that_is_shown_can_be_typed(path: Path):
    lines = [line for fence in fences(path) if fence.language == "bash" for line in fence.text.splitlines()]

    wrong = [line for line in lines if line.startswith("winback ") and not can_be_typed(line)]

    assert wrong == []


def test_the_changelog_begins_with_this_version_and_has_no_other_headings():
    found = headings(ROOT / "CHANGELOG.md")

    assert found[0] == (1, "Changelog")
    assert found[1] == (2, __version__)
    assert {text for level, text in found if level == 3} <= {"Added", "Changed", "Fixed"}


def test_decisions_are_numbered_and_have_ten_lines():
    files = sorted((ROOT / "docs/decisions").glob("*.md"))

    assert [path.name[:3] for path in files] == [f"{number:03}" for number in range(1, len(files) + 1)]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:3]} ")
        assert len(text.splitlines()) == 10
        assert re.findall(r"^\*\*([^*]+)\.\*\*", text, re.M) == [
            "What", "Why", "Measured", "What would change our mind",
        ]  # fmt: skip


def test_the_picture_of_the_report_is_small_enough_to_load():
    picture = (ROOT / "docs/report.png").read_bytes()

    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= 250_000


@pytest.mark.server
def test_the_tutorial_works_as_it_stands(tmp_path: Path):
    outputs = run_tutorial(tmp_path)

    shop = tmp_path / "my-shop"
    runs = [text for text in outputs if "messages queued" in text or "messages accepted" in text]
    messages = [int(re.search(r"^ +message +(\d+)", text, re.M)[1]) for text in runs]
    assert len(messages) == 2
    assert messages[0] == messages[1] >= 1
    assert len(list((shop / ".winback/sent").iterdir())) == messages[0]
    assert "suppressed" in outputs[-2]
    assert "Placebo" in (shop / "report.html").read_text(encoding="utf-8")
    assert "安慰剂" in (shop / "report.zh.html").read_text(encoding="utf-8")


def run_tutorial(home: Path) -> list[str]:
    """Run the steps in one shell; returns each step's output, after comparing it with what the README shows."""
    steps = tutorial()
    mark = "@@@ next @@@"
    script = "\n".join(f"{text}\n{with_fixed_salt(text)}\necho '{mark}'" for text, _ in steps)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WINBACK_", "PREFECT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home, env=clean | {"HOME": str(home), "PATH": path}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(mark)[:-1]
    for (text, shown), output in zip(steps, outputs, strict=True):
        lines = iter(output.splitlines())
        missing = [line for line in shown.splitlines() if line not in lines]  # in order: the iterator goes on
        assert missing == [], f"after:\n{text}\nthe README shows what was not printed:\n{output}"
    return outputs


def tutorial() -> list[tuple[str, str]]:
    """Each step with the output that the README shows for it, or nothing."""
    found = fences(ROOT / "README.md")
    after = [*found[1:], Fence(language="", text="", is_step=False)]
    pairs = zip(found, after, strict=True)
    return [(f.text, nxt.text if nxt.language == "text" else "") for f, nxt in pairs if f.is_step]


def with_fixed_salt(step: str) -> str:
    return f"sed -i 's|^salt = .*|salt = \"{SALT}\"|' {FILE_NAME}" if "winback init" in step else ""
