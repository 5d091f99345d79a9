"""A page printed as PDF by a Chromium that is there; it may ask nothing of anybody while it prints."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from winback.errors import Unusable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
QUIET = (
    "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio",
    "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-sync",
    "--disable-component-update", "--disable-background-networking", "--disable-domain-reliability",
    "--disable-breakpad", "--metrics-recording-only", "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip
TIMEOUT_SECONDS = 60


def browser() -> str:
    """The path of the first of BROWSERS on PATH; Unusable, with the command that installs one."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise Unusable(
        f"a PDF is printed by Chromium, and none of {', '.join(BROWSERS)} is on PATH: apt-get install chromium"
    )


def arguments(profile: Path) -> list[str]:
    """The browser and its switches, with a profile of its own in ``profile``."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # Chromium refuses root a sandbox
    return [browser(), *QUIET, *(["--no-sandbox"] if as_root else []), f"--user-data-dir={profile}"]


def pdf(html: str) -> bytes:
    """The page on paper, colours kept, without the browser's own header and footer."""
    with TemporaryDirectory(prefix="winback-print-", ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page.write_text(html, encoding="utf-8")
        command = [*arguments(Path(folder) / "profile"), "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
        try:
            done = subprocess.run(
                [*command, page.as_uri()], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise Unusable(f"{command[0]} printed nothing in {TIMEOUT_SECONDS} seconds") from None
        if not printed.exists():
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Unusable(f"{command[0]} did not print the report (exit code {done.returncode}): {last}")
        return printed.read_bytes()
