"""A Prefect that cannot be reached is one sentence with its address and what to do, never a traceback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import prefect
import pytest

from tests.prefect_server import ROOT, a_free_port
from tests.workspaces import AS_OF, a_workspace
from winback.errors import Exit

pytestmark = pytest.mark.slow
RUN = ("run", "spring", "--as-of", f"{AS_OF}")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    shop = a_workspace(tmp_path)
    (shop.workspace / "customers.csv").write_text("customer_id,email\n1,a@example.com\n")
    return shop.workspace


def called(workspace: Path, *words: str, **environ: str) -> tuple[int, str]:
    """Exit code and what was said to people; Prefect's own log lines are left out."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WINBACK_"))}
    own |= {"PREFECT_HOME": str(workspace / "prefect"), "PREFECT_LOGGING_LEVEL": "CRITICAL", "DO_NOT_TRACK": "1"}
    own |= {"PREFECT_CLIENT_MAX_RETRIES": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "--workspace", str(workspace), *words],
        cwd=ROOT,
        env=own | environ,
        capture_output=True,
        text=True,
        timeout=180,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words", [RUN, ("import", "customers", "customers.csv"), ("measure", f"spring/manual-{AS_OF}")]
)
def test_where_nobody_answers_the_address_is_told_without_its_password(workspace: Path, words: tuple[str, ...]):
    at = f"127.0.0.1:{a_free_port()}/api"
    words = tuple(str(workspace / word) if word.endswith(".csv") else word for word in words)

    code, said = called(workspace, *words, PREFECT_API_URL=f"http://ann:secret@{at}")

    [line] = said.splitlines()
    assert code == Exit.UNUSABLE
    assert line.startswith(f"winback: Prefect at http://{at} cannot be used")
    assert line.endswith("or mend PREFECT_API_URL, or unset it to go on without Prefect")


def test_a_temporary_server_that_is_slow_is_told_with_what_gives_it_longer(workspace: Path):
    """In one second it is neither imported nor has it a database."""
    code, said = called(workspace, *RUN, "--flow", PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="1")

    assert code == Exit.UNUSABLE
    assert "Traceback" not in said
    assert "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS gives it longer" in said


class _Ailing(BaseHTTPRequestHandler):
    """It says its version, and fails at all else."""

    def do_GET(self) -> None:
        version = self.path.endswith("/admin/version")
        self.send_response(200 if version else 500)
        body = f'"{prefect.__version__}"'.encode() if version else b"{}"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def ailing_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ailing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_that_fails_later_is_told_as_well(workspace: Path):
    with ailing_server() as url:
        code, said = called(workspace, *RUN, PREFECT_API_URL=url)

    assert code == Exit.UNUSABLE
    assert "Traceback" not in said
    assert f"winback: Prefect at {url} cannot be used" in said
