"""Records and waits that the ledger's tests share."""

from __future__ import annotations

import itertools
from typing import Any

from headstart.usage import RequestRecord, Usage

NOW = 1_790_000_000.0
_numbers = itertools.count()


def sample(**changes: Any) -> RequestRecord:
    """A request of the Messages API that read 9,000 of 9,400 tokens."""
    given: dict[str, Any] = {
        "id": f"req_{next(_numbers)}",
        "time": NOW,
        "tenant": "acme",
        "route": "claude",
        "provider": "anthropic",
        "model": "claude-sonnet-5",
        "usage": Usage(fresh=100, read=9000, write_5m=300, output=200),
        "status": 200,
        "prefix": "a1b2c3",
        "cost": 0.01,
        "cost_uncached": 0.03,
    }
    return RequestRecord(**(given | changes))
