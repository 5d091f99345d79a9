"""The page of the churn overview: its numbers are the value's, and it needs nothing but itself."""

import re
from dataclasses import replace
from datetime import date
from functools import cache, partial

import pytest

from db.campaigns import SHIPPED
from db.facts.queries import read_features
from flows.churning import Period, by_first_order, overview
from tests.facts import MASTER, identified, write_cdnow
from tests.report_samples import Page
from winback import words
from winback.customers.behaviour import Behaviour
from winback.overview.overview import Overview
from winback.overview.page import render
from winback.overview.trend import Divergence
from winback.report.charts import PALETTE
from winback.scores.recipe import PLAIN
from winback.scores.scoring import score

DAYS = {"whole": date(1998, 3, 31), "cut": date(1998, 6, 15), "young": date(1997, 5, 15)}
EVERY = [(name, language) for name in DAYS for language in words.LANGUAGES]
COLOUR = re.compile(r'(?:fill|stroke)="([^"]+)"')


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """(overview, page) of CDNOW by name of the day and language, each made once."""
    facts = write_cdnow(tmp_path_factory.mktemp("master"), MASTER)
    found = cache(partial(an_overview, facts))
    return cache(lambda name, language: (found(DAYS[name]), render(found(DAYS[name]), language)))


def an_overview(facts, as_of: date) -> Overview:
    """CDNOW, whose orders end on 1998-06-30, as the data stood at the end of it."""
    of = Period(
        facts=(), files=(facts,), data_through=date(1998, 6, 30), as_of=as_of, window_days=90, currency="USD"
    )
    features = identified(read_features([facts], as_of=as_of))
    scores = score(features, as_of=as_of, horizon_days=90, minor_per_major=100, recipe=PLAIN)
    return overview(of, scores, "first_order", by_first_order(of), Behaviour(), SHIPPED.read_text("utf-8"))


def number(text: str) -> float | None:
    """The number a cell shows: shares 0-1 from percentages, None for the dash; marks and money signs left out."""
    if text == "–":
        return None
    plain = re.sub(r"[^\d.%−]", "", text).replace("−", "-")
    return float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)


def shows(cell, value: float | None, *, step: float) -> bool:
    """Whether the cell shows ``value`` to the nearest ``step``."""
    shown = number(cell[0])
    return shown is value if shown is None or value is None else abs(shown - value) <= step / 2 + 1e-9


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_months_of_the_table_are_the_values(pages, name, language):
    found, html = pages(name, language)
    [table] = Page(html).tables["trend"]

    assert len(table) == len(found.months)
    for row, month in zip(table, reversed(found.months), strict=True):
        part = month.churn
        lost = None if part.value_lost_minor is None else part.value_lost_minor / 100
        assert row[0][0].endswith("*") is not month.covered
        assert (number(row[1][0]), number(row[2][0])) == (part.active, part.lost)
        assert shows(row[3], part.rate, step=0.001)
        assert shows(row[4], lost, step=1)
        assert shows(row[5], part.value_lost_share, step=0.001)
        if part.rate is not None:
            ends = [number(text) for text in re.split(r"\s(?:to|至)\s", row[3][1])]
            assert ends == pytest.approx([part.rate_low, part.rate_high], abs=0.0005)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_sales_of_the_table_are_the_values(pages, name, language):
    found, html = pages(name, language)
    [table] = Page(html).tables["sales"]

    for row, month in zip(table, reversed(found.sales), strict=True):
        assert row[0][0].endswith("*") is not month.complete
        assert (number(row[1][0]), number(row[2][0])) == (month.customers, month.orders)
        assert shows(row[3], month.revenue_minor / 100, step=1)
        assert shows(row[4], month.revenue_minor / 100 / month.orders, step=0.01)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_cells_of_the_cohorts_are_the_values_and_the_open_ones_are_hatched(pages, name, language):
    found, html = pages(name, language)
    [table] = Page(html).tables["cohorts"]

    for row, cohort in zip(table, found.cohorts, strict=True):
        assert number(row[1][0]) == cohort.customers
        for text, cell in zip(row[2:], cohort.cells, strict=False):
            assert shows(text, cell.share, step=0.001)
            assert text[0].endswith("*") is not cell.complete
    opened = sum(not cell.complete for cohort in found.cohorts for cell in cohort.cells)
    assert html.count('class="open"') == opened
    assert (opened > 0) == (name == "young")


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_table_of_the_curves_is_the_value(pages, name, language):
    found, html = pages(name, language)
    [table] = Page(html).tables["curves"]

    for row, segment in zip(table, found.staying.segments, strict=True):
        assert number(row[1][0]) == segment.customers
        for text, day in zip(row[2:], found.staying.days_told, strict=False):
            assert shows(text, segment.staying(day).staying, step=0.001)
        assert number(row[-1][0]) == segment.returned
        assert shows((row[-1][1],), segment.returned_share, step=0.001)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_table_of_high_value_is_the_value(pages, name, language):
    found, html = pages(name, language)
    [table] = Page(html).tables["top"]
    top = found.high_value

    assert number(table[0][1][0]) == top.customers
    for row, part in zip(table[1:], top.at_risk, strict=True):
        assert number(row[0][0]) == part.threshold
        assert number(row[1][0]) == part.customers
        assert shows(row[2], part.customers / top.customers, step=0.001)
        assert shows(row[3], part.expected_value, step=1)
        assert shows(row[4], part.expected_value / top.expected_value, step=0.001)


def test_the_headline_and_the_cards_are_the_published_churn(pages):
    """CDNOW as of 1998-03-31: 2,061 of 3,817 lost."""
    _, html = pages("whole", "en")
    page = Page(html)

    assert "Of the 3,817 customers" in page.text("headline")
    assert "2,061 ordered nothing in the 90 days after it. That is 54.0%" in page.text("headline")
    assert "Churn by customers 54.0% a month before: 51.4% a year before: 77.3%" in page.text("cards")


def test_a_day_whose_window_is_open_leads_with_the_newest_month_that_is_complete(pages):
    _, html = pages("cut", "en")
    text = Page(html).text("headline")

    assert "up to 31 March 1998" in text
    assert "as of 31 May 1998 the window ends on 29 August 1998" in text
    assert "The data end on 30 June 1998" in Page(html).text("trend")


def test_without_a_complete_window_the_page_says_so_and_shows_dashes(pages):
    found, _ = pages("whole", "en")
    later = tuple(
        replace(month, complete=False, churn=replace(month.churn, rate=None, lost=None)) for month in found.months
    )

    page = Page(render(replace(found, months=later), "en"))

    assert "No window is complete yet" in page.text("headline")
    assert "Churn by customers – a month before: – a year before: –" in page.text("cards")


@pytest.mark.parametrize(
    ("divergence", "said"),
    [
        (Divergence.REVENUE_HIDES_LOSS, "Revenue hides that customers are leaving"),
        (Divergence.CUSTOMERS_HIDE_LOSS, "Revenue falls although customers grow"),
        (None, "tell the same story"),
    ],
)
def test_the_warning_stands_exactly_where_customers_and_revenue_part_ways(pages, divergence, said):
    found, _ = pages("whole", "en")
    assert found.comparison

    html = render(replace(found, comparison=replace(found.comparison, divergence=divergence)), "en")

    assert said in Page(html).text("sales")
    assert ('<section id="sales" class="box warning">' in html) is (divergence is not None)


@pytest.mark.parametrize(("name", "language"), EVERY)
def test_the_page_asks_for_nothing_outside_itself_runs_nothing_and_is_small(pages, name, language):
    _, html = pages(name, language)

    assert not re.search(r"https?://|@import|<script|<link|<img|url\(| on\w+=", html)
    assert "default-src 'none'" in html
    assert f'<html lang="{words.LANG_TAGS[language]}">' in html
    assert len(html.encode()) <= 200_000
    assert set(COLOUR.findall(html)) - {"none", "transparent"} <= set(PALETTE.values())


def test_every_chart_is_named_for_those_who_cannot_see_it(pages):
    _, html = pages("whole", "en")
    images = [attributes for _, attributes in Page(html).tags if attributes.get("role") == "img"]

    assert len(images) == html.count("<svg") == 8
    assert all(image["aria-label"] for image in images)


def test_the_same_overview_gives_the_same_bytes(pages):
    found, html = pages("young", "zh")

    assert render(found, "zh") == html


def test_a_fifth_segment_is_in_the_table_only_and_named_as_text(pages):
    found, _ = pages("whole", "en")
    [first, _] = found.staying.segments
    many = tuple(replace(first, value=value) for value in ("<b>A</b>", "B", "C", "D", None))

    html = render(replace(found, staying=replace(found.staying, dimension="country", segments=many)), "en")

    [table] = Page(html).tables["curves"]
    assert [row[0][0] for row in table] == ["<b>A</b>", "B", "C", "D", "not known"]
    assert "<b>A" not in html
    assert "in the table only: 1" in html
    assert len(re.findall(r'class="key ', html)) == 4


@pytest.mark.parametrize(
    ("language", "cut", "nobody"),
    [
        (
            "en",
            "newest month with active customers whose window is complete: as of 31 May 1998 the window ends on 29",
            "newest month with active customers: nobody had ordered in the 90 days up to",
        ),
        ("zh", "有活跃客户且观察期已完整的最近一个月", "有活跃客户的最近一个月：截至"),
    ],
)
def test_the_month_of_the_headline_is_named_for_what_it_is(pages, language, cut, nobody):
    """The newest window ends after the data; or it is complete and nobody had ordered before it."""
    found, html = pages("cut", language)
    last = found.months[-1]
    empty = replace(
        last,
        complete=True,
        churn=replace(last.churn, active=0, lost=None, rate=None, rate_low=None, rate_high=None),
    )

    emptied = render(replace(found, months=(*found.months[:-1], empty)), language)

    assert cut in Page(html).text("headline")
    assert nobody in Page(emptied).text("headline")
    assert cut not in Page(emptied).text("headline")
