"""The contract of an emulator: what one provider's cache would do with a request.

Life of a request: ``peek`` says what a plan would give; ``begin`` is the request going out;
``Ticket.first_byte`` is its response beginning, and makes readable what it wrote;
``Ticket.abort`` is a request that never got one, and changes nothing that is cached;
``reconcile`` is the usage that the provider then reported. ``now`` and ``t`` are seconds on
one clock of the caller's choice; a clock that goes back is held where it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from headstart.prompt import Chain, Mine, Prompt
from headstart.usage import MissReason, Usage


class Pricer(Protocol):
    """What one model's input tokens cost."""

    def cost(self, usage: Usage) -> float | None:
        """USD of a request; None where the model, or one of its buckets, has no price."""

    def uncached(self, usage: Usage) -> float | None:
        """USD of the same tokens if nothing were read from a cache or written to one."""


class Divergence(NamedTuple):
    """Where a prompt leaves the nearest earlier one."""

    segment: int
    """The first one that differs; ``n`` where the earlier prompt merely ends."""
    offset: int | None
    """Characters into that segment's text, where texts are kept."""
    volatile: str | None
    """Kind of the volatile span there (``timestamp``, ``uuid`` ...), where known."""
    against: str | None
    """The earlier request's ``Ticket.request``, where known."""


class Lookup(NamedTuple):
    """What the cache gives one request."""

    usage: Usage
    """Exclusive buckets of its input; output is 0."""
    cost: float | None
    """USD of its input; None where the model has no price."""
    uncached: float | None
    """USD of the same input if nothing were cached."""
    reason: MissReason | None
    """Why not all that was ever seen of it is read; None if it is."""
    lost: int
    """Tokens seen before in the same place and not read: what the reason costs."""
    divergence: Divergence | None
    entry: str | None
    """The entry that is read, as an opaque name."""
    warnings: tuple[str, ...] = ()
    """What could not be known: rules of another family, a knob at its default ..."""


class Trace(NamedTuple):
    """What a request left behind, for another emulator of the same account. Digests only."""

    start: float
    """When it went out."""
    held: Sequence[tuple[bytes, float, float]]
    """Entries written or refreshed: name, seconds from ``start`` to their end, lifetime."""
    gone: Sequence[bytes]
    """Entries that turned out not to be there."""


class Ticket(ABC):
    """One request under way. Settled once: a second ``first_byte`` or ``abort`` is nothing."""

    lookup: Lookup
    request: str
    """A name for this request, for ``Divergence.against``."""

    @abstractmethod
    def first_byte(self, t: float) -> None:
        """The response begins (for a provider that waits for its end, the caller's last
        byte is the better moment; see ``Rules.readable``)."""

    @abstractmethod
    def abort(self) -> None:
        """There was no response: no entry is written or refreshed."""


class Emulator(ABC):
    """One account's cache at one provider. Not safe across threads."""

    @abstractmethod
    def chain(self, prompt: Prompt, known: Mine | None = None) -> Chain:
        """Hash and count a prompt under these rules; pure, and safe on any thread. ``known``
        is what was found of earlier prompts at this emulator, and learns from this one."""

    @abstractmethod
    def peek(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Lookup:
        """What ``begin`` would find now. Changes nothing. ``scope`` is whatever the
        provider isolates by and the prompt does not carry: account, workspace, region."""

    @abstractmethod
    def begin(self, prompt: Prompt | Chain, now: float, *, scope: str = "") -> Ticket:
        """The request goes out; what it reads is refreshed when its response begins."""

    def replay(self, chain: Chain, now: float, *, scope: str = "") -> Usage:
        """A request that was answered at once, for who asks neither why nor for a ticket: it
        need not be remembered for others' reasons."""
        ticket = self.begin(chain, now, scope=scope)
        ticket.first_byte(now)
        return ticket.lookup.usage

    @abstractmethod
    def reconcile(self, ticket: Ticket, actual: Usage) -> MissReason | None:
        """Take in what the provider reported. If it read less than predicted, the entry
        goes and the reason is EVICTED, or ROUTED_ELSEWHERE where routing explains it."""

    def trace(self, ticket: Ticket) -> Trace | None:
        """What a request whose response has begun left behind; None where nothing of it can
        be told apart from its prompt."""
        return None

    def observe(self, trace: Trace, now: float) -> None:
        """Another emulator of this account had that request. A time ahead counts as now."""
        return

    @property
    @abstractmethod
    def entries(self) -> int:
        """Live and not yet collected entries; bounded by the limit given at the start."""

    @abstractmethod
    def save(self) -> bytes:
        """All state that ``load`` needs: digests, counts, times; no content."""

    @abstractmethod
    def load(self, data: bytes) -> None:
        """Replace all state; ValueError, and no change, if ``data`` is not from ``save``
        under the same provider and version."""
