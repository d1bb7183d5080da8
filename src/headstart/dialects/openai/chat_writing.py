"""A prompt as the keyword arguments of ``chat.completions.create``."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from headstart.dialects.neutral import (
    Block,
    Message,
    Role,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    sections,
)
from headstart.dialects.openai.family import Format
from headstart.dialects.openai.writing import Marker, write_controls
from headstart.prompt import Prompt, canonical_json


def write_chat(prompt: Prompt, form: Format) -> dict[str, Any]:
    """``model``, ``messages``, ``tools`` and cache fields, each where there is some.
    An assistant's texts stand before its calls; tool results are messages of their own.
    ValueError."""
    found = sections(prompt, form.name)
    marker = Marker(form, prompt)
    messages: list[dict[str, Any]] = []
    if found.system:
        messages.append({"role": "system", "content": _content(found.system, marker)})
    for message in found.messages:
        messages += _messages(message, marker)
    written: dict[str, Any] = {"model": prompt.model, "messages": messages}
    if found.tools:
        written["tools"] = [_tool(tool) for tool in found.tools]
    return {**written, **write_controls(prompt, form, marker)}


def _messages(message: Message, marker: Marker) -> list[dict[str, Any]]:
    """One message, or one for each tool result and one for what stands between two."""
    written: list[dict[str, Any]] = []
    for is_result, run in groupby(message.blocks, lambda block: isinstance(block, ToolResult)):
        blocks = list(run)
        if is_result:
            written += [_result(block, marker) for block in blocks if isinstance(block, ToolResult)]
        else:
            written.append(_said(message.role, blocks, marker))
    return written


def _said(role: Role, blocks: list[Block], marker: Marker) -> dict[str, Any]:
    texts = [block for block in blocks if isinstance(block, Text)]
    calls = [block for block in blocks if isinstance(block, ToolUse)]
    content = {"content": _content(texts, marker)} if texts else {}
    shown = {"tool_calls": [_call(call, marker) for call in calls]} if calls else {}
    return {"role": role, **content, **shown}


def _content(texts: list[Text], marker: Marker) -> str | list[dict[str, Any]]:
    """A plain string where it says the same: not every provider takes parts."""
    if len(texts) == 1 and not marker.takes:
        return texts[0].text
    return [marker.part({"type": "text", "text": part.text}, part.ttl) for part in texts]


def _result(result: ToolResult, marker: Marker) -> dict[str, Any]:
    texts = [Text(text, None) for text in result.texts]
    if texts:
        texts[-1] = texts[-1]._replace(ttl=result.ttl)
    else:
        marker.skip(result.ttl)
    content = _content(texts, marker) if texts else ""
    return {"role": "tool", "tool_call_id": result.id, "content": content}


def _call(call: ToolUse, marker: Marker) -> dict[str, Any]:
    marker.skip(call.ttl)
    function = {"name": call.name, "arguments": canonical_json(call.input)}
    return {"id": call.id, "type": "function", "function": function}


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    function = {"name": tool.name, **described, "parameters": dict(tool.schema)}
    return {"type": "function", "function": function}
