"""What every provider's prompt cache does, as dated rules and an emulator that applies them."""

from headstart.providers.contract import Divergence, Emulator, Lookup, Ticket
from headstart.providers.rules import Confidence, Lifetime, Rules, Scheme, Source

__all__ = [
    "Confidence",
    "Divergence",
    "Emulator",
    "Lifetime",
    "Lookup",
    "Rules",
    "Scheme",
    "Source",
    "Ticket",
]
