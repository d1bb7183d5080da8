"""What an audit finds: the documented shape of its JSON, and of all that shows it.

Tokens are input tokens unless said otherwise; money is USD over the time the logs span;
``month`` fields scale to 30 days of the same traffic. None is "not known".
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """One file of logs."""

    path: str
    format: str
    """Name of the importer."""
    records: int
    broken: int
    duplicates: int
    notes: tuple[str, ...]
    """What was wrong with rows and where (line numbers), the first few of each kind."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over some of the requests."""

    name: str
    requests: int
    input: int
    read: int
    written: int
    output: int
    cost: float | None
    uncached: float | None
    """Cost of the same tokens without any caching."""
    recorded: bool
    """From the usage that the logs have; otherwise emulated."""
    hits: int
    """Requests that read anything."""

    @property
    def hit_rate(self) -> float:
        """Token hit rate, 0 to 1."""
        return self.read / self.input if self.input else 0.0

    @property
    def creation_rate(self) -> float:
        """Share of the input that was written to a cache, 0 to 1."""
        return self.written / self.input if self.input else 0.0


@dataclass(frozen=True, slots=True)
class Now:
    """What the cache does today: in all, and by one column each."""

    total: Tally
    by_model: tuple[Tally, ...]
    by_provider: tuple[Tally, ...]
    by_day: tuple[Tally, ...]
    by_hour: tuple[Tally, ...]
    by_kind: tuple[Tally, ...]
    by_version: tuple[Tally, ...]
    """Prefix versions: equal tools and system text."""
    seconds: float | None
    """From the first request to the last."""
    conversations: int


@dataclass(frozen=True, slots=True)
class Trust:
    """The emulator against recorded usage, over the requests that have both."""

    requests: int
    input: tuple[int, int]
    read: tuple[int, int]
    written: tuple[int, int]
    """Recorded and emulated tokens."""
    exact: int
    """Requests whose read tokens agree within 2% of their input."""
    why: tuple[str, ...]
    """Where the error is large: what it comes from."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One edge of a family's prefix tree, as the picture has it."""

    parent: int
    """Index in the family's branches; -1 for the root."""
    label: str
    """Section and place, never more than a few words of the prompt."""
    tokens: int
    requests: int
    stability: float
    """0 to 1: the share of the requests through the parent that go on through the most
    frequent child of it, this one's included."""


@dataclass(frozen=True, slots=True)
class Family:
    """Prompts that share a beginning."""

    id: str
    label: str
    requests: int
    stable: int
    """Tokens of an average prompt of it that are the same in (nearly) all."""
    dynamic: int
    versions: int
    tree: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """One side of a difference: where it stands, and the text around it."""

    path: str
    line: int
    segment: int
    offset: int
    """Characters into the segment's text."""
    text: str
    start: int
    end: int
    """Of the difference in ``text``."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A change, and what the emulator says it would have saved on these very logs."""

    action: str
    """"move", "freeze", "sort", "normalise", "split", "pin", "ttl_1h", "keep_alive",
    "stagger", "one_wording", "model", "breakpoint", "append" ..."""
    text: str
    """One or two sentences."""
    tokens: int
    """More tokens read than now."""
    saving: float | None
    month: float | None


@dataclass(frozen=True, slots=True)
class Culprit:
    """One cause of lost tokens."""

    rank: int
    cause: str
    """What it is: a ``prompt.VolatileKind`` value where something volatile differs;
    otherwise a ``usage.MissReason`` value, or one of ``content`` (text that was edited),
    ``tool_added``, ``history_cut``."""
    reason: str
    """``usage.MissReason`` value."""
    family: str
    section: str
    """"tool", "system", "message", or "" where it stands nowhere (expiry, model)."""
    where: str
    """Dotted path in the request, such as ``system.0`` or ``messages.3.content.1``."""
    segment: int | None
    a: Spot | None
    b: Spot | None
    """The same place in two real requests."""
    requests: int
    """That lost tokens by it."""
    lost: int
    """Tokens that would have been read had it not been there, everything else being as it is."""
    behind: int
    """The same once all other culprits are mended: more than ``lost`` where others hide it."""
    money: float | None
    month: float | None
    fixes: tuple[Fix, ...]
    """The best first; each replayed alone."""


@dataclass(frozen=True, slots=True)
class Latent:
    """Something in tools or system text that looks as if it changed, and never did in these
    logs: it cost nothing so far, and will cost ``tokens`` a request on the day it changes."""

    cause: str
    """A ``prompt.VolatileKind`` value."""
    family: str
    section: str
    where: str
    segment: int
    spot: Spot
    requests: int
    tokens: int
    """Of an average prompt, from it on."""
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """The same traffic another way."""

    name: str
    kind: str
    """"now", "never", "layout", "automatic", "planner", "model", "fixes"."""
    cost: float | None
    month: float | None
    hit_rate: float
    note: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Token hit rates over one number."""

    name: str
    """"ttl" (x in seconds) or "capacity" (x in tokens held; ``bytes`` beside it)."""
    x: tuple[float, ...]
    hit_rate: tuple[float, ...]
    bytes: tuple[float, ...]
    """Of KV for a stated model, where x is a capacity; else ()."""
    note: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one sentence."""

    caching: bool
    """False: leave it off."""
    text: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything, in the order in which it is shown."""

    version: int
    sources: tuple[Source, ...]
    verdict: Verdict
    now: Now
    trust: Trust
    families: tuple[Family, ...]
    culprits: tuple[Culprit, ...]
    """By money a month, or by tokens where nothing has a price."""
    together: Fix | None
    """All best fixes at once."""
    latent: tuple[Latent, ...]
    options: tuple[Option, ...]
    curves: tuple[Curve, ...]
    notes: tuple[str, ...]
    """What was assumed: times that were missing, models without a price, knobs ..."""
