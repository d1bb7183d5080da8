"""One request that was read, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.dialects import Call, Facts
from headstart.planner import Plan
from headstart.prompt import Chain
from headstart.providers import Ticket
from headstart.server.gateway.models import Model
from headstart.server.gateway.targets import Target


@dataclass(slots=True)
class Case:
    """One request that was read, until its record is written."""

    id: str
    came: float
    tenant: str
    target: Target
    call: Call
    model: Model
    chain: Chain
    plan: Plan
    ticket: Ticket
    header: str
    version: str | None
    sent: bytes | None
    """The body as it went out, where it may be repeated."""
    prompt: str | None = None
    """The client's body, where prompts are stored."""
    routing: tuple[str, str] | None = None
    """A header that goes out with it: where the provider routes by one."""
    apart: bool = False
    """Tenants share the upstream's credential, and this one's entries are its own."""
    waited: float = 0.0
    """Seconds that it was held back for another one's sake."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a request."""

    status: int
    whole: bool
    """The response came to its end."""
    facts: Facts
    """What it said of itself, as far as it came."""
    ttft: float | None
    latency: float
