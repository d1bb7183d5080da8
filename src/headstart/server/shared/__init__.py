"""What several gateways share through Valkey: facts of their requests, and leases for pings."""

from headstart.server.shared.leases import Lease, Leases
from headstart.server.shared.metrics import SharedMetrics
from headstart.server.shared.state import SharedState, Unavailable, shared_state
from headstart.server.shared.wire import Batch, Entries, Seal, Unreadable

__all__ = [
    "Batch",
    "Entries",
    "Lease",
    "Leases",
    "Seal",
    "SharedMetrics",
    "SharedState",
    "Unavailable",
    "Unreadable",
    "shared_state",
]
