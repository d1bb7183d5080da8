"""The contract of a planner: what to ask of a provider's cache for one request.

Life of a request: ``plan`` decides, ``settle`` learns what became of it and may ask to be
woken for a keep-alive ping; ``due`` then says whether the ping is still worth its price, and
``pinged`` learns what it did. Decisions only: no I/O, and no clock: ``now`` and every time
are seconds on one clock of the caller's choice; one that goes back is held where it was.
Money is in *units*, the price of one token of plain input; ``Rates.usd`` makes it USD.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

from headstart.prompt import Chain, Mark
from headstart.providers import Lookup, Rules
from headstart.usage import Usage

Mode = Literal["observe", "plan", "own", "off"]
"""observe: plan and learn, change nothing. plan: leave a client's own directives alone.
own: replace them. off: not even learn."""


class Reason(StrEnum):
    """Why a plan is what it is: a closed list, for a header and the ledger."""

    OFF = "off"
    AUTOMATIC = "automatic"
    """The provider chooses for itself; there is nothing to mark."""
    CLIENT = "client"
    """The client's own directives are left alone."""
    TOO_SHORT = "too_short"
    """No place a directive may stand on ends a prefix that is long enough."""
    NOT_WORTH = "not_worth"
    """What writing would cost is more than what reading is expected to save."""
    BUDGET = "budget"
    """Writing has not paid back on this traffic, and its credit is used up."""
    SHORT = "short"
    LONG = "long"
    MIXED = "mixed"
    """Breakpoints with the shorter lifetime, with the longer one, or with both."""


class Key(NamedTuple):
    """Whose traffic it is: what is learned is kept apart by this."""

    tenant: str
    upstream: str
    model: str


@dataclass(frozen=True, slots=True)
class Rates:
    """One model's prices as multiples of its plain input's."""

    read: float
    writes: tuple[tuple[float, float], ...]
    """(lifetime in seconds, multiple), the shortest lifetime first; of those both sold and
    in the rules. Empty: nothing can be marked."""
    output: float
    usd: float = 0.0
    """USD of one plain input token; 0 where no price is known."""

    def write(self, ttl: float) -> float:
        """The multiple of a lifetime; KeyError if it is not sold."""
        return dict(self.writes)[ttl]


@dataclass(frozen=True, slots=True)
class Features:
    """What a request shows of where in its conversation it stands. Free of content."""

    inputs: tuple[str, ...]
    """Types of the blocks in the last message, sorted, each once."""
    turn: int
    """User turns so far that are no tool results, from 1."""
    calls: int
    """Messages of the model so far."""
    stream: bool = False
    max_tokens: int | None = None
    tools: bool = False
    """It offers tools."""
    agent: str = ""
    """Who is asking, where a header or the traffic says so: "main", "subagent" ..."""


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request, hashed and counted."""

    key: Key
    chain: Chain
    """With the client's own marks."""
    conversation: bytes
    """The same for all requests of one conversation, as far as that can be told."""
    features: Features
    rules: Rules
    rates: Rates
    minimum: int
    """Tokens a prefix must have to be cached."""
    markable: Sequence[int]
    """Segments on which a directive may stand, rising."""
    peek: Callable[[Sequence[Mark]], Lookup]
    """What the cache would give now if these marks stood on the prompt instead of its own."""
    mode: Mode = "plan"
    ping_output: int | None = None
    """Tokens of output that the cheapest legal keep-alive ping forces; None: there is no
    legal one, or the route has not opted in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for. ``serial`` names it within its planner."""

    placements: tuple[Mark, ...]
    """Directives to splice in, in prompt order, at most ``Rules.most_markers`` of them."""
    strip: bool
    """Take the client's own directives out first."""
    cache_key: str | None
    """Routing key to set where the provider routes by one and the client set none."""
    reason: Reason
    expected_cost: float
    """Units of input: what this request is expected to cost as planned."""
    uncached_cost: float
    """Units of input: what it would cost without any cache."""
    predicted: Usage
    """Exclusive buckets of its input, as planned."""
    advice: tuple[Mark, ...] = ()
    """Placements that would have been made, where the mode forbids them."""
    serial: int = 0

    @property
    def header(self) -> str:
        """Text of ``x-headstart-plan``: the reason, then ``segment:ttl`` of each placement."""
        if not self.placements:
            return self.reason.value
        places = ",".join([f"{mark.segment}:{mark.ttl:.0f}" for mark in self.placements])
        return f"{self.reason.value};{places}"


class Outcome(NamedTuple):
    """What became of a request, or of a ping."""

    usage: Usage | None
    """As the provider reported it; None if it did not."""
    stop: str | None
    """The provider's stop reason in the words of its dialect; None if it gave none."""
    started: float
    """When the request went out."""
    ended: float
    ok: bool = True
    """False: failed or cut; what it wrote, if anything, is not to be counted on."""


class Wake(NamedTuple):
    """A wish to be asked at ``at`` whether to ping; forget it when the process ends."""

    at: float
    serial: int
    """Of the plan whose prompt is kept warm: the ping repeats that request's prompt with
    that plan's directives."""
    pings: int
    """Already sent for this plan."""
    period: float = 0.0
    """Seconds from one ping to the next."""


class Planner(ABC):
    """Plans for any number of keys. Not safe across threads. Memory is bounded."""

    @abstractmethod
    def plan(self, request: PlannedRequest, now: float) -> Plan:
        """Decide for one request that is about to go out."""

    @abstractmethod
    def settle(self, plan: Plan, outcome: Outcome) -> Wake | None:
        """Learn from a response that has ended. A second call for a plan is nothing."""

    @abstractmethod
    def due(self, wake: Wake, now: float) -> bool:
        """Whether to send the ping: its conversation has not gone on, its price is still
        below what it saves, and the budget has room. True takes it from the budget."""

    @abstractmethod
    def pinged(self, wake: Wake, outcome: Outcome) -> Wake | None:
        """A ping's response ended; the next time to ask, if any."""
