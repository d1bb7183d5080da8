"""Block traces made short: blocks that always come together become one segment.

Prompts of a thousand blocks part in a few places only. A run of blocks in which none parts and
none ends is as good as one block, to every cache.
"""

from __future__ import annotations

from array import array
from typing import Final

from headstart.audit.faces import BLOCK, MARKABLE, PIECE
from headstart.audit.log import Log
from headstart.audit.segments import Trie
from headstart.prompt.cuts import digest

_BYTES_PER_TOKEN: Final = 4
_WORD: Final = 1 << 64


def shortened(log: Log) -> None:
    """Give rows of blocks new nodes, in a new trie, in which there are runs."""
    if not any(row.blocks for row in log.rows):
        return
    old, new = log.trie, Trie()
    nodes = _runs(log, old, new)
    known: dict[int, int] = {}
    for row in log.rows:
        if not row.blocks and row.node not in known:
            node = 0
            for number in old.path(row.node):
                node = new.step(node, number)
            known[row.node] = node
    log.trie = new
    log.rows[:] = [
        row._replace(node=nodes[row.node] if row.blocks else known[row.node]) for row in log.rows
    ]


def _runs(log: Log, old: Trie, new: Trie) -> array[int]:
    """The new node of each old one at which a run ends."""
    faces = log.segments.faces
    ends = _ends(log, old)
    nodes = array("i", bytes(4 * len(old)))
    tokens = array("q", bytes(8 * len(old)))
    for node in range(1, len(old)):
        face = faces[old.segment[node]]
        if face.type != BLOCK:
            continue
        parent = old.parent[node]
        tokens[node] = face.tokens + (0 if ends[parent] else tokens[parent])
        nodes[node] = nodes[parent]
        if ends[node]:
            size = _BYTES_PER_TOKEN * tokens[node]
            key = digest(b"run", node.to_bytes(8, "big"))
            number = log.segments.add(
                face._replace(digest=key, tokens=tokens[node], size=size, cuts=_cuts(key, size))
            )
            nodes[node] = new.step(nodes[parent], number)
    return nodes


def _ends(log: Log, old: Trie) -> bytearray:
    """1 for each node at which prompts part or end, or a directive may have to stand."""
    faces = log.segments.faces
    ends, children = bytearray(len(old)), bytearray(len(old))
    ends[0] = 1
    for node in range(1, len(old)):
        parent = old.parent[node]
        face = faces[old.segment[node]]
        if children[parent] or (parent and faces[old.segment[parent]].kind != face.kind):
            ends[parent] = 1
        children[parent] = 1
        if not face.flags & MARKABLE:
            ends[parent] = 1
    for row in log.rows:
        if row.blocks:
            ends[row.node] = 1
    return ends


def _cuts(key: bytes, size: int) -> bytes:
    """Like nobody else's: no two runs begin alike behind the same blocks."""
    count = max(0, size - 1) // PIECE
    first = int.from_bytes(key[:8], "big") % (_WORD - count)
    cuts = array("Q", range(first, first + count))
    cuts.byteswap()
    return cuts.tobytes()
