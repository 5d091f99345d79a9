"""What staff is told, in both languages: chat rooms have readers of either, and a workspace has no language.

Each returns (English, Chinese). Neither holds a name or an address.
"""

from winback.delivery.answer import CERTIFICATE
from winback.delivery.refusals import ONE_AFTER_THE_OTHER, RefusedShare
from winback.message.unwritten import UNWRITTEN, why_unwritten

Told = tuple[str, str]
_UNWRITTEN = ("more than 1 % of its messages cannot be rendered", "超过 1 % 的消息无法生成")
_ABROAD = ("your sender cannot reach that country", "你的发送号码无法到达该国家或地区")
_ADDRESS = ("the address is not valid", "地址无效")
# What providers most often refuse a message for: https://www.twilio.com/docs/api/errors, the field at fault of
# SendGrid, RFC 3463 for SMTP. Any other code is shown as it is.
_REFUSED_FOR: dict[str, Told] = {
    "twilio_21211": ("not a valid phone number", "不是有效的电话号码"),
    "twilio_21408": ("your account may not send to that country", "你的账户未开通该国家或地区"),
    "twilio_21606": _ABROAD,
    "twilio_21612": ("your sender cannot reach that number", "你的发送号码无法到达该号码"),
    "twilio_21614": ("not a mobile number", "不是手机号码"),
    "twilio_21617": ("the text is too long", "短信过长"),
    "twilio_21659": _ABROAD,
    "twilio_21703": _ABROAD,
    "http_400:personalizations.0.to.0.email": _ADDRESS,
    "http_413": ("the message is too large", "邮件过大"),
    "smtp_550:5.1.1": ("the mailbox does not exist", "邮箱不存在"),
    "smtp_553:5.1.3": _ADDRESS,
    "smtp_552:5.3.4": ("the message is too large", "邮件过大"),
    "bad_to": _ADDRESS,
}


def stopped(run: str, why: str, zh: str | None = None) -> Told:
    """A run that stopped itself; ``why`` as noted with the stop, ``zh`` the same in Chinese where it is known."""
    en, zh = _why(why, zh)
    return (
        f"stopped: {en}; nothing more of it leaves. To let it go on: winback resume {run}",
        f"已停止：{zh}；剩下的不再发出。要继续：winback resume {run}",
    )


def _why(why: str, zh: str | None) -> Told:
    if why in UNWRITTEN:
        en, zh = why_unwritten(why)
        return f"{_UNWRITTEN[0]}: {en}", f"{_UNWRITTEN[1]}：{zh}"
    if why.startswith(ONE_AFTER_THE_OTHER):
        code = why.removeprefix(ONE_AFTER_THE_OTHER)
        return (
            f"{why}. Those refused wait in the queue; mend it first",
            f"消息接连被拒绝（{code}），被拒绝的留在队列里，请先改正",
        )
    return why, zh or why


def warned(why: str, zh: str | None = None) -> Told:
    """A run near the limit at which it stops."""
    return f"warning, it goes on: {why}", f"警告，仍在发送：{zh or why}"


def refused(share: RefusedShare) -> Told:
    """Messages that a provider refuses, strewn among those it takes."""
    part = f"{share.messages / share.of:.1%}"
    en, zh = _refused_for(share.reason)
    return (
        f"{share.messages:,} of {share.of:,} messages were refused by the provider ({part}), "
        f"{share.times:,} of them: {en}",
        f"{share.of:,} 条消息中有 {share.messages:,} 条被服务商拒绝（{part}），其中 {share.times:,} 条：{zh}",
    )


def _refused_for(reason: str) -> Told:
    """A refusal's code in words, where they are known."""
    en, zh = _REFUSED_FOR.get(reason, ("", ""))
    return (f"{en} ({reason})", f"{zh}（{reason}）") if en else (reason, reason)


def unknown(messages: int) -> Told:
    """Messages of which nobody knows whether they arrived."""
    return f"{messages:,} messages may or may not have been sent", f"{messages:,} 条消息不知是否已经发出"


def shut(why: str | None) -> Told:
    """A provider that stays shut."""
    en, zh = why_shut(why)
    return f"nothing leaves through it: {en}", f"无法经它发送：{zh}"


def why_shut(why: str | None) -> Told:
    """What shut a provider, in words where they are known."""
    code, _, host = (why or "").partition(":")
    if code != CERTIFICATE:
        return f"{why}", f"{why}"
    return (
        f"{code}: nobody this machine trusts vouches for that of {host}; "
        "name the file of its authority in SSL_CERT_FILE, or mend the server's",
        f"{code}：{host} 的证书不受本机信任；请在 SSL_CERT_FILE 中指明签发机构的文件，或改正服务器的证书",
    )


def awaits(run: str) -> Told:
    """A run that nobody has approved."""
    return f"waits for: winback approve {run}", f"等待批准：winback approve {run}"
