"""What does not change from replay to replay: rules, prices, ratios of token counts."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, NamedTuple

from headstart.audit.faces import MARKABLE
from headstart.audit.log import Log, Row
from headstart.pricing import Pricer
from headstart.pricing.rows import COMPILED
from headstart.providers import Rules, UnknownProvider, rules_for


class Request(NamedTuple):
    """One request as it is replayed: all of it may be changed."""

    row: Row
    time: float
    provider: str
    model: str
    segments: list[int]
    marks: Sequence[tuple[int, float]]
    settings: tuple[tuple[str, str], ...]
    controls: Any
    ping: bool = False
    """One that the log does not have: only its price counts."""
    free: bool = False
    """Not even that."""


class World:
    """What does not change from replay to replay: rules, prices, ratios of token counts."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.day = log.options.day or _day(log)
        self.ratios: dict[tuple[str, str], float] = {}
        """(provider, model) -> what usage says of the tokens counted."""
        self.lanes: Sequence[int] = ()
        """Conversation of each row, once they are linked."""
        self.automatic: set[int] = set()
        """Rows that say nothing of directives, and are taken to have asked for automatic
        caching."""
        self._pricers: dict[tuple[str, str], Pricer] = {}
        self._rules: dict[tuple[str, str], Rules] = {}

    def rules(self, provider: str, model: str) -> Rules:
        """The row that counts; UnknownProvider."""
        found = self._rules.get((provider, model))
        if found is None:
            found = self._rules[provider, model] = rules_for(provider, model, self.day)[0]
        return found

    def pricer(self, provider: str, model: str) -> Pricer:
        """Prices of a model; they may be unknown."""
        found = self._pricers.get((provider, model))
        if found is None:
            found = Pricer(provider, model, self.day, self.log.options.prices)
            self._pricers[provider, model] = found
        return found

    def known(self, row: Row) -> bool:
        """Whether it can be replayed."""
        if not row.node:
            return False
        try:
            self.rules(row.provider, row.model)
        except UnknownProvider:
            return False
        return row.controls.continues is None and row.controls.resource is None

    @cached_property
    def heads(self) -> array[int]:
        """Of each node of the trie: the last one before the messages; 0 where there is none."""
        trie, faces = self.log.trie, self.log.segments.faces
        heads = array("i", [0])
        for node in range(1, len(trie)):
            parent = trie.parent[node]
            ahead = heads[parent] == parent and faces[trie.segment[node]].kind < 2
            heads.append(node if ahead else heads[parent])
        return heads

    @cached_property
    def counted(self) -> array[int]:
        """Of each node of the trie: tokens up to its end, as they were counted."""
        trie, faces = self.log.trie, self.log.segments.faces
        tokens = array("q", [0])
        for node in range(1, len(trie)):
            tokens.append(tokens[trie.parent[node]] + faces[trie.segment[node]].tokens)
        return tokens

    def request(self, row: Row) -> Request:
        """As the log has it."""
        segments = self.log.segments_of(row)
        marks: Sequence[tuple[int, float]] = row.marks
        if row.number in self.automatic and not marks:
            marks = automatic(self, self.rules(row.provider, row.model), segments)
        settings = self.log.settings[row.settings]
        return Request(
            row, row.time, row.provider, row.model, segments, marks, settings, row.controls
        )


def automatic(
    world: World, rules: Rules, segments: Sequence[int], ttl: float | None = None
) -> list[tuple[int, float]]:
    """One breakpoint at the end, where the provider takes breakpoints."""
    if rules.scheme != "breakpoints" or not rules.marker or not rules.lifetimes:
        return []
    end = markable_end(world, segments)
    return [(end, ttl or rules.lifetimes[0].seconds)] if end >= 0 else []


def markable_end(world: World, segments: Sequence[int], kind: int = 2) -> int:
    """The last segment, of those up to a kind of section, that takes a directive; where none
    says so, the last one. -1: there is none."""
    faces, last = world.log.segments.faces, -1
    for at in range(len(segments) - 1, -1, -1):
        face = faces[segments[at]]
        if face.kind > kind:
            continue
        if face.flags & MARKABLE:
            return at
        last = max(last, at)
    return last


def _day(log: Log) -> date:
    last = log.day
    return datetime.fromtimestamp(last, UTC).date() if last is not None else COMPILED
