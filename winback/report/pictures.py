"""The report's charts as PNG files, and whether this machine can draw what a report says in Chinese.

Fonts are looked for by drawing: a character without one comes out as the same picture as a character no font has.
"""

import json
from html import escape

from winback.errors import Unusable
from winback.report.charts import FONTS, PALETTE, Spec

SCALE = 3.0  # pixels for each point of the chart: sharp on a projector
# A picture's texts are drawn in one font each: the first here that the machine has, where any text is Chinese.
CHINESE_FONTS = f'"Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", {FONTS}'
_NOBODYS = "\U0010fffd"  # private use: no font has it
_TRIED = 3  # characters that are drawn as a sample
_HAN = ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


def png(spec: Spec) -> bytes:
    """The chart as a PNG on white."""
    import vl_convert  # heavy: half a second and 84 MB that only a report needs

    fonts = CHINESE_FONTS if _han(words_of(spec)) else FONTS
    drawn = spec | {"background": PALETTE["paper"], "config": spec["config"] | {"font": fonts}}
    picture: bytes = vl_convert.vegalite_to_png(drawn, scale=SCALE)
    return picture


def words_of(spec: Spec) -> str:
    """Everything a chart may say, as one text."""
    return json.dumps(spec, ensure_ascii=False)


def require_fonts(text: str) -> None:
    """Unusable, with the package to install, where ``text`` holds Chinese characters this machine cannot draw."""
    if not all(drawable(character) for character in _han(text)[:_TRIED]):
        raise Unusable(
            "no font on this machine has the report's Chinese characters: apt-get install fonts-noto-cjk "
            "(elsewhere: any font with Simplified Chinese)"
        )


def drawable(character: str) -> bool:
    """Whether some font here has ``character``."""
    return _drawn(character) != _drawn(_NOBODYS)


def _drawn(character: str) -> bytes:
    import vl_convert  # heavy: half a second and 84 MB that only a report needs

    picture: bytes = vl_convert.svg_to_png(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
        f'<text x="4" y="30" font-size="24" font-family="{escape(FONTS)}">{escape(character)}</text></svg>'
    )
    return picture


def _han(text: str) -> list[str]:
    """The Chinese characters of a text, each once."""
    return [each for each in dict.fromkeys(text) if any(first <= ord(each) <= last for first, last in _HAN)]
