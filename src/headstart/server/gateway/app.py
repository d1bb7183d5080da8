"""Putting a gateway together."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from headstart.planner import Planner, TrafficPlanner
from headstart.server.config import ConfigError, Settings
from headstart.server.emulate.accounts import Accounts
from headstart.server.emulate.state import emulated_accounts
from headstart.server.gateway.accountant import Accountant, Clock, Sink
from headstart.server.gateway.credentials import Credentials
from headstart.server.gateway.explicit import Explicit, Journal, JournalError
from headstart.server.gateway.faults import Faults
from headstart.server.gateway.gateway import PLANNED_BYTES, GatewayApp
from headstart.server.gateway.isolation import Isolation, shared_caches
from headstart.server.gateway.keepalive import KeepAlive
from headstart.server.gateway.local import Local
from headstart.server.gateway.metrics import GatewayMetrics
from headstart.server.gateway.models import Models
from headstart.server.gateway.pings import Pinger
from headstart.server.gateway.sharing import joined
from headstart.server.shared import SharedMetrics
from headstart.server.shared.leases import SHARE
from headstart.server.upstreams import DEFAULTS, Upstream
from headstart.usage import RequestRecord

_logger = logging.getLogger("headstart.server")
_ENTRIES = 20_000
"""Of each emulated cache: what the memory of a gateway is bounded by."""


def create_gateway(
    upstreams: Mapping[str, Upstream] = DEFAULTS,
    *,
    keys: Mapping[str, str] | None = None,
    secret: bytes | None = None,
    sink: Sink | None = None,
    planner: Planner | None = None,
    accounts: Accounts | None = None,
    planned_bytes: int = PLANNED_BYTES,
    local: Local | None = None,
    journal: Path | None = None,
    admin_key: str | None = None,
    shared: str | None = None,
    lease_share: float = SHARE,
    clock: Clock = time.time,
) -> GatewayApp:
    """An ASGI app. ``keys`` are gateway keys by tenant; ``secret`` makes names of tenants and
    prompts, which change with every start without one; ``sink`` gets a record of each request
    that is over; ``local`` is an engine's app beside the upstreams; beside ``journal`` the
    names of cache objects are kept until they are deleted; ``admin_key`` opens the operator's
    API of replicas; ``shared`` is the URL of the Valkey in which gateways with this secret
    share live state, ``lease_share`` how much of the time between two pings a lease holds;
    ``clock`` gives Unix seconds.
    ConfigError."""
    keys = keys or {}
    for notice in shared_caches(upstreams, keys):
        _logger.warning(notice)
    secret = secret or secrets.token_bytes(32)
    faults = Faults()
    metrics = GatewayMetrics(faults)
    planner, sink = planner or TrafficPlanner(), _both(metrics.recorded, sink)
    models = Models(accounts or emulated_accounts(limit=_ENTRIES))
    state = None
    if shared is not None:
        state = joined(shared, secret, faults, planner, models, clock, lease_share)
        metrics.registry.register(SharedMetrics(state))
    traced = state.traced if state is not None else None
    isolation = Isolation(upstreams, keys, secret)
    accountant = Accountant(
        models,
        planner,
        sink,
        faults,
        secret=secret,
        isolation=isolation,
        clock=clock,
        traced=traced,
    )
    pinger, leases = Pinger(sink, faults, clock, traced), state.leases if state else None
    keep_alive = KeepAlive(planner, pinger, faults, clock=clock, leases=leases)
    credentials = Credentials(upstreams, keys, secret)
    explicit = Explicit(
        upstreams,
        credentials,
        sink,
        faults,
        metrics.explicit,
        journal=opened_journal(upstreams, journal),
        clock=clock,
    )
    return GatewayApp(
        upstreams,
        credentials,
        accountant,
        metrics,
        faults,
        keep_alive,
        explicit,
        isolation,
        planned_bytes=planned_bytes,
        local=local,
        admin_key=admin_key,
        shared=state,
    )


def opened_journal(upstreams: Mapping[str, Upstream], base: Path | None) -> Journal | None:
    """Where a route makes cache objects, the file that names them; ConfigError if there is to
    be one and can't."""
    if base is None or not any(upstream.explicit_caches for upstream in upstreams.values()):
        return None
    try:
        return Journal.open(base)
    except JournalError as error:
        raise ConfigError(f"explicit_caches needs to write beside the ledger: {error}") from None


def _both(first: Callable[[RequestRecord], None], second: Sink | None) -> Sink:
    if second is None:
        return first

    def sink(record: RequestRecord) -> None:
        first(record)
        second(record)

    return sink


def gateway_of(
    settings: Settings,
    sink: Sink | None = None,
    local: Local | None = None,
    journal: Path | None = None,
) -> GatewayApp:
    """The gateway that the settings ask for. ConfigError."""
    secret = settings.tenant_secret
    if settings.shared_state is not None and secret is None:
        raise ConfigError("shared_state needs a tenant_secret, the same for every gateway")
    return create_gateway(
        settings.upstream,
        keys={name: key.get_secret_value() for name, key in settings.api_keys.items()},
        secret=secret.get_secret_value().encode() if secret else None,
        sink=sink,
        local=local,
        journal=journal,
        admin_key=settings.admin_key.get_secret_value() if settings.admin_key else None,
        shared=settings.shared_state.get_secret_value() if settings.shared_state else None,
    )
