"""Which pages of a request to load and to save, step by step; no vLLM, no I/O, no clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from headstart.prefix import Scope

RECENT_SECONDS = 30.0
"""For so long a page that was given to be written is taken to be stored."""
_MOST_RECENT = 200_000


class Pages(NamedTuple):
    """Pages ``first ...`` of a prefix, and the block that holds each."""

    request: str
    tokens: bytes
    """Packed, 4 bytes each; ends with the last of the pages."""
    scope: Scope
    first: int
    blocks: tuple[int, ...]


class Use(NamedTuple):
    """A prompt that was computed or read to its end."""

    tokens: bytes
    scope: Scope
    lease_until: float
    """Unix time; 0: no lease."""


@dataclass
class Step:
    """What workers do during one step of the engine."""

    loads: list[Pages] = field(default_factory=list)
    saves: list[Pages] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    idle: bool = False
    """No token is computed: the step may wait a little for what is being loaded."""


def readable_pages(stored: int, tokens: int, page: int) -> int:
    """Pages of a prompt that may be read: full ones, and never its last token, whose logits
    are needed. vLLM's own cache has the same rule."""
    return max(0, min(stored, (tokens - 1) // page))


class Course:
    """How far one request's pages are known to be stored, loading, or on their way."""

    def __init__(self, page_tokens: int) -> None:
        self._page = page_tokens
        self.kept = 0
        """Pages before it are stored, or on their way."""
        self._loading: dict[int, int] = {}
        """Block -> page."""

    def loads(self, stored: int, tokens: int, computed: int) -> int:
        """Tokens to load behind ``computed``, a multiple of a page."""
        return max(0, readable_pages(stored, tokens, self._page) * self._page - computed)

    def loading(self, first: int, blocks: Sequence[int]) -> None:
        """These blocks are being filled with pages ``first ...``."""
        self._loading = {block: first + i for i, block in enumerate(blocks)}

    def failed(self, blocks: set[int]) -> None:
        """What could not be loaded will be computed, and is to be saved then."""
        pages = [page for block, page in self._loading.items() if block in blocks]
        self.kept = min([self.kept, *pages])

    def due(self, computed: int, scheduled: int, known: int) -> range:
        """Pages to save in a step that computes ``scheduled`` tokens behind ``computed``;
        ``known`` tokens have their final ids. They count as on their way from now on."""
        full = min(computed + scheduled, known) // self._page
        due = range(min(self.kept, full), full)
        self.kept = max(self.kept, full)
        return due


class Recent:
    """Names of pages that were given to be written a short while ago."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, names: Sequence[str], now: float) -> None:
        """They are on their way."""
        for name in names:
            self._until[name] = now + RECENT_SECONDS
            self._until.move_to_end(name)
        while len(self._until) > _MOST_RECENT:
            self._until.popitem(last=False)

    def skip(self, names: Sequence[str], start: int, now: float) -> int:
        """The first place from ``start`` on whose page is not on its way."""
        while start < len(names) and self._until.get(names[start], 0.0) > now:
            start += 1
        return start
