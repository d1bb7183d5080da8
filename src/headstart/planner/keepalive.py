"""Keep-alive pings: sent only where the hazard, given the pause so far, says they pay.

A ping repeats a prompt that is cached, so it costs a read of it, the tokens past its last
breakpoint and the output it forces; it saves writing again what would expire before the next
request, if that comes while the ping's own lifetime runs. What a long entry protects anyway
is not saved. If one ping more pays only together with the next ones, their sum decides.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from headstart.planner.choice import Prices, worth_of
from headstart.planner.classes import asked_of, pause_path
from headstart.planner.contract import Features, Key, Outcome, PlannedRequest, Rates, Wake
from headstart.planner.episodes import Episodes
from headstart.planner.facts import Fact
from headstart.planner.gaps import EDGES, Classes, within
from headstart.planner.memory import SCAN, scope_of

MOST_KEPT: Final = 2048
MOST_PINGS: Final = 12
"""Of one prompt without a request between them."""
CAUTION: Final = 0.5
"""By how much of a ping's price the expected saving has to exceed what it costs: the hazard
is an estimate, and those that seem worth a ping are the ones most likely overestimated."""
MARGIN: Final = 0.05
"""Share of a lifetime by which a ping comes before its end; at least ``_LEAST`` seconds."""
_LEAST: Final = 10.0


class Kept(NamedTuple):
    """A prompt that was answered, and what protects it."""

    key: Key
    features: Features
    rates: Rates
    digest: bytes
    tokens: int
    short: int
    """Tokens up to the last breakpoint, written or read."""
    long: int
    """Of these, tokens with a long entry, which expires at ``long_until``."""
    long_until: float
    used: float
    """When the request went out."""
    output: int | None
    """Tokens of output a ping forces; None: none is legal."""

    @property
    def lifetime(self) -> float:
        """Of what lies before the last breakpoint."""
        return self.rates.writes[-1 if self.long >= self.short else 0][0]

    @property
    def price(self) -> float:
        """Units of input that one ping costs."""
        rates = self.rates
        return (
            rates.read * self.short + (self.tokens - self.short) + rates.output * (self.output or 0)
        )

    def ahead(self, start: float) -> float:
        """The moment of a ping for an entry used last at ``start``."""
        return start + self.lifetime - max(_LEAST, MARGIN * self.lifetime)


class KeepAlive:
    """Prompts that wait for their next request, by plan. At most ``limit`` of them."""

    def __init__(self, classes: Classes, limit: int = MOST_KEPT) -> None:
        self._classes = classes
        self._limit = limit
        self._kept: OrderedDict[int, tuple[Kept, list[float]]] = OrderedDict()
        self._serials: dict[bytes, int] = {}
        self._pauses = Episodes()

    def __len__(self) -> int:
        return len(self._kept)

    def answered(self, serial: int, kept: Kept, outcome: Outcome) -> Wake | None:
        """A response has ended: its pause begins to be watched, and perhaps bridged."""
        kind = self._classes.at(pause_path(outcome.stop, asked_of(kept.features), kept.key))
        self._pauses.begin(kept.digest, kind, kept.used)
        if (earlier := self._serials.get(kept.digest)) is not None:
            self.stop(earlier)
        hazards = kind.hazards()
        if kept.output is None or not _pays(kept, hazards, 0, kept.used):
            return None
        self._kept[serial] = (kept, hazards)
        self._serials[kept.digest] = serial
        if len(self._kept) > self._limit:
            self.stop(next(iter(self._kept)))
        return Wake(kept.ahead(kept.used), serial, 0, kept.ahead(0.0))

    def meet(self, request: PlannedRequest, now: float) -> bytes | None:
        """A request came: the pause that it ends is known, and its pings are off. The prompt
        that waited; None if none did."""
        self._pauses.advance(now)
        keys, scope = request.chain.keys, scope_of(request.key)
        for segment in reversed(request.markable[-SCAN:]):
            prefix = scope + keys[segment]
            if self._resumed(prefix, now):
                return prefix
        return None

    def learn(self, fact: Fact, now: float) -> None:
        """A request came to another planner: whoever answered last is the one to ping."""
        scope = scope_of(fact.key)
        self._pauses.advance(now)
        if fact.ended is not None:
            self._resumed(scope + fact.ended, now)
        if fact.pause is not None and fact.asked is not None:
            digest, stop = scope + fact.pause[0], fact.pause[1]
            kind = self._classes.at(pause_path(stop, fact.asked, fact.key))
            self._pauses.begin(digest, kind, now)
            ours = self._serials.get(digest)
            if ours is not None and self._kept[ours][0].used <= now:
                self.stop(ours)

    def price(self, wake: Wake, now: float) -> tuple[Key, float] | None:
        """Whose ping it is and the units it costs now; None: do not send it."""
        found = self._kept.get(wake.serial)
        if found is None:
            return None
        kept, hazards = found
        used = wake.at - kept.ahead(0.0)
        late = now >= used + kept.lifetime
        if late or wake.pings >= MOST_PINGS or not _pays(kept, hazards, wake.pings, used):
            self.stop(wake.serial)
            return None
        return kept.key, kept.price

    def pinged(self, wake: Wake, outcome: Outcome) -> Wake | None:
        """The next time to ask. A failed ping is the last one."""
        found = self._kept.get(wake.serial)
        if found is None:
            return None
        if not outcome.ok:
            self.stop(wake.serial)
            return None
        return wake._replace(at=found[0].ahead(outcome.started), pings=wake.pings + 1)

    def _resumed(self, prefix: bytes, now: float) -> bool:
        """Whether that prompt waited; it no longer does."""
        if self._pauses.use(prefix, now) is None:
            return False
        serial = self._serials.get(prefix)
        if serial is not None:
            self.stop(serial)
        return True

    def stop(self, serial: int) -> None:
        """No more pings for this plan."""
        found = self._kept.pop(serial, None)
        if found is not None:
            self._serials.pop(found[0].digest, None)


def _pays(kept: Kept, hazards: list[float], pings: int, used: float) -> bool:
    """Whether some number of further pings, from the entry's last use on, pays."""
    worth = worth_of(hazards, Prices.of(kept.rates))
    step = kept.ahead(0.0)
    total, alive = 0.0, 1.0
    for number in range(1, MOST_PINGS - pings + 1):
        age = used - kept.used + number * step
        if age >= EDGES[-1]:
            return False
        protected = kept.used + age + step < kept.long_until
        lost = kept.short - (kept.long if protected else 0)
        chance = within(hazards, age, step)
        total += alive * (chance * worth * lost - kept.price)
        if total > CAUTION * kept.price:
            return True
        alive *= 1 - chance
    return False
