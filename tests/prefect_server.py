"""A real Prefect server on loopback, with its processes in groups of their own, which are ended as a whole."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
PREFECT = str(Path(sys.executable).parent / "prefect")
START_SECONDS, RUN_SECONDS, END_SECONDS = 180, 180, 30


def until(what: Callable[[], Any], seconds: float) -> Any:
    """What ``what`` gives, once it gives something; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"nothing came within {seconds} seconds"
        time.sleep(0.2)
    return found


@contextmanager
def running(words: list[str], environ: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; the whole group is ended at the end, whatever happens."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=ROOT, env=environ, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        tell_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)
        tell_group(process, signal.SIGKILL)
        process.wait()


def tell_group(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """Signal whatever is left of a process's own group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, what)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Prefect server: its API, its folder, and the environment of its clients."""

    api: httpx.Client
    home: Path
    logs: Path
    environ: Mapping[str, str]

    def prefect(self, *words: str) -> str:
        """Run one command of Prefect's own command line from a clone."""
        done = subprocess.run(
            [PREFECT, *words], cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=RUN_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def post(self, path: str, **body: object) -> Any:
        """The JSON answer to a POST; a server whose database is locked says 503 and is asked again."""

        def taken() -> httpx.Response | None:
            answer = self.api.post(path, json=body)
            return None if answer.status_code == 503 else answer

        answer = until(taken, RUN_SECONDS)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by its name."""
        return self.api.get(f"/deployments/name/{name}/{name}").json()

    def start(self, deployment: str, **parameters: object) -> str:
        """Ask for a run of a deployment; returns its id."""
        found = self.deployment(deployment)
        made = self.post(f"/deployments/{found['id']}/create_flow_run", parameters=parameters)
        return str(made["id"])

    def ended(self, run_id: str) -> dict[str, Any]:
        """A flow run, once it has ended."""

        def look() -> dict[str, Any] | None:
            run: dict[str, Any] = self.api.get(f"/flow_runs/{run_id}").json()
            return run if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None

        return until(look, RUN_SECONDS)

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """Key -> artifact of a flow run."""
        chosen = self.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run_id]}})
        return {artifact["key"]: artifact for artifact in chosen}


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def prefect_server(folder: Path) -> Iterator[Server]:
    """A server with a database of its own below ``folder``, that calls nobody."""
    port = a_free_port()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WINBACK_"))}
    environ = own | {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "120",  # a machine may be busy
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "120",
    }
    words = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (
        httpx.Client(base_url=environ["PREFECT_API_URL"], timeout=60, trust_env=False) as api,
        running(words, environ, folder / "server.log") as process,
    ):

        def healthy() -> bool:
            assert process.poll() is None, (folder / "server.log").read_text()
            try:
                return api.get("/health").json() is True
            except httpx.TransportError:
                return False

        until(healthy, START_SECONDS)
        yield Server(api=api, home=folder / "home", logs=folder, environ=environ)
