"""One request under way at a provider with breakpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from headstart.prompt import Chain, Mark
from headstart.providers.breakpoints_places import Places
from headstart.providers.contract import Lookup, Ticket


class Owner(Protocol):
    """Who holds what requests leave behind."""

    def settle(self, ticket: Request, t: float | None) -> None:
        """A response began at ``t``, or there was none."""


class Request(Ticket):
    """``hit`` is the segment that the entry read ends, -1 without one; ``writes`` are the
    breakpoints that are long enough, in prompt order; ``began`` is None while it waits."""

    __slots__ = (
        "began",
        "chain",
        "gone",
        "hit",
        "keys",
        "lookup",
        "owner",
        "places",
        "request",
        "scope",
        "start",
        "touched",
        "writes",
    )

    def __init__(
        self,
        owner: Owner,
        chain: Chain,
        keys: Sequence[bytes],
        scope: str,
        start: float,
        places: Places,
        writes: Sequence[Mark],
        hit: int,
        lookup: Lookup,
    ) -> None:
        self.owner = owner
        self.chain = chain
        self.keys = keys
        self.scope = scope
        self.start = start
        self.places = places
        self.writes = writes
        self.hit = hit
        self.lookup = lookup
        self.request = ""
        self.began: bool | None = None
        self.touched: list[bytes] = []
        """Entries that it wrote or refreshed."""
        self.gone: list[bytes] = []
        """Entries that it was to read, and did not."""

    @property
    def fresh(self) -> list[bytes]:
        """Keys of the breakpoints past what it reads."""
        hit, keys = self.hit, self.keys
        return [keys[segment] for segment, _ in self.writes if segment > hit]

    def first_byte(self, t: float) -> None:
        self.owner.settle(self, t)

    def abort(self) -> None:
        self.owner.settle(self, None)
