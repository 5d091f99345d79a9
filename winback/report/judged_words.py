"""Verdicts and rules in the words of what a campaign is judged by, where those of churn would be wrong."""

from winback.campaigns.campaign import OF_ANSWERS, Measure
from winback.lift.verdict import Rule, Verdict
from winback.outcomes.part_sums import (
    ADJUSTED_CONTRIBUTION,
    CHURNED,
    CONTRIBUTION,
    LOST_SHARE,
    ORDERS,
    REPEATED,
    RETAINED,
    SCORES,
    VALUE_LOST,
)
from winback.words import Words


def _of_answers(mean: str, held: str, range_zh: str) -> Words:
    return Words(
        f"Of the {{n}} customers written to {{answered}} answered, {mean} on average; of the {{control_n}} held "
        f"out {{control_answered}} did, {held}. Of those who answer either way the difference is "
        "somewhere from {interval} ({level}), whoever else answered because of the message.",
        f"实验组 {{n}} 名客户中 {{answered}} 名作答，平均 {{mean}} 分{range_zh}；"
        "对照组 {control_n} 名客户中 {control_answered} 名作答，平均 {control_mean} 分。"
        "无论收不收到消息都会作答的客户，差异在 {interval} 之间（{level} 置信区间），"
        "已计入因消息才作答或不作答的人。",
    )


# What was seen of both groups, where that is not churn.
FACTS: dict[Measure, Words] = {
    Measure.REPEAT_RATE: Words(
        "{rate} of the {n} customers written to and {control_rate} of the {control_n} held out ordered on two "
        "days or more in the {days} days of the window; "
        "the difference is {difference} points ({level}: {interval}).",
        "在 {days} 天观察期内，实验组 {n} 名客户中 {rate} 在两天或更多天下单，"
        "对照组 {control_n} 名客户中 {control_rate} 如此；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
    Measure.RETENTION: Words(
        "{rate} of the {n} customers written to and {control_rate} of the {control_n} held out ordered "
        "in the {days} days of the window; the difference is {difference} points ({level}: {interval}).",
        "在 {days} 天观察期内，实验组 {n} 名客户中 {rate} 下了单，"
        "对照组 {control_n} 名客户中 {control_rate} 下了单；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
    Measure.PURCHASE_FREQUENCY: Words(
        "Each of the {n} customers written to placed {mean} orders in the {days} days of the window, and each of "
        "the {control_n} held out {control_mean}; the difference is {difference} ({level}: {interval}).",
        "在 {days} 天观察期内，实验组 {n} 名客户人均下单 {mean} 次，"
        "对照组 {control_n} 名客户人均 {control_mean} 次；差异为 {difference}（{level} 置信区间：{interval}）。",
    ),
    Measure.VALUE_LOST: Words(
        "Those who did not order in the {days} days of the window took with them {mean} for each of the {n} "
        "customers written to and {control_mean} for each of the {control_n} held out, by what they had spent in "
        "as many days before; the difference is {difference} ({level}: {interval}).",
        "按此前同样天数内的消费计算，在 {days} 天观察期内未下单者带走的价值，"
        "实验组 {n} 名客户人均 {mean}，对照组 {control_n} 名客户人均 {control_mean}；"
        "差异为 {difference}（{level} 置信区间：{interval}）。",
    ),
    Measure.VALUE_LOST_SHARE: Words(
        "Of what the {n} customers written to had spent in the {days} days before, {mean} went with those who did "
        "not order in the {days} days of the window, and {control_mean} of that of the {control_n} held out; "
        "the difference is {difference} points ({level}: {interval}).",
        "在 {days} 天观察期内，未下单者带走了实验组 {n} 名客户此前 {days} 天消费的 {mean}，"
        "对照组 {control_n} 名客户为 {control_mean}；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
    Measure.CSAT: _of_answers("{mean} of 5", "{control_mean} of 5", "（1 至 5 分）"),
    Measure.NPS: _of_answers("{mean} of 10", "{control_mean} of 10", "（0 至 10 分）"),
    Measure.NET_CONTRIBUTION: Words(
        "Each of the {n} customers written to brought a net contribution of {mean} in the {days} days of "
        "the window, messages paid, and each of the {control_n} held out {control_mean}; "
        "the difference is {difference} ({level}: {interval}).",
        "在 {days} 天观察期内，扣除消息费用后，实验组 {n} 名客户人均净贡献 {mean}，"
        "对照组 {control_n} 名客户人均 {control_mean}；差异为 {difference}（{level} 置信区间：{interval}）。",
    ),
}

VALUE = (Measure.VALUE_LOST, Measure.VALUE_LOST_SHARE)
_LESS = Words("\N{LEFTWARDS ARROW} less lost", "\N{LEFTWARDS ARROW} 损失更少")
_MORE = Words("more lost \N{RIGHTWARDS ARROW}", "损失更多 \N{RIGHTWARDS ARROW}")
_LESS_LOST, _MORE_LOST = Words("Less value was lost", "流失价值减少"), Words("More value was lost", "流失价值增加")

TITLES: dict[tuple[Measure, Verdict], Words] = {
    **{(measure, Verdict.BETTER): _LESS_LOST for measure in VALUE},
    **{(measure, Verdict.WORSE): _MORE_LOST for measure in VALUE},
    (Measure.RETENTION, Verdict.BETTER): Words("More stayed", "留存增加"),
    (Measure.RETENTION, Verdict.WORSE): Words("Fewer stayed", "留存减少"),
    (Measure.REPEAT_RATE, Verdict.BETTER): Words("More ordered again", "复购增加"),
    (Measure.REPEAT_RATE, Verdict.WORSE): Words("Fewer ordered again", "复购减少"),
    (Measure.PURCHASE_FREQUENCY, Verdict.BETTER): Words("They ordered more often", "购买更频繁"),
    (Measure.PURCHASE_FREQUENCY, Verdict.WORSE): Words("They ordered less often", "购买减少"),
    **{(measure, Verdict.BETTER): Words("More satisfied", "满意度提高") for measure in OF_ANSWERS},
    **{(measure, Verdict.WORSE): Words("Less satisfied", "满意度下降") for measure in OF_ANSWERS},
    (Measure.NET_CONTRIBUTION, Verdict.BETTER): Words("Brought more than it cost", "收益大于成本"),
    (Measure.NET_CONTRIBUTION, Verdict.WORSE): Words("Cost more than it brought", "成本大于收益"),
}

_MEANS = (*VALUE, Measure.PURCHASE_FREQUENCY)
_FEW_BUYERS = Words(
    "One of the groups has fewer than {floor} buyers: too few for a verdict on a mean, and for an interval you "
    "can trust.",
    "有一组的购买人数不足 {floor} 名，不足以对平均值下结论，置信区间也不可靠。",
)
_APPROXIMATE = Words(
    "One of the groups has few buyers: take the interval as approximate.",
    "有一组的购买人数较少，置信区间仅供参考。",
)
_BOTH_TESTS = Words(
    "The {level} interval of the difference excludes 0, and so does the stricter test for means carried by a few.",
    "差异的 {level} 置信区间不包含 0，针对少数人主导的平均值的更严格检验也是如此。",
)

_ANSWERS_TOO = Words(
    "The window is not complete: orders and answers (feedback) are both known through {through}, and have to be "
    "through {last}.",
    "观察期数据尚不完整：订单与客户反馈均已知的截止日为 {through}，"
    "需要 {last} 及之前的全部订单与客户反馈才能得出结论。",
)
_WHOEVER_ANSWERS = Words(
    "The {level} interval excludes 0, even if those who answered only because of the message were the happiest or "
    "the unhappiest of all.",
    "即使因消息才作答的人恰好都最满意或最不满意，{level} 置信区间也不包含 0。",
)
_WHO_ANSWERS = Words(
    "The {level} interval includes 0 once it allows for who answers: a message can change that, and the happiest "
    "or the unhappiest may have answered because of it.",
    "考虑到谁会作答之后，{level} 置信区间包含 0：消息会影响谁作答，因消息才作答的可能恰是最满意或最不满意的人。",
)

RULES: dict[tuple[Measure, Rule], Words] = {
    **{(measure, Rule.FEW_BUYERS): _FEW_BUYERS for measure in _MEANS},
    **{(measure, Rule.APPROXIMATE): _APPROXIMATE for measure in _MEANS},
    **{(measure, Rule.EXCLUDES_ZERO): _BOTH_TESTS for measure in _MEANS},
    (Measure.REPEAT_RATE, Rule.FEW_EVENTS): Words(
        "In one of the groups fewer than {enough} customers ordered again, or fewer than {enough} did not: "
        "too few for a verdict.",
        "有一组的复购人数或未复购人数不足 {enough} 名，不足以下结论。",
    ),
    **{(measure, Rule.NOT_MATURED): _ANSWERS_TOO for measure in OF_ANSWERS},
    **{(measure, Rule.EXCLUDES_ZERO): _WHOEVER_ANSWERS for measure in OF_ANSWERS},
    **{(measure, Rule.UNDECIDED): _WHO_ANSWERS for measure in OF_ANSWERS},
    (Measure.NET_CONTRIBUTION, Rule.EXCLUDES_ZERO): Words(
        "The {level} interval of the difference excludes 0, and so does the stricter test for money.",
        "差异的 {level} 置信区间不包含 0，针对金额的更严格检验也是如此。",
    ),
    (Measure.NET_CONTRIBUTION, Rule.UNDECIDED): Words(
        "The data fit a gain, a loss, and nothing at all.",
        "有收益、有损失或毫无作用，都与数据相符。",
    ),
}

# Why there is no interval at the end of a window, where that is known.
NOBODY_CHURNED = Words(
    "Nobody churned in either group: all {n} customers written to and all {control_n} held out ordered, "
    "so no value was lost and there is nothing to compare.",
    "两组都无人流失：实验组 {n} 名客户和对照组 {control_n} 名客户全部下了单，没有价值流失，无从比较。",
)
NO_VALUE = Words(
    "In one of the groups nobody had spent anything in as many days before, so there was no value to lose.",
    "有一组在此前同样天数内没有任何消费，也就没有可流失的价值。",
)
ALL_ALIKE = Words(
    "In each group everybody ordered as often as everybody else (written to: {mean} orders each, held out: "
    "{control_mean}), so no interval can be computed.",
    "两组内每位客户的下单次数都相同（实验组人均 {mean} 次，对照组 {control_mean} 次），无法计算置信区间。",
)
COST_UNKNOWN = Words(
    "What the messages cost is not known, so neither is the net contribution.",
    "消息费用未知，因此无法计算净贡献。",
)

# What lies left and right of 0 in a chart of differences, by column.
SIDES: dict[str, tuple[Words, Words]] = {
    CHURNED: (Words("\N{LEFTWARDS ARROW} fewer churned", "\N{LEFTWARDS ARROW} 流失更少"),
              Words("more churned \N{RIGHTWARDS ARROW}", "流失更多 \N{RIGHTWARDS ARROW}")),
    RETAINED: (Words("\N{LEFTWARDS ARROW} fewer stayed", "\N{LEFTWARDS ARROW} 留存更少"),
               Words("more stayed \N{RIGHTWARDS ARROW}", "留存更多 \N{RIGHTWARDS ARROW}")),
    REPEATED: (Words("\N{LEFTWARDS ARROW} fewer ordered again", "\N{LEFTWARDS ARROW} 复购更少"),
               Words("more ordered again \N{RIGHTWARDS ARROW}", "复购更多 \N{RIGHTWARDS ARROW}")),
    ORDERS: (Words("\N{LEFTWARDS ARROW} fewer orders", "\N{LEFTWARDS ARROW} 订单更少"),
             Words("more orders \N{RIGHTWARDS ARROW}", "订单更多 \N{RIGHTWARDS ARROW}")),
    **dict.fromkeys(SCORES, (
        Words("\N{LEFTWARDS ARROW} less satisfied", "\N{LEFTWARDS ARROW} 更不满意"),
        Words("more satisfied \N{RIGHTWARDS ARROW}", "更满意 \N{RIGHTWARDS ARROW}"))),
    VALUE_LOST: (_LESS, _MORE),
    LOST_SHARE: (_LESS, _MORE),
    **dict.fromkeys((CONTRIBUTION, ADJUSTED_CONTRIBUTION), (
        Words("\N{LEFTWARDS ARROW} less", "\N{LEFTWARDS ARROW} 更少"),
        Words("more \N{RIGHTWARDS ARROW}", "更多 \N{RIGHTWARDS ARROW}"))),
}  # fmt: skip

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
