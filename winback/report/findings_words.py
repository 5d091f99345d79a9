"""The report's sentences about the findings, in English and Chinese; winback.report.words says them."""

from winback.words import Words

FINDING_TEXTS: dict[str, Words] = {
    "kicker_second": Words(
        "Outcome report: second reading, at twice the window (did they stay?)",
        "活动效果报告：第二次读数，两倍观察期（他们留下了吗？）",
    ),
    "second": Words("Did it last? Both readings side by side", "效果持续了吗？两次读数对照"),
    "reading": Words("Reading", "读数"),
    "first_reading": Words("First: days 1 to {days}", "第一次：第 1 至 {days} 天"),
    "second_reading": Words("Second: days 1 to {days}", "第二次：第 1 至 {days} 天"),
    "first_reading_short": Words("First reading", "第一次读数"),
    "second_reading_short": Words("Second reading", "第二次读数"),
    "lasted_stayed": Words(
        "It stayed: what the first reading told after {first} days still holds after {days}.",
        "持续了：第一次读数（{first} 天）的结论在 {days} 天后依然成立。",
    ),
    "lasted_faded": Words(
        "It faded: after {days} days so large an effect as the first reading saw after {first} is ruled out.",
        "减弱了：到第 {days} 天，已可排除第一次读数（{first} 天）所见的那样大的效果。",
    ),
    "lasted_turned_round": Words(
        "It turned round: after {days} days the opposite of what the first reading told after {first} holds.",
        "反转了：{days} 天后的结论与第一次读数（{first} 天）相反。",
    ),
    "lasted_cant_tell": Words(
        "Can't tell whether it lasted: after {days} days the data fit the effect seen after {first} "
        "as well as none.",
        "是否持续尚无定论：{days} 天后的数据既符合第一次读数（{first} 天）所见的效果，也符合毫无效果。",
    ),
    "lasted_nothing_to_last": Words(
        "The first reading, after {first} days, told no effect, so there is none that could have lasted until "
        "day {days}. What only the second shows is a question for the next run: two readings find something by "
        "chance more often than one.",
        "第一次读数（{first} 天）没有得出有效果的结论，因此谈不上效果是否持续到第 {days} 天。"
        "只有第二次读数才显示的效果，请留待下次活动验证：读两次比读一次更容易碰巧看出效果。",
    ),
    "second_chart": Words(
        "Difference in {measure} against the hold-out in both readings with their intervals; the numbers are in "
        "the table that follows.",
        "两次读数中与对照组的{measure}差异及置信区间；数字见随后的表格。",
    ),
    "second_note": Words(
        "{measure}, all variants together, of the same customers. Each reading counts from the first day on, so "
        "the second holds the days of the first. Small print: the customers and the 95% interval.",
        "{measure}，实验组合计，前后为同一批客户。两次读数都从第 1 天算起，第二次包含第一次的天数。"
        "小字为客户数与 95% 置信区间。",
    ),
    # Cards
    "card_treated": Words("Churn of those written to", "实验组流失率"),
    "card_holdout": Words("Churn of the hold-out", "对照组流失率"),
    "card_treated_so_far": Words("No order so far, written to", "实验组至今未下单"),
    "card_holdout_so_far": Words("No order so far, hold-out", "对照组至今未下单"),
    "card_difference": Words("Difference in points", "流失率差异（百分点）"),
    "card_kept": Words("Customers kept", "留住的客户数"),
    "of": Words("{x} of {n}", "{n} 名中 {x} 名"),
    "n": Words("n = {n}", "n = {n}"),
    "n_both": Words("n = {n} and {control_n}", "n = {n} 与 {control_n}"),
    "interval": Words("{level}: {interval}", "{level} 置信区间：{interval}"),
    "difference_sign": Words("negative = fewer churned", "负数 = 流失更少"),
    "kept_sign": Words("negative = lost", "负数 = 多流失"),
    "card_revenue": Words("Extra revenue", "增量收入"),
    "card_roi": Words("Return on cost", "投入回报率"),
    "card_plain": Words("of plain revenue, not adjusted", "按未调整的收入"),
    "card_few_buyers": Words("approximate: few buyers", "购买者少，仅供参考"),
    "card_cost": Words("messages cost {cost}", "消息成本 {cost}"),
    "card_difference_is": Words("difference {difference} points", "流失率差异 {difference} 个百分点"),
    "card_of_treated": Words("{measure}, written to", "{measure}：实验组"),
    "card_of_holdout": Words("{measure}, hold-out", "{measure}：对照组"),
    "card_of_difference": Words("Difference per customer", "每位客户的差异"),
    "card_points": Words("Difference, points", "差异（百分点）"),
    # What would have to be true
    "needed": Words("What would have to be true for an answer", "要得出结论，需要什么"),
    "needed_visible": Words(
        "With these two groups, an effect of {visible} or more would have been seen four times in five; "
        "smaller ones usually stay hidden.",
        "以目前两组的规模，{visible}及以上的效果有八成机会能看出；更小的效果通常看不出来。",
    ),
    "needed_enough": Words(
        "A verdict takes at least {what} in each group, however large the difference; at the shares seen here "
        "that is {needed}, both groups together{runs}.",
        "无论差异多大，要下结论，每组至少要有{what}；按本次的比例，两组合计需要{needed}{runs}。",
    ),
    "needed_enough_unknown": Words(
        "A verdict takes at least {what} in each group, however large the difference; one of these counts "
        "is 0, so nobody can tell how many customers that takes.",
        "无论差异多大，要下结论，每组至少要有{what}；其中有一项人数为 0，无法推算需要多少客户。",
    ),
    "enough_churned": Words(
        "{enough} customers who churned and {enough} who did not", "流失与未流失的客户各 {enough} 名"
    ),
    "enough_repeated": Words(
        "{enough} customers who ordered again and {enough} who did not", "复购与未复购的客户各 {enough} 名"
    ),
    "enough_buyers": Words("{enough} buyers", " {enough} 名购买者"),
    "enough_contracts": Words("{enough} customers who kept a contract", " {enough} 名保住合同的客户"),
    "needed_runs": Words(
        "To see the smallest effect worth having, {smallest}, {needed} would be needed, both groups together"
        "{runs}.",
        "要看出最小有意义效果（{smallest}），两组合计需要{needed}{runs}。",
    ),
    "needed_runs_seen": Words(
        "If the true difference is what was seen, {needed} would be needed, both groups together{runs}. "
        "What was seen is itself uncertain{instead}.",
        "如果真实差异正好等于本次看到的差异，两组合计需要{needed}{runs}。看到的差异本身并不确定{instead}。",
    ),
    "needed_instead": Words(
        ": the campaign file can name a smallest effect worth having instead",
        "：可在活动文件中写明最小有意义效果",
    ),
    "needed_holdout": Words(
        "With the same customers, a hold-out of {share} would show effects from {visible} on; "
        "this run held out {held}.",
        "客户不变，若对照组占 {share}，可看出 {visible}起的效果；本批次对照组占 {held}。",
    ),
    "runs_like_this": Words(
        ": {runs} runs like this one of {have}", "：相当于 {runs} 个这样的批次（本批次 {have} 名）"
    ),
    "size_points": Words("{size} points", "{size} 个百分点"),
    "size_orders": Words("{size} orders a customer", "人均 {size} 单"),
    "size_money": Words("{size} a customer", "人均 {size} "),
    "needed_effect": Words(
        "Or a stronger campaign: the smallest effect worth having is {smallest}, and only {visible} or "
        "more would show.",
        "或者活动本身更有力：最小有意义效果是 {smallest}，而只有 {visible}及以上才看得出来。",
    ),
    # Variants
    "winner": Words(
        "{winner} won: it did better than every other variant.", "胜出版本：{winner}，优于其他所有版本。"
    ),
    "winner_unproved": Words(
        "{winner} did better than every other variant, but not visibly better than no message.",
        "{winner} 优于其他所有版本，但看不出优于不发消息。",
    ),
    "winner_alone": Words(
        "{winner} did better than every other variant; nobody was held out, so nobody knows whether any of them "
        "helped.",
        "{winner} 优于其他所有版本；但没有对照组，无从得知这些版本是否真的有用。",
    ),
    "no_winner": Words(
        "Which variant won? Can't tell: no one did better than all the others.",
        "哪个版本胜出？尚无定论：没有一个版本优于其他所有版本。",
    ),
    "contest_by": Words("Compared by {column}, adjusted by Holm.", "按{column}比较，经 Holm 校正。"),
    "contest_table": Words("Variants against each other", "版本两两比较"),
    "variants": Words("Variants", "版本"),
    "pair": Words("{one} against {other}", "{one} 对 {other}"),
    "pairs_more": Words("{n} more pairs are in the CSV file.", "其余 {n} 对见 CSV 文件。"),
    "p": Words("p", "p"),
    # The measures by name
    "of_churned": Words("churn", "流失率"),
    "of_retained": Words("retention", "留存率"),
    "of_repeated": Words("repeat orders", "再次下单率"),
    "of_orders": Words("orders per customer", "人均订单数"),
    "of_value_lost": Words("value lost", "流失价值"),
    "of_value_lost_share": Words("share of value lost", "流失价值占比"),
    "of_net_contribution": Words("net contribution", "净贡献"),
    "of_net_contribution_adjusted": Words("net contribution, adjusted for past spend", "净贡献（按此前消费调整）"),
    # Segments
    "segments": Words(
        "Did it work better for some? Explored, not proved", "对某些客户更有效吗？仅供探索，不作结论"
    ),
    "segments_of": Words("Compared here: {measure}.", "此处比较：{measure}。"),
    "segments_of_churn": Words(
        "Compared here: churn, not {measure}, which scatters too much among so few customers.",
        "此处比较的是流失率，而不是{measure}：后者在人数较少的细分中波动太大。",
    ),
    "segments_note": Words(
        "Grey because nobody drew these groups beforehand to be judged: with many of them some will look good or "
        "bad by chance. p is adjusted over all of them (BH: Benjamini-Hochberg); there is no verdict. All of it "
        "as known when customers were chosen; top 20% of all: of all scored customers, by expected value.",
        "以灰色显示，因为这些细分不是事先设定要下结论的：细分一多，总有一些会碰巧显得好或差。"
        "p 已在全部细分间校正（BH：Benjamini-Hochberg），不作结论。各项均为选择客户时所知；“全体前 20%”"
        "指全部评分客户中预期价值排在前 20% 的客户。",
    ),
    "segments_chart": Words(
        "Difference in each segment with its {level} interval; the numbers are in the table that follows.",
        "各细分的差异及 {level} 置信区间；数字见随后的表格。",
    ),
    "segment": Words("Segment", "细分"),
    "rate_treated": Words("Written to", "实验组"),
    "rate_held": Words("Hold-out", "对照组"),
    "p_bh": Words("p, adjusted (BH)", "p（BH 校正）"),
    "by_value": Words("Expected value", "预期价值"),
    "by_risk": Words("Risk", "风险"),
    "by_orders": Words("Orders", "订单数"),
    "by_channel": Words("Channel", "渠道"),
    "by_kind": Words("Kind of churn", "流失类型"),
    "kind_none": Words("none found", "未判定"),
    "value_top": Words("top 20% of all", "全体前 20%"),
    "value_other": Words("the other 80%", "其余 80%"),
    "risk_low": Words("low", "低"),
    "risk_middle": Words("middle", "中"),
    "risk_high": Words("high", "高"),
    "channel_email": Words("e-mail", "邮件"),
    "channel_sms": Words("SMS", "短信"),
    "orders_segment": Words("{value} before", "此前 {value} 单"),
    "segment_name": Words("{dimension}: {value}", "{dimension}：{value}"),
    "interaction_none": Words(
        "{dimension}: no sign that the effect differs ({p}, adjusted by BH).",
        "{dimension}：没有迹象表明效果有差异（{p}，BH 校正）。",
    ),
    "interaction_some": Words(
        "{dimension}: the effect seems to differ ({p}, adjusted by BH); apart from the others: {apart}. "
        "Worth a test of its own.",
        "{dimension}：效果似乎有差异（{p}，BH 校正）；与众不同的是：{apart}。值得单独测试。",
    ),
    "interaction_unclear": Words(
        "{dimension}: the effect may differ ({p}, adjusted by BH), but no segment stands out.",
        "{dimension}：效果可能有差异（{p}，BH 校正），但没有哪个细分明显不同。",
    ),
    "interaction_missing": Words("{dimension}: cannot be tested, {reason}.", "{dimension}：无法检验，{reason}。"),
    "interaction_left_out": Words(
        " Left out, as in one of the groups fewer than {enough} did, or did not do, what is compared: {left_out}.",
        "未参与这一检验的有{left_out}：其中一组发生或未发生所比较情况的客户不足 {enough} 名。",
    ),
    # The curve
    "curve": Words("How fast customers came back", "客户回来得有多快"),
    "curve_lead": Words(
        "Share of customers who have not ordered again yet, by day since the start: the lower the line, the more "
        "came back.",
        "自开始之日起，尚未再次下单的客户比例：线越低，回来的人越多。",
    ),
    "curve_test": Words(
        "All days together, written to against hold-out (log-rank): {p}, not adjusted.",
        "全部天数合计，实验组与对照组比较（对数秩检验）：{p}，未校正。",
    ),
    "curve_chart": Words(
        "Share not back yet by day for those written to and the hold-out, with 95% bands; the numbers are in the "
        "table that follows.",
        "实验组与对照组每天尚未回来的比例及 95% 置信带；数字见随后的表格。",
    ),
    "curve_band": Words("shaded: 95% band", "阴影：95% 置信带"),
    "curve_days": Words("days since {t0}", "自{t0}起的天数"),
    "curve_away": Words("not back yet", "尚未回来"),
    "curve_day": Words("Day {day}", "第 {day} 天"),
    "curve_left": Words("{n} away", "{n} 名未回"),
    "weeks": Words("Week by week: explored, not proved", "逐周情况：仅供探索，不作结论"),
    "weeks_alone": Words(
        "Of all customers written to, those who ordered for the first time in that week. Nobody was held out to "
        "show how many would have come anyway.",
        "实验组全体客户中，在该周第一次下单的比例。没有对照组，无法知道其中有多少人本来就会来。",
    ),
    "weeks_note": Words(
        "Of all customers of a group, those who ordered for the first time in that week; a plus means that "
        "more of those written to did. Added up, the differences are the effect on who came back; turned "
        "round, on churn. That one week stands out is often chance, so there is no verdict here.",
        "各组全体客户中，在该周第一次下单的比例；正数表示实验组更多。各周差异相加即为对回购的作用，取相反数即为对流失率的作用。"
        "某一周特别突出往往只是偶然，因此不作结论。",
    ),
    "week": Words("Week", "周"),
    "week_days": Words("{number}: days {first} to {last}", "第 {number} 周：第 {first} 至 {last} 天"),
    "curve_note": Words(
        "Kaplan-Meier with log-log intervals. Descriptive: the verdict is the one at the window's end.",
        "Kaplan-Meier 曲线，log-log 区间。仅供了解：结论以观察期结束时为准。",
    ),
    # Money
    "money": Words("Beyond churn: repeat orders, revenue, value", "流失之外：复购、收入与价值"),
    "money_other": Words("Everything else: repeat orders, revenue, value", "其他指标：复购、收入与价值"),
    "money_lead": Words(
        "Per assigned customer, buyers or not, so that the groups can be compared. One large order can carry an "
        "average: the capped and the adjusted line say whether it did.",
        "按每位分组客户计算（无论是否购买），两组才可比。一笔大单可能左右平均值：请看封顶与调整后的两行。",
    ),
    "money_chart": Words(
        "Differences per customer against the hold-out with {level} intervals; the numbers are in the table that "
        "follows.",
        "每位客户与对照组的差异及 {level} 置信区间；数字见随后的表格。",
    ),
    "per_customer": Words("{currency} per customer", "每位客户，{currency}"),
    "orders_each": Words("orders per customer", "每位客户的订单数"),
    "measure": Words("Measure", "指标"),
    "difference_plain": Words("Difference", "差异"),
    "lost_of": Words("{x} of {n} churned", "{n} 名中 {x} 名流失"),
    "unit_points": Words("points", "个百分点"),
    "difference_orders": Words("Difference, orders each", "差异（人均订单）"),
    "buyers": Words("{buyers} of {n} bought", "{n} 名中 {buyers} 名购买"),
    "count_of": Words("{x} of {n}", "{n} 名中 {x} 名"),
    "measured_churned": Words("Churn", "流失率"),
    "measured_retained": Words("Retention", "留存率"),
    "measured_repeated": Words("Repeat orders", "再次下单率"),
    "measured_revenue": Words("Revenue", "收入"),
    "measured_revenue_capped": Words("Revenue, capped", "收入（封顶）"),
    "measured_revenue_adjusted": Words("Revenue, adjusted", "收入（调整）"),
    "measured_net_contribution": Words("Net contribution", "净贡献"),
    "measured_net_contribution_adjusted": Words("Net contribution, adjusted", "净贡献（调整）"),
    "measured_orders": Words("Orders", "订单数"),
    "measured_value_lost": Words("Value lost", "流失价值"),
    "measured_value_lost_share": Words("Share of value lost", "流失价值占比"),
    "each_variant": Words("Each variant by itself", "各版本分别比较"),
    "variants_in_csv": Words("Each variant by itself is in the CSV file.", "各版本分别比较的结果见 CSV 文件。"),
    "contribution_is_adjusted": Words(
        "These amounts are adjusted for what each customer had spent before; the plain ones stand in the table.",
        "以上金额已按每位客户此前的消费调整；未调整的数字见下方表格。",
    ),
    "better": Words("Better", "更好"),
    "worse": Words("Worse", "更差"),
    "money_note": Words(
        "Capped: nobody counts for more than the 99th percentile of buyers{cap}. Adjusted: for what each customer "
        "spent before (CUPED); of net contribution that is what judges. Net contribution: margin times revenue "
        "less the messages. Value lost: what those who churned had spent in as many days before, net of refunds, "
        "nobody below 0. Small print: {level} intervals by Welch, of rates by Newcombe.",
        "封顶：每位客户最多计到购买者的第 99 百分位{cap}。"
        "调整：按客户此前的消费调整（CUPED）；净贡献以调整后的为准。"
        "净贡献：毛利率乘收入，减去消息成本。流失价值：流失客户在此前同样天数内的消费（扣除退款，每人不低于 0）。"
        "小字为 {level} 置信区间：金额用 Welch 法，比例用 Newcombe 法。",
    ),
    "money_few_buyers": Words(
        "One of the groups has fewer than {floor} buyers: do not trust the intervals of money here.",
        "有一组的购买人数不足 {floor} 名，此处金额的置信区间不可靠。",
    ),
    "money_approximate": Words(
        "One of the groups has {most} buyers or fewer: the intervals of money are approximate, a little too "
        "narrow.",
        "有一组的购买人数不超过 {most} 名，此处金额的置信区间仅供参考，略嫌过窄。",
    ),
    "cap": Words(" ({amount})", "（{amount}）"),
    "two_tests": Words(
        "Of means, p is the greater of two tests' (Welch's and the pooled one) and the interval Welch's alone: it "
        "may leave out 0 where p is above 5%, and then there is no verdict.",
        "平均值的 p 取两种检验（Welch 与合并方差）中较大的一个，区间只用 Welch 法：区间不含 0 时 p 仍可能高于 5%，"
        "此时不下结论。",
    ),
    # Returns
    "returns": Words("What it cost and what it brought", "投入与回报"),
    "returns_plain": Words(
        "Extra revenue and ROI are of plain revenue; what judges is adjusted for past spend, so the two can "
        "differ.",
        "增量收入与 ROI 按未调整的收入计算；用于评判的是按此前消费调整后的净贡献，两者可能不同。",
    ),
    "item": Words("Item", "项目"),
    "amount": Words("Amount", "数值"),
    "r_cost": Words("Cost of the messages", "消息成本"),
    "r_revenue": Words("Extra revenue, net of refunds", "增量收入（已扣退款）"),
    "r_margin": Words("Margin", "毛利率"),
    "r_roi": Words("Return on cost (ROI)", "投入回报率（ROI）"),
    "r_per_saved": Words("Cost per customer kept", "每留住一名客户的成本"),
    "r_nobody_saved": Words("no fewer were lost than in the hold-out", "流失并不少于对照组"),
    "r_per_delivered": Words(
        "Effect on churn of a delivered message, points", "每条送达消息对流失率的作用（百分点）"
    ),
    "r_from": Words(
        "from {low}; no upper end, as perhaps nobody was kept", "不低于 {low}；可能无人因此留住，故无上限"
    ),
    "r_margin_none": Words("not in the campaign file", "活动文件未写明"),
    "returns_note": Words(
        "Extra revenue = difference per customer times the customers written to. ROI = (margin times extra "
        "revenue less cost) / cost; 1× = 100%. The effect per delivered message is the effect on all over the "
        "share delivered (Bloom).",
        "增量收入 = 每位客户的差异乘以实验组人数。ROI =（毛利率 × 增量收入 − 成本）/ 成本；1× = 100%。"
        "每条送达消息的作用 = 对全体的作用除以送达比例（Bloom）。",
    ),
    # Guardrails
    "guardrails": Words("Guardrails: what must not get worse", "护栏指标：不能变差的方面"),
    "guardrail": Words("Of the messages that left", "占已发出消息"),
    "limit": Words("Limit", "上限"),
    "kept_kept": Words("kept", "守住"),
    "kept_broken": Words("broken", "突破"),
    "kept_cant_tell": Words("can't tell", "尚无定论"),
    "kept_no_limit": Words("no limit set", "未设上限"),
    "guardrails_note": Words(
        "Kept or broken only if the whole 95% interval is on that side of the limit.",
        "只有整个 95% 置信区间都在上限的一侧，才判为守住或突破。",
    ),
    "pressure": Words(
        "Messages per person, all campaigns, {days} days: {mean} written to, {held} held out.",
        "各活动 {days} 天内人均消息：实验组 {mean} 条，对照组 {held} 条。",
    ),
    "pressure_placebo": Words(
        "Messages per person, all rehearsals, {days} days: {mean} written to, {held} held out.",
        "各次演练 {days} 天内人均消息：实验组 {mean} 条，对照组 {held} 条。",
    ),
    "pressure_over": Words(
        " More than {cap}: {x} of those written to ({rate}).",
        "实验组超过 {cap} 条的有 {x} 名（{rate}）。",
    ),
    "pressure_csv": Words("Messages per person in {days} days: {arm}", "{days} 天内人均消息数：{arm}"),
    # Data health
    "rows_check": Words("Rows between assignment and measurement", "分组与测量之间的数据是否一致"),
    "rows_fine": Words("everybody assigned was measured", "分组的每位客户都已计入"),
    "rows_found": Words("{n} customers lost or added", "{n} 名客户缺失或多出"),
    "overlap_check": Words("In another live campaign too, rehearsals aside", "同时在其他活动中（演练不计）"),
    "overlap_found": Words("{arm}: {x} of {n} ({rate})", "{arm}：{n} 名中 {x} 名（{rate}）"),
    "touched_ids": Words("; ids: {ids}", "；编号：{ids}"),
    "touched_more": Words(" and {n} more", " 等另 {n} 名"),
    "look_check": Words("Early looks", "提前查看"),
    "look_none": Words("none before the window's end", "观察期结束前没有查看"),
    "look_earlier": Words("{n} so far; at this reading nothing is compared", "至今 {n} 次；本次读数不作比较"),
    "look_beside": Words(
        "{n} so far; churn, shown for comparison, is drawn at {boundary} standard errors in place of 1.96",
        "至今 {n} 次；仅供对照的流失率按 {boundary} 倍标准误（而非 1.96 倍）画出区间",
    ),
    "look_found": Words(
        "{n} so far; this reading is judged at {boundary} standard errors in place of 1.96",
        "至今 {n} 次；本次按 {boundary} 倍标准误判断（而非 1.96 倍）",
    ),
}
