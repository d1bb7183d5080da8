"""Tools, system instruction and contents of a request, as a cache keys them.

No cache directive exists here: what is cached is the prefix, or a resource made before.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headstart.dialects.body import Fields
from headstart.dialects.gemini.errors import complain, invalid
from headstart.dialects.gemini.names import camel
from headstart.prompt import Kind, Segment

_encode = msgspec.json.Encoder().encode
_ROLES = {"user": "user", "model": "assistant", "function": "tool", "tool": "tool"}
_MEDIA = {"image": "image", "audio": "audio", "video": "video"}
_PARTS = {
    "functionCall": "tool_use",
    "toolCall": "tool_use",
    "functionResponse": "tool_result",
    "toolResponse": "tool_result",
}
"""What other parts are to a cache; further ones pass by their own name."""
_BESIDE = ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")


def read_tools(fields: Fields) -> list[Segment]:
    """One segment a function, and one for each other tool."""
    found: list[Segment] = []
    for tool in fields.children("tools"):
        holder = camel(tool)
        for function in holder.children("functionDeclarations"):
            function.required("name", str)
            found.append(_tool(function.data, len(found)))
        others = {k: v for k, v in holder.data.items() if k != "functionDeclarations"}
        if others:
            found.append(_tool(others, len(found)))
    return found


def read_system(fields: Fields) -> list[Segment]:
    """The parts of ``systemInstruction``, whatever role it claims."""
    instruction = fields.child("systemInstruction")
    if instruction is None:
        return []
    parts = instruction.children("parts")
    return [_part(part, Kind.SYSTEM, "system", -1, at) for at, part in enumerate(parts)]


def read_contents(fields: Fields, *, optional: bool = False) -> list[Segment]:
    """Every part of every content; DialectError where there must be some and are none."""
    found: list[Segment] = []
    contents = fields.children("contents")
    if not contents and not optional:
        raise complain((*fields.path, "contents"), "missing", "")
    for index, content in enumerate(contents):
        given = content.optional("role", str) or "user"
        if given not in _ROLES:
            raise invalid("Please use a valid role: user, model.", "contents.role")
        parts = content.children("parts")
        if not parts:
            text = "must include at least one parts field"
            raise complain((*content.path, "parts"), "value", text)
        for at, part in enumerate(parts):
            found.append(_part(part, Kind.MESSAGE, _ROLES[given], index, at))
    return found


def ends_on_model(fields: Fields) -> bool:
    """The last content is a model's turn."""
    contents = fields.data.get("contents") or []
    return bool(contents) and contents[-1].get("role") == "model"


def _tool(content: dict[str, Any], index: int) -> Segment:
    key = _encode(content)
    text = key.decode()
    return Segment(Kind.TOOL, "tools", -1, index, text, content, None, "tool", key, False)


def _part(part: Fields, kind: Kind, role: str, message: int, at: int) -> Segment:
    data = camel(part).data
    key = _encode(data)
    name, text = "", key.decode()
    if "text" in data:
        text = Fields(data, part.path, part.complain).required("text", str)
        name = "thinking" if data.get("thought") is True else "text"
    else:
        name = next((key for key in data if key not in _BESIDE), "")
        if not name:
            raise complain(part.path, "value", "required oneof field 'data' must have one set")
        name = _media(data[name]) if name in ("inlineData", "fileData") else _PARTS.get(name, name)
    role = "tool" if name == "tool_result" else role
    return Segment(kind, role, message, at, text, part.data, None, name, key, False)


def _media(blob: Any) -> str:
    """What a blob is to a cache, by its MIME type."""
    given = blob.get("mimeType", blob.get("mime_type")) if isinstance(blob, dict) else None
    kind = given.partition("/")[0] if isinstance(given, str) else ""
    return _MEDIA.get(kind, "document")
