"""What the report says of before and after, in English and Chinese; winback.report.words says it."""

from winback.words import Words

BEFORE_AFTER_TEXTS: dict[str, Words] = {
    "before_after": Words("Before/after alone: not the effect", "仅看前后对比：不是活动效果"),
    "ba_treated": Words(
        "Those written to went from {before} to {after} inactive.", "实验组的不活跃比例从 {before} 变为 {after}。"
    ),
    "ba_treated_active": Words(
        "The share of those written to who ordered went from {before} to {after}.",
        "实验组的下单比例从 {before} 变为 {after}。",
    ),
    "ba_improved": Words(
        "This alone would claim an improvement of {change} points.", "只看这一点，会宣称改善了 {change} 个百分点。"
    ),
    "ba_worsened": Words(
        "This alone would claim a harm of {change} points.", "只看这一点，会宣称恶化了 {change} 个百分点。"
    ),
    "ba_unchanged": Words("This alone would claim no change.", "只看这一点，会宣称没有变化。"),
    "ba_holdout": Words(
        "The hold-out, left alone on purpose, went from {before} to {after}.",
        "而特意不发送的对照组，从 {before} 变为 {after}。",
    ),
    "ba_no_holdout": Words(
        "There is no hold-out to show how much of that would have happened anyway.",
        "没有对照组，无法知道其中有多少本来就会发生。",
    ),
    "ba_quiet": Words(
        "Customers are picked when they are at their quietest, so many come back anyway (regression to the mean).",
        "入选的客户正处于最沉寂的时候，不做任何事也会有许多人回来（均值回归）。",
    ),
    "ba_drift": Words(
        "Customers picked by their past drift back to their average by themselves (regression to the mean), "
        "so a change of the same persons says nothing of the campaign.",
        "按过去表现选出的客户，本来就会向平均水平回落或回升（均值回归），同一批人的前后变化说明不了活动的作用。",
    ),
    "ba_otherwise": Words(
        "Counted here is who ordered at all, not {measure}, by which this campaign is judged.",
        "此处只看客户是否下单，而不是本活动所评判的{measure}。",
    ),
    "ba_contract": Words(
        "Counted here are orders, not contracts: everybody had a live contract when chosen, so before/after by "
        "contract could only get worse.",
        "此处只看是否下单，而不看合同：入选时每位客户都有有效合同，按合同作前后对比只会变差。",
    ),
    "ba_pending": Words("The second number follows when the window is complete.", "观察期满后才有后一个数字。"),
    "ba_inactive_share": Words("share inactive (no order)", "不活跃（没有下单）比例"),
    "ba_active_share": Words("share who ordered", "下单比例"),
    "ba_windows": Words(
        "Shown: {counted}. Before: {before_first} to {before_last}; after: {first} to {last}; the same "
        "persons. Past value = spent up to {before_last}, of all scored customers.",
        "所列为{counted}。前：{before_first}至{before_last}；后：{first}至{last}；前后为同一批客户。"
        "历史消费 = 全部评分客户截至{before_last}的消费。",
    ),
    "ba_chart": Words(
        "Before and after in each group: {counted}; the numbers are in the table that follows.",
        "各组客户前后对比：{counted}；数字见随后的表格。",
    ),
    "before": Words("Before", "前"),
    "after": Words("After", "后"),
    "change": Words("Change, points", "变化（百分点）"),
}
