"""The texts of a request body that a model reads, with their paths and their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from headstart.audit.lint.position import literal_bytes
from headstart.dialects import Span
from headstart.dialects.body import Path
from headstart.dialects.spans import elements, kind, members, root
from headstart.prompt import Kind

TOOLS: Final = ("tools", "toolConfig", "functions")
SYSTEM: Final = ("system", "systemInstruction", "system_instruction", "instructions")
MESSAGES: Final = ("messages", "contents", "input")
_SYSTEM_ROLES: Final = ("system", "developer")
_NOT_READ: Final = {
    "cache_control",
    "cachePoint",
    "prompt_cache_breakpoint",
    "type",
    "role",
    "id",
    "tool_call_id",
    "tool_use_id",
    "toolUseId",
    "call_id",
    "signature",
    "thoughtSignature",
    "thought_signature",
    "encrypted_content",
    "data",
    "url",
    "image_url",
    "file_data",
}
"""Fields that are no text to a model, or that are as they are."""
_SAMPLES: Final = {"example", "examples", "default", "enum", "const", "pattern", "format"}
"""Of a tool's schema: values that are there to be shown."""


class Text(NamedTuple):
    """One string of a body."""

    path: Path
    span: Span
    """Of its literal, with the quotes, in the body."""
    value: str
    section: Kind
    message: int
    """Index of its message; -1 for tools and system text."""


def texts(body: bytes, data: Mapping[str, Any]) -> Iterator[Text]:
    """Strings of tools, then system, then messages; Unmarkable for a body of which places
    are not certain. ``data`` is the decoded body."""
    top = members(body, root(body))
    for names in (TOOLS, SYSTEM, MESSAGES):
        for name in names:
            if name in top:
                yield from _walk(body, top[name].span, (name,), data)


def dotted(path: Path) -> str:
    """``system.0.text``."""
    return ".".join(map(str, path))


def bytes_of(body: bytes, text: Text, start: int, end: int) -> tuple[int, int]:
    """Bytes of the body that hold characters ``start`` to ``end`` of a text."""
    first, last = literal_bytes(body[text.span.start : text.span.end], start, end)
    return text.span.start + first, text.span.start + last


def _walk(body: bytes, span: Span, path: Path, data: Mapping[str, Any]) -> Iterator[Text]:
    match kind(body, span):
        case "{":
            for name, member in members(body, span).items():
                skipped = name in _NOT_READ or (path[0] in TOOLS and name in _SAMPLES)
                if not skipped or _is_property(path):
                    yield from _walk(body, member.span, (*path, name), data)
        case "[":
            for index, element in enumerate(elements(body, span)):
                yield from _walk(body, element, (*path, index), data)
        case '"':
            section, message = _place(path, data)
            value = msgspec.json.decode(body[span.start : span.end], type=str)
            yield Text(path, span, value, section, message)


def _is_property(path: Path) -> bool:
    """The names below are those of a tool's parameters, chosen by its author."""
    return path[-1] == "properties"


def _place(path: Path, data: Mapping[str, Any]) -> tuple[Kind, int]:
    if path[0] in TOOLS:
        return Kind.TOOL, -1
    if path[0] in SYSTEM:
        return Kind.SYSTEM, -1
    index = path[1] if len(path) > 1 and isinstance(path[1], int) else 0
    items = data[str(path[0])]
    message = items[index] if isinstance(items, list) else None
    role = message.get("role") if isinstance(message, dict) else None
    return (Kind.SYSTEM if role in _SYSTEM_ROLES else Kind.MESSAGE), index
