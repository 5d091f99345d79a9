"""What people did after a campaign began, by hand: in the outcome, in the report and in SQL. On both databases."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlmodel import Session, col, select

from app.commands.status import read_status
from db.engine import database, reading, transaction
from db.events import store
from db.responses import ANSWERS_SQL
from db.settings import Settings
from db.tables import Assignment, Message, Occurrence
from flows.campaign_run import carry_out, manual
from flows.measuring import answers_so_far, measure_run
from flows.sending import send_due
from tests.report_samples import page
from tests.telling import FREE
from tests.workspaces import NOW, a_workspace, load
from winback.events import Event, EventKind
from winback.lift.verdict import Verdict
from winback.outcomes.outcomes import Outcome, read_outcome, write_outcome
from winback.outcomes.responses import Responses
from winback.words import LANGUAGES, Language

pytestmark = pytest.mark.slow

DAY = date(2025, 10, 31)  # t0's own day; the window is 1 November to 30 December
RUN = f"spring/manual-{DAY}"
T0 = datetime(2025, 10, 31, 14, tzinfo=UTC)  # 10:00 in New York
PEOPLE = 30


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    """Thirty customers who last ordered 70 days before DAY, divided, nobody written to yet; as if it were live."""
    settings = a_workspace(tmp_path, database_url)
    people = [f"{n:05},c{n}@example.com,yes" for n in range(1, PEOPLE + 1)]
    load(settings, "customers", "customer_id,email,email_consent\n" + "\n".join(people) + "\n")
    order(settings, *((f"{n:05}", DAY - timedelta(days=70), "50.00") for n in range(1, PEOPLE + 1)))
    carry_out(manual("spring", DAY), settings, NOW)
    with database(settings.database_url) as engine, transaction(engine) as session:
        session.execute(update(Occurrence).values(placebo=False, t0=T0))
    return settings


def order(shop: Settings, *orders: tuple[str, date | str, str]) -> None:
    """Import (customer id, day, amount); an import only ever adds."""
    seen = len(list(shop.facts.glob("*.parquet")))
    rows = [f"{who},{seen}-{at},{when},{amount}" for at, (who, when, amount) in enumerate(orders)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(rows) + "\n")


def people_of(shop: Settings, arm: str) -> list[str]:
    with database(shop.database_url) as engine, reading(engine) as session:
        chosen = select(col(Assignment.person)).where(col(Assignment.arm) == arm).order_by(col(Assignment.person))
        return list(session.execute(chosen).scalars())


def send(session: Session, person: str, at: datetime = T0) -> str:
    """The provider took the person's message; returns its key."""
    mine = col(Message.person) == person
    session.execute(update(Message).where(mine).values(state="accepted", sent_at=at, state_at=at))
    return session.execute(select(col(Message.key)).where(mine)).scalar_one()


def tell(
    session: Session, *events: tuple[str, EventKind, datetime] | tuple[str, EventKind, datetime, str]
) -> None:
    """Store events of (message key, kind, time, why a click is a machine's)."""
    told = [
        Event("sendgrid", f"{at}-{n}", key, kind, at, flag=flag[0] if flag else None)
        for n, (key, kind, at, *flag) in enumerate(events)
    ]
    store(session.connection(), told, NOW, FREE)


def local(day: int, hour: int, month: int = 11) -> datetime:
    """A time in New York in November, where it is five hours earlier than UTC."""
    return datetime.combine(date(2025, month, day), time(hour), UTC) + timedelta(hours=5)


def the_story(shop: Settings) -> tuple[list[str], list[str]]:
    """Seven who were to be written to, two of the hold-out; nobody else does anything.

    =====  =============================================  ===================================  ====================
    who    message                                        orders                               counted
    =====  =============================================  ===================================  ====================
    ann    sent on t0's day, arrived; reader clicks 3/11  31/10 40; 3/11 30; 5/11 20; 6/11 -5  2 orders, 45, day 3
    bob    arrived; a scanner clicks 2/11                 9/11 10 and 10                       2 orders, 20, day 9
    cat    bounced                                        12/11 7                              1 order, 7, day 12
    dan    sent 19/11 at 22:00 local (the 20th in UTC)    19/11 9; 20/11 9                     2 orders, 18, day 19
    eve    complained                                     31/12 99: the day after the window   nothing
    fay    skipped                                        none                                 nothing
    gus    arrived; two clicks, a reply, an opt-out       8/11 -3: a refund is no order        0 orders, -3
    hal    hold-out                                       4/11 0: an order of nothing is one   1 order, 0, day 4
    ida    hold-out                                       30/12 11: the window's last day      1 order, 11, day 60
    =====  =============================================  ===================================  ====================

    After the message, that is on a later day than it went out: ann 2, bob 2, dan 1 (not that of the 19th) = 5;
    cat's never arrived. After a reader's click: ann's of the 5th = 1; that of the 3rd may have come before it.
    """
    written_to, held = people_of(shop, "message")[:7], people_of(shop, "holdout")[:2]
    ann, bob, cat, dan, eve, fay, gus = written_to
    with database(shop.database_url) as engine, transaction(engine) as session:
        key = {person: send(session, person) for person in (ann, bob, cat, eve, gus)}
        key[dan] = send(session, dan, local(19, 22))
        session.execute(update(Message).where(col(Message.person) == fay).values(state="skipped", reason="late"))
        tell(
            session, *((key[who], EventKind.DELIVERED, T0 + timedelta(minutes=1)) for who in (ann, bob, eve, gus))
        )
        tell(
            session,
            (key[ann], EventKind.OPENED, local(3, 9)),
            (key[ann], EventKind.CLICKED, local(3, 9)),
            (key[bob], EventKind.CLICKED, local(2, 9), "scanner"),
            (key[cat], EventKind.BOUNCED, local(1, 9)),
            (key[eve], EventKind.COMPLAINED, local(1, 9)),
            (key[gus], EventKind.CLICKED, local(7, 9)),
            (key[gus], EventKind.CLICKED, local(7, 10)),
            (key[gus], EventKind.CLICKED, local(7, 11), "all_links"),
            (key[gus], EventKind.UNSUBSCRIBED, local(7, 12)),
        )
        [address] = session.execute(select(col(Message.address_hash)).where(col(Message.person) == gus)).scalars()
        reply = Event("twilio", "r", None, EventKind.REPLIED, local(7, 13), address_hash=address, channel="email")
        store(session.connection(), [reply], NOW, FREE)
    order(
        shop,
        (ann, "2025-10-31 15:00", "40.00"),
        (ann, "2025-11-03", "30.00"),
        (ann, "2025-11-05 08:00", "20.00"),
        (ann, "2025-11-06", "-5.00"),
        (bob, "2025-11-09 09:00", "10.00"),
        (bob, "2025-11-09 18:00", "10.00"),
        (cat, "2025-11-12", "7.00"),
        (dan, "2025-11-19 23:00", "9.00"),
        (dan, "2025-11-20", "9.00"),
        (eve, "2025-12-31", "99.00"),
        (gus, "2025-11-08", "-3.00"),
        (held[0], "2025-11-04", "0"),
        (held[1], "2025-12-30 23:59:59", "11.00"),
    )
    return people_of(shop, "message"), people_of(shop, "holdout")


def arms(outcome: Outcome) -> dict[str, Responses]:
    return {each.arm: each for each in outcome.responses}


def test_the_orders_of_each_arm_are_those_of_the_window(shop: Settings):
    """Ann, bob, cat, dan ordered; ann and dan on two days; 45 + 20 + 7 + 18 - 3 = 87; median of 3, 9, 12, 19."""
    written_to, held = the_story(shop)

    found = arms(measure_run(shop, RUN, NOW))

    orders = found["message"].orders
    assert (orders.ordered.x, orders.repeated.x, orders.orders) == (4, 2, 7)
    assert (orders.net_revenue, orders.currency, orders.days_to_order) == (87.0, "USD", 10.5)
    assert (orders.after_message, orders.after_click) == (5, 1)
    orders = found["holdout"].orders
    assert (orders.ordered.x, orders.repeated.x, orders.orders) == (2, 0, 2)
    assert (orders.net_revenue, orders.days_to_order) == (11.0, 32.0)
    assert (orders.after_message, orders.after_click) == (None, None)
    assert (found["message"].members, found["holdout"].members) == (len(written_to), len(held))


def test_the_answers_to_the_messages_are_those_of_people(shop: Settings):
    """Went out: ann, bob, dan, eve, gus; arrived: all of them but dan. Two readers clicked, five clicks in all."""
    written_to, _ = the_story(shop)

    found = arms(measure_run(shop, RUN, NOW))

    answers = found["message"].messages
    assert (answers.sent.x, answers.delivered.x, answers.bounced.x, answers.complained.x) == (5, 4, 1, 1)
    assert (answers.clicked.x, answers.clicks, answers.human_clicks) == (2, 5, 3)
    assert (answers.replied.x, answers.unsubscribed.x) == (1, 1)
    assert {part.n for part in (answers.sent, answers.clicked, answers.bounced)} == {len(written_to)}
    assert found["holdout"].messages is None


def test_whoever_ordered_has_not_churned(shop: Settings):
    the_story(shop)

    outcome = measure_run(shop, RUN, NOW)

    found = arms(outcome)
    assert outcome.primary.x + found["message"].orders.ordered.x == outcome.primary.n
    assert outcome.primary.control_x + found["holdout"].orders.ordered.x == outcome.primary.control_n


def test_an_unfinished_window_shows_what_is_known_so_far(shop: Settings):
    """Through 11 November: ann's and bob's orders and gus's refund, hal's order of nothing."""
    the_story(shop)

    outcome = measure_run(shop, RUN, NOW, as_of=date(2025, 11, 11))

    found = arms(outcome)
    assert (outcome.primary.n - outcome.primary.x, outcome.primary.verdict) == (2, Verdict.INTERIM)
    assert (found["message"].orders.ordered.x, found["message"].orders.orders) == (2, 4)
    assert found["message"].orders.net_revenue == 62.0
    assert (found["holdout"].orders.orders, found["holdout"].orders.net_revenue) == (1, 0.0)
    assert "through 11 November 2025, day 11 of 60" in page(outcome).text("responses")
    assert "So far, in the first 11 days, 84.6% of the 13 customers written to" in page(outcome).text("headline")
    assert "This is day 11 of 60: not final. The interval is wider" in page(outcome).text("headline")
    assert "churned" not in page(outcome).text("headline")
    assert "Churned" not in page(outcome).text("effect")


def test_orders_are_unknown_not_none_before_the_data_reach_the_window(shop: Settings):
    the_story(shop)

    outcome = measure_run(shop, RUN, NOW, as_of=DAY)

    found = arms(outcome)
    assert (found["message"].orders, found["holdout"].orders) == (None, None)
    assert found["message"].messages.clicked.x == 2
    assert "no orders can be counted" in page(outcome).text("responses")


def test_report_and_status_and_sql_count_alike(shop: Settings):
    the_story(shop)

    outcome = measure_run(shop, RUN, NOW)

    with database(shop.database_url) as engine, reading(engine) as session:
        states = dict(session.execute(text("SELECT state, COUNT(*) FROM message GROUP BY state")).tuples().all())
        clicked, clicks, replied, left = (session.execute(text(query)).scalar_one() for query in _COUNTED)
    [(_, *row)] = page(outcome).tables["responses"][1]
    arrived = states["delivered"] + states["complained"]
    assert [int(cell[0]) for cell in row] == [
        len(people_of(shop, "message")), states["accepted"] + arrived, arrived, clicked, clicks, replied, left,
        states["complained"], states["bounced"],
    ]  # fmt: skip
    assert read_status(shop, NOW)["messages"] == states
    assert {arm.name: arm.messages for arm in outcome.arms} == {"message": states, "holdout": {}}


_COUNTED = (
    "SELECT COUNT(DISTINCT message_key) FROM event WHERE kind = 'clicked' AND flag IS NULL",
    "SELECT COUNT(*) FROM event WHERE kind = 'clicked'",
    "SELECT COUNT(DISTINCT message_key) FROM event WHERE kind = 'replied'",
    "SELECT COUNT(*) FROM message WHERE unsubscribed_at IS NOT NULL",
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_shows_the_orders_of_every_group(shop: Settings, language: Language):
    written_to, held = the_story(shop)

    shown = page(measure_run(shop, RUN, NOW), language)

    of_held, of_written_to = ([cell[0] for cell in row[1:]] for row in shown.tables["responses"][0])
    assert of_held == [str(len(held)), "2", "0", "2", dollars(11, language), "32", "–", "–"]
    assert of_written_to == [str(len(written_to)), "4", "2", "7", dollars(87, language), "10.5", "5", "1"]
    share = shown.tables["responses"][0][1][2]
    assert share[1] == f"{4 / len(written_to):.1%}"


def dollars(amount: int, language: Language) -> str:
    return f"{'US' if language == 'zh' else ''}${amount}.00"


def test_a_final_reading_keeps_the_responses_it_was_read_with(shop: Settings):
    """Whatever is told or ordered later."""
    the_story(shop)
    with database(shop.database_url) as engine, reading(engine) as session:
        key = session.execute(select(col(Message.key)).where(col(Message.state) == "accepted")).scalars().first()
    final = measure_run(shop, RUN, NOW)
    with database(shop.database_url) as engine, transaction(engine) as session:
        tell(session, (key, EventKind.CLICKED, local(28, 9)))
    order(shop, (people_of(shop, "holdout")[3], "2025-11-20", "5.00"))

    again = measure_run(shop, RUN, NOW)

    assert again.window.complete
    assert again == final


def test_a_rehearsals_messages_count_as_gone_out_when_it_began(tmp_path: Path, database_url: str):
    """They were written today, long after the window they play in; nobody got one, so all of it came anyway."""
    shop = a_workspace(tmp_path, database_url)
    people = [f"{n:05},c{n}@example.com,yes" for n in range(1, PEOPLE + 1)]
    load(shop, "customers", "customer_id,email,email_consent\n" + "\n".join(people) + "\n")
    order(shop, *((f"{n:05}", DAY - timedelta(days=70), "50.00") for n in range(1, PEOPLE + 1)))
    carry_out(manual("spring", DAY), shop, NOW)
    send_due(shop, lambda: NOW)
    order(shop, *((f"{n:05}", DAY + timedelta(days=1), "5.00") for n in range(1, PEOPLE + 1)))

    outcome = measure_run(shop, RUN, NOW)

    orders = arms(outcome)["message"].orders
    assert orders.after_message == orders.orders == len(people_of(shop, "message"))
    assert orders.after_click == 0
    assert "nobody received one" in page(outcome).text("responses")


def test_answers_so_far_are_told_of_each_arm_without_orders_or_persons(shop: Settings):
    written_to, _ = the_story(shop)

    rows = answers_so_far(shop)

    assert rows == [
        {
            "run": RUN, "group": "message", "messages": len(written_to), "sent": 5, "delivered": 4, "clicked": 2,
            "clicks": 5, "replied": 1, "unsubscribed": 1, "complained": 1, "bounced": 1,
        }
    ]  # fmt: skip


def test_a_run_that_is_measured_finally_is_running_no_more(shop: Settings):
    the_story(shop)
    measure_run(shop, RUN, NOW)

    assert answers_so_far(shop) == []


def test_a_reading_from_before_responses_were_counted_can_still_be_read_and_shown(shop: Settings):
    the_story(shop)
    document = json.loads(write_outcome(measure_run(shop, RUN, NOW)))
    del document["responses"]

    old = read_outcome(json.dumps(document))

    assert old.responses == []
    assert "older than these counts" in page(old).text("responses")


def test_answers_are_read_in_the_order_of_the_rows_and_without_what_only_providers_tell(shop: Settings):
    """Of a million messages the rest is most of the time."""
    with database(shop.database_url) as engine, reading(engine) as session:
        if engine.dialect.name == "postgresql":
            pytest.skip("its planner goes by the size of the tables")
        asked = text(f"EXPLAIN QUERY PLAN {ANSWERS_SQL['sqlite']}")
        plan = [row[3] for row in session.execute(asked, {"occurrence": 1})]

    assert sum("ix_event_answer" in step for step in plan) == 1
    assert [step for step in plan if "TEMP B-TREE FOR GROUP BY" in step] == ["USE TEMP B-TREE FOR GROUP BY"]
