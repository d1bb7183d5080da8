"""A learned eviction policy that is LRU until, and unless, it does better than LRU."""

from __future__ import annotations

from array import array

from headstart.prefix.contract import Scope
from headstart.prefix.gittins import Gittins
from headstart.prefix.hazard import Hazards
from headstart.prefix.history import History
from headstart.prefix.node import Node
from headstart.prefix.policies import LRU, Policy, Ranked
from headstart.prefix.scopes import ScopeTree
from headstart.prefix.tree import RadixTree

GHOST = Scope("ghost")


class Guard:
    """Which of two policies to follow, from what each would have hit.

    The cache holds what the one it follows has kept, so going over to the other one and back
    has a cost. The *risk* is what that is likely to be at most, in pages: all that LRU holds,
    times the share of the pages asked for that LRU hits. It is weighed, not ruled out.

    Follows LRU until the other one's lead since its worst moment exceeds ``ENTER`` of all
    pages asked for and ``PROOF`` of the risk; where the risk is n times what is tolerated (a
    page and ``TOLERATED`` of all), n squared times as much of it. Goes back when the other
    one has fallen behind its best by more than ``LEAVE`` of all and ``GIVE`` of what it has
    won meanwhile.
    """

    ENTER = 0.001
    PROOF = 0.4
    TOLERATED = 0.002
    LEAVE = 0.0004
    GIVE = 0.5

    def __init__(self) -> None:
        self.trusts = False
        self._asked = 0
        self._hit = 0
        self._swing = 0.0
        self._won = 0

    def saw(self, asked: int, lru: int, lead: int, capacity: int) -> None:
        """One request: its pages, how many of them LRU would have hit, how many more the
        other one would have, and the pages that each may hold."""
        self._asked += asked
        self._hit += lru
        if self.trusts:
            self._won += lead
            self._swing = max(0.0, self._swing - lead)
            if self._swing > self.LEAVE * self._asked + self.GIVE * max(0, self._won):
                self.trusts, self._swing = False, 0.0
        else:
            self._swing = max(0.0, self._swing + lead)
            if self._swing > max(self.ENTER * self._asked, self._proof(capacity)):
                self.trusts, self._swing, self._won = True, 0.0, 0

    def _proof(self, capacity: int) -> float:
        """Pages of lead that make up for the risk."""
        risk = capacity * self._hit / max(1, self._asked)
        tolerated = 1 + self.TOLERATED * self._asked
        return self.PROOF * risk * max(1.0, risk / tolerated) ** 2


class Learned(Policy):
    """Evicts by Gittins index where that would have hit more than LRU, else by LRU.

    What would have been hit is known from two shadows that hold no KV: LRU's stack within
    the history, and a tree of the cache's size that evicts by index.
    """

    def __init__(self) -> None:
        self._history = History(Hazards())
        self._lru = LRU()
        self._gittins = Gittins(self._history)
        self.guard = Guard()
        self._ghost: RadixTree | None = None
        self._tree: ScopeTree | None = None
        self._evicting = False
        self._capacity: int | None = None

    @staticmethod
    def rank(entry: Ranked) -> tuple[int, ...]:
        """Between scopes, whose indices do not compare: the least recently used."""
        return (entry.tick,)

    @property
    def follows(self) -> str:
        """Which order evictions follow now: ``lru`` or ``gittins``."""
        return "gittins" if self.guard.trusts else "lru"

    def asked(self, key: bytes, size: int, now: float) -> None:
        if self._evicting and self._tree is not None:
            self._capacity, self._evicting = self._tree.counts.pages, False
        lru = self._history.asked(key, size, now, self._capacity)
        lead = self._shadow(key, size, now) - lru
        if self._capacity is not None:
            self.guard.saw(len(key) // size, lru, lead, self._capacity)

    def add(self, leaf: Node) -> None:
        self._tree = leaf.tree
        self._lru.add(leaf)
        self._gittins.add(leaf)

    def restore(self, leaf: Node) -> None:
        self._tree = leaf.tree
        self._lru.restore(leaf)
        self._gittins.restore(leaf)

    def remove(self, node: Node) -> None:
        self._lru.remove(node)
        self._gittins.remove(node)

    def used(self, node: Node) -> None:
        self._lru.used(node)
        self._gittins.used(node)

    def front(self) -> Node | None:
        self._evicting = True
        return self._gittins.front() if self.guard.trusts else self._lru.front()

    def __contains__(self, node: object) -> bool:
        return node in self._lru

    def __len__(self) -> int:
        return len(self._lru)

    def _shadow(self, key: bytes, size: int, now: float) -> int:
        """Pages of a request that evicting by index alone would have had."""
        if self._ghost is None:
            self._ghost = RadixTree(page=1, width=size, policy=lambda: Gittins(self._history))
        ghost = self._ghost
        hit = ghost.match(key, GHOST, now).length
        ghost.insert(key, array("i", bytes(4 * (len(key) // size - hit))), GHOST, now, start=hit)
        if self._capacity is not None:
            over = ghost.size_info().pages - self._capacity
            if over > 0:
                ghost.evict(over, now, GHOST.tenant)
        return hit
