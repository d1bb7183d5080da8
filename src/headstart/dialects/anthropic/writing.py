"""A prompt as the keyword arguments of ``messages.create``."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from headstart.dialects.anthropic.cache_control import FIVE_MINUTES, ONE_HOUR
from headstart.dialects.anthropic.content import bare
from headstart.dialects.neutral import lifetime, unwritable
from headstart.prompt import Kind, Prompt, Segment

_NAMES = ("name", "mcp_server_name")
"""Every tool has one of them at its top."""


def write_messages(prompt: Prompt, dialect: str = "anthropic") -> dict[str, Any]:
    """``tools``, ``system`` and ``messages``; the first two only where there are some.
    Every block of Anthropic's own form passes, whatever its type. ValueError."""
    sections: dict[Kind, list[tuple[int, Segment]]] = {kind: [] for kind in Kind}
    for place, segment in enumerate(prompt.segments):
        sections[segment.kind].append((place, segment))
    written: dict[str, Any] = {}
    if sections[Kind.TOOL]:
        written["tools"] = [_tool(*at, dialect) for at in sections[Kind.TOOL]]
    if sections[Kind.SYSTEM]:
        written["system"] = [_block(*at, dialect) for at in sections[Kind.SYSTEM]]
    written["messages"] = [
        _message(list(run), dialect)
        for _, run in groupby(sections[Kind.MESSAGE], lambda at: at[1].message)
    ]
    return written


def _message(segments: list[tuple[int, Segment]], dialect: str) -> dict[str, Any]:
    role = segments[0][1].role
    blocks = [_block(*at, dialect) for at in segments]
    return {"role": "user" if role == "tool" else role, "content": blocks}


def _tool(place: int, segment: Segment, dialect: str) -> dict[str, Any]:
    tool = segment.content
    if not isinstance(tool, dict) or not any(isinstance(tool.get(key), str) for key in _NAMES):
        raise unwritable(place, segment, dialect)
    return _marked(bare(tool), segment.ttl)


def _block(place: int, segment: Segment, dialect: str) -> dict[str, Any]:
    content = segment.content
    if isinstance(content, str) and segment.type == "text":
        return _marked({"type": "text", "text": content}, segment.ttl)
    if not isinstance(content, dict) or content.get("type") != segment.type:
        raise unwritable(place, segment, dialect)
    return _marked(bare(content), segment.ttl)


def _marked(block: Mapping[str, Any], ttl: float | None) -> dict[str, Any]:
    if ttl is None:
        return dict(block)
    directive = {"type": "ephemeral"}
    if lifetime(ttl, (FIVE_MINUTES, ONE_HOUR)) == ONE_HOUR:
        directive["ttl"] = "1h"
    return {**block, "cache_control": directive}
