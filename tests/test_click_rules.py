"""Which clicks are taken for a machine's."""

from datetime import timedelta

import pytest

from tests.builders import NOON
from winback.callbacks.clicks import (
    HONEYPOT,
    Click,
    Flag,
    clicked_at_once,
    flag_of_agent,
    flag_of_click,
    is_repeat,
)

READERS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    # WeChat's own browser, Facebook's, Line's; an Android telephone by Cubot; Samsung's
    "Mozilla/5.0 (Linux; Android 12) AppleWebKit/537.36 Chrome/107.0 Mobile MicroMessenger/8.0.30 Language/zh_CN",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_0 like Mac OS X) Mobile/20A362 [FBAN/FBIOS;FBAV/400.0;FBDV/iPhone14,2]",
    "Mozilla/5.0 (Linux; Android 11; CUBOT X50) AppleWebKit/537.36 Chrome/103.0 Mobile Safari/537.36 Line/12.1",
    "Mozilla/5.0 (Linux; Android 13; SM-S908B) AppleWebKit/537.36 SamsungBrowser/21.0 Chrome/110.0 Mobile",
]
MACHINES = [
    "",
    "   ",
    "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))",
    "Mimecast-URL-Protect/1.0",
    "Mozilla/5.0 (compatible; proofpoint-scan)",
    "CiscoSecureEmail",
    "WhatsApp/2.23.20",
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "facebookexternalhit/1.1",
    "SkypeUriPreview Preview/0.5",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0)",
    "Mozilla/5.0 AppleWebKit/537.36 (compatible; Bytespider)",
    "Mozilla/5.0 (X11; Linux) HeadlessChrome/120.0",
    "Microsoft Office Existence Discovery",
    "python-requests/2.31",
    "Go-http-client/2.0",
    "curl/8.0",
    "Java/17.0.1",
]


@pytest.mark.parametrize("agent", READERS)
def test_a_readers_browser_is_no_machine(agent: str):
    assert flag_of_agent(agent) is None


@pytest.mark.parametrize("agent", MACHINES)
def test_a_scanner_a_preview_and_a_library_are_machines(agent: str):
    assert flag_of_agent(agent) is Flag.SCANNER


@pytest.mark.parametrize(
    ("case", "flag"),
    [
        ({}, None),
        ({"head": True}, Flag.HEAD),
        ({"link": HONEYPOT}, Flag.HONEYPOT),
        ({"agent": "curl/8.0"}, Flag.SCANNER),
        ({"after": timedelta(0)}, Flag.TOO_SOON),
        ({"after": timedelta(seconds=9.999)}, Flag.TOO_SOON),
        ({"after": timedelta(seconds=10)}, None),
        ({"after": timedelta(seconds=-3)}, Flag.TOO_SOON),
        ({"since": None}, None),
        ({"head": True, "link": HONEYPOT, "agent": "", "after": timedelta(0)}, Flag.HEAD),
    ],
)
def test_the_first_reason_that_applies_is_kept(case: dict, flag: Flag | None):
    fields = {"head": False, "link": 1, "agent": READERS[0], "since": NOON} | case
    after = fields.pop("after", timedelta(minutes=5))

    assert flag_of_click(at=NOON + after, **fields) is flag


def a_click(link: int, seconds: float = 0, flag: str | None = None, id_: int | None = None) -> Click:
    return Click(id_, link, NOON + timedelta(seconds=seconds), flag)


@pytest.mark.parametrize(
    ("earlier", "repeat"),
    [
        ([], False),
        ([a_click(1, 0.5)], True),
        ([a_click(1, 0.001)], True),
        ([a_click(1, 0)], False),
        ([a_click(2, 0.5)], False),
        ([a_click(1, 0.5, "head")], False),
        ([a_click(1, 0.5, "too_soon")], True),
    ],
    ids=[
        "the first",
        "half a second ago",
        "almost a second",
        "a second",
        "another link",
        "a HEAD",
        "a flagged GET",
    ],
)
def test_the_same_link_within_a_second_is_one_click(earlier: list[Click], repeat: bool):
    assert is_repeat(a_click(1, 1), earlier) == repeat


def test_a_head_does_not_repeat_a_readers_click_but_another_head():
    head = a_click(1, 1, "head")

    assert not is_repeat(head, [a_click(1, 0.5)])
    assert is_repeat(head, [a_click(1, 0.5, "head")])


def test_all_links_within_two_seconds_are_one_machines_with_the_earlier_ones():
    earlier = [a_click(1, 0, id_=1), a_click(2, 1, id_=2)]
    last = a_click(3, 2)

    assert clicked_at_once(last, earlier, [1, 2, 3]) == [*earlier, last]


@pytest.mark.parametrize(
    ("earlier", "links"),
    [
        ([a_click(1, 0), a_click(2, 1)], [1, 2, 3, 4]),
        ([a_click(1, -0.001), a_click(2, 1)], [1, 2, 3]),
        ([a_click(2, 1)], [1, 2, 3]),
        ([], [3]),
        ([], []),
    ],
    ids=["one is missing", "one was earlier", "two are missing", "there is one", "none"],
)
def test_fewer_than_all_links_or_slower_is_a_readers_doing(earlier: list[Click], links: list[int]):
    assert clicked_at_once(a_click(3, 2), earlier, links) == []
