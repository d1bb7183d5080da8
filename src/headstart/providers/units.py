"""DeepSeek's disk cache: prefix units, of which a hit needs the whole."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

from headstart.prompt import CUT_BYTES, Chain, Cuts
from headstart.providers.granular_base import Flow
from headstart.providers.granular_request import Found, Place, Request
from headstart.providers.granular_tree import TimedTree
from headstart.usage import MissReason

_OPEN: Final = b""
"""The model's answer was not sent back yet."""


@dataclass(slots=True)
class Unit:
    """One stored prefix."""

    built: float
    """From when on it can be read."""
    used: float
    output: bytes | None
    """Symbol of the prefix that ends with the model's answer to it, or ``_OPEN``; None
    where no request ended."""


class Step(NamedTuple):
    """A prefix of a prompt that is a unit, or that a unit's answer makes one."""

    tokens: int
    symbol: bytes
    unit: Unit
    answer: bool
    """The unit is the prompt that this prefix answers."""


class UnitEmulator(Flow):
    """Units are kept at the end of each request's input and of the model's output, where two
    requests part that did not read what they share, and every ``Rules.interval`` tokens.

    What a model said is known when a request sends it back: the first assistant turn that
    follows a unit is taken to be the answer to it. A request costs one probe of a dictionary
    a cut; memory is two small objects a unit, and the prompts seen as a prefix tree.
    """

    scheme: ClassVar[str] = "units"

    def _open(self) -> None:
        if self.rules.interval < 0 or self.rules.delay < 0:
            raise ValueError("interval and delay are not negative")
        self._units: OrderedDict[tuple[str, bytes], Unit] = OrderedDict()
        self._prompts = TimedTree(self.rules.lifetimes, limit=self._limit)

    @property
    def entries(self) -> int:
        return len(self._units)

    def _find(self, chain: Chain, place: Place, now: float) -> Found:
        steps = self._path(chain, place.name)
        hit = self._hit(steps, now)
        read = self._readable(chain, hit.tokens) if hit is not None else 0
        missed = [(self._readable(chain, step.tokens), self._why(step, now)) for step in steps]
        cuts = chain.cuts
        if pending := self._flight.ending(cuts, place.name):
            waiting = self._readable(chain, cuts.ends[pending - 1])
            missed.append((waiting, MissReason.NOT_YET_READABLE))
        seen = self._prompts.held(cuts, place.name, now).stored
        entry = hit.symbol.hex() if hit is not None and read else None
        tokens = cuts.ends[seen - 1] if seen else 0
        return Found(read, entry, tokens, missed, parted=None)

    def _keep(self, ticket: Request, now: float) -> None:
        chain, name = ticket.chain, ticket.place.name
        cuts, steps = chain.cuts, self._path(chain, name)
        hit = self._hit(steps, now)
        reached = hit.tokens if hit is not None else 0
        for step in steps:
            if step.answer and not self._gone(step.unit, now):
                step.unit.output = step.symbol
                self._store(name, step.symbol, now, None, built=step.unit.built)
            elif not step.answer and step.tokens <= reached:
                self._store(name, step.symbol, now, step.unit.output)
        common = self._prompts.held(cuts, name, now).live
        if common and cuts.ends[common - 1] > reached:
            self._store(name, _symbol(cuts, common), now, None)
        for count in self._spaced(cuts):
            self._store(name, _symbol(cuts, count), now, None)
        self._store(name, _symbol(cuts, len(cuts.ends)), now, _OPEN)
        self._prompts.write(cuts, name, 0, now)
        while len(self._units) > self._limit:
            self._units.popitem(last=False)

    def _lose(self, ticket: Request, read: int, now: float) -> None:
        chain, name = ticket.chain, ticket.place.name
        for step in self._path(chain, name):
            if step.tokens > read:
                self._units.pop((name, step.symbol), None)
                if step.answer:
                    step.unit.output = None
        if ticket.answered:
            self._store(name, chain.keys[-1][:CUT_BYTES], now, _OPEN)

    def _dump(self) -> Any:
        units = [
            (name, symbol, unit.built, unit.used, unit.output)
            for (name, symbol), unit in self._units.items()
        ]
        return units, self._prompts.dump()

    def _restore(self, state: Any) -> None:
        units, prompts = state
        for name, symbol, built, used, output in units:
            self._units[str(name), bytes(symbol)] = Unit(float(built), float(used), output)
        self._prompts.restore(prompts)

    def _path(self, chain: Chain, name: str) -> list[Step]:
        """Every prefix of a prompt that is a unit, or an answer to one, longest first."""
        found = [*self._stored(chain.cuts, name), *self._answers(chain, name)]
        return sorted(found, key=lambda step: step.tokens, reverse=True)

    def _stored(self, cuts: Cuts, name: str) -> Iterator[Step]:
        for count, tokens in enumerate(cuts.ends, 1):
            symbol = _symbol(cuts, count)
            if (unit := self._units.get((name, symbol))) is not None:
                yield Step(tokens, symbol, unit, answer=False)

    def _answers(self, chain: Chain, name: str) -> Iterator[Step]:
        for first, last in chain.outputs:
            if not first:
                continue
            symbol = chain.keys[last][:CUT_BYTES]
            unit = self._units.get((name, chain.keys[first - 1][:CUT_BYTES]))
            if unit is not None and unit.output in (_OPEN, symbol):
                yield Step(chain.ends[last], symbol, unit, answer=True)

    def _hit(self, steps: list[Step], now: float) -> Step | None:
        return next((s for s in steps if s.unit.built <= now and not self._gone(s.unit, now)), None)

    def _why(self, step: Step, now: float) -> MissReason:
        return MissReason.EXPIRED if self._gone(step.unit, now) else MissReason.NOT_YET_READABLE

    def _gone(self, unit: Unit, now: float) -> bool:
        return now >= unit.used + self.rules.lifetimes[0].seconds

    def _readable(self, chain: Chain, tokens: int) -> int:
        return self._steps.readable(tokens, chain.tokens)

    def _spaced(self, cuts: Cuts) -> Iterator[int]:
        """Counts of cuts that end at, or last before, a multiple of the interval."""
        interval = self.rules.interval
        total = cuts.ends[-1]
        for tokens in range(interval, total + 1, interval) if interval else ():
            if count := bisect_right(cuts.ends, tokens):
                yield count

    def _store(
        self, name: str, symbol: bytes, now: float, output: bytes | None, built: float | None = None
    ) -> None:
        """Keep a unit from now on. One that lives is refreshed, and no less readable."""
        ready = now + self.rules.delay if built is None else built
        unit = self._units.get((name, symbol))
        if unit is None or self._gone(unit, now):
            self._units[name, symbol] = Unit(ready, now, output)
        else:
            unit.built, unit.used = min(unit.built, ready), now
            unit.output = unit.output if output is None else output
        self._units.move_to_end((name, symbol))


def _symbol(cuts: Cuts, count: int) -> bytes:
    """The prefix of so many cuts."""
    return cuts.symbols[(count - 1) * CUT_BYTES : count * CUT_BYTES]
