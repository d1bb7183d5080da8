"""A gateway in a thread of this process: for scripts, notebooks, and one program's run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from headstart.planner import Mode
from headstart.server.gateway.app import create_gateway
from headstart.server.gateway.explicit import journal_beside
from headstart.server.lifecycle import EmbeddedServer
from headstart.server.upstreams import DEFAULTS, Upstream
from headstart.usage import Usage

if TYPE_CHECKING:
    from headstart.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Bill:
    """Sums over all requests so far. Money in USD, of the models whose prices are known."""

    requests: int
    usage: Usage
    cost: float
    uncached: float
    """Of the same tokens if nothing had been read from a cache or written to one."""
    reasons: tuple[tuple[str, int], ...]
    """Why not all that was seen before was read, with the number of requests."""

    def __str__(self) -> str:
        usage = self.usage
        lines = [
            f"requests        {self.requests:,}",
            f"input tokens    {usage.input:,}: {usage.read:,} read from the cache"
            f" ({usage.hit_rate:.1%}), {usage.written:,} written, {usage.fresh:,} neither",
            f"output tokens   {usage.output:,}",
            f"bill            ${self.cost:.4f}; without caching ${self.uncached:.4f}",
        ]
        if self.reasons:
            told = ", ".join(f"{name} {count:,}" for name, count in self.reasons)
            lines.append(f"not read        {told}")
        return "\n".join(lines)


class Gateway:
    """``with Gateway() as hs: anthropic.Anthropic(base_url=hs.anthropic)``."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream] = DEFAULTS,
        *,
        mode: Mode | None = None,
        ledger: str | Path | None = None,
        port: int = 0,
    ) -> None:
        """``mode`` replaces that of every upstream; ``ledger`` is a path or database URL to
        keep a row of each request in. ConfigError, LedgerError, BindError."""
        if mode is not None:
            upstreams = {
                name: upstream.model_copy(update={"mode": mode})
                for name, upstream in upstreams.items()
            }
        self._upstreams = upstreams
        self._ledger = _opened(ledger)
        sink = self._ledger.record if self._ledger is not None else None
        journal = journal_beside(ledger)
        self._app = create_gateway(upstreams, sink=sink, journal=journal)
        self._server = EmbeddedServer(self._app, port=port, lifespan=True, grace=0.5)

    def __enter__(self) -> Gateway:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.__exit__(kind, error, trace)
        if self._ledger is not None:
            self._ledger.close()

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        return self._server.url

    @property
    def anthropic(self) -> str:
        """Base URL for Anthropic's SDK."""
        return self.url

    @property
    def openai(self) -> str:
        """Base URL for OpenAI's SDK."""
        return f"{self.url}/v1"

    @property
    def gemini(self) -> str:
        """Base URL for Google's SDK."""
        return self.url

    @property
    def speeches(self) -> frozenset[str]:
        """Dialects that an upstream speaks."""
        return frozenset(upstream.speech for upstream in self._upstreams.values())

    def upstream(self, name: str) -> str:
        """Base URL of one upstream by its name; KeyError."""
        if name not in self._upstreams:
            raise KeyError(f"no upstream {name!r} (known: {', '.join(self._upstreams)})")
        return f"{self.url}/{name}"

    def report(self) -> Bill:
        """What all requests so far took and cost."""
        metrics = self._app.metrics
        return Bill(
            metrics.requests,
            metrics.usage,
            metrics.cost,
            metrics.uncached,
            tuple(metrics.reasons),
        )


def _opened(ledger: str | Path | None) -> Ledger | None:
    if ledger is None:
        return None
    from headstart.ledger import Ledger

    return Ledger.open(ledger)
