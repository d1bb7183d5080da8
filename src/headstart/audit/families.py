"""Prompts that share a beginning: families, what of each is stable, and their trees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headstart.audit.causes import Found
from headstart.audit.findings import Branch, Family
from headstart.audit.spots import where
from headstart.audit.world import World
from headstart.prompt import CUT_BYTES
from headstart.prompt.cuts import digest

MOST: Final = 40
"""Families that are told one by one."""
NEARLY: Final = 0.9
"""Share of a family's requests that have a piece, for it to be stable."""
_BRANCHES: Final = 60
_WORDS: Final = 5


class _Group:
    """Rows of one family."""

    __slots__ = ("first", "input", "rows", "versions")

    def __init__(self, first: int) -> None:
        self.first = first
        self.rows: list[int] = []
        self.input = 0
        self.versions: set[bytes] = set()


class Families:
    """Every row that has a prompt belongs to one."""

    def __init__(self, world: World, found: Found, input_tokens: Sequence[int]) -> None:
        """``input_tokens`` of each row, where they are known."""
        self._world = world
        self._input = input_tokens
        self._log = world.log
        self._found = found
        self._groups: dict[bytes, _Group] = {}
        self._of_row: dict[int, bytes] = {}
        self._versions: dict[int, bytes] = {}
        for row in world.log.rows:
            if row.node:
                self._add(row.number)
        self._ranked = sorted(self._groups, key=lambda key: self._groups[key].input, reverse=True)
        self._names = {key: f"family {i}" for i, key in enumerate(self._ranked, 1)}

    def name_of(self, row: int) -> str:
        """The id of a row's family; "" without a prompt."""
        key = self._of_row.get(row)
        return "" if key is None else self._names[key]

    def average(self, row: int) -> int:
        """Tokens of an average prompt of a row's family."""
        group = self._groups[self._of_row[row]]
        return group.input // max(1, len(group.rows))

    def told(self) -> tuple[Family, ...]:
        """The biggest first."""
        return tuple(self._told(key) for key in self._ranked[:MOST])

    def _add(self, number: int) -> None:
        log, node = self._log, self._log.rows[number].node
        key = self._start(log.trie.path(node)[0])
        group = self._groups.setdefault(key, _Group(number))
        group.rows.append(number)
        group.input += self._input[number] or self._world.counted[node]
        group.versions.add(self._version(self._world.heads[node]))
        self._of_row[number] = key

    def _version(self, head: int) -> bytes:
        """Of what stands before the messages, by the node where that ends."""
        found = self._versions.get(head)
        if found is None:
            found, faces = b"", self._log.segments.faces
            for number in self._log.trie.path(head):
                found = digest(found, faces[number].digest)
            self._versions[head] = found
        return found

    def _start(self, segment: int) -> bytes:
        """What a family's prompts have in common at the least: the first cut of the first
        segment, or all of that if it is short or has variants."""
        face = self._log.segments.faces[segment]
        template = self._found.of_digest.get(face.digest)
        if template is not None:
            face = self._log.segments.faces[self._found.templates[template].reference]
        return face.cuts[:CUT_BYTES] or face.digest

    def _told(self, key: bytes) -> Family:
        group = self._groups[key]
        tree = _Tree(self._world, group.rows)
        average = group.input // max(1, len(group.rows))
        stable = min(average, tree.stable())
        return Family(
            self._names[key],
            tree.label,
            len(group.rows),
            stable,
            average - stable,
            len(group.versions),
            tree.branches(),
        )


class _Tree:
    """The prefix tree of some rows, with the requests through each node."""

    def __init__(self, world: World, rows: Sequence[int]) -> None:
        self._log = world.log
        trie, counts = self._log.trie, dict[int, int]()
        ends: dict[int, int] = {}
        for number in rows:
            node = self._log.rows[number].node
            ends[node] = ends.get(node, 0) + 1
        # Deeper nodes come first, so that each is whole before its parent takes it in.
        todo = sorted(ends, key=lambda node: trie.depth[node], reverse=True)
        self._children: dict[int, list[int]] = {}
        counts = dict(ends)
        seen = set(todo)
        at = 0
        while at < len(todo):
            node = todo[at]
            at += 1
            parent = trie.parent[node]
            if parent not in seen:
                seen.add(parent)
                if parent:
                    todo.append(parent)
            self._children.setdefault(parent, []).append(node)
        self._requests = _summed(counts, self._children)
        self._total = len(rows)
        self.label = self._label(self._children[0][0], words=8)

    def stable(self) -> int:
        """Tokens of the path that nearly all requests have."""
        faces, trie = self._log.segments.faces, self._log.trie
        node, tokens = 0, 0
        while children := self._children.get(node, []):
            best = max(children, key=lambda child: self._requests[child])
            if self._requests[best] < NEARLY * self._total:
                return tokens + self._common(children)
            node = best
            tokens += faces[trie.segment[node]].tokens
        return tokens

    def _common(self, children: Sequence[int]) -> int:
        """Tokens that nearly all of some siblings begin with."""
        faces, trie = self._log.segments.faces, self._log.trie
        alive = [(faces[trie.segment[child]], self._requests[child]) for child in children]
        pieces, tokens = 0, 0
        while alive:
            counts: dict[bytes, int] = {}
            place = slice(pieces * CUT_BYTES, (pieces + 1) * CUT_BYTES)
            for face, requests in alive:
                cut = face.cuts[place]
                if cut:
                    counts[cut] = counts.get(cut, 0) + requests
            best = max(counts, key=lambda cut: counts[cut], default=b"")
            if counts.get(best, 0) < NEARLY * self._total:
                return tokens
            alive = [(face, n) for face, n in alive if face.cuts[place] == best]
            pieces += 1
            face = alive[0][0]
            tokens = face.tokens * pieces // (len(face.cuts) // CUT_BYTES + 1)
        return tokens

    def branches(self) -> tuple[Branch, ...]:
        """The widest edges: those that most tokens of requests go through."""
        found: list[Branch] = []
        todo = [(0, -1)]
        while todo and len(found) < _BRANCHES:
            todo.sort(key=lambda item: self._requests.get(item[0], self._total))
            node, parent = todo.pop()
            if node:
                node, tokens, first = self._edge(node)
                found.append(self._branch(first, node, parent, tokens))
                parent = len(found) - 1
            children = self._children.get(node, [])
            todo += [(child, parent) for child in children]
        return tuple(found)

    def _edge(self, node: int) -> tuple[int, int, int]:
        """Down to where requests part or end; all tokens on the way; where it began."""
        faces, trie = self._log.segments.faces, self._log.trie
        first, tokens = node, faces[trie.segment[node]].tokens
        while len(children := self._children.get(node, [])) == 1:
            if self._requests[children[0]] != self._requests[node]:
                break
            node = children[0]
            tokens += faces[trie.segment[node]].tokens
        return node, tokens, first

    def _branch(self, first: int, last: int, parent: int, tokens: int) -> Branch:
        siblings = self._children.get(self._log.trie.parent[first], [first])
        most = max(self._requests[one] for one in siblings)
        total = sum(self._requests[one] for one in siblings)
        return Branch(
            parent, self._label(first), tokens, self._requests[first], most / max(1, total)
        )

    def _label(self, node: int, words: int = _WORDS) -> str:
        trie, faces = self._log.trie, self._log.segments.faces
        segments = trie.path(node)
        place = where(faces, segments, len(segments) - 1)
        text = self._log.segments.text(segments[-1]) or ""
        said = " ".join(text[:200].split()[:words])[:60]
        return f"{place}: {said}" if said else place


def _summed(ends: dict[int, int], children: dict[int, list[int]]) -> dict[int, int]:
    """Requests through each node."""
    found: dict[int, int] = {}
    stack = [(0, False)]
    while stack:
        node, ready = stack.pop()
        below = children.get(node, [])
        if ready or not below:
            found[node] = ends.get(node, 0) + sum(found[child] for child in below)
        else:
            stack.append((node, True))
            stack += [(child, False) for child in below]
    return found
