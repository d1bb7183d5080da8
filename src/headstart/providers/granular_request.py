"""One request under way at a provider without markers, and what was found for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from headstart.prefix import Lock
from headstart.prompt import Chain
from headstart.providers.contract import Lookup, Ticket
from headstart.usage import MissReason


class Place(NamedTuple):
    """Where a request is looked up and kept."""

    owners: str
    """Who share entries with it."""
    name: str
    """The owners' part of the machine that it goes to."""
    before: int
    """Tokens of the cache object that its prompt continues."""


class Found(NamedTuple):
    """What the cache has of a prompt, in tokens as usage reports them."""

    read: int
    entry: str | None
    seen: int
    """Tokens, not rounded, that an earlier prompt in the same place begins with."""
    missed: Sequence[tuple[int, MissReason]]
    """What could have been read but for a reason; of equal ones the first counts."""
    parted: MissReason | None = MissReason.EVICTED
    """Why what an earlier prompt shared, before it went another way, is not held; None:
    because it went another way."""


class Owner(Protocol):
    """Who keeps what a request leaves behind."""

    def settle(self, ticket: Request, t: float | None) -> None:
        """Its response began at ``t``, or there was none."""


class Request(Ticket):
    """One request under way. ``answered`` is None while it is."""

    __slots__ = ("answered", "chain", "lock", "lookup", "owner", "place", "request")

    def __init__(
        self, owner: Owner, chain: Chain, place: Place, lookup: Lookup, request: str
    ) -> None:
        self.owner = owner
        self.chain = chain
        self.place = place
        self.lookup = lookup
        self.request = request
        self.lock: Lock | None = None
        self.answered: bool | None = None

    def first_byte(self, t: float) -> None:
        self.owner.settle(self, t)

    def abort(self) -> None:
        self.owner.settle(self, None)
