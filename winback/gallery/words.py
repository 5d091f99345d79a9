"""The words of the preview page, in English and Chinese."""

from winback.campaigns.campaign import Measure
from winback.words import Words

TEXTS: dict[str, Words] = {
    "title": Words("Preview of {name}", "{name}：预览"),
    "kicker": Words("Nothing is stored, nothing is sent", "只是预览：不保存，也不发送"),
    "as_of": Words("As known on", "截至"),
    "digest": Words("Audience", "名单编号"),
    "horizon": Words("Churn window", "流失窗口"),
    "horizon_days": Words("{days} days", "{days} 天"),
    "audience": Words("Who would be in, and why others are not", "谁会进入名单，其他人为什么不在"),
    "nobody": Words("Nobody qualifies: the table says why.", "没有客户符合条件，原因见下表。"),
    "scored": Words("All scored customers", "全部评分客户"),
    "in": Words("In the audience", "进入名单"),
    "step": Words("Step", "步骤"),
    "customers": Words("Customers", "客户数"),
    "left": Words("Left", "剩余"),
    "group": Words("Group", "组别"),
    "planned": Words("Planned share", "计划占比"),
    "holdout": Words("Hold-out (nothing is sent)", "对照组（不发送）"),
    "written_to": Words("Written to", "实验组"),
    "value_at_risk": Words("Value at risk", "面临流失的价值"),
    "value_of": Words(
        "of {total} expected of them within {days} days", "这些客户 {days} 天内的预期消费为 {total}"
    ),
    "top": Words("Of the top 20 % by expected value: {n}", "预期价值前 20 % 的客户：{n}"),
    "risk": Words("Risk of no order", "不再下单的风险"),
    "risk_range": Words("median; from {low} to {high}", "中位数；最低 {low}，最高 {high}"),
    "cost": Words("Cost of sending", "发送费用"),
    "cost_unknown": Words("not known: [prices] of winback.toml", "未知：请在 winback.toml 的 [prices] 中填写"),
    "emails": Words("e-mails: {n}", "{n} 封邮件"),
    "texts": Words("text messages: {n}, segments: about {units}", "{n} 条短信，约 {units} 段"),
    "anybody_but": Words("anybody but {owner}", "{owner} 以外的任何人"),
    "approval": Words(
        "A run waits for approval, having more than {above} people. Who may approve it: {who}. "
        "What is approved: {digest}",
        "名单超过 {above} 人，运行前需要批准。可批准的人：{who}。批准内容的编号：{digest}",
    ),
    "sight": Words("What the result could show", "结果能看出什么"),
    "sight_effect": Words(
        "With {n} customers and a {share} hold-out, only changes of {effect} or more in {measure} will be seen "
        "(four times in five).",
        "{n} 名客户、对照组占 {share} 时，只能看出{measure}达到 {effect}的变化（五次中有四次）。",
    ),
    "sight_none": Words(
        "With {n} customers and a {share} hold-out no change will be seen, however large.",
        "{n} 名客户、对照组占 {share} 时，变化再大也看不出来。",
    ),
    "sight_unknown": Words(
        "What the result can show cannot be planned from the past: in the {days} days before, customers did not "
        "differ in {measure}.",
        "无法根据过去估计结果能看出什么：此前 {days} 天内，客户之间的{measure}没有差别。",
    ),
    "sight_answers": Words(
        "What the result can show of {measure} is not planned: nobody knows who will answer. A verdict takes "
        "{enough} answers in either group, and many more where one answers more often; they are asked for and "
        "imported (winback import feedback) through the end of the window.",
        "{measure}的结果能看出什么，事先无法估计：没人知道谁会作答。要下结论，每组至少要有 {enough} 份作答；"
        "若一组作答更多，则需要多得多。作答须由你征集，并用 winback import feedback 导入，直到观察期结束。",
    ),
    "sight_more": Words(
        "Probably only larger changes, if these customers were chosen for being quiet: then they differ less in "
        "the window before, from which this is taken, than they will in the one after.",
        "如果名单是因沉寂而选出的，实际上很可能只能看出更大的变化：以上按此前一段时间估计，"
        "那时客户之间的差异小于之后。",
    ),
    "sight_best": Words(
        "The sharpest would be a {share} hold-out, which shows {effect}.",
        "对照组占 {share} 时看得最清楚，可以看出 {effect}。",
    ),
    "sight_wanted": Words(
        "Your smallest effect worth having is {effect}: with this hold-out it takes {n} customers.",
        "您设定的最小有意义效果是 {effect}：按这个对照组比例需要 {n} 名客户。",
    ),
    "sight_enough": Words(
        "A {share} hold-out is enough for your smallest effect: it shows {effect}.",
        "对照组占 {share} 就足以看出您设定的最小效果：可看出 {effect}。",
    ),
    "sight_before": Words(
        "{n} keep the group of an earlier entry and are not compared.", "{n} 名客户沿用以前的分组，不参加比较。"
    ),
    "points": Words("{n} points", "{n} 个百分点"),
    "per_customer": Words("{amount} a customer", "每名客户 {amount}"),
    "orders": Words("{n} orders a customer", "每名客户 {n} 单"),
    "unequal": Words("Not alike by chance alone: {names}.", "两组的差异超出偶然范围：{names}。"),
    "alike": Words("The groups are alike in risk, value and orders.", "两组在风险、价值和订单上没有明显差异。"),
    "messages": Words("The messages", "消息"),
    "messages_note": Words(
        "Made-up customers; links are placeholders and pictures are not loaded.",
        "客户是虚构的；链接是占位的，图片不加载。",
    ),
    "sheet": Words("{variant}, {spoken}", "{variant}，{spoken}"),
    "inbox": Words("In the inbox", "在收件箱里"),
    "subject_length": Words("{n} characters; phones show about {shown}", "{n} 个字符；手机上约显示 {shown} 个"),
    "desktop": Words("On a desktop, 640 px", "电脑上，640 像素"),
    "phone": Words("On a phone, 375 px", "手机上，375 像素"),
    "text": Words("The plain text", "纯文本"),
    "sms": Words("The text message", "短信"),
    "segments": Words("{encoding}, {units} units, segments: {n}", "{encoding}，{units} 个单位，{n} 段"),
    "sms_cost": Words("about {cost}", "约 {cost}"),
    "sms_dear": Words(
        "not in GSM-7, so 70 characters a segment: {letters}", "不在 GSM-7 中，因此每段只有 70 字：{letters}"
    ),
    "sms_unsigned": Words(
        "not sent to +86 numbers: the signature in 【】 needs {shortest} to {longest} characters (sender.name)",
        "不会发往 +86 号码：【】中的签名须为 {shortest} 到 {longest} 个字（sender.name）",
    ),
    "edge": Words("With other names", "换成其他名字"),
    "failed": Words("Cannot be written: {problem} ({place})", "无法生成：{problem}（{place}）"),
    "case_usual": Words("as usual", "一般情况"),
    "case_long": Words("the longest name", "最长的名字"),
    "case_missing": Words("no name", "没有名字"),
    "case_rtl": Words("right to left", "从右到左的文字"),
    "case_emoji": Words("emoji", "表情符号"),
    "case_quotes": Words("quotes and signs", "引号和符号"),
    "b_risk": Words("risk", "风险"),
    "b_expected value": Words("expected value", "预期消费"),
    "b_past value": Words("past value", "过往消费"),
    "b_orders": Words("orders", "订单数"),
    "b_days since order": Words("days since order", "距上次下单天数"),
}

MEASURES: dict[Measure, Words] = {
    Measure.CHURN: Words("churn", "流失率"),
    Measure.VALUE_LOST: Words("value lost", "流失价值"),
    Measure.VALUE_LOST_SHARE: Words("the share of value lost", "流失价值占比"),
    Measure.RETENTION: Words("retention", "留存率"),
    Measure.REPEAT_RATE: Words("repeat orders", "复购率"),
    Measure.PURCHASE_FREQUENCY: Words("orders", "下单次数"),
    Measure.CSAT: Words("satisfaction (CSAT)", "满意度（CSAT）"),
    Measure.NPS: Words("the NPS score", " NPS 评分"),
    Measure.NET_CONTRIBUTION: Words("net contribution", "净贡献"),
}

# Where a forecast decides who is lost.
PREDICTED: dict[Measure, Words] = {
    Measure.CHURN: Words("the share predicted lost", "预测流失率"),
    Measure.VALUE_LOST: Words("value predicted lost", "预测流失价值"),
    Measure.VALUE_LOST_SHARE: Words("the share of value predicted lost", "预测流失价值占比"),
    Measure.RETENTION: Words("the share predicted to stay", "预测留存率"),
}
