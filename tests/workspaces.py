"""Small real workspaces: a folder with settings, a campaign, templates, customers and orders."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app.commands.workspace import make_workspace
from db.settings import Settings, read_settings
from flows.importing import Arrival, import_file
from winback.intake.fields import Kind

AS_OF = date(2026, 2, 28)
NOW = datetime(2026, 3, 1, 14, tzinfo=UTC)  # 09:00 in New York
CAMPAIGN = """\
id: spring
name: {en: Spring, zh: 春天}
owner: ann@example.com
churn: {within: 60d}
audience: {inactive: 60d}
holdout: 50%
journey: [{send: hello}]
success: {window: 60d}
"""
_FOOT = "{{ sender.name }} {{ sender.postal_address }} {{ links.unsubscribe }}"
HELLO = {  # small: thousands of tests compile it
    "subject.txt": "Hello{% if customer.name %} {{ customer.name }}{% endif %}",
    "subject.zh-CN.txt": "（AD）{% if customer.name %}{{ customer.name }}，{% endif %}您好",
    "body.html": f"<p>Hello</p><p>{_FOOT}</p>",
    "body.zh-CN.html": f"<p>您好</p><p>{_FOOT}</p>",
    "body.txt": f"Hello\n{_FOOT}\n",
    "body.zh-CN.txt": f"您好\n{_FOOT}\n",
    "sms.txt": "{{ sender.name }}: hello. Reply STOP to opt out",
    "sms.zh-CN.txt": "【海港唱片】您好。拒收请回复R",
}


def a_workspace(folder: Path, database_url: str | None = None, campaign: str = CAMPAIGN) -> Settings:
    """An empty workspace in New York with one campaign, ``spring``, and its message, ``hello``."""
    make_workspace(folder / "shop", salt="a salt for tests", timezone="America/New_York")
    for file in (folder / "shop" / "campaigns").glob("*.yaml"):
        file.unlink()
    (folder / "shop" / "templates" / "hello").mkdir()
    for name, text in HELLO.items():
        (folder / "shop" / "templates" / "hello" / name).write_text(text, encoding="utf-8")
    settings = read_settings({}, folder / "shop")
    if database_url:
        settings = replace(settings, database_url=database_url)
    write_campaign(settings, campaign)
    return settings


def write_campaign(settings: Settings, text: str, name: str = "spring") -> None:
    """Put a campaign file into the workspace."""
    (settings.campaigns / f"{name}.yaml").write_text(text, encoding="utf-8")


def load(settings: Settings, kind: str, text: str, source: str = "main") -> None:
    """Import a CSV text."""
    file = settings.workspace / f"{kind}.csv"
    file.write_text(text, encoding="utf-8")
    arrival = Arrival(kind=Kind(kind), file=file, source=source, mapping={}, complete_through=None)
    report = import_file(arrival, settings, NOW)
    assert report.bad == 0, file.read_text()


def a_quiet_crowd(settings: Settings, people: int) -> None:
    """``people`` customers who agreed to e-mail and last ordered 100 days ago or more; every tenth orders now."""
    rows = [
        f"{n:05},c{n}@example.com,Customer {n},{'zh-CN' if n % 3 == 0 else 'en'},yes" for n in range(1, people + 1)
    ]
    load(settings, "customers", "customer_id,email,name,locale,email_consent\n" + "\n".join(rows) + "\n")
    orders = [f"{n:05},o{n},{AS_OF - timedelta(days=100 + n % 90)},{10 + n % 7}.50" for n in range(1, people + 1)]
    orders += [f"{n:05},late{n},{AS_OF - timedelta(days=5)},20.00" for n in range(10, people + 1, 10)]
    load(settings, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
