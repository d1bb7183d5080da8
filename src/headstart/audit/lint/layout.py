"""One request against its model: which segment a text is in, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from headstart.audit.lint.money import Model, newest
from headstart.audit.lint.strings import MESSAGES, SYSTEM, TOOLS
from headstart.dialects import Call
from headstart.dialects.body import Path


class Layout:
    """A read request. Without a model it knows its segments and no tokens."""

    def __init__(self, call: Call, model: Model | None) -> None:
        self.prompt = call.prompt
        self.model = model
        self.chain = model.chain(call.prompt) if model is not None else None
        self._body = call.body

    @cached_property
    def paths(self) -> Mapping[int, Path]:
        """Segment to the path of what the client sent of it."""
        at = {id(segment.content): index for index, segment in enumerate(self.prompt.segments)}
        return {at[id(value)]: path for path, value in _values(self._body) if id(value) in at}

    @cached_property
    def _segments(self) -> Mapping[Path, int]:
        return {path: index for index, path in self.paths.items()}

    def segment(self, path: Path) -> int | None:
        """The segment that a text of the body is in."""
        for length in range(len(path), 0, -1):
            found = self._segments.get(path[:length])
            if found is not None:
                return found
        return None

    @cached_property
    def extent(self) -> int:
        """Segments that an earlier request can have had in the cache: up to the last
        directive, and without one in the midst of it up to the newest message."""
        segments = self.prompt.segments
        marked = [at for at, segment in enumerate(segments) if segment.ttl is not None]
        last = marked[-1] + 1 if marked else len(segments)
        return newest(self.prompt) if last == len(segments) else last

    @property
    def total(self) -> int:
        """Input tokens."""
        return self.chain.ends[-1] if self.chain and self.chain.ends else 0

    def end(self, segment: int) -> int:
        """Tokens through a segment; -1 for none of them."""
        return self.chain.ends[segment] if self.chain is not None and segment >= 0 else 0

    def behind(self, segment: int, rest: str = "") -> int | None:
        """Tokens behind a place that a cache could otherwise hold: ``rest`` of its own
        segment, and the segments after it. 0 below the model's minimum; None without one."""
        if self.model is None:
            return None
        least = self.model.minimum / self.model.margin
        if self.end(self.extent - 1) < least:
            return 0
        after = self.end(self.extent - 1) - self.end(segment)
        own = self.model.tokens(rest) if rest and segment < self.extent else 0
        return max(0, after) + own

    def bucket(self) -> str:
        """Where tokens go that are not read: a write if a directive or the provider asks."""
        if self.model is None:
            return "fresh"
        marked = self.prompt.marked
        return self.model.bucket(marked[-1].ttl if marked else None)

    def usd(self, tokens: int | None) -> float | None:
        """USD that 1,000 such calls lose by them."""
        if self.model is None or not tokens:
            return None
        return self.model.lost(tokens, self.bucket(), self.total)


def _values(body: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Containers and strings of a prompt's fields, each before what is in it."""
    for name in (*TOOLS, *SYSTEM, *MESSAGES):
        if name in body:
            yield from _below((name,), body[name])


def _below(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict | list):
        yield path, value
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _below((*path, key), item)
    elif isinstance(value, str):
        yield path, value
