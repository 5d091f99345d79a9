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
# What providers most often refuse a message for: https://www.twilio.com/docs/api/errors, RFC 3463 for SMTP. Any
# other code is shown as it is.
_REFUSED_FOR: dict[str, Told] = {
    "twilio_21211": ("not a valid phone number", "不是有效的电话号码"),
    "twilio_21408": ("your account may not send to that country", "你的账户未开通该国家或地区"),
    "twilio_21606": _ABROAD,
    "twilio_21612": ("your sender cannot reach that number", "你的发送号码无法到达该号码"),
    "twilio_21614": ("not a mobile number", "不是手机号码"),
    "twilio_21617": ("the text is too long", "短信过长"),
    "twilio_21659": _ABROAD,
    "twilio_21703": _ABROAD,
    "http_413": ("the message is too large", "邮件过大"),
    "smtp_550:5.1.1": ("the mailbox does not exist", "邮箱不存在"),
    "smtp_553:5.1.3": _ADDRESS,
    "smtp_552:5.3.4": ("the message is too large", "邮件过大"),
    "bad_to": _ADDRESS,
}
# Of SendGrid, the field of the request that it refuses, and what begins like it.
_FIELDS: dict[str, Told] = {
    "personalizations.0.to.0.name": ("the recipient's name", "收件人姓名"),
    "personalizations.0.to": ("the recipient's address", "收件人地址"),
    "from": ("the sender's address or name", "发件人地址或名称"),
    "reply_to": ("the address for replies", "回复地址"),
    "subject": ("the subject", "邮件主题"),
    "content": ("the text of the e-mail", "邮件正文"),
    "headers": ("the e-mail's headers", "邮件头"),
    "categories": ("the category", "邮件类别"),
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
        en, zh = why_refused(why)
        return f"{en}. Those refused wait in the queue; mend it first", f"{zh}；被拒绝的留在队列里，请先改正"
    return why, zh or why


def warned(why: str, zh: str | None = None) -> Told:
    """A run near the limit at which it stops."""
    return f"warning, it goes on: {why}", f"警告，仍在发送：{zh or why}"


def refused(share: RefusedShare) -> Told:
    """Messages that a provider refuses, strewn among those it takes."""
    part = f"{share.messages / share.of:.1%}"
    en, zh = in_words(share.reason)
    return (
        f"{share.messages:,} of {share.of:,} messages were refused by the provider ({part}), "
        f"{share.times:,} of them: {en}",
        f"{share.of:,} 条消息中有 {share.messages:,} 条被服务商拒绝（{part}），其中 {share.times:,} 条：{zh}",
    )


def why_refused(why: str) -> Told:
    """Why a run has stopped, as noted with the stop, where refusals in a row are why; else ``why`` as it is."""
    if not why.startswith(ONE_AFTER_THE_OTHER):
        return why, why
    en, zh = in_words(why.removeprefix(ONE_AFTER_THE_OTHER))
    return f"{ONE_AFTER_THE_OTHER}{en}", f"消息接连被拒绝：{zh}"


def in_words(code: str) -> Told:
    """A refusal's code in words, where they are known."""
    en, zh = _REFUSED_FOR.get(code) or _field_refused(code)
    return (f"{en} ({code})", f"{zh}（{code}）") if en else (code, code)


def _field_refused(code: str) -> Told:
    status, _, field = code.partition(":")
    known = [told for name, told in _FIELDS.items() if f"{field}.".startswith(f"{name}.")]
    if status not in ("http_400", "http_422") or not known:
        return "", ""
    return f"the provider does not accept {known[0][0]}", f"服务商不接受{known[0][1]}"


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
        return in_words(f"{why}")
    return (
        f"{code}: nobody this machine trusts vouches for that of {host}; "
        "name the file of its authority in SSL_CERT_FILE, or mend the server's",
        f"{code}：{host} 的证书不受本机信任；请在 SSL_CERT_FILE 中指明签发机构的文件，或改正服务器的证书",
    )


def awaits(run: str) -> Told:
    """A run that nobody has approved."""
    return f"waits for: winback approve {run}", f"等待批准：winback approve {run}"
