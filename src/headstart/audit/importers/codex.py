"""Codex's rollouts: ``sessions/Y/M/D/rollout-*.jsonl``.

A ``token_count`` tells the last call's tokens and the sum of all; it is repeated whenever rate
limits change. Cached tokens are part of the input. Prompts are taken from ``growth``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from headstart.audit.importers.addresses import provider_named
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.growth import NOTHING, blocks_of, grown
from headstart.audit.importers.values import (
    Row,
    between,
    count_of,
    decoded,
    first,
    head_of,
    instant_of,
    member,
    name_of,
)
from headstart.audit.record import Place, Record
from headstart.usage import Usage

_TYPES: Final = frozenset(
    ("session_meta", "turn_context", "event_msg", "response_item", "compacted")
)
_COUNTS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
)
_ASKED: Final = ("user_message", "function_call_output", "custom_tool_call_output")
_OUTPUT: Final = b"_output"
_NOTE: Final = (
    "prompts are not in Codex's rollouts as they were sent: each is taken to go on from the one "
    "before"
)


class Codex(Importer):
    """One session a file."""

    name = "codex"
    about = "Codex's rollouts"
    alone = False

    def __init__(self) -> None:
        self._session: str | None = None
        self._model = ""
        self._provider: str | None = "openai"
        self._kind = "main"
        self._asked: float | None = None
        self._totals: tuple[int, ...] = (0,) * len(_COUNTS)
        self._prompt = NOTHING
        self._cut = False
        self._calls = 0

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "payload" in row and "type" in row and name_of(decoded(row["type"])) in _TYPES

    @property
    def notes(self) -> tuple[str, ...]:
        return (_NOTE,) if self._calls else ()

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        kind = first(row, ("type",))
        raw = row.get("payload")
        if kind == "response_item" and raw is not None and _OUTPUT not in head_of(raw):
            return
        payload = decoded(raw)
        time = instant_of(first(row, ("timestamp",)))
        if not isinstance(payload, dict):
            raise Unreadable("its payload is no object")
        if kind == "session_meta":
            self._begin(payload)
        elif kind == "turn_context":
            self._model = name_of(payload.get("model")) or self._model
        elif kind == "compacted":
            self._cut = True
        elif payload.get("type") in _ASKED:
            self._asked = time
        elif payload.get("type") == "token_count":
            yield from self._counted(payload, time, place)

    def _begin(self, payload: dict[str, Any]) -> None:
        if self._session is None:
            self._session = name_of(payload.get("id"))
        named = name_of(payload.get("model_provider"))
        self._provider = provider_named(named) if named else "openai"
        source = payload.get("source")
        self._kind = "subagent" if isinstance(source, dict) and "subagent" in source else "main"

    def _counted(self, payload: dict[str, Any], time: float | None, place: Place) -> Iterator[Item]:
        """A call, unless the sum of all is what it was before."""
        totals = _counts(member(payload, "info", "total_token_usage"))
        last = _counts(member(payload, "info", "last_token_usage"))
        if totals is None and last is None:
            return
        if totals is not None:
            if totals == self._totals:
                return
            if last is None:
                last = tuple(max(0, n - o) for n, o in zip(totals, self._totals, strict=True))
            self._totals = totals
        if last is None or not any(last):
            return
        yield self._record(last, time, place)

    def _record(self, counts: tuple[int, ...], time: float | None, place: Place) -> Record:
        total, read, written, output = counts
        read = min(read, total)
        written = min(written, total - read)
        usage = Usage(total - read - written, read, output=output, write_30m=written)
        self._calls += 1
        name = f"{self._session or place.path}#{':'.join(map(str, self._totals))}"
        if not any(self._totals):
            name = f"{name}:{self._calls}"
        self._prompt = grown(self._prompt, usage, name, cut=self._cut)
        self._cut = False
        sent = self._asked if self._asked is not None else time
        self._asked = time
        return Record(
            place,
            model=self._model,
            provider=self._provider,
            time=sent,
            id=name,
            conversation=self._session,
            kind=self._kind,
            blocks=blocks_of(self._prompt),
            usage=usage,
            output=output,
            latency=between(sent, time),
        )


def _counts(usage: Any) -> tuple[int, ...] | None:
    if not isinstance(usage, dict):
        return None
    return tuple(count_of(usage.get(name)) or 0 for name in _COUNTS)
