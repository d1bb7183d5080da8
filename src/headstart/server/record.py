"""What the server remembers of one request while it is served: for its log line and metrics."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from headstart.usage import Usage

CLIENT_GONE = 499
"""The status logged for a client that left before its answer (nginx's number)."""


@dataclass(slots=True)
class Record:
    """One request so far. Holds no text of the client's."""

    dialect: str
    request_id: str = field(default_factory=lambda: f"req_{secrets.token_hex(12)}")
    started: float = field(default_factory=time.perf_counter)
    tenant: str | None = None
    model: str | None = None
    """A served name; None until it is known to be one."""
    stream: bool = False
    usage: Usage | None = None
    """None until the first token is there."""
    ttft: float | None = None
    """Seconds from the request's arrival to its first token."""
    status: int | None = None
    """None while nothing was answered."""
    fault: str | None = None
    """What went wrong on our side, without any text of the client's."""

    @property
    def elapsed(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self.started


def record_of(connection: HTTPConnection) -> Record:
    """The record that the outermost middleware put beside this request."""
    record = connection.state.record
    assert isinstance(record, Record)
    return record
