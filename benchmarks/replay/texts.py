"""Mooncake's block traces, sessions with text, and chat conversations without times."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import log
from typing import Any

import msgspec

from benchmarks.replay.calls import Call, Keys
from headstart.planner import Features
from headstart.prefix.beginning import equal_beginning

MOONCAKE_BLOCK = 512
TEXT_BLOCK = 64
TOKEN_BYTES = 4
TEXT_MODEL = "text"
ANSWER_RATE = 50.0
TOOL_SECONDS, USER_SECONDS = 1.0, 15.0
OPEN = 8
"""A conversation without times gets some: answers at so many tokens a second, tools an
exponential pause of this mean, users a lognormal one of this median (sigma 1); about so
many conversations are open at a time."""
_PAUSES = 1


def mooncake(rows: Sequence[Any]) -> list[Call]:
    """Rows of one trace. The partial block at a prompt's end is plain input: no later
    prompt has it in the same place."""
    keys = Keys("mooncake")
    calls = []
    for row in rows:
        whole = row["input_length"] // MOONCAKE_BLOCK
        time = row["timestamp"] / 1e3
        found = keys.of(row["hash_ids"][:whole])
        calls.append(
            Call(
                time,
                time + row.get("output_length", 0) / ANSWER_RATE,
                "kimi",
                "",
                found,
                MOONCAKE_BLOCK,
                row["input_length"],
                0,
                0,
                tuple(range(len(found))),
                None,
                Features(("text",), 1, 0),
                row.get("output_length", 0),
            )
        )
    return sorted(calls, key=lambda call: call.time)


class Texts:
    """Prompts as text, cut into blocks of bytes; a place for a directive is a block's end."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[bytes, ...], int]] = {}

    def call(
        self, name: str, text: bytes, time: float, output: int, inputs: str, calls: int
    ) -> Call:
        """One prompt of a conversation."""
        size = TEXT_BLOCK * TOKEN_BYTES
        tokens = -(-len(text) // TOKEN_BYTES)
        key, keys = b"", []
        for at in range(0, len(text) // size * size, size):
            key = blake2b(key + text[at : at + size], digest_size=16).digest()
            keys.append(key)
        found = tuple(keys)
        before, _ = self._last.get(name, ((), 0))
        same = equal_beginning(found, before)
        self._last[name] = (found, output)
        whole = before and same == len(before) < len(found)
        answer = same + max(0, output // TEXT_BLOCK - 1)
        answered = (same, min(answer, len(found) - 1)) if whole else None
        features = Features((inputs,), 1, calls)
        return Call(
            time,
            time + output / ANSWER_RATE,
            TEXT_MODEL,
            name,
            found,
            TEXT_BLOCK,
            tokens,
            0,
            0,
            tuple(range(len(found))),
            answered,
            features,
            output,
        )


def texts(rows: Sequence[Any]) -> list[Call]:
    """Rows ``{timestamp (µs), input, output, session_id}``."""
    reader = Texts()
    counts: dict[str, int] = {}
    calls = []
    for row in sorted(rows, key=lambda row: int(row["timestamp"])):
        name = str(row["session_id"])
        number = counts[name] = counts.get(name, -1) + 1
        output = -(-len(str(row.get("output") or "").encode()) // TOKEN_BYTES)
        time = int(row["timestamp"]) / 1e6
        kind = "tool_result" if number else "text"
        calls.append(reader.call(name, str(row["input"]).encode(), time, output, kind, number))
    return calls


def chats(rows: Sequence[Any]) -> list[Call]:
    """Conversations ``{messages}``, started so that several are open at a time."""
    pauses = random.Random(_PAUSES)
    reader = Texts()
    found = [list(_chat(reader, f"chat {i}", row, pauses)) for i, row in enumerate(rows)]
    lasting = [calls[-1].time - calls[0].time for calls in found if calls]
    mean = sum(lasting) / max(1, len(lasting)) or 1.0
    start, merged = 0.0, []
    for calls in found:
        merged += [c._replace(time=c.time + start, ended=c.ended + start) for c in calls]
        start += pauses.expovariate(OPEN / mean)
    return sorted(merged, key=lambda call: call.time)


def _chat(reader: Texts, name: str, row: Any, pauses: random.Random) -> Iterator[Call]:
    prompt, now, number, kind = bytearray(), 0.0, 0, "text"
    for message in row["messages"]:
        text = msgspec.json.encode(message) + b"\n"
        if message["role"] == "assistant":
            output = -(-len(text) // TOKEN_BYTES)
            yield reader.call(name, bytes(prompt), now, output, kind, number)
            now += output / ANSWER_RATE
            number += 1
        elif message["role"] == "tool":
            kind = "tool_result"
            now += pauses.expovariate(1 / TOOL_SECONDS)
        else:
            kind = "text"
            now += pauses.lognormvariate(log(USER_SECONDS), 1.0) if prompt else 0.0
        prompt += text
