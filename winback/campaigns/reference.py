"""Every field of a campaign file in words: the table of the reference, and what editors say of it.

docs/campaign-file.md and its Chinese edition hold these tables; `make reference` writes them anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from winback.campaigns.where import TRAITS, Type
from winback.words import Language, Words

NONE = Words("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a field says; ``required`` and ``default`` in words, empty where there is nothing to say."""

    says: Words
    required: Words = NONE
    default: Words = NONE


FIELDS: Mapping[str, Entry] = {
    "id": Entry(
        says=Words(
            "lower-case words joined by hyphens; the same as the file's name",
            "用连字符连接的小写单词，与文件名相同",
        ),
        required=Words("required", "必填"),
    ),
    "name": Entry(
        says=Words("text, or `{en: ..., zh: ...}`", "文字，或 `{en: ..., zh: ...}`"),
        required=Words("required", "必填"),
    ),
    "owner": Entry(
        says=Words("the e-mail address of the person who answers for it", "负责人的邮箱"),
        required=Words("required", "必填"),
    ),
    "objective": Entry(
        says=Words(
            "what it is for, in a sentence: text, or `{en: ..., zh: ...}`; shown in the preview and the report",
            "一句话说明目的：文字，或 `{en: ..., zh: ...}`；显示在预览和报告里",
        ),
    ),
    "churn.within": Entry(
        says=Words(
            "days without an order after which a customer counts as lost, such as `90d`; also the "
            "horizon of the risk",
            "多少天没有下单就算流失，如 `90d`；也是预测风险的期限",
        ),
        required=Words("required", "必填"),
    ),
    "churn.definition": Entry(
        says=Words(
            "`no_order`; `contract`: no live contract left at the end of the window; then the campaign chooses "
            "among customers with a contract, by the risk that it ends and what it brings; or `model`: predicted "
            "lost at the end of the window, a forecast; see [below](#judged-by-a-forecast)",
            "`no_order`；`contract`：观察期结束时没有有效合同，此时只从有合同的客户中选择，风险为合同终止的概率，"
            "价值为合同带来的收入；或 `model`：观察期结束时被模型预测为流失，属于预测；见[下文](#按预测评判)",
        ),
        default=Words("`no_order`", "`no_order`"),
    ),
    "churn.threshold": Entry(
        says=Words(
            "the risk of no order within `churn.within` from which on a customer is predicted lost, such as `60%`",
            "在 `churn.within` 内不下单的风险达到多少即预测为流失，如 `60%`",
        ),
        required=Words("only with `model`", "只用于 `model`"),
        default=Words("`50%`", "`50%`"),
    ),
    "audience.value.top": Entry(
        says=Words(
            "the share of all customers with an order, such as `20%`",
            "在所有下过单的客户中取价值最高的一部分，如 `20%`",
        ),
        required=Words("one of the four", "四者至少一项"),
    ),
    "audience.value.by": Entry(
        says=Words(
            "ranked by `expected` value over the horizon or by `past` spend",
            "按期限内的预期价值（`expected`）还是历史消费（`past`）排名",
        ),
        default=Words("`expected`", "`expected`"),
    ),
    "audience.inactive": Entry(
        says=Words("no order for so many days or more, such as `60d`", "至少多少天没有下单，如 `60d`"),
        required=Words("one of the four", "四者至少一项"),
    ),
    "audience.risk.at_least": Entry(
        says=Words(
            "probability of no order within `churn.within`, 0 to 1 or a percentage",
            "在 `churn.within` 内不下单的概率，0 到 1 或百分比",
        ),
        required=Words("one of the four", "四者至少一项"),
    ),
    "audience.where": Entry(
        says=Words(
            'a condition on fields of the customer, such as `country == "France" and orders >= 2`; '
            "see [below](#conditions)",
            '对客户字段的条件，如 `country == "France" and orders >= 2`；见[下文](#条件)',
        ),
        required=Words("one of the four", "四者至少一项"),
    ),
    "audience.exclude_kinds": Entry(
        says=Words(
            "kinds of churn left alone: `natural`, `competitive`, `fault`, `passive`, `retaliatory`, `malicious`, "
            "`hidden`, `extortion`; see [the reference](reference.md#kinds-of-churn). `malicious` and `extortion` "
            "always are, `retaliatory` while the complaint is open",
            "不联系的流失类型：`natural`、`competitive`、`fault`、`passive`、`retaliatory`、`malicious`、`hidden`、"
            "`extortion`；见[参考](reference.zh-CN.md#流失类型)。`malicious` 和 `extortion` 一律不联系，"
            "`retaliatory` 在投诉解决之前不联系",
        ),
    ),
    "audience.limit.people": Entry(
        says=Words(
            "the most people, the hold-out counted; the others are `over_limit`",
            "最多多少人，包括对照组；其余记为 `over_limit`",
        ),
        default=Words("no limit", "不限"),
    ),
    "audience.limit.first": Entry(
        says=Words(
            "of more, those with the highest `value_at_risk` (expected value times risk), `risk`, or "
            "`value` (as `audience.value.by` says) are taken",
            "人数超过时先取谁：`value_at_risk`（预期价值乘以风险）、`risk` 或 `value`（按 "
            "`audience.value.by`）最高的",
        ),
        default=Words("`value_at_risk`", "`value_at_risk`"),
    ),
    "holdout": Entry(
        says=Words(
            "share of the audience left alone at random; `0%`: no effect can be measured, `check` warns",
            "随机不打扰的比例，即对照组；`0%` 则无法衡量效果，`check` 会提醒",
        ),
        default=Words("`20%`, below 5,000 people `50%`", "`20%`，不足 5,000 人时 `50%`"),
    ),
    "variants[].name": Entry(
        says=Words("versions of the message, compared with the hold-out", "消息的不同版本，各与对照组比较"),
        default=Words("one version called `message`", "只有一个版本，叫 `message`"),
    ),
    "variants[].weight": Entry(
        says=Words("how the share outside the hold-out is split", "对照组以外的人怎样分给各版本"),
        default=Words("1", "1"),
    ),
    "variants[].template": Entry(
        says=Words("folder in `templates/`", "`templates/` 里的文件夹"),
        default=Words("the one of `journey`", "`journey` 里的那个"),
    ),
    "journey[].send": Entry(
        says=Words("name of the message and of its template folder", "消息名，也是模板文件夹的名字"),
        required=Words("required, one", "必填，一条"),
    ),
    "journey[].channels": Entry(
        says=Words(
            "`email`, `sms`; the first that is allowed and has an address",
            "`email`、`sms`；取第一个获得同意且有联系方式的",
        ),
        default=Words("`[email, sms]`", "`[email, sms]`"),
    ),
    "schedule.cron": Entry(
        says=Words("five fields, weekdays by name (`0 9 * * mon`)", "五个字段，星期写名称（`0 9 * * mon`）"),
        default=Words("by hand only", "只由人工运行"),
    ),
    "schedule.timezone": Entry(
        says=Words("such as `Europe/London`", "如 `Asia/Shanghai`"),
        required=Words("with `cron`", "有 `cron` 时必填"),
    ),
    "schedule.late_limit": Entry(
        says=Words(
            "hours after which a slot is recorded as missed and a message is no longer sent, such as `4h`",
            "晚了多久就记为错过、消息也不再发送，如 `4h`",
        ),
        default=Words("`4h`", "`4h`"),
    ),
    "schedule.starts": Entry(
        says=Words(
            "the first day of the zone on which it runs, such as `2026-09-01`",
            "从时区的哪一天起运行，如 `2026-09-01`",
        ),
        default=Words("at once", "立即"),
    ),
    "schedule.ends": Entry(
        says=Words(
            "the last day of the zone on which it runs, such as `2026-12-31`",
            "运行到时区的哪一天为止，如 `2026-12-31`",
        ),
        default=Words("never", "永不"),
    ),
    "again_after": Entry(
        says=Words(
            "days after which a person may enter again, such as `180d`", "多少天后同一个人可以再次进入，如 `180d`"
        ),
        default=Words("never", "永不"),
    ),
    "limits.per_person": Entry(
        says=Words(
            "most messages to one person, of all campaigns together, such as `2 in 30d`",
            "一个人最多收到几条消息，所有活动合计，如 `2 in 30d`（30 天内 2 条）",
        ),
        default=Words("no limit", "不限"),
    ),
    "limits.quiet_hours": Entry(
        says=Words(
            "when nobody is disturbed, by the recipient's own clock, such as `21:00-09:00`",
            "免打扰时段，按收件人当地时间，如 `21:00-09:00`",
        ),
        default=Words(
            "none; see [below](#how-much-and-when) for text messages", "无；短信见[下文](#发多少什么时候发)"
        ),
    ),
    "limits.per_day": Entry(
        says=Words(
            "most messages of this campaign in one day of the workspace", "本活动在工作区的一天里最多发多少条"
        ),
        default=Words("no limit", "不限"),
    ),
    "limits.budget.amount": Entry(
        says=Words(
            "the most that sending may cost, all runs of this campaign together",
            "发送费用的上限，本活动的各次运行合计",
        ),
        default=Words("no limit", "不限"),
    ),
    "limits.budget.currency": Entry(
        says=Words("the workspace's", "工作区的货币"),
        required=Words("with `amount`", "有 `amount` 时必填"),
    ),
    "limits.priority": Entry(
        says=Words(
            "0 to 100; of several campaigns that have something to send, the higher goes first",
            "0 到 100；几个活动都有消息要发时，数字大的先发",
        ),
        default=Words("50", "50"),
    ),
    "on_uncertain": Entry(
        says=Words(
            "a message of which nobody knows whether it arrived: `hold` leaves it to a report or a "
            "person; `resend_after_reconcile` sends it once more when the provider was asked and "
            "does not have it",
            "无法得知是否送达的消息：`hold` 等服务商的回报或由人判定；`resend_after_reconcile` "
            "向服务商查询，确认没有收到后再发一次",
        ),
        default=Words("`hold`", "`hold`"),
    ),
    "topic": Entry(
        says=Words(
            "one of `[topics]` in `winback.toml`: whoever wants nothing of it gets none",
            "`winback.toml` 里 `[topics]` 中的一个；不想收到这类消息的人不会收到",
        ),
    ),
    "utm.source": Entry(
        says=Words(
            "added to the address of a [counted link](templates.md#links-that-are-counted) as `utm_source` "
            "when a reader follows it; a parameter the address has itself stays",
            "读者点开[会统计点击的链接](templates.zh-CN.md#会统计点击的链接)时，作为 `utm_source` 加在地址后面；"
            "地址里原有的参数不变",
        ),
        required=Words("with `utm`", "有 `utm` 时必填"),
    ),
    "utm.medium": Entry(says=Words("as `utm_medium`", "作为 `utm_medium`"), default=Words("`email`", "`email`")),
    "utm.campaign": Entry(
        says=Words("as `utm_campaign`", "作为 `utm_campaign`"),
        default=Words("the campaign's `id`", "活动的 `id`"),
    ),
    "approval.above": Entry(
        says=Words(
            "a run that is really sent, with more people in it, waits for `winback approve`; see "
            "[below](#approval)",
            "真正发送的一次运行，名单超过多少人就要等 `winback approve`；见[下文](#审批)",
        ),
        default=Words("no run waits", "不等待"),
    ),
    "approval.by": Entry(
        says=Words("the name that must be given; never the owner's", "必须写出的名字，不能是负责人"),
        default=Words("anybody but the owner", "负责人以外的任何人"),
    ),
    "compliance": Entry(
        says=Words(
            "law packs in force: `[default]`, which every campaign has (footer, opt-out, consent, "
            "quiet hours for text messages)",
            "生效的法规包：`[default]`，每个活动都有（页脚、退订、同意、短信的免打扰时段）",
        ),
        default=Words("`[default]`", "`[default]`"),
    ),
    "success.window": Entry(
        says=Words("days after the start over which the outcome is measured", "从开始算起，观察多少天的结果"),
        required=Words("required", "必填"),
    ),
    "success.blank_out": Entry(
        says=Words(
            "days after the start that do not count, neither before nor after; the window begins after them",
            "开始后不计入的天数，既不算前也不算后；观察期从其后开始",
        ),
        default=Words("`0d`", "`0d`"),
    ),
    "success.measure": Entry(
        says=Words(
            "what the verdict is of: `churn`, `value_lost`, `value_lost_share`, `retention`, "
            "`repeat_rate`, `purchase_frequency`, `csat`, `nps` or `net_contribution`; see "
            "[below](#judged-by-what)",
            "结论针对什么：`churn`、`value_lost`、`value_lost_share`、`retention`、`repeat_rate`、"
            "`purchase_frequency`、`csat`、`nps` 或 `net_contribution`；见[下文](#按什么评判)",
        ),
        default=Words("`churn`", "`churn`"),
    ),
    "success.smallest_effect": Entry(
        says=Words(
            "percentage points below which a difference isn't worth having, such as `3pp`",
            "小于多少个百分点的差异就不值得，如 `3pp`",
        ),
        required=Words("only with a measure in percent", "只用于百分比指标"),
    ),
    "success.margin": Entry(
        says=Words(
            "the share of revenue that is contribution, such as `40%`; net contribution and ROI come of it",
            "毛利占收入的比例，如 `40%`：净贡献和投资回报率（ROI）都按它计算",
        ),
        required=Words("with `net_contribution`", "用 `net_contribution` 时必填"),
    ),
    "success.guardrails.unsubscribed": Entry(
        says=Words(
            "the most messages, of those that left, that may be unsubscribed from, such as `1%`",
            "已发出的消息中最多多少可以导致退订，如 `1%`",
        ),
    ),
    "success.guardrails.complained": Entry(
        says=Words("the same for complaints, such as `0.1%`", "投诉的同样上限，如 `0.1%`"),
    ),
    "success.guardrails.bounced": Entry(
        says=Words("the same for bounces, such as `2%`", "退回的同样上限，如 `2%`"),
    ),
}
_HEADS = {"en": "| field | | what it says | default |", "zh": "| 字段 | | 含义 | 默认值 |"}


def table(language: Language) -> str:
    """The table of the reference, as Markdown."""
    rows = [_HEADS[language], "|---|---|---|---|"]
    for name, entry in FIELDS.items():
        texts = (entry.required, entry.says, entry.default)
        cells = [f"`{name}`", *(words.en if language == "en" else words.zh for words in texts)]
        rows.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    return "\n".join(rows) + "\n"


_TRAIT_HEADS = {"en": "| field | holds | what it is |", "zh": "| 字段 | 类型 | 含义 |"}
_TYPES = {
    Type.TEXT: Words("text", "文字"),
    Type.NUMBER: Words("number", "数字"),
    Type.DAY: Words("day", "日期"),
    Type.YES_NO: Words("yes or no", "是或否"),
}


def conditions(language: Language) -> str:
    """The table of what a condition may ask for, as Markdown."""
    rows = [_TRAIT_HEADS[language], "|---|---|---|"]
    for name, trait in TRAITS.items():
        says = trait.en if language == "en" else trait.zh
        rows.append(f"| `{name}` | {_TYPES[trait.type].say(language)} | {says} |")
    return "\n".join(rows) + "\n"
