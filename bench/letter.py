"""The reference letter, and the loop that all ratios of speed refer to: Jinja as a marketer would use it.

2.5 kB of HTML, 0.6 kB of text and a subject, a layout and a footer, one loop over 3 products, dates and numbers
by Babel, 5 links in the HTML. Bare is three ``template.render`` calls a customer in a plain environment: nothing
baked, the same remembered filters.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from winback.message.formats import FORMATS
from winback.message.template import HTML, SUBJECT, TEXT

MESSAGE = "letter"
FOLDER = Path(__file__).with_suffix("")
CAMPAIGN = {"name": "Win back"}
SENDER = {"name": "Harbour Records", "postal_address": "12 Quay Lane, Port Example"}
UNSUBSCRIBE = "https://shop.example/u/abcdefghijkl-abcdefghijklmnop.2b4d6f8h0j2l4n6p8r0t2v"
LOCALES = ("en-GB", "en-US", "en-IE", "en-AU")
Customer = Mapping[str, str | int | date]


def read_files() -> dict[str, str]:
    """Path below templates/ -> text, as a run pins them."""
    files = sorted(path for path in FOLDER.rglob("*.*") if path.is_file())
    return {str(path.relative_to(FOLDER)): path.read_text("utf-8") for path in files}


def make_customers(count: int) -> list[Customer]:
    """Made-up customers in four locales, their last orders spread over a year."""
    first = date(2025, 1, 1)
    return [
        {
            "name": f"Ada Quill {n}",
            "locale": LOCALES[n % len(LOCALES)],
            "country": "GB",
            "orders": n % 9 + 1,
            "last_order_on": first + timedelta(days=n % 365),
            "days_since_order": 365 - n % 365,
        }
        for n in range(count)
    ]


@cache
def bare_templates() -> tuple[Template, ...]:
    """Subject, HTML and text, compiled by a plain environment."""
    return tuple(_environment(part).get_template(f"{MESSAGE}/{part}") for part in (SUBJECT, HTML, TEXT))


def _environment(part: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=part == HTML,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FORMATS
    return environment


def bare_loop(customers: Iterable[Customer]) -> None:
    """Render the letter for each customer: subject, HTML and text."""
    subject, html, text = bare_templates()
    for customer in customers:
        values = {
            "customer": customer,
            "campaign": CAMPAIGN,
            "sender": SENDER,
            "links": {"unsubscribe": UNSUBSCRIBE},
            "message": {"language": customer["locale"]},
        }
        subject.render(values)
        html.render(values)
        text.render(values)
