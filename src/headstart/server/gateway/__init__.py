"""The gateway: hosted models behind one base URL, their caches planned, every token told."""

from headstart.server.gateway.app import create_gateway, gateway_of
from headstart.server.gateway.embedded import Bill, Gateway
from headstart.server.gateway.explicit import journal_beside
from headstart.server.gateway.gateway import GatewayApp
from headstart.server.gateway.local import Local
from headstart.server.upstreams import DEFAULTS, Upstream, parse_upstreams

__all__ = [
    "DEFAULTS",
    "Bill",
    "Gateway",
    "GatewayApp",
    "Local",
    "Upstream",
    "create_gateway",
    "gateway_of",
    "journal_beside",
    "parse_upstreams",
]
