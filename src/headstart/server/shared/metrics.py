"""The shared state's figures in Prometheus' families, read at scrape time."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headstart.server.shared.state import SharedState

_EVENTS = ("sent", "applied", "dropped", "foreign", "repeated", "failures", "resets")


class SharedMetrics(Collector):
    """Of one gateway's part."""

    def __init__(self, state: SharedState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """All families."""
        state = self._state
        facts = CounterMetricFamily(
            "headstart_shared_facts",
            "Facts shared with other gateways through Valkey, by event.",
            labels=["event"],
        )
        for event in _EVENTS:
            facts.add_metric([event], state.counts[event])
        yield facts
        yield CounterMetricFamily(
            "headstart_shared_bytes", "Bytes of facts sent.", value=state.counts["bytes"]
        )
        for name, text, value in (
            ("headstart_shared_up", "1 while Valkey answers.", float(state.up)),
            ("headstart_shared_peers", "Other gateways lately heard of.", self._peers()),
            ("headstart_shared_lag_seconds", "Age of the latest facts taken in.", state.lag),
            ("headstart_shared_waiting", "Facts that wait to be sent.", len(state.outbox)),
        ):
            yield GaugeMetricFamily(name, text, value=value)

    def _peers(self) -> int:
        return self._state.peers.there(time.time())
