"""The deployments on a real Prefect server with a real worker: scheduled, carried out, seen, and of no customer.

One server, one worker and one small workspace for all tests.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import select

from db.engine import database, reading
from db.settings import Settings
from db.tables import Alert
from flows.approving import waiting
from flows.campaign_run import summaries
from tests.prefect_server import PREFECT, ROOT, RUN_SECONDS, START_SECONDS, Server, prefect_server, running, until
from tests.workspaces import AS_OF, CAMPAIGN, a_quiet_crowd, a_workspace, load

pytestmark = pytest.mark.server

RUN = f"spring/manual-{AS_OF}"
PEOPLE, ORDERED_LATELY = 40, 4
KEYS = {  # of a provider that nothing is sent through: the runs of these tests end in the outbox
    "WINBACK_SENDGRID_URL": "http://127.0.0.1:9",
    "WINBACK_SENDGRID_KEY": "SG.test",
}
CANARIES = (b"quillfeather", b"canary.example", b"+1646555")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="session")
def deployed(server: Server) -> Server:
    """The server with a work pool and everything in prefect.yaml."""
    server.prefect("work-pool", "create", "winback", "--type", "process")
    server.prefect("--no-prompt", "deploy", "--all")
    return server


@pytest.fixture(scope="session")
def scheduled(deployed: Server) -> list[dict[str, Any]]:
    """The runs of run-due the server made of its schedule; no deployment's schedule is active afterwards."""
    chosen = {
        "deployments": {"name": {"any_": ["run-due"]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    runs: list[dict[str, Any]] = until(lambda: deployed.post("/flow_runs/filter", **chosen), START_SECONDS)
    for deployment in deployed.post("/deployments/filter"):
        deployed.post(f"/deployments/{deployment['id']}/pause_deployment")
    return runs


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Forty customers with telling names, four of whom ordered lately."""
    shop = a_workspace(tmp_path_factory.mktemp("canaries"))
    people = [
        f"{n:05},quillfeather{n}@canary.example,Zephyrine Quillfeather{n},+1646555{n:04},yes"
        for n in range(1, PEOPLE + 1)
    ]
    load(shop, "customers", "customer_id,email,name,phone,email_consent\n" + "\n".join(people) + "\n")
    orders = [f"{n:05},o{n},{AS_OF - timedelta(days=100 + n)},20.00" for n in range(1, PEOPLE + 1)]
    orders += [f"{n:05},late{n},{AS_OF - timedelta(days=5)},20.00" for n in range(1, ORDERED_LATELY + 1)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
    return shop


@pytest.fixture(scope="session")
def worker(deployed: Server, scheduled: object, shop: Settings) -> Iterator[Server]:
    """The server with a process worker for the workspace."""
    words = [PREFECT, "worker", "start", "--pool", "winback", "--type", "process", "--limit", "2"]
    environ = {**deployed.environ, **KEYS, "WINBACK_WORKSPACE": str(shop.workspace)}
    with running(words, environ, deployed.logs / "worker.log"):
        yield deployed


@pytest.fixture(scope="session")
def unknown(worker: Server) -> str:
    """A run of a campaign that does not exist; it goes on beside the others."""
    return worker.start("run-campaign", campaign_id="sprig")


@pytest.fixture(scope="session")
def campaign_run(worker: Server, unknown: str) -> str:
    """The finished run of the campaign."""
    run = worker.ended(worker.start("run-campaign", campaign_id="spring", as_of=AS_OF.isoformat()))
    assert run["state_name"] == "Completed", run["state"]["message"]
    return str(run["id"])


@pytest.fixture(scope="session")
def sent(worker: Server, campaign_run: str) -> str:
    """The finished run that sent the campaign's messages."""
    run = worker.ended(worker.start("send-outbox"))
    assert run["state_name"] == "Completed", run["state"]["message"]
    return str(run["id"])


@pytest.fixture(scope="session")
def measured(worker: Server, sent: str) -> str:
    """The finished run that measured the campaign, in the middle of its window."""
    run = worker.ended(worker.start("measure-outcomes"))
    assert run["state_name"] == "Completed", run["state"]["message"]
    return str(run["id"])


@pytest.fixture(scope="session")
def live_shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Twelve customers long away, providers that really send, and a campaign that waits above ten."""
    made = a_workspace(tmp_path_factory.mktemp("live"), campaign=CAMPAIGN + "approval: {above: 10}\n")
    a_quiet_crowd(made, 12)
    toml = made.workspace / "winback.toml"
    text = toml.read_text(encoding="utf-8").replace("live = false", "live = true")
    toml.write_text(text.replace('email = "folder"', 'email = "sendgrid"'), encoding="utf-8")
    return made


def asking(server: Server, settings: Settings) -> dict[str, Any] | None:
    """The one flow run that asks about a run of this workspace."""
    runs = server.post("/flow_runs/filter", flows={"name": {"any_": ["ask-approval"]}})
    mine = [run for run in runs if run["parameters"]["workspace"] == str(settings.workspace)]
    assert len(mine) <= 1
    return mine[0] if mine else None


def suspended(server: Server, settings: Settings, but: str = "") -> dict[str, Any]:
    """The flow run that asks, once it is suspended in another state than ``but`` and its process has ended.

    A worker that is given a run back before it has seen the end of its process breaks down (Prefect 3.8).
    """

    def look() -> dict[str, Any] | None:
        run = asking(server, settings)
        return run if run and run["state_type"] == "PAUSED" and run["state_id"] != but else None

    found: dict[str, Any] = until(look, RUN_SECONDS)
    process = Path("/proc", str(found["infrastructure_pid"]).rpartition(":")[2])
    until(lambda: not process.exists(), RUN_SECONDS)
    return found


def question(server: Server, run: dict[str, Any]) -> str:
    """What the page asks, as the server keeps it for its form."""
    key = run["state"]["state_details"]["run_input_keyset"]["description"]
    return str(server.api.get(f"/flow_runs/{run['id']}/input/{key}").json())


def arms(server: Server, campaign_run: str) -> dict[str, int]:
    """What the waterfall says, in its order: what -> number."""
    table = json.loads(server.artifacts(campaign_run)["spring-waterfall"]["data"])
    return {row["what"]: row["number"] for row in table}


def test_a_deployed_schedule_gives_runs_that_are_waiting_for_their_time(scheduled: list[dict[str, Any]]):
    starts = sorted(datetime.fromisoformat(run["expected_start_time"]) for run in scheduled)

    assert {run["state_name"] for run in scheduled} == {"Scheduled"}
    assert all(run["auto_scheduled"] for run in scheduled)
    assert {b - a for a, b in pairwise(starts)} == {timedelta(minutes=5)}


def test_every_deployment_is_loaded_from_the_clone_it_was_deployed_from(deployed: Server):
    found = deployed.post("/deployments/filter")

    assert len(found) == (ROOT / "prefect.yaml").read_text().count("\n  - name: ")
    for deployment in found:
        [step] = deployment["pull_steps"]
        assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}


def test_the_stages_of_a_run_are_tasks_in_their_order(worker: Server, campaign_run: str):
    names = [
        "pin_inputs",
        "score_customers",
        "select_audience",
        "enrol_members",
        "plan_messages",
        "release_messages",
    ]

    def finished() -> list[dict[str, Any]]:
        chosen = worker.post("/task_runs/filter", flow_runs={"id": {"any_": [campaign_run]}})
        return chosen if [task["state_name"] for task in chosen] == ["Completed"] * len(names) else []

    tasks = sorted(until(finished, RUN_SECONDS), key=lambda task: task["start_time"])

    assert [re.sub(r"-\w+$", "", task["name"]) for task in tasks] == names


def test_the_waterfall_of_a_run_counts_every_scored_customer(worker: Server, campaign_run: str):
    """Forty were scored; the four who ordered five days ago are not at risk; the rest is in, in two arms."""
    found = arms(worker, campaign_run)

    assert list(found) == ["scored customers", "not_at_risk", "in: holdout", "in: message"]
    assert found["scored customers"] == PEOPLE
    assert found["not_at_risk"] == ORDERED_LATELY
    assert found["in: holdout"] + found["in: message"] == PEOPLE - ORDERED_LATELY


def test_the_progress_of_a_finished_run_is_a_hundred(worker: Server, campaign_run: str):
    progress = worker.artifacts(campaign_run)["spring-progress"]

    assert (progress["type"], progress["data"]) == ("progress", 100)


def test_the_worker_that_sends_writes_one_file_for_each_message(
    worker: Server, shop: Settings, campaign_run: str, sent: str
):
    written_to = arms(worker, campaign_run)["in: message"]

    table = json.loads(worker.artifacts(sent)["outbox"]["data"])

    assert table == [{"what": "accepted", "number": written_to}]
    assert len(list(shop.outbox_folder.glob("*.eml"))) == written_to > 0


def test_a_measured_run_links_to_its_reports(worker: Server, measured: str):
    links = {key: artifact["data"] for key, artifact in worker.artifacts(measured).items()}

    assert set(links) == {f"report-spring-manual-{AS_OF}-{language}" for language in ("en", "zh")}
    for text in links.values():
        found = re.fullmatch(rf"\[Report of {RUN}\]\((file://\S+)\)", text)
        assert found
        assert RUN in Path(unquote(urlsplit(found[1]).path)).read_text(encoding="utf-8")


def test_a_run_of_an_unknown_campaign_fails_and_stays_to_be_seen(worker: Server, shop: Settings, unknown: str):
    run = worker.ended(unknown)

    assert run["state_name"] == "Failed"
    assert "did you mean 'spring'?" in run["state"]["message"]
    chosen = worker.post("/flow_runs/filter", flow_runs={"state": {"type": {"any_": ["FAILED"]}}})
    assert [seen["id"] for seen in chosen] == [unknown]
    with database(shop.database_url) as engine, reading(engine) as session:
        [(kind, name)] = session.execute(select(Alert.kind, Alert.run)).tuples()
    assert (kind, name.partition("/")[0]) == ("failed", "sprig")


def test_a_run_is_approved_on_the_page_of_the_flow_run_that_asks_and_not_by_its_owner(
    worker: Server, live_shop: Settings
):
    """Asked for twice, it is asked about once; nobody's process waits with it."""
    ordered = {"campaign_id": "spring", "workspace": str(live_shop.workspace)}
    for _ in range(2):
        assert worker.ended(worker.start("run-campaign", **ordered))["state_name"] == "Completed"
    [summary] = summaries(live_shop)
    asked = suspended(worker, live_shop)
    found = waiting(live_shop, summary.run)
    assert found

    first = question(worker, asked)
    worker.post(f"/flow_runs/{asked['id']}/resume", run_input={"approved_by": "ann@example.com"})
    again = suspended(worker, live_shop, but=asked["state_id"])
    second = question(worker, again)
    worker.post(f"/flow_runs/{asked['id']}/resume", run_input={"approved_by": "Bea"})
    done = worker.ended(asked["id"])

    assert all(part in first for part in (found.digest[:12], "12 people, more than 10", "anybody but ann@example"))
    assert "Refused" not in first
    assert "Refused: ann@example.com is the owner: somebody else approves it" in second
    assert (asked["name"], done["state_name"]) == (f"approve {summary.run}", "Completed")
    [released] = summaries(live_shop)
    assert (released.stage, released.approved_by) == ("released", "Bea")
    assert sum(released.messages.values()) == released.arms["message"]


def test_the_server_and_every_log_know_no_customer(
    worker: Server, shop: Settings, campaign_run: str, sent: str, measured: str
):
    kept = b"".join(path.read_bytes() for path in sorted(worker.logs.rglob("*")) if path.is_file()).lower()
    [letter, *_] = shop.outbox_folder.glob("*.eml")

    assert all(known in kept for known in (b"spring-waterfall", b"release_messages", campaign_run.encode()))
    assert b"quillfeather" in letter.read_bytes().lower()
    assert [canary for canary in CANARIES if canary in kept] == []
