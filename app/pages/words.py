"""What the pages say, in each language; {to} is empty or names the masked address."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """A headline and the two sentences below it."""

    title: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormWords:
    """The sentences of the form on which one chooses what to receive."""

    or_choose: str  # below the button that unsubscribes
    choose: str
    how: str
    channels: str
    email: str
    sms: str
    closed: str
    topics: str
    more: str
    less_often: str
    less_often_hint: str
    no_personalisation: str
    no_personalisation_hint: str
    save: str
    everything: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The sentences of one language."""

    tag: str
    name: str  # of the language, in itself
    to: str
    button: str
    ask_email: Saying
    ask_sms: Saying
    done_email: Saying
    done_sms: Saying
    ended: Saying
    saved: Saying
    broken: Saying
    no_link: Saying
    busy: Saying
    form: FormWords


WORDS = {
    "en": Words(
        tag="en",
        name="English",
        to=" to {address}",
        button="Unsubscribe",
        ask_email=Saying(
            title="Stop these e-mails?",
            first="{sender} will then send no more of these e-mails{to}.",
            second="Nothing changes until you press a button.",
        ),
        ask_sms=Saying(
            title="Stop these text messages?",
            first="{sender} will then send no more of these text messages{to}.",
            second="Nothing changes until you press a button.",
        ),
        done_email=Saying(
            title="You are unsubscribed",
            first="{sender} sends no more of these e-mails{to}.",
            second="One that is already on its way may still arrive. You can close this page.",
        ),
        done_sms=Saying(
            title="You are unsubscribed",
            first="{sender} sends no more of these text messages{to}.",
            second="One that is already on its way may still arrive. You can close this page.",
        ),
        ended=Saying(
            title="Everything is stopped",
            first="{sender} sends you no more of these e-mails and text messages.",
            second="One that is already on its way may still arrive. You can close this page.",
        ),
        saved=Saying(
            title="Your choices are saved",
            first="The form below shows what holds now.",
            second="A message that is already on its way may still arrive. You can close this page.",
        ),
        broken=Saying(
            title="This link does not work",
            first="It may have been cut off on the way. Please open the link in the message once more.",
            second="Or write to {reply_to}, and {sender} will take you off the list.",
        ),
        no_link=Saying(
            title="This link does not work",
            first="It may have been cut off on the way. Please open the link in the message once more.",
            second="If you are looking for something, write to {reply_to}.",
        ),
        busy=Saying(
            title="Please try again in a minute",
            first="Your request could not be handled just now, so nothing has changed yet.",
            second="Open the link in the message once more, or write to {reply_to}.",
        ),
        form=FormWords(
            or_choose="Or choose what you receive",
            choose="Choose what you receive",
            how="A tick means: yes, please.",
            channels="Ways to reach you",
            email="E-mail",
            sms="Text message",
            closed="Closed: messages came back or were reported, or you told us elsewhere. "
            "To open it again, write to {reply_to}.",
            topics="Topics",
            more="How much, and how chosen",
            less_often="Write to me less often",
            less_often_hint="At most one message in 30 days.",
            no_personalisation="Do not choose me by my orders",
            no_personalisation_hint="No forecast is used to pick you. Campaigns that depend on one leave you out.",
            save="Save",
            everything="Stop everything",
        ),
    ),
    "zh": Words(
        tag="zh-CN",
        name="中文",
        to="（{address}）",
        button="退订",
        ask_email=Saying(
            title="不再接收这类邮件？",
            first="退订后，{sender}将不再向您{to}发送这类邮件。",
            second="点击按钮之前，不会有任何更改。",
        ),
        ask_sms=Saying(
            title="不再接收这类短信？",
            first="退订后，{sender}将不再向您{to}发送这类短信。",
            second="点击按钮之前，不会有任何更改。",
        ),
        done_email=Saying(
            title="您已退订",
            first="{sender}将不再向您{to}发送这类邮件。",
            second="已经发出的邮件可能仍会送达。您可以关闭此页面。",
        ),
        done_sms=Saying(
            title="您已退订",
            first="{sender}将不再向您{to}发送这类短信。",
            second="已经发出的短信可能仍会送达。您可以关闭此页面。",
        ),
        ended=Saying(
            title="已全部停止",
            first="{sender}将不再向您发送这类邮件和短信。",
            second="已经发出的消息可能仍会送达。您可以关闭此页面。",
        ),
        saved=Saying(
            title="您的选择已保存",
            first="下方表单显示的是当前的设置。",
            second="已经发出的消息可能仍会送达。您可以关闭此页面。",
        ),
        broken=Saying(
            title="链接无法使用",
            first="链接可能在传送途中被截断，请重新打开消息中的退订链接。",
            second="也可以写信至 {reply_to}，{sender}会为您办理退订。",
        ),
        no_link=Saying(
            title="链接无法使用",
            first="链接可能在传送途中被截断，请重新打开消息中的链接。",
            second="如有需要，请写信至 {reply_to}。",
        ),
        busy=Saying(
            title="请稍后再试",
            first="您的请求暂时无法处理，目前没有任何更改。",
            second="请稍后重新打开消息中的链接，或写信至 {reply_to}。",
        ),
        form=FormWords(
            or_choose="也可以选择您想接收的内容",
            choose="选择您想接收的内容",
            how="勾选表示愿意接收。",
            channels="联系方式",
            email="邮件",
            sms="短信",
            closed="已关闭：消息曾被退回或举报，或您曾以其他方式拒收。如需重新开通，请写信至 {reply_to}。",
            topics="主题",
            more="频率与个性化",
            less_often="减少发送",
            less_often_hint="30 天内最多一条消息。",
            no_personalisation="不根据我的订单挑选我",
            no_personalisation_hint="不再用预测来选择您；依赖预测的活动将不会包括您。",
            save="保存",
            everything="全部停止",
        ),
    ),
}
