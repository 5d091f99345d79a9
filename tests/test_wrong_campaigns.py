"""Wrong campaign files, sixty and more: each is refused at its line, by its field, in words that say how to mend it."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from db.campaigns import check_file
from tests.workspaces import CAMPAIGN as SPRING
from tests.workspaces import a_workspace, write_campaign
from winback.campaigns.file import examine
from winback.campaigns.schema import schema

RIGHT = """\
id: spring
name: {en: Spring, zh: 春天}
owner: ann@example.com
objective: Keep top customers whose next order is in doubt.
churn:
  definition: no_order
  within: 90d
audience:
  value: {top: 20%, by: expected}
  risk: {at_least: 0.6}
  where: country == "France" and orders >= 2
  limit: {people: 5000, first: value_at_risk}
holdout: 20%
variants:
  - {name: advice, weight: 1}
  - {name: coupon, weight: 1, template: winback-invitation}
journey:
  - send: winback-advice
    channels: [email, sms]
schedule: {cron: "0 9 * * mon", timezone: Europe/London, late_limit: 4h, ends: 2027-12-31}
again_after: 180d
limits:
  per_person: 2 in 30d
  quiet_hours: 21:00-09:00
  per_day: 2000
  priority: 50
success:
  window: 90d
  measure: churn
  smallest_effect: 3pp
  guardrails: {unsubscribed: 1%, complained: 0.1%}
approval: {above: 500, by: reviewer}
compliance: [default]
"""
LATER = "comes with a later version: remove it"
TOP = (
    "id, name, owner, objective, churn, audience, holdout, variants, journey, schedule, again_after, limits, "
    "on_uncertain, topic, approval, compliance, utm, success"
)
# what is written, what instead, and the message from its line on
WRONG = [
    # names of fields
    ("again_after: 180d", "again_aftr: 180d", f"21: again_aftr: is not a field here (allowed: {TOP}; did you mean 'again_after'?)"),
    ("holdout: 20%", "holdout:", "13: holdout: is empty: write a value, or take the line out for what is usual"),
    ("again_after: 180d", "frequncy_cap: 2", f"21: frequncy_cap: is not a field here (allowed: {TOP})"),
    ("  per_day: 2000", "  per_dya: 2000", "25: limits.per_dya: is not a field here (allowed: per_person, quiet_hours, per_day, budget, priority; did you mean 'per_day'?)"),
    ("top: 20%, by", "tpo: 20%, top: 20%, by", "9: audience.value.tpo: is not a field here (allowed: top, by; did you mean 'top'?)"),
    ("  window: 90d", "  windw: 90d", "28: success.windw: is not a field here (allowed: window, blank_out, measure, smallest_effect, margin, guardrails; did you mean 'window'?)"),
    ("owner: ann@example.com\n", "", "1: owner: is missing"),
    ("again_after: 180d", "id: summer", "21: id: is given twice"),
    ("again_after: 180d", "again_after: 180d\nagain_after: 90d", "22: again_after: is given twice"),
    # words of later versions
    ("again_after: 180d", "offers: {}", f"21: offers: {LATER} (allowed: {TOP})"),
    ("weight: 1, template", "offer: ten, template", f"16: variants[2].offer: {LATER} (until then a variant differs by its template only) (allowed: name, weight, template)"),
    ("    channels: [email, sms]", "    unless: responded", f"19: journey[1].unless: {LATER} (a journey has one step until then) (allowed: send, channels)"),
    ("    channels: [email, sms]", "    call_task: team", f"19: journey[1].call_task: {LATER} (a journey has one step until then) (allowed: send, channels)"),
    ("    channels: [email, sms]", "    wait: 4d", f"19: journey[1].wait: {LATER} (a journey has one step until then) (allowed: send, channels)"),
    ("    channels: [email, sms]", "  - wait: 4d", "17: journey: several steps come with a later version: keep one, a send"),
    ("ends: 2027-12-31", "local_time: recipient", f"20: schedule.local_time: {LATER} (limits.quiet_hours goes by the recipient's clock already) (allowed: cron, timezone, late_limit, starts, ends)"),
    ("[default]", "[default, uk]", "33: compliance: law packs other than default come with a later version: remove uk"),
    ("no_order", "modell", "6: churn.definition: is none of the choices (allowed: no_order, contract or model; did you mean 'model'?)"),
    ("no_order", "no_order\n  threshold: 0.6", "5: churn: threshold is a risk of the model: not with definition no_order"),
    ("no_order", "contract\n  threshold: 0.6", "5: churn: threshold is a risk of the model: not with definition contract"),
    ("no_order", "model\n  threshold: 0%", "7: churn.threshold: is too small (allowed: more than 0)"),
    ("no_order", "model\n  threshold: high", "7: churn.threshold: write a share as a percentage, such as 20%, or as a number from 0 to 1"),
    # who
    ("id: spring", "id: Spring Sale", "1: id: must be lower-case words joined by hyphens, such as spring-offer"),
    ("id: spring", "id: 7", "1: id: must be text"),
    ("{en: Spring, zh: 春天}", "{zh: 春天}", "2: name.en: is missing"),
    ("{en: Spring, zh: 春天}", "5", '2: name: is a number: write it in quotes, "5"'),
    ("{en: Spring, zh: 春天}", "", "2: name: is empty: write one text, or one for each language, en and zh"),
    ("{en: Spring, zh: 春天}", "' '", "2: name: is empty: write one text, or one for each language, en and zh"),
    ("{en: Spring, zh: 春天}", "[Spring]", "2: name: write one text, or one for each language, en and zh"),
    ("zh: 春天", "zh: 春\0天", "2: holds the invisible character U+0000: take it out, or write the line anew"),
    ("{en: Spring, zh: 春天}", '{en: "Spring\\a", zh: 春天}', "2: name.en: holds the invisible character U+0007: take it out, or write the line anew"),
    ("{en: Spring, zh: 春天}", '"Spr\\u202Eing"', "2: name: holds the invisible character U+202E: take it out, or write the line anew"),
    ("{en: Spring, zh: 春天}", '{en: "Spring\\nsale", zh: 春天}', "2: name.en: must be one line"),
    ("in doubt.", "in\u200bdoubt.", "4: objective: holds the invisible character U+200B: take it out, or write the line anew"),
    ("{above: 500, by: reviewer}", '{above: 500, by: "Be\\0a"}', "32: approval.by: holds the invisible character U+0000: take it out, or write the line anew"),
    ("owner: ann@example.com", "owner: Ann", "3: owner: must be an e-mail address"),
    ("Keep top customers whose next order is in doubt.", "''", "4: objective: is empty: write one text, or one for each language, en and zh"),
    ("within: 90d", "within: 3 months", "7: churn.within: write days as a number and d, such as 90d"),
    ("top: 20%", "top: -5%", "9: audience.value.top: write a share as a percentage, such as 20%, or as a number from 0 to 1"),
    ("top: 20%", "top: 100.5%", "9: audience.value.top: 100.5% is more than everybody: at most 100%"),
    ("top: 20%", "top: 20", "9: audience.value.top: 20 is more than everybody: did you mean 20%?"),
    ("by: expected", "by: expcted", "9: audience.value.by: is none of the choices (allowed: expected or past; did you mean 'expected'?)"),
    ("at_least: 0.6", "at_least: high", "10: audience.risk.at_least: write a share as a percentage, such as 20%, or as a number from 0 to 1"),
    ("orders >= 2\n", "ordrs >= 2\n", "11:34: audience.where: 'ordrs' is not a field"),
    ("orders >= 2\n", "orders = 2\n", "11:41: audience.where: '=' cannot be read here (did you mean '=='?)"),
    ('"France"', "France", "11:21: audience.where: text stands in quotes: France (did you mean '\"France\"'?)"),
    ("orders >= 2\n", "orders >= '2'\n", "11:44: audience.where: orders is a number, '2' is text (allowed: a number, such as 2)"),
    ("orders >= 2\n", "(orders >= 2\n", "11:46: audience.where: ends too early (allowed: ))"),
    ('where: country == "France" and orders >= 2', "where: 2", '11: audience.where: write a condition, such as country == "France" and orders >= 2'),
    ("people: 5000", "people: 0", "12: audience.limit.people: is too small (allowed: at least 1)"),
    ("people: 5000", "people: 5k", "12: audience.limit.people: must be a whole number"),
    ("first: value_at_risk", "first: value_at_rsk", "12: audience.limit.first: is none of the choices (allowed: value_at_risk, risk or value; did you mean 'value_at_risk'?)"),
    # what
    ("holdout: 20%", "holdout: 120%", "13: holdout: 120% is more than everybody: at most 100%"),
    ("name: coupon", "name: advice", "14: variants: two variants are called 'advice': the report could not tell them apart"),
    ("variants:\n  - {name: advice, weight: 1}\n  - {name: coupon, weight: 1, template: winback-invitation}", "variants: []", "14: variants: is empty: name the variants, or take the line out for one message to all"),
    ("name: coupon", "name: holdout", "16: variants[2].name: no variant is called base, holdout, top, treated: these are groups of the report"),
    ("{name: advice, weight: 1}", "{name: advice, weight: 0}", "15: variants[1].weight: is too small (allowed: more than 0)"),
    ("template: winback-invitation", "template: ../secrets", "16: variants[2].template: must be lower-case words joined by hyphens, such as spring-offer"),
    ("send: winback-advice", "send: winback_advice", "18: journey[1].send: must be lower-case words joined by hyphens, such as spring-offer"),
    ("[email, sms]", "[email, fax]", "19: journey[1].channels[2]: is none of the choices (allowed: email or sms)"),
    ("[email, sms]", "[email, email]", "19: journey[1].channels: each channel once"),
    # when
    ("0 9 * * mon", "0 9 * * 1", "20: schedule.cron: weekdays are written as names (mon, tue, ... or mon-fri), never as numbers"),
    ("0 9 * * mon", "61 9 * * mon", "20: schedule.cron: the minute can't be '61': 0 to 59, such as 0 or */15"),
    ("0 9 * * mon", "0 25 * * mon", "20: schedule.cron: the hour can't be '25': 0 to 23, such as 9 or 9,17"),
    ("0 9 * * mon", "0 9 30 feb *", "20: schedule.cron: the day can't be '30': 1 to 31, one that the month has, or L for its last"),
    ("0 9 * * mon", "0 9 * 13 mon", "20: schedule.cron: the month can't be '13': 1 to 12, or jan to dec"),
    ("0 9 * * mon", "0 9 * * Monday", "20: schedule.cron: the weekday can't be 'Monday': did you mean 'mon'? (sun to sat, the earlier first, such as mon-fri or sat,sun)"),
    ("[default]", "[mars]", "33: compliance: law packs other than default come with a later version: remove mars"),
    ("[default]", "[defualt]", "33: compliance: 'defualt' is no law pack: did you mean 'default'?"),
    ("0 9 * * mon", "every monday", "20: schedule.cron: a cron expression has five fields: minute hour day month weekday"),
    ("Europe/London", "Europe/Lodnon", "20: schedule.timezone: not a time zone; zones are named like Europe/London or Asia/Shanghai (did you mean 'Europe/London'?)"),
    ("timezone: Europe/London, ", "", "20: schedule.timezone: is missing"),
    ("late_limit: 4h", "late_limit: 4", "20: schedule.late_limit: write hours as a number and h, such as 4h"),
    ("2027-12-31", "31/12/2027", "20: schedule.ends: write a day, such as 2026-12-31"),
    ("2027-12-31", "2027-02-30", "20: schedule.ends: there is no such day: 2027-02-30"),
    ("ends: 2027-12-31", "starts: 2027-06-01, ends: 2027-05-31", "20: schedule.ends: is before it starts, on 2027-06-01"),
    ("2 in 30d", "2 a month", "23: limits.per_person: write messages in days, such as 2 in 30d: 1 to 99 in 1d to 999d"),
    ("21:00-09:00", "9pm-9am", "24: limits.quiet_hours: write quiet hours as two different times of day, such as 21:00-09:00"),
    ("per_day: 2000", "per_day: 2000\n  budget: {amount: 500}", "26: limits.budget.currency: is missing"),
    # how it is judged, and who says yes
    ("measure: churn", "measure: chrun", "29: success.measure: must be churn, value_lost, value_lost_share, retention, repeat_rate, purchase_frequency, csat, nps or net_contribution: did you mean 'churn'?"),
    ("smallest_effect: 3pp", "smallest_effect: 300pp", "30: success.smallest_effect: 300pp is everybody or more: less than 100pp, such as 3pp"),
    ("unsubscribed: 1%", "unsubscribed: 1", "31: success.guardrails.unsubscribed: 1 is everybody: no limit at all: did you mean 1%?"),
    ("complained: 0.1%", "complained: 100%", "31: success.guardrails.complained: 100% is everybody: no limit at all; write a share such as 1%"),
    ("above: 500, by", "by", "32: approval.above: is missing"),
    ("by: reviewer", "by: Ann@example.com", "32: approval: by must be somebody else than the owner"),
    ("success:\n", "success: 90d\nx:\n", "27: success: must hold fields of its own (allowed: window, blank_out, measure, smallest_effect, margin, guardrails)"),
    # the right thing in another unit, in another form, or by another name
    ("within: 90d", "within: 90", "7: churn.within: write days as a number and d, such as 90d: did you mean 90d?"),
    ("within: 90d", "within: 90天", "7: churn.within: write days as a number and d, such as 90d: did you mean 90d?"),
    ("again_after: 180d", "again_after: 26 weeks", "21: again_after: write days as a number and d, such as 90d: did you mean 182d?"),
    ("late_limit: 4h", "late_limit: 1 day", "20: schedule.late_limit: write hours as a number and h, such as 4h: did you mean 24h?"),
    ("holdout: 20%", "holdout: 20％", "13: holdout: write a share as a percentage, such as 20%, or as a number from 0 to 1: did you mean 20%?"),
    ("top: 20%", "top: top 20%", "9: audience.value.top: write a share as a percentage, such as 20%, or as a number from 0 to 1: did you mean 20%?"),
    ("smallest_effect: 3pp", "smallest_effect: 3%", "30: success.smallest_effect: write percentage points as a number and pp, such as 3pp: did you mean 3pp?"),
    ("per_day: 2000", "per_day: 2,000", "25: limits.per_day: must be a whole number (did you mean '2000'?)"),
    ("id: spring", "id: Spring_Sale 2026", "1: id: must be lower-case words joined by hyphens, such as spring-offer (did you mean 'spring-sale-2026'?)"),
    ("[email, sms]", "[email, SMS]", "19: journey[1].channels[2]: is none of the choices (allowed: email or sms; did you mean 'sms'?)"),
    ("ends: 2027-12-31", "ends: 31.12.2027", "20: schedule.ends: write a day, such as 2026-12-31: did you mean 2027-12-31?"),
    ("ends: 2027-12-31", "ends: '2027-12-31'", "20: schedule.ends: write the day without quotes: 2027-12-31"),
    ("Europe/London", "Asia/Beijing", "20: schedule.timezone: not a time zone; zones are named like Europe/London or Asia/Shanghai (did you mean 'Asia/Shanghai'?)"),
    ("name: {en: Spring, zh: 春天}", "name: yes", "2: name: yes, no, on, off, true and false mean something else to YAML: write it in quotes"),
    ("zh: 春天", "cn: 春天", "2: name.cn: is not a field here (allowed: en, zh; did you mean 'zh'?)"),
    ("again_after: 180d", "guardrails: {unsubscribed: 1%}", "21: guardrails: is not a field here: it stands in success"),
    ("again_after: 180d", "per_person: 2 in 30d", "21: per_person: is not a field here: it stands in limits"),
    ("at_least: 0.6", "above: 0.6", "10: audience.risk.above: is not a field here (allowed: at_least; did you mean 'at_least'?)"),
    ("again_after: 180d", "frequency_cap: 2 in 30d", f"21: frequency_cap: is not a field here (allowed: {TOP}; did you mean 'limits.per_person'?)"),
    ("again_after: 180d", "exclusive_group: sale", f"21: exclusive_group: {LATER} (allowed: {TOP})"),
    ("orders >= 2", "order_count >= 2", "11:34: audience.where: 'order_count' is not a field (allowed: orders, last_order_on, days_since_order, risk, expected_value, past_value, customer_id, country, locale, timezone, salesperson_name, birthday_on, email_consent, sms_consent, attributes.<column of your own>; did you mean 'orders'?)"),
    ("orders >= 2", "last_order_on < 31/12/2025", "11:52: audience.where: days are written as year, month and day (allowed: a day, such as 2026-01-31)"),
    ("smallest_effect: 3pp", "smallest_effect: 0.03", "30: success.smallest_effect: write percentage points as a number and pp, such as 3pp: did you mean 3pp?"),
    ("2 in 30d", "2 / 30 days", "23: limits.per_person: write messages in days, such as 2 in 30d: 1 to 99 in 1d to 999d: did you mean 2 in 30d?"),
    ("21:00-09:00", "9pm to 9am", "24: limits.quiet_hours: write quiet hours as two different times of day, such as 21:00-09:00: did you mean 21:00-09:00?"),
    ("21:00-09:00", "21:30 – 9", "24: limits.quiet_hours: write quiet hours as two different times of day, such as 21:00-09:00: did you mean 21:30-09:00?"),
    # what the parser of YAML speaks of in words of its own
    ("  within: 90d", "\twithin: 90d", "7: begins with a tab: indent with blanks"),
    ("  within: 90d", "\u00a0\u00a0within: 90d", "7: holds the invisible character U+00A0: take it out, or write the line anew"),
    ("  risk: {", "\u3000risk: {", "10: is indented with a character that is no blank: write blanks"),
    ("holdout: 20%", "holdout：20%", "13: holds '：': write ':' and a blank after it"),
    ("holdout: 20%", "holdout:20%", "13: needs a blank after the colon"),
    ("people: 5000, first", "people: 5000，first", "12: holds '，': write ','"),
    ("  within: 90d", "   within: 90d", "7: is indented, or begun with a hyphen, otherwise than the lines around it"),
    ("audience:\n  value", "audience:\n  - value", "10: is indented, or begun with a hyphen, otherwise than the lines around it"),
    ("in doubt.", "in doubt: now", "4: a text with a colon in it stands in quotes"),
    ('cron: "0 9 * * mon"', "cron: * 9 * * mon", "20: a value that begins with * stands in quotes"),
    ('"0 9 * * mon"', '"0 9 * * mon', "20: the quote is never closed"),
    ("complained: 0.1%}", "complained: 0.1%", "31: the { is never closed, or a comma is missing behind it"),
    ("compliance: [default]", "---\nid: another", "33: a line --- begins another document: one campaign a file"),
    ("holdout:", "holdout\u200b:", "13: holds the invisible character U+200B: take it out, or write the line anew"),
]  # fmt: skip


def test_the_file_they_are_made_of_has_no_fault():
    assert examine(RIGHT, "spring.yaml")[1] == []


def test_editors_are_told_by_the_schema_what_is_right_and_of_misspelt_fields_what_is_wrong():
    as_json = json.loads(json.dumps(yaml.safe_load(RIGHT), default=str))  # days are texts to JSON
    known = schema()

    jsonschema.validate(as_json, known)
    for wrong in (
        {"again_aftr": "1d"},
        {"id": "Spring Sale"},
        {"churn": {"within": "90"}},
        {"holdout": "a fifth"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(as_json | wrong, known)


def test_there_are_sixty_and_no_two_are_the_same():
    assert len({(old, new) for old, new, _ in WRONG}) == len(WRONG) >= 60


@pytest.mark.parametrize(
    ("old", "new", "said"), WRONG, ids=[new.strip()[:40] or old[:40] for old, new, _ in WRONG]
)
def test_it_is_told_with_file_line_field_and_how_to_mend_it(old: str, new: str, said: str):
    assert RIGHT.count(old) >= 1

    _, problems = examine(RIGHT.replace(old, new, 1), "campaigns/spring.yaml")

    assert any(str(problem).startswith(f"campaigns/spring.yaml:{said}") for problem in problems), problems


BOMB = "a: &a [x, x, x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a, *a]\n" for n in range(9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "id: !!python/object/apply:os.system [echo]\n",
            "1: the tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        (BOMB, "1: anchors (&) and aliases (*) are not allowed"),
        (RIGHT.replace("owner: ann", "owner: bob@example.com\nowner: ann"), "4: owner: is given twice"),
        (RIGHT.replace("winback-invitation", "'../../secrets'"), "16: variants[2].template: must be lower-case"),
        (RIGHT.replace("top: 20%", "top: -20%"), "9: audience.value.top: write a share"),
        (RIGHT.replace("top: 20%", "top: 100.5%"), "9: audience.value.top: 100.5% is more than everybody"),
        (RIGHT.replace("  priority: 50", "  frequncy_cap: 3"), "26: limits.frequncy_cap: is not a field here"),
        (RIGHT.replace("Europe/London", "Mars/Base"), "20: schedule.timezone: not a time zone"),
        (RIGHT.replace("Europe/London", "''"), "20: schedule.timezone: not a time zone"),
        (RIGHT.replace("Europe/London", "../../etc/passwd"), "20: schedule.timezone: not a time zone"),
        (
            RIGHT.replace("ends:", "starts: 2028-01-01, ends:"),
            "20: schedule.ends: is before it starts, on 2028-01-01",
        ),
        (RIGHT.replace("500, by", "-1, by"), "32: approval.above: is too small"),
        (RIGHT.replace("people: 5000", f"people: {'9' * 5000}"), "12: audience.limit.people: cannot be read"),
        (RIGHT.replace("at_least: 0.6", "at_least: .nan"), "10: audience.risk.at_least: write a share"),
        (RIGHT.replace("at_least: 0.6", "at_least: .inf"), "10: audience.risk.at_least: is too large"),
        (RIGHT.replace("at_least: 0.6", f"at_least: {'9' * 4000}"), "10: audience.risk.at_least: is too large"),
        (RIGHT.replace("weight: 1}", f"weight: {'9' * 4000}}}"), "15: variants[1].weight: is too large"),
        (RIGHT.replace("people: 5000", f"people: {'9' * 4000}"), "12: audience.limit.people: is too large"),
        ("- " * 30_000, "1: is nested too deeply"),
    ],
)
def test_a_hostile_file_is_refused_in_one_sentence(text: str, said: str):
    """Inputs 77 to 86 of the list of hostile inputs, where a file alone tells."""
    _, problems = examine(text, "campaigns/spring.yaml")

    assert any(str(problem).startswith(f"campaigns/spring.yaml:{said}") for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("journey: [{send: hello}]", "journey: hello", "7: journey: write a list: [hello]"),
        ("journey: [{send: hello}]", "journey: {send: hello}", "7: journey: write a list: entries after hyphens"),
        ("{send: hello}", "{send: hello, channels: email}", "7: journey[1].channels: write a list: [email]"),
    ],
)
def test_one_value_in_place_of_a_list_is_told_how_a_list_is_written(old: str, new: str, said: str):
    _, problems = examine(SPRING.replace(old, new), "campaigns/spring.yaml")

    assert [str(problem) for problem in problems] == [f"campaigns/spring.yaml:{said}"]


def test_a_template_that_is_a_link_out_of_the_workspace_is_not_read(tmp_path: Path):
    shop = a_workspace(tmp_path)
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret", encoding="utf-8")
    body = shop.templates / "hello/body.txt"
    body.unlink()
    body.symlink_to(secret)

    _, problems = check_file(shop, shop.campaigns / "spring.yaml")

    assert any("is a link" in str(problem) for problem in problems)
    assert "the secret" not in str(problems)


def test_two_files_cannot_have_one_id(tmp_path: Path):
    shop = a_workspace(tmp_path)
    write_campaign(shop, (shop.campaigns / "spring.yaml").read_text(encoding="utf-8"), "summer")

    [problem] = check_file(shop, shop.campaigns / "summer.yaml")[1]

    assert str(problem).endswith("summer.yaml:1: id: must be the file's name, 'summer'")
