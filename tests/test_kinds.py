"""Kinds and causes of churn by the shipped rules, on customers worked by hand; and what a run does with them."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from db.campaigns import SHIPPED, check_file
from flows.campaign_run import carry_out, manual
from flows.measuring import measure_run
from tests.test_cli import as_json
from tests.workspaces import AS_OF as DAY
from tests.workspaces import CAMPAIGN, NOW, a_workspace, load, write_campaign
from winback.audience.dimensions import dimensions
from winback.campaigns.churn_kind import ChurnKind
from winback.churners.causes import CAUSE_NAMES, CAUSE_OF, Cause
from winback.churners.kinds import KIND_NAMES, Known, kinds_of, read_rules
from winback.customers.behaviour import ACTIVITY, CONTRACTS, FEEDBACK, Behaviour
from winback.errors import CampaignError
from winback.outcomes.findings import Dimension
from winback.signals.registry import SIGNALS

AS_OF = date(2026, 1, 31)  # window 30 days: Jan 2 to 31
LEFT, STAYED = date(2025, 12, 1), date(2026, 1, 20)  # last orders; facts count from Nov 1 or Dec 21 on


def kind_of(
    last_order_on: date = LEFT,
    activity: tuple[tuple[str, str], ...] = (),
    cause: str | None = None,
    end_reason: str | None = None,
    contract_lives: bool = False,
    shows: str | None = None,
    later_reason: str | None = None,
) -> tuple[str | None, str | None, bool]:
    """(kind, cause, barred) of one customer by the shipped rules."""
    happened = [(1, date.fromisoformat(day), kind, None) for day, kind in activity]
    said = [(1, date(2025, 12, 20), "exit", None, cause)] if cause else []
    ends = [(1, date(2025, 1, 1), None if contract_lives else date(2026, 1, 10), None, 1000, end_reason)]
    ends += [(1, date(2026, 1, 10), date(2026, 1, 15), None, 1000, later_reason)] if later_reason else []
    behaviour = Behaviour(
        activity=pl.DataFrame(happened, schema=ACTIVITY, orient="row"),
        feedback=pl.DataFrame(said, schema=FEEDBACK, orient="row"),
        contracts=pl.DataFrame(ends if end_reason or contract_lives else [], schema=CONTRACTS, orient="row"),
    )
    flags = pl.DataFrame({"customer_no": [1], **{each.name: [each.name == shows] for each in SIGNALS}})
    customers = pl.DataFrame({"customer_no": [1], "last_order_on": [last_order_on]})
    known = Known(customers=customers, behaviour=behaviour, flags=flags)
    rules = read_rules(SHIPPED.read_text("utf-8"))
    [row] = kinds_of(known, rules, as_of=AS_OF, window_days=30).to_dicts()
    return row["kind"], row["cause"], row["barred"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ("passive", None, False)),  # left without a word
        ({"last_order_on": STAYED}, (None, None, False)),
        ({"last_order_on": date(2026, 1, 1)}, ("passive", None, False)),  # one day before the window
        ({"last_order_on": date(2026, 1, 2)}, (None, None, False)),
        ({"contract_lives": True}, (None, None, False)),
        ({"last_order_on": STAYED, "shows": "frequency_falls"}, ("hidden", None, False)),
        ({"cause": "Too expensive"}, ("competitive", "price", False)),
        ({"cause": "竞争对手"}, ("competitive", "competitor", False)),
        ({"cause": "moved"}, ("natural", "own", False)),
        ({"cause": "outgrew it"}, ("natural", "own", False)),
        ({"cause": "quality"}, ("fault", "quality", False)),
        ({"cause": "quality", "last_order_on": STAYED}, (None, None, False)),  # older than his newest window
        ({"cause": "because"}, ("passive", None, False)),  # none of the nine
        ({"end_reason": "payment failed"}, ("passive", None, False)),
        ({"end_reason": "Competitor"}, ("competitive", "competitor", False)),
        ({"end_reason": "fraud"}, ("malicious", None, True)),
        ({"activity": (("2025-11-20", "late_delivery"),)}, ("fault", None, False)),
        ({"activity": (("2025-11-01", "late_delivery"),)}, ("passive", None, False)),  # more than a window before
        ({"activity": (("2025-11-20", "complaint"),)}, ("retaliatory", None, True)),
        (
            {"activity": (("2025-11-20", "complaint"), ("2025-12-05", "complaint_closed"))},
            ("retaliatory", None, False),
        ),
        ({"activity": (("2025-11-20", "complaint"), ("2025-11-25", "complaint_closed"))}, ("fault", None, False)),
        (
            {"activity": (("2025-11-20", "complaint_closed"), ("2025-11-25", "complaint"))},
            ("retaliatory", None, True),
        ),
        ({"activity": (("2026-01-25", "chargeback"),), "last_order_on": STAYED}, ("malicious", None, True)),
        ({"activity": (("2023-01-25", "chargeback"),), "last_order_on": STAYED}, ("malicious", None, True)),
        ({"activity": (("2023-01-25", "threat"),)}, ("extortion", None, True)),
        ({"activity": (("2023-01-25", "return"),)}, ("passive", None, False)),  # what is ours is forgotten
        ({"end_reason": "fraud", "later_reason": "expired"}, ("malicious", None, True)),
        ({"end_reason": "expired", "later_reason": "quality"}, ("fault", "quality", False)),
        ({"activity": (("2026-01-25", "extortion"),), "cause": "price"}, ("extortion", "price", True)),
    ],
)  # fmt: skip
def test_the_first_rule_that_holds_gives_the_kind(facts, expected):
    assert kind_of(**facts) == expected


def test_every_kind_and_cause_has_its_words_and_the_shipped_rules_use_every_kind():
    rules = read_rules(SHIPPED.read_text("utf-8"))

    assert set(KIND_NAMES) == set(ChurnKind) == {rule.kind for rule in rules}
    assert set(CAUSE_NAMES) == set(Cause)
    assert all(rule.evidence.zh for rule in rules)
    assert {*CAUSE_OF.values()} == {cause.value for cause in Cause}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "{kind: natral, when: {left: true}, evidence: x}",
            r"kinds.yaml:2: rules\[1\].kind.*did you mean 'natural'",
        ),
        ("{kind: natural, when: {}, evidence: {en: x}}", "say when: left, activity"),
        ("{kind: natural, when: {lef: true}, evidence: {en: x}}", r"rules\[1\].when.lef.*did you mean 'left'"),
        ("{kind: fault, when: {cause: [qualty]}, evidence: {en: x}}", "did you mean 'quality'"),
        ("{kind: hidden, when: {signal: [falls]}, evidence: {en: x}}", "'falls' is none of frequency_falls"),
    ],
)
def test_a_fault_in_the_rules_is_told_with_its_line_and_the_nearest_word(rule, said):
    with pytest.raises(CampaignError, match=said):
        read_rules(f"rules:\n  - {rule}\n")


def a_crowd(folder: Path):
    """Five customers who left 90 days ago: silently, for fraud, with an open complaint, by moving, to a rival."""
    settings = a_workspace(
        folder, campaign=CAMPAIGN.replace("{inactive: 60d}", "{inactive: 60d, exclude_kinds: [natural]}")
    )
    people = ["silent", "fraud", "angry", "moved", "rival"]
    load(
        settings,
        "customers",
        "customer_id,email,email_consent\n" + "".join(f"{p},{p}@example.com,yes\n" for p in people),
    )
    left = DAY - timedelta(days=90)
    load(
        settings,
        "orders",
        "customer_id,order_id,ordered_at,amount\n" + "".join(f"{p},{p},{left},10\n" for p in people),
    )
    load(settings, "activity", f"customer_id,at,kind\nfraud,{left},fraud\nangry,{left},complaint\n")
    load(
        settings, "feedback", f"customer_id,at,kind,cause\nmoved,{left},exit,moved\nrival,{left},exit,competitor\n"
    )
    return settings


def test_a_run_leaves_out_excluded_kinds_and_those_nobody_may_write_to(tmp_path, monkeypatch, capsys):
    settings = a_crowd(tmp_path)

    run = carry_out(manual("spring", DAY), settings, NOW)

    monkeypatch.chdir(settings.workspace)
    told = {name: as_json(capsys, "explain", name)["runs"][0] for name in ("fraud", "angry", "moved", "rival")}
    assert run.reasons == {"kind": 3}
    assert {name: (line["kind"], line["reason"]) for name, line in told.items()} == {
        "fraud": ("malicious", "kind"), "angry": ("retaliatory", "kind"), "moved": ("natural", "kind"),
        "rival": ("competitive", None),
    }  # fmt: skip
    assert (told["rival"]["cause"], told["rival"]["evidence"]) == (
        "competitor", "the reason given is a competitor or the price",
    )  # fmt: skip


def test_a_workspace_s_own_rules_are_used_and_checked(tmp_path):
    settings = a_crowd(tmp_path)
    rules = settings.workspace / "kinds.yaml"
    rules.write_text("rules: [{kind: natural, when: {left: true}, evidence: {en: all are}}]\n", encoding="utf-8")

    run = carry_out(manual("spring", DAY), settings, NOW)
    rules.write_text("rules: []\n", encoding="utf-8")
    _, problems = check_file(settings, settings.campaigns / "spring.yaml")

    assert run.reasons == {"kind": 5}
    assert [str(problem) for problem in problems] == [
        "kinds.yaml:1: rules: has too few entries (allowed: at least 1)"
    ]


def test_what_is_imported_after_a_run_was_pinned_decides_no_kind(tmp_path):
    """The silent one's bad debt is told between pinning and choosing: he stays in."""
    settings = a_crowd(tmp_path)

    def between(function):
        def stage(*arguments):
            if function.__name__ == "select_audience":
                late = DAY - timedelta(days=90)
                load(settings, "activity", f"customer_id,at,kind\nsilent,{late},bad_debt\n")
            return function(*arguments)

        return stage

    run = carry_out(manual("spring", DAY), settings, NOW, between)

    assert run.reasons == {"kind": 3}


def test_whom_a_campaign_helped_is_told_by_the_kind_each_was_of_when_chosen(tmp_path):
    """Forty left for a rival, forty for a fault of ours, forty are there still; each third orders after."""
    day = DAY - timedelta(days=61)
    settings = a_workspace(tmp_path, campaign=CAMPAIGN.replace("inactive: 60d", "value: {top: 100%}"))
    people = range(1, 121)
    causes = {n: "competitor" if n <= 40 else "quality" for n in people if n <= 80}
    rows = "".join(f"{n},c{n}@example.com,yes\n" for n in people)
    load(settings, "customers", "customer_id,email,email_consent\n" + rows)
    left, lately = day - timedelta(days=90), day - timedelta(days=3)
    orders = "".join(f"{n},o{n},{left if n <= 80 else lately},10\n" for n in people)
    orders += "".join(f"{n},b{n},{day + timedelta(days=5)},10\n" for n in people if n % 3 == 0)
    orders += f"1,end,{DAY},5\n"
    load(settings, "orders", "customer_id,order_id,ordered_at,amount\n" + orders)
    said = "".join(f"{n},{left},exit,{cause}\n" for n, cause in causes.items())
    load(settings, "feedback", "customer_id,at,kind,cause\n" + said)
    carry_out(manual("spring", day), settings, NOW)

    found = measure_run(settings, f"spring/manual-{day}", NOW).findings

    segments = [each for each in found.segments if each.dimension is Dimension.KIND]
    counted = [(each.value, each.n + each.control_n, each.x + each.control_x) for each in segments]
    assert counted == [("competitive", 40, 27), ("fault", 40, 27), ("none", 40, 26)]  # 13, 13, 14 thirds came back
    assert [each.segments for each in found.interactions if each.dimension is Dimension.KIND] == [
        ["competitive", "fault", "none"]
    ]


def test_where_nobody_is_of_a_known_kind_none_is_a_segment():
    ledger = pl.DataFrame(
        {"customer_no": [1, 2], "arm": "a", "drawn_before": False, "value_rank": [1, 2], "risk": [0.1, 0.9],
         "orders": 1, "channel": "email", "kind": pl.Series([None, None], dtype=pl.String)}
    )  # fmt: skip

    assert dimensions(ledger)["kind"].to_list() == [None, None]


def test_a_campaign_names_kinds_that_there_are(tmp_path):
    settings = a_workspace(tmp_path)
    write_campaign(settings, CAMPAIGN.replace("{inactive: 60d}", "{inactive: 60d, exclude_kinds: [hiden]}"))

    _, [problem] = check_file(settings, settings.campaigns / "spring.yaml")

    assert problem.field == "audience.exclude_kinds"
    assert "did you mean 'hidden'" in str(problem)


def test_churn_by_kind_and_by_cause_says_why_the_lost_were_lost(tmp_path, monkeypatch, capsys):
    """All five ordered on Nov 30, 10.00 each, and nobody in the 60 days after it."""
    settings = a_crowd(tmp_path)
    monkeypatch.chdir(settings.workspace)
    load(settings, "orders", f"customer_id,order_id,ordered_at,amount\nlate,late,{DAY},10\n", source="later")
    day = str(DAY - timedelta(days=90))

    kinds, causes = (
        as_json(capsys, "churn", "--as-of", day, "--window", "60", "--by", by)["by"] for by in ("kind", "cause")
    )

    assert {row["value"]: (row["lost"], row["value_lost"]) for row in kinds} == dict.fromkeys(
        ("competitive", "malicious", "natural", "passive", "retaliatory"), (1, 10.0)
    )
    assert {row["value"]: row["lost"] for row in causes} == {"own": 1, "competitor": 1, None: 3}
