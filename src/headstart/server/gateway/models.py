"""What is known of one provider's model: its emulated cache, rules and prices."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from headstart.planner import Rates
from headstart.pricing import Pricer
from headstart.providers import (
    BreakpointEmulator,
    Emulator,
    GranularEmulator,
    Rules,
    minimum_of,
)
from headstart.server.emulate.accounts import MOST_MODELS, Accounts
from headstart.usage import Usage


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one provider, on the day that the gateway was started."""

    emulator: Emulator
    rules: Rules
    pricer: Pricer
    rates: Rates
    minimum: int

    @property
    def whole_segments(self) -> bool:
        """Its cache holds no part of a segment."""
        return isinstance(self.emulator, BreakpointEmulator)


class Models:
    """Every model that was asked for, the latest ones only. Not safe across threads."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._models: OrderedDict[tuple[str, str], Model] = OrderedDict()

    def get(self, provider: str, model: str) -> Model:
        """KeyError for an unknown provider."""
        found = self._models.get((provider, model))
        if found is not None:
            self._models.move_to_end((provider, model))
            return found
        rules = self._accounts.rules(provider, model)
        pricer = self._accounts.pricer(provider, model)
        emulator = self._accounts.emulator(provider, model)
        if isinstance(emulator, GranularEmulator) and emulator.resources is not None:
            emulator.resources.foreign = True
        found = Model(
            emulator,
            rules,
            pricer,
            rates_of(rules, pricer),
            minimum_of(rules, model),
        )
        self._models[provider, model] = found
        if len(self._models) > MOST_MODELS:
            self._models.popitem(last=False)
        return found


def rates_of(rules: Rules, pricer: Pricer) -> Rates:
    """Prices as multiples of plain input's. Without a price nothing is sold, so that nothing
    is marked whose cost nobody knows."""
    plain = pricer.cost(Usage(fresh=1))
    if not plain:
        return Rates(1.0, (), 1.0)
    read = pricer.cost(Usage(read=1))
    writes = tuple(
        (life.seconds, cost / plain)
        for life in sorted(rules.lifetimes, key=lambda life: life.seconds)
        if life.bucket is not None and (cost := pricer.cost(Usage(**{life.bucket: 1}))) is not None
    )
    output = pricer.cost(Usage(output=1))
    return Rates(plain if read is None else read / plain, writes, (output or plain) / plain, plain)
