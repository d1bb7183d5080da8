"""The gateway's figures in Prometheus' text format, read at scrape time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headstart.server.gateway.faults import Faults
from headstart.usage import PING, RequestRecord, Usage

_KINDS = ("read", "written", "fresh", "output")


class GatewayMetrics(Collector):
    """Plain counts on a request's path; families only when asked."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._requests: Counter[tuple[str, int]] = Counter()
        self._reasons: Counter[str] = Counter()
        self._pings: Counter[tuple[str, int]] = Counter()
        self._pings_cost = 0.0
        self._waited = 0.0
        self.waits: Counter[str] = Counter()
        """Requests that were held back for another one, by how that ended."""
        self.explicit: Counter[str] = Counter()
        """Explicit cache objects, by what became of them."""
        self.usage = Usage()
        self.cost = 0.0
        self.uncached = 0.0
        self.running = 0
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def answered(self, upstream: str, status: int) -> None:
        """Count a response."""
        self._requests[upstream, status] += 1

    def recorded(self, record: RequestRecord) -> None:
        """Add up a record."""
        self.usage += record.usage
        self.cost += record.cost or 0.0
        self.uncached += record.cost_uncached or 0.0
        self._waited += record.waited
        if record.plan == PING:
            self._pings[record.route, record.status] += 1
            self._pings_cost += record.cost or 0.0
        elif record.reason is not None:
            self._reasons[record.reason] += 1

    @property
    def requests(self) -> int:
        """Responses so far."""
        return self._requests.total()

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why not all was read, the most frequent reason first."""
        return self._reasons.most_common()

    def exposition(self) -> bytes:
        """Text format 0.0.4."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "headstart_gateway_requests",
            "Requests by upstream and status (499: the client left).",
            labels=["upstream", "status"],
        )
        for (upstream, status), count in self._requests.copy().items():
            requests.add_metric([upstream, str(status)], count)
        yield requests
        pings = CounterMetricFamily(
            "headstart_gateway_pings",
            "Keep-alive pings by upstream and status.",
            labels=["upstream", "status"],
        )
        for (upstream, status), count in self._pings.copy().items():
            pings.add_metric([upstream, str(status)], count)
        yield pings
        tokens = CounterMetricFamily("headstart_gateway_tokens", "Tokens by kind.", labels=["kind"])
        for kind in _KINDS:
            tokens.add_metric([kind], getattr(self.usage, kind))
        yield tokens
        waits = CounterMetricFamily(
            "headstart_gateway_waits",
            "Requests held back for another one to write what they share, by how it ended.",
            labels=["outcome"],
        )
        for outcome, count in self.waits.copy().items():
            waits.add_metric([outcome], count)
        yield waits
        explicit = CounterMetricFamily(
            "headstart_gateway_explicit_caches",
            "Explicit cache objects by event: made, extended, deleted, lapsed, gone ...",
            labels=["event"],
        )
        for event, count in self.explicit.copy().items():
            explicit.add_metric([event], count)
        yield explicit
        faults = CounterMetricFamily(
            "headstart_gateway_faults",
            "What went wrong and was kept from the client, by kind.",
            labels=["kind"],
        )
        for name, count in self._faults.counts.copy().items():
            faults.add_metric([name], count)
        yield faults
        for name, text, value in (
            ("headstart_gateway_cost_usd", "Spent, pings included.", self.cost),
            ("headstart_gateway_uncached_usd", "Without any cache.", self.uncached),
            ("headstart_gateway_waited_seconds", "Spent held back.", self._waited),
            ("headstart_gateway_pings_usd", "Spent on pings alone.", self._pings_cost),
        ):
            yield CounterMetricFamily(name, text, value=value)
        yield GaugeMetricFamily("headstart_gateway_running", "Under way.", value=self.running)
