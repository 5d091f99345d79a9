"""Outcomes of every kind for the tests of the report, and a reader of its pages."""

from dataclasses import replace
from datetime import date
from functools import cache
from html.parser import HTMLParser

from tests.finding_samples import seen
from winback import words
from winback.campaigns.campaign import Campaign
from winback.campaigns.limits import PerPerson
from winback.campaigns.values import PINNED
from winback.lift.balance import Balance
from winback.lift.interim import LookTaken
from winback.outcomes.outcomes import (
    ArmResult,
    GroupCount,
    KindsMade,
    Method,
    Outcome,
    measure,
    outcome_window,
)
from winback.outcomes.responses import MessageCount, OrderCount, responses
from winback.report.headline import first_of
from winback.report.page import WORD_JOINER, render

COMPLETE = date(1998, 6, 30)
METHOD = Method(
    audience_digest="3f" * 32,
    facts=["ab" * 32, "0c" * 32],
    campaign_digest="9d" * 32,
    code_version="0.1.0",
    seed="5e" * 8,
    score={"model": "mbg_nbd", "weights": {"r": 0.5249, "alpha": 6.1831}, "fallback_reason": None},
)


def a_campaign(smallest_effect="3pp", name="Spring", churn=None, **success):
    success |= {"window": "90d"} | ({"smallest_effect": smallest_effect} if smallest_effect else {})
    return Campaign.model_validate(
        {
            "id": "spring", "name": name, "owner": "ann@example.com", "churn": {"within": "90d"} | (churn or {}),
            "audience": {"inactive": "60d"}, "journey": [{"send": "hello"}], "success": success,
        },
        context={PINNED: True},  # a report is of a campaign that its run has pinned
    )  # fmt: skip


def an_outcome(
    arms,
    *,
    placebo=False,
    data_through=COMPLETE,
    contaminated=0,
    campaign=None,
    messages=None,
    waterfall=None,
    look=None,
    **found,
) -> Outcome:
    """``arms``: name -> (n, planned share, inactive before, inactive after). ``found``: for findings."""
    complete = data_through >= date(1998, 3, 31)
    after = {name: arm[3] if complete else None for name, arm in arms.items()}
    treated = {name: arm for name, arm in arms.items() if name != "holdout"}
    counts = [GroupCount(name=n, n=a[0], inactive_before=a[2], inactive_after=after[n]) for n, a in arms.items()]
    everyone = sum(arm[0] for arm in arms.values())
    dropped = {"not_top_value": 700, "no_consent": 31} if waterfall is None else waterfall
    groups = {
        "treated": (
            sum(arm[0] for arm in treated.values()),
            sum(arm[2] for arm in treated.values()),
            sum(after[name] for name in treated) if complete else None,
        ),
        "base": (everyone + sum(dropped.values()), 7, 6 if complete else None),
        "top": (50, 30, 29 if complete else None),
    }
    counts += [GroupCount(name=n, n=g[0], inactive_before=g[1], inactive_after=g[2]) for n, g in groups.items()]
    return measure(
        run="spring/manual-1997-12-31",
        campaign=campaign or a_campaign(),
        placebo=placebo,
        as_of=date(1997, 12, 31),
        window=outcome_window(date(1997, 12, 31), 90, data_through),
        waterfall=dropped,
        arms=[
            ArmResult(name=n, n=a[0], drawn=a[0], planned_share=a[1], messages=(messages or {}).get(n, {}))
            for n, a in arms.items()
        ],
        counts=counts,
        contaminated=contaminated,
        responses=responses(
            {name: arm[0] for name, arm in arms.items()},
            [
                message_count(arm, state, n)
                for arm, found in (messages or {}).items()
                for state, n in found.items()
            ],
            [order_count(name, arm) for name, arm in arms.items()] if data_through > date(1997, 12, 31) else None,
            currency="USD",
        ),
        method=METHOD,
        seen=a_seen(arms, messages or {}, **found) if found else None,
        look=look,
    )


def a_seen(arms, sent, **found):
    """With the messages that were sent; ``findings=True`` alone asks for nothing else."""
    counts = [message_count(arm, state, n) for arm, states in sent.items() for state, n in states.items()]
    return seen(arms, messages=counts, **{key: value for key, value in found.items() if key != "findings"})


def message_count(arm, state, messages) -> MessageCount:
    """Of the delivered every eighth was clicked by a reader; robots clicked too."""
    if state != "delivered":
        return MessageCount(arm=arm, state=state, messages=messages)
    return MessageCount(
        arm=arm, state=state, messages=messages, clicked=messages // 8, replied=0, unsubscribed=messages // 100,
        clicks=messages // 2, human_clicks=messages // 6,
    )  # fmt: skip


def order_count(name, arm) -> OrderCount:
    """Whoever did not stay away ordered, every third of them on two days, for 29.99 each time."""
    ordered = arm[0] - arm[3]
    return OrderCount(
        arm=name, ordered=ordered, repeated=ordered // 3, orders=ordered + ordered // 3,
        net_minor=2999 * (ordered + ordered // 3), days_to_order=31.5, after_message=ordered,
        after_click=ordered // 9,
    )  # fmt: skip


TWO = {"holdout": (1140, 0.5, 946, 820), "advice": (561, 0.25, 466, 399), "invitation": (575, 0.25, 475, 408)}
FEWER = {"holdout": (400, 0.2, 300, 92), "message": (1600, 0.8, 1200, 288)}  # outcomes A10
SENT = {"advice": {"delivered": 540, "bounced": 21}, "invitation": {"delivered": 570, "skipped": 5}}
WON = {"holdout": (2000, 0.4, 1640, 1444), "advice": (1500, 0.3, 1230, 990), "invitation": (1500, 0.3, 1236, 1068)}
DELIVERED = {
    "advice": {"delivered": 1440, "bounced": 60},
    "invitation": {"delivered": 1455, "bounced": 30, "skipped": 15},
}
JUDGED = a_campaign(margin="40%", guardrails={"unsubscribed": "0.5%", "bounced": "6%"})
LETTERS = {"advice": {1: 1400, 2: 80, 3: 20}, "invitation": {1: 1500}, "holdout": {0: 1900, 1: 100}}
LOOK = LookTaken(through=date(1998, 2, 10), information=0.2, fraction=0.5, boundary=2.963)
ALIKE = [  # chance: 1.96 x sqrt(1/3000 + 1/2000) = 0.0566
    Balance(covariate="risk", treated_mean=0.71, control_mean=0.709, difference=0.004, by_chance=0.0566),
    Balance(covariate="expected value", treated_mean=18.2, control_mean=21.3, difference=-0.12, by_chance=0.0566),
    Balance(covariate="past value", treated_mean=210.4, control_mean=209.9, difference=0.002, by_chance=0.0566),
    Balance(covariate="orders", treated_mean=3.1, control_mean=2.9, difference=0.08, by_chance=0.0566),
    Balance(covariate="days since order", treated_mean=91.0, control_mean=91.0, difference=None, by_chance=0.0566),
]
SAMPLES = {
    "better": an_outcome(FEWER),
    "worse": an_outcome({"holdout": (400, 0.2, 300, 60), "message": (1600, 0.8, 1200, 400)}),
    "no_effect_worth_having": an_outcome({"holdout": (9000, 0.5, 7000, 6500), "message": (9000, 0.5, 7000, 6500)}),
    "cant_tell": an_outcome(TWO, messages=SENT),
    "not_enough_data": an_outcome({"holdout": (20, 0.5, 15, 18), "message": (22, 0.5, 17, 19)}),
    "do_not_trust": an_outcome({"holdout": (900, 0.5, 700, 640), "message": (1370, 0.5, 1100, 990)}),
    "contaminated": an_outcome(TWO, contaminated=30),
    "interim": an_outcome(TWO, data_through=date(1998, 2, 10)),
    "placebo": an_outcome(TWO, placebo=True, messages=SENT),
    "no_holdout": an_outcome({"message": (2200, 1.0, 1800, 1500)}),
    "one_customer": an_outcome({"holdout": (1, 0.5, 1, 0), "message": (1, 0.5, 1, 1)}),
    "nobody": an_outcome({"holdout": (0, 0.5, 0, 0), "message": (0, 0.5, 0, 0)}),
    "won": replace(
        an_outcome(
            WON,
            messages=DELIVERED,
            campaign=JUDGED,
            overlap={"advice": 12},
            letters=LETTERS,
            per_person=PerPerson(messages=2, days=30),
            answering=0.2,
            causes={"advice": {"price": 40}, "invitation": {"price": 35, "own": 9}, "holdout": {"price": 80}},
        ),
        balance=ALIKE,
    ),
    "found": an_outcome(TWO, messages=SENT, findings=True),
    "touched": an_outcome(TWO, messages=SENT, contaminated=3, touched=["00012", "00577", "01033"], rows_lost=4),
    "look": an_outcome(TWO, data_through=date(1998, 2, 10), messages=SENT, look=LOOK, findings=True),
    "found_one": an_outcome({"holdout": (1, 0.5, 1, 0), "message": (1, 0.5, 1, 1)}, findings=True),
    "found_nobody": an_outcome({"holdout": (0, 0.5, 0, 0), "message": (0, 0.5, 0, 0)}, findings=True),
}
MEASURED = {  # judged by something else than churn
    "by_contribution": an_outcome(
        WON, messages=DELIVERED, findings=True, campaign=a_campaign(None, measure="net_contribution", margin="40%")
    ),
    "by_lost_share": an_outcome(
        FEWER,
        messages={"message": {"delivered": 1580}},
        findings=True,
        campaign=a_campaign(measure="value_lost_share"),
    ),
    "by_value_lost_alone": an_outcome(
        {"advice": (1500, 0.5, 1230, 990), "invitation": (1500, 0.5, 1236, 1068)},
        messages=DELIVERED,
        findings=True,
        campaign=a_campaign(None, measure="value_lost"),
    ),
    "by_csat": an_outcome(WON, messages=DELIVERED, answering=0.3, campaign=a_campaign(None, measure="csat")),
}
FIRST = an_outcome(FEWER, campaign=a_campaign())
MEASURED["second"] = replace(
    an_outcome({"holdout": (400, 0.2, 300, 60), "message": (1600, 0.8, 1200, 232)}, findings=True),
    second=True,
    first=first_of(FIRST),
)
FORETOLD = a_campaign(churn={"definition": "model", "threshold": "60%"}, margin="40%")
BY_FORECAST = {
    "model": "ensemble", "weights": {"pareto_nbd": 0.5, "logistic": 0.5}, "fallback_reason": None,
    "horizon_days": 90, "digest": "f0" * 32, "as_of": "1998-03-31", "threshold": 0.6,
}  # fmt: skip
CAUSES = {"advice": {"price": 40}, "invitation": {"price": 35, "own": 9}, "holdout": {"price": 80}}


def a_forecast(arms, **found) -> Outcome:
    made = an_outcome(arms, messages=DELIVERED, foretold=True, causes=CAUSES, **{"campaign": FORETOLD} | found)
    told = BY_FORECAST if made.window.complete else {}
    return replace(made, method=replace(METHOD, forecast=told))


MADE = KindsMade(rules="c1" * 32, facts={kind: ["d2" * 32] for kind in ("orders", "activity", "feedback")})
DEFINED = {  # churn by another definition than orders, other scores
    "by_forecast": a_forecast(WON, answering=0.2, letters=LETTERS, kinds=("hidden", "fault", "none")),
    "by_forecast_value": a_forecast(WON, campaign=FORETOLD.model_copy(
        update={"success": a_campaign(measure="value_lost_share", margin="40%").success})),
    "forecast_to_come": a_forecast(WON, data_through=date(1998, 2, 10)),
    "by_contract": an_outcome(
        WON, messages=DELIVERED, campaign=a_campaign(churn={"definition": "contract"}), by_contract=True
    ),
    "by_nps": an_outcome(
        WON, messages=DELIVERED, answering=0.3, asked="nps", campaign=a_campaign(None, measure="nps")
    ),
}  # fmt: skip
DEFINED["by_forecast"] = replace(
    DEFINED["by_forecast"], balance=ALIKE, method=replace(DEFINED["by_forecast"].method, kinds=MADE)
)
VARIANTS = {"advice": (960, 660), "invitation": (970, 712), "voucher": (955, 640)}  # delivered, quiet after


def three_variants() -> Outcome:
    """Everything a report can hold: three variants, value lost as judge, answers, causes, guardrails."""
    found = an_outcome(
        {"holdout": (2000, 0.4, 1640, 1444)}
        | {arm: (1000, 0.2, 820, quiet) for arm, (_, quiet) in VARIANTS.items()},
        messages={arm: {"delivered": sent, "bounced": 1000 - sent} for arm, (sent, _) in VARIANTS.items()},
        campaign=a_campaign(
            measure="value_lost_share", margin="40%", guardrails={"unsubscribed": "0.5%", "bounced": "6%"}
        ),
        overlap={"advice": 12},
        letters=LETTERS,
        per_person=PerPerson(messages=2, days=30),
        answering=0.2,
        causes=CAUSES,
        kinds=("hidden", "fault", "none"),
    )
    told = {"feedback": ["fe" * 32], "subscriptions": ["5b" * 32]}
    return replace(found, balance=ALIKE, method=replace(METHOD, other_facts=told, kinds=MADE))


JUDGED_BY = [(name, language) for name in MEASURED for language in words.LANGUAGES]
BY_DEFINITION = [(name, language) for name in DEFINED for language in words.LANGUAGES]
EVERY = [(name, language) for name in SAMPLES for language in words.LANGUAGES]


class Page(HTMLParser):
    """What stands where: tables by section, visible text, tags with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[list[tuple[str, ...]]]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"": []}
        self._section, self._cell, self._skip, self._in_svg, self._body = "", None, 0, 0, False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._skip += tag == "style"
        self._in_svg += tag == "svg"
        if tag in ("section", "aside"):
            self._section = dict(attrs).get("id") or ""
        if tag == "tbody":
            self._body = True
            self.tables.setdefault(self._section, []).append([])
        if tag == "tr" and self._body:
            self.tables[self._section][-1].append([])
        if tag in ("td", "th"):
            self._cell = [""]
        if tag == "small" and self._cell is not None:
            self._cell.append("")

    def handle_endtag(self, tag):
        self._skip -= tag == "style"
        self._in_svg -= tag == "svg"
        self._body = self._body and tag != "tbody"
        if tag in ("section", "aside"):
            self._section = ""
        if tag in ("td", "th"):
            if self._body:
                self.tables[self._section][-1][-1].append(tuple(part.strip() for part in self._cell))
            self._cell = None

    def handle_data(self, data):
        if self._skip or self._in_svg:
            return
        data = data.replace(WORD_JOINER, "")
        self.texts.setdefault(self._section, []).append(data)
        if self._cell is not None:
            self._cell[-1] += data

    def text(self, section: str) -> str:
        return " ".join(" ".join(self.texts.get(section, [])).split())

    @property
    def whole_text(self) -> str:
        return " ".join(self.text(section) for section in self.texts)


@cache
def sample_html(name: str, language: words.Language) -> str:
    return render((SAMPLES | MEASURED | DEFINED)[name], language)


def page(name_or_outcome, language="en") -> Page:
    """A sample by name (rendered once for all tests) or any outcome."""
    if isinstance(name_or_outcome, str):
        return Page(sample_html(name_or_outcome, language))
    return Page(render(name_or_outcome, language))
