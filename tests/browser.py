"""A real, headless Chromium for the tests, spoken to over its DevTools protocol."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from app.printer import arguments

START_SECONDS = 30


@dataclass(slots=True)
class Tab:
    """One page of the browser; ``heard`` holds every event it told of."""

    line: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)
    _sent: int = 0

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Send one command and wait for its result."""
        self._sent += 1
        self.line.send(json.dumps({"id": self._sent, "method": method, "params": params}))
        while (message := json.loads(self.line.recv(timeout=60))).get("id") != self._sent:
            self.heard.append(message)
        assert "error" not in message, message
        return message["result"]

    def wait_for(self, event: str) -> None:
        """Read on until the page tells of ``event``."""
        while all(message["method"] != event for message in self.heard):
            self.heard.append(json.loads(self.line.recv(timeout=60)))

    def open(self, file: Path, *, width: int = 1180, dark: bool = False) -> None:
        """Load a file at a width, in the light or dark scheme; returns once it is drawn."""
        self.ask("Page.enable")
        self.ask("Network.enable")
        self.ask("Log.enable")
        self.ask("Runtime.enable")
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media="screen", features=[scheme])
        self.heard.clear()
        self.ask("Page.navigate", url=file.as_uri())
        self.wait_for("Page.loadEventFired")

    def value(self, script: str) -> Any:
        """What a script says, promises awaited."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def requests(self) -> list[str]:
        """Every address the page asked for."""
        return [
            message["params"]["request"]["url"]
            for message in self.heard
            if message["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What went to the console as a warning or error, blocked requests among it."""
        entries = [message["params"]["entry"] for message in self.heard if message["method"] == "Log.entryAdded"]
        thrown = [m["params"] for m in self.heard if m["method"] == "Runtime.exceptionThrown"]
        return [each["text"] for each in entries if each["level"] in ("warning", "error")] + [
            str(t) for t in thrown
        ]

    def picture(self) -> bytes:
        """The whole page as PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])


@contextmanager
def a_tab(profile: Path) -> Iterator[Tab]:
    """A browser with one page; it is ended afterwards."""
    command = [*arguments(profile), "--remote-debugging-port=0", "about:blank"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(profile, running), max_size=None) as line:
            root = Tab(line)
            target = root.ask("Target.createTarget", url="about:blank")["targetId"]
        with connect(_address(profile, running, f"/devtools/page/{target}"), max_size=None) as line:
            yield Tab(line)
    finally:
        running.terminate()
        running.wait(timeout=30)


def _address(profile: Path, running: subprocess.Popen[bytes], path: str | None = None) -> str:
    """Where the browser listens; it writes its port, and the path of its own line, into its profile."""
    told, until = profile / "DevToolsActivePort", time.monotonic() + START_SECONDS
    while not (told.exists() and len(told.read_text().split()) == 2):
        assert running.poll() is None, "the browser ended at once"
        assert time.monotonic() < until, "the browser does not start"
        time.sleep(0.05)
    port, own = told.read_text().split()
    return f"ws://127.0.0.1:{port}{path or own}"
