"""The script one would write from Prefect's and SendGrid's own pages, against ours: CPU of the sending process.

    python -m bench.peers [--messages 300] [--customers 20000]

A task per customer, and a task per 500 customers; compiled templates of the same letter, the official client, one
call each, to the same sink. Neither the sink nor Prefect's server (a process of its own, started by the script) is
counted, nor anybody's start.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import letter
from bench.dispatch import ROOT, WAYS, send, serving, steady_seconds

ROWS_A_TASK = {"a task per customer": 1, "a task per 500 customers": 500}
LEAST = {"a task per customer": 60, "a task per 500 customers": 12}  # times less that ours is to take
BATCHES = 4  # of 500, where a task has many


def main() -> None:
    parser = argparse.ArgumentParser(description="Naive scripts against winback send.")
    parser.add_argument("--messages", type=int, default=300, help="of the script with a task per customer")
    parser.add_argument("--customers", type=int, default=20_000, help="of ours; a fifth is written to")
    parser.add_argument("--script", nargs=3, metavar=("MESSAGES", "ROWS", "URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.script:
        run_script(int(given.script[0]), int(given.script[1]), given.script[2])
        return
    with tempfile.TemporaryDirectory() as name:
        spent = send(Path(name) / "ours", WAYS["http"], given.customers)
        ours = steady_seconds(spent)
        print(f"{'winback send':26} {ours * 1e6:7.0f} us a message")
        for title, rows in ROWS_A_TASK.items():
            messages = given.messages if rows == 1 else BATCHES * rows
            theirs = script_seconds(Path(name), messages, rows)
            print(
                f"{title:26} {theirs * 1e6:7.0f} us a message: {theirs / ours:5.0f} times ours "
                f"(at least {LEAST[title]})",
                flush=True,
            )


def script_seconds(folder: Path, messages: int, rows: int) -> float:
    """CPU seconds of one message in the naive script."""
    environment = os.environ | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    environment.pop("PREFECT_API_URL", None)
    with serving() as url, (folder / "log").open("w") as log:  # one line for each task, as Prefect comes
        command = [sys.executable, "-m", "bench.peers", "--script", str(messages), str(rows), url]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, check=True, text=True
        )
    return float(json.loads(done.stdout.splitlines()[-1])) / messages


def run_script(messages: int, rows: int, url: str) -> None:
    """The naive script; prints the CPU seconds of its flow."""
    from prefect import flow, task
    from sendgrid import SendGridAPIClient
    from sendgrid.helpers.mail import Mail

    subject, html, text = letter.bare_templates()

    @task(retries=2)
    def send_to(customers: Sequence[letter.Customer]) -> None:
        client = SendGridAPIClient("SG.bench", host=url)
        for customer in customers:
            values = {"customer": customer, "campaign": letter.CAMPAIGN, "sender": letter.SENDER,
                      "links": {"unsubscribe": letter.UNSUBSCRIBE},
                      "message": {"language": customer["locale"]}}  # fmt: skip
            mail = Mail(
                from_email="hello@example.com",
                to_emails="ada@example.com",
                subject=subject.render(values),
                plain_text_content=text.render(values),
                html_content=html.render(values),
            )
            assert client.send(mail).status_code == 202

    @flow
    def campaign() -> None:
        customers = letter.make_customers(messages)
        send_to.map([customers[start : start + rows] for start in range(0, messages, rows)]).wait()

    @flow
    def nothing() -> None:
        """Start the server and everything else that is not counted."""

    nothing()
    begun = time.process_time()
    campaign()
    print(json.dumps(time.process_time() - begun))


if __name__ == "__main__":
    main()
