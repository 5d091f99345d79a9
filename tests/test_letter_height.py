"""About how tall a letter is: worked by hand from CSS, a line of spare room (32 pixels) taken off."""

import time

import pytest

from winback.gallery.letter_height import letter_height

PLAIN = "font-size:20px; line-height:30px; margin:0"


def tall(html: str, width: int = 400) -> int:
    return letter_height(html, width) - 32


@pytest.mark.parametrize(
    ("html", "pixels"),
    [
        (f'<p style="{PLAIN}">{"x" * 40}</p>', 30),  # 40 letters of 10 pixels fill a line of 400
        (f'<p style="{PLAIN}">{"x" * 41}</p>', 60),
        (f'<p style="{PLAIN}">{"字" * 21}</p>', 60),  # of 20 pixels
        (f'<p style="{PLAIN}">a<br>b<br><br>c</p>', 120),
        (f'<div style="padding:10px 100px"><p style="{PLAIN}">{"x" * 21}</p></div>', 80),
        (f'<p style="{PLAIN} 0 18px 0">a</p><p style="{PLAIN}; margin-top:12px">b</p>', 78),  # 30 + 18 + 30
        (f'<table><tr><td width="100"><p style="{PLAIN}">{"x" * 20}</p></td><td><p style="{PLAIN}">'
         f"{'x' * 60}</p></td></tr></table>", 60),  # side by side: 2 lines of 100, 2 lines of 300
        (f'<img src="a.png" height="70" alt=""><p style="{PLAIN}">a</p>', 100),
        (f'<div style="display:none; height:9px"><p>hidden</p></div><p style="{PLAIN}">a</p>', 30),
        (f'<head><title>no</title></head><style>p {{}}</style><p style="{PLAIN}">a<p style="{PLAIN}">b', 60),
        (f'<p style="{PLAIN}; line-height:2">a</p>', 40),
        ("", 0),
    ],
)  # fmt: skip
def test_blocks_stand_below_each_other_and_cells_side_by_side(html: str, pixels: int):
    assert tall(html) == pixels


@pytest.mark.parametrize(("width", "pixels"), [(620, 30), (621, 50)])
def test_a_narrow_screen_has_styles_of_its_own(width: int, pixels: int):
    style = "<style>@media (max-width: 620px) { a { b: c } .page, td.page { padding: 0 !important } }</style>"

    assert tall(f'{style}<div class="page" style="padding:10px"><p style="{PLAIN}">a</p></div>', width) == pixels


@pytest.mark.parametrize("piece", ["<div>", "<p>", "</div>", "@media (max-width:", "<style>@media", "{", "a{b:c}"])
def test_html_without_end_is_measured_in_bounded_time(piece: str):
    started = time.perf_counter()

    letter_height(f"<style>@media x {{{piece * 3_000}</style>{piece * 3_000}", 640)

    assert time.perf_counter() - started < 5
