"""The gateway's figures in Prometheus' text format, read at scrape time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headstart.server.gateway.faults import Faults
from headstart.usage import RequestRecord, Usage

_KINDS = ("read", "written", "fresh", "output")


class GatewayMetrics(Collector):
    """Plain counts on a request's path; families only when asked."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._requests: Counter[tuple[str, int]] = Counter()
        self._reasons: Counter[str] = Counter()
        self.usage = Usage()
        self.cost = 0.0
        self.uncached = 0.0
        self.running = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def answered(self, upstream: str, status: int) -> None:
        """Count a response."""
        self._requests[upstream, status] += 1

    def recorded(self, record: RequestRecord) -> None:
        """Add up a record."""
        self.usage += record.usage
        self.cost += record.cost or 0.0
        self.uncached += record.cost_uncached or 0.0
        if record.reason is not None:
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
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "headstart_gateway_requests",
            "Requests by upstream and status (499: the client left).",
            labels=["upstream", "status"],
        )
        for (upstream, status), count in self._requests.copy().items():
            requests.add_metric([upstream, str(status)], count)
        yield requests
        tokens = CounterMetricFamily("headstart_gateway_tokens", "Tokens by kind.", labels=["kind"])
        for kind in _KINDS:
            tokens.add_metric([kind], getattr(self.usage, kind))
        yield tokens
        faults = CounterMetricFamily(
            "headstart_gateway_faults",
            "What went wrong and was kept from the client, by kind.",
            labels=["kind"],
        )
        for name, count in self._faults.counts.copy().items():
            faults.add_metric([name], count)
        yield faults
        for name, text, value in (
            ("headstart_gateway_cost_usd", "Spent on the recorded requests.", self.cost),
            ("headstart_gateway_uncached_usd", "Without any cache.", self.uncached),
        ):
            yield CounterMetricFamily(name, text, value=value)
        yield GaugeMetricFamily("headstart_gateway_running", "Under way.", value=self.running)
