"""A part written in MJML -> HTML, once per template (mrml).

Jinja's expressions and tags are hidden from the compiler and stand in the HTML where they stood, each on its own
line of the file, so that an error names the right one. ``<mj-include path="_shared/top.mjml"/>`` takes a shared
piece of MJML; nothing is read from the disk or the network.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import mrml
from jinja2 import Environment

from winback.errors import TemplateError

_MARK = re.compile(r"jinja0x(\d+)x0")  # mrml writes characters that cannot be printed as \u{...}
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
_LEFT = re.compile(r"<(mj-[a-z-]+)")
_ENDS = {"variable_end", "block_end", "comment_end", "raw_end"}
_INCLUDED = re.compile(r"<mj-include\b[^>]*\bpath=[\"']([^\"']+)[\"'][^>]*>")
_TAG = re.compile(r"<(?P<end>/?)(?P<name>mj[a-z-]*)\b(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*?(?P<empty>/?)>")
_REMOTE = re.compile(r"<mj-font\b")
_DEEPEST = 10  # pieces within pieces


def as_html(files: Mapping[str, str], path: str) -> str:
    """The HTML of ``files[path]``; raises TemplateError, or Jinja's for what is no template."""
    return _compiled(_whole(files, path, 0), path)


def _whole(files: Mapping[str, str], path: str, depth: int) -> str:
    """The file with the pieces it includes in their places, on the line of their tag."""

    def piece(found: re.Match[str]) -> str:
        line, name = files[path].count("\n", 0, found.start()) + 1, found[1]
        folders = (f"{path.split('/')[0]}/", "_shared/")
        if name not in files or not name.startswith(folders) or depth >= _DEEPEST:
            problem = f"'{name}' is not among this message's files and _shared/"
            raise TemplateError(problem, file=path, line=line, field="mj-include")
        text = _whole(files, name, depth + 1)
        return re.sub(r"^\s*<mjml>\s*<mj-body>|</mj-body>\s*</mjml>\s*$", "", text).replace("\n", " ")

    return _INCLUDED.sub(piece, files[path].removeprefix("\ufeff"))


@lru_cache(maxsize=64)
def _compiled(text: str, path: str) -> str:
    if remote := _REMOTE.search(text):
        line = _line_of(remote[0], text)
        raise TemplateError("loads a font from elsewhere: not allowed", file=path, line=line, field="mj-font")
    tokens, hidden = _hide(text, path)
    try:
        found = mrml.to_html(hidden, render_options=mrml.RenderOptions(disable_comments=False, fonts={}))
    except (OSError, ValueError) as error:
        if unclosed := _never_closed(text):
            line, name = unclosed
            problem = f"is not closed: </{name}> is missing, or stands elsewhere"
            raise TemplateError(problem, file=path, line=line, field=name) from error
        raise TemplateError(f"is no MJML: {_said(error, hidden)}", file=path) from error
    html = re.sub(r"\s*\n\s*", " ", _ESCAPED.sub(lambda code: chr(int(code[1], 16)), found.content))
    if left := _LEFT.search(html):
        raise TemplateError("is no element of MJML", file=path, line=_line_of(f"<{left[1]}", text), field=left[1])
    marks = [int(mark[1]) for mark in _MARK.finditer(html)]
    for number, (token, line) in enumerate(tokens):
        if number not in marks:
            problem = f"{' '.join(token.split())} is lost here: put it into <mj-raw> or <mj-text>"
            raise TemplateError(problem, file=path, line=line)
    return _shown(html, tokens)


def _never_closed(text: str) -> tuple[int, str] | None:
    """(line, name) of the first element of MJML whose end is not where it belongs."""
    open_ = list[tuple[int, str]]()
    for tag in _TAG.finditer(text):
        if not tag["end"]:
            open_ += [] if tag["empty"] else [(text.count("\n", 0, tag.start()) + 1, tag["name"])]
            continue
        last = open_.pop() if open_ else None
        if last is None or last[1] != tag["name"]:
            return last
    return open_[-1] if open_ else None


def _line_of(word: str, text: str) -> int:
    return text.count("\n", 0, text.find(word)) + 1


def _hide(text: str, path: str) -> tuple[list[tuple[str, int]], str]:
    """(Jinja's tokens with their lines, the text with a mark for each); comments go."""
    tokens, parts, token, begin = list[tuple[str, int]](), list[str](), "", 0
    for line, kind, value in Environment(trim_blocks=False).lex(text, filename=path):
        if kind == "data" and not token:
            parts.append(value)
            continue
        begin = begin if token else line
        token += value
        if kind in _ENDS:
            if kind != "comment_end":
                parts.append(f"jinja0x{len(tokens)}x0")
                tokens.append((token.strip("\n"), begin))
            token = ""
    if token:
        raise TemplateError(f"{token[:2]} is never closed", file=path, line=begin)
    return tokens, "".join(parts)


def _shown(html: str, tokens: list[tuple[str, int]]) -> str:
    """The HTML with the tokens back, each on its line: line breaks within a token mean nothing to Jinja."""
    line, parts, last = 1, list[str](), 0
    for mark in _MARK.finditer(html):
        token, wanted = tokens[int(mark[1])]
        breaks = "\n" * max(0, wanted - line)
        opening = 3 if token[2:3] in {"-", "+"} else 2
        token = token[:opening] + (breaks or " ") + token[opening:].lstrip(" ")
        line += token.count("\n")
        parts += [html[last : mark.start()], token]
        last = mark.end()
    return "".join([*parts, html[last:]])


def _said(error: Exception, hidden: str) -> str:
    return _MARK.sub("...", str(error))[:200] or "it cannot be read"
