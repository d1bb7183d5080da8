"""What every provider's prompt cache does, as dated rules and an emulator that applies them."""

from headstart.providers.breakpoints import BreakpointEmulator
from headstart.providers.contract import Divergence, Emulator, Lookup, Pricer, Ticket, Trace
from headstart.providers.emulate import emulate
from headstart.providers.granular import GranularEmulator
from headstart.providers.recall import Nearest, Recall
from headstart.providers.resource_objects import ResourceError
from headstart.providers.resources import CacheResources
from headstart.providers.rules import Confidence, Lifetime, Rules, Scheme, Source
from headstart.providers.table import (
    UnknownProvider,
    minimum_of,
    provider_of_model,
    providers,
    rows_of,
    rules_for,
    with_knobs,
)
from headstart.providers.units import UnitEmulator

__all__ = [
    "BreakpointEmulator",
    "CacheResources",
    "Confidence",
    "Divergence",
    "Emulator",
    "GranularEmulator",
    "Lifetime",
    "Lookup",
    "Nearest",
    "Pricer",
    "Recall",
    "ResourceError",
    "Rules",
    "Scheme",
    "Source",
    "Ticket",
    "Trace",
    "UnitEmulator",
    "UnknownProvider",
    "emulate",
    "minimum_of",
    "provider_of_model",
    "providers",
    "rows_of",
    "rules_for",
    "with_knobs",
]
