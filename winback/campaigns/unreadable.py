"""What a YAML parser cannot read, in the words of the person who wrote it: the parser speaks of tokens."""

import re

import yaml

# Slips of the keyboard that a parser trips over later: the first that a line of those concerned has is told.
_SLIPS = (
    (re.compile(r"[ ]*\t"), "begins with a tab: indent with blanks"),
    (re.compile(r"[ ]*[^\S\x00-\x7f]"), "is indented with a character that is no blank: write blanks"),
    (re.compile(r"\s*(?:- )?[\w-]+\s*："), "holds '：': write ':' and a blank after it"),
    (re.compile(r"\s*(?:- )?[\w-]+:(?![\s/]|$)"), "needs a blank after the colon"),
    (re.compile(r"[^\"']*[{\[［｛].*?(?P<sign>[，、；：｛｝［］])"), "holds '{sign}': write '{plain}'"),
)
_PLAIN = {"，": ",", "、": ",", "；": ",", "：": ": ", "｛": "{", "｝": "}", "［": "[", "］": "]"}
_TWO_COLONS = re.compile(r"\s*(?:- )?[\w-]+:\s+[^\s\"'{\[].*:(?:\s|$)")
_UNEVEN = "is indented, or begun with a hyphen, otherwise than the lines around it"
_CONTEXTS = {
    "while parsing a flow mapping": "the { is never closed, or a comma is missing behind it",
    "while parsing a flow sequence": "the [ is never closed, or a comma is missing behind it",
    "while scanning a quoted scalar": "the quote is never closed",
    "while parsing a block collection": _UNEVEN,
    "while parsing a block mapping": _UNEVEN,
    "while scanning an alias": "a value that begins with * stands in quotes",
    "while scanning an anchor": "a value that begins with & stands in quotes",
}


def unreadable(error: yaml.MarkedYAMLError, text: str) -> tuple[int | None, str]:
    """(line, what is wrong in it); the line is where it begins, not where the parser gave up."""
    if error.problem_mark is None:
        return None, f"not readable as YAML: {error.problem}"
    end, lines = error.problem_mark.line, text.split("\n")
    begin = error.context_mark.line if error.context_mark else end
    if "another document" in str(error.problem):
        return end + 1, "a line --- begins another document: one campaign a file"
    for at in range(max(0, begin - 1), min(end + 1, len(lines))):
        if slip := _slip(lines[at]):
            return at + 1, slip
    if words := _CONTEXTS.get(str(error.context)):
        return (end if words is _UNEVEN else begin) + 1, words
    if "mapping values" in str(error.problem):
        quoted = _TWO_COLONS.match(lines[end])
        return end + 1, "a text with a colon in it stands in quotes" if quoted else _UNEVEN
    return end + 1, f"not readable as YAML: {error.problem}"


def _slip(line: str) -> str | None:
    for pattern, words in _SLIPS:
        if found := pattern.match(line):
            sign = found.groupdict().get("sign", "")
            return words.format(sign=sign, plain=_PLAIN.get(sign, ""))
    return None
