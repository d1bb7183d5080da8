"""A prompt as the keyword arguments of ``responses.create``."""

from __future__ import annotations

from typing import Any

from headstart.dialects.neutral import Message, Role, Text, Tool, ToolResult, ToolUse, sections
from headstart.dialects.openai.family import Format
from headstart.dialects.openai.writing import Marker, write_controls
from headstart.prompt import Prompt, canonical_json


def write_responses(prompt: Prompt, form: Format) -> dict[str, Any]:
    """``model``, ``input``, ``tools`` and cache fields, each where there is some. System
    text is the first input item: ``instructions`` take no directive. ValueError."""
    found = sections(prompt, form.name)
    marker = Marker(form, prompt)
    items: list[dict[str, Any]] = []
    if found.system:
        items.append(_said("system", found.system, marker))
    for message in found.messages:
        items += _items(message, marker)
    written: dict[str, Any] = {"model": prompt.model, "input": items}
    if found.tools:
        written["tools"] = [_tool(tool) for tool in found.tools]
    return {**written, **write_controls(prompt, form, marker)}


def _items(message: Message, marker: Marker) -> list[dict[str, Any]]:
    """Calls and results are items of their own, in the message's order."""
    written: list[dict[str, Any]] = []
    texts: list[Text] = []
    for block in message.blocks:
        if isinstance(block, Text):
            texts.append(block)
            continue
        if texts:
            written.append(_said(message.role, texts, marker))
            texts = []
        marker.skip(block.ttl)
        written.append(_call(block) if isinstance(block, ToolUse) else _output(block))
    return [*written, _said(message.role, texts, marker)] if texts else written


def _said(role: Role, texts: list[Text], marker: Marker) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for block in texts:
        if role == "assistant":
            marker.skip(block.ttl)
            parts.append({"type": "output_text", "text": block.text})
        else:
            parts.append(marker.part({"type": "input_text", "text": block.text}, block.ttl))
    return {"type": "message", "role": role, "content": parts}


def _call(call: ToolUse) -> dict[str, Any]:
    arguments = canonical_json(call.input)
    return {
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def _output(result: ToolResult) -> dict[str, Any]:
    output = "".join(result.texts)
    return {"type": "function_call_output", "call_id": result.id, "output": output}


def _tool(tool: Tool) -> dict[str, Any]:
    """Not ``strict``, which is the default here: most schemas are not written for it."""
    described = {"description": tool.description} if tool.description else {}
    return {
        "type": "function",
        "name": tool.name,
        **described,
        "parameters": dict(tool.schema),
        "strict": False,
    }
