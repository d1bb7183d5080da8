"""An emulator for a provider, a model and a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from headstart.prompt import Segment
from headstart.providers.breakpoints import BreakpointEmulator
from headstart.providers.contract import Emulator, Pricer
from headstart.providers.granular import GranularEmulator
from headstart.providers.granular_unmarked import Unmarked
from headstart.providers.recall import Recall
from headstart.providers.rules import Rules, Scheme
from headstart.providers.table import rules_for, with_knobs
from headstart.providers.units import UnitEmulator

_ENGINES: Final[Mapping[Scheme, Callable[..., Emulator]]] = MappingProxyType(
    {
        "breakpoints": BreakpointEmulator,
        "granular": GranularEmulator,
        "units": UnitEmulator,
        "none": GranularEmulator,
    }
)
_NO_KNOBS: Final[Mapping[str, Any]] = MappingProxyType({})


def emulate(
    provider: str,
    model: str,
    at: date,
    *,
    count: Callable[[Segment], int],
    price: Pricer | None = None,
    knobs: Mapping[str, Any] = _NO_KNOBS,
    limit: int = 100_000,
    recall: Recall | None = None,
) -> Emulator:
    """One provider's cache for one model, under the rules of a day.

    ``count`` gives the tokens of a segment; ``price`` makes ``Lookup.cost``; ``knobs``
    replace fields of ``Rules``; ``limit`` bounds what is held; emulators of one provider may
    share a ``recall``, to tell when another model had the same prompt. KeyError for an
    unknown provider, ValueError for an unknown knob.
    """
    rules, warnings = rules_for(provider, model, at)

    def engine(rules: Rules) -> Emulator:
        return _ENGINES[rules.scheme](
            rules, model, count=count, price=price, limit=limit, recall=recall, warnings=warnings
        )

    marked = engine(with_knobs(rules, knobs))
    return marked if rules.unmarked is None else Unmarked(marked, engine(rules.unmarked))
