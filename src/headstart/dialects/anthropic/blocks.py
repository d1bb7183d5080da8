"""Tools, system text and content blocks of a Messages request."""

from __future__ import annotations

from typing import Any

from headstart.dialects.anthropic.cache_control import ttl_of
from headstart.dialects.anthropic.errors import complain, invalid
from headstart.dialects.assembly import Assembly
from headstart.dialects.body import Fields, Path
from headstart.prompt import canonical_json

_THINKING = ("thinking", "redacted_thinking")
_EMPTY = "text content blocks must be non-empty"


def read_tools(body: Fields, out: Assembly) -> None:
    """Client tools; the provider's own (web search and the like) are refused by name."""
    for tool in body.children("tools"):
        kind = tool.optional("type", str)
        if kind not in (None, "custom"):
            raise complain(tool.path, "unsupported", f"tools of type '{kind}' are not supported")
        spot = Fields(tool.data, (*tool.path, "custom"), complain)
        name = spot.required("name", str)
        schema = spot.required("input_schema", dict)
        description = spot.optional("description", str)
        shown = {key: value for key, value in tool.data.items() if key != "cache_control"}
        function = {"name": name, "description": description or "", "parameters": schema}
        ttl = ttl_of(tool, "custom")
        out.tool(canonical_json(shown), tool.data, function, tool.path, ttl)


def read_system(body: Fields, out: Assembly) -> None:
    """``system``, a string or text blocks, as a leading system message."""
    system = body.data.get("system")
    if system is None or system in ("", []):
        return
    out.open("system")
    if isinstance(system, str):
        out.text(system)
        out.segment("system", -1, 0, system, system, None)
        out.place(("system",), None)
        return
    for part, block in enumerate(body.children("system")):
        if block.required("type", str) != "text":
            raise complain((*block.path, "type"), "value", "Input should be 'text'")
        read_text(block, None, "system", -1, part, out)


def read_content(message: Fields, role: str, index: int, out: Assembly) -> None:
    """One message's content; ``index`` is its place among the messages.

    A ``tool_result`` becomes a chat message of its own, as chat templates want it; blocks
    after it continue in a new one with the message's role.
    """
    content = message.data.get("content")
    if content is None or isinstance(content, str):
        text = message.required("content", str)
        if role == "user" and not text:
            raise invalid(f"messages.{index}: user messages must have non-empty content")
        out.open(role)
        out.text(text)
        out.segment(role, index, 0, text, text, None)
        out.place((*message.path, "content"), None, eligible=bool(text))
        return
    blocks = message.children("content")
    if role == "user" and not blocks:
        raise invalid(f"messages.{index}: user messages must have non-empty content")
    opened = False
    for part, block in enumerate(blocks):
        kind = block.required("type", str)
        if kind == "tool_result" and role == "user":
            _read_result(block, index, part, out)
            opened = False
            continue
        if not opened:
            out.open(role)
            opened = True
        _read_block(block, kind, role, index, part, out)
    if not blocks:
        out.open(role)


def _read_block(block: Fields, kind: str, role: str, index: int, part: int, out: Assembly) -> None:
    if kind == "text":
        read_text(block, "text", role, index, part, out)
    elif kind == "tool_use" and role == "assistant":
        _read_call(block, index, part, out)
    elif kind in _THINKING and role == "assistant":
        _read_thinking(block, kind, index, part, out)
    else:
        text = f"'{kind}' blocks are not supported in {role} messages by this model"
        raise complain(block.path, "unsupported", text)


def read_text(
    block: Fields, tag: str | None, role: str, index: int, part: int, out: Assembly
) -> None:
    """A text block of a message or of the system list."""
    text = block.required("text", str)
    ttl = ttl_of(block, tag)
    if not text and role == "user":
        raise invalid(f"messages: {_EMPTY}")
    if not text and ttl is not None:
        raise complain(block.path, "value", "cache_control cannot be set for empty text blocks")
    out.text(text)
    out.segment(role, index, part, text, block.data, ttl)
    out.place(block.path, ttl, eligible=bool(text))


def _read_thinking(block: Fields, kind: str, index: int, part: int, out: Assembly) -> None:
    """Thinking of an earlier turn: seen by caches as a block, dropped from the prompt."""
    if block.data.get("cache_control") is not None:
        path = (*block.path, kind, "cache_control")
        raise complain(path, "value", "Extra inputs are not permitted")
    out.segment("assistant", index, part, "", block.data, None)
    out.place(block.path, None, eligible=False)


def _read_call(block: Fields, index: int, part: int, out: Assembly) -> None:
    call_id = block.required("id", str)
    name = block.required("name", str)
    arguments: dict[str, Any] = block.required("input", dict)
    ttl = ttl_of(block, "tool_use")
    out.call(call_id, name, arguments)
    text = canonical_json({"name": name, "input": arguments})
    out.segment("assistant", index, part, text, block.data, ttl)
    out.place(block.path, ttl)


def _read_result(block: Fields, index: int, part: int, out: Assembly) -> None:
    """A tool's result: a string, or text blocks, which may carry markers of their own."""
    call_id = block.required("tool_use_id", str)
    block.optional("is_error", bool)
    content = block.data.get("content")
    pieces: list[tuple[str, Path, float | None]]
    if isinstance(content, str):
        pieces = [(content, block.path, None)]
    else:
        pieces = [_result_text(item) for item in block.children("content")]
    ttl = ttl_of(block, "tool_result")
    out.open("tool", tool_call_id=call_id)
    out.segment("tool", index, part, "".join(piece[0] for piece in pieces), block.data, ttl)
    for text, path, own in pieces:
        out.text(text)
        if own is not None:
            out.place(path, own)
    out.place(block.path, ttl)


def _result_text(item: Fields) -> tuple[str, Path, float | None]:
    kind = item.required("type", str)
    if kind != "text":
        text = f"'{kind}' blocks are not supported in tool results by this model"
        raise complain(item.path, "unsupported", text)
    text = item.required("text", str)
    ttl = ttl_of(item, "text")
    if not text and ttl is not None:
        raise complain(item.path, "value", "cache_control cannot be set for empty text blocks")
    return text, item.path, ttl
