"""Which earlier prompt is nearest to this one: the memory that reasons are found in.

Free of content, bounded, and quick. A request is remembered by its prefixes of a few set
lengths, the same ones for every prompt. The latest request under the longest of them that
this prompt has as well is compared with it segment by segment, by bisection. That finds a
longest match unless a later request left the same way between two of these lengths.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from headstart.prompt import Chain
from headstart.prompt.cuts import DIGEST_BYTES, digest
from headstart.usage import MissReason

_NOTHING: Final[Mapping[bytes, Any]] = {}
_TOOL_CHOICE: Final = "tool_choice"
_LENGTHS: Final = (*range(1, 8), *(n << k for k in range(22) for n in (8, 12)))
"""Segments of the prefixes by which a request is found."""
_OVERHEAD: Final = 16
"""What a request takes beside its segments, in segments."""


class Seen(NamedTuple):
    """What is remembered of one request."""

    request: str
    scope: str
    at: float
    model: str
    tool_choice: bytes
    settings: bytes
    """Digests of ``tool_choice`` and of all other settings that are part of the key."""
    parts: bytes
    """Digest of its tools, where the chain has one."""
    length: int
    tools: int
    cached: int
    """Segments in all, those that are tools, those up to the last one cached."""
    keys: bytes
    plain: bytes
    """The chain's digests, one after the other."""


class Nearest(NamedTuple):
    """The earlier request that begins most like this one."""

    shared: int
    """Segments that both begin with, by content; 0 where only later parts are alike."""
    request: str
    """Its ``Ticket.request``."""
    reason: MissReason | None
    """SCOPE_CHANGED, MODEL_CHANGED, TOOL_CHOICE_CHANGED or SETTINGS_CHANGED where what is
    shared is keyed differently; TOOLS_CHANGED or DIVERGED where it goes another way after
    what is shared; None where it ends there."""
    segments: int
    """Segments of the earlier prompt."""
    cached: int
    """Segments up to the last breakpoint that it wrote or read."""
    at: float
    """When it was remembered, in the caller's seconds."""


@dataclass(slots=True)
class _Generation:
    """``places`` has one dictionary a scope, by keys; ``texts`` goes by content alone."""

    places: dict[str, dict[bytes, Seen]] = field(default_factory=dict)
    texts: dict[bytes, Seen] = field(default_factory=dict)
    parts: dict[tuple[str, bytes], Seen] = field(default_factory=dict)
    size: int = 0

    def add(self, chain: Chain, seen: Seen) -> None:
        place = self.places.get(seen.scope)
        if place is None:
            place = self.places[seen.scope] = {}
        keys, plain, texts = chain.keys, chain.plain, self.texts
        for length in _LENGTHS[: bisect_right(_LENGTHS, seen.length)]:
            place[keys[length - 1]] = seen
            texts[plain[length - 1]] = seen
        for part in chain.parts[1:]:
            if part:
                self.parts[seen.scope, part] = seen
        self.size += seen.length + _OVERHEAD


class Recall:
    """Not safe across threads. Several emulators of one provider may share one."""

    def __init__(self, limit: int = 100_000) -> None:
        """``limit`` bounds what is remembered: a request counts for its segments and 16 more,
        about 60 bytes each. ValueError below 2."""
        if limit < 2:
            raise ValueError(f"a memory of at least 2, not {limit}")
        self._half = limit // 2
        self._young = _Generation()
        self._old = _Generation()
        self._last: tuple[Chain, str, Nearest | None] | None = None
        """The latest question and its answer: it is asked for a plan, and for the request."""

    def remember(
        self, chain: Chain, scope: str, request: str, now: float, *, cached: int = 0
    ) -> None:
        """A request's response began. ``scope`` names who share entries with it; ``cached``
        counts its segments up to the last breakpoint that it wrote or read. One with more
        segments than half the limit is not remembered."""
        length = len(chain.keys)
        if not length or length + _OVERHEAD > max(self._half, _OVERHEAD + 1):
            return
        seen = Seen(
            request,
            scope,
            now,
            chain.model,
            *_settings(chain),
            chain.parts.tools,
            length,
            chain.tools,
            cached,
            b"".join(chain.keys),
            b"".join(chain.plain),
        )
        # Two generations: when the young one is full it becomes the old one, and that goes.
        if self._young.size + length + _OVERHEAD > self._half:
            self._young, self._old = _Generation(), self._young
        self._young.add(chain, seen)
        self._last = None

    def nearest(self, chain: Chain, scope: str) -> Nearest | None:
        """The best match of all that is remembered, one under the same key before others;
        None if nothing is alike. Changes nothing."""
        if not chain.keys:
            return None
        last = self._last
        # Chains with the same keys, by identity, differ in their marks and controls alone.
        if last is None or last[0].keys is not chain.keys or last[1] != scope:
            last = self._last = chain, scope, self._nearest(chain, scope)
        return last[2]

    def _nearest(self, chain: Chain, scope: str) -> Nearest | None:
        shared, seen = self._here(chain, scope)
        if shared < len(chain.keys):
            further, other = self._anywhere(chain)
            if other is not None and further > shared:
                reason = _keyed_differently(chain, scope, other)
                if reason is not None:
                    return _nearest(further, other, reason)
                shared, seen = further, other
        if seen is None:
            return self._alike(chain, scope)
        if shared == seen.length:
            return _nearest(shared, seen, None)
        in_tools = shared < max(chain.tools, seen.tools)
        return _nearest(shared, seen, MissReason.TOOLS_CHANGED if in_tools else MissReason.DIVERGED)

    def dump(self) -> list[Any]:
        """All state as msgpack has it."""
        seen: dict[Seen, int] = {}
        old, young = (_dump(generation, seen) for generation in (self._old, self._young))
        return [list(seen), old, young]

    def restore(self, state: object) -> None:
        """Replace all state; ValueError, and no change, for what ``dump`` did not give."""
        try:
            seen, old, young = msgspec.convert(state, tuple[list[Seen], _Dumped, _Dumped])
            generations = _restore(old, seen), _restore(young, seen)
        except (msgspec.ValidationError, IndexError) as error:
            raise ValueError(f"not a saved memory: {error}") from None
        self._old, self._young = generations
        self._last = None

    def _here(self, chain: Chain, scope: str) -> tuple[int, Seen | None]:
        """The best match among those who share entries, and segments shared."""
        best: tuple[int, Seen | None] = (0, None)
        for generation in (self._young, self._old):
            known = generation.places.get(scope)
            seen = _longest(known, chain.keys) if known else None
            if seen is not None:
                best = max(best, (_shared(seen.keys, chain.keys), seen), key=itemgetter(0))
        return best

    def _anywhere(self, chain: Chain) -> tuple[int, Seen | None]:
        """The best match by content alone."""
        best: tuple[int, Seen | None] = (0, None)
        for generation in (self._young, self._old):
            seen = _longest(generation.texts, chain.plain)
            if seen is not None:
                best = max(best, (_shared(seen.plain, chain.plain), seen), key=itemgetter(0))
        return best

    def _alike(self, chain: Chain, scope: str) -> Nearest | None:
        """An earlier prompt that shares a later part, but not the start."""
        for part in chain.parts[1:]:
            for generation in (self._young, self._old):
                seen = generation.parts.get((scope, part)) if part else None
                if seen is not None:
                    changed = seen.parts != chain.parts.tools
                    reason = MissReason.TOOLS_CHANGED if changed else MissReason.DIVERGED
                    return _nearest(0, seen, reason)
        return None


def _nearest(shared: int, seen: Seen, reason: MissReason | None) -> Nearest:
    return Nearest(shared, seen.request, reason, seen.length, seen.cached, seen.at)


def _longest(known: Mapping[bytes, Seen], keys: Sequence[bytes]) -> Seen | None:
    """Who was last to have the longest of the prefixes of set length. With one of these,
    all shorter ones are known."""
    best = known.get(keys[0])
    if best is None:
        return None
    low, high = 0, bisect_right(_LENGTHS, len(keys))
    while high - low > 1:
        middle = (low + high) // 2
        seen = known.get(keys[_LENGTHS[middle] - 1])
        if seen is None:
            high = middle
        else:
            low, best = middle, seen
    return best


def _shared(packed: bytes, keys: Sequence[bytes]) -> int:
    """How many of the digests are the same; the first one is."""
    low, high = 1, min(len(packed) // DIGEST_BYTES, len(keys)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if packed[(middle - 1) * DIGEST_BYTES : middle * DIGEST_BYTES] == keys[middle - 1]:
            low = middle
        else:
            high = middle
    return low


def _settings(chain: Chain) -> tuple[bytes, bytes]:
    if not chain.settings:
        return b"", b""
    others = sorted(item for item in chain.settings.items() if item[0] != _TOOL_CHOICE)
    choice = chain.settings.get(_TOOL_CHOICE)
    return (
        b"" if choice is None else digest(b"", choice.encode("utf-8", "surrogatepass")),
        digest(b"", repr(others).encode("utf-8", "surrogatepass")) if others else b"",
    )


def _keyed_differently(chain: Chain, scope: str, seen: Seen) -> MissReason | None:
    if seen.scope != scope:
        return MissReason.SCOPE_CHANGED
    if seen.model != chain.model:
        return MissReason.MODEL_CHANGED
    choice, settings = _settings(chain)
    if seen.tool_choice != choice:
        return MissReason.TOOL_CHOICE_CHANGED
    return MissReason.SETTINGS_CHANGED if seen.settings != settings else None


_Dumped = tuple[
    dict[str, dict[bytes, int]],
    dict[bytes, int],
    list[tuple[str, bytes, int]],
    int,
]


def _dump(generation: _Generation, seen: dict[Seen, int]) -> _Dumped:
    def number(one: Seen) -> int:
        return seen.setdefault(one, len(seen))

    return (
        {
            scope: {key: number(one) for key, one in place.items()}
            for scope, place in generation.places.items()
        },
        {key: number(one) for key, one in generation.texts.items()},
        [(scope, part, number(one)) for (scope, part), one in generation.parts.items()],
        generation.size,
    )


def _restore(dumped: _Dumped, seen: Sequence[Seen]) -> _Generation:
    places, texts, parts, size = dumped
    return _Generation(
        {scope: {key: seen[at] for key, at in place.items()} for scope, place in places.items()},
        {key: seen[at] for key, at in texts.items()},
        {(scope, part): seen[at] for scope, part, at in parts},
        size,
    )
