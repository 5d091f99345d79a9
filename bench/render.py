"""Messages per CPU second: bare Jinja, our rendering, and ours with the folder and with SendGrid's client.

The demo's letter, three parts, 300 customers in two languages. Bare is Jinja as it comes: the same templates and
filters in a plain environment, compiled once. The sink is another process, so only the sender's CPU counts; the
least of a few rounds, because the machine is shared.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from jinja2 import Environment, Template

from winback.delivery.outgoing import Outgoing
from winback.delivery.registry import Provider, open_provider
from winback.message.formats import FORMATS
from winback.message.rendering import Email, render
from winback.message.template import HTML, SUBJECT, TEXT, Stored, load

TEMPLATES = Path(__file__).parent.parent / "templates"
MESSAGE = "winback-advice"
CUSTOMERS, ROUNDS = 300, 5
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIXED = {
    "campaign": {"name": "Win back"},
    "links": {"unsubscribe": "https://shop.example/u/" + "t" * 40},
    "sender": {"name": "Harbour Records", "postal_address": "12 Quay Lane, Port Example"},
}


def read_templates() -> dict[str, str]:
    """Path below templates/ -> text."""
    files = (path for path in TEMPLATES.rglob("*.*") if path.is_file())
    return {str(path.relative_to(TEMPLATES)): path.read_text("utf-8") for path in files}


def make_customers() -> list[dict[str, str | int | date]]:
    """Half of them English, half Chinese; dates spread over a year."""
    first = date(2025, 1, 1)
    return [
        {
            "name": f"Ada Quill {n}",
            "locale": "zh-CN" if n % 2 else "en-GB",
            "country": "GB",
            "orders": n % 9 + 1,
            "last_order_on": first + timedelta(days=n),
            "days_since_order": 365 - n,
        }
        for n in range(CUSTOMERS)
    ]


def bare_templates(files: dict[str, str], suffix: str) -> list[Template]:
    """The three parts in one language, compiled by a plain environment."""
    templates = []
    for part in (SUBJECT, HTML, TEXT):
        environment = Environment(
            loader=Stored(files, MESSAGE, suffix), autoescape=part == HTML, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters |= FORMATS
        templates.append(environment.get_template(f"{MESSAGE}/{part}"))
    return templates


def cpu_microseconds(work: Callable[[], object]) -> float:
    """CPU of one message in this process, the least of a few rounds."""
    spent = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent) / CUSTOMERS * 1e6


def main() -> None:
    """Print each path's CPU a message and its ratio to bare Jinja."""
    files, customers, message = read_templates(), make_customers(), load(read_templates(), MESSAGE)
    plain = {"en-GB": bare_templates(files, ""), "zh-CN": bare_templates(files, "zh-CN")}

    def render_bare() -> None:
        for customer in customers:
            values = {"customer": customer, **FIXED, "message": {"language": customer["locale"]}}
            for template in plain[str(customer["locale"])]:
                template.render(values)

    def render_ours() -> list[Email]:
        rendered = [render(message, "email", customer=customer, **FIXED) for customer in customers]
        return [email for email in rendered if isinstance(email, Email)]

    numbers = count()

    def send_through(provider: Provider) -> None:
        answers = {provider.send(_outgoing(email, next(numbers))).kind for email in render_ours()}
        assert answers == {"accepted"}, answers

    assert len(render_ours()) == CUSTOMERS
    with tempfile.TemporaryDirectory() as folder:
        sink, url = _start_sink(folder)
        try:
            http = open_provider("sendgrid", key="k", url=url)
            disk = open_provider("folder", path=Path(folder) / "out")
            paths = {
                "bare Jinja": cpu_microseconds(render_bare),
                "our rendering": cpu_microseconds(render_ours),
                "our rendering + folder": cpu_microseconds(lambda: send_through(disk)),
                "our rendering + SendGrid's client": cpu_microseconds(lambda: send_through(http)),
            }
        finally:
            sink.terminate()
            sink.wait()
    for name, microseconds in paths.items():
        ratio = microseconds / paths["bare Jinja"]
        rate = 1e6 / microseconds
        print(f"{name:34} {microseconds:7.0f} us   {rate:7.0f} messages per CPU second   ratio {ratio:5.2f}")


def _outgoing(email: Email, number: int) -> Outgoing:
    return Outgoing(
        key=f"bench-{number}",
        channel="email",
        to="ada@example.com",
        to_name="Ada Quill",
        dated_at=NOON,
        from_address="letters@shop.example",
        from_name="Harbour Records",
        subject=email.subject,
        html=email.html,
        text=email.text,
        unsubscribe_url=FIXED["links"]["unsubscribe"],
    )


def _start_sink(folder: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "tests.sink", folder]
    sink = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert sink.stdout is not None
    return sink, sink.stdout.readline().strip()


if __name__ == "__main__":
    main()
