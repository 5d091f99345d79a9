"""Every sentence of the outcome report, keyed once, in English and Chinese.

Written to = 实验组, hold-out = 对照组: both as assigned. Numbers come in already written.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from winback.report.answers_words import ANSWER_TEXTS
from winback.report.before_after_words import BEFORE_AFTER_TEXTS
from winback.report.contract_words import CONTRACT_TEXTS
from winback.report.findings_words import FINDING_TEXTS
from winback.report.forecast_words import FORECAST_TEXTS, INSTEAD
from winback.report.health_words import HEALTH_TEXTS
from winback.words import Language, Words

TEXTS: dict[str, Words] = {
    # Title
    "kicker": Words("Outcome report", "活动效果报告"),
    "run": Words("Run", "批次"),
    "as_of": Words("Customers chosen as of", "名单基准日"),
    "window": Words("Window", "观察期"),
    "window_days": Words("{first} to {last} ({days} days)", "{first}至{last}（{days} 天）"),
    "blank_out": Words("; the {blank} days before it do not count", "；此前 {blank} 天不计入"),
    "data_through": Words("Data through", "数据截至"),
    # Placebo
    "placebo_title": Words(
        "Placebo: nobody really received these messages", "安慰剂测试（模拟发送）：没有任何人真正收到这些消息"
    ),
    "placebo_text": Words(
        "The messages were written to files in a folder and never sent, so they cannot have changed anything. "
        "Any difference between the groups is chance, also one that the rules below call an effect.",
        "消息只写成了文件夹里的文件，并未发出，不可能产生任何影响。"
        "两组之间的任何差异都只是偶然，即使下面的规则把它判定为有效果。",
    ),
    # Headline
    "no_holdout": Words("No hold-out: no effect can be told", "没有对照组，无法判断效果"),
    "no_holdout_text": Words(
        "All {n} customers were to be written to and nobody was held out, so nobody shows what would have "
        "happened without the campaign. Hold some out next time, and this page can answer.",
        "{n} 名客户全部安排了发送，没有保留对照组，因此无从得知不做活动会怎样。"
        "下次请保留对照组，本页才能给出答案。",
    ),
    "nobody_written": Words("Nobody was to be written to", "没有安排向任何客户发送"),
    "nobody_written_text": Words(
        "All {n} customers of this run were held out, so there is no campaign to judge.",
        "本批次 {n} 名客户全部在对照组，没有可评估的活动。",
    ),
    "nobody": Words("Nobody was in this run", "本批次没有客户"),
    "nobody_text": Words(
        "Nobody met the campaign's conditions; the table of the audience below says why.",
        "没有客户符合活动条件，原因见下方的名单筛选表。",
    ),
    "facts": Words(
        "{rate} of the {n} customers written to and {control_rate} of the {control_n} held out did not order "
        "in the {days} days of the window; the difference is {difference} points ({level}: {interval}).",
        "在 {days} 天观察期内，实验组 {n} 名客户中 {rate} 没有下单，"
        "对照组 {control_n} 名客户中 {control_rate} 没有下单；"
        "差异为 {difference} 个百分点（{level} 置信区间：{interval}）。",
    ),
    "facts_so_far": Words(
        "So far, in the first {days} days, {rate} of the {n} customers written to and {control_rate} of the "
        "{control_n} held out did not order; the difference is {difference} points "
        "({level}, widened for looking early: {interval}).",
        "至今（前 {days} 天），实验组 {n} 名客户中 {rate} 没有下单，"
        "对照组 {control_n} 名客户中 {control_rate} 没有下单；"
        "差异为 {difference} 个百分点（{level} 置信区间，因提前查看而加宽：{interval}）。",
    ),
    "kept": Words(
        "About {customers} customers were kept who would otherwise have been lost ({level}: {interval}).",
        "约有 {customers} 名原本会流失的客户被留住（{level} 置信区间：{interval}）。",
    ),
    "lost": Words(
        "About {customers} customers were lost who would otherwise have stayed ({level}: {interval}).",
        "约有 {customers} 名原本会留下的客户因此流失（{level} 置信区间：{interval}）。",
    ),
    "needed_for_effect": Words(
        "To see an effect of {smallest} points you would need {needed}, both groups together; "
        "this run had {have}.",
        "要看出 {smallest} 个百分点的效果，两组合计需要{needed}；本批次只有 {have} 名。",
    ),
    "about": Words("about {n} customers", "约 {n} 名客户"),
    "more_than_anybody": Words(
        "more customers than anybody has (over 10 million)", "比任何企业都多的客户（超过 1000 万名）"
    ),
    "needed_for_difference": Words(
        "If the true difference is what was seen, it takes {needed}, both groups together, to "
        "tell it from chance; this run had {have}.",
        "如果真实差异正好等于本次看到的差异，两组合计需要{needed}才能与偶然区分开；本批次只有 {have} 名。",
    ),
    "interim_day": Words(
        "This is day {day} of {days}. The effect is shown when the window is over: "
        "whoever looks early finds effects that are not there.",
        "目前为第 {day} 天，共 {days} 天。期满后才显示效果：提前看数，容易把偶然当成效果。",
    ),
    "interim_look": Words(
        "This is day {day} of {days}: not final. The interval is wider than at the end, "
        "because whoever looks early finds effects that are not there.",
        "目前为第 {day} 天，共 {days} 天，尚非最终结果。提前看数容易把偶然当成效果，因此此时的区间比期满时更宽。",
    ),
    "interim_churn": Words(
        "This is day {day} of {days}. What this campaign is judged by is shown when the window is over. Churn so "
        "far stands below for comparison, with wider intervals: whoever looks early finds effects that are "
        "not there.",
        "目前为第 {day} 天，共 {days} 天。本活动所评判的效果在期满后显示；下方至今的流失情况仅供对照，区间更宽："
        "提前看数，容易把偶然当成效果。",
    ),
    # Groups
    "group": Words("Group", "组别"),
    "treated": Words("Written to", "实验组"),
    "all_variants": Words("All variants", "实验组合计"),
    "holdout": Words("Hold-out", "对照组"),
    "base": Words("All scored customers", "全部评分客户"),
    "top": Words("Top 20% by past value", "历史消费前 20% 客户"),
    # The effect
    "effect": Words("The effect: against the hold-out", "活动效果：与对照组相比"),
    "effect_of": Words("The effect on {measure}: against the hold-out", "对{measure}的作用：与对照组相比"),
    "effect_waits": Words(
        "The effect on {measure} is shown when the window is over.", "对{measure}的作用在观察期满后显示。"
    ),
    "churn": Words(
        "Churn, for comparison: not what this campaign is judged by", "流失率，仅供对照：本活动不以此评判"
    ),
    "churn_so_far": Words(
        "Churn so far, for comparison: not what this campaign is judged by",
        "至今的流失率，仅供对照：本活动不以此评判",
    ),
    "effect_pending": Words("No comparison can be shown.", "暂无可显示的比较。"),
    "effect_chart": Words(
        "Difference in {measure} against the hold-out with {level} intervals; the numbers are in the table that "
        "follows.",
        "与对照组的{measure}差异及 {level} 置信区间；数字见随后的表格。",
    ),
    "band": Words(
        "shaded: within ±{smallest} points, too small to be worth having",
        "阴影：±{smallest} 个百分点以内，效果过小，不值得",
    ),
    "customers": Words("Customers", "客户数"),
    "churned": Words("Churned", "流失数"),
    "churn_rate": Words("Churn rate", "流失率"),
    "quiet_so_far": Words("No order so far", "至今未下单"),
    "quiet_rate": Words("Share", "占比"),
    "difference": Words("Difference, points", "差异（百分点）"),
    "p_holm": Words("p, adjusted (Holm)", "p（Holm 校正）"),
    "p_plain": Words("p, not adjusted", "p（未校正）"),
    "holm": Words("adjusted (Holm)", "Holm 校正"),
    "not_adjusted": Words("not adjusted", "未校正"),
    "verdict": Words("Verdict", "结论"),
    "yardstick": Words("yardstick", "参照"),
    "interval_note": Words("Small print: 95% intervals.", "小字为 95% 置信区间。"),
    "rounded": Words(
        "Differences are taken before rounding: a last digit may seem not to add up.",
        "差异按四舍五入前的数值计算，末位可能与所列数字相减略有出入。",
    ),
    "level_note": Words(
        "Those of differences are at {level}, wider because this was looked at before the end.",
        "差异的区间为 {level}：因提前查看过而更宽。",
    ),
    "holm_note": Words(
        "With several variants each is judged at its Holm level, so an interval may exclude 0 without a verdict.",
        "有多个版本时，各版本按 Holm 校正后的水平判断，因此区间不含 0 也可能没有结论。",
    ),
    # Legends of pictures
    "legend_against": Words("difference to the hold-out, {level} interval", "与对照组的差异，{level} 置信区间"),
    "legend_money": Words(
        "difference to the hold-out per customer, {unit}, {level} interval",
        "每位客户与对照组的差异，{unit}，{level} 置信区间",
    ),
    "legend_dropped": Words("left out", "未入选"),
    "legend_others": Words("for comparison", "供比较"),
    "legend_points": Words("hollow: before, filled: after; {counted}", "空心：前，实心：后；{counted}"),
    # Responses
    "responses": Words("Responses: what people did", "客户响应"),
    "not_counted": Words(
        "This reading is older than these counts; being final, it stays as it was read.",
        "本次最终读数早于此项统计，读数保持原样。",
    ),
    "orders_not_seen": Words(
        "The data reach no day of the window yet, so no orders can be counted.",
        "数据尚未覆盖观察期的任何一天，暂时无法统计订单。",
    ),
    "answers_not_seen": Words(
        "Orders and answers are not both known for any day of the window yet, so nothing is counted. Answers are "
        "brought in by winback import feedback, with --complete-through.",
        "订单与客户反馈尚未同时覆盖观察期的任何一天，暂不统计。"
        "反馈用 winback import feedback 导入，并以 --complete-through 注明截止日。",
    ),
    "orders_so_far": Words(
        "The window is not over: these are the orders so far, through {through}, day {day} of {days}. "
        "No effect is read from them.",
        "观察期未满：以下为截至 {through}（第 {day} 天，共 {days} 天）的订单，不能由此判断效果。",
    ),
    "attribution": Words(
        "An order after a message need not have come of it: many would have come anyway.",
        "消息之后的订单不一定因消息而来：其中许多本来就会发生。",
    ),
    "attribution_held": Words(
        "{x} of the {n} customers of the hold-out ({rate}) ordered too, without any message.",
        "没有收到消息的对照组，{n} 名客户中也有 {x} 名（{rate}）下了单。",
    ),
    "attribution_effect": Words(
        "The campaign's effect is the comparison with the hold-out above, not a number in these tables.",
        "活动的效果只看上面与对照组的比较，不看这两张表中的数字。",
    ),
    "attribution_unknown": Words("Nobody was held out to show how many.", "没有对照组，无法知道有多少。"),
    "attribution_placebo": Words(
        "In this placebo nobody received one: all of them came anyway.",
        "在这次安慰剂测试中没有人收到消息，这些订单全都与消息无关。",
    ),
    "re_entered": Words(
        "These tables count everybody in the run; the comparison counts the {drawn} whose group was drawn in it.",
        "这两张表计入本批次的每位客户；与对照组的比较只计入在本批次分组的 {drawn} 名。",
    ),
    "orders_table": Words("Orders in the window", "观察期内的订单"),
    "ordered": Words("Ordered", "下单客户"),
    "repeated": Words("Came again", "再次下单"),
    "orders": Words("Orders", "订单数"),
    "net_revenue": Words("Net revenue", "净收入"),
    "days_to_order": Words("Days to first order", "首单间隔（天）"),
    "after_message": Words("After the message", "消息之后"),
    "after_click": Words("After a click", "点击之后"),
    "answers_table": Words("Answers to the messages", "对消息的回应"),
    "sent": Words("Sent", "已发出"),
    "delivered": Words("Delivered", "已送达"),
    "clicked": Words("Clicked", "点击"),
    "clicks": Words("Clicks, with machines'", "点击次数（含机器）"),
    "replied": Words("Replied", "回复"),
    "unsubscribed": Words("Unsubscribed", "退订"),
    "complained": Words("Complained", "投诉"),
    "bounced": Words("Bounced", "退信"),
    "no_answers": Words("No message has gone out.", "没有任何消息发出。"),
    "responses_note": Words(
        "Small print: the share of all customers of the group, written to or not, and its 95% interval. "
        "Came again = ordered on two days or more. Days to first order: the median, from {t0}. Revenue: net of "
        "the refunds of these days. After = on a later day; orders count by their day.",
        "小字为占该组全部客户（无论是否发送）的比例及其 95% 置信区间。再次下单 = 在两天或以上下过单。"
        "首单间隔为自 {t0} 起的中位数。净收入已扣除这些天的退款。“之后”指更晚的日期：订单按日计。",
    ),
    "answers_note": Words(
        "Clicked = at least one click not taken for a machine's; mail scanners click too. Opens are no answer: "
        "mail programs open by themselves. As known when this was read: a final reading stays as it is, whatever "
        "is told later.",
        "点击 = 至少有一次不被判为机器的点击；邮件扫描程序也会点击。打开不算回应：邮件程序会自动打开。"
        "以读数时所知为准：最终读数不再变化，无论之后还有什么回执。",
    ),
    # Audience
    "audience": Words("Who was in, and why others were not", "谁在名单里，其他人为什么不在"),
    "audience_lead": Words(
        "Of {scored} scored customers {dropped} were left out, each for the first reason that applied; "
        "{included} were in.",
        "共 {scored} 名客户参与评分，其中 {dropped} 名未入选，各按最先符合的原因计数；{included} 名入选。",
    ),
    "audience_chart": Words(
        "How the audience came about, from all scored customers to the groups; the numbers are in the table "
        "that follows.",
        "从全部客户到各组的筛选过程；数字见随后的表格。",
    ),
    "step": Words("Step", "步骤"),
    "scored": Words("All scored", "全部评分客户"),
    "scored_note": Words("every customer with an order so far", "至今下过单的每一位客户"),
    "included": Words("In the audience", "进入名单"),
    "included_note": Words("divided at random into the groups below", "随机分入以下各组"),
    "holdout_note": Words("left alone on purpose", "特意不发送"),
    "variant_note": Words("to be written to", "安排发送"),
    "groups": Words("Groups as planned and as they came out", "各组的计划与实际比例"),
    "planned_share": Words("Planned", "计划比例"),
    "observed_share": Words("Observed", "实际比例"),
    # Messages
    "messages": Words("What happened to the messages", "消息的去向"),
    "messages_note": Words(
        "Descriptive only: who could be reached is not chance, so no effect is read from this table.",
        "仅供了解：能否送达并非随机，不能由此表判断效果。",
    ),
    "messages_all": Words("Messages", "消息数"),
    "no_messages": Words("No messages are recorded for this run.", "本批次没有消息记录。"),
    # Method
    "method": Words("How it was measured, and how to repeat it", "如何测量，如何重复"),
    "m_churned": Words("Churned", "流失"),
    "m_churned_text": Words(
        "No order in the window. An order of amount 0 is an order; a refund is not.",
        "观察期内没有下单。金额为 0 的订单也算订单，退款不算。",
    ),
    "m_groups": Words("Groups", "分组"),
    "m_groups_text": Words(
        "Everybody counts in the group they were assigned to, whether or not a message reached them "
        "(intent-to-treat).",
        "每位客户都计入其分配的组，无论消息是否送达（意向性分析，ITT）。",
    ),
    "m_windows": Words("Windows", "时间窗口"),
    "m_windows_text": Words(
        "Start {t0}. After: {first} to {last}, whole local days, the same for all groups. "
        "Before: {before_first} to {before_last}.",
        "起点 {t0}。后：{first}至{last}，按当地整日计，各组相同。前：{before_first}至{before_last}。",
    ),
    "m_blank_out": Words(
        "What happened in the {blank} days between them counts neither before nor after, in any group. "
        "Day 1 of a curve and of a week is {first}.",
        "两者之间的 {blank} 天，各组都不计入，既不算前，也不算后。曲线和逐周情况的第 1 天是 {first}。",
    ),
    "m_intervals": Words("Intervals", "置信区间"),
    "m_intervals_text": Words(
        "Wilson for rates (95%), Newcombe for differences of rates, Welch for differences of means ({level}). "
        "p is the smallest level at which the Newcombe interval "
        "excludes 0, adjusted by Holm over the variants.",
        "比例用 Wilson 法（95%），比例之差用 Newcombe 法，平均值之差用 Welch 法（{level}）。"
        "p 为 Newcombe 区间恰好不含 0 的最小水平，并在各版本间做 Holm 校正。",
    ),
    "m_kept": Words("Customers kept", "留住的客户数"),
    "m_kept_text": Words(
        "The difference times the customers written to, sign turned; negative = lost, never cut off at 0.",
        "差异乘以实验组人数并取相反数；负数表示多流失，不截断为 0。",
    ),
    "m_effect": Words("Smallest effect", "最小有意义效果"),
    "m_effect_text": Words("{smallest} points, from the campaign file", "{smallest} 个百分点（来自活动文件）"),
    "m_effect_none": Words("not given in the campaign file", "活动文件中未设定"),
    "m_score": Words("Score", "评分"),
    "m_score_none": Words("nothing is recorded", "没有记录"),
    "score_horizon_days": Words("horizon in days", "预测期（天）"),
    "score_digest": Words("digest (sha256)", "摘要（sha256）"),
    "score_model": Words("model", "模型"),
    "score_weights": Words("weights", "参数"),
    "score_fallback_reason": Words("why another model was used", "改用其他模型的原因"),
    "score_standstill": Words("no new orders", "没有新订单"),
    "m_digests": Words("Digests (sha256)", "摘要（sha256）"),
    "m_audience_digest": Words("audience", "名单"),
    "m_campaign_digest": Words("campaign", "活动"),
    "m_facts_digests": Words("orders, files: {n}", "订单，文件数：{n}"),
    "m_facts_activity": Words("activity, files: {n}", "客户行为，文件数：{n}"),
    "m_facts_feedback": Words("answers, files: {n}", "客户反馈，文件数：{n}"),
    "m_facts_subscriptions": Words("contracts, files: {n}", "合同，文件数：{n}"),
    "m_facts_more": Words("and {n} more", "另有 {n} 个"),
    "m_kinds": Words("Kinds of churn", "流失类型"),
    "m_kinds_rules": Words("rules: kinds.yaml as the run pinned it", "规则：本批次锁定的 kinds.yaml"),
    "m_kinds_facts": Words(
        "read from what was known at the end of {as_of}, winback's own messages among it:",
        "依据截至 {as_of} 已知的事实，包括 winback 自己发出的消息：",
    ),
    "m_code": Words("Code version", "程序版本"),
    "m_reading": Words("This reading (sha256)", "本次读数（sha256）"),
    "m_revision": Words("revision {number}", "第 {number} 版"),
    "m_seed": Words("Seed of the draw (digest)", "抽签种子（摘要）"),
    "m_repeat": Words("To repeat", "重复方法"),
    **BEFORE_AFTER_TEXTS,
    **HEALTH_TEXTS,
    **FINDING_TEXTS,
    **ANSWER_TEXTS,
    **CONTRACT_TEXTS,
    **FORECAST_TEXTS,
}
OF_FORECASTS = TEXTS | INSTEAD
# A value may begin or end in a figure, which keeps a space beside Chinese, or in Chinese, which has none.
_GAP = re.compile("(?<=[\u3001-\u9fff\uff00-\uffef]) (?=[\u3001-\u9fff\uff00-\uffef])| (?=[，。；：）、])")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says a page's texts in one language: the report's, or those it is given."""

    language: Language
    texts: Mapping[str, Words] = field(default_factory=lambda: TEXTS)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of ``key``; KeyError for a key, or a value in it, that is not there."""
        said = self.texts[key].say(self.language, **values)
        return _GAP.sub("", said) if self.language == "zh" else said


def speaker(churn_definition: str, language: Language) -> Speaker:
    """Who says the report of a campaign with this definition of churn: what is a forecast is called one."""
    return Speaker(language, OF_FORECASTS if churn_definition == "model" else TEXTS)
