"""Block traces: no text, ids of equal pieces from the start of each prompt.

Mooncake's ids stand for a piece and all before it. Bailian's are hashes of one piece alone,
so they are chained here. Those of Claude Code's traces mean nothing outside of their session.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final

from headstart.audit.importers.contract import Importer, Item, Unreadable
from headstart.audit.importers.values import (
    Row,
    count_of,
    decoded,
    first,
    name_of,
    number_of,
    seconds_of,
)
from headstart.audit.record import Blocks, Broken, Place, Record
from headstart.prefix.beginning import equal_beginning

MOONCAKE_BLOCK: Final = 512
BAILIAN_BLOCK: Final = 16
_CHATS: Final = 1 << 20
_STREAMS: Final = {"s": True, "n": False}


class Mooncake(Importer):
    """``{timestamp (ms), input_length, output_length, hash_ids}``."""

    name = "mooncake"
    about = "Mooncake block traces"

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "hash_ids" in row and "input_length" in row and not Bailian.takes(row)

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        ids, tokens = _ids(decoded(row.get("hash_ids"))), _tokens(row)
        time = number_of(first(row, ("timestamp",)))
        yield Record(
            place,
            time=None if time is None else time / 1e3,
            blocks=blocks_of(_Names().of(ids), MOONCAKE_BLOCK, tokens, place),
            output=count_of(first(row, ("output_length",))),
        )


class Bailian(Importer):
    """``{chat_id, parent_chat_id, timestamp (s), input_length, output_length, type, turn,
    hash_ids}``, as the Qwen-Bailian traces have it."""

    name = "bailian"
    about = "Qwen-Bailian block traces"
    alone = False

    def __init__(self) -> None:
        self._roots: OrderedDict[int, int] = OrderedDict()

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "hash_ids" in row and "chat_id" in row and "parent_chat_id" in row

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        ids, tokens = _ids(decoded(row.get("hash_ids"))), _tokens(row)
        chat, parent = first(row, ("chat_id",)), first(row, ("parent_chat_id",))
        root = chat
        if isinstance(chat, int) and isinstance(parent, int):
            root = self._roots.get(parent, parent if parent >= 0 else chat)
            self._roots[chat] = root
            if len(self._roots) > _CHATS:
                self._roots.popitem(last=False)
        yield Record(
            place,
            time=number_of(first(row, ("timestamp",))),
            id=name_of(chat),
            conversation=name_of(root),
            kind=name_of(first(row, ("type",))) or "",
            blocks=blocks_of(_Names().of(_chained(ids)), BAILIAN_BLOCK, tokens, place),
            output=count_of(first(row, ("output_length",))),
        )


class ClaudeCodeBlocks(Importer):
    """One session a row: ``{id, block_size, tool_tokens, system_tokens, requests}``."""

    name = "claude-code-blocks"
    about = "block traces of Claude Code sessions"

    @classmethod
    def takes(cls, row: Row) -> bool:
        return "block_size" in row and "requests" in row

    def read(self, row: Row, place: Place) -> Iterator[Item]:
        session = {name: decoded(raw) for name, raw in row.items()}
        size = count_of(session.get("block_size"))
        if not size:
            raise Unreadable("its block_size is no whole number from 1 on")
        name = name_of(session.get("id")) or f"{place.path}:{place.line}"
        scope = b"" if session.get("hash_id_scope") == "global" else _digest(name.encode())
        yield from _Session(size, scope, place).requests(session, name, "main", 0.0)


class _Session:
    """Walks a session's requests, and those of the sessions in it, numbering them through."""

    def __init__(self, size: int, scope: bytes, place: Place) -> None:
        self._size = size
        self._names = _Names(scope)
        self._path = place.path
        self._number = 0

    def requests(
        self, session: dict[str, Any], name: str, kind: str, start: float
    ) -> Iterator[Item]:
        requests = session.get("requests")
        if not isinstance(requests, list):
            raise Unreadable("its requests are no list")
        tools = count_of(session.get("tool_tokens")) or 0
        system = tools + (count_of(session.get("system_tokens")) or 0)
        for request in requests:
            self._number += 1
            place = Place(self._path, self._number)
            try:
                if not isinstance(request, dict):
                    raise Unreadable("not a JSON object")
                time = number_of(request.get("t"))
                if "requests" in request:
                    inner = f"{name}/{name_of(request.get('agent_id')) or self._number}"
                    begun = start + (time or 0.0)
                    yield from self.requests(request, inner, "subagent", begun)
                else:
                    yield self._record(request, name, kind, start, (tools, system), place)
            except Unreadable as problem:
                yield Broken(place, str(problem))

    def _record(
        self,
        request: dict[str, Any],
        name: str,
        kind: str,
        start: float,
        sections: tuple[int, int],
        place: Place,
    ) -> Record:
        ids, tokens = _ids(request.get("hash_ids")), count_of(request.get("in"))
        if tokens is None:
            raise Unreadable("its number of tokens is none")
        time = number_of(request.get("t"))
        return Record(
            place,
            model=name_of(request.get("model")) or "",
            provider="anthropic",
            time=None if time is None else start + time,
            id=f"{name}#{place.line}",
            conversation=name,
            kind=kind,
            blocks=blocks_of(self._names.of(ids), self._size, tokens, place, *sections),
            output=count_of(request.get("out")),
            stream=_STREAMS.get(str(request.get("type"))),
            ttft=seconds_of(request.get("ttft")),
            latency=seconds_of(request.get("api_time")),
        )


class _Names:
    """Packs ids; most of a prompt's are those of the one before."""

    def __init__(self, scope: bytes = b"") -> None:
        self._scope = scope
        self._ids: list[int] = []
        self._names: list[bytes] = []

    def of(self, ids: list[int]) -> list[bytes]:
        """Unreadable for numbers that are too big."""
        known = equal_beginning(ids, self._ids)
        try:
            packed = array("q", ids[known:]).tobytes()
        except OverflowError:
            raise Unreadable("its hash_ids do not fit 64 bits") from None
        names = self._names[:known]
        names += [packed[at : at + 8] for at in range(0, len(packed), 8)]
        if not known and names:
            names[0] = self._scope + names[0]
        self._ids, self._names = ids, names
        return names


def blocks_of(
    names: Sequence[bytes], size: int, tokens: int, place: Place, tools: int = 0, system: int = 0
) -> Blocks:
    """Blocks of ``size`` tokens; ``tools`` and ``system`` are the tokens up to their ends.

    A rest that has no id is like nothing else. Unreadable where ids and tokens do not fit.
    """
    need = -(-tokens // size)
    if len(names) < tokens // size:
        raise Unreadable(f"{len(names)} hash_ids for {tokens} tokens in blocks of {size}")
    ids = tuple(names[:need])
    if len(ids) < need:
        ids = (*ids, _digest(f"{place.path}:{place.line}".encode()))
    return Blocks(
        ids, size, tokens, tools=min(tools // size, need), system=min(system // size, need)
    )


def _ids(value: Any) -> list[int]:
    """Whole numbers; names are hashed to some. Unreadable."""
    kinds = set(map(type, value)) if isinstance(value, list) else {type(None)}
    if kinds <= {int}:
        return list(value)
    if kinds == {str}:
        return [int.from_bytes(_digest(item.encode()), "big") >> 1 for item in value]
    raise Unreadable("its hash_ids are no list of whole numbers")


def _chained(ids: Sequence[int]) -> list[int]:
    """Each with all before it. The hash of a pair of numbers is the same in every process."""
    found, last = [], 0
    for item in ids:
        last = hash((last, item))
        found.append(last)
    return found


def _tokens(row: Row) -> int:
    tokens = count_of(first(row, ("input_length",)))
    if tokens is None:
        raise Unreadable("its input_length is no whole number from 0 on")
    return tokens


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()
