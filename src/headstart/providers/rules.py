"""What a provider documents of its prompt cache, as dated data.

A row is one family of models at one provider from one day on. Every field that is not at
its default has a ``Source`` in ``sources``; what a provider does not say is a knob: a field
whose source has confidence "U", with a documented default that callers may replace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from headstart.prompt import Kind

Confidence = Literal["H", "M", "L", "U"]
"""H: official text or SDK type read; M: an official fact through a copy, or two agreeing
others; L: one other source; U: not stated by anyone, a default of ours."""


class Source(NamedTuple):
    """Where a rule comes from."""

    where: str
    seen: date
    confidence: Confidence


class Lifetime(NamedTuple):
    """One TTL that the provider offers."""

    seconds: float
    bucket: Literal["write_5m", "write_30m", "write_1h", "write_12h", "write_other"] | None
    """Where its written tokens are counted; None if writing costs what fresh input does
    and usage does not report it."""
    refresh: bool = True
    """A read starts it anew, from the start of the request that reads."""


Scheme = Literal["breakpoints", "granular", "units", "none"]
"""breakpoints: entries end exactly at markers or boundaries. granular: the longest common
prefix, in steps. units: whole earlier prompts and detected common prefixes. none: no cache."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One row. Times in seconds, sizes in tokens."""

    provider: str
    family: str
    models: tuple[str, ...]
    """Glob patterns of model names, matched case-insensitively, the whole name."""
    since: date
    scheme: Scheme
    lifetimes: tuple[Lifetime, ...]
    """The first one is the default; () where nothing is cached."""
    minimum: int = 0
    """A shorter prefix is not cached, and not an error."""
    minimums: Mapping[str, int] = field(default_factory=dict)
    """The same by glob pattern of the model, ahead of ``minimum``; first match counts."""
    granularity: int = 1
    """Hits come in multiples of it (scheme "granular")."""
    report: int = 1
    """Reported cached tokens are rounded down to a multiple of it."""
    marker: str | None = None
    """The directive's name on the wire; None where there is nothing to mark."""
    most_markers: int = 0
    excess: Literal["refuse", "latest"] = "refuse"
    """What more markers than that get: an error, or only the latest ones are written."""
    lookback: int | None = None
    """Positions each breakpoint looks at, itself included; None: no limit."""
    runs: frozenset[str] = frozenset()
    """Segment types of which a run counts as one position."""
    longer_first: bool = False
    """A longer TTL must not come after a shorter one."""
    implicit: Literal["none", "optional", "default", "always"] = "none"
    """Caching without markers: never, on request (a top-level directive), unless switched
    off, or with no choice."""
    readable: Literal["first_byte", "end", "at_once"] = "first_byte"
    """When what a request writes can be read by others."""
    settings: Mapping[str, Kind] = field(default_factory=dict)
    """Settings that are part of the key: name -> the first section they change."""
    key_partitions: bool = False
    """``Controls.key`` separates entries, rather than only route."""
    user_partitions: bool = False
    salt_partitions: bool = False
    isolation: str = ""
    """Who shares entries, in the provider's words: workspace, organization ..."""
    routed: bool = False
    """Entries live on single machines; a request that lands elsewhere misses."""
    rate_limit: Literal["counts", "free", "unknown"] = "unknown"
    """Whether cached tokens count towards the provider's token rate limit."""
    resources: bool = False
    """Has explicit cache objects with a life of their own (``cachedContents``)."""
    resource_minimum: int = 0
    """The least that such an object holds; less is an error."""
    resource_minimums: Mapping[str, int] = field(default_factory=dict)
    """The same by glob pattern of the model; first match counts."""
    least_ttl: float = 0.0
    """Seconds that such an object must be given at least."""
    hidden: int = 0
    """Tokens of the provider's own before the prompt: part of every step, never reported."""
    holdback: int = 0
    """Tokens at a prompt's end that are computed even if they are cached."""
    retentions: Mapping[str, float] = field(default_factory=dict)
    """Values of ``Controls.retention`` -> seconds of the lifetime they choose."""
    machines: int = 1
    """Machines that entries are spread over; 1: requests always find what is there."""
    overflow: int | None = None
    """Requests a minute with one routing key after which the next machine gets them."""
    delay: float = 0.0
    """Seconds from when a write may be read until it can be."""
    interval: int = 0
    """Tokens between units that are kept of a long prompt (scheme "units"); 0: none."""
    capacity: int | None = None
    """Tokens that are kept at most, over all scopes; None: no limit but the emulator's."""
    eviction: Literal["lru", "fifo"] = "lru"
    """Who goes first when ``capacity`` is short."""
    lookups: tuple[int, int, int] = (0, 0, 0)
    """Where ``lookback`` is None and breakpoints may be implicit: how many of the request's
    first and of its latest explicit breakpoints are looked up, and how many boundaries
    before the implicit one (those of them that are explicit come on top)."""
    renew: Literal["entry", "request", "longer"] = "entry"
    """Whose TTL an entry has after a read through a marker with another one: its own, the
    marker's, or the longer of both."""
    refresh_ancestors: bool = False
    """A read also refreshes the shorter entries that the one read continues."""
    strips_thinking: bool = False
    """Thinking blocks before the last user turn that is no tool result leave the prompt."""
    unmarked: Rules | None = None
    """The rules for requests without any cache parameter, where those are others."""
    notes: tuple[str, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Field name -> source; "*" for those not named."""
