"""Requests whose responses have not begun."""

from __future__ import annotations

from array import array
from collections import Counter

from headstart.prefix import Lock, RadixTree, Scope
from headstart.prompt import CUT_BYTES, Cuts


class InFlight:
    """Prompts whose responses have not begun, at most ``limit`` of them: the oldest are
    given up as lost."""

    def __init__(self, limit: int) -> None:
        self._tree = RadixTree(page=1, width=CUT_BYTES)
        self._locks: dict[Lock, tuple[str, bytes]] = {}
        self._ends: Counter[tuple[str, bytes]] = Counter()
        self._limit = limit

    def __len__(self) -> int:
        return len(self._locks)

    def add(self, cuts: Cuts, scope: str, now: float) -> Lock:
        """A request goes out; give the lock to ``drop`` when it is answered."""
        if len(self._locks) >= self._limit:
            self.drop(next(iter(self._locks)), now)
        slots = array("i", bytes(4 * len(cuts.ends)))
        self._tree.insert(cuts.symbols, slots, Scope(scope), now)
        lock = self._tree.lock(cuts.symbols, Scope(scope))
        end = (scope, cuts.symbols[-CUT_BYTES:])
        self._locks[lock] = end
        self._ends[end] += 1
        return lock

    def drop(self, lock: Lock, now: float) -> None:
        """No longer in flight; nothing happens the second time."""
        if lock in self._locks:
            end = self._locks.pop(lock)
            self._ends[end] -= 1
            if not self._ends[end]:
                del self._ends[end]
            self._tree.unlock(lock, now)
            self._tree.evict(self._tree.size_info().evictable, now)

    def held(self, cuts: Cuts, scope: str) -> int:
        """Cuts of a prompt that some request in flight begins with."""
        return self._tree.peek(cuts.symbols, Scope(scope)).length if self._locks else 0

    def ending(self, cuts: Cuts, scope: str) -> int:
        """Cuts of a prompt up to the last place where one in flight ends; 0 if none does."""
        if not self._ends:
            return 0
        for count in range(len(cuts.ends), 0, -1):
            if (scope, cuts.symbols[(count - 1) * CUT_BYTES : count * CUT_BYTES]) in self._ends:
                return count
        return 0
