"""The SQL of the facts is portable: on PostgreSQL's tables the same files of it give the same answers."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.cli import main
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from tests.other_engine import facts_on
from tests.workspaces import AS_OF, NOW, a_quiet_crowd, load

pytestmark = [pytest.mark.database, pytest.mark.slow]

BEFORE = AS_OF - timedelta(days=90)
QUESTIONS = [
    ["run", "spring", "--as-of", str(AS_OF), "--dry-run"],
    ["churn", "--as-of", str(BEFORE), "--window", "60", "--by", "country"],
    ["churn", "--as-of", str(BEFORE), "--window", "60", "--definition", "contract", "--by", "plan"],
    ["signals", "--as-of", str(AS_OF), "--window", "60"],
    ["measure", f"spring/manual-{BEFORE}"],
]


@pytest.fixture
def shop(shop: Settings) -> Settings:
    """A crowd with refunds, corrected orders and contracts, and a run that can be measured."""
    a_quiet_crowd(shop, 400)
    late = [f"{n:05},r{n},{AS_OF - timedelta(days=n % 50)},-5.25,o{n}" for n in range(3, 400, 7)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount,refund_of\n" + "\n".join(late) + "\n")
    again = [f"{n:05},o{n},{AS_OF - timedelta(days=100 + n % 90)},99.90" for n in range(1, 400, 9)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(again) + "\n")
    bound = [
        f"{n:05},s{n},2024-{1 + n % 12:02}-01,2026-02-{1 + n % 27:02},{n % 3}.00,plan {n % 4}" for n in range(200)
    ]
    head = "customer_id,subscription_id,started_on,ended_on,monthly_amount,plan\n"
    load(shop, "subscriptions", head + "\n".join(bound) + "\n")
    carry_out(manual("spring", BEFORE), shop, NOW)
    return shop


def answers(capsys: pytest.CaptureFixture[str]) -> list[object]:
    """What the commands say, as JSON."""
    said = []
    for question in QUESTIONS:
        code = main([*question, "--json"])
        assert code in (0, 1), question
        said.append(json.loads(capsys.readouterr().out))
    return said


def test_postgresql_gives_the_same_answers_to_the_same_files_of_sql(
    shop: Settings, new_postgresql, tmp_path: Path, monkeypatch, capsys
):
    ours = answers(capsys)
    address = new_postgresql(tmp_path).replace("postgresql+psycopg://", "postgresql://")
    monkeypatch.setattr("db.facts.queries._connection", facts_on(address))

    theirs = answers(capsys)

    assert ours[0]["digest"]
    for question, one, other in zip(QUESTIONS, ours, theirs, strict=True):
        assert one == other, question
