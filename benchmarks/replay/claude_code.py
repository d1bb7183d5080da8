"""Claude Code sessions: main requests and each subagent are chains of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.replay.calls import Call, Keys
from headstart.planner import Features
from headstart.prefix.beginning import equal_beginning

REST = 7200.0
"""Seconds between the end of one session's last request and the next session."""


class Lane:
    """One chain: what its earlier requests tell of the next one."""

    def __init__(self, name: str, agent: str, tools: int, system: int, size: int) -> None:
        self._name = name
        self._agent = agent
        self._tools, self._system, self._size = tools, system, size
        self._keys: dict[str, Keys] = {}
        self._last: dict[str, tuple[Sequence[int], int, tuple[int, ...]]] = {}
        self._calls = 0
        self._turn = 0

    def call(self, row: Any, start: float) -> Call:
        """The next request of the chain."""
        model, ids, size = row["model"], row["hash_ids"], self._size
        inputs = tuple(sorted(set(row.get("input_types") or ())))
        self._turn += "text" in inputs
        keys = self._keys.setdefault(model, Keys(f"{self._name}/{model}")).of(ids)
        places, answered = self._places(model, ids, row)
        time = start + row["t"]
        features = Features(
            inputs, self._turn, self._calls, row["type"] == "s", None, self._tools > 0, self._agent
        )
        self._calls += 1
        return Call(
            time,
            time + (row.get("api_time") or 0.0),
            model,
            self._name,
            keys,
            size,
            row["in"],
            min(self._tools // size, len(keys)),
            min((self._tools + self._system) // size, len(keys)),
            places,
            answered,
            features,
            row.get("out") or 0,
            row.get("stop"),
        )

    def _places(
        self, model: str, ids: Sequence[int], row: Any
    ) -> tuple[tuple[int, ...], tuple[int, int] | None]:
        """Ends of messages, as far as the trace tells: of tools and system text, of the
        requests that this one continues, of the answer to the last of them, and its own."""
        if not ids:
            return (), None
        before, output, known = self._last.get(model, ((), 0, ()))
        same = equal_beginning(ids, before)
        found = {place for place in known if place < same}
        answered = None
        if before and same == len(before) < len(ids):
            end = (len(before) * self._size + output) // self._size - 1
            answered = (same, min(max(end, same), len(ids) - 1))
            found.add(answered[1])
        for tokens in (self._tools, self._tools + self._system):
            found.add(tokens // self._size - 1)
        found.add(len(ids) - 1)
        places = tuple(sorted(place for place in found if 0 <= place < len(ids)))
        self._last[model] = (ids, row.get("out") or 0, places)
        return places, answered


def session(document: Any, name: str, start: float, agent: str = "main") -> Iterator[Call]:
    """All calls of one file's session, unordered; times count from ``start``."""
    size = document.get("block_size", 64)
    lane = Lane(
        name, agent, document.get("tool_tokens") or 0, document.get("system_tokens") or 0, size
    )
    for number, row in enumerate(sorted(document["requests"], key=lambda row: row["t"])):
        if "requests" in row:
            nested = {"block_size": size, **row}
            yield from session(nested, f"{name}/{number}", start + row["t"], "subagent")
        else:
            yield lane.call(row, start)


def sessions(documents: Sequence[tuple[str, Any]]) -> list[Call]:
    """Sessions one after the other: no session's future is another one's past."""
    calls: list[Call] = []
    start = 0.0
    for name, document in documents:
        found = sorted(session(document, name, start), key=lambda call: call.time)
        calls.extend(found)
        if found:
            start = max(start, *(call.ended for call in found)) + REST
    return calls
