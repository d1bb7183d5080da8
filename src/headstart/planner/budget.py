"""Do no harm: what planning may cost at most, over never caching, on any traffic."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from headstart.planner.contract import Key

SHARE: Final = 0.01
CREDIT: Final = 250_000.0
"""Units of input (USD 0.75 at USD 3 a million): a stated fixed credit for each key. It has
to hold the premium of one write, which at 1.25 is a quarter of the prompt's tokens."""
MOST_KEYS: Final = 4096


class Budget:
    """``debt`` is what was spent over the uncached cost and its share, in units of input.
    Savings pay debt back and are banked up to one credit, so that a long good run does not
    pay for a long bad one. Over any run of requests the spend exceeds 1.01 of the uncached
    cost by two credits at most, and by one since the start."""

    __slots__ = ("_credit", "_share", "debt")

    def __init__(self, credit: float = CREDIT, share: float = SHARE) -> None:
        self._credit = credit
        self._share = share
        self.debt = 0.0

    def room(self, uncached: float) -> float:
        """Units that a request of this uncached cost may cost beyond it."""
        return max(0.0, self._credit + self._share * uncached - self.debt)

    def spend(self, cost: float, uncached: float) -> None:
        """A request, or a ping (uncached cost 0), is charged."""
        debt = self.debt + cost - (1 + self._share) * uncached
        self.debt = max(debt, -self._credit)


class Budgets:
    """One for each key. The key used longest ago goes first where there are too many, and
    starts with a new credit if it comes again."""

    def __init__(self, credit: float, limit: int = MOST_KEYS) -> None:
        self._credit = credit
        self._limit = limit
        self._held: OrderedDict[Key, Budget] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def of(self, key: Key) -> Budget:
        """A key's budget, made if it is new."""
        budget = self._held.get(key)
        if budget is None:
            budget = self._held[key] = Budget(self._credit)
            if len(self._held) > self._limit:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return budget
