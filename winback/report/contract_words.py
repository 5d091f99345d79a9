"""The report's sentences where contracts decide who churned, in place of those about orders."""

from winback.campaigns.campaign import Measure
from winback.lift.verdict import Rule
from winback.words import Words

FACTS: dict[Measure, Words] = {
    Measure.CHURN: Words(
        "{rate} of the {n} customers written to and {control_rate} of the {control_n} held out had no contract "
        "left after the {days} days of the window; the difference is {difference} points (95%: {interval}).",
        "{days} 天观察期结束时，实验组 {n} 名客户中 {rate} 已没有有效合同，"
        "对照组 {control_n} 名客户中 {control_rate} 已没有有效合同；"
        "差异为 {difference} 个百分点（95% 置信区间：{interval}）。",
    ),
    Measure.RETENTION: Words(
        "{rate} of the {n} customers written to and {control_rate} of the {control_n} held out had a contract "
        "after the {days} days of the window; the difference is {difference} points (95%: {interval}).",
        "{days} 天观察期结束时，实验组 {n} 名客户中 {rate} 仍有有效合同，"
        "对照组 {control_n} 名客户中 {control_rate} 仍有有效合同；"
        "差异为 {difference} 个百分点（95% 置信区间：{interval}）。",
    ),
    Measure.VALUE_LOST: Words(
        "In the {days} days of the window {mean} a month was lost for each of the {n} customers written to and "
        "{control_mean} for each of the {control_n} held out; the difference is {difference} (95%: {interval}).",
        "在 {days} 天观察期内，实验组 {n} 名客户人均每月损失 {mean}，"
        "对照组 {control_n} 名客户人均每月损失 {control_mean}；差异为 {difference}（95% 置信区间：{interval}）。",
    ),
    Measure.VALUE_LOST_SHARE: Words(
        "Of what the {n} customers written to paid a month when chosen, {mean} was lost in the {days} days of the "
        "window, and {control_mean} of that of the {control_n} held out; the difference is {difference} points "
        "(95%: {interval}).",
        "在 {days} 天观察期内，实验组 {n} 名客户入选时的每月金额损失了 {mean}，"
        "对照组 {control_n} 名客户损失了 {control_mean}；"
        "差异为 {difference} 个百分点（95% 置信区间：{interval}）。",
    ),
}

RULES: dict[Rule, Words] = {
    Rule.NOT_MATURED: Words(
        "The window is not complete: the data reach {through}, and the answer needs orders and contracts through "
        "{last}.",
        "观察期数据尚不完整：数据截至 {through}，需要 {last} 及之前的全部订单与合同才能得出结论。",
    ),
}
VALUE_RULES: dict[Rule, Words] = {
    Rule.FEW_BUYERS: Words(
        "In one of the groups fewer than {floor} customers kept a contract: too few for a verdict on a mean.",
        "有一组保住合同的客户不足 {floor} 名，不足以对平均值下结论。",
    ),
    Rule.APPROXIMATE: Words(
        "In one of the groups few customers kept a contract: take the interval as approximate.",
        "有一组保住合同的客户较少，置信区间仅供参考。",
    ),
}

NOBODY_CHURNED = Words(
    "Nobody churned in either group: all {n} customers written to and all {control_n} held out kept a contract, "
    "so there is nothing to compare.",
    "两组都无人流失：实验组 {n} 名客户和对照组 {control_n} 名客户都保住了合同，无从比较。",
)
NO_VALUE = Words(
    "In one of the groups nobody paid anything a month when chosen, so there was no value to lose.",
    "有一组客户入选时都没有每月金额，也就没有可流失的价值。",
)

CONTRACT_TEXTS: dict[str, Words] = {
    "interim_contract": Words(
        "This is day {day} of {days}. Nothing is compared before the window is over: how fast contracts end was "
        "not forecast, so an early look could not be judged.",
        "目前为第 {day} 天，共 {days} 天。期满前不作任何比较：合同多快终止没有事先预测，提前查看无从判断。",
    ),
    "curve_contract": Words(
        "By contract there is no curve and no table of weeks: who was lost is known at the end of the window "
        "only, and the days of orders are no word on contracts.",
        "按合同评判时没有曲线和逐周表：谁流失了要到观察期结束才知道，下单的日期说明不了合同。",
    ),
    "m_churned_contract": Words(
        "No live contract at the end of the window, of those who had one when chosen. A contract is live until it "
        "ends, or runs out without being renewed.",
        "观察期结束时没有有效合同（入选时都有）。合同在终止之前、或到期未续之前为有效。",
    ),
    "money_note_contract": Words(
        "Capped: nobody counts for more than the 99th percentile of buyers{cap}. Adjusted: for what each customer "
        "spent before (CUPED); of net contribution that is what judges. Net contribution: margin times revenue "
        "less the messages. Value lost: what was paid a month when customers were chosen less what is paid a "
        "month at the end of the window, nobody below 0; a smaller contract counts in part. The other rows are of "
        "orders. Small print: {level} intervals by Welch, of rates by Newcombe.",
        "封顶：每位客户最多计到购买者的第 99 百分位{cap}。"
        "调整：按客户此前的消费调整（CUPED）；净贡献以调整后的为准。"
        "净贡献：毛利率乘收入，减去消息成本。流失价值：入选时的每月金额减去观察期结束时的每月金额，每人不低于 0；"
        "合同缩小也部分计入。其余各行按订单计。小字为 {level} 置信区间：金额用 Welch 法，比例用 Newcombe 法。",
    ),
}
