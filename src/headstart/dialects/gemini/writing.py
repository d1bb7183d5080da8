"""A prompt as the keyword arguments of ``models.generate_content``.

There is no cache directive: what is cached is the prefix, or a resource that the caller
makes and names. Source: types of google-genai 3.4.0.
"""

from __future__ import annotations

from typing import Any

from headstart.dialects.neutral import Block, Message, Text, Tool, ToolResult, ToolUse, sections
from headstart.prompt import Prompt

_ROLES = {"user": "user", "assistant": "model"}


def write_contents(prompt: Prompt, dialect: str) -> dict[str, Any]:
    """``model``, ``contents`` and, where there is something in it, ``config``. ValueError."""
    found = sections(prompt, dialect)
    config: dict[str, Any] = {}
    if found.system:
        config["system_instruction"] = {"parts": [{"text": part.text} for part in found.system]}
    if found.tools:
        config["tools"] = [{"function_declarations": [_function(tool) for tool in found.tools]}]
    if prompt.controls.resource is not None:
        config["cached_content"] = prompt.controls.resource
    return {
        "model": prompt.model,
        "contents": [_content(message, dialect) for message in found.messages],
        **({"config": config} if config else {}),
    }


def _content(message: Message, dialect: str) -> dict[str, Any]:
    role = _ROLES.get(message.role)
    if role is None:
        raise ValueError(f"{dialect} has no {message.role} messages after the first message")
    return {"role": role, "parts": [_part(block) for block in message.blocks]}


def _function(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "parameters_json_schema": dict(tool.schema)}


def _part(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"text": block.text}
        case ToolUse():
            return {"function_call": {"id": block.id, "name": block.name, "args": block.input}}
        case ToolResult():
            if not block.name:
                text = f"the result of {block.id!r} has no call before it that names its function"
                raise ValueError(text)
            said = {"error" if block.failed else "output": "".join(block.texts)}
            return {"function_response": {"id": block.id, "name": block.name, "response": said}}
