"""A gateway in a process of its own, whose clock is a file that a test writes.

python -m tests.server.shared.child '{"port": 8080, "provider": "http://...", ...}'
"""

from __future__ import annotations

import os
import struct
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from headstart.ledger import Ledger
from headstart.planner import Outcome, Plan, TrafficPlanner, Wake
from headstart.server import EmbeddedServer, bind
from headstart.server.gateway import Upstream, create_gateway

PERIOD = 285.0
"""Seconds from one ping to the next."""


class Asked(NamedTuple):
    """How the child is to be started."""

    port: int
    provider: str
    clock: str
    ledger: str
    shared: str | None = None
    always: bool = False
    lease_share: float = 0.8

    @property
    def command(self) -> list[str]:
        """To be run where this repository lies."""
        asked = msgspec.json.encode(self).decode()
        return [sys.executable, "-m", "tests.server.shared.child", asked]


class Moved:
    """Unix seconds that all processes read from one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def show(self, now: float) -> None:
        """In one write of 8 bytes, so that nobody reads half of it."""
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT)
        os.pwrite(file, struct.pack("d", now), 0)
        os.close(file)

    def now(self) -> float:
        (now,) = struct.unpack("d", self._path.read_bytes())
        return float(now)


class Always(TrafficPlanner):
    """Wants to ping all that was written, whatever others tell: the lease alone decides."""

    def settle(self, plan: Plan, outcome: Outcome) -> Wake | None:
        super().settle(plan, outcome)
        return Wake(outcome.started + PERIOD, plan.serial, 0, PERIOD) if plan.placements else None

    def due(self, wake: Wake, now: float) -> bool:
        return True

    def pinged(self, wake: Wake, outcome: Outcome) -> Wake | None:
        return wake._replace(at=outcome.started + PERIOD) if outcome.ok else None


def serve(asked: Asked) -> None:
    """Until killed."""
    clock = Moved(Path(asked.clock))
    ledger = Ledger.open(asked.ledger)
    upstream = Upstream(base_url=asked.provider, provider="anthropic", keep_alive=asked.always)
    app = create_gateway(
        {"anthropic": upstream},
        secret=b"common",
        sink=ledger.record,
        planner=Always() if asked.always else TrafficPlanner(),
        shared=asked.shared,
        lease_share=asked.lease_share,
        clock=clock.now,
    )

    with EmbeddedServer(app, sock=bind("127.0.0.1", asked.port), lifespan=True, grace=0.1):
        while True:
            time.sleep(0.02)
            app.keep_alive.nudge()


if __name__ == "__main__":
    serve(msgspec.json.decode(sys.argv[1], type=Asked))
