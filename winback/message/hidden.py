"""What of an HTML message nobody sees, read off its tags: for the text made of it and the lint of its footer.

Each tag's look follows from that of the tag around it and from its own style. What takes a whole part away
(display, opacity, a box of no size) holds for all within; what is inherited (visibility, size, colours) a tag
within may undo, as MJML does with its ``font-size:0``. What cannot be told, such as the colour of another file,
counts as seen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

Colour = tuple[int, int, int]
CLEAR: Final = (-1, -1, -1)  # a text of no colour
SMALLEST = 2.0  # px: below it letters are no letters
NEAREST = 16  # of 255: two colours that differ by less in each part look the same
_PX = MappingProxyType(
    {"px": 1.0, "pt": 4 / 3, "rem": 16.0, "": 1.0, "pc": 16.0, "cm": 38.0, "mm": 3.8, "in": 96.0}
)
_NAMED: Mapping[str, Colour] = MappingProxyType(
    {
        "white": (255, 255, 255), "snow": (255, 250, 250), "ivory": (255, 255, 240), "whitesmoke": (245, 245, 245),
        "ghostwhite": (248, 248, 255), "floralwhite": (255, 250, 240), "black": (0, 0, 0), "gray": (128, 128, 128),
        "grey": (128, 128, 128), "silver": (192, 192, 192), "red": (255, 0, 0), "maroon": (128, 0, 0),
        "yellow": (255, 255, 0), "olive": (128, 128, 0), "lime": (0, 255, 0), "green": (0, 128, 0),
        "aqua": (0, 255, 255), "teal": (0, 128, 128), "blue": (0, 0, 255), "navy": (0, 0, 128),
        "fuchsia": (255, 0, 255), "purple": (128, 0, 128),
    }
)  # fmt: skip
_LINK: Colour = (0, 0, 238)  # what browsers paint a link that says no colour
_NOT_SHOWN = frozenset({"head", "script", "style", "template", "title"})
_AWAY = re.compile(r"-\d{3,}.*")  # px beyond the edge
_GONE: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "display": re.compile("none"),
        "opacity": re.compile(r"0?(\.0\d*)?|0%"),
        "clip": re.compile(r"rect\(\s*0.*"),
        "clip-path": re.compile(r"(inset\((50|100)%|circle\(0).*"),
        "transform": re.compile(r".*scale\(\s*0(\.0*)?\s*[,)].*"),
    }
    | dict.fromkeys(("left", "right", "top", "bottom", "text-indent", "margin-left", "margin-top"), _AWAY)
)
_NO_SIZE = re.compile(r"0(\.0*)?[a-z%]*")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\b")
_SIZE = re.compile(r"(\d*\.?\d+)([a-z]*|%)")
_SIZE_IN_FONT = re.compile(r"(?:^|\s)(0|\d*\.?\d+(?:px|pt|em|rem|%))(?=[/\s])")
_HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the words of a tag look; a colour is None where it cannot be told.

    ``gone``: nothing within is seen. ``away``: by its visibility. ``tiny``: by the size of its letters.
    """

    gone: bool = False
    away: bool = False
    tiny: bool = False
    ink: Colour | None = None
    ground: Colour | None = None

    @property
    def unseen(self) -> bool:
        """Whether nobody sees the words that stand in the tag itself."""
        return self.gone or self.away or self.tiny or _same(self.ink, self.ground)

    def within(self, tag: str, said: Mapping[str, str]) -> "Look":
        """The look of ``tag`` in this one; ``said``: its attributes."""
        if tag == "body" and self.ground is None:
            return PAGE.within(tag, said)
        style = _declared(said.get("style", ""))
        if not style and not said and tag not in _NOT_SHOWN:
            return self
        return replace(
            self,
            gone=self.gone or tag in _NOT_SHOWN or "hidden" in said or _is_gone(style) or _is_dot(tag, said),
            away=_away(style.get("visibility", ""), self.away),
            tiny=_tiny(style, self.tiny),
            ink=_ink(tag, style.get("color") or said.get("color" if tag == "font" else "text", ""), self.ink),
            ground=_ground(style, said, self.ground),
        )


PAGE: Final = Look(ink=_NAMED["black"], ground=_NAMED["white"])  # that of a whole letter, before its first tag


def _same(ink: Colour | None, ground: Colour | None) -> bool:
    if ink is None or ground is None:
        return ink == CLEAR
    return ink == CLEAR or all(abs(one - other) < NEAREST for one, other in zip(ink, ground, strict=True))


def _declared(style: str) -> dict[str, str]:
    """Property -> value of a ``style``; the last of each, one that is important before others."""
    found, sure = dict[str, str](), set[str]()
    for each in _COMMENT.sub(" ", style.lower()).split(";") if style else ():
        name, _, value = each.partition(":")
        name, important = name.strip(), bool(_IMPORTANT.search(value))
        if important or name not in sure:
            found[name] = _IMPORTANT.sub("", value).strip()
            sure |= {name} if important else set()
    return found


def _is_gone(style: Mapping[str, str]) -> bool:
    if any(pattern.fullmatch(style.get(name) or "-") for name, pattern in _GONE.items()):
        return True
    cut = any(style.get(name, "visible") != "visible" for name in ("overflow", "overflow-x", "overflow-y"))
    sides = (style.get(f"{most}{side}", "") for most in ("", "max-") for side in ("width", "height"))
    return cut and any(map(_NO_SIZE.fullmatch, sides))


def _is_dot(tag: str, said: Mapping[str, str]) -> bool:
    """Whether it is a picture of no size: its words are not seen either."""
    return tag == "img" and any(said.get(side, "").strip() in {"0", "1"} for side in ("width", "height"))


def _away(visibility: str, around: bool) -> bool:
    return visibility in {"hidden", "collapse"} or (around and visibility in {"", "inherit"})


def _tiny(style: Mapping[str, str], around: bool) -> bool:
    in_font = _SIZE_IN_FONT.search(style.get("font", ""))
    given = style.get("font-size") or (in_font[1] if in_font else "")
    size = _SIZE.fullmatch(given)
    if size is None:
        return around and given in {"", "inherit", "smaller", "larger"}
    number, unit = float(size[1]), size[2]
    return number * _PX[unit] < SMALLEST if unit in _PX else number == 0 or around


def _ink(tag: str, given: str, around: Colour | None) -> Colour | None:
    if not given:
        return _LINK if tag == "a" else around
    return around if given in {"inherit", "currentcolor"} else _colour(given)


def _ground(style: Mapping[str, str], said: Mapping[str, str], around: Colour | None) -> Colour | None:
    given = style.get("background-color") or style.get("background") or said.get("bgcolor", "")
    if said.get("background") or "url(" in given or "gradient" in given or style.get("background-image"):
        return None  # a picture
    if given in {"", "none", "inherit", "initial"} or (colour := _colour(given)) == CLEAR:
        return around
    return colour


def _colour(given: str) -> Colour | None:
    """A colour as CSS and HTML write it; CLEAR for none, None for one that cannot be told."""
    given = given.strip().lower()
    if _HEX.fullmatch(given):
        digits = given[1:] if len(given) > 5 else "".join(2 * digit for digit in given[1:])
        red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
        return _over(red, green, blue, alpha / 255)
    if parts := _RGB.fullmatch(given):
        share = float(parts[4] or 1) / (100 if parts[5] else 1)
        return _over(int(parts[1]), int(parts[2]), int(parts[3]), share)
    return CLEAR if given == "transparent" else _NAMED.get(given)


def _over(red: int, green: int, blue: int, share: float) -> Colour | None:
    """A colour that covers such a share of what is below."""
    if share < 0.1:
        return CLEAR
    return (red, green, blue) if share == 1 else None
