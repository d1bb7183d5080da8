"""Request bodies out of a JSON file: one, or one a line; templates made parsable in place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from headstart.audit.lint.files import Language
from headstart.audit.lint.finding import Problem
from headstart.dialects import Unmarkable
from headstart.dialects.body import MalformedBody, decode
from headstart.dialects.spans import find

MOST_LINE: Final = 64 << 20
_INSIDE: Final = ("body", "params", "request", "modelInput")
"""Where lines of batch files have the request."""
_PROMPTS: Final = ("messages", "contents", "input", "instructions")
_STRING_OR_HOLE: Final = re.compile(
    rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
    rb"|(?P<double>\{\{[-~&{]?[ \t]*[A-Za-z_][^{}\"\n]*\}\})"
    rb"|(?P<tag>\{%[^%\"\n]*%\}|\{#[^#\"\n]*#\}|\{\{[#/!^][^{}\"\n]*\}\})"
    rb"|(?P<single>\{[ \t]*[A-Za-z_][\w.]*[ \t]*\})"
)


class Body(NamedTuple):
    """One request. ``data[start:]`` of the file begins with it."""

    body: bytes
    start: int
    path: str
    """Where in the file's JSON it is; "" for the outermost value."""
    decoded: dict[str, Any]


def bodies(name: str, data: bytes, language: Language) -> Iterator[Body | Problem]:
    """Every one of a file, in order; what is none is told with its line."""
    if language == "json" and not _by_line(data):
        yield from _body(name, data, 0, None)
        return
    at, number = 0, 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        number += 1
        line = data[at:end]
        if len(line) > MOST_LINE:
            yield Problem(name, number, f"a line of {len(line):,} bytes: more than {MOST_LINE:,}")
        elif line.strip():
            yield from _body(name, line, at, number)
        at = end + 1


def parsable(text: bytes) -> bytes:
    """A template with its placeholders outside of strings as strings, and without its tags.
    Every byte that stays is where it was.

    >>> parsable(b'{"messages": {{messages}}, "n": {n}}')
    b'{"messages": "{messages}", "n": "n"}'
    """
    if re.match(rb"\s*\{\{[ \t]*[\r\n\"]", text):  # a template of str.format
        text = text.replace(b"{{", b"{ ").replace(b"}}", b" }")
    return _STRING_OR_HOLE.sub(_filled, text)


def _filled(match: re.Match[bytes]) -> bytes:
    whole = match[0]
    if match["double"] or match["single"]:
        return b'"' + whole[1:-1].replace(b"\\", b"/") + b'"'
    return b" " * len(whole) if match["tag"] else whole


def _by_line(data: bytes) -> bool:
    """Since its first line is a whole JSON object and not the last line."""
    first, _, rest = data.strip().partition(b"\n")
    if not rest.strip() or not first.rstrip().endswith(b"}"):
        return False
    try:
        decode(first)
    except MalformedBody:
        return False
    return True


def _body(name: str, data: bytes, start: int, line: int | None) -> Iterator[Body | Problem]:
    blank = b"   " if data.startswith(b"\xef\xbb\xbf") else b""
    data = blank + data[len(blank) :]
    try:
        decoded = decode(data)
    except MalformedBody as error:
        try:
            data = parsable(data)
            decoded = decode(data)
        except MalformedBody:
            other = data.lstrip()[:1] in (b"[", b'"') and "expected an object" in str(error)
            yield Problem(name, line, f"not a JSON object: {error}", other)
            return
    yield from _inside(name, data, start, line, decoded)


def _inside(
    name: str, data: bytes, start: int, line: int | None, decoded: dict[str, Any]
) -> Iterator[Body | Problem]:
    if any(key in decoded for key in _PROMPTS):
        yield Body(data, start, "", decoded)
        return
    for key in _INSIDE:
        inner = decoded.get(key)
        if isinstance(inner, dict) and any(field in inner for field in _PROMPTS):
            try:
                span = find(data, key)
            except Unmarkable:
                span = None
            if span is not None:
                yield Body(data[span.start : span.end], start + span.start, key, inner)
                return
    yield Problem(name, line, "no request: it has no field messages, input or contents", True)
