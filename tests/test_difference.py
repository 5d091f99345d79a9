"""`winback diff`: who would come and go against the last run, why, and what was edited."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.cli import main
from db.settings import Settings
from flows.campaign_run import carry_out, manual
from flows.differing import differ
from tests.builders import CAMPAIGN as SHORT
from tests.builders import scored
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, load, write_campaign
from winback.audience.difference import Change, Edit, edits, fields, people
from winback.errors import WrongUse

AGAIN = CAMPAIGN + "again_after: 1d\n"


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """12 customers of whom 11 were chosen by the last run; every one may come again a day later."""
    made = a_workspace(tmp_path, campaign=AGAIN)
    a_quiet_crowd(made, 12)
    carry_out(manual("spring", AS_OF), made, NOW)
    return made


def test_who_came_is_told_by_the_reason_then_and_who_went_by_the_reason_now():
    """5 was not scored then, 4 is not scored now."""
    then = scored(customer_no=[1, 2, 3, 4]).with_columns(
        arm=scored_arm(["a", "a", None, "a"]), reason=scored_arm([None, None, "not_at_risk", None])
    )
    now = scored(customer_no=[1, 2, 3, 5]).with_columns(
        arm=scored_arm(["a", None, "a", "a"]), reason=scored_arm([None, "no_consent", None, None])
    )

    found = people(then, now)

    assert found.stayed == 1
    assert found.joined == {"not_at_risk": 1, "not_scored": 1}
    assert found.left == {"no_consent": 1, "not_scored": 1}


def scored_arm(values: list[str | None]):
    return scored(customer_id=values)["customer_id"]


def test_fields_are_told_in_the_words_of_the_file():
    newer = (
        SHORT.replace("60d", "30d").replace("name: Spring\n", "") + "limits: {per_day: 500}\nname: {en: Spring}\n"
    )

    found = fields(SHORT, newer)

    assert found == [
        Change(field="audience.inactive", before="60d", after="30d"),
        Change(field="limits.per_day", before=None, after="500"),
        Change(field="name.en", before=None, after="Spring"),
        Change(field="name", before="Spring", after=None),
    ]


def test_files_are_told_by_the_lines_that_went_and_came():
    then = {"a.txt": "one\ntwo\nthree\n", "b.txt": "same", "c.txt": "gone\n"}
    now = {"a.txt": "one\n2\nthree\nfour\n", "b.txt": "same", "d.txt": "new\n"}

    assert edits(then, now) == [
        Edit(file="a.txt", removed=["two"], added=["2", "four"]),
        Edit(file="c.txt", removed=["gone"], added=[]),
        Edit(file="d.txt", removed=[], added=["new"]),
    ]


def test_an_edited_campaign_is_compared_with_its_last_run(shop: Settings, capsys, monkeypatch):
    monkeypatch.setenv("WINBACK_WORKSPACE", str(shop.workspace))
    write_campaign(shop, AGAIN.replace("inactive: 60d", "inactive: 106d"))
    subject = shop.templates / "hello/subject.txt"
    subject.write_text("Hello\n", encoding="utf-8")
    load(shop, "orders", f"customer_id,order_id,ordered_at,amount\n00011,new,{AS_OF},5.00\n")
    day = str(AS_OF + timedelta(days=1))

    assert main(["diff", "spring", "--as-of", day, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["diff", "spring", "--as-of", day]) == 0
    shown = capsys.readouterr().out

    assert (found["joined"], found["left"], found["stayed"]) == (0, 5, 6)  # 105 days and more: 5 to 9 and 12
    assert found["left_because"] == {"not_at_risk": 5}
    assert found["fields"] == [{"field": "audience.inactive", "before": "60d", "after": "106d"}]
    assert [edit["file"] for edit in found["files"]] == ["templates/hello/subject.txt"]
    assert found["new_facts"] == 1
    assert "+0 / -5 people, 6 stay" in shown
    assert "campaign: audience.inactive: 60d -> 106d" in shown
    assert "  + Hello" in shown


def test_the_same_again_has_no_difference_and_stores_nothing(shop: Settings):
    found = differ(shop, "spring", AS_OF + timedelta(days=1))

    assert (found.people.joined, found.people.left, found.fields, found.edits) == ({}, {}, [], [])
    assert found.people.stayed == 11
    assert differ(shop, "spring", AS_OF + timedelta(days=1)) == found


def test_what_an_edit_does_is_told_apart_from_who_entered_already(shop: Settings, capsys, monkeypatch):
    """All 11 entered with the last run, none may again; 7 of them (n from 5) are quiet for 106 days; 13 is new."""
    monkeypatch.setenv("WINBACK_WORKSPACE", str(shop.workspace))
    write_campaign(shop, CAMPAIGN.replace("inactive: 60d", "inactive: 106d"))
    load(shop, "customers", "customer_id,email,email_consent\n00013,c13@example.com,yes\n")
    load(shop, "orders", "customer_id,order_id,ordered_at,amount\n00013,o13,2025-09-01,9.00\n", "other")

    assert main(["diff", "spring", "--as-of", str(AS_OF + timedelta(days=1)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["diff", "spring", "--as-of", str(AS_OF + timedelta(days=1))]) == 0
    shown = capsys.readouterr().out

    assert (found["joined"], found["left"], found["stayed"]) == (1, 4, 7)
    assert (found["left_because"], found["joined_because"]) == ({"not_at_risk": 4}, {"not_scored": 1})
    assert (found["already_entered"], found["now"]) == (7, 1)
    assert "+1 / -4 people, 7 stay" in shown
    assert "7 did and may not again yet, so a run now takes in 1 person" in shown


def test_those_who_may_not_come_again_are_no_difference_of_their_own(shop: Settings):
    write_campaign(shop, CAMPAIGN)

    found = differ(shop, "spring", AS_OF + timedelta(days=1))

    assert (found.people.joined, found.people.left, found.people.stayed) == ({}, {}, 11)
    assert (found.entered, found.now) == (11, 0)


def test_a_campaign_that_there_is_not_is_told_with_the_nearest(shop: Settings):
    with pytest.raises(WrongUse, match=r"no campaign 'sprng' .*did you mean 'spring'"):
        differ(shop, "sprng", AS_OF)


def test_before_the_first_run_there_is_nothing_to_compare_with(shop: Settings):
    write_campaign(shop, AGAIN.replace("id: spring", "id: autumn"), "autumn")

    with pytest.raises(WrongUse, match="has not gone out yet: winback preview autumn"):
        differ(shop, "autumn", AS_OF)
