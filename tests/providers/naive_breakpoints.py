"""A cache with breakpoints, the slow and obvious way: nothing is kept but the log of all
requests, and every question goes through all of it, comparing whole prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SIZE = 10
"""Tokens a block."""
BUCKETS = {300.0: "write_5m", 1800.0: "write_30m", 3600.0: "write_1h", 43200.0: "write_12h"}


@dataclass
class Sent:
    """One request: its blocks, and TTLs by index of the block that is marked."""

    blocks: tuple[str, ...]
    positions: Sequence[int]
    marks: dict[int, float]
    bounds: Sequence[int] = ()
    explicit: bool = False
    start: float = 0.0
    read: int = 0
    """Blocks that it reads."""


@dataclass
class Naive:
    """``lookback`` None: OpenAI's rules."""

    minimum: int
    lookback: int | None
    lookups: tuple[int, int, int] = (2, 50, 20)
    log: list[Sent] = field(default_factory=list)
    """Requests whose response began, in that order."""

    def writes(self, sent: Sent) -> dict[int, float]:
        """Marks that are honoured and long enough."""
        marks = dict(sorted(sent.marks.items()))
        if self.lookback is None:
            own = sent.bounds[-1] if sent.bounds and not sent.explicit else None
            most = 4 if sent.explicit else 3
            marks = dict(list(marks.items())[-most:])
            if own is not None:
                marks.setdefault(own, 1800.0)
        elif len(marks) > 4:
            return {}
        return {at: ttl for at, ttl in marks.items() if (at + 1) * SIZE >= self.minimum}

    def expiry(self, prefix: tuple[str, ...]) -> float:
        """When the entry that ends with this prefix is over; never written: the past."""
        expiry, ttl = float("-inf"), 0.0
        for sent in self.log:
            if sent.blocks[: len(prefix)] != prefix:
                continue
            if sent.read == len(prefix) and ttl:
                expiry = max(expiry, sent.start + ttl)
            asked = self.writes(sent).get(len(prefix) - 1)
            if asked and len(prefix) > sent.read and sent.start + asked > expiry:
                expiry, ttl = sent.start + asked, asked
        return expiry

    def looked(self, sent: Sent) -> Iterator[int]:
        """Blocks at whose end an entry is looked for, in order."""
        if self.lookback is not None:
            for mark in sorted(sent.marks, reverse=True) if len(sent.marks) <= 4 else ():
                seen: set[int] = set()
                for at in range(mark, -1, -1):
                    seen.add(sent.positions[at])
                    if len(seen) > self.lookback:
                        break
                    yield at
            return
        first, latest, endings = self.lookups
        marks = sorted(sent.marks)
        found = set(marks[:first]) | set(marks[max(0, len(marks) - latest) :])
        if not sent.explicit:
            found |= set(list(sent.bounds)[::-1][: endings + 1])
        yield from sorted(found, reverse=True)

    def look(self, sent: Sent, now: float) -> Counter[str]:
        """Tokens by bucket; notes in ``sent`` what it reads."""
        hits = (at for at in self.looked(sent) if self.expiry(sent.blocks[: at + 1]) > now)
        sent.read, sent.start = next(hits, -1) + 1, now
        writes = self.writes(sent)
        bill: Counter[str] = Counter()
        for block in range(len(sent.blocks)):
            ttls = [ttl for at, ttl in writes.items() if at >= block]
            bucket = BUCKETS[max(ttls)] if ttls else "fresh"
            bill["read" if block < sent.read else bucket] += SIZE
        return bill
