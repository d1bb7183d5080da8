"""Claude Code's transcripts: ``~/.claude/projects/**/*.jsonl``.

An answer has one line for each of its content blocks, and each repeats the usage: they are one
request, by message and request id. Prompts are not in a transcript; see ``growth``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from headstart.audit.importers.answers import Answer, answer_in
from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.growth import NOTHING, Grown, blocks_of, grown
from headstart.audit.importers.values import (
    Row,
    any_of,
    between,
    decoded,
    first,
    instant_of,
    name_of,
    number_of,
)
from headstart.audit.record import Place, Record

_OPEN: Final = 64
"""Answers that more lines may come of."""
_ROWS: Final = 50_000
"""Lines, and ``_PROMPTS`` requests, that later ones may refer to."""
_PROMPTS: Final = 512
_TYPES: Final = frozenset(
    ("assistant", "user", "system", "summary", "attachment", "progress", "queue-operation")
)
_SYNTHETIC: Final = "<synthetic>"
_NOTE: Final = (
    "prompts are not in Claude Code's transcripts: each is taken to go on from the one before; "
    "its input_tokens can be placeholders"
)


@dataclass(slots=True)
class _Line:
    """What later lines may want to know of one."""

    time: float | None
    request: str | None
    """The last request at or before it."""
    cut: bool
    """A compaction lies between that and this line."""


@dataclass(slots=True)
class _Call:
    """One request, as far as its lines have come."""

    place: Place
    message: dict[str, Any]
    sent: float | None
    parent: _Line | None
    conversation: str | None
    kind: str
    ended: float | None = None
    answer: Answer = field(default_factory=Answer)


class ClaudeCode(Importer):
    """One session a file; subagents have their own files or are marked as side chains."""

    name = "claude-code"
    about = "Claude Code's transcripts"
    alone = False

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Call] = OrderedDict()
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._prompts: OrderedDict[str, Grown] = OrderedDict()
        self._records = 0

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "type" not in row or "model" in row:
            return False
        kind = name_of(decoded(row["type"]))
        if kind == "summary":
            return "leafUuid" in row
        if kind == "file-history-snapshot":
            return "messageId" in row
        return kind in _TYPES and ("sessionId" in row or "parentUuid" in row)

    @property
    def notes(self) -> tuple[str, ...]:
        return (_NOTE,) if self._records else ()

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        time = instant_of(first(row, ("timestamp",)))
        parent = self._lines.get(str(first(row, ("parentUuid", "logicalParentUuid"))))
        kind = first(row, ("type",))
        request = parent.request if parent else None
        cut = parent.cut if parent else False
        if kind == "assistant":
            message = decoded(row.get("message"))
            if not isinstance(message, dict):
                raise Unreadable("its message is no object")
            if message.get("model") == _SYNTHETIC:
                return
            request = self._block(row, message, place, time, parent)
            cut = False
        elif first(row, ("subtype",)) == "compact_boundary" or first(row, ("isCompactSummary",)):
            cut = True
        uuid = name_of(first(row, ("uuid",)))
        if uuid is not None:
            self._lines[uuid] = _Line(time, request, cut)
            if len(self._lines) > _ROWS:
                self._lines.popitem(last=False)
        while len(self._open) > _OPEN:
            yield self._record(*self._open.popitem(last=False))

    def finish(self) -> Iterator[Item]:
        while self._open:
            yield self._record(*self._open.popitem(last=False))

    def _block(
        self,
        row: Row,
        message: dict[str, Any],
        place: Place,
        time: float | None,
        parent: _Line | None,
    ) -> str:
        """One line of an answer; the name of its request."""
        ids = (name_of(message.get("id")), name_of(first(row, ("requestId",))))
        name = ":".join(part for part in ids if part) or f"{place.path}:{place.line}"
        call = self._open.get(name)
        if call is None:
            session, agent = first(row, ("sessionId",)), name_of(first(row, ("agentId",)))
            side = first(row, ("isSidechain",)) is True
            conversation = name_of(session)
            if side and conversation:
                conversation = f"{conversation}/{agent or 'side'}"
            sent = parent.time if parent is not None else None
            self._open[name] = call = _Call(
                place, message, sent, parent, conversation, "subagent" if side else "main"
            )
        answer = answer_in(message)
        if answer.usage is not None:
            call.answer = answer
        call.ended = time if time is not None else call.ended
        return name

    def _record(self, name: str, call: _Call) -> Record:
        self._records += 1
        usage = call.answer.usage
        before, cut = NOTHING, False
        if call.parent is not None and call.parent.request is not None:
            before = self._prompts.get(call.parent.request, NOTHING)
            cut = call.parent.cut
        prompt = grown(before, usage, name, cut=cut) if usage else before
        self._prompts[name] = prompt
        if len(self._prompts) > _PROMPTS:
            self._prompts.popitem(last=False)
        sent = call.sent if call.sent is not None else call.ended
        return Record(
            call.place,
            model=name_of(call.message.get("model")) or "",
            provider="anthropic",
            time=sent,
            id=name,
            conversation=call.conversation,
            kind=call.kind,
            blocks=blocks_of(prompt) if usage else None,
            usage=usage,
            output=usage.output if usage else None,
            latency=between(sent, call.ended),
            cost=number_of(any_of(call.message, "costUSD")),
            confirmed=call.answer.confirmed,
        )
