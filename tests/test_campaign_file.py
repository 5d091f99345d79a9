"""The campaign file: what is read, what is refused, and in which words."""

from dataclasses import replace
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from db.campaigns import check_file
from db.settings import Settings, WorkspaceFile
from tests.builders import CAMPAIGN
from tests.workspaces import CAMPAIGN as SHOWN
from tests.workspaces import a_workspace, write_campaign
from winback.campaigns.campaign import Campaign, Limits
from winback.campaigns.file import examine, line_of, read_campaign, read_pinned
from winback.campaigns.limits import PerPerson
from winback.campaigns.quiet_hours import QuietHours
from winback.errors import CampaignError

ROOT = Path(__file__).parent.parent


def problems(text: str) -> list[CampaignError]:
    return examine(text, "campaigns/spring.yaml")[1]


def the_problem(text: str) -> CampaignError:
    [problem] = problems(text)
    return problem


def test_the_shipped_campaign_says_what_its_comments_say():
    text = (ROOT / "campaigns/high-value-winback.yaml").read_text(encoding="utf-8")

    campaign = read_campaign(text, "high-value-winback.yaml")

    assert campaign.audience.value.top == 0.2
    assert campaign.audience.inactive == 60
    assert campaign.holdout == 0.5
    assert campaign.templates() == {"advice": "winback-advice", "invitation": "winback-invitation"}
    assert campaign.success.smallest_effect == pytest.approx(0.03)
    assert campaign.name.zh == "高价值客户挽回"


def test_a_campaign_without_variants_has_one_message():
    campaign = read_campaign(CAMPAIGN, "spring.yaml")

    assert campaign.templates() == {"message": "hello"}
    assert campaign.arm_shares(5_000) == {"holdout": 0.2, "message": 0.8}


@pytest.mark.parametrize(("people", "share"), [(4_999, 0.5), (5_000, 0.2)])
def test_small_audiences_hold_out_a_half_by_default(people: int, share: float):
    assert read_campaign(CAMPAIGN, "spring.yaml").holdout_for(people) == share


def test_weights_share_what_the_holdout_leaves():
    text = CAMPAIGN + "holdout: 40%\nvariants: [{name: a, weight: 1}, {name: b, weight: 2}]\n"

    shares = read_campaign(text, "spring.yaml").arm_shares(100)

    assert shares == pytest.approx({"holdout": 0.4, "a": 0.2, "b": 0.4})


def test_an_unknown_field_names_its_line_what_is_allowed_and_the_nearest():
    problem = the_problem(CAMPAIGN + "frequncy_cap: 3\nschedle: {}\n".splitlines()[1] + "\n")

    assert problem.line == 8
    assert problem.field == "schedle"
    assert problem.nearest == "schedule"
    assert "holdout" in problem.allowed


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("offers: {}", "offers"),
        ("variants: [{name: coupon, offer: ten-percent}]", "variants[1].offer"),
        ("schedule: {cron: 0 9 * * mon, timezone: UTC, local_time: recipient}", "schedule.local_time"),
    ],
)
def test_a_field_of_a_later_version_is_refused_with_that_sentence(line: str, field: str):
    problem = the_problem(CAMPAIGN + line + "\n")

    assert problem.field == field
    assert "comes with a later version: remove it" in str(problem)


@pytest.mark.parametrize(
    ("old", "new", "field", "line", "words"),
    [
        ("id: spring", "id: Spring Sale", "id", 1, "lower-case words joined by hyphens"),
        ("id: spring", "id: 7", "id", 1, "must be text"),
        ("within: 90d", "within: 90", "churn.within", 4, "such as 90d"),
        ("within: 90d", "within: 0d", "churn.within", 4, "at least 1"),
        ("inactive: 60d", "value: {top: 120%}", "audience.value.top", 5, "at most 1"),
        ("inactive: 60d", "value: {top: -5%}", "audience.value.top", 5, "such as 20%"),
        ("inactive: 60d", "value: {top: 20%, by: pats}", "audience.value.by", 5, "did you mean 'past'"),
        ("{inactive: 60d}", "{}", "audience", 5, "say whom"),
        ("[{send: hello}]", "[]", "journey", 6, "at least 1"),
        ("[{send: hello}]", "[{send: a}, {send: b}]", "journey", 6, "several steps come with a later version"),
        ("[{send: hello}]", "[{send: hello, channels: [email, email]}]", "journey[1].channels", 6, "once"),
        ("[{send: hello}]", "[{send: hello, channels: [fax]}]", "journey[1].channels[1]", 6, "email or sms"),
        ("[{send: hello}]", "[{send: ../secrets}]", "journey[1].send", 6, "lower-case words"),
        ("owner: ann@example.com", "owner: ann", "owner", 3, "must be an e-mail address"),
        (
            "success: {window: 90d}",
            "success: {window: 90d, smallest_effect: 3%}",
            "success.smallest_effect",
            7,
            "3pp",
        ),
        ("success: {window: 90d}", "success: 90d", "success", 7, "fields of its own"),
        ("{window: 90d}", "{window: 90d, measure: repeat}", "success.measure", 7, "did you mean 'repeat_rate'"),
        ("{window: 90d}", "{window: 90d, measure: net_contribution}", "success", 7, "needs margin"),
        ("{window: 90d}", "{window: 90d, measure: retentions}", "success.measure", 7, "did you mean 'retention'"),
        ("within: 90d", "within: 90d, threshold: 60%", "churn", 4, "a risk of the model"),
        ("within: 90d", "within: 90d, definition: no_oder", "churn.definition", 4, "did you mean 'no_order'"),
        (
            "{window: 90d}",
            "{window: 90d, measure: net_contribution, margin: 40%, smallest_effect: 3pp}",
            "success",
            7,
            "not with net_contribution",
        ),
        (
            "{window: 90d}",
            "{window: 90d, measure: purchase_frequency, smallest_effect: 3pp}",
            "success",
            7,
            "not with purchase_frequency",
        ),
        ("{window: 90d}", "{window: 90d, margin: 0%}", "success.margin", 7, "more than 0"),
        ("{window: 90d}", "{window: 90d, guardrails: {opens: 1%}}", "success.guardrails.opens", 7, "complained"),
    ],
)
def test_a_wrong_value_is_refused_at_its_line_in_words(old: str, new: str, field: str, line: int, words: str):
    assert old in CAMPAIGN

    problem = the_problem(CAMPAIGN.replace(old, new))

    assert (problem.field, problem.line) == (field, line)
    assert words in str(problem)


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("holdout: 100.5%", "holdout", "at most 1"),
        ("schedule: {cron: 0 9 * * 1, timezone: UTC}", "schedule.cron", "never as numbers"),
        ("schedule: {cron: every day, timezone: UTC}", "schedule.cron", "five fields"),
        ("schedule: {cron: 99 9 * * mon, timezone: UTC}", "schedule.cron", "the minute can't be '99'"),
        ("schedule: {cron: 0 9 * * mon, timezone: Mars/Base}", "schedule.timezone", "not a time zone"),
        ("schedule: {cron: 0 9 * * mon, timezone: Europe/Lodnon}", "schedule.timezone", "Europe/London"),
        ("variants: [{name: a}, {name: a}]", "variants", "two variants are called 'a'"),
        ("variants: [{name: holdout}]", "variants[1].name", "no variant is called base, holdout"),
        ("variants: [{name: treated}]", "variants[1].name", "no variant is called base, holdout, top, treated"),
        ("variants: [{name: a, weight: 0}]", "variants[1].weight", "more than 0"),
        ("variants: [{name: a, weight: two}]", "variants[1].weight", "must be a number"),
    ],
)
def test_a_wrong_optional_field_is_refused_in_words(line: str, field: str, words: str):
    problem = the_problem(CAMPAIGN + line + "\n")

    assert (problem.field, problem.line) == (field, 8)
    assert words in str(problem)


def test_limits_are_read_as_they_are_written():
    text = """limits:
  per_person: 2 in 30d
  quiet_hours: 21:00-09:00
  per_day: 2000
  budget: {amount: 499.99, currency: GBP}
  priority: 70
on_uncertain: resend_after_reconcile
topic: autumn-news
"""

    campaign = read_campaign(CAMPAIGN + text, "spring.yaml")

    assert campaign.limits.per_person == PerPerson(messages=2, days=30)
    assert campaign.limits.quiet_hours == QuietHours(start=time(21), end=time(9))
    assert campaign.limits.per_day == 2_000
    assert campaign.limits.budget.amount == Decimal("499.99")
    assert campaign.limits.budget.micros == 499_990_000
    assert campaign.limits.priority == 70
    assert (campaign.on_uncertain, campaign.topic) == ("resend_after_reconcile", "autumn-news")


def test_without_limits_there_are_none_and_what_is_unknown_is_left_to_people():
    campaign = read_campaign(CAMPAIGN, "spring.yaml")

    assert campaign.limits == Limits(per_person=None, quiet_hours=None, per_day=None, budget=None, priority=50)
    assert (campaign.on_uncertain, campaign.topic) == ("hold", None)


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ("per_person: 2", "per_person", "such as 2 in 30d"),
        ("per_person: 0 in 30d", "per_person", "such as 2 in 30d"),
        ("per_person: 2 in 0d", "per_person", "such as 2 in 30d"),
        ("per_person: twice a month", "per_person", "such as 2 in 30d"),
        ("quiet_hours: 9pm-9am", "quiet_hours", "such as 21:00-09:00"),
        ("quiet_hours: 09:00-09:00", "quiet_hours", "two different times"),
        ("quiet_hours: 21", "quiet_hours", "such as 21:00-09:00"),
        ("per_day: 0", "per_day", "at least 1"),
        ("per_day: 1.5", "per_day", "whole number"),
        ("per_day: yes", "per_day", "whole number"),
        ("priority: 101", "priority", "at most 100"),
        ("priority: -1", "priority", "at least 0"),
        ("budget: 500", "budget", "amount, currency"),
        ("budget: {amount: 500}", "budget.currency", "is missing"),
        ("budget: {amount: 0, currency: GBP}", "budget.amount", "more than 0"),
        ("budget: {amount: .inf, currency: GBP}", "budget.amount", "must be a number"),
        ("budget: {amount: yes, currency: GBP}", "budget.amount", "must be a number"),
        ("budget: {amount: .nan, currency: GBP}", "budget.amount", "must be a number"),
        ("budget: {amount: '500', currency: GBP}", "budget.amount", "must be a number"),
        ("budget: {amount: 0.0000001, currency: GBP}", "budget.amount", "six decimals"),
        ("budget: {amount: 500, currency: pounds}", "budget.currency", "three capital letters"),
        ("budget: {amout: 500, amount: 500, currency: GBP}", "budget.amout", "did you mean 'amount'"),
        ("frequncy: 1", "frequncy", "per_person, quiet_hours, per_day, budget, priority"),
        ("quiet_hour: 21:00-09:00", "quiet_hour", "did you mean 'quiet_hours'"),
    ],
)
def test_a_wrong_limit_is_refused_at_its_line_in_words(said: str, field: str, words: str):
    problem = the_problem(CAMPAIGN + f"limits:\n  {said}\n")

    assert (problem.field, problem.line) == (f"limits.{field}", 9)
    assert words in str(problem)


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("on_uncertain: resend", "on_uncertain", "hold or resend_after_reconcile"),
        ("on_uncertain: resend_after_reconcil", "on_uncertain", "did you mean 'resend_after_reconcile'"),
        ("topic: Autumn News", "topic", "lower-case words"),
    ],
)
def test_a_wrong_choice_is_refused_in_words(line: str, field: str, words: str):
    problem = the_problem(CAMPAIGN + line + "\n")

    assert (problem.field, problem.line) == (field, 8)
    assert words in str(problem)


def shop_with(folder: Path, **said: object) -> Settings:
    """A workspace in dollars whose winback.toml says more."""
    shop = a_workspace(folder)
    return replace(shop, file=WorkspaceFile.model_validate(shop.file.model_dump() | said))


def faults(shop: Settings, lines: str) -> list[tuple[int | None, str | None, str]]:
    write_campaign(shop, SHOWN + lines)
    return [(found.line, found.field, str(found)) for found in check_file(shop, shop.campaigns / "spring.yaml")[1]]


def test_a_topic_must_be_one_of_the_workspace(tmp_path: Path):
    shop = shop_with(tmp_path, topics={"autumn-news": {"en": "News"}, "offers": {"en": "Offers"}})
    [(line, field, words)] = faults(shop, "again_after: 9d\ntopic: autum-news\n")

    assert (line, field) == (10, "topic")
    assert "allowed: autumn-news, offers; did you mean 'autumn-news'?" in words
    assert faults(shop, "topic: offers\n") == []
    assert (
        "needs [topics] in winback.toml: it has none" in faults(shop_with(tmp_path / "b"), "topic: offers\n")[0][2]
    )


def test_a_budget_needs_the_workspaces_currency_and_a_price_for_every_channel(tmp_path: Path):
    shop = shop_with(tmp_path, prices={"email": "0.0006"})
    currency, price = faults(shop, "limits:\n  budget:\n    amount: 5\n    currency: EUR\n")

    assert currency[:2] == (12, "limits.budget.currency")
    assert "allowed: USD" in currency[2]
    assert price[:2] == (10, "limits.budget")
    assert "price of sms: [prices]" in price[2]
    priced = shop_with(tmp_path / "other", prices={"email": "0.0006", "sms_segment": "0.0079"})
    assert faults(priced, "limits: {budget: {amount: 5, currency: USD}}\n") == []


def test_net_contribution_needs_a_price_for_every_channel_of_the_campaign(tmp_path: Path):
    shop = shop_with(tmp_path, prices={"email": "0.0006"})
    judged = SHOWN.replace(
        "success: {window: 60d}", "success: {window: 60d, measure: net_contribution, margin: 40%}"
    )
    write_campaign(shop, judged)
    [found] = check_file(shop, shop.campaigns / "spring.yaml")[1]

    assert found.field == "success.measure"
    assert "needs the price of sms: [prices] of winback.toml" in str(found)
    write_campaign(shop, judged.replace("hello}", "hello, channels: [email]}"))
    assert check_file(shop, shop.campaigns / "spring.yaml")[1] == []


def test_a_budget_asks_no_price_of_a_channel_that_the_campaign_does_not_use(tmp_path: Path):
    shop = shop_with(tmp_path, prices={"email": "0.0006"})
    write_campaign(shop, SHOWN.replace("hello}", "hello, channels: [email]}")
                   + "limits: {budget: {amount: 5, currency: USD}}\n")  # fmt: skip

    assert check_file(shop, shop.campaigns / "spring.yaml")[1] == []


def test_a_missing_template_is_found_at_the_line_that_names_it(tmp_path: Path):
    """Not at the first line in which its name happens to stand."""
    shop = shop_with(tmp_path)
    lines = "variants:\n  - {name: spring, template: hello}\n  - {name: b,\n     template: spring}\n"
    [(line, field, _)] = faults(shop, lines)

    assert (line, field) == (12, "variants[2].template")


def test_the_line_of_an_absent_field_is_that_of_what_is_around_it():
    text = CAMPAIGN + "limits:\n  per_day: 5\n"

    assert line_of(text, "limits", "per_day") == 9
    assert line_of(text, "limits", "budget", "amount") == 8
    assert line_of(text, "topic") == 1


def test_every_missing_field_is_named():
    fields = {problem.field for problem in problems("id: spring\n")}

    assert fields == {"name", "owner", "churn", "audience", "journey", "success"}


def test_a_field_given_twice_is_refused_with_the_second_line():
    problem = the_problem(CAMPAIGN + "owner: bob@example.com\n")

    assert (problem.field, problem.line) == ("owner", 8)
    assert "twice" in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "id: !!python/object/apply:os.system [echo]\n",
        "id: &a spring\nname: *a\n",
        "a: &a [x, x]\nb: &b [*a, *a]\n",
        "id: " + "[" * 500 + "\n",
        "id: " + "x" * 70_000,
        "[",
        "",
        "- a\n- b\n",
        "just words",
        "? [complex]\n: key\n",
        "id: \x00",
    ],
)
def test_tricks_and_things_that_are_no_campaign_are_refused_in_one_sentence(text: str):
    campaign, found = examine(text, "x.yaml")

    assert campaign is None
    assert len(found) == 1
    assert str(found[0]).startswith("x.yaml")


def test_reading_raises_the_first_problem():
    with pytest.raises(CampaignError, match="spring.yaml:1: id"):
        read_campaign(CAMPAIGN.replace("id: spring", "id: 7"), "spring.yaml")


@pytest.mark.parametrize(
    "text",
    [
        CAMPAIGN.replace("window: 90d", "window: 90d, guardrails: {unsubscribed: 100%}"),
        CAMPAIGN.replace("name: Spring", 'name: " "'),
        CAMPAIGN.replace("name: Spring", 'name: "Spring\\nsale\\a"'),
        CAMPAIGN + "holdout:\n",
        CAMPAIGN + "variants: []\n",
        CAMPAIGN + "variants: [{name: top}, {name: base}]\n",
        CAMPAIGN + "approval: {above: 10, by: Ann <ann@example.com>}\n",
    ],
)
def test_a_rule_that_came_later_does_not_take_a_run_its_campaign(text: str):
    with pytest.raises(CampaignError):
        read_campaign(text, "spring.yaml")

    assert read_pinned(text, "spring.yaml").id == "spring"


def test_what_nobody_could_ever_pin_is_no_campaign_of_a_run():
    with pytest.raises(CampaignError, match="audience.inactive: write days"):
        read_pinned(CAMPAIGN.replace("60d", "60"), "spring.yaml")


def test_a_campaign_cannot_be_changed_after_reading():
    campaign = read_campaign(CAMPAIGN, "spring.yaml")

    with pytest.raises(ValueError, match="frozen"):
        campaign.id = "other"


def test_every_field_of_the_model_is_documented():
    undocumented = [
        name for name in Campaign.model_fields if name not in (ROOT / "docs/campaign-file.md").read_text()
    ]

    assert undocumented == []
