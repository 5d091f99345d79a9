"""Every sentence of the churn overview, keyed once, in English and Chinese. Numbers come in already written."""

from winback.words import Words

TEXTS: dict[str, Words] = {
    # Title
    "title": Words("Churn overview", "客户流失概览"),
    "as_of": Words("As of", "基准日"),
    "window": Words("Window", "观察期"),
    "window_days": Words("{days} days", "{days} 天"),
    "data_through": Words("Data through", "数据截至"),
    "facts": Words("Data from", "数据起始月份"),
    # Headline
    "lost_title": Words("{rate} of active customers were lost", "活跃客户流失率：{rate}"),
    "lost_text": Words(
        "Of the {active} customers who had ordered in the {days} days up to {day}, {lost} ordered nothing in the "
        "{days} days after it. That is {rate} (95%: {interval}).",
        "截至 {day} 的 {days} 天内下过单的 {active} 名客户中，有 {lost} 名在之后 {days} 天内没有再下单，"
        "流失率 {rate}（95% 置信区间：{interval}）。",
    ),
    "lost_value": Words(
        "Those lost had spent {value} in the {days} days before, {share} of what all of them spent.",
        "流失客户在此前 {days} 天消费了 {value}，占全部活跃客户消费的 {share}。",
    ),
    "lost_newest": Words(
        "This is the newest month with active customers whose window is complete: as of {day} the window ends on "
        "{last}.",
        "这是有活跃客户且观察期已完整的最近一个月：若以 {day} 为准，观察期要到 {last} 才结束。",
    ),
    "lost_nobody": Words(
        "This is the newest month with active customers: nobody had ordered in the {days} days up to {day}.",
        "这是有活跃客户的最近一个月：截至 {day} 的 {days} 天内没有任何客户下单。",
    ),
    "none_title": Words("No window is complete yet", "尚无完整的观察期"),
    "none_text": Words(
        "No month has orders before its end and {days} days of data after it, so no churn can be told.",
        "没有任何一个月份在月末之前有订单、之后又有 {days} 天的数据，因此无法计算流失率。",
    ),
    # Warning
    "standstill": Words("No new orders", "没有新订单"),
    "warn_revenue": Words("Revenue hides that customers are leaving", "收入掩盖了客户流失"),
    "warn_revenue_text": Words(
        "Customers or orders fell while revenue did not. Higher prices or larger orders make up for it, "
        "as long as those who pay them stay.",
        "客户数或订单数下降，收入却没有下降。价格上涨或单笔金额变大弥补了流失，但前提是这些客户会留下来。",
    ),
    "warn_customers": Words("Revenue falls although customers grow", "客户在增长，收入却在下降"),
    "warn_customers_text": Words(
        "More customers or orders, less revenue: each order brings less than it did.",
        "客户数或订单数增加，收入却减少：每笔订单带来的收入比以前少。",
    ),
    "together": Words("Customers, orders and revenue tell the same story.", "客户数、订单数与收入走势一致。"),
    "compared_year": Words(
        "{first} to {last} against the same months a year before: customers {customers}, orders {orders}, "
        "revenue {revenue}.",
        "{first}至{last}与上年同期相比：客户数 {customers}，订单数 {orders}，收入 {revenue}。",
    ),
    "compared_before": Words(
        "{first} to {last} against the three months before: customers {customers}, orders {orders}, "
        "revenue {revenue}. The data do not reach back a year, so a season can be the reason.",
        "{first}至{last}与之前三个月相比：客户数 {customers}，订单数 {orders}，收入 {revenue}。"
        "数据不足一年，无法与上年同期比较，差异可能由季节引起。",
    ),
    "compared_none": Words(
        "A comparison needs six whole months of orders after the first one.",
        "需要首月之后六个完整月份的订单才能比较。",
    ),
    # Cards
    "card_active": Words("Active customers", "活跃客户"),
    "card_rate": Words("Churn by customers", "客户数流失率"),
    "card_value": Words("Value lost", "流失的价值"),
    "card_share": Words("Churn by value", "价值流失率"),
    "card_top": Words("High value at risk", "高风险的高价值客户"),
    "card_month": Words("a month before: {value}", "上月：{value}"),
    "card_year": Words("a year before: {value}", "上年同月：{value}"),
    "card_top_detail": Words(
        "risk {risk} or more, of the {n} customers with the highest expected value",
        "预期价值最高的 {n} 名客户中，风险 {risk} 及以上",
    ),
    "card_top_value": Words("expected: {value}", "预期价值：{value}"),
    # Trend
    "trend": Words("Churn month by month", "逐月流失"),
    "trend_lead": Words(
        "Of those who had ordered in the {days} days up to the end of the month: who ordered nothing in the "
        "{days} days after it, and what they had spent in those before. New customers of the window do not count.",
        "以月末为准：此前 {days} 天内下过单的客户中，之后 {days} 天没有再下单的人数，"
        "以及他们此前 {days} 天的消费额。观察期内的新客户不计入。",
    ),
    "month": Words("Month", "月份"),
    "active": Words("Active", "活跃客户"),
    "lost": Words("Lost", "流失客户"),
    "rate": Words("Churn by customers", "客户数流失率"),
    "value_lost": Words("Value lost", "流失的价值"),
    "value_share": Words("Churn by value", "价值流失率"),
    "incomplete_windows": Words(
        "The data end on {through}; windows that end later are not complete and have no rate.",
        "数据截至 {through}，在此之后结束的观察期尚不完整，因此没有流失率。",
    ),
    "uncovered": Words(
        "* The {days} days before begin earlier than the data: customers active then are missing. "
        "Hollow in the charts.",
        "* 此前的 {days} 天有一部分早于数据起点，当时的活跃客户有缺失。图中以空心点表示。",
    ),
    # Sales
    "sales": Words("Customers, orders and revenue", "客户、订单与收入"),
    "customers": Words("Customers", "客户数"),
    "orders": Words("Orders", "订单数"),
    "revenue": Words("Revenue", "收入"),
    "per_order": Words("Per order", "每单收入"),
    "incomplete_month": Words("* Not the whole month: counted up to {day}.", "* 该月不完整：仅统计至 {day}。"),
    # Cohorts
    "cohorts": Words("Who came back, by month of the first order", "按首购月份看回购"),
    "cohorts_lead": Words(
        "Of the customers whose first order in the data lies in a month, the share that ordered again in each "
        "month after it.",
        "按数据中首次下单的月份分组，各组客户在之后每个月再次下单的比例。",
    ),
    "first_month": Words("First order", "首购月份"),
    "since": Words("+{n} months", "第 {n} 个月"),
    "since_short": Words("+{n}", "+{n}"),
    "cohort_incomplete": Words(
        "* and hatched: not the whole month, counted up to {day}; the share can still grow.",
        "* 斜纹：该月不完整，仅统计至 {day}，比例仍可能上升。",
    ),
    "cohort_young": Words(
        "* beside a month: more may still make their first order in it.",
        "* 标在月份旁：该月仍可能有新的首购客户。",
    ),
    # Curves
    "curves": Words("How long customers stay active", "客户保持活跃的时间"),
    "curves_lead": Words(
        "The share of customers who, so many days after their first order, have not yet once gone {days} days "
        "without an order. Nobody can be lost before day {days}.",
        "首次下单后的第若干天，从未连续 {days} 天没有下单的客户比例。第 {days} 天之前不可能流失。",
    ),
    "segment": Words("Segment", "分群"),
    "first_order_segment": Words("First order of {amount} or more", "首单 {amount} 及以上"),
    "first_order_under": Words("First order under {amount}", "首单低于 {amount}"),
    "blank": Words("not known", "未知"),
    "others": Words("in the table only: {n}", "仅列于表中：{n} 个"),
    "after_days": Words("After {days} days", "{days} 天后"),
    "half": Words("Half lost by", "半数流失于"),
    "half_day": Words("day {day}", "第 {day} 天"),
    "returned": Words("Lost, ordered again", "流失后又下单"),
    "still_active": Words(
        "days since the first order, and customers still active", "首单后的天数，以及仍活跃的客户数"
    ),
    "curves_chart": Words(
        "Curves of the share of customers still active, by days since the first order; numbers in the table.",
        "按首单后天数绘制的活跃客户比例曲线，数值见表。",
    ),
    "curves_note": Words(
        "Bands and small print: 95% (Kaplan-Meier, log-log). Watched through {through}.",
        "阴影与小字：95% 置信区间（Kaplan-Meier，log-log）。观察截至 {through}。",
    ),
    "log_rank": Words(
        "Test of no difference between the segments (log-rank): {p}.", "各分群无差异的检验（log-rank）：{p}。"
    ),
    # High value
    "top": Words("High value at risk", "高风险的高价值客户"),
    "top_lead": Words(
        "The top 20% by expected value over the next {days} days are {n} of {scored} customers and hold {share} "
        "of all expected value. (The top 20% by past value hold {past} of all past spending.)",
        "按未来 {days} 天预期价值排名前 20% 的客户有 {n} 名（共 {scored} 名），占全部预期价值的 {share}。"
        "（按历史消费排名前 20% 的客户占全部历史消费的 {past}。）",
    ),
    "risk": Words("Risk of no order", "不下单的风险"),
    "risk_from": Words("{risk} or more", "{risk} 及以上"),
    "all_top": Words("Expected top 20%", "预期价值前 20% 客户"),
    "of_top": Words("Of these customers", "占这些客户"),
    "expected": Words("Expected value", "预期价值"),
    "of_expected": Words("Of their value", "占其预期价值"),
    "top_chart": Words(
        "Bars of the top 20% by expected value, by risk; numbers in the table.",
        "预期价值前 20% 客户按风险的条形图，数值见表。",
    ),
    "top_both": Words(
        "{both} customers are in both. The top by expected value spent {spent} of all past spending; "
        "the top by past value hold {expected} of all expected value.",
        "两份名单共有 {both} 名客户。预期价值前 20% 的客户占过去全部消费的 {spent}；"
        "历史消费前 20% 的客户占全部预期价值的 {expected}。",
    ),
    "top_note": Words(
        "Risks as of {day} by {model}, over the {days} days after it. "
        "The expected value is not multiplied by the risk.",
        "以 {day} 为准、由 {model} 预测之后 {days} 天的风险。预期价值未乘以风险。",
    ),
    # Method
    "reasons": Words("Why they left", "流失原因"),
    "reasons_lead": Words(
        "The {lost} customers lost in the {days} days after {day}, by kind of churn and by the cause they gave.",
        "{day} 之后 {days} 天内流失的 {lost} 名客户，按流失类型和所述原因分列。",
    ),
    "portraits": Words("Portraits of the lost", "流失客户画像"),
    "portraits_lead": Words(
        "The same customers in groups that are alike in how lately, how often and for how much they bought. "
        "Whoever meets one of a group's rules belongs to it.",
        "同一批客户，按最近购买时间、次数和金额相近分组。满足某组任一规则即属于该组。",
    ),
    "portraits_few": Words("Too few were lost for portraits.", "流失客户太少，无法分组画像。"),
    "portraits_note": Words(
        "Means of the members. The rules put {agreement} of the customers where the grouping does. Names are "
        "suggestions: write your own into portraits.yaml. What was spent is in {currency}.",
        "各项为组内均值，消费以 {currency} 计。规则与分组对 {agreement} 的客户一致。"
        "名称为建议，可在 portraits.yaml 中改写。",
    ),
    "portrait": Words("Portrait", "画像"),
    "recency": Words("Days since order", "距上次下单天数"),
    "purchase_days": Words("Purchase days", "购买天数"),
    "spent_all": Words("Spent in all", "累计消费"),
    "spent_each": Words("Spent each", "人均消费"),
    "had_bought": Words("bought: {names}", "买过：{names}"),
    "had_causes": Words("causes: {names}", "原因：{names}"),
    "or_rule": Words("or", "或"),
    "kind": Words("Kind of churn", "流失类型"),
    "cause": Words("Cause", "原因"),
    "of_lost": Words("Of the lost", "占流失客户"),
    "reason_unknown": Words("not known", "未知"),
    "reasons_note": Words(
        "By the rules of kinds.yaml, as known at the end of those days. Most leave without a word.",
        "按 kinds.yaml 的规则判定，以这段时间结束时已知的情况为准。多数客户不说明原因就离开。",
    ),
    "warnings": Words("Early warnings", "流失预警信号"),
    "warnings_lead": Words(
        "Of the {n} customers who ordered in the last {days} days, how many show each signal, "
        "and how often the signal was right before.",
        "最近 {days} 天下过单的 {n} 名客户中，出现各预警信号的人数，以及该信号过去的准确程度。",
    ),
    "warnings_base": Words(
        "Of the {n} who were active {days} days ago {rate} ordered nothing since.",
        "{days} 天前的 {n} 名活跃客户中，{rate} 此后没有下单。",
    ),
    "signal": Words("Signal", "信号"),
    "shown_now": Words("Show it now", "目前出现"),
    "flagged": Words("Showed it {days} days ago", "{days} 天前出现"),
    "hit_rate": Words("Of these, no order since", "其中此后未下单"),
    "base_rate": Words("Of all it looks at", "同类客户平均"),
    "tells": Words("Does it tell?", "是否有效"),
    "leave_more": Words("they leave more often", "流失更多"),
    "leave_less": Words("they leave less often", "流失更少"),
    "not_clear": Words("no clear difference", "差异不明显"),
    "not_known": Words("not known yet", "尚不清楚"),
    "warnings_note": Words(
        "95% interval by Wilson. The last but one column is of all customers the signal could have flagged "
        "{days} days ago: whoever bought once cannot buy less often.",
        "95% 区间按 Wilson 方法计算。“同类客户平均”为 {days} 天前该信号可能判定的全部客户："
        "只买过一次的客户谈不上购买变少。",
    ),
    "warnings_silent": Words("Nothing was imported for: {names}.", "以下信号没有可用数据：{names}。"),
    "method": Words("How this was counted", "计算方法"),
    "m_churn": Words("Churn", "流失"),
    "m_churn_text": Words(
        "Active: an order in the {days} days up to a day. Lost: active, and no order in the {days} days after it. "
        "An order of amount 0 is an order; a refund is none, but reduces value. Intervals: Wilson, 95%.",
        "活跃：截至某日的 {days} 天内下过单。流失：活跃客户在之后 {days} 天内没有下单。"
        "金额为 0 的订单算订单；退款不算订单，但会减少价值。置信区间：Wilson，95%。",
    ),
    "m_value": Words("Value", "价值"),
    "m_value_text": Words(
        "What a customer spent in the {days} days before, net of refunds. Churn by value is the value of those "
        "lost over the value of all active. Who was refunded more than he spent counts below 0; the report of a "
        "run counts him as 0.",
        "客户在此前 {days} 天的净消费（扣除退款）。价值流失率 = 流失客户的价值 ÷ 全部活跃客户的价值。"
        "退款多于消费的客户在此计为负数，在活动效果报告中计为 0。",
    ),
    "m_warning": Words("Warning", "背离提醒"),
    "m_warning_text": Words(
        "Three whole months against the same a year before, else the three before. It speaks when customers or "
        "orders fall by 5% or more, and by more than chance, while revenue does not fall by 5%; or when revenue "
        "falls while they grow. The first month of the data takes no part.",
        "以三个完整月份与上年同期（没有则与前三个月）相比。客户数或订单数下降 5% 以上且超出偶然波动、"
        "而收入没有下降 5%，或收入下降而二者增长时提醒。数据的首月不参与比较。",
    ),
    "m_curves": Words("Still active", "保持活跃"),
    "m_curves_text": Words(
        "A customer is lost on the first day on which {days} days have passed without an order, even if he orders "
        "again later; the table counts those who did. Who is still active when the data end counts as long as "
        "he was watched. The size of the first order is known on its day, customer fields are those of today. "
        "Value tiers of today are not used: who is in the top one has stayed by definition.",
        "客户首次连续 {days} 天没有下单之日即计为流失，即使之后又下单；表中列出了又下单的人数。"
        "数据截止时仍活跃的客户，只计入其被观察的时间。首单金额在首单当天即已知，客户字段取当前值。"
        "不使用今天的价值分层：能进入高层的客户，本来就是留下来的人。",
    ),
    "m_repeat": Words("Count again", "重新计算"),
    "interval_note": Words("Small print: 95% interval.", "小字：95% 置信区间。"),
    "line_chart": Words("{name} by month; numbers in the table.", "逐月{name}，数值见表。"),
}
