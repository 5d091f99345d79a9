"""The folder provider: files a mail program can open, written once and for good before the answer."""

import email
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.policy import SMTP, compat32, default
from email.utils import parseaddr
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.messages import an_email, an_sms
from winback.delivery.answer import HELD_BACK, Answer, AnswerKind
from winback.delivery.folder import BATCH, Folder
from winback.delivery.lookup import Found, Sought
from winback.delivery.mime import eml
from winback.delivery.registry import PROVIDERS, open_provider
from winback.errors import WrongUse

ACCEPTED = AnswerKind.ACCEPTED


def read_back(message):
    return email.message_from_bytes(eml(message), policy=default)


def body(message, kind):
    part = read_back(message).get_body((kind,))
    return part.get_content().replace("\r\n", "\n")


def mailbox(message):
    """(name, address) of To by the older parser: Python 3.11's newer one puts a blank between encoded words."""
    raw = email.message_from_bytes(eml(message), policy=compat32)["To"].replace("\r\n", "")
    name, address = parseaddr(raw)
    return str(make_header(decode_header(name))), address


def lines(text):
    """What a mail keeps of a text: its lines, whatever ended them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"


def test_a_mail_has_the_headers_and_parts_of_a_one_click_newsletter():
    message = an_email(to_name='O\'Neil "Bob" & Co', subject="海港唱片：好久不见")

    read = read_back(message)

    assert read["From"] == "Harbour Records <letters@shop.example>"
    assert read["To"].addresses == (Address('O\'Neil "Bob" & Co', "ada", "example.com"),)
    assert read["Reply-To"] == "counter@shop.example"
    assert read["Subject"] == "海港唱片：好久不见"
    assert read["Date"].datetime == message.dated_at
    assert read["Message-ID"] == "<spring-1@shop.example>"
    assert read["List-Unsubscribe"] == "<https://shop.example/u/token>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert read["MIME-Version"] == "1.0"
    assert [part.get_content_type() for part in read.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


header_text = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=["Cc", "Zl", "Zp"],
        exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    ),
    min_size=1,
    max_size=300,
).filter(lambda text: text == text.strip() and text.split() == text.split(" "))
body_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200)


@given(subject=header_text, to_name=header_text, text=body_text, html=body_text)
def test_what_is_written_is_what_the_standard_parser_reads(subject, to_name, text, html):
    message = an_email(subject=subject, to_name=to_name, text=text, html=html)

    read = read_back(message)

    assert not read.defects
    assert read["Subject"] == subject
    assert mailbox(message) == (to_name, "ada@example.com")
    assert [body(message, "plain"), body(message, "html")] == [lines(text), lines(html)]


@given(subject=header_text, to_name=header_text, text=body_text)
@example(subject="x" * 2_000, to_name="x" * 2_000, text="x" * 2_000)
@example(subject="唱" * 2_000, to_name="唱" * 2_000, text="唱" * 2_000)
def test_no_line_is_longer_than_mail_allows_and_all_end_alike(subject, to_name, text):
    content = eml(an_email(subject=subject, to_name=to_name, text=text, html=text * 20))

    assert content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998  # RFC 5322 2.1.1
    head = content.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    words = [line for line in head.split(b"\r\n") if b"=?" in line and b"<" not in line]
    assert max(map(len, words), default=0) <= 76  # RFC 2047 2


def test_a_name_that_looks_like_an_encoded_word_is_not_decoded_by_readers():
    assert read_back(an_email(subject="=?utf-8?q?Free_money?="))["Subject"] == "=?utf-8?q?Free_money?="


def test_the_bytes_of_a_mail_are_these():
    """Written by hand after RFC 5322, RFC 2046 and RFC 8058; the boundary is sha256 of the key."""
    message = an_email(subject="好", html="<p>É</p>")

    assert eml(message).decode() == (
        "Date: Mon, 02 Mar 2026 12:00:00 +0000\r\n"
        "From: Harbour Records <letters@shop.example>\r\n"
        "To: Ada Quill <ada@example.com>\r\n"
        "Reply-To: counter@shop.example\r\n"
        "Subject: =?utf-8?b?5aW9?=\r\n"
        "Message-ID: <spring-1@shop.example>\r\n"
        "X-Winback-Key: spring-1\r\n"
        "List-Unsubscribe: <https://shop.example/u/token>\r\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="BORDER"\r\n'
        "\r\n"
        "--BORDER\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        "Hello Ada\r\nhttps://shop.example/u/token\r\n"
        "\r\n"
        "--BORDER\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
        "<p>É</p>\r\n"
        "\r\n"
        "--BORDER--\r\n"
    ).replace("BORDER", "=_" + sha256(b"spring-1").hexdigest()[:32])


def test_a_way_that_takes_7_bits_only_gets_7_bits():
    message = an_email(text="Bonjour, Zoë\n", html="<p>plain</p>\n")

    content = eml(message, eight_bit=False)
    read = email.message_from_bytes(content, policy=default)

    assert content.isascii()
    for kind, text in (("plain", "Bonjour, Zoë\n"), ("html", "<p>plain</p>\n")):
        assert read.get_body((kind,)).get_content().replace("\r\n", "\n") == text


def test_the_standard_library_builds_the_same_mail():
    message = an_email(subject="海港唱片", text="你好\n", html="<p>你好</p>\n")
    built = email.message.EmailMessage(policy=SMTP)
    built["Subject"] = message.subject
    built["To"] = Address(message.to_name, addr_spec=message.to)
    built.set_content(message.text)
    built.add_alternative(message.html, subtype="html")
    again = email.message_from_bytes(built.as_bytes(), policy=default)

    read = read_back(message)

    assert (read["Subject"], read["To"]) == (again["Subject"], again["To"])
    for kind in ("plain", "html"):
        assert body(message, kind) == again.get_body((kind,)).get_content().replace("\r\n", "\n")


def test_the_date_is_the_messages_own_and_keeps_its_zone():
    shanghai = timezone(timedelta(hours=8))
    content = eml(an_email(dated_at=datetime(1998, 1, 1, 9, 30, tzinfo=shanghai)))

    assert b"Date: Thu, 01 Jan 1998 09:30:00 +0800\r\n" in content


def pairs(answers):
    return [(message.key, answer) for message, answer in answers]


def test_a_message_becomes_one_file_named_by_its_key(tmp_path):
    folder = Folder(path=tmp_path / "out")

    mail, sms = an_email(key="spring-1"), an_sms(key="spring-2")
    came = dict(pairs(folder.send_all([mail, sms])))

    assert came["spring-1"] == Answer(kind=ACCEPTED, provider_id="spring-1")
    assert came["spring-2"] == Answer(kind=ACCEPTED, provider_id="spring-2")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["spring-1.eml", "spring-2.txt"]
    assert (tmp_path / "out/spring-1.eml").read_bytes() == eml(an_email(key="spring-1"))


def test_an_sms_can_be_read_in_any_editor(tmp_path):
    Folder(path=tmp_path).test_send(an_sms(key="k", text="【海港唱片】好久不见。拒收请回复R"))

    assert (tmp_path / "k.txt").read_text("utf-8") == (
        "To: +15005550009\nDate: Mon, 02 Mar 2026 12:00:00 +0000\n\n【海港唱片】好久不见。拒收请回复R\n"
    )


def test_the_same_key_twice_writes_nothing_and_gets_the_same_answer(tmp_path):
    folder = Folder(path=tmp_path)
    first = folder.test_send(an_email(text="first"))
    before = (tmp_path / "spring-1.eml").stat()

    second = folder.test_send(an_email(text="second"))

    after = (tmp_path / "spring-1.eml").stat()
    assert first == second
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_same_key_twice_in_a_batch_is_one_file(tmp_path):
    answers = pairs(Folder(path=tmp_path).send_all([an_email(text="first"), an_email(text="second")]))

    assert answers == [("spring-1", Answer(kind=ACCEPTED, provider_id="spring-1"))] * 2
    assert (tmp_path / "spring-1.eml").read_bytes() == eml(an_email(text="first"))


def test_many_threads_with_one_key_leave_one_whole_file(tmp_path):
    folder = Folder(path=tmp_path)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: folder.test_send(an_email()), range(40)))

    assert {answer.kind for answer in answers} == {ACCEPTED}
    assert [file.name for file in tmp_path.iterdir()] == ["spring-1.eml"]
    assert (tmp_path / "spring-1.eml").read_bytes() == eml(an_email())


def test_the_file_and_then_its_name_are_on_disk_before_the_answer(tmp_path, monkeypatch):
    steps = []
    fsync, rename = os.fsync, type(tmp_path).rename
    monkeypatch.setattr(
        os, "fsync", lambda file: (steps.append(os.readlink(f"/proc/self/fd/{file}")), fsync(file))[1]
    )
    monkeypatch.setattr(type(tmp_path), "rename", lambda a, b: (steps.append("rename"), rename(a, b))[1])

    Folder(path=tmp_path).test_send(an_email())

    draft, renamed, folder = steps
    assert draft.startswith(f"{tmp_path}/.spring-1.eml.")
    assert (renamed, folder) == ("rename", str(tmp_path))


def test_a_batch_shares_the_fsync_of_its_folder_and_every_file_has_its_own(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: (synced.append(os.readlink(f"/proc/self/fd/{file}")), fsync(file))[1]
    )

    answers = pairs(Folder(path=tmp_path).send_all(an_email(key=f"m-{n}") for n in range(BATCH)))

    assert {answer.kind for _, answer in answers} == {ACCEPTED}
    assert len([path for path in synced if path.endswith(".eml") or ".eml." in path]) == BATCH
    assert synced[BATCH:] == [str(tmp_path)]


def test_a_message_is_pulled_right_before_it_is_written_and_no_batch_waits_for_more_than_it_holds(tmp_path):
    written = []

    def messages():
        for n in range(BATCH + 6):
            written.append(sum(1 for _ in tmp_path.iterdir()))
            yield an_email(key=f"m-{n}")

    answers = pairs(Folder(path=tmp_path).send_all(messages()))

    assert written == list(range(BATCH + 6))
    assert len(answers) == BATCH + 6


def test_no_message_appears_once_its_time_is_over(tmp_path):
    came = pairs(Folder(path=tmp_path).send_all([an_email(), an_sms()], may_begin=lambda: False))

    assert [answer for _, answer in came] == [HELD_BACK] * 2
    assert list(tmp_path.iterdir()) == []


def test_what_the_giver_raises_comes_after_the_answers_to_what_was_begun(tmp_path):
    def messages():
        yield an_email(key="m-1")
        yield an_sms(key="m-2")
        raise RuntimeError("the lease is over")

    came = []
    with pytest.raises(RuntimeError, match="lease"):
        came.extend(Folder(path=tmp_path).send_all(messages()))

    assert [answer.kind for _, answer in came] == [ACCEPTED] * 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m-1.eml", "m-2.txt"]


def test_only_the_owner_may_read_a_message(tmp_path):
    Folder(path=tmp_path / "out").test_send(an_email())

    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out/spring-1.eml").stat().st_mode & 0o777 == 0o600


def failing(function, error, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(os, function, fail)


def test_a_full_disk_stops_the_channel_and_leaves_no_file(tmp_path, monkeypatch):
    failing("fsync", OSError(28, "No space left on device"), monkeypatch)

    answer = Folder(path=tmp_path).test_send(an_email())

    assert (answer.kind, answer.reason) == (AnswerKind.CHANNEL_STOP, "folder_enospc")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_stops_the_channel_for_what_it_could_not_keep_only(tmp_path, monkeypatch):
    fsync = os.fsync

    def full_for_the_second(file):
        if "m-2" in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full_for_the_second)

    came = dict(pairs(Folder(path=tmp_path).send_all(an_email(key=f"m-{n}") for n in (1, 2, 3))))

    assert [came[f"m-{n}"].kind for n in (1, 2, 3)] == [ACCEPTED, AnswerKind.CHANNEL_STOP, ACCEPTED]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m-1.eml", "m-3.eml"]


def test_a_folder_that_is_a_file_stops_the_channel(tmp_path):
    (tmp_path / "out").write_text("")

    answer = Folder(path=tmp_path / "out").test_send(an_email())

    assert answer.kind is AnswerKind.CHANNEL_STOP


def test_a_failure_after_the_rename_is_uncertain(tmp_path, monkeypatch):
    def not_the_folder(file):
        if os.path.isdir(f"/proc/self/fd/{file}"):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", not_the_folder)

    answer = Folder(path=tmp_path).test_send(an_email())

    assert (answer.kind, answer.reason) == (AnswerKind.UNCERTAIN, "folder_eio")


def test_a_file_that_is_there_is_found_by_its_key_and_one_that_is_not_is_not(tmp_path):
    folder = Folder(path=tmp_path)
    folder.test_send(an_sms(key="k-1"))

    there, absent = folder.look_up(sought("k-1")), folder.look_up(sought("k-2"))

    assert there == Found(arrived=True, provider_id="k-1", evidence="folder: k-1.txt")
    assert absent == Found(arrived=False, evidence="folder: no file with this key")


def test_a_folder_that_is_gone_proves_nothing(tmp_path):
    assert Folder(path=tmp_path / "unmounted").look_up(sought("k-1")).arrived is None


def sought(key):
    return Sought(key=key, to="ada@example.com", sent_at=an_email().dated_at)


SETTINGS = {
    "folder": {},
    "sendgrid": {"key": "k", "url": "http://127.0.0.1:9"},
    "smtp": {"url": "smtp://127.0.0.1:9"},
    "twilio": {"account_sid": "AC", "auth_token": "t", "url": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_refuses_an_unsafe_header_before_anything_else(name, tmp_path):
    provider = open_provider(name, **(SETTINGS[name] or {"path": tmp_path}))
    message = an_email(subject="a\r\nBcc: evil@example.com") if "email" in provider.channels else an_sms(to="+1\n")

    [(_, in_bulk)] = provider.send_all([message])
    by_hand = provider.test_send(message)
    provider.close()

    assert provider.name == name
    for answer in (in_bulk, by_hand):
        assert answer.kind is AnswerKind.REJECTED
        assert answer.reason.startswith("unsafe_")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_provider_is_refused_with_the_nearest_name():
    with pytest.raises(WrongUse, match="did you mean 'sendgrid'"):
        open_provider("sengrid")


def test_the_registry_imports_no_providers_library():
    code = (
        "import sys, winback.delivery.registry as r; r.open_provider('folder', path=None);"
        "print(sorted({'sendgrid', 'twilio', 'requests', 'urllib3', 'httptools', 'uvloop'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"
