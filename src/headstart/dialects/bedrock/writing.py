"""A prompt as boto3 takes it: Converse's members, and Nova's own body.

Source: botocore 1.44.5's model of bedrock-runtime; AWS's prompt caching guide, copy of
autumn 2026. A model that has no prompt cache refuses requests with cache points in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headstart.dialects.anthropic.cache_control import FIVE_MINUTES, ONE_HOUR
from headstart.dialects.anthropic.writing import write_messages
from headstart.dialects.bedrock.segments import POINT
from headstart.dialects.neutral import (
    Block,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    joined,
    lifetime,
    sections,
)
from headstart.prompt import Prompt, canonical_json

_VERSION = "bedrock-2023-05-31"
_CACHING = re.compile(r"claude|nova|application-inference-profile/")
"""Models with cache points; the last are names of the customer's own."""
_SHORT_LIVED = re.compile(r"nova|claude-3")
"""Those that have five minutes only."""


def write_converse(
    prompt: Prompt, dialect: str = "bedrock-converse", *, on_block: bool = False
) -> dict[str, Any]:
    """``toolConfig``, ``system`` and ``messages``; the first two only where there are some.
    ``on_block``: outside of the tools a cache point is a member of the block that it marks.
    Messages in a row that have one role become one: Converse wants roles to alternate.
    ValueError."""
    found = sections(prompt, dialect)
    points = _Points(prompt.model, on_block=on_block)
    written: dict[str, Any] = {}
    if found.tools:
        tools: list[dict[str, Any]] = []
        for tool in found.tools:
            tools += [_tool(tool), *points.behind(tool.ttl)]
        written["toolConfig"] = {"tools": tools}
    if found.system:
        written["system"] = [part for text in found.system for part in points.placed(text)]
    written["messages"] = [
        {"role": role, "content": [part for block in blocks for part in points.placed(block)]}
        for role, blocks in joined(found.messages)
    ]
    return written


def write_body(prompt: Prompt, dialect: str, max_tokens: int) -> bytes:
    """The JSON of a request in Claude's or in Nova's own form; ValueError."""
    name = prompt.model.lower()
    if "claude" in name:
        limited = {"anthropic_version": _VERSION, "max_tokens": max_tokens}
        body = {**limited, **write_messages(prompt, dialect)}
    elif "nova" in name:
        limits = {"inferenceConfig": {"maxTokens": max_tokens}}
        written = write_converse(prompt, dialect, on_block=True)
        body = {"schemaVersion": "messages-v1", **written, **limits}
    else:
        raise ValueError(f"{dialect} has no form of body for the model {prompt.model!r}")
    return canonical_json(body).encode()


class _Points:
    """Cache points as one model takes them."""

    def __init__(self, model: str, *, on_block: bool) -> None:
        name = model.lower()
        self._caching = _CACHING.search(name) is not None
        self._offered = (FIVE_MINUTES, ONE_HOUR)[: 1 if _SHORT_LIVED.search(name) else 2]
        self._on_block = on_block

    def behind(self, ttl: float | None) -> list[dict[str, Any]]:
        """The element that follows what it marks, if there is one."""
        if ttl is None or not self._caching:
            return []
        point = {"type": "default"}
        if lifetime(ttl, self._offered) == ONE_HOUR:
            point["ttl"] = "1h"
        return [{POINT: point}]

    def placed(self, block: Block) -> list[dict[str, Any]]:
        """The block and its cache point."""
        written, points = _block(block), self.behind(block.ttl)
        if self._on_block and points:
            return [{**written, **points[0]}]
        return [written, *points]


def _tool(tool: Tool) -> dict[str, Any]:
    described = {"description": tool.description} if tool.description else {}
    return {
        "toolSpec": {"name": tool.name, **described, "inputSchema": {"json": dict(tool.schema)}}
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"text": block.text}
        case ToolUse():
            return {"toolUse": {"toolUseId": block.id, "name": block.name, "input": block.input}}
        case ToolResult():
            content: list[Mapping[str, Any]] = [{"text": text} for text in block.texts]
            status = {"status": "error"} if block.failed else {}
            return {"toolResult": {"toolUseId": block.id, "content": content, **status}}
