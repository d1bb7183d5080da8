"""The gateway as it is measured: planning and ledger on. ``UPSTREAM`` and ``LEDGER`` say
where they are."""

from __future__ import annotations

import os

from headstart.ledger import Ledger
from headstart.server.gateway import Upstream, create_gateway
from headstart.server.lifecycle import settle_memory

_URL = os.environ["UPSTREAM"]
_LEDGER = Ledger.open(os.environ["LEDGER"])
app = create_gateway(
    {name: Upstream(base_url=_URL, provider=name) for name in ("anthropic", "openai")},
    sink=_LEDGER.record,
)
settle_memory()
