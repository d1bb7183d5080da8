"""Which earlier request each request goes on from, found by content: also where conversations
have no ids and where their beginnings differ each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from headstart.audit.log import Log, Row
from headstart.audit.templates import differences
from headstart.prefix.beginning import equal_beginning

_LOOKED_AT: Final = 24
"""Segments from a prompt's end that are looked for in earlier ones."""
_CANDIDATES: Final = 4
_EDGE: Final = 48
_RECENT: Final = 16
"""Conversations that are remembered by how they began."""
_ENOUGH: Final = 0.5
"""Share of an earlier prompt's messages that makes it the beginning of this one."""


class Links:
    """Of each row, by its number. -1: there is none."""

    def __init__(self, log: Log, known: Sequence[bool]) -> None:
        """``known``: rows that have a prompt."""
        count = len(log.rows)
        self.before = [-1] * count
        """The row that it continues."""
        self.beside = [-1] * count
        """For the first of a conversation: an earlier one of another conversation, with tools
        and system text that are most like its own."""
        self.whole = bytearray(count)
        """1 where a row begins with all of the one that it continues."""
        self.lanes = list(range(count))
        """Conversations: the number of their first row."""
        self._log = log
        self._faces = log.segments.faces
        self._said: dict[tuple[str, bytes], int] = {}
        self._nodes: dict[int, int] = {}
        self._ends: dict[str, dict[int, int]] = {}
        self._latest: dict[int, int] = {}
        self._firsts: dict[tuple[str, str, str], dict[int, int]] = {}
        self._signs: dict[tuple[str, str, Any], int] = {}
        self._edges: dict[int, tuple[tuple[str, Any], ...]] = {}
        self._openings: dict[int, tuple[tuple[str, str], ...]] = {}
        for row in log.rows:
            if known[row.number]:
                self._link(row)

    def _link(self, row: Row) -> None:
        found = self._by_node(row) if row.blocks else self._grown(row)
        if found < 0 and not row.blocks:
            found = self._by_text(row)
        self.before[row.number] = found
        if found >= 0:
            self.lanes[row.number] = self.lanes[found]
        self._latest[self.lanes[row.number]] = row.number
        if not row.blocks:
            self._ends[row.conversation or ""][row.node] = row.number

    def _by_node(self, row: Row) -> int:
        """The deepest prefix that an earlier one had."""
        parent, node, new = self._log.trie.parent, row.node, []
        while node and node not in self._nodes:
            new.append(node)
            node = parent[node]
        for node_ in new:
            self._nodes[node_] = row.number
        return self._nodes[node] if node else -1

    def _grown(self, row: Row) -> int:
        """The row that it begins with, messages and all."""
        parent, segment, faces = self._log.trie.parent, self._log.trie.segment, self._faces
        ends = self._ends.setdefault(row.conversation or "", {})
        node, new = row.node, list[int]()
        while node and node not in ends:
            new.append(segment[node])
            node = parent[node]
        if not node or faces[segment[node]].kind < 2:
            return -1
        above = parent[node]
        if not new and (not above or faces[segment[above]].kind < 2):
            return -1
        # Where others came in between, prompts take turns: it may go on from one of those.
        if self._latest[self.lanes[ends[node]]] != ends[node]:
            return -1
        for number in new:
            self._said[row.conversation or "", faces[number].digest] = row.number
        self.whole[row.number] = 1
        return ends[node]

    def _by_text(self, row: Row) -> int:
        segments = self._log.segments_of(row)
        faces = self._faces
        start = next((i for i, n in enumerate(segments) if faces[n].kind == 2), len(segments))
        said = segments[start:]
        scope = row.conversation or ""
        found = self._continued(scope, said)
        if found < 0:
            found = self._opening(scope, said)
        if found < 0:
            self.beside[row.number] = self._similar(row, segments[:start])
        for number in said:
            self._said[scope, faces[number].digest] = row.number
        for sign in self._signs_of(segments[:start]):
            self._signs[row.model, *sign] = row.number
        if found >= 0:
            self.lanes[row.number] = self.lanes[found]
        if said:
            self._first(scope, row.number, said[0])
        return found

    def _continued(self, scope: str, said: list[int]) -> int:
        """The row that shares most of what was said, of those that share the latest of it. Who
        says the same first begins a conversation, and goes on with none."""
        faces, tried = self._faces, list[int]()
        if len(said) < 2:
            return -1
        for number in reversed(said[-_LOOKED_AT:]):
            row = self._said.get((scope, faces[number].digest), -1)
            if row >= 0 and row not in tried:
                tried.append(row)
                if len(tried) == _CANDIDATES:
                    break
        if not tried:
            return -1
        own = [faces[number].digest for number in said]
        scored = [(self._shared(row, own, named=bool(scope)), row) for row in tried]
        best, row = max(scored)
        return row if best >= (0.0 if scope else _ENOUGH) else -1

    def _shared(self, row: int, own: list[bytes], *, named: bool) -> float:
        """Share of an earlier row's messages that this one has as well. The first one does not
        count where there are others: it may be written anew each time. 0 where it is as
        long and ends alike: the same was said in two conversations; and, unless both are of
        one that is ``named``, where it is as long and only begins alike: with examples."""
        faces, every = self._faces, set(own)
        numbers = self._log.segments_of(self._log.rows[row])
        said = [faces[number].digest for number in numbers if faces[number].kind == 2]
        if len(said) >= len(own):
            start = equal_beginning(said, own)
            if said[-1:] == own[-1:] or not (named or every.intersection(said[start:])):
                return 0.0
        counted = said[1:] or said
        return sum(digest in every for digest in counted) / max(1, len(counted))

    def _opening(self, scope: str, said: list[int]) -> int:
        """A row of which the first message says the same but for something volatile, and
        that this one has more messages than."""
        text = self._log.segments.text(said[0]) if said else None
        if text is None:
            return -1
        edges = self._edges_of(said[0])
        rows = {row for edge in edges for row in self._firsts.get((scope, *edge), {}).values()}
        for row in sorted(rows, reverse=True)[: 2 * _RECENT]:
            numbers = self._log.segments_of(self._log.rows[row])
            other = [n for n in numbers if self._faces[n].kind == 2]
            before = self._log.segments.text(other[0]) if 0 < len(other) < len(said) else None
            pieces = differences(before, text) if before is not None else []
            if pieces and all(piece.kind is not None for piece in pieces):
                return row
        return -1

    def _first(self, scope: str, row: int, number: int) -> None:
        """Remember how a conversation's first message begins and ends."""
        for edge in self._edges_of(number):
            lanes = self._firsts.setdefault((scope, *edge), {})
            lanes.pop(self.lanes[row], None)
            lanes[self.lanes[row]] = row
            if len(lanes) > _RECENT:
                del lanes[next(iter(lanes))]

    def _edges_of(self, number: int) -> tuple[tuple[str, str], ...]:
        found = self._openings.get(number)
        if found is None:
            text = self._log.segments.text(number) or ""
            last = text.rstrip().rsplit("\n", 1)[-1]
            found = ("head", text[:_EDGE]), ("tail", text[-_EDGE:]), ("line", last[-_EDGE:])
            found = self._openings[number] = found if text else ()
        return found

    def _similar(self, row: Row, fixed: list[int]) -> int:
        """The row of the same model with most of the signs of tools and system text; of
        several the latest."""
        counts: dict[int, int] = {}
        for sign in self._signs_of(fixed):
            found = self._signs.get((row.model, *sign), -1)
            if found >= 0:
                counts[found] = counts.get(found, 0) + 1
        return max(counts, key=lambda one: (counts[one], one), default=-1)

    def _signs_of(self, fixed: list[int]) -> Iterator[tuple[str, Any]]:
        """What tools and system text may be recognised by."""
        faces = self._faces
        tools = [number for number in fixed if faces[number].kind == 0]
        system = [number for number in fixed if faces[number].kind == 1]
        ends = {n: self._sign(n) for n in {*system[:1], *system[-1:]}}
        if system:
            yield from (ends[system[0]][0], ends[system[-1]][1])
        if tools:
            yield "tools", tuple(sorted(faces[number].digest for number in tools))
            yield "names", tuple(sorted(str(self._sign(number)[0][1]) for number in tools))

    def _sign(self, number: int) -> tuple[tuple[str, Any], ...]:
        found = self._edges.get(number)
        if found is None:
            text = self._log.segments.text(number) or self._faces[number].digest.hex()
            if self._faces[number].kind == 0:
                found = (("name", _name(text)),)
            else:
                found = ("head", text[:_EDGE]), ("tail", text[-_EDGE:])
            self._edges[number] = found
        return found


def _name(tool: str) -> str:
    """The name in a tool's definition, wherever its dialect puts it."""
    try:
        data = msgspec.json.decode(tool)
    except (ValueError, RecursionError):
        return tool[:_EDGE]
    inner = data.get("function", data) if isinstance(data, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else tool[:_EDGE]
