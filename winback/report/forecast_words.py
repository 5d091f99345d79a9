"""The report's sentences where a forecast decides who churned, in place of those about what was seen."""

from winback.campaigns.campaign import Measure
from winback.lift.verdict import Rule, Verdict
from winback.outcomes.part_sums import CHURNED, RETAINED
from winback.words import Words

FACTS: dict[Measure, Words] = {
    Measure.CHURN: Words(
        "At the end of the {days} days of the window {rate} of the {n} customers written to and {control_rate} of "
        "the {control_n} held out are predicted lost; the difference is {difference} points "
        "({level}: {interval}).",
        "{days} 天观察期结束时，实验组 {n} 名客户中 {rate} 被预测为流失，"
        "对照组 {control_n} 名客户中 {control_rate} 被预测为流失；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
    Measure.RETENTION: Words(
        "At the end of the {days} days of the window {rate} of the {n} customers written to and {control_rate} of "
        "the {control_n} held out are predicted to stay; the difference is {difference} points "
        "({level}: {interval}).",
        "{days} 天观察期结束时，实验组 {n} 名客户中 {rate} 被预测为留存，"
        "对照组 {control_n} 名客户中 {control_rate} 被预测为留存；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
    Measure.VALUE_LOST: Words(
        "Those predicted lost at the end of the {days} days of the window had spent, in as many days before, "
        "{mean} for each of the {n} customers written to and {control_mean} for each of the {control_n} held out; "
        "the difference is {difference} ({level}: {interval}).",
        "{days} 天观察期结束时被预测为流失的客户，按此前同样天数内的消费计算，"
        "实验组 {n} 名客户人均 {mean}，对照组 {control_n} 名客户人均 {control_mean}；"
        "差异为 {difference}（{level} 置信区间：{interval}）。",
    ),
    Measure.VALUE_LOST_SHARE: Words(
        "Of what the {n} customers written to had spent in the {days} days before, {mean} was spent by those "
        "predicted lost at the end of the window, and {control_mean} of that of the {control_n} held out; "
        "the difference is {difference} points ({level}: {interval}).",
        "实验组 {n} 名客户此前 {days} 天的消费中，{mean} 来自观察期结束时被预测为流失的客户，"
        "对照组 {control_n} 名客户为 {control_mean}；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
}

_LESS, _MORE = (
    Words("Less value is predicted lost", "预测流失价值减少"),
    Words("More value is predicted lost", "预测流失价值增加"),
)
TITLES: dict[tuple[Measure, Verdict], Words] = {
    (Measure.RETENTION, Verdict.BETTER): Words("More are predicted to stay", "预测留存增加"),
    (Measure.RETENTION, Verdict.WORSE): Words("Fewer are predicted to stay", "预测留存减少"),
    (Measure.VALUE_LOST, Verdict.BETTER): _LESS,
    (Measure.VALUE_LOST, Verdict.WORSE): _MORE,
    (Measure.VALUE_LOST_SHARE, Verdict.BETTER): _LESS,
    (Measure.VALUE_LOST_SHARE, Verdict.WORSE): _MORE,
}
VERDICTS: dict[Verdict, Words] = {
    Verdict.BETTER: Words("Fewer are predicted lost", "预测流失减少"),
    Verdict.WORSE: Words("More are predicted lost", "预测流失增加"),
}
SIDES: dict[str, tuple[Words, Words]] = {
    CHURNED: (Words("\N{LEFTWARDS ARROW} fewer predicted lost", "\N{LEFTWARDS ARROW} 预测流失更少"),
              Words("more predicted lost \N{RIGHTWARDS ARROW}", "预测流失更多 \N{RIGHTWARDS ARROW}")),
    RETAINED: (Words("\N{LEFTWARDS ARROW} fewer predicted to stay", "\N{LEFTWARDS ARROW} 预测留存更少"),
               Words("more predicted to stay \N{RIGHTWARDS ARROW}", "预测留存更多 \N{RIGHTWARDS ARROW}")),
}  # fmt: skip

RULES: dict[Rule, Words] = {
    Rule.FEW_EVENTS: Words(
        "In one of the groups fewer than {enough} customers are predicted lost, or fewer than {enough} to stay: "
        "too few for a verdict.",
        "有一组被预测为流失或留存的人数不足 {enough} 名，不足以下结论。",
    ),
}
VALUE_RULES: dict[Rule, Words] = {
    Rule.FEW_BUYERS: Words(
        "In one of the groups fewer than {floor} customers are predicted to stay: too few for a verdict on a "
        "mean.",
        "有一组被预测为留存的客户不足 {floor} 名，不足以对平均值下结论。",
    ),
    Rule.APPROXIMATE: Words(
        "In one of the groups few customers are predicted to stay: take the interval as approximate.",
        "有一组被预测为留存的客户较少，置信区间仅供参考。",
    ),
}
NOBODY_CHURNED = Words(
    "Nobody is predicted lost in either group: all {n} customers written to and all {control_n} held out are "
    "predicted to stay, so there is nothing to compare.",
    "两组都无人被预测为流失：实验组 {n} 名客户和对照组 {control_n} 名客户都被预测为留存，无从比较。",
)

# What stands only where a forecast decides.
FORECAST_TEXTS: dict[str, Words] = {
    "forecast": Words(
        "This is a forecast, not what happened: predicted lost is who has, by the model, a risk of {threshold} or "
        "more of not ordering in the {within} days after {last}, by the orders up to that day alone.",
        "这是预测，不是实际发生的结果：仅凭截至 {last} 的订单，模型认为此后 {within} 天内不下单的风险达到 "
        "{threshold} 的客户，即为预测流失。",
    ),
    "forecast_seen": Words(
        "What was seen: {rate} of those written to and {control_rate} of those held out did not order in the "
        "window; the difference is {difference} points ({level}: {interval}). It does not decide.",
        "实际情况：观察期内实验组 {rate} 没有下单，对照组 {control_rate} 没有下单；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。结论不以此为准。",
    ),
    "enough_staying": Words("{enough} customers predicted to stay", " {enough} 名预测留存的客户"),
    "ba_forecast": Words("Counted here is who ordered, not the forecast.", "此处只看是否下单，而不看预测。"),
    "ba_forecast_of_risk": Words(
        "Counted here is who ordered, not the forecast: whoever is chosen for a high risk is predicted lost "
        "before by that choice, so before/after by forecast could only get better.",
        "此处只看是否下单，而不看预测：因风险高而入选的客户，事前本就被预测为流失，按预测作前后对比只会变好。",
    ),
    "m_forecast": Words("Forecast at the end of the window", "观察期结束时的预测"),
    "score_as_of": Words("as of", "基准日"),
    "score_threshold": Words("predicted lost from a risk of", "预测流失的风险下限"),
    "of_no_order": Words("no order in the window", "观察期内未下单"),
    "measured_no_order": Words("No order in the window (seen)", "观察期内未下单（实际）"),
}

# What is said otherwise of a forecast, by the keys of winback.report.words.
INSTEAD: dict[str, Words] = {
    "kept": Words(
        "About {customers} fewer customers are predicted lost than without the campaign ({level}: {interval}).",
        "与不做活动相比，预测流失的客户约少 {customers} 名（{level} 置信区间：{interval}）。",
    ),
    "lost": Words(
        "About {customers} more customers are predicted lost than without the campaign ({level}: {interval}).",
        "与不做活动相比，预测流失的客户约多 {customers} 名（{level} 置信区间：{interval}）。",
    ),
    "needed_for_difference": Words(
        "If the true difference in what is predicted is the one found here, it takes {needed}, both groups "
        "together, to tell it from chance; this run had {have}.",
        "如果预测的真实差异正好等于本次得出的差异，两组合计需要{needed}才能与偶然区分开；本批次只有 {have} 名。",
    ),
    "needed_runs_seen": Words(
        "If the true difference in what is predicted is the one found here, {needed} would be needed, both groups "
        "together{runs}. That difference is itself uncertain{instead}.",
        "如果预测的真实差异正好等于本次得出的差异，两组合计需要{needed}{runs}。该差异本身并不确定{instead}。",
    ),
    "churn": Words(
        "Predicted lost, for comparison: not what this campaign is judged by",
        "预测流失率，仅供对照：本活动不以此评判",
    ),
    "churned": Words("Predicted lost", "预测流失数"),
    "churn_rate": Words("Share", "预测流失率"),
    "m_churned": Words("Predicted lost", "预测流失"),
    "m_churned_text": Words(
        "A risk of no order of the threshold or more at the end of the window, by the model "
        "below. It was fitted on all customers by their orders up to that day, and knows nothing of the groups.",
        "观察期结束时，下面的模型给出的不下单风险达到下限。模型按截至当日的订单对全部客户拟合，不知道谁在哪一组。",
    ),
    "m_kept": Words("Fewer predicted lost", "预测流失减少人数"),
    "m_kept_text": Words(
        "The difference times the customers written to, sign turned; negative = more predicted lost, never cut "
        "off at 0.",
        "差异乘以实验组人数并取相反数；负数表示预测流失更多，不截断为 0。",
    ),
    "card_treated": Words("Predicted lost, written to", "实验组预测流失率"),
    "card_holdout": Words("Predicted lost, hold-out", "对照组预测流失率"),
    "card_difference": Words("Difference in points", "预测流失率差异（百分点）"),
    "card_difference_is": Words("difference {difference} points", "预测流失率差异 {difference} 个百分点"),
    "card_kept": Words("Fewer predicted lost", "预测流失减少人数"),
    "difference_sign": Words("negative = fewer predicted lost", "负数 = 预测流失更少"),
    "kept_sign": Words("negative = more predicted lost", "负数 = 预测流失更多"),
    "enough_churned": Words(
        "{enough} customers predicted lost and {enough} predicted to stay",
        "预测流失与预测留存的客户各 {enough} 名",
    ),
    "of_churned": Words("predicted loss", "预测流失率"),
    "of_retained": Words("predicted retention", "预测留存率"),
    "of_value_lost": Words("value predicted lost", "预测流失价值"),
    "of_value_lost_share": Words("share of value predicted lost", "预测流失价值占比"),
    "measured_churned": Words("Predicted lost", "预测流失率"),
    "measured_retained": Words("Predicted to stay", "预测留存率"),
    "measured_value_lost": Words("Value predicted lost", "预测流失价值"),
    "measured_value_lost_share": Words("Share of value predicted lost", "预测流失价值占比"),
    "lost_of": Words("{x} of {n} predicted lost", "{n} 名中预测流失 {x} 名"),
    "segments_of_churn": Words(
        "Compared here: who is predicted lost, not {measure}, which scatters too much among so few customers.",
        "此处比较的是预测流失率，而不是{measure}：后者在人数较少的细分中波动太大。",
    ),
    "weeks_note": Words(
        "Of all customers of a group, those who ordered for the first time in that week; a plus means that "
        "more of those written to did. Added up, the differences are the effect on who came back, which was seen, "
        "not the forecast. That one week stands out is often chance, so there is no verdict here.",
        "各组全体客户中，在该周第一次下单的比例；正数表示实验组更多。各周差异相加即为对回购的作用，属于实际情况，"
        "不是预测。某一周特别突出往往只是偶然，因此不作结论。",
    ),
    "money": Words("Orders and revenue as seen, and value predicted lost", "实际的订单与收入，以及预测流失价值"),
    "money_note": Words(
        "Capped: nobody counts for more than the 99th percentile of buyers{cap}. Adjusted: for what each customer "
        "spent before (CUPED); of net contribution that is what judges. Net contribution: margin times revenue "
        "less the messages. Value predicted lost: what those predicted lost had spent in as many days before, net "
        "of refunds, nobody below 0. Small print: {level} intervals by Welch, of rates by Newcombe.",
        "封顶：每位客户最多计到购买者的第 99 百分位{cap}。"
        "调整：按客户此前的消费调整（CUPED）；净贡献以调整后的为准。"
        "净贡献：毛利率乘收入，减去消息成本。预测流失价值：被预测为流失的客户在此前同样天数内的消费"
        "（扣除退款，每人不低于 0）。小字为 {level} 置信区间：金额用 Welch 法，比例用 Newcombe 法。",
    ),
    "r_per_saved": Words("Cost per customer fewer predicted lost", "每少预测流失一名客户的成本"),
    "r_nobody_saved": Words("no fewer are predicted lost than in the hold-out", "预测流失并不少于对照组"),
    "r_per_delivered": Words(
        "Effect on predicted loss of a delivered message, points", "每条送达消息对预测流失率的作用（百分点）"
    ),
    "causes": Words(
        "Causes named by those predicted lost: explored, not proved",
        "预测流失的客户说明的原因：仅供探索，不作结论",
    ),
    "causes_note": Words(
        "Of all customers of a group, those who are predicted lost and named this cause in the window; with "
        "those of whom no cause is known the rows add up to all predicted lost. Where one group was asked more "
        "often, it has more known causes. p is adjusted over all rows (BH).",
        "各组全体客户中，被预测为流失且在观察期内说明该原因的比例；加上原因未知的，各行之和即为预测流失率。"
        "若一组被询问得更多，已知原因也会更多。p 已在各行间校正（BH）。",
    ),
}
