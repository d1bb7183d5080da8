"""What a tier holds, in memory: sizes, recency, leases, pins, and who has to go.

``Books`` is the accounting of tiers that keep it in the process (memory, S3). It decides
the same as ``Catalogue`` (disk) and the Valkey scripts do.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from headstart.kv.tiers.contract import (
    RETAIN_SHARE,
    Counters,
    PageKey,
    PinBudgetExceeded,
    Selection,
    TierEntry,
    TierStats,
)


@dataclass(slots=True)
class Record:
    """One page in the books."""

    key: PageKey
    size: int
    seq: int
    hits: int = 0
    used: float = 0.0
    lease: float = 0.0
    pinned: bool = False


class Books:
    """Not thread-safe. Each page is in ``pages`` from least to most recently used."""

    def __init__(self, limit: int, floor: int | None = None, strict: bool = False) -> None:
        """``floor``: bytes that each scope may hold whatever others want; None: all scopes
        share one order. ``strict``: no scope may hold more than its floor."""
        self.limit = limit
        self.floor = floor
        self.strict = strict and floor is not None
        self.pages: OrderedDict[str, Record] = OrderedDict()
        self.bytes = 0
        self.pinned_bytes = 0
        self.count = Counters()
        self._seq = 0
        self._children: Counter[str] = Counter()
        self._scopes: Counter[str] = Counter()

    def has(self, keys: Sequence[PageKey]) -> int:
        """How many leading keys are there."""
        for count, key in enumerate(keys):
            if key.name not in self.pages:
                return count
        return len(keys)

    def add(self, key: PageKey, size: int, now: float = 0.0) -> None:
        """Enter a page as the most recently used."""
        self.pages[key.name] = Record(key, size, self._next(), used=now)
        self._children[key.parent] += 1
        self._scopes[key.scope] += size
        self.bytes += size

    def remove(self, name: str) -> Record | None:
        """Strike a page out."""
        record = self.pages.pop(name, None)
        if record is None:
            return None
        parent = record.key.parent
        self._children[parent] -= 1
        if not self._children[parent]:
            del self._children[parent]
        self._scopes[record.key.scope] -= record.size
        if not self._scopes[record.key.scope]:
            del self._scopes[record.key.scope]
        self.bytes -= record.size
        self.pinned_bytes -= record.size if record.pinned else 0
        return record

    def touch(self, keys: Sequence[PageKey], now: float) -> None:
        """Count a use of each page; a page is used after those that continue it."""
        for key in reversed(keys):
            record = self.pages.get(key.name)
            if record is not None:
                record.hits += 1
                record.used = now
                record.seq = self._next()
                self.pages.move_to_end(key.name)

    def make_room(self, key: PageKey, size: int, now: float) -> list[PageKey] | None:
        """Strike out what must go for ``key``; None if it can't fit."""
        gone: list[Record] = []
        while candidates := crowded(
            self._scopes, key.scope, size, self.limit, self.floor, self.strict
        ):
            victim = self._victim(candidates, key.parent, now)
            if victim is None:
                self._restore(gone)
                return None
            gone.append(victim)
            self.remove(victim.key.name)
        self.count.evicted += len(gone)
        return [record.key for record in gone]

    def lease(self, keys: Sequence[PageKey], until: float, now: float) -> int:
        """Extend the leases of pages that are there, then end those beyond the budget."""
        found = [self.pages[key.name] for key in keys if key.name in self.pages]
        for record in found:
            record.lease = max(record.lease, until)
        leased = [r for r in self.pages.values() if r.lease > now and not r.pinned]
        over = sum(r.size for r in leased) - lease_budget(self.limit, self.pinned_bytes)
        for record in sorted(leased, key=lambda r: (r.lease, -r.key.page, r.key.name)):
            if over <= 0:
                break
            record.lease = 0.0
            over -= record.size
            self.count.leases_broken += 1
        return len(found)

    def leased_bytes(self, now: float) -> int:
        """Bytes of unexpired leases, pinned pages aside."""
        return sum(r.size for r in self.pages.values() if r.lease > now and not r.pinned)

    def pin(self, keys: Sequence[PageKey]) -> int:
        """Pin pages that are there; PinBudgetExceeded, and no change, beyond the budget."""
        found = [self.pages[key.name] for key in keys if key.name in self.pages]
        added = sum(record.size for record in found if not record.pinned)
        check_pins(self.limit, self.pinned_bytes, added)
        for record in found:
            record.pinned = True
        self.pinned_bytes += added
        return len(found)

    def unpin(self, keys: Sequence[PageKey]) -> int:
        """Undo ``pin``."""
        found = [r for key in keys if (r := self.pages.get(key.name)) and r.pinned]
        for record in found:
            record.pinned = False
            self.pinned_bytes -= record.size
        return len(found)

    def stats(self, now: float, paused: bool = False) -> TierStats:
        """Gauges and counters."""
        return TierStats(
            limit_bytes=self.limit,
            stored_bytes=self.bytes,
            objects=len(self.pages),
            pinned_bytes=self.pinned_bytes,
            leased_bytes=self.leased_bytes(now),
            **asdict(self.count),
            paused=paused,
        )

    def select(self, which: Selection) -> list[Record]:
        """Every page that matches."""
        below = self._subtree(which.name) if which.name else None
        return [
            record
            for name, record in self.pages.items()
            if (below is None or name in below)
            and which.model in ("", record.key.model)
            and which.scope in ("", record.key.scope)
        ]

    def entries(self, which: Selection) -> Iterator[TierEntry]:
        """Every page that matches, for listings."""
        for r in self.select(which):
            yield TierEntry(r.key, r.size, r.hits, r.used, r.lease, r.pinned)

    def _subtree(self, root: str) -> set[str]:
        children: dict[str, list[str]] = {}
        for name, record in self.pages.items():
            children.setdefault(record.key.parent, []).append(name)
        found: set[str] = set()
        rest = [root]
        while rest:
            name = rest.pop()
            # Names come from outside: they may claim to go in a circle.
            if name not in found:
                found.add(name)
                rest += children.get(name, ())
        return found

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _victim(self, scopes: Sequence[str | None], parent: str, now: float) -> Record | None:
        for scope in scopes:
            for name, record in self.pages.items():
                if (
                    (scope is None or record.key.scope == scope)
                    and name != parent
                    and not record.pinned
                    and record.lease <= now
                    and name not in self._children
                ):
                    return record
        return None

    def _restore(self, gone: list[Record]) -> None:
        for record in gone:
            self.add(record.key, record.size)
            self.pages[record.key.name] = record
        self.pages = OrderedDict(sorted(self.pages.items(), key=lambda item: item[1].seq))


def crowded(
    held: Mapping[str, int], scope: str, size: int, limit: int, floor: int | None, strict: bool
) -> Sequence[str | None]:
    """From which scopes to evict for ``size`` more bytes of ``scope``, best first.

    ``held``: bytes of each scope. None stands for any; nothing, if the bytes fit. With a
    floor, those furthest above it give first, then ``scope`` itself, nobody else.
    """
    if strict and held.get(scope, 0) + size > (floor or 0):
        return [scope]
    if sum(held.values()) + size <= limit:
        return []
    if floor is None:
        return [None]
    sizes = {**held, scope: held.get(scope, 0) + size}
    over = [name for name, count in sizes.items() if count > floor]
    return [*sorted(over, key=lambda name: (-sizes[name], name)), scope]


def lease_budget(limit: int, pinned: int) -> float:
    """Bytes that leases may hold: half of what pins leave."""
    return (limit - pinned) * RETAIN_SHARE


def check_pins(limit: int, pinned: int, added: int) -> None:
    """PinBudgetExceeded if so many more bytes are too many."""
    budget = int(limit * RETAIN_SHARE)
    if added and pinned + added > budget:
        raise PinBudgetExceeded(pinned + added, budget)
