"""Verdicts and rules in the words of what a campaign is judged by, where those of churn would be wrong."""

from winback.campaign import Measure
from winback.verdict import Rule, Verdict
from winback.words import Words

TITLES: dict[tuple[Measure, Verdict], Words] = {
    (Measure.REPEAT_RATE, Verdict.BETTER): Words("More ordered again", "复购增加"),
    (Measure.REPEAT_RATE, Verdict.WORSE): Words("Fewer ordered again", "复购减少"),
    (Measure.NET_CONTRIBUTION, Verdict.BETTER): Words("Brought more than it cost", "收益大于成本"),
    (Measure.NET_CONTRIBUTION, Verdict.WORSE): Words("Cost more than it brought", "成本大于收益"),
}

RULES: dict[tuple[Measure, Rule], Words] = {
    (Measure.REPEAT_RATE, Rule.FEW_EVENTS): Words(
        "In one of the groups fewer than {enough} customers ordered again, or fewer than {enough} did not: "
        "too few for a verdict.",
        "有一组的复购人数或未复购人数不足 {enough} 名，不足以下结论。",
    ),
    (Measure.NET_CONTRIBUTION, Rule.EXCLUDES_ZERO): Words(
        "The 95% interval of the difference excludes 0, and so does the stricter test for money.",
        "差异的 95% 置信区间不包含 0，针对金额的更严格检验也是如此。",
    ),
    (Measure.NET_CONTRIBUTION, Rule.UNDECIDED): Words(
        "The data fit a gain, a loss, and nothing at all.",
        "有收益、有损失或毫无作用，都与数据相符。",
    ),
}

# Guardrails that surely do not hold, by name.
BROKEN: dict[str, Words] = {
    "unsubscribed": Words(
        "Guardrail broken: {rate} of the messages were unsubscribed from, more than the limit of {limit}.",
        "超出护栏：{rate} 的消息导致退订，高于上限 {limit}。",
    ),
    "complained": Words(
        "Guardrail broken: {rate} of the messages were complained of, more than the limit of {limit}.",
        "超出护栏：{rate} 的消息被投诉，高于上限 {limit}。",
    ),
    "bounced": Words(
        "Guardrail broken: {rate} of the messages bounced, more than the limit of {limit}.",
        "超出护栏：{rate} 的消息被退回，高于上限 {limit}。",
    ),
}
