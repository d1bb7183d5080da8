"""The prompt of any Chat Completions request, whatever its blocks are.

What a local model can't do is of no interest here: types of parts, tools and calls that
nobody has heard of yet pass by their name.
"""

from __future__ import annotations

from headstart.dialects.body import Fields
from headstart.dialects.openai.errors import complain
from headstart.dialects.openai.outline import Outline, Place, called

_ROLES = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_NAMES = tuple(_ROLES)
_PARTS = {
    "text": "text",
    "image_url": "image",
    "video_url": "video",
    "input_audio": "audio",
    "file": "document",
}
"""Those that take a directive, and what they are to a cache."""
_ELSEWHERE = ("reasoning_content", "reasoning")
_OBJECTS = {"audio": "audio", "function_call": "tool_use"}
_INSTEAD = frozenset(("tool_calls", "refusal", *_OBJECTS, *_ELSEWHERE))
"""An assistant message may have one of these and no content."""
_OPENING = b'[{"type":"text","text":'
_CLOSING = b"}]"


def outline_chat(body: Fields, out: Outline) -> None:
    """Tools and messages; DialectError."""
    for tool in body.children("tools"):
        _tool(tool, out)
    for function in body.children("functions"):
        function.required("name", str)
        out.tool(function.data, function.path)
    body.required("messages", list)
    messages = body.children("messages")
    if not messages:
        raise body.fail("messages", "value", "Array should have at least 1 item")
    for index, message in enumerate(messages):
        _message(message, index, out)


def _tool(tool: Fields, out: Outline) -> None:
    if tool.required("type", str) == "function":
        data = tool.required("function", dict)
        Fields(data, (*tool.path, "function"), complain).required("name", str)
    out.tool(tool.data, tool.path)


def _message(message: Fields, index: int, out: Outline) -> None:
    role = _ROLES[message.choice("role", _NAMES)]
    name = message.optional("name", str)
    call = message.optional("tool_call_id", str)
    out.open(role, index, {"name": name, "tool_call_id": call} if name or call else None)
    if role == "assistant" and not _INSTEAD.isdisjoint(message.data):
        _assistant(message, out)
    else:
        _content(message, role, out, optional=False)


def _assistant(message: Fields, out: Outline) -> None:
    """A message that has more than content, or something else instead of it."""
    for key in _ELSEWHERE:
        _said(message, key, "thinking", out)
    instead = any(message.data.get(key) for key in _INSTEAD)
    _content(message, "assistant", out, optional=instead)
    _said(message, "refusal", "refusal", out)
    for key, name in _OBJECTS.items():
        value = message.child(key)
        if value is not None:
            out.block(value, None, name, markable=False)
    for call in message.children("tool_calls"):
        out.block(call, called(call.data.get("function")), "tool_use", markable=False)


def _content(message: Fields, role: str, out: Outline, *, optional: bool) -> None:
    content = message.data.get("content")
    if content is None and optional:
        return
    name = "tool_result" if role == "tool" else "text"
    if content is None or isinstance(content, str):
        text = message.required("content", str)
        place = Place((*message.path, "content"), _OPENING, _CLOSING)
        out.bare(text, "text", place, name, markable=True)
        return
    for part in message.children("content"):
        _part(part, name, out)


def _part(part: Fields, text_name: str, out: Outline) -> None:
    kind = part.required("type", str)
    if kind == "text":
        text = part.required("text", str)
        out.block(part, text, text_name, markable=bool(text))
    elif kind == "refusal":
        out.block(part, part.required("refusal", str), kind, markable=False)
    else:
        out.block(part, None, _PARTS.get(kind, kind), markable=kind in _PARTS)


def _said(message: Fields, key: str, name: str, out: Outline) -> None:
    """A text that stands beside the content."""
    text = message.data.get(key)
    if text and isinstance(text, str):
        out.bare(text, key, Place((*message.path, key)), name, markable=False)
