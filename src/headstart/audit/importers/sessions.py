"""Agent sessions: ``{timestamp (µs), input, output, session_id}``, the whole prompt as text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import (
    Row,
    begins,
    decoded,
    first,
    instant_of,
    name_of,
    number_of,
)
from headstart.audit.record import Place, Record
from headstart.prefix.beginning import equal_beginning
from headstart.prompt import Kind, Prompt, Segment

_NAMES: Final = ("session_id", "conversation_id", "trace_id")
_NOT: Final = ("model", "request", "response", "messages", "tools", "instructions", "usage")
_OPEN: Final = 256
"""Sessions whose last prompt is remembered."""


class _Last(NamedTuple):
    """A session's last prompt, and where its requests so far ended."""

    text: str
    ends: tuple[int, ...]


class AgentSessions(Importer):
    """A prompt is cut where earlier ones of its session ended that it continues: the text
    itself says nothing of messages."""

    name = "agent-sessions"
    about = "sessions with the whole prompt as text"
    alone = False

    def __init__(self) -> None:
        self._last: OrderedDict[str, _Last] = OrderedDict()

    @classmethod
    def takes(cls, row: Row) -> bool:
        if "input" not in row or not any(name in row for name in (*_NAMES, "output")):
            return False
        return begins(row["input"], b'"') and not any(name in row for name in _NOT)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        text = decoded(row.get("input"))
        if not isinstance(text, str):
            raise Unreadable("its input is no text")
        if not text:
            raise Unreadable("its input is empty")
        stamp = number_of(first(row, ("timestamp", "time")))
        session = name_of(first(row, _NAMES))
        ends = self._ends(session, text) if session else (len(text),)
        segments = tuple(
            Segment(Kind.MESSAGE, "user", index, 0, piece, piece, None)
            for index, piece in enumerate(_cut(text, ends))
        )
        time = instant_of(first(row, ("timestamp", "time"))) if stamp is None else stamp / 1e6
        yield Record(
            place,
            time=time,
            conversation=session,
            prompt=Prompt("", segments),
        )

    def _ends(self, session: str, text: str) -> tuple[int, ...]:
        last = self._last.pop(session, _Last("", ()))
        shared = len(last.text)
        if not text.startswith(last.text):
            shared = equal_beginning(last.text, text)
        ends = (*(end for end in last.ends if end <= shared), len(text))
        self._last[session] = _Last(text, tuple(dict.fromkeys(ends)))
        while len(self._last) > _OPEN:
            self._last.popitem(last=False)
        return self._last[session].ends


def _cut(text: str, ends: tuple[int, ...]) -> Iterator[str]:
    start = 0
    for end in ends:
        yield text[start:end]
        start = end
