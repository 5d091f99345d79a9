"""The report in a real Chromium: nothing asked of anybody, readable by everybody, on a phone and on paper."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from app.printer import browser, pdf
from tests.browser import Tab, a_tab
from tests.report_samples import BY_DEFINITION, DEFINED, EVERY, JUDGED_BY, sample_html, three_variants
from winback import words
from winback.errors import Unusable
from winback.report.page import render
from winback.report.pictures import require_fonts

pytestmark = [pytest.mark.slow, pytest.mark.server]
AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
JUDGE = """axe.run().then(found => found.violations.map(
    each => `${each.id} (${each.impact}): ${each.nodes.map(node => node.html).join(' | ')}`))"""

ALL = EVERY + JUDGED_BY + BY_DEFINITION
PAPER = int((210 - 2 * 7) / 25.4 * 96)  # what A4 leaves between its margins, in pixels of 1/96 inch
CUT = """[...document.querySelectorAll('main *:not(svg *, .scroll)')]
    .filter(each => each.clientWidth && each.scrollWidth > each.clientWidth + 1).map(each => each.outerHTML)"""
UPRIGHT = """[...document.querySelectorAll('td.word, thead th')].filter(each => each.innerText.length > 1
    && each.clientWidth < 2.5 * parseFloat(getComputedStyle(each).fontSize)).map(each => each.outerHTML)"""
SMALLEST = """Math.min(...[...document.querySelectorAll('main *')]
    .filter(each => each.getClientRects().length && [...each.childNodes].some(one => one.nodeType == 3
        && one.data.trim()))
    .map(each => parseFloat(getComputedStyle(each).fontSize) * (each.closest('svg')
        ? each.closest('svg').clientWidth / each.closest('svg').viewBox.baseVal.width : 1)))"""
SMALL = 7 / 72 * 96  # seven points, in pixels


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory):
    """A page of a browser; without browser or Chinese font the test fails with the command that installs them."""
    require_fonts("流失")
    with a_tab(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def written(folder: Path, name: str, language: words.Language) -> Path:
    file = folder / "report.html"
    file.write_text(sample_html(name, language), encoding="utf-8")
    return file


@pytest.mark.parametrize(("name", "language"), ALL)
def test_everybody_can_read_it(tab: Tab, tmp_path: Path, name, language):
    """axe-core finds nothing: contrast, headings, names of pictures and tables, language.

    Light on a desk in English, dark on a phone in Chinese: what is drawn does not hang on the language, and both
    ways in both would take two minutes.
    """
    width, dark = (1180, False) if language == "en" else (390, True)
    tab.open(written(tmp_path, name, language), width=width, dark=dark)
    tab.value(f"{AXE}; 0")

    assert tab.value(JUDGE) == []


@pytest.mark.parametrize(("name", "language"), ALL)
def test_it_asks_for_nothing_and_complains_of_nothing(tab: Tab, tmp_path: Path, name, language):
    file = written(tmp_path, name, language)

    tab.open(file)

    assert tab.requests() == [file.as_uri()]
    assert tab.complaints() == []
    assert tab.value("performance.getEntriesByType('resource').length") == 0


def test_a_page_that_asks_for_something_would_be_noticed(tab: Tab, tmp_path: Path):
    """The guard of the test above: a picture from outside is seen as a request, and blocked by the page's rule."""
    file = written(tmp_path, "better", "en")
    file.write_text(
        file.read_text(encoding="utf-8").replace("</main>", '<img src="http://127.0.0.1:9/a.png"></main>')
    )

    tab.open(file)

    assert "Content Security Policy" in tab.complaints()[0]


@pytest.mark.parametrize(("name", "language"), ALL)
def test_at_no_width_it_scrolls_sideways_or_cuts_a_word(tab: Tab, tmp_path: Path, name, language):
    """But for tables in boxes of their own that scroll, and show by a shadow that they go on."""
    for width in (390, 500, 768, 1180):
        tab.open(written(tmp_path, name, language), width=width)

        assert tab.value("document.documentElement.scrollWidth") <= width
        assert tab.value(CUT) == []


@pytest.mark.parametrize("name", ["won", "by_contribution"])
def test_on_a_phone_no_chinese_word_of_a_table_stands_upright(tab: Tab, tmp_path: Path, name):
    """Chinese may break anywhere, so a narrow column would write a verdict one character to the line."""
    tab.open(written(tmp_path, name, "zh"), width=390)

    assert tab.value(UPRIGHT) == []


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize(
    "name",
    ["better", "placebo", "interim", "won", "found", "by_contribution", "by_lost_share", "by_csat", *DEFINED],
)
def test_it_is_two_to_four_pages_on_paper(name, language):
    printed = pdf(sample_html(name, language))

    assert printed.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
    assert b"/MediaBox [0 0 594.9" in printed  # A4


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_three_variants_and_everything_measured_fit_on_four_pages(language):
    assert len(re.findall(rb"/Type\s*/Page\b", pdf(render(three_variants(), language)))) <= 4


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize(
    "name", ["three_variants", "better", "interim", "won", "by_contribution", "by_lost_share", "by_csat", *DEFINED]
)
def test_on_paper_nothing_is_smaller_than_seven_points_letters_of_charts_among_it(
    tab: Tab, tmp_path: Path, name, language
):
    """At the size they are meant to have: a page broader than the paper would be made smaller as a whole."""
    file = tmp_path / "report.html"
    told = render(three_variants(), language) if name == "three_variants" else sample_html(name, language)
    file.write_text(told, encoding="utf-8")

    tab.open(file, width=PAPER)
    tab.ask("Emulation.setEmulatedMedia", media="print")

    assert tab.value("document.documentElement.scrollWidth") <= PAPER
    assert tab.value(SMALLEST) >= SMALL


def test_without_a_browser_the_error_names_the_command_that_installs_one(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Unusable, match="apt-get install chromium"):
        browser()


def test_a_browser_that_prints_nothing_is_an_error_with_its_last_words(monkeypatch, tmp_path: Path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho starting >&2\necho 'cannot start' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Unusable, match=r"did not print the report \(exit code 7\): cannot start"):
        pdf(sample_html("better", "en"))
