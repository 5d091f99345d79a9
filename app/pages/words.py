"""What the unsubscribe pages say, in each language; {to} is empty or names the masked address."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The sentences of one language."""

    tag: str
    to: str
    button: str
    ask_email: str
    ask_email_lines: tuple[str, ...]
    ask_sms: str
    ask_sms_lines: tuple[str, ...]
    done: str
    done_email_lines: tuple[str, ...]
    done_sms_lines: tuple[str, ...]
    broken: str
    broken_lines: tuple[str, ...]
    busy: str
    busy_lines: tuple[str, ...]


WORDS = {
    "en": Words(
        tag="en",
        to=" to {address}",
        button="Unsubscribe",
        ask_email="Stop these e-mails?",
        ask_email_lines=(
            "{sender} will then send no more of these e-mails{to}.",
            "Nothing changes until you press the button.",
        ),
        ask_sms="Stop these text messages?",
        ask_sms_lines=(
            "{sender} will then send no more of these text messages{to}.",
            "Nothing changes until you press the button.",
        ),
        done="You are unsubscribed",
        done_email_lines=(
            "{sender} sends no more of these e-mails{to}.",
            "One that is already on its way may still arrive. You can close this page.",
        ),
        done_sms_lines=(
            "{sender} sends no more of these text messages{to}.",
            "One that is already on its way may still arrive. You can close this page.",
        ),
        broken="This link does not work",
        broken_lines=(
            "It may have been cut off on the way. Please open the link in the message once more.",
            "Or write to {reply_to}, and {sender} will take you off the list.",
        ),
        busy="Please try again in a minute",
        busy_lines=(
            "Your request could not be saved just now, so nothing has changed yet.",
            "Open the link in the message once more, or write to {reply_to}.",
        ),
    ),
    "zh": Words(
        tag="zh-CN",
        to="（{address}）",
        button="退订",
        ask_email="不再接收这类邮件？",
        ask_email_lines=("退订后，{sender}将不再向您{to}发送这类邮件。", "点击按钮之前，不会有任何更改。"),
        ask_sms="不再接收这类短信？",
        ask_sms_lines=("退订后，{sender}将不再向您{to}发送这类短信。", "点击按钮之前，不会有任何更改。"),
        done="您已退订",
        done_email_lines=(
            "{sender}将不再向您{to}发送这类邮件。",
            "已经发出的邮件可能仍会送达。您可以关闭此页面。",
        ),
        done_sms_lines=(
            "{sender}将不再向您{to}发送这类短信。",
            "已经发出的短信可能仍会送达。您可以关闭此页面。",
        ),
        broken="链接无法使用",
        broken_lines=(
            "链接可能在传送途中被截断，请重新打开消息中的退订链接。",
            "也可以写信至 {reply_to}，{sender}会为您办理退订。",
        ),
        busy="请稍后再试",
        busy_lines=(
            "您的请求暂时无法保存，目前没有任何更改。",
            "请稍后重新打开消息中的链接，或写信至 {reply_to}。",
        ),
    ),
}
