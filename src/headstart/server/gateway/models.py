"""What is known of one provider's model: its emulated cache, rules and prices."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from headstart.dialects import DialectError
from headstart.planner import Rates, rates_of
from headstart.pricing import Pricer
from headstart.providers import Emulator, GranularEmulator, Rules, minimum_of
from headstart.server.emulate.accounts import MOST_MODELS, Accounts
from headstart.server.gateway.automatic import Automatic

MOST_NAME: Final = 1024
"""Characters; ARNs at Bedrock have some hundred."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one provider, on the day that the gateway was started."""

    emulator: Emulator
    rules: Rules
    pricer: Pricer
    rates: Rates
    minimum: int
    automatic: Automatic


class Models:
    """Every model that was asked for, the latest ones only. Not safe across threads."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._models: OrderedDict[tuple[str, str], Model] = OrderedDict()

    def get(self, provider: str, model: str) -> Model:
        """KeyError for an unknown provider; DialectError for what can be no model's name, which
        would be remembered with everything that is."""
        if len(model) > MOST_NAME:
            raise DialectError(400, "invalid_request_error", "no model has so long a name")
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
            Automatic(rules, pricer, self._replayed(provider, model, rules)),
        )
        self._models[provider, model] = found
        if len(self._models) > MOST_MODELS:
            self._models.popitem(last=False)
        return found

    def _replayed(self, provider: str, model: str, rules: Rules) -> Emulator | None:
        """Only where something can be marked does a request differ from the automatic mode."""
        marks = rules.marker is not None and rules.most_markers > 0
        return self._accounts.another(provider, model) if marks else None
