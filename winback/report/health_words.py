"""The report's sentences about the health of its data, in English and Chinese; winback.report.words says them."""

from winback.words import Words

HEALTH_TEXTS: dict[str, Words] = {
    "health": Words("Can these numbers be relied on?", "这些数字可靠吗？"),
    "check": Words("Check", "检查项"),
    "found": Words("Found", "结果"),
    "status": Words("Status", "状态"),
    "fine": Words("fine", "正常"),
    "attention": Words("look into it", "需查看"),
    "bad": Words("do not trust", "不可信"),
    "waiting": Words("not yet", "未到期"),
    "unknown": Words("not known", "未知"),
    "window_check": Words("Data for the whole window", "观察期数据是否完整"),
    "window_found": Words("data through {through}; needed through {last}", "数据截至 {through}；需要到 {last}"),
    "ledger_check": Words("Every scored customer accounted for", "每位客户是否都有去向"),
    "ledger_found": Words(
        "{scored} scored; {dropped} left out + {included} in",
        "参与评分 {scored}；未入选 {dropped} + 入选 {included}",
    ),
    "contamination_check": Words("Hold-out members who were written to", "对照组中收到消息的客户"),
    "contamination_found": Words(
        "{contaminated} of {held} ({touched})", "{held} 名中 {contaminated} 名（{touched}）"
    ),
    "srm_check": Words("Split against the plan (sample ratio mismatch)", "分组与计划是否一致（样本比例失衡检验）"),
    "srm_found": Words("chi-square {chi2} with {df} df, {p}", "卡方 {chi2}，自由度 {df}，{p}"),
    "srm_none": Words("cannot be tested with one group", "只有一组，无法检验"),
    "rules": Words(
        "Rules that apply to those written to against the hold-out, in their order",
        "实验组与对照组比较时适用的规则（按顺序）",
    ),
    # Balance
    "balance": Words("Were the groups alike beforehand?", "两组事先是否相近？"),
    "covariate": Words("Known beforehand, mean", "事先已知（平均值）"),
    "standardised": Words("Difference, in standard deviations", "差异（标准差）"),
    "by_chance": Words("chance: ±{limit}", "偶然：±{limit}"),
    "alike": Words("alike", "相近"),
    "unlike": Words("look into it", "需查看"),
    "balance_note": Words(
        "Of those whose group was drawn in this run. Looked into: more than 0.1 standard deviations apart and "
        "more than chance explains 19 times in 20.",
        "仅计在本批次分组的客户。差异超过 0.1 个标准差、且超出 20 次中 19 次的偶然范围时，需查看。",
    ),
    "known_risk": Words("Predicted risk", "预测风险"),
    "known_expected_value": Words("Expected value", "预期价值"),
    "known_past_value": Words("Past value", "历史消费"),
    "known_orders": Words("Orders before", "此前订单数"),
    "known_days_since_order": Words("Days since the last order", "距上次下单天数"),
}
