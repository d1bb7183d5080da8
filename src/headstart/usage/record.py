"""What is kept of one finished request: tokens, money, times, and why it missed."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.usage.buckets import Usage
from headstart.usage.reasons import MissReason

PING = "ping"
"""The plan of a record that is a keep-alive ping's: what it cost counts, but it is nobody's
request."""
CACHE_CREATED = "cache_create"
"""So is an explicit cache object that was made: its tokens, at the price of plain input."""
CACHE_STORED = "cache_storage"
"""And the time that one was held since the row before: no tokens, and the price of storage."""
NOBODYS = (PING, CACHE_CREATED, CACHE_STORED)


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request. Times in seconds, money in USD; None is "not known", never 0.

    Free of content but for ``prompt``.
    """

    id: str
    """Unique: a second record of the same id is not kept."""
    time: float
    """When the request came, Unix seconds."""
    tenant: str
    route: str
    provider: str
    model: str
    usage: Usage
    """What the provider reported, or what was counted here."""
    status: int
    """HTTP status that the client got; 499 for one that left."""
    prefix: str | None = None
    """Version of the stable part of the prompt (tools and system text), as a short digest."""
    estimated: bool = False
    """The provider reported no usage: ``usage`` is predicted or counted here."""
    stream: bool = False
    cost: float | None = None
    cost_uncached: float | None = None
    """Of the same tokens if nothing had been read from a cache or written to one."""
    cost_automatic: float | None = None
    """Of the same tokens under the provider's automatic mode, as the emulator has it."""
    predicted: Usage | None = None
    """What was expected before the request went out; its output does not count."""
    predicted_cost: float | None = None
    plan: str = ""
    """What was done about the cache, in a few words."""
    reason: MissReason | None = None
    """Why not all that was ever seen of the prompt was read; None if it was."""
    confirmed: bool = False
    """The provider itself gave the reason; otherwise it is inferred."""
    lost: int = 0
    """Tokens seen before and not read: what ``reason`` is about."""
    lost_cost: float | None = None
    """What they cost beyond the price of reading them."""
    ttft: float | None = None
    """From the request's arrival to the first byte of its answer."""
    latency: float | None = None
    """From the request's arrival to the end of its answer."""
    waited: float = 0.0
    """Part of ``ttft`` spent waiting for another request to write the shared prefix."""
    against: str | None = None
    """Id of the earlier request that this one diverges from, where known."""
    outline: bytes | None = None
    """Digests and sizes of the prompt's segments, as the one who explains packs them."""
    prompt: str | None = None
    """The request body as JSON; only where prompts may be stored."""

    @property
    def saved(self) -> float | None:
        """USD less than without caching; negative where caching cost more."""
        if self.cost is None or self.cost_uncached is None:
            return None
        return self.cost_uncached - self.cost
