"""CPU of rendering a message: bare Jinja, the plain render, the fast one, and composing as ``winback send`` does.

The reference letter (bench/letter.py) and the demo's own, 400 customers each. Bare is Jinja as it comes, the same
templates and filters in a plain environment, compiled once. Composing signs the links and addresses the message as
well. Ways take turns, and each figure is the least of its rounds, because the machine is shared: read the ratios.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from jinja2 import Environment, Template
from sqlalchemy import create_engine

from bench import letter
from db.claims import Claimed
from db.settings import Secrets, Sender, Settings, WorkspaceFile
from flows.compose import Composer
from winback.campaigns.campaign import Campaign
from winback.campaigns.file import read_campaign
from winback.delivery.outgoing import Outgoing
from winback.message.formats import FORMATS
from winback.message.rendering import Email, render
from winback.message.specialise import prepare
from winback.message.template import HTML, SUBJECT, TEXT, Message, Stored, load
from winback.message.tracking import load_tracked

TEMPLATES = Path(__file__).parent.parent / "templates"
DEMO = "winback-advice"
CUSTOMERS, ROUNDS = 400, 9
NOON, AS_OF = datetime(2026, 3, 2, 12, tzinfo=UTC), date(2026, 3, 1)
KEY, MAC = "abcdefghijkl-abcdefghijklmnop", "2b4d6f8h0j2l4n6p8r0t2v"
CAMPAIGN_FILE = """\
id: letter
name: Win back
owner: ann@example.com
churn: {within: 90d}
audience: {inactive: 60d}
journey: [{send: letter}]
success: {window: 90d}
"""


def read_templates() -> dict[str, str]:
    """Path below templates/ -> text."""
    files = (path for path in TEMPLATES.rglob("*.*") if path.is_file())
    return {str(path.relative_to(TEMPLATES)): path.read_text("utf-8") for path in files}


def main() -> None:
    """Print each way's CPU a message and its ratio to bare Jinja."""
    files, customers = letter.read_files(), letter.make_customers(CUSTOMERS)
    ways = {"bare Jinja": lambda: letter.bare_loop(customers)}
    show("the reference letter", ways | ours(files, letter.MESSAGE, customers))
    both = [customer | {"locale": "zh-CN" if n % 2 else "en-GB"} for n, customer in enumerate(customers)]
    ways = {"bare Jinja": bare(read_templates(), both)}
    show("the demo's letter, in two languages", ways | ours(read_templates(), DEMO, both))


def bare(files: Mapping[str, str], customers: Sequence[letter.Customer]) -> Callable[[], None]:
    """The demo's letter by Jinja as it comes."""
    templates = {locale: bare_templates(files, suffix) for locale, suffix in (("en-GB", ""), ("zh-CN", "zh-CN"))}
    fixed = {"campaign": letter.CAMPAIGN, "sender": letter.SENDER, "links": {"unsubscribe": letter.UNSUBSCRIBE}}

    def loop() -> None:
        for customer in customers:
            values = {"customer": customer, **fixed, "message": {"language": customer["locale"]}}
            for template in templates[str(customer["locale"])]:
                template.render(values)

    return loop


def bare_templates(files: Mapping[str, str], suffix: str) -> list[Template]:
    """The three parts in one language, compiled by a plain environment."""
    templates = []
    for part in (SUBJECT, HTML, TEXT):
        environment = Environment(
            loader=Stored(files, DEMO, suffix), autoescape=part == HTML, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters |= FORMATS
        templates.append(environment.get_template(f"{DEMO}/{part}"))
    return templates


def ours(
    files: Mapping[str, str], name: str, customers: Sequence[letter.Customer]
) -> dict[str, Callable[[], list[object]]]:
    """Our ways to render ``name``; the parts of a mail must come out the same."""
    plain, tracked = load(files, name), load_tracked(files, name)
    fixed = {"campaign": letter.CAMPAIGN, "sender": letter.SENDER}
    links, counted = links_of(plain), links_of(tracked)
    fast = prepare(plain, "email", **fixed)
    fast_counted = prepare(tracked, "email", **fixed)
    compose = Pinned(files)
    claimed = [as_claimed(customer, name) for customer in customers]
    ways: dict[str, Callable[[], list[object]]] = {
        "plain render": lambda: [
            render(plain, "email", customer=customer, links=links, **fixed) for customer in customers
        ],
        "fast render": lambda: [fast(customer, links) for customer in customers],
        "fast render, links counted": lambda: [fast_counted(customer, counted) for customer in customers],
        "composed: links signed, addressed": lambda: [compose(message, NOON) for message in claimed],
    }
    results = {way: work() for way, work in ways.items()}
    assert results["plain render"] == results["fast render"]
    assert {type(result) for way in results.values() for result in way} == {Email, Outgoing}
    return ways


def links_of(message: Message) -> dict[str, str]:
    """Addresses of the usual length."""
    counted = dict.fromkeys(message.links, f"https://shop.example/c/{KEY}.1.{MAC}")
    return counted | {"unsubscribe": letter.UNSUBSCRIBE}


class Pinned(Composer):
    """A Composer whose run has pinned ``files``."""

    def __init__(self, files: Mapping[str, str]) -> None:
        sender = Sender(email="a@shop.example", **letter.SENDER)
        settings = Settings(
            workspace=Path(),
            file=WorkspaceFile(salt="a-salt-for-speed", sender=sender),
            secrets=Secrets(),
            database_url="",
            facts=Path(),
            public_url="https://shop.example",
        )
        super().__init__(create_engine("sqlite://"), settings)
        self._files = dict(files)

    def _read_version(self, version_id: int, campaign_id: str) -> tuple[Campaign, dict[str, str]]:
        return read_campaign(CAMPAIGN_FILE, "letter.yaml"), self._files


def as_claimed(customer: letter.Customer, template: str) -> Claimed:
    """The message to ``customer`` as the claim gives it."""
    known = {name: customer[name] for name in ("name", "locale", "country", "orders", "last_order_on")}
    fixed = {"id": 1, "key": KEY, "owner": "me", "attempt": 1, "campaign_id": "letter", "occurrence_id": 1}
    rest = {
        "version_id": 1,
        "template": template,
        "channel": "email",
        "address": "ada@example.com",
        "as_of": AS_OF,
    }
    return Claimed(**known, **fixed, **rest)


def show(title: str, ways: Mapping[str, Callable[[], object]]) -> None:
    """Measure ``ways`` in turn and print them; the first is what the others are compared with."""
    rounds = [{way: seconds(work) for way, work in ways.items()} for _ in range(ROUNDS)]
    least = {way: min(spent[way] for spent in rounds) / CUSTOMERS * 1e6 for way in ways}
    print(title)
    for way, microseconds in least.items():
        print(f"  {way:34} {microseconds:7.1f} us   ratio {microseconds / next(iter(least.values())):5.2f}")


def seconds(work: Callable[[], object]) -> float:
    """CPU of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
