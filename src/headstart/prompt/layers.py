"""What a built prompt consists of: layers of one stability each, in one form of writing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from headstart.prompt.canonical import canonical_json
from headstart.prompt.prompt import Kind, Segment

_DEEPEST = 200
_UNMARKABLE = ("thinking", "redacted_thinking")
_BLANK_LINES = re.compile(r"\n{3,}+")


class Tier(IntEnum):
    """How much of the traffic shares a layer; the lower, the further to the front."""

    ALWAYS = 0
    """All requests: cached always."""
    SEGMENT = 1
    """A part of the traffic, such as a tenant, a language or a document: cached for each."""
    NEVER = 2
    """One request: stands behind everything that is cached."""


def normalised(text: str) -> str:
    """The text with LF at line ends, no spaces or tabs before them, at most one blank line
    in a row, and no whitespace around it. Indentation is kept."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip(" \t") for line in lines)).strip()


def copied(value: Any, *, in_order: bool, depth: int = _DEEPEST) -> Any:
    """A copy of a JSON value; with the keys of all its objects sorted if ``in_order``.

    ValueError for what JSON can't say, a key that is no string included, and for a value
    nested deeper than ``depth``, such as one that contains itself.
    """
    if depth < 0:
        raise ValueError(f"JSON nested deeper than {_DEEPEST} levels")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"a JSON object's keys are strings: {list(value)}")
        keys = sorted(value) if in_order else value
        return {key: copied(value[key], in_order=in_order, depth=depth - 1) for key in keys}
    if isinstance(value, list | tuple):
        return [copied(item, in_order=in_order, depth=depth - 1) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"not a JSON value: {type(value).__name__}")


def tool_segment(tool: Mapping[str, Any], part: int) -> Segment:
    """One tool definition, its keys in order; ValueError if it is not JSON."""
    content = copied(tool, in_order=True)
    text, canonical = _written(content)
    return Segment(Kind.TOOL, "tools", -1, part, text, content, None, "tool", canonical)


def block_segment(role: str, message: int, part: int, given: Mapping[str, Any]) -> Segment:
    """One content block of the system text or of a message, in Anthropic's form, copied.

    ValueError if it is not JSON, has no type, or has a directive (``cache_control``).
    """
    block = copied(given, in_order=False)
    if "cache_control" in block:
        raise ValueError("leave cache_control out of a block: the builder places directives")
    kind = block.get("type")
    if not isinstance(kind, str):
        raise ValueError(f"a content block needs a type: {block}")
    written, canonical = _written(block)
    text = _text(block, kind, written)
    section = Kind.SYSTEM if message < 0 else Kind.MESSAGE
    markable = kind not in _UNMARKABLE and (kind != "text" or bool(text))
    return Segment(section, role, message, part, text, block, None, kind, canonical, markable)


def _written(value: Any) -> tuple[str, bytes]:
    text = canonical_json(value)
    return text, text.encode()


def _text(block: dict[str, Any], kind: str, written: str) -> str:
    """The block's text as the model gets it, or the block's JSON."""
    if kind in ("text", "thinking"):
        return str(block.get(kind, ""))
    if kind == "tool_use":
        return canonical_json({"name": block.get("name"), "input": block.get("input")})
    if kind == "tool_result":
        content = block.get("content", "")
        items = content if isinstance(content, list) else [content]
        return "".join(_item_text(item) for item in items)
    return written


def _item_text(item: Any) -> str:
    if isinstance(item, dict) and item.get("type") == "text":
        return str(item.get("text", ""))
    return item if isinstance(item, str) else canonical_json(item)
