"""The demo as a person runs it: real flows on the whole CDNOW log. The test asserts the rule, not a chosen number.

2,668 people are in the top 20 % by past value and without an order for 60 days at 1997-12-31; 82.8 % of them were
inactive in the 90 days before and 71.5 % in the 90 days after, with no campaign at all (computed independently
from the orders file).
"""

import json
import os
import re
import subprocess
import sys
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from winback.lift.verdict import Verdict
from winback.outcomes.outcomes import TREATED, read_outcome

ROOT = Path(__file__).parent.parent
REPORTS = ".winback/reports/high-value-winback/manual-1997-12-31"

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "shop"
    home = tmp_path_factory.mktemp("home")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WINBACK_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", str(folder)],
        cwd=ROOT, env=clean | {"HOME": str(home)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, done.stdout


def test_the_waterfall_accounts_for_every_customer(demo: tuple[Path, str]):
    lines = {m[1]: (m[2], m[3]) for m in re.finditer(r"^(?:- )?(.+?) {2,}([\d,]+) +([\d,]+)$", demo[1], re.M)}

    assert lines["scored customers"] == ("23,570", "23,570")
    assert lines["not_top_value"] == ("18,856", "4,714")
    assert lines["not_at_risk"] == ("2,046", "2,668")
    inside = int(lines["in"][0].replace(",", ""))
    dropped = [lines[reason][0] for reason in ("suppressed", "no_consent", "no_address", "same_contact")]
    assert inside + sum(int(number.replace(",", "")) for number in dropped) == 2_668


def test_every_message_is_a_file_one_can_open(demo: tuple[Path, str]):
    folder = demo[0] / ".winback/sent"
    mails, texts = list(folder.glob("*.eml")), list(folder.glob("*.txt"))
    outcome = read_outcome(outcome_json(demo[0]))

    assert len(mails) + len(texts) == sum(arm.n for arm in outcome.arms if arm.name != "holdout")
    assert mails
    assert texts
    for mail in mails[:50]:
        message = message_from_bytes(mail.read_bytes(), policy=default)
        assert message["To"].addresses[0].domain in {"example.com", "example.org", "example.net"}
        assert message.get_body(("html",)).get_content().startswith("<!")


def outcome_json(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "--workspace", str(folder), "measure",
         "high-value-winback/manual-1997-12-31", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def test_the_verdict_is_whatever_the_rule_says_of_the_interval(demo: tuple[Path, str]):
    primary = read_outcome(outcome_json(demo[0])).primary

    if primary.low <= 0 <= primary.high:
        inside = primary.low >= -0.03 and primary.high <= 0.03
        assert primary.verdict is (Verdict.NO_EFFECT_WORTH_HAVING if inside else Verdict.CANT_TELL)
    else:
        assert primary.verdict is (Verdict.BETTER if primary.high < 0 else Verdict.WORSE)


def test_before_and_after_alone_would_have_claimed_an_improvement(demo: tuple[Path, str]):
    groups = {group.name: group for group in read_outcome(outcome_json(demo[0])).before_after}

    for name in (TREATED, "holdout"):  # about 83 -> 72 %; a random half of them may be a few points off
        assert abs(groups[name].before - 0.828) < 0.04
        assert abs(groups[name].after - 0.715) < 0.04


@pytest.mark.parametrize(("language", "headed"), [("en", "Placebo"), ("zh", "安慰剂")])
def test_the_report_opens_without_a_network_and_is_headed_placebo(
    demo: tuple[Path, str], language: str, headed: str
):
    text = (demo[0] / REPORTS / f"report.{language}.html").read_text(encoding="utf-8")

    assert headed in text
    assert not re.search(r"""(?:src|href)=["']https?://|@import|url\(\s*["']?https?:""", text)
    assert len(text.encode()) < 200_000


def test_three_sample_messages_are_shown_in_both_languages_and_channels(demo: tuple[Path, str]):
    titles = re.findall(r"^--- (an? .+)$", demo[1], re.M)

    assert titles == ["an e-mail in English", "an e-mail in Chinese", "an SMS"]


def test_it_went_through_prefects_flows_and_tells_prefect_no_address(demo: tuple[Path, str]):
    database = b"".join(file.read_bytes() for file in (demo[0] / ".prefect").rglob("*") if file.is_file())

    for flow in (b"import-facts", b"run-campaign", b"send-outbox", b"measure-outcomes", b"select_audience"):
        assert flow in database
    assert b"@example." not in database


def test_running_it_again_empties_and_fills_the_folder_but_spares_any_other(
    demo: tuple[Path, str], tmp_path: Path
):
    (tmp_path / "precious").write_text("mine")

    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert (tmp_path / "precious").read_text() == "mine"
    assert json.loads(outcome_json(demo[0]))["placebo"] is True
