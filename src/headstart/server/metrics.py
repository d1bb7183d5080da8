"""Prometheus metrics of one app, in a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headstart.engine.contract import Engine
from headstart.server.record import Record
from headstart.server.tier_metrics import TierCollector
from headstart.usage import Usage

_TTFT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0)


class Metrics:
    """Counts finished requests; asks the engine for its cache on every scrape."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        self._total = Usage()
        self._requests = Counter(
            "headstart_requests",
            "Requests answered, by dialect and status (499: the client left).",
            ["dialect", "status"],
            registry=self._registry,
        )
        self._tokens = Counter(
            "headstart_tokens",
            "Tokens by kind: read from the cache, written at a marker, fresh, output.",
            ["kind"],
            registry=self._registry,
        )
        self._ttft = Histogram(
            "headstart_ttft_seconds",
            "Time to first token, of requests that read from the cache and those that did not.",
            ["cache"],
            buckets=_TTFT_BUCKETS,
            registry=self._registry,
        )
        for kind in ("read", "written", "fresh", "output"):
            self._tokens.labels(kind)
        for outcome in ("hit", "miss"):
            self._ttft.labels(outcome)
        self._registry.register(_CacheCollector(engine, self))
        self._registry.register(TierCollector(engine))

    @property
    def token_hit_ratio(self) -> float:
        """Share of all input tokens since start that were read from the cache."""
        return self._total.hit_rate

    def count(self, record: Record) -> None:
        """Add a request that is over."""
        self._requests.labels(record.dialect, str(record.status)).inc()
        usage = record.usage
        if usage is None:
            return
        self._total += usage
        for kind in ("read", "written", "fresh", "output"):
            self._tokens.labels(kind).inc(getattr(usage, kind))
        if record.ttft is not None:
            self._ttft.labels("hit" if usage.read else "miss").observe(record.ttft)

    def exposition(self) -> bytes:
        """The registry in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)


class _CacheCollector(Collector):
    """The engine's own figures: read at scrape time, stored nowhere."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        stats = self._engine.stats()
        held = GaugeMetricFamily("headstart_cache_bytes", "KV bytes held.", labels=["state"])
        held.add_metric(["cached"], stats.cached_bytes)
        held.add_metric(["running"], stats.running_bytes)
        yield held
        for name, text, value in (
            ("headstart_cache_capacity_bytes", "Limit of all KV bytes.", stats.capacity_bytes),
            ("headstart_cache_tokens", "Tokens whose KV is cached.", stats.cached_tokens),
            ("headstart_requests_running", "Requests in the engine.", stats.requests_running),
            ("headstart_requests_waiting", "Requests not admitted yet.", stats.requests_waiting),
            (
                "headstart_token_hit_ratio",
                "Share of the input tokens read from the cache.",
                self._metrics.token_hit_ratio,
            ),
        ):
            yield GaugeMetricFamily(name, text, value=value)
        for name, text, value in (
            ("headstart_evicted_tokens", "Tokens evicted from the cache.", stats.evicted_tokens),
            ("headstart_leases_broken", "Leases ended early.", stats.leases_broken),
            ("headstart_preempted_requests", "Requests set back for memory.", stats.preempted),
        ):
            yield CounterMetricFamily(name, text, value=value)
