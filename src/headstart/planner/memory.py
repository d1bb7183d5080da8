"""What a planner remembers of traffic: which prefixes were used when, and which it had
written. Digests, counts and times only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from headstart.planner.choice import Place
from headstart.planner.classes import Path, asked_by
from headstart.planner.contract import Features, Key, PlannedRequest
from headstart.planner.episodes import Episodes
from headstart.planner.facts import SCOPE_BYTES, Fact
from headstart.planner.gaps import Class, Classes
from headstart.planner.held import Held
from headstart.prompt import Mark

SCAN: Final = 2048
"""Markable segments, from a prompt's end back, among which earlier prompts' ends are sought."""


class Met(NamedTuple):
    """What is known of a prompt from earlier ones."""

    prior: int | None
    """The segment at which the longest prefix ends that an entry is there for, as far as we
    know; without any, the longest one that was met before."""
    protected: int
    """Tokens that an entry of the longer lifetime protects, until ``expiry``."""
    expiry: float
    used: list[bytes]
    """Prefixes whose next use was waited for."""


@lru_cache(maxsize=4096)
def scope_of(key: Key) -> bytes:
    """What goes before a prefix's digest in everything that is remembered of it: what one
    tenant did, or one account holds, says nothing of another's."""
    return blake2b("\0".join(map(repr, key)).encode(), digest_size=SCOPE_BYTES).digest()


class Memory:
    """Bounded by the limits of its parts."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self.episodes: Final = Episodes()
        self.held: Final = Held()
        self._asked: tuple[Features | None, Path] = (None, ())
        """The latest request's part of its classes' paths."""

    def meet(self, request: PlannedRequest, now: float) -> Met:
        """A request came: every prefix it shares with earlier ones is used again."""
        self.episodes.advance(now)
        keys, ends, writes = request.chain.keys, request.chain.ends, request.rates.writes
        lasting = writes[-1][0] if writes else 0.0
        scope = scope_of(request.key)
        prior, held, protected, expiry = None, None, 0, now
        used: list[bytes] = []
        for segment in reversed(request.markable[-SCAN:]):
            prefix = scope + keys[segment]
            entry = self.held.get(prefix)
            gap = self.episodes.use(prefix, now)
            if gap is not None:
                used.append(prefix)
            if prior is None and (gap is not None or entry is not None):
                prior = segment
            if entry is None or entry.expiry <= now:
                continue
            held = segment if held is None else held
            if not protected and entry.ttl == lasting:
                protected, expiry = ends[segment], entry.expiry
        return Met(prior if held is None else held, protected, expiry, used)

    def place(
        self, request: PlannedRequest, segment: int, kind: str, read: int, met: Met, now: float
    ) -> Place:
        """A candidate, with its hazards and with what protects it already."""
        chain = request.chain
        tokens = chain.ends[segment]
        held = met.expiry - now if tokens <= met.protected else 0.0
        if tokens <= read:
            entry = self.held.get(self.read(request, read))
            held = max(held, request.rates.writes[0][0] if entry is None else entry.ttl)
        return Place(segment, tokens, self._class(request, kind).hazards(), held)

    def watch(self, request: PlannedRequest, now: float, found: Iterable[tuple[int, str]]) -> None:
        """From now on the next use of these prefixes is waited for."""
        scope, keys = scope_of(request.key), request.chain.keys
        for segment, kind in found:
            self.episodes.begin(scope + keys[segment], self._class(request, kind), now)

    def learn(self, fact: Fact, now: float) -> None:
        """What another planner remembers of a request, as ``meet``, ``watch`` and ``write``
        would have it."""
        scope, held = scope_of(fact.key), self.held
        self.episodes.advance(now)
        for name in fact.used:
            self.episodes.use(scope + name, now)
        if fact.asked is not None:
            for name, place in fact.watched:
                kind = self._classes.at((place, *fact.asked, fact.key))
                self.episodes.begin(scope + name, kind, now)
        for name, ttl in fact.written:
            held.write(scope + name, now, ttl)
        for name in fact.gone:
            held.drop(scope + name)

    def _class(self, request: PlannedRequest, place: str) -> Class:
        if self._asked[0] is not request.features:
            self._asked = request.features, asked_by(request.features, request.key)
        return self._classes.at((place, *self._asked[1]))

    def read(self, request: PlannedRequest, tokens: int) -> bytes:
        """The name of the prefix of so many tokens."""
        chain = request.chain
        return scope_of(request.key) + chain.keys[bisect_left(chain.ends, tokens)]

    def write(
        self, request: PlannedRequest, marks: Sequence[Mark], read: int, now: float
    ) -> tuple[bytes, ...]:
        """Take what is marked as written, and what is read as refreshed; names of what is
        new."""
        keys, ends, scope = request.chain.keys, request.chain.ends, scope_of(request.key)
        if read:
            prefix = self.read(request, read)
            entry = self.held.get(prefix)
            if entry is not None:
                self.held.write(prefix, now, entry.ttl)
        fresh = [(scope + keys[s], ttl) for s, ttl in marks if ends[s] > read]
        for prefix, ttl in fresh:
            self.held.write(prefix, now, ttl)
        return tuple(prefix for prefix, _ in fresh)
