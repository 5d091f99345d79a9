"""The report's sentences about what customers said, in English and Chinese; winback.report.words says them."""

from winback.words import Words

ANSWER_TEXTS: dict[str, Words] = {
    "said": Words("What customers said", "客户怎么说"),
    "satisfaction": Words("Satisfaction: of those who answered only", "满意度：仅限作答者"),
    "score_nps": Words("NPS score, 0 to 10", "NPS 评分，0 至 10"),
    "of_nps": Words("the NPS score", " NPS 评分"),
    "of_csat": Words("satisfaction (CSAT)", "满意度（CSAT）"),
    "measured_nps": Words("NPS score", "NPS 评分"),
    "measured_csat": Words("Satisfaction (CSAT)", "满意度（CSAT）"),
    "card_of_scores": Words("Difference, those who answered", "作答者的差异"),
    "difference_score": Words("Difference, score", "差异（分）"),
    "answered_of": Words("{x} of {n} answered", "{n} 名中 {x} 名作答"),
    "score_csat": Words("Satisfaction (CSAT), 1 to 5", "满意度（CSAT），1 至 5"),
    "mean_treated": Words("Mean, written to", "平均分：实验组"),
    "mean_held": Words("Mean, hold-out", "平均分：对照组"),
    "satisfaction_note": Words(
        "Each customer's newest score in the window. Who answers is not chance, and a message can change it, so "
        "the difference of the means is a hint. Small print: where the effect on those who answer either way lies "
        "(95%, Lee's bounds), be those who answered only because of the message the happiest or the unhappiest; "
        "it holds while the message makes more answer or fewer, not some of each.",
        "取每位客户在观察期内最近一次的评分。谁作答并非随机，消息本身也会影响作答，因此平均分之差只是线索。"
        "小字为无论如何都会作答的客户所受的影响（95%，Lee 界限）：无论因消息才作答的人是最满意还是最不满意；"
        "前提是消息只使作答增多或只使作答减少，而非两者兼有。",
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
