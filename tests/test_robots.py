"""Chat robots, each by a real POST over loopback in its own form, believed only where its answer says so."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from db.alerts import Alarm
from db.settings import Secrets, Settings, read_settings
from flows.alerting import tell_staff
from tests.test_alerting import Webhook
from tests.workspaces import a_workspace
from winback.customers.contact import without_addresses
from winback.delivery.robot import TEXT_BYTES, Notice, Robot, tell
from winback.errors import WrongUse

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
OK = '{"errcode": 0, "errmsg": "ok"}'
SAID = "winback: spring/2026-03-02T09:00: its slot came too late to run"
NOTICE = Notice(kind="missed", run="spring/2026-03-02T09:00", text=SAID)
SECRET = "SEC-of-the-room"


def robot(webhook: Webhook, kind: str, secret: str | None = None, path: str = "/send?access_token=T0K3N") -> Robot:
    return Robot(kind=kind, url=f"http://127.0.0.1:{webhook.port}{path}", secret=secret)


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
def test_wecom_and_dingtalk_get_a_text_and_have_taken_it_when_their_errcode_is_0(kind: str):
    with Webhook(OK).listening() as webhook:
        refusal = tell(robot(webhook, kind), NOTICE, NOW)

    assert refusal is None
    assert webhook.posts == [{"msgtype": "text", "text": {"content": SAID}}]
    assert webhook.lines == ["POST /send?access_token=T0K3N HTTP/1.1; application/json"]


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('{"errcode": 45009, "errmsg": "api freq out of limit"}', "errcode 45009"),
        ('{"errcode": 310000, "errmsg": "sign not match"}', "errcode 310000"),
        ('{"errcode": "0"}', "no errcode in its answer"),
        ('{"errcode": false}', "no errcode in its answer"),
        ("[]", "no errcode in its answer"),
        ("", "no errcode in its answer"),
        ("[" * 100_000, "no errcode in its answer"),
    ],
)
def test_a_200_without_errcode_0_is_not_taken(kind: str, answer: str, why: str):
    with Webhook(answer).listening() as webhook:
        assert tell(robot(webhook, kind), NOTICE, NOW) == why


def test_an_alert_a_robot_refused_with_200_is_told_again(tmp_path: Path):
    with Webhook('{"errcode": 45009}', OK).listening() as webhook:
        settings = told_by(a_workspace(tmp_path), webhook, "wecom")
        told = [tell_staff(settings, alarms, NOW) for alarms in ([Alarm(kind="x", run="y", text="z")], [], [])]

    assert told == [0, 1, 0]


def told_by(shop: Settings, webhook: Webhook, kind: str, secret: str | None = None) -> Settings:
    url = f"http://127.0.0.1:{webhook.port}/send?key=T0K3N"
    return replace(shop, alert_webhook=url, alert_kind=kind, secrets=Secrets(alert_secret=secret))


def test_dingtalks_signature_is_the_one_openssl_makes():
    """printf '1772460000000\\nSEC-of-the-room' | openssl dgst -sha256 -hmac 'SEC-of-the-room' -binary | base64."""
    with Webhook(OK, OK).listening() as webhook:
        tell(robot(webhook, "dingtalk", SECRET), NOTICE, NOW)
        tell(robot(webhook, "dingtalk", SECRET, path="/send"), NOTICE, NOW)

    for line in webhook.lines:
        asked = parse_qs(urlsplit(line.split()[1]).query)
        assert (asked["timestamp"], asked["sign"]) == (
            ["1772460000000"],
            ["ksjnDY+E6YDLH6tf2c00sOp7yrmAM1IYAE9xjyv2738="],
        )
    assert webhook.lines[0].startswith("POST /send?access_token=T0K3N&timestamp=")
    assert webhook.lines[1].startswith("POST /send?timestamp=")


def test_slack_gets_its_three_characters_escaped_and_any_2xx_is_a_yes():
    with Webhook("ok").listening() as webhook:
        refusal = tell(robot(webhook, "slack"), replace(NOTICE, text="<!channel> a & b"), NOW)

    assert refusal is None
    assert webhook.posts == [{"text": "&lt;!channel&gt; a &amp; b"}]


@pytest.mark.parametrize("kind", ["plain", "wecom", "dingtalk", "slack"])
@pytest.mark.parametrize("status", [302, 400, 500])
def test_an_error_is_never_taken(kind: str, status: int):
    with Webhook(status).listening() as webhook:
        assert tell(robot(webhook, kind), NOTICE, NOW) == f"HTTP {status}"


def test_a_long_text_is_cut_to_what_wecom_takes_and_no_letter_is_halved():
    with Webhook(OK).listening() as webhook:
        tell(robot(webhook, "wecom"), replace(NOTICE, text="好" * 1_000), NOW)

    content = webhook.posts[0]["text"]["content"]
    assert len(content.encode()) <= TEXT_BYTES < 2_048
    assert content == "好" * (len(content) - 1) + "…"


def test_addresses_and_numbers_in_an_alert_are_masked():
    text = "no reply from ann.lee@shop.example, ask +447700900123 about spring/2026-03-02T09:00 (1,234,567 rows)"

    masked = without_addresses(text)

    assert masked == (
        "no reply from a***@s***.example, ask +44***23 about spring/2026-03-02T09:00 (1,234,567 rows)"
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call +44 7700 900123 now", "call +44***23 now"),
        ("call +1 (212) 555-0199.", "call +1 ***99."),
        ("手机 13800138000 没有回复", "手机 138***00 没有回复"),
        ("write to ann＠shop.example", "write to a***@s***.example"),
        ("order 213800138000, 12,345,678 rows, 2026-03-02", "order 213800138000, 12,345,678 rows, 2026-03-02"),
    ],
)
def test_however_a_number_or_an_address_is_written_it_is_masked(text, masked):
    assert without_addresses(text) == masked


def test_what_leaves_and_what_is_logged_names_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    alarm = Alarm(kind="failed", run="spring/2026-03-02T09:00", text="row 7: ann@shop.example, +447700900123")
    with Webhook(OK).listening() as webhook:
        tell_staff(told_by(a_workspace(tmp_path), webhook, "dingtalk", SECRET), [alarm], NOW)

    heard = str(webhook.posts) + caplog.text
    assert "row 7" in heard
    for trace in ("ann@shop.example", "+447700900123", "T0K3N", SECRET):
        assert trace not in heard


def test_the_room_and_its_secret_come_from_the_environment_and_are_not_printed(tmp_path: Path):
    shop = a_workspace(tmp_path)
    given = {
        "WINBACK_ALERT_WEBHOOK": "https://oapi.dingtalk.com/robot/send?access_token=T0K3N",
        "WINBACK_ALERT_KIND": "dingtalk",
        "WINBACK_ALERT_SECRET": SECRET,
    }

    settings = read_settings(given, shop.workspace)

    assert (settings.alert_kind, settings.secrets.alert_secret) == ("dingtalk", SECRET)
    assert "T0K3N" not in repr(settings)
    assert SECRET not in repr(settings)
    with pytest.raises(WrongUse, match="did you mean 'dingtalk'"):
        read_settings(given | {"WINBACK_ALERT_KIND": "dingtlak"}, shop.workspace)
