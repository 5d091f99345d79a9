"""What reports call the members of the closed sets: every Verdict, Rule, Missing, Reason and State."""

from winback.audience.selection import Reason
from winback.events import State
from winback.lift.estimates import Missing
from winback.lift.verdict import Rule, Verdict
from winback.words import Language, Words

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
        "One of the groups has fewer than {floor} buyers: too few for a verdict on money, and for an interval you "
        "can trust.",
        "有一组的购买人数不足 {floor} 名，不足以对金额下结论，置信区间也不可靠。",
    ),
    Rule.FEW_ANSWERS: Words(
        "One of the groups has fewer than {answers} answers: too few for a verdict on a score.",
        "有一组的作答不足 {answers} 份，不足以对评分下结论。",
    ),
    Rule.APPROXIMATE: Words(  # the trials: docs/decisions/028
        "One of the groups has {most} buyers or fewer, too few for an interval of money you can fully trust: "
        "where a few large orders decide, a 95% interval held the truth in 90 of 100 trials with 50 buyers, in 93 "
        "of 100 with 250.",
        "有一组的购买人数不超过 {most} 名，金额的置信区间不完全可靠：在少数大单左右金额的情况下，"
        "95% 置信区间在 100 次试验中包含真值的次数，购买者为 50 名时是 90 次，250 名时是 93 次。",
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
    Missing.NOBODY_SAVED: Words("no fewer were lost than in the hold-out", "流失并不少于对照组"),
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
