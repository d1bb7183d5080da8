"""What one planner tells another of a request: digests, counts and times, never content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from headstart.planner.classes import Asked, asked_of
from headstart.planner.contract import Key, PlannedRequest

NAME_BYTES: Final = 256
"""Longest tenant, route or model of which facts are told."""
STOP_CHARS: Final = 64
SCOPE_BYTES: Final = 8
"""Of a name in a planner's memory, what stands for its key."""


class Fact(msgspec.Struct, array_like=True, frozen=True):
    """One request, or one ping, as ``TrafficPlanner.learn`` takes it in. Prefixes are a
    chain's digests; times are Unix seconds on the clock of whoever saw it."""

    key: Key
    at: float
    """When the request went out."""
    asked: Asked | None = None
    """None: nothing but money was moved."""
    used: Sequence[bytes] = ()
    """Prefixes of which this was the next use."""
    ended: bytes | None = None
    """The prompt whose pause it ended."""
    watched: Sequence[tuple[bytes, str]] = ()
    """Prefixes whose next use is waited for, and their places."""
    written: Sequence[tuple[bytes, float]] = ()
    """Prefixes that an entry protects from ``at`` on, and for how many seconds."""
    gone: Sequence[bytes] = ()
    """Prefixes whose entry was not there."""
    pause: tuple[bytes, str] | None = None
    """The prompt that now waits to be gone on with, and why its answer stopped."""
    spent: Sequence[tuple[float, float]] = ()
    """Units of input that the budget was charged, and what they would cost uncached."""
    family: bytes | None = None
    """The beginning by which it is routed, where that was counted."""

    @property
    def tellable(self) -> bool:
        """Whether its names are as short as names are."""
        return all(len(name) <= NAME_BYTES for name in self.key)


class Teller:
    """Makes facts of one planner's requests; names have their scope before them."""

    __slots__ = ("ended", "family", "used", "watched")

    def __init__(self, ended: bytes | None, used: list[bytes]) -> None:
        self.ended = ended
        self.used = used
        self.watched: list[tuple[bytes, str]] = []
        self.family: bytes | None = None

    def fact(
        self,
        request: PlannedRequest,
        at: float,
        *,
        written: Sequence[tuple[bytes, float]] = (),
        gone: Sequence[bytes] = (),
        pause: tuple[bytes, str] | None = None,
        spent: Sequence[tuple[float, float]] = (),
    ) -> Fact:
        """What is told of a request that went out at ``at``."""
        return Fact(
            request.key,
            at,
            asked_of(request.features),
            [name[SCOPE_BYTES:] for name in self.used],
            None if self.ended is None else self.ended[SCOPE_BYTES:],
            self.watched,
            [(name[SCOPE_BYTES:], ttl) for name, ttl in written],
            [name[SCOPE_BYTES:] for name in gone],
            None if pause is None else (pause[0][SCOPE_BYTES:], pause[1][:STOP_CHARS]),
            spent,
            self.family,
        )
