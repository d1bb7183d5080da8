"""A gateway's planner and emulated caches, joined to those of other gateways."""

from __future__ import annotations

from headstart.planner import Fact, Planner, TrafficPlanner
from headstart.server.config import ConfigError
from headstart.server.gateway.accountant import Clock
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.models import Models
from headstart.server.shared import Entries, SharedState, Unavailable, shared_state


def joined(
    url: str,
    secret: bytes,
    faults: Faults,
    planner: Planner,
    models: Models,
    clock: Clock,
    lease_share: float,
) -> SharedState:
    """What the planner learns is told to others from now on, and what others tell is taken
    in once it is started. ConfigError without the libraries."""

    def learn(fact: Fact) -> None:
        if isinstance(planner, TrafficPlanner):
            planner.learn(fact, clock())

    def observe(entries: Entries) -> None:
        model, now = models.get(entries.provider, entries.model), clock()
        if entries.trace is not None:
            model.emulator.observe(entries.trace, now)
        if entries.automatic is not None:
            model.automatic.observe(entries.automatic, now)

    try:
        state = shared_state(url, secret, faults.note, learn, observe, lease_share=lease_share)
    except Unavailable as error:
        raise ConfigError(str(error)) from None
    if isinstance(planner, TrafficPlanner):
        planner.tell = state.tell
    return state
