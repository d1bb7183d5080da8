"""Two pieces of JSON that say the same: keys, list items or numbers written another way."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NamedTuple

from headstart.prompt.volatile_kinds import VolatileKind

_TRIES = 16
"""Open brackets before the first difference that are tried as the beginning of the JSON."""
_DIGITS = 64
"""Longer numbers are compared as they are written."""
_BRACKET = re.compile(r"[][{}]")
_TOOL_KEYS = frozenset({"input_schema", "parameters", "inputSchema", "function", "toolSpec"})


class _Pairs(list[tuple[str, Any]]):
    """A JSON object in the order given, duplicates included."""


class _Number(str):
    """A JSON number as it is written."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)


def json_difference(a: str, b: str, at: int) -> VolatileKind | None:
    """KEY_ORDER, NUMBER_FORMAT, TOOL_ORDER or EXAMPLE_ORDER, if that is all that differs in
    some piece of JSON around ``at``, where the texts part."""
    for start in _open_brackets(a, at):
        try:
            x, end_a = _DECODER.raw_decode(a, start)
            y, end_b = _DECODER.raw_decode(b, start)
            kind = _kind(x, y) if a[end_a:] == b[end_b:] else None
        except (ValueError, RecursionError):
            continue
        if kind is not None:
            return kind
    return None


def _open_brackets(text: str, at: int) -> list[int]:
    """Where brackets open that do not close before ``at``, innermost first, and then the
    first one of all: brackets inside strings are taken for brackets, and may mislead."""
    stack: list[int] = []
    first = _BRACKET.search(text, 0, at)
    for match in _BRACKET.finditer(text, 0, at):
        if match[0] in "{[":
            stack.append(match.start())
        elif stack and text[stack[-1]] + match[0] in ("{}", "[]"):
            stack.pop()
    return [*stack[: -_TRIES - 1 : -1], *([first.start()] if first else [])]


class _Reading(NamedTuple):
    """What is overlooked when two values are compared."""

    kind: VolatileKind
    numbers: bool
    items: bool


_READINGS = (
    _Reading(VolatileKind.KEY_ORDER, numbers=False, items=False),
    _Reading(VolatileKind.NUMBER_FORMAT, numbers=True, items=False),
    _Reading(VolatileKind.EXAMPLE_ORDER, numbers=True, items=True),
)


def _kind(x: Any, y: Any) -> VolatileKind | None:
    for reading in _READINGS:
        names: dict[Any, int] = {}
        if _name(x, reading, names) == _name(y, reading, names):
            tools = reading.items and _has_tools(x)
            return VolatileKind.TOOL_ORDER if tools else reading.kind
    return None


def _name(value: Any, reading: _Reading, names: dict[Any, int]) -> int:
    """A number for the value, the same for those that a reading takes for the same.

    Parts are named before the whole, so that no part is looked at twice.
    """
    form: Any
    if isinstance(value, _Pairs):
        pairs = [(key, _name(inner, reading, names)) for key, inner in value]
        form = ("object", tuple(sorted(pairs, key=lambda pair: pair[0])))
    elif isinstance(value, list):
        items = [_name(item, reading, names) for item in value]
        form = ("list", tuple(sorted(items) if reading.items else items))
    elif isinstance(value, _Number):
        short = reading.numbers and len(value) <= _DIGITS
        form = ("number", Decimal(value) if short else str(value))
    else:
        form = ("other", type(value), value)
    return names.setdefault(form, len(names))


def _has_tools(value: Any) -> bool:
    """A list of tool definitions, or an object with one."""
    if isinstance(value, _Pairs):
        return any(isinstance(inner, list) and _has_tools(inner) for _, inner in value)
    return isinstance(value, list) and any(
        isinstance(item, _Pairs) and bool(_TOOL_KEYS & {key for key, _ in item}) for item in value
    )
