"""Tell staff in a chat room: a POST to the robot of WeCom, DingTalk or Slack, or of plain JSON to anything else.

    plain      {"kind", "run", "text"}; any 2xx = taken
    wecom      text of at most 2,048 bytes; taken = 200 with errcode 0. 45009: more than 20 a minute
    dingtalk   the same form and answers; with a secret the address carries the time in milliseconds and
               sign = base64(HMAC-SHA256(secret, "<time>\\n<secret>")), good for an hour
    slack      {"text"}, with & < > escaped; any 2xx = taken

Sources: https://developer.work.weixin.qq.com/document/path/91770,
https://open.dingtalk.com/document/robots/customize-robot-security-settings,
https://api.slack.com/messaging/webhooks. Staff alerts only: no customer is ever written to from here.
"""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlencode, urlsplit

from winback.errors import WrongUse

TIMEOUT_SECONDS = 10
TEXT_BYTES = 2_000  # WeCom takes 2,048
ANSWER_BYTES = 65_536
RobotKind = Literal["plain", "wecom", "dingtalk", "slack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell staff; ``text`` is the whole sentence."""

    kind: str
    run: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """Where staff is told, and in which form."""

    kind: RobotKind
    url: str = field(repr=False)  # whoever knows it may write into the room
    secret: str | None = field(default=None, repr=False)


def check_url(url: str) -> None:
    """WrongUse unless ``url`` is an http or https address. It may be a secret: it is not quoted."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise WrongUse("WINBACK_ALERT_WEBHOOK must be an address like https://hooks.example.com/...")


def tell(robot: Robot, notice: Notice, now: datetime) -> str | None:
    """None when the robot took it, else why not; OSError or HTTPException when nobody answered."""
    body = json.dumps(_FORMS[robot.kind](notice), ensure_ascii=False).encode()
    request = urllib.request.Request(_address(robot, now), body, {"Content-Type": "application/json"})
    try:
        with _opener(robot.url).open(request, timeout=TIMEOUT_SECONDS) as response:
            answer = response.read(ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    return _refusal(answer) if robot.kind in _SAY_ERRCODE else None


def _chat_text(notice: Notice) -> Mapping[str, object]:
    return {"msgtype": "text", "text": {"content": _cut(notice.text)}}


def _slack(notice: Notice) -> Mapping[str, object]:
    return {"text": _cut(notice.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _plain(notice: Notice) -> Mapping[str, object]:
    return {"kind": notice.kind, "run": notice.run, "text": notice.text}


_FORMS: Mapping[RobotKind, Callable[[Notice], Mapping[str, object]]] = {
    "plain": _plain,
    "wecom": _chat_text,
    "dingtalk": _chat_text,
    "slack": _slack,
}
_SAY_ERRCODE = frozenset({"wecom", "dingtalk"})


def _cut(text: str) -> str:
    data = text.encode(errors="replace")
    if len(data) <= TEXT_BYTES:
        return text
    return data[: TEXT_BYTES - 3].decode(errors="ignore") + "…"


def _refusal(answer: bytes) -> str | None:
    """What the answer's errcode says; their 200 alone says nothing. Its errmsg may quote the alert."""
    try:
        code = json.loads(answer)["errcode"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "no errcode in its answer"
    if type(code) is not int:
        return "no errcode in its answer"
    return f"errcode {code}" if code else None


def _address(robot: Robot, now: datetime) -> str:
    if robot.kind != "dingtalk" or not robot.secret:
        return robot.url
    time = str(round(now.timestamp() * 1000))
    mac = hmac.digest(robot.secret.encode(), f"{time}\n{robot.secret}".encode(), hashlib.sha256)
    signed = urlencode({"timestamp": time, "sign": b64encode(mac).decode()})
    return f"{robot.url}{'&' if urlsplit(robot.url).query else '?'}{signed}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the alarm, and its 200 would count as delivered."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Through the environment's proxy as every provider, but straight to this machine: a proxy is another one."""
    if _is_here(urlsplit(url).hostname or ""):
        return urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    return urllib.request.build_opener(_NoRedirect)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
