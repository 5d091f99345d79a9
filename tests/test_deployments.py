"""prefect.yaml says what really is there, and what must stay fast or work without Prefect does not import it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from db.settings import WorkspaceFile
from tests.workspaces import a_quiet_crowd, a_workspace
from winback.campaigns.schedule import check_cron

ROOT = Path(__file__).parent.parent
DEPLOYED = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
DEPLOYMENTS: list[dict[str, Any]] = DEPLOYED["deployments"]
NAMES = [deployment["name"] for deployment in DEPLOYMENTS]
SCHEDULED = {
    "run-due", "send-outbox", "collect-responses", "measure-outcomes", "score-customers", "check-signals",
}  # fmt: skip
SCHEDULES = [schedule for deployment in DEPLOYMENTS for schedule in deployment.get("schedules", [])]


def in_a_fresh_interpreter(code: str) -> str:
    """What ``code`` prints, run with the product's own folder and none of this process's modules."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_flow_of_the_design_is_deployed_once_and_what_repeats_has_a_schedule():
    assert sorted(NAMES) == sorted(SCHEDULED | {"run-campaign", "ask-approval", "import-facts"})
    assert {deployment["name"] for deployment in DEPLOYMENTS if deployment.get("schedules")} == SCHEDULED


@pytest.mark.server
def test_every_entrypoint_imports_and_is_a_flow_that_its_schedule_can_start_without_arguments():
    places = [deployment["entrypoint"].split(":") for deployment in DEPLOYMENTS]
    asked = [(place.removesuffix(".py").replace("/", "."), name) for place, name in places]

    said = in_a_fresh_interpreter(
        "import json; from importlib import import_module; from prefect import Flow\n"
        f"flows = [getattr(import_module(place), name) for place, name in {asked}]\n"
        "assert all(isinstance(flow, Flow) for flow in flows)\n"
        "print(json.dumps({flow.name: flow.parameters.required for flow in flows}))"
    )

    assert all((ROOT / place).is_file() for place, _ in places)
    assert json.loads(said) == {name: [] for name in SCHEDULED} | {
        "run-campaign": ["campaign_id"],
        "ask-approval": ["run", "digest"],
        "import-facts": ["kind", "file"],
    }
    assert list(json.loads(said)) == NAMES


def test_weekdays_stand_as_names_because_two_libraries_count_them_differently():
    assert len(SCHEDULES) == len(SCHEDULED)
    assert [check_cron(schedule["cron"]) for schedule in SCHEDULES] == [s["cron"] for s in SCHEDULES]
    assert all(schedule["timezone"] and schedule["slug"] for schedule in SCHEDULES)


def test_no_deployment_has_a_slot_that_a_dead_run_could_hold():
    """A run killed together with the server keeps its concurrency slot; the later ones would all be cancelled."""
    assert [name for name, each in zip(NAMES, DEPLOYMENTS, strict=True) if "concurrency_limit" in each] == []


def test_a_clone_is_deployed_without_editing_it():
    """Without a pull section Prefect takes the folder the deployment was made from."""
    assert "pull" not in DEPLOYED
    assert "/" + "home" not in (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    assert {deployment["work_pool"]["name"] for deployment in DEPLOYMENTS} == {"winback"}


def test_a_campaigns_schedule_stands_in_its_file_only():
    [by_hand] = [deployment for deployment in DEPLOYMENTS if deployment["name"] == "run-campaign"]

    assert "schedules" not in by_hand
    assert [name for name, each in zip(NAMES, DEPLOYMENTS, strict=True) if "parameters" in each] == []
    assert not {"schedule", "cron"} & set(WorkspaceFile.model_fields)


IMPORTED = "print(sorted(name for name in sys.modules if name.split('.')[0] == 'prefect'))"


def test_looking_sending_and_serving_are_imported_without_prefect():
    modules = "app.cli, flows.campaign_run, flows.dispatch, flows.sending, flows.due, app.commands.serve"

    assert in_a_fresh_interpreter(f"import sys, {modules}\n{IMPORTED}") == "[]"


@pytest.mark.server
def test_a_campaign_is_run_and_sent_without_prefect_being_imported(tmp_path: Path):
    shop = a_workspace(tmp_path)
    commands = [["check"], ["run", "spring"], ["send"], ["status"], ["explain", "00001"]]
    a_quiet_crowd(shop, 4)

    said = in_a_fresh_interpreter(
        f"import sys; from app.cli import main\nfor words in {commands}:\n"
        f"    assert main(['--workspace', {str(shop.workspace)!r}, *words]) == 0, words\n{IMPORTED}"
    )

    assert said.splitlines()[-1] == "[]"
    assert any(shop.outbox_folder.iterdir())
