"""Tools and messages of a Chat Completions request."""

from __future__ import annotations

from typing import Any

from headstart.dialects.assembly import Assembly
from headstart.dialects.body import Fields, MalformedBody, decode
from headstart.dialects.openai.breakpoints import CacheOptions, breakpoint_ttl
from headstart.dialects.openai.errors import complain
from headstart.prompt import canonical_json

_ROLES = ("developer", "system", "user", "assistant", "tool")


def read_tools(body: Fields, out: Assembly) -> None:
    """Function tools, passed to the chat template as they are."""
    for tool in body.children("tools"):
        function = _function(tool)
        function.required("name", str)
        function.optional("description", str)
        function.optional("parameters", dict)
        out.tool(canonical_json(tool.data), tool.data, function.data, tool.path, None)


def read_message(message: Fields, index: int, options: CacheOptions, out: Assembly) -> None:
    """One message; ``developer`` is what ``system`` is called for newer models."""
    role = message.choice("role", _ROLES)
    role = "system" if role == "developer" else role
    call_id = message.required("tool_call_id", str) if role == "tool" else None
    out.open(role, name=message.optional("name", str), tool_call_id=call_id)
    calls = _calls(message) if role == "assistant" else []
    parts = _read_content(message, role, index, options, out, optional=bool(calls))
    for offset, call in enumerate(calls):
        _read_call(call, index, parts + offset, out)


def _read_content(
    message: Fields, role: str, index: int, options: CacheOptions, out: Assembly, *, optional: bool
) -> int:
    """The number of parts; ``optional`` where tool calls may stand in for content."""
    content = message.data.get("content")
    if content is None and optional:
        return 0
    if content is None or isinstance(content, str):
        text = message.required("content", str)
        out.text(text)
        out.segment(role, index, 0, text, text, None)
        out.place((*message.path, "content"), None)
        return 1
    parts = message.children("content")
    if not parts and not optional:
        text = "Array should have at least 1 item"
        raise complain((*message.path, "content"), "value", text)
    for part, block in enumerate(parts):
        text = _part_text(block, role)
        ttl = breakpoint_ttl(block, options)
        out.text(text)
        out.segment(role, index, part, text, block.data, ttl)
        out.place(block.path, ttl)
    return len(parts)


def _part_text(block: Fields, role: str) -> str:
    kind = block.required("type", str)
    if kind == "text":
        return block.required("text", str)
    if kind == "refusal" and role == "assistant":
        return block.required("refusal", str)
    text = f"parts of type '{kind}' are not supported in {role} messages by this model"
    raise complain((*block.path, "type"), "value", text)


def _calls(message: Fields) -> list[Fields]:
    if message.data.get("function_call") is not None:
        raise message.fail("function_call", "unsupported", "use 'tool_calls' instead")
    return message.children("tool_calls")


def _read_call(call: Fields, index: int, part: int, out: Assembly) -> None:
    """A call the model made; chat templates want its arguments as the object they spell,
    and get the string where they spell none."""
    function = _function(call)
    name = function.required("name", str)
    spelled = function.required("arguments", str)
    out.call(call.required("id", str), name, _parsed(spelled))
    text = canonical_json({"name": name, "arguments": spelled})
    out.segment("assistant", index, part, text, call.data, None)
    out.place(call.path, None)


def _function(holder: Fields) -> Fields:
    """The ``function`` of a tool or a tool call; other kinds are refused by name."""
    kind = holder.required("type", str)
    if kind != "function":
        raise holder.fail("type", "value", f"'{kind}' is not supported, only 'function' is")
    data = holder.required("function", dict)
    return Fields(data, (*holder.path, "function"), complain)


def _parsed(spelled: str) -> Any:
    try:
        return decode(spelled.encode())
    except MalformedBody:
        return spelled
