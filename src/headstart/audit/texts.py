"""Texts packed one after the other, each as what it has otherwise than an earlier one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import zstandard

from headstart.audit.faces import Kept
from headstart.prompt.volatile_compare import changed

_EDGE: Final = 48
_SHORT: Final = 256
"""Bytes that are not worth compressing."""
_HELD: Final = 24 << 20
"""Characters of texts held to find what the next one repeats."""
_DEEPEST: Final = 100


class Texts:
    """Finds, for each new text, an earlier one that begins or ends as it does."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, tuple[str, int]] = OrderedDict()
        self._size = 0
        self._edges: dict[tuple[bool, str], int] = {}
        self._pack = zstandard.ZstdCompressor(level=1).compress

    def keep(self, number: int, text: str) -> Kept:
        """How to hold it."""
        edges = ((True, text[:_EDGE]), (False, text[-_EDGE:]))
        best, depth = Kept(-1, 0, 0, b"", False), 0
        left = len(text)
        for edge in edges if len(text) > 4 * _EDGE else ():
            base = self._edges.get(edge, -1)
            if base not in self._held or base == best.base:
                continue
            other, deep = self._held[base]
            start, end, _, stop = changed(other, text)
            if deep < _DEEPEST and stop - start < left:
                best, left = Kept(base, start, len(other) - end, b"", False), stop - start
                depth = deep + 1
        if left > len(text) // 2:
            best, depth = Kept(-1, 0, 0, b"", False), 0
        middle = text[best.head : len(text) - best.tail].encode("utf-8", "surrogatepass")
        self._hold(number, text, depth, edges)
        packed = len(middle) > _SHORT
        return best._replace(middle=self._pack(middle) if packed else middle, packed=packed)

    def _hold(self, number: int, text: str, depth: int, edges: Sequence[tuple[bool, str]]) -> None:
        if len(text) <= 4 * _EDGE:
            return
        self._held[number] = (text, depth)
        self._size += len(text)
        for edge in edges:
            self._edges[edge] = number
        while self._size > _HELD and len(self._held) > 1:
            self._size -= len(self._held.popitem(last=False)[1][0])
        if len(self._edges) > 200_000:
            self._edges.clear()
