"""A server with the providers' own APIs and their prompt caches, and no model behind it."""

from headstart.server.emulate.accounts import Accounts
from headstart.server.emulate.app import create_emulator
from headstart.server.emulate.clock import Clock
from headstart.server.emulate.journal import Entry, Journal
from headstart.server.emulate.state import State, emulated_accounts, parse_knobs

__all__ = [
    "Accounts",
    "Clock",
    "Entry",
    "Journal",
    "State",
    "create_emulator",
    "emulated_accounts",
    "parse_knobs",
]
