"""A run that is really sent waits for somebody else's yes, and the yes is about exactly what leaves."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.cli import main
from db.claims import Claimed
from db.engine import database, reading
from db.occurrences import find_run
from db.settings import Secrets, Settings, WorkspaceFile
from db.tables import Approval, Assignment, Message
from flows.approving import approve, waiting
from flows.campaign_run import RunSummary, carry_out, manual, summaries
from flows.compose import Composer
from flows.differing import differ
from flows.due import look_for_due
from flows.previewing import page, preview
from tests.builders import scored
from tests.workspaces import AS_OF, CAMPAIGN, NOW, a_quiet_crowd, a_workspace, load, write_campaign
from winback.campaigns.approval import approved_digest, needs_approval
from winback.campaigns.file import read_campaign
from winback.channel import Channel
from winback.delivery.outgoing import Outgoing
from winback.errors import WrongUse

RUN = f"spring/manual-{AS_OF}"
ABOVE_TEN = CAMPAIGN + "approval: {above: 10}\n"


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Settings:
    """12 customers, of whom 11 qualify, and live providers."""
    made = a_workspace(tmp_path, database_url, ABOVE_TEN)
    a_quiet_crowd(made, 12)
    said = made.file.model_dump() | {"live": True, "providers": {"email": "sendgrid", "sms": "twilio"}}
    secrets = Secrets(sendgrid_key="SG.test", twilio_sid="AC" + "0" * 32, twilio_token="token")
    return replace(made, file=WorkspaceFile.model_validate(said), secrets=secrets)


def run(shop: Settings) -> RunSummary:
    return carry_out(manual("spring", AS_OF), shop, NOW)


def looked_at(shop: Settings) -> str:
    """The digest of the run that waits, as the preview shows it; of one that does not, any."""
    found = waiting(shop, RUN)
    return found.digest[:12] if found else "0" * 12


def rows(shop: Settings, table: type) -> int:
    with database(shop.database_url) as engine, reading(engine) as session:
        return len(session.execute(select(table)).scalars().all())


def test_a_run_with_more_people_than_that_waits_and_nobody_has_entered_by_it(shop: Settings):
    first = run(shop)

    again = run(shop)

    assert first == again
    assert (first.stage, sum(first.arms.values()), first.messages) == ("waiting", 11, {})
    assert (rows(shop, Assignment), rows(shop, Message)) == (0, 0)


def test_a_run_that_waits_and_lost_its_campaign_file_is_told_in_words(
    shop: Settings, caplog: pytest.LogCaptureFixture
):
    run(shop)
    (shop.campaigns / "spring.yaml").unlink()

    [alarm] = look_for_due(shop, NOW).alarms

    assert (alarm.kind, alarm.run) == ("failed", RUN)
    assert alarm.text.startswith("no campaign 'spring'")
    assert [f"{RUN} failed: {alarm.text}"] == [record.getMessage() for record in caplog.records]


def test_it_goes_on_when_somebody_else_says_yes_and_his_name_is_kept(shop: Settings):
    waiting = run(shop)

    answer = approve(shop, RUN, " Bea ", NOW, looked_at(shop))

    assert not answer.changed
    assert (answer.summary.stage, answer.summary.approved_by) == ("released", "Bea")
    assert answer.summary.digest == waiting.digest
    assert sum(answer.summary.messages.values()) == waiting.arms["message"]
    with database(shop.database_url) as engine, reading(engine) as session:
        [kept] = session.execute(select(Approval)).scalars()
        assert len(kept.digest) == 64
        assert kept.at == NOW


@pytest.mark.parametrize(
    ("lines", "by", "words"),
    [
        ("approval: {above: 10}\n", "ann@example.com", "is the owner: somebody else"),
        ("approval: {above: 10}\n", " ANN@Example.com", "is the owner: somebody else"),
        ("approval: {above: 10}\n", "ａｎｎ＠example.com", "is the owner: somebody else"),
        ("approval: {above: 10}\n", "Ann <ann@example.com>", "is the owner: somebody else"),
        ("approval: {above: 10}\n", "ann@example.com\u200b", "one line of up to 120 letters"),
        ("approval: {above: 10}\n", "Bea\n\x1b[2Japproved", "one line of up to 120 letters"),
        ("approval: {above: 10}\n", "B" * 121, "one line of up to 120 letters"),
        ("approval: {above: 10}\n", "  ", "say who"),
        ("approval: {above: 10, by: Bea}\n", "Cem", "only 'Bea' approves it"),
    ],
)
def test_the_owner_and_whoever_is_not_named_may_not_approve(shop: Settings, lines: str, by: str, words: str):
    write_campaign(shop, CAMPAIGN + lines)
    run(shop)

    with pytest.raises(WrongUse, match=words):
        approve(shop, RUN, by, NOW, looked_at(shop))

    assert run(shop).stage == "waiting"


def test_a_changed_template_needs_another_look_and_then_its_own_yes(shop: Settings):
    run(shop)
    subject = shop.templates / "hello/subject.txt"
    subject.write_text(subject.read_text(encoding="utf-8") + "!", encoding="utf-8")

    first = approve(shop, RUN, "Bea", NOW, looked_at(shop))
    second = approve(shop, RUN, "Bea", NOW, looked_at(shop))

    assert (first.changed, first.summary.stage, first.summary.approved_by) == (True, "waiting", None)
    assert (second.changed, second.summary.stage) == (False, "released")


def test_a_changed_campaign_is_chosen_anew_while_it_waits(shop: Settings):
    run(shop)
    write_campaign(shop, ABOVE_TEN.replace("inactive: 60d", "inactive: 106d"))

    renewed = run(shop)

    assert renewed.stage == "released"  # six were away so long: no approval needed
    assert sum(renewed.arms.values()) == 6


def test_a_run_that_waits_is_compared_with_the_last_that_went_out_also_once_chosen_anew(shop: Settings):
    """11 went out; a day later 7 of them (n from 5) are quiet for 106 days. What waits is none to compare with."""
    write_campaign(shop, CAMPAIGN + "again_after: 1d\n")
    run(shop)
    later, stricter = (
        manual("spring", AS_OF + timedelta(days=1)),
        CAMPAIGN.replace("inactive: 60d", "inactive: 106d"),
    )
    write_campaign(shop, stricter + "again_after: 1d\napproval: {above: 1}\n")
    waits = carry_out(later, shop, NOW + timedelta(days=1))

    found = differ(shop, "spring", later.as_of)

    assert waits.stage == "waiting"
    assert (found.against, found.people.left, found.people.stayed) == (RUN, {"not_at_risk": 4}, 7)
    assert [change.field for change in found.fields] == ["audience.inactive", "approval.above"]


def test_a_rehearsal_does_not_wait(shop: Settings):
    folder = {"email": "folder", "sms": "folder"}
    said = shop.file.model_dump() | {"live": False, "providers": folder}

    summary = run(replace(shop, file=WorkspaceFile.model_validate(said)))

    assert (summary.stage, summary.approved_by) == ("released", None)


def test_a_run_that_does_not_wait_cannot_be_approved(shop: Settings):
    write_campaign(shop, CAMPAIGN + "approval: {above: 11}\n")
    run(shop)

    with pytest.raises(WrongUse, match="does not wait for approval: it is released"):
        approve(shop, RUN, "Bea", NOW, looked_at(shop))


def test_after_its_late_limit_a_run_is_given_up_and_cannot_be_approved(shop: Settings):
    run(shop)
    late = NOW + timedelta(days=4)

    with pytest.raises(WrongUse, match="came too late"):
        approve(shop, RUN, "Bea", late, looked_at(shop))
    looked = look_for_due(shop, late)

    assert looked.missed == (RUN,)


def test_staff_is_told_of_a_scheduled_run_that_waits(shop: Settings):
    nine = "schedule: {cron: '0 9 * * *', timezone: America/New_York}\n"
    write_campaign(shop, ABOVE_TEN + nine)
    look_for_due(shop, NOW - timedelta(hours=20))

    looked = look_for_due(shop, NOW)

    assert looked.ran == ()
    assert [(alarm.kind, alarm.run) for alarm in looked.alarms] == [("approval", "spring/2026-03-01T09:00")]
    assert [summary.stage for summary in summaries(shop)] == ["waiting"]


def test_what_is_approved_changes_with_every_part_of_it():
    parts = {"version": "v", "facts": ["f"], "audience": "a"}

    digests = {approved_digest(**parts | {name: other}) for name, other in
               {"version": "w", "facts": ["f", "g"], "audience": "b"}.items()}  # fmt: skip

    assert len(digests | {approved_digest(**parts)}) == 4


def test_only_a_campaign_that_names_a_size_waits():
    everybody = scored(customer_no=list(range(1_000))).with_columns(reason=None)
    named = CAMPAIGN + "approval: {above: 999}\n"

    assert not needs_approval(read_campaign(CAMPAIGN, "spring.yaml"), everybody)
    assert needs_approval(read_campaign(named, "spring.yaml"), everybody)
    assert not needs_approval(read_campaign(named, "spring.yaml"), everybody.head(999))


def test_an_edited_campaign_is_a_new_version_and_a_customer_keeps_his_arm(shop: Settings):
    write_campaign(shop, CAMPAIGN + "again_after: 1d\n")
    run(shop)
    later = manual("spring", AS_OF + timedelta(days=1))
    write_campaign(shop, CAMPAIGN.replace("holdout: 50%", "holdout: 5%") + "again_after: 1d\n")

    carry_out(later, shop, NOW + timedelta(days=1))

    with database(shop.database_url) as engine, reading(engine) as session:
        found = [find_run(session, name) for name in (RUN, f"spring/{later.slot}")]
        versions = [each.version_id for each in found]
        arms = [
            dict(session.execute(select(col(Assignment.person), col(Assignment.arm))
                                 .where(col(Assignment.occurrence_id) == each.id)).tuples().all())
            for each in found
        ]  # fmt: skip
    assert versions[0] != versions[1]
    assert arms[0] == arms[1]
    assert "holdout" in arms[0].values()


def test_the_terminal_says_what_waits_and_who_approved_it(shop: Settings, capsys, monkeypatch):
    """Settings of live providers need keys in the environment and a public address: the fixture has them."""
    monkeypatch.setattr("app.commands.status.here", lambda _: shop)
    monkeypatch.setattr("app.commands.side_by_side.here", lambda _: shop)
    run(shop)

    assert main(["status"]) == main(["campaigns"]) == 0
    waiting = capsys.readouterr().out
    approve(shop, RUN, "Bea", NOW, looked_at(shop))
    assert main(["status"]) == 0
    approved = capsys.readouterr().out

    assert f"waits for approval: winback approve {RUN} --by NAME --digest DIGEST" in waiting
    assert waiting.rstrip().endswith("waits for approval")
    assert "approved by Bea (not authenticated)" in approved


def test_the_terminal_says_what_has_changed_since_and_how_that_is_approved(shop: Settings, capsys, monkeypatch):
    """The command reads the clock and asks for live settings: the fixture's day is long over."""
    now_and_here = {"here": lambda _: shop, "check_live": lambda _: None}
    now_and_here |= {"say_yes": lambda settings, run, by, _, digest: approve(settings, run, by, NOW, digest)}
    for name, instead in now_and_here.items():
        monkeypatch.setattr(f"app.commands.approvals.{name}", instead)
    run(shop)
    subject = shop.templates / "hello/subject.txt"
    subject.write_text(subject.read_text(encoding="utf-8") + "!", encoding="utf-8")

    code, said = main(["approve", RUN, "--by", "Bea", "--digest", looked_at(shop)]), capsys.readouterr().err
    found = waiting(shop, RUN)
    write_campaign(shop, ABOVE_TEN.replace("inactive: 60d", "inactive: 106d"))
    fewer = main(["approve", RUN, "--by", "Bea", "--digest", looked_at(shop)])
    said_of_fewer = capsys.readouterr().err

    assert found
    assert code == 1
    assert "not approved: it has changed since (templates/hello/subject.txt) and was chosen anew" in said
    assert f"winback approve {RUN} --by NAME --digest {found.digest[:12]}\n" in said
    assert fewer == 0
    assert "changed since (campaigns/spring.yaml) and was chosen anew" in said_of_fewer
    assert "so few people are in now that it needs no approval" in said_of_fewer


def test_the_preview_says_that_a_run_will_wait_whose_yes_for_and_to_what(shop: Settings, capsys, monkeypatch):
    monkeypatch.setattr("app.commands.preview.here", lambda _: shop)
    load(shop, "feedback", f"customer_id,at,kind,score\n00001,{AS_OF},nps,9\n")
    words = ["preview", "spring", "--as-of", str(AS_OF)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["approval"]
    pages = [page(shop, "spring", AS_OF, language)[1] for language in ("en", "zh")]

    run(shop)

    found = waiting(shop, RUN)
    assert found
    assert (found.people, found.above, found.who) == (11, 10, "anybody but ann@example.com")
    assert told == {"above": 10, "by": None, "owner": "ann@example.com", "digest": found.digest}
    assert f"anybody but ann@example.com; what is approved: {found.digest[:12]}" in said
    assert f"anybody but ann@example.com. What is approved: {found.digest[:12]}" in pages[0]
    assert f"ann@example.com 以外的任何人。批准内容的编号：{found.digest[:12]}" in pages[1]


@pytest.mark.parametrize("lines", ["approval: {above: 11}\n", ""])
def test_the_preview_of_a_run_that_will_not_wait_speaks_of_no_approval(shop: Settings, lines: str):
    write_campaign(shop, CAMPAIGN + lines)

    found, text = page(shop, "spring", AS_OF, "en")

    assert found.approval is None
    assert "approval" not in text


def test_a_rehearsal_says_of_no_approval_either(shop: Settings):
    said = shop.file.model_dump() | {"live": False, "providers": {"email": "folder", "sms": "folder"}}

    found = preview(replace(shop, file=WorkspaceFile.model_validate(said)), "spring", AS_OF)

    assert found.approval is None


def with_sender(shop: Settings, **said: str) -> Settings:
    sender = shop.file.sender.model_dump() | said
    return replace(shop, file=WorkspaceFile.model_validate(shop.file.model_dump() | {"sender": sender}))


@pytest.mark.parametrize(
    "said", [{"name": "Somebody else"}, {"email": "other@shop.example"}, {"phone": "+15005550001"}]
)
def test_another_sender_needs_another_look_and_then_its_own_yes(shop: Settings, said: dict[str, str]):
    run(shop)
    found, other = waiting(shop, RUN), with_sender(shop, **said)
    assert found

    first = approve(other, RUN, "Bea", NOW, found.digest[:12])
    renewed = waiting(other, RUN)

    assert (first.changed, first.summary.stage, first.summary.approved_by) == (True, "waiting", None)
    assert renewed
    assert renewed.digest != found.digest
    assert approve(other, RUN, "Bea", NOW, renewed.digest[:12]).summary.stage == "released"


def a_claim(version: int, key: str, channel: Channel, to: str) -> Claimed:
    return Claimed(
        id=1,
        key=key,
        owner="me",
        attempt=1,
        campaign_id="spring",
        occurrence_id=1,
        version_id=version,
        template="hello",
        channel=channel,
        address=to,
        name="Ada",
        locale="en",
        country=None,
        orders=1,
        last_order_on=AS_OF,
        as_of=AS_OF,
    )


def test_a_message_leaves_in_the_name_of_the_sender_that_was_approved(shop: Settings):
    run(shop)
    approve(shop, RUN, "Bea", NOW, looked_at(shop))
    other = with_sender(shop, name="Somebody else", email="other@shop.example", phone="+15005550001")

    with database(shop.database_url) as engine:
        with reading(engine) as session:
            row = session.execute(select(Message).where(col(Message.occurrence_id) == 1).limit(1)).scalar_one()
            version, key = find_run(session, RUN).version_id or 0, row.key
        letter, text = (
            Composer(engine, other)(a_claim(version, key, channel, to), NOW)
            for channel, to in (("email", "c1@example.com"), ("sms", "+15005550009"))
        )

    assert isinstance(letter, Outgoing)
    assert isinstance(text, Outgoing)
    assert (letter.from_name, letter.from_address) == ("Example Shop", "hello@example.com")
    assert text.text == "Example Shop: hello. Reply STOP to opt out"
    assert text.from_address == shop.file.sender.phone == "+15005550006"


def test_another_digest_than_was_looked_at_is_refused(shop: Settings):
    run(shop)
    found = waiting(shop, RUN)
    assert found

    with pytest.raises(WrongUse, match="not what was looked at: its digest is"):
        approve(shop, RUN, "Bea", NOW, "0" * 12)
    with pytest.raises(WrongUse, match="is too short: 8 characters or more"):
        approve(shop, RUN, "Bea", NOW, found.digest[:7])

    assert run(shop).stage == "waiting"
    assert approve(shop, RUN, "Bea", NOW, found.digest[:12]).summary.stage == "released"
    assert waiting(shop, RUN) is None


def at_the_test(monkeypatch: pytest.MonkeyPatch, shop: Settings) -> None:
    """The command reads the clock, asks for live settings and knows a terminal: pytest's input is none."""
    here = {"here": lambda _: shop, "check_live": lambda _: None}
    here |= {"say_yes": lambda settings, run, by, _, digest: approve(settings, run, by, NOW, digest)}
    for name, instead in here.items():
        monkeypatch.setattr(f"app.commands.approvals.{name}", instead)


@pytest.mark.parametrize(("answer", "stage"), [("yes\n", "released"), ("no\n", "waiting"), ("", "waiting")])
def test_without_a_digest_a_person_is_shown_it_and_asked(shop: Settings, capsys, monkeypatch, answer, stage):
    at_the_test(monkeypatch, shop)
    run(shop)
    digest = looked_at(shop)
    monkeypatch.setattr("sys.stdin", _Typed(answer, watched=True))

    main(["approve", RUN, "--by", "Bea"])

    asked = capsys.readouterr().err
    assert f"{RUN}: 11 people, more than 10; what is approved: {digest}" in asked
    assert run(shop).stage == stage


def test_a_script_approves_what_waits_and_is_told_what_that_was(shop: Settings, capsys, monkeypatch):
    at_the_test(monkeypatch, shop)
    run(shop)
    digest = looked_at(shop)
    monkeypatch.setattr("sys.stdin", _Typed("", watched=False))

    code = main(["approve", RUN, "--by", "Bea"])

    assert code == 0
    assert f"{RUN}: 11 people, more than 10; what is approved: {digest}" in capsys.readouterr().err
    assert run(shop).stage == "released"


class _Typed(io.StringIO):
    def __init__(self, text: str, *, watched: bool) -> None:
        super().__init__(text)
        self._watched = watched

    def isatty(self) -> bool:
        return self._watched
