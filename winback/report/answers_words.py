"""The report's sentences about what customers said, in English and Chinese; winback.report.words says them."""

from winback.words import Words

ANSWER_TEXTS: dict[str, Words] = {
    "said": Words("What customers said", "客户怎么说"),
    "satisfaction": Words("Satisfaction: of those who answered only", "满意度：仅限作答者"),
    "score_nps": Words("NPS score, 0 to 10", "NPS 评分，0 至 10"),
    "score_csat": Words("Satisfaction (CSAT), 1 to 5", "满意度（CSAT），1 至 5"),
    "mean_treated": Words("Mean, written to", "平均分：实验组"),
    "mean_held": Words("Mean, hold-out", "平均分：对照组"),
    "satisfaction_note": Words(
        "Each customer's newest score in the window. Who answers is not chance, and a message can change it: a "
        "difference here is a hint, not an effect, and there is no verdict. Small print: 95% interval by Welch.",
        "取每位客户在观察期内最近一次的评分。谁作答并非随机，消息本身也会影响作答：这里的差异只是线索，"
        "不是效果，因此不作结论。小字为 95% 置信区间（Welch 法）。",
    ),
    "causes": Words("Why they were lost: explored, not proved", "流失原因：仅供探索，不作结论"),
    "cause": Words("Cause they named", "客户说明的原因"),
    "cause_unknown": Words("Not known", "未知"),
    "causes_note": Words(
        "Of all customers of a group, those who were lost and named this cause in the window; with those of whom "
        "no cause is known the rows add up to churn. Where one group was asked more often, it has more known "
        "causes. p is adjusted over all rows (BH).",
        "各组全体客户中，流失且在观察期内说明该原因的比例；加上原因未知的，各行之和即为流失率。"
        "若一组被询问得更多，已知原因也会更多。p 已在各行间校正（BH）。",
    ),
}
