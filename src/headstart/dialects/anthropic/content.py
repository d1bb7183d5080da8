"""One block of a Messages request: the bytes that a cache keys it by, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from headstart.dialects.anthropic.errors import invalid

_KEY = "cache_control"
_encode = msgspec.json.Encoder().encode


def canonical(value: Any) -> bytes:
    """Compact JSON, keys in the client's order; DialectError for what can't be written."""
    try:
        return _encode(value)
    except RecursionError:
        raise invalid("The request body is not valid JSON: nested too deeply") from None


def bare(data: dict[str, Any]) -> dict[str, Any]:
    """A block without its directives, nor those of blocks in it."""
    content = data.get("content")
    if isinstance(content, list) and any(isinstance(i, dict) and _KEY in i for i in content):
        items = [bare(item) if isinstance(item, dict) else item for item in content]
        data = {**data, "content": items}
    if _KEY not in data:
        return data
    return {key: value for key, value in data.items() if key != _KEY}


def shown(data: dict[str, Any], kind: str, key: bytes) -> str:
    """A block's text as the model gets it, or the block's JSON."""
    if kind == "thinking" and isinstance(data.get("thinking"), str):
        return str(data["thinking"])
    if kind == "tool_use":
        return canonical({"name": data.get("name"), "input": data.get("input")}).decode()
    if kind == "tool_result":
        return "".join(_result(data.get("content")))
    return key.decode()


def _result(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for item in content:
            text = item.get("text") if item.get("type") == "text" else None
            yield text if isinstance(text, str) else canonical(bare(item)).decode()
