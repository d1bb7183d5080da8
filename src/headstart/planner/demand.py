"""What prefixes are asked for, and what an explicit cache object of one would be worth.

Money is in *units* of one prefix: 1 is what all of its tokens cost as plain input. Making an
object costs 1, holding it ``storage`` an hour, and a request that reads it saves
``1 - read`` of what it would not have read anyway. A prefix's *account* is what an object
made at the best earlier moment would have brought by now: -1 at that moment, less its
storage, plus what requests would have saved. An object is made once the account is not
negative and the rate of requests pays for storage: traffic has then shown once that one pays.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from math import exp, inf
from typing import Final, Literal, NamedTuple, TypeVar

from headstart.planner.storage import hold, worth_creating

STEP: Final = 300.0
"""Seconds that an object gets at a time: what it costs to be killed is this much storage."""
LEAD: Final = 60.0
"""Seconds before its end at which an object is given more time."""
LEAST_TTL: Final = 60.0
LONGEST_HOLD: Final = 86_400.0
"""Seconds without a use, where storage costs nothing."""
MOST_DEMANDS: Final = 16_384
_MEMORY: Final = 3600.0
"""Seconds in which a use loses all but 1/e of its weight in the rate."""
_YOUNG: Final = 60.0
"""Seconds of traffic, without a use, that are added to what was seen of a prefix: a burst of
three requests is no rate."""
_GUESS: Final = 1.0
"""Uses that the first guess of implicit hits, 0, weighs."""

C = TypeVar("C")


class Terms(NamedTuple):
    """One model's prices and limits. ``storage`` (a token and hour) and ``read`` over the
    price of a token of plain input, which is ``usd``."""

    storage: float
    read: float
    usd: float
    minimum: int
    """Tokens."""
    least_ttl: float = LEAST_TTL

    def making(self, tokens: int, seconds: float) -> float:
        """USD of an object and its first seconds."""
        return tokens * self.usd + self.holding(tokens, seconds)

    def holding(self, tokens: int, seconds: float) -> float:
        """USD of holding it so long."""
        return tokens * self.usd * self.storage * max(0.0, seconds) / 3600


class Demand:
    """What is known of one prefix. Seconds are on the caller's clock."""

    __slots__ = (
        "_at",
        "_rated",
        "_read_anyway",
        "_reads",
        "_weighed",
        "account",
        "since",
        "tokens",
    )

    def __init__(self, tokens: int, now: float) -> None:
        self.tokens = tokens
        self.since = now
        self.account = -1.0
        """Units; see above."""
        self._at = self._rated = now
        self._reads = 0.0
        self._read_anyway, self._weighed = 0.0, _GUESS

    def use(self, tokens: int, covered: int, terms: Terms, now: float) -> None:
        """A request with this prefix, of which ``covered`` tokens were read without an object
        of its own."""
        self.tokens = tokens
        share = min(1.0, covered / tokens)
        now = max(now, self._at)
        storage = terms.storage * (now - self._at) / 3600
        self.account = max(-1.0, self.account - storage) + (1 - terms.read) * (1 - share)
        self._read_anyway += share
        self._weighed += 1
        self.served(now)

    def served(self, now: float) -> None:
        """A request that read an object of this very prefix."""
        self._at = now = max(now, self._at)
        self._reads = self._decayed(now) + 1
        self._rated = now

    def made(self) -> None:
        """There is an object now: another one has to be shown to pay anew."""
        self.account = -1.0

    @property
    def implicit(self) -> float:
        """Share of the prefix that requests read without an object, 0 to 1."""
        return self._read_anyway / self._weighed

    def rate(self, now: float) -> float:
        """Uses an hour after the first one, the latest counting most."""
        age = max(0.0, now - self.since) + _YOUNG
        return 3600 * self._decayed(now) / (_MEMORY * (1 - exp(-age / _MEMORY)))

    def _decayed(self, now: float) -> float:
        return self._reads * exp(-max(0.0, now - self._rated) / _MEMORY)


class Demands:
    """By name; the one used longest ago goes first where there are too many."""

    def __init__(self, limit: int = MOST_DEMANDS) -> None:
        self._limit = limit
        self._held: OrderedDict[Hashable, Demand] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def use(self, name: Hashable, tokens: int, covered: int, terms: Terms, now: float) -> Demand:
        """A request with a prefix of that name; see ``Demand.use``."""
        known = name in self._held
        demand = self.see(name, tokens, now)
        if known:
            demand.use(tokens, covered, terms, now)
        return demand

    def see(self, name: Hashable, tokens: int, now: float) -> Demand:
        """A prefix of that name came by: a later request may be a use of it."""
        demand = self._held.get(name)
        if demand is None:
            demand = self._held[name] = Demand(tokens, now)
            if len(self._held) > self._limit:
                self._held.popitem(last=False)
        self._held.move_to_end(name)
        return demand


def worth(demand: Demand, terms: Terms, now: float) -> float:
    """Tokens of plain input that an object is expected to save an hour, storage paid. Not
    positive: make none."""
    if demand.account < 0 or demand.tokens < terms.minimum:
        return 0.0
    rate, implicit = demand.rate(now), demand.implicit
    if not worth_creating(rate, terms.storage, terms.read, implicit):
        return 0.0
    saved = rate * (1 - terms.read) * (1 - implicit)
    return demand.tokens * (saved - terms.storage)


def best(candidates: Iterable[tuple[C, Demand]], terms: Terms, now: float) -> C | None:
    """Whose demand is worth most; None if nobody's is worth an object."""
    found, most = None, 0.0
    for candidate, demand in candidates:
        value = worth(demand, terms, now)
        if value > most:
            found, most = candidate, value
    return found


def patience(demand: Demand, terms: Terms, now: float) -> float:
    """Seconds to hold an object after its last use: until storage has cost what one read
    saves, and up to twice that where the rate says that the next one is only late."""
    alone = hold(terms.storage, terms.read) * (1 - demand.implicit)
    rate = demand.rate(now)
    late = 3 * 3600 / rate if rate > 0 else inf
    if not worth_creating(rate, terms.storage, terms.read, demand.implicit):
        late = 0.0
    return min(LONGEST_HOLD, max(alone, min(late, 2 * alone)))


class Step(NamedTuple):
    """What to do about an object, and when: look at it again at ``at``; let it live until
    then; or end it."""

    what: Literal["look", "extend", "end"]
    at: float


def first_ttl(demand: Demand, terms: Terms, now: float) -> float:
    """Seconds that a new object gets."""
    return max(terms.least_ttl, min(STEP, patience(demand, terms, now)))


def step(demand: Demand, terms: Terms, used: float, expires: float, now: float) -> Step:
    """For an object last used at ``used`` that would end at ``expires``."""
    end = used + patience(demand, terms, used)
    if now >= min(end, expires):
        return Step("end", now)
    if now < expires - LEAD:
        return Step("look", min(end, expires - LEAD))
    until = max(min(now + STEP, end), now + terms.least_ttl)
    if until <= expires + 1:
        return Step("look", min(end, expires))
    return Step("extend", until)
