"""The words and figures of reports, in English and Chinese: names of the closed sets, and how numbers are written.

Every member of Verdict, Rule, Missing, Reason and State has its words here. What is undefined is written as an
en dash, never as 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Literal

from babel.dates import format_date
from babel.numbers import format_currency

from winback.audience import Reason
from winback.estimates import Missing
from winback.events import State
from winback.money import exponent, format_money
from winback.verdict import Rule, Verdict

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LANG_TAGS: dict[Language, str] = {"en": "en", "zh": "zh-CN"}

UNDEFINED = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_DAYS: dict[Language, tuple[str, str]] = {"en": ("d MMMM y", "en"), "zh": ("y年M月d日", "zh")}
_RANGES: dict[Language, str] = {
    "en": "{}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{}",
    "zh": "{}\N{NO-BREAK SPACE}至\N{NO-BREAK SPACE}{}",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages; ``{names}`` are filled in when it is said."""

    en: str
    zh: str

    def say(self, language: Language, **values: object) -> str:
        """The text in ``language`` with its values; KeyError when one is missing."""
        return (self.en if language == "en" else self.zh).format_map(values)


VERDICTS: dict[Verdict, Words] = {
    Verdict.BETTER: Words("Fewer churned", "流失减少"),
    Verdict.WORSE: Words("More churned", "流失增加"),
    Verdict.NO_EFFECT_WORTH_HAVING: Words("No effect worth having", "效果过小，不值得"),
    Verdict.CANT_TELL: Words("Can't tell", "尚无定论"),
    Verdict.NOT_ENOUGH_DATA: Words("Not enough data", "数据不足"),
    Verdict.DO_NOT_TRUST: Words("Do not trust", "结果不可信"),
    Verdict.INTERIM: Words("Interim", "观察期未满"),
}

RULES: dict[Rule, Words] = {
    Rule.EMPTY_ARM: Words(
        "One of the two groups has fewer than 2 customers, so there is nothing to compare.",
        "两组中有一组不足 2 名客户，无法比较。",
    ),
    Rule.SPLIT_WRONG: Words(
        "The split is not as planned (sample ratio mismatch, {srm_p}): "
        "something other than chance sorted customers into the groups.",
        "分组人数与计划不符（样本比例失衡，{srm_p}）：分组并非完全随机。",
    ),
    Rule.ROWS_LOST: Words(
        "Some assigned customers are missing from the measurement, or others were counted in: "
        "those who are left are no fair comparison.",
        "参加分组的客户有缺失，或混入了其他客户，剩下的两组不再可比。",
    ),
    Rule.HOLDOUT_CONTAMINATED: Words(
        "{contaminated} of the {held} held-out customers ({touched}) were written to. "
        "Above {limit} the hold-out is no yardstick any more.",
        "对照组 {held} 名客户中有 {contaminated} 名（{touched}）收到了消息，超过 {limit}，对照组已不能作为参照。",
    ),
    Rule.HOLDOUT_TOUCHED: Words(
        "{contaminated} of the {held} held-out customers ({touched}) were written to. "
        "That is not above {limit}; they stay in the hold-out.",
        "对照组 {held} 名客户中有 {contaminated} 名（{touched}）收到了消息，未超过 {limit}，仍计入对照组。",
    ),
    Rule.NOT_MATURED: Words(
        "The window is not complete: the data reach {through}, and the answer needs orders through {last}.",
        "观察期数据尚不完整：数据截至 {through}，需要 {last} 及之前的全部订单才能得出结论。",
    ),
    Rule.BOUNDARY_CROSSED: Words(
        "The window is not complete, but the difference is already beyond the wider limit set for an early look.",
        "观察期尚未结束，但差异已超出为提前查看设定的更宽界限。",
    ),
    Rule.FEW_EVENTS: Words(
        "In one of the groups fewer than {enough} customers churned, or fewer than {enough} did not: "
        "too few for a verdict.",
        "有一组的流失人数或未流失人数不足 {enough} 名，不足以下结论。",
    ),
    Rule.FEW_BUYERS: Words(
        "One of the groups has fewer than {floor} buyers: too few for a verdict on money.",
        "有一组的购买人数不足 {floor} 名，不足以对金额下结论。",
    ),
    Rule.APPROXIMATE: Words(
        "One of the groups has few buyers: take the interval of the money as approximate.",
        "有一组的购买人数较少，金额的置信区间仅供参考。",
    ),
    Rule.NO_INTERVAL: Words("No interval can be computed.", "无法计算置信区间。"),
    Rule.EXCLUDES_ZERO: Words(
        "The {level} interval of the difference excludes 0.", "差异的 {level} 置信区间不包含 0。"
    ),
    Rule.INSIDE_SMALLEST_EFFECT: Words(
        "The whole {level} interval lies within ±{smallest} points, the smallest effect worth having.",
        "整个 {level} 置信区间都在 ±{smallest} 个百分点（最小有意义效果）以内。",
    ),
    Rule.UNDECIDED: Words(
        "The {level} interval includes 0: the data fit a benefit, a harm, and nothing at all.",
        "{level} 置信区间包含 0：有利、有害或毫无作用，都与数据相符。",
    ),
}

MISSING: dict[Missing, Words] = {
    Missing.TOO_FEW_CUSTOMERS: Words("too few customers", "客户太少"),
    Missing.TOO_FEW_EVENTS: Words("too few of them churned or stayed", "流失或留存的客户太少"),
    Missing.TOO_FEW_BUYERS: Words("too few of them bought", "购买的客户太少"),
    Missing.NO_SPREAD: Words("all customers are alike", "所有客户完全相同，无从估计"),
    Missing.NO_VALUE: Words("worth nothing at the start", "期初价值为零"),
    Missing.NO_COST: Words("nothing was spent", "没有支出"),
    Missing.COST_UNKNOWN: Words("the cost of the messages is not known", "消息费用未知"),
    Missing.NOBODY_DELIVERED: Words("no message was delivered", "没有消息送达"),
    Missing.NOBODY_SAVED: Words("no customers saved", "没有挽回客户"),
    Missing.NOT_FOLLOWED: Words("not watched for that long", "观察时间不够长"),
    Missing.NOTHING_TO_COMPARE: Words("fewer than two groups to compare", "可比较的组不足两个"),
    Missing.NOT_VISIBLE: Words("this audience is too small to show any effect", "受众太小，任何效果都无法看出"),
    Missing.NO_MARGIN: Words("the campaign file states no margin", "活动文件未写明毛利率（margin）"),
    Missing.NOT_COMPLETE: Words("the window is not over", "观察期尚未结束"),
}

REASONS: dict[Reason, Words] = {
    Reason.NOT_TOP_VALUE: Words("Not top value", "非高价值客户"),
    Reason.NOT_AT_RISK: Words("Not at risk", "无流失风险"),
    Reason.WHERE: Words("Outside the filter", "不符合筛选条件"),
    Reason.KIND: Words("Churn kind excluded", "流失类型被排除"),
    Reason.ALREADY_ENTERED: Words("Already entered", "已参加过本活动"),
    Reason.EXCLUSIVE_GROUP: Words("In another campaign", "在互斥活动中"),
    Reason.GLOBAL_HOLDOUT: Words("Global hold-out", "全局对照组"),
    Reason.SUPPRESSED: Words("Opted out or blocked", "已退订或禁发"),
    Reason.NO_CONSENT: Words("No consent", "未获同意"),
    Reason.NO_ADDRESS: Words("No address", "无联系方式"),
    Reason.SAME_CONTACT: Words("Same contact", "联系方式重复"),
    Reason.OVER_LIMIT: Words("Over the limit", "超出人数上限"),
}

REASON_NOTES: dict[Reason, Words] = {
    Reason.NOT_TOP_VALUE: Words("not among the customers worth most", "消费价值未进入最高的一档"),
    Reason.NOT_AT_RISK: Words("ordered recently, or the risk is low", "近期有订单，或流失风险较低"),
    Reason.WHERE: Words("does not meet the campaign's conditions", "不满足活动设定的条件"),
    Reason.KIND: Words("a kind of churn this campaign leaves alone", "本活动不针对这类流失"),
    Reason.ALREADY_ENTERED: Words("was in this campaign before", "此前已进入本活动，尚不能再次进入"),
    Reason.EXCLUSIVE_GROUP: Words("is in a campaign that excludes this one", "正在参加与本活动互斥的活动"),
    Reason.GLOBAL_HOLDOUT: Words("is left alone by every campaign", "不参加任何活动"),
    Reason.SUPPRESSED: Words("on the opt-out list, bounced or complained", "在退订名单中，或曾退信、投诉"),
    Reason.NO_CONSENT: Words("has not agreed to be written to", "未同意接收营销消息"),
    Reason.NO_ADDRESS: Words("no e-mail or phone this campaign can use", "没有本活动可用的邮箱或手机号"),
    Reason.SAME_CONTACT: Words(
        "shares an e-mail or phone with someone who is in", "与名单中另一位客户共用邮箱或手机号"
    ),
    Reason.OVER_LIMIT: Words("the campaign's limit of people was reached", "已达到本活动的人数上限"),
}

STATES: dict[State, Words] = {
    State.PLANNED: Words("planned", "已计划"),
    State.QUEUED: Words("queued", "排队中"),
    State.SENDING: Words("being sent", "发送中"),
    State.ACCEPTED: Words("accepted", "服务商已接收"),
    State.DEFERRED: Words("deferred", "延迟投递"),
    State.DELIVERED: Words("delivered", "已送达"),
    State.BOUNCED: Words("bounced", "退信"),
    State.COMPLAINED: Words("complained", "被投诉"),
    State.SKIPPED: Words("skipped", "已跳过"),
    State.REJECTED: Words("rejected", "被拒绝"),
    State.UNCERTAIN: Words("not known", "结果不明"),
    State.ABANDONED: Words("given up", "已放弃"),
}


def name_of(key: str, names: dict[Reason, Words] | dict[State, Words], language: Language) -> str:
    """The words for a stored key; a key this version does not know is shown as it is."""
    found = {str(member): words for member, words in names.items()}.get(key)
    return found.say(language) if found else key


def defined(value: float | None) -> bool:
    """Whether there is a number to write."""
    return value is not None and isfinite(value)


def whole(value: float | None) -> str:
    """A count: ``23,570``."""
    return UNDEFINED if value is None or not defined(value) else _signed(f"{value:,.0f}")


def gain(value: float | None) -> str:
    """A count with its sign: ``+1``, ``−39``."""
    return UNDEFINED if value is None or not defined(value) else _signed(f"{value:+,.0f}")


def level(alpha: float) -> str:
    """The level of an interval, from its two-sided alpha: ``95%``, after early looks ``95.6%``."""
    if alpha < 0.0005:  # a first look: no number of nines is worth reading
        return ">99.9%"
    return f"{100 * (1 - alpha):.1f}".removesuffix(".0") + "%"


def percent(share: float | None) -> str:
    """A share 0-1 as a percentage with one decimal: ``71.4%``."""
    return UNDEFINED if share is None or not defined(share) else f"{share * 100:.1f}%"


def gain_percent(share: float | None) -> str:
    """A gain on what was spent, in whole percent with its sign: ``+35%``, ``−100%``."""
    return UNDEFINED if share is None or not defined(share) else _signed(f"{share * 100:+,.0f}") + "%"


def points(share: float | None) -> str:
    """A difference of shares in percentage points with sign and one decimal: ``−0.9``."""
    return UNDEFINED if share is None or not defined(share) else _signed(f"{share * 100:+.1f}")


def size(share: float | None) -> str:
    """A distance of shares in percentage points, without sign: ``3.0``."""
    return UNDEFINED if share is None or not defined(share) else f"{abs(share) * 100:.1f}"


def p_value(p: float | None) -> str:
    """A p with three decimals, or ``<0.001``."""
    if p is None or not defined(p):
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def p_claim(p: float | None) -> str:
    """A p within a sentence: ``p = 0.914``, ``p < 0.001``."""
    written = p_value(p)
    return f"p < {written[1:]}" if written.startswith("<") else f"p = {written}"


def figure(value: float | None) -> str:
    """Any other number, to four digits."""
    return UNDEFINED if value is None or not defined(value) else _signed(f"{value:.4g}")


def number(value: float | None) -> str:
    """A mean: two decimals, none from 100 on: ``0.51``, ``1,235``."""
    return gain_number(value).lstrip("+")


def gain_number(value: float | None) -> str:
    """A difference of means with its sign: ``+0.07``, ``−1,235``."""
    if value is None or not defined(value):
        return UNDEFINED
    return _signed(f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.2f}")


def money(amount: float | None, currency: str, language: Language) -> str:
    """An amount in major units of ``currency``, by the customs of the language: ``$1,234.50``."""
    if amount is None or not defined(amount):
        return UNDEFINED
    minor = round(Decimal(str(amount)).scaleb(exponent(currency)))
    return format_money(minor, currency, LANG_TAGS[language]).replace("-", MINUS)


def gain_money(amount: float | None, currency: str, language: Language) -> str:
    """A difference of amounts, with its sign: ``+$0.31``."""
    written = money(amount, currency, language)
    gained = amount is not None and amount > 0 and any(digit in written for digit in "123456789")
    return f"+{written}" if gained else written


def gain_total(amount: float | None, currency: str, language: Language) -> str:
    """A sum over many customers, with its sign, in whole units from 1,000 on: ``+$3,943``."""
    if amount is None or not defined(amount) or abs(amount) < 1000:
        return gain_money(amount, currency, language)
    written = format_currency(
        round(amount), currency, format="¤#,##0", locale=LANG_TAGS[language].replace("-", "_"),
        currency_digits=False,
    ).replace("-", MINUS)  # fmt: skip
    return f"+{written}" if amount > 0 else str(written)


def listed(names: Sequence[str], language: Language) -> str:
    """Names beside each other: ``a, b``, ``a、b``."""
    return ("、" if language == "zh" else ", ").join(names)


def between(low: str, high: str, language: Language) -> str:
    """Two ends as a range that no line breaks; an en dash when one is undefined."""
    return UNDEFINED if UNDEFINED in (low, high) else _RANGES[language].format(low, high)


def day(value: date | None, language: Language) -> str:
    """A day: ``31 December 1997``, ``1997年12月31日``."""
    pattern, locale = _DAYS[language]
    return UNDEFINED if value is None else str(format_date(value, pattern, locale=locale))


def _signed(text: str) -> str:
    """With a true minus sign, and none on a number that rounds to 0."""
    rounds_to_zero = not any(digit in text for digit in "123456789")
    return text.lstrip("+-") if rounds_to_zero else text.replace("-", MINUS)
