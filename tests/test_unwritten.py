"""Why messages could not be written, wherever people look for it."""

import json
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import col

from db.engine import database, reading
from db.settings import Settings
from db.tables import Message, Stop
from tests.test_cli import ask
from tests.workspaces import AS_OF, CAMPAIGN, load, write_campaign
from winback.delivery.alert_words import stopped

RUN = f"spring/manual-{AS_OF}"
SIGNATURE = "must start or end with its signature in 【】 (no_signature)"


def test_a_text_to_a_chinese_number_without_signature_is_skipped_as_that(shop: Settings, capsys):
    """24 with a Chinese number who read English, one of them in China's own language: the run stops itself."""
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    people = [f"{n:02},+861380013{n:04},{'zh-CN' if n == 24 else 'en'},yes" for n in range(1, 25)]
    load(shop, "customers", "customer_id,phone,locale,sms_consent\n" + "\n".join(people) + "\n")
    orders = [f"{n:02},o{n},{AS_OF - timedelta(days=100)},9.00" for n in range(1, 25)]
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n" + "\n".join(orders) + "\n")
    ask(capsys, "run", "spring", "--as-of", str(AS_OF))

    sent = ask(capsys, "send", "--until-empty")[2]
    with database(shop.database_url) as engine, reading(engine) as session:
        skipped = (
            session.execute(select(col(Message.reason)).where(col(Message.state) == "skipped")).scalars().all()
        )
        [stop] = session.execute(select(col(Stop.reason))).scalars().all()

    assert set(skipped) == {"no_signature"}
    assert stop == "no_signature"
    assert f"{len(skipped)} skipped: a text to a +86 number, in whatever language, {SIGNATURE}" in sent
    shown = ask(capsys, "status")[1]
    assert SIGNATURE in shown
    assert f"skipped for: no_signature {len(skipped)}" in shown
    assert json.loads(ask(capsys, "status", "--json")[1])["runs"][0]["skipped"] == {"no_signature": len(skipped)}
    out, err = ask(capsys, "explain", "01")[1:]
    assert "no_signature" in out
    assert SIGNATURE in err
    assert SIGNATURE in stopped(RUN, stop)[0]
    assert "【签名】" in stopped(RUN, stop)[1]
