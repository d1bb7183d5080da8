"""Gemini's explicit cache objects: made, used, held and cleaned up for routes that ask for it."""

from headstart.server.gateway.explicit.journal import Journal, JournalError, journal_beside
from headstart.server.gateway.explicit.manager import Explicit
from headstart.server.gateway.explicit.turn import Turn

__all__ = ["Explicit", "Journal", "JournalError", "Turn", "journal_beside"]
