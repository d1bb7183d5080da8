"""What the emulator's benchmark asks: conversations, prompts that nobody sent before, raw
requests, and the recorded sessions of a coding agent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from headstart.prompt import Chain, Mark

MODEL = "claude-opus-5-5"
TOKENS = 256
"""Of a block."""
FIVE_MINUTES = 300.0


class Turn(NamedTuple):
    """One request: when, for which model, and its prompt, hashed."""

    at: float
    model: str
    chain: Chain


def conversations(sessions: int, tag: str = "") -> list[Chain]:
    """Eight turns each of 86 to 114 blocks, 100 on average, the sessions in turn; four new
    blocks a turn; breakpoints after the tools, the system text, the last turn and this one.
    The first twenty blocks are the same for all."""
    return [
        hashed([_name(tag, session, i) for i in range(86 + 4 * turn)], 10, 20, 85 + 4 * turn - 4)
        for turn in range(8)
        for session in range(sessions)
    ]


def unheard(count: int) -> list[Chain]:
    """Prompts of 100 blocks, and none of them is in two."""
    return [hashed([b"%d/%d" % (n, i) for i in range(100)], 10, 20, 60) for n in range(count)]


def short(count: int) -> Iterator[Chain]:
    """Prompts of four blocks with a breakpoint on each."""
    for number in range(count):
        blocks = [b"short %d/%d" % (number, i) for i in range(4)]
        marks = [Mark(i, FIVE_MINUTES) for i in range(4)]
        yield Chain.of_blocks(MODEL, blocks, 600, marks=marks)


def hashed(blocks: list[bytes], tools: int, system: int, turn: int, **options: Any) -> Chain:
    """With breakpoints at the ends of the tools, the system text, a turn, and the prompt."""
    places = sorted({tools - 1, system - 1, turn, len(blocks) - 1} & set(range(len(blocks))))
    marks = [Mark(at, FIVE_MINUTES) for at in places]
    size = options.pop("size", TOKENS)
    model = options.pop("model", MODEL)
    return Chain.of_blocks(
        model, blocks, size, tools=tools, system=max(tools, system), marks=marks, **options
    )


def bodies(sessions: int) -> list[bytes]:
    """Requests of the Messages API: the same conversations, a kilobyte of text a block."""
    return [_body(session, 66 + 4 * turn) for turn in range(8) for session in range(sessions)]


def _body(session: int, count: int) -> bytes:
    marker = {"cache_control": {"type": "ephemeral"}}
    tools: list[dict[str, Any]] = [
        {"name": f"tool{i}", "description": _text(f"tool {i}"), "input_schema": {"type": "object"}}
        for i in range(10)
    ]
    system: list[dict[str, Any]] = [
        {"type": "text", "text": _text(f"system {i}")} for i in range(10)
    ]
    said: list[dict[str, Any]] = [
        {"type": "text", "text": _text(f"{session}/{i}")} for i in range(count)
    ]
    for block in (tools[-1], system[-1], said[-5], said[-1]):
        block.update(marker)
    messages = [
        {"role": "assistant" if i % 2 else "user", "content": [block]}
        for i, block in enumerate(said)
    ]
    body = {"model": MODEL, "max_tokens": 100, "tools": tools, "system": system}
    return json.dumps({**body, "messages": messages}).encode()


def traces(folder: Path, most: int | None = None) -> Iterator[list[Turn]]:
    """Each recorded session's requests in order of time, its blocks hashed; a subagent's
    requests are a conversation of their own within it."""
    for path in sorted(folder.glob("*.json.gz"))[:most]:
        session = json.loads(gzip.decompress(path.read_bytes()))
        turns = list(_turns(session, session["id"], session["block_size"]))
        yield sorted(turns, key=lambda turn: turn.at)


def _turns(session: Mapping[str, Any], name: str, size: int) -> Iterator[Turn]:
    tools = session.get("tool_tokens", 0) // size
    system = tools + session.get("system_tokens", 0) // size
    last = 0
    for request in session["requests"]:
        if "requests" in request:
            yield from _turns({**request, "tool_tokens": 0}, name, size)
            continue
        ids, tokens = request["hash_ids"], request["in"]
        held = min(len(ids), -(-tokens // size))
        if not held:
            continue
        blocks = [f"{name}/{block}".encode() for block in ids[:held]]
        ends = min(tools, held), min(max(tools, system), held), last - 1
        options = {"size": size, "model": request["model"], "tokens": min(tokens, held * size)}
        yield Turn(request["t"], request["model"], hashed(blocks, *ends, **options))
        last = held


def _name(tag: str, session: int, block: int) -> bytes:
    return b"shared %d" % block if block < 20 else f"{tag}{session}/{block}".encode()


def _text(name: str) -> str:
    return " ".join(f"{name} says {i:04}" for i in range(1024 // (len(name) + 11)))
