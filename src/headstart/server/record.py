"""What the server remembers of one request while it is served: for its log line and metrics."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from headstart.server.auth import DEFAULT_TENANT
from headstart.usage import RequestRecord, Usage

CLIENT_GONE = 499
"""The status logged for a client that left before its answer (nginx's number)."""

ENGINE = "engine"
"""Route and provider of requests that the local engine answered."""


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

    def kept(self) -> RequestRecord | None:
        """For a ledger; None for what named no model. The engine's tokens have no price, and
        none is paid for writing: what is written counts as fresh."""
        if self.model is None:
            return None
        usage = self.usage or Usage()
        return RequestRecord(
            id=self.request_id,
            time=time.time() - self.elapsed,
            tenant=self.tenant or DEFAULT_TENANT,
            route=ENGINE,
            provider=ENGINE,
            model=self.model,
            usage=Usage(fresh=usage.fresh + usage.written, read=usage.read, output=usage.output),
            status=self.status or CLIENT_GONE,
            stream=self.stream,
            plan=ENGINE,
            ttft=self.ttft,
            latency=self.elapsed,
        )


def record_of(connection: HTTPConnection) -> Record:
    """The record that the outermost middleware put beside this request."""
    record = connection.state.record
    assert isinstance(record, Record)
    return record
