"""One line through everything: a mail's own link, posted, keeps the person out of the next campaign."""

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from app.web import make_app
from db.engine import database
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.sending import send_due
from tests.web import TestClient
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, write_campaign


def test_the_link_of_a_sent_mail_keeps_its_reader_out_of_every_later_campaign(tmp_path: Path, database_url: str):
    shop = a_workspace(tmp_path, database_url, CAMPAIGN.replace("holdout: 50%", "holdout: 0%"))
    a_quiet_crowd(shop, 20)
    carry_out(manual("spring", AS_OF), shop, NOW)
    send_due(shop, lambda: NOW)
    mail = sorted(shop.outbox_folder.glob("*.eml"))[0]
    link = re.fullmatch(r"<(.+)>", message_from_bytes(mail.read_bytes(), policy=default)["List-Unsubscribe"])[1]

    with database(shop.database_url) as engine, TestClient(make_app(engine, shop, lambda: NOW)) as web:
        path = link.removeprefix(shop.public_url)
        assert web.get(path).status_code == 200
        assert reasons_of_next(shop, "looked").get("suppressed") is None
        assert web.post(path, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False).status_code == 200

    assert reasons_of_next(shop, "posted")["suppressed"] == 1


def reasons_of_next(shop: Settings, name: str) -> dict[str, int]:
    write_campaign(shop, CAMPAIGN.replace("id: spring", f"id: {name}"), name)
    return carry_out(manual(name, AS_OF + timedelta(days=1)), shop, NOW).reasons
