"""Replicas' figures in Prometheus' text format, read at scrape time. Of tenants, nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from headstart.server.replicas.fleets import Fleets

_LABELS = ["upstream", "replica"]
_OUTCOMES = ("answered", "failed", "left", "unreached", "broken")
_TOKENS = {
    "tokens_expected": "expected to be held by the replica",
    "tokens_read": "said by the replica to have been read",
    "tokens_best": "held by the replica that held most of the prompt",
}


class ReplicaMetrics(Collector):
    """Families of all fleets."""

    def __init__(self, fleets: Fleets) -> None:
        self._fleets = fleets

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._counters()

    def _gauges(self) -> Iterator[Metric]:
        for name, text, field in (
            ("headstart_replica_waiting_tokens", "Given and not yet prefilled.", "waiting_tokens"),
            ("headstart_replica_outstanding", "Requests under way.", "outstanding"),
            ("headstart_replica_history_tokens", "Believed to be held.", "history_tokens"),
            ("headstart_replica_blocks", "Held, by KV events.", "blocks"),
        ):
            family = GaugeMetricFamily(name, text, labels=_LABELS)
            for fleet in self._fleets:
                for member in fleet.members.values():
                    family.add_metric([fleet.name, member.name], float(str(member.row()[field])))
            yield family
        family = GaugeMetricFamily(
            "headstart_replica_state",
            "1 for the state that it is in: up, trying, down, draining.",
            labels=[*_LABELS, "state"],
        )
        for fleet in self._fleets:
            for member in fleet.members.values():
                family.add_metric([fleet.name, member.name, member.state], 1.0)
        yield family

    def _counters(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "headstart_replica_requests", "Requests by outcome.", labels=[*_LABELS, "outcome"]
        )
        tokens = CounterMetricFamily(
            "headstart_replica_tokens",
            "Prompt tokens of answered requests: " + "; ".join(_TOKENS.values()) + ".",
            labels=[*_LABELS, "kind"],
        )
        events = CounterMetricFamily(
            "headstart_replica_events",
            "KV events: batches, blocks stored and removed, clears, batches lost, restarts.",
            labels=[*_LABELS, "kind"],
        )
        failovers = CounterMetricFamily(
            "headstart_replica_failovers",
            "Requests that went on to another replica.",
            labels=["upstream"],
        )
        tokenized = CounterMetricFamily(
            "headstart_replica_tokenize",
            "Prompts that a replica was asked the tokens of: asked, failed; and ms in all.",
            labels=["upstream", "kind"],
        )
        for fleet in self._fleets:
            failovers.add_metric([fleet.name], fleet.failovers)
            for kind, value in fleet.tokenized.copy().items():
                tokenized.add_metric([fleet.name, kind], value)
            for member in fleet.members.values():
                labels = [fleet.name, member.name]
                for outcome in _OUTCOMES:
                    requests.add_metric([*labels, outcome], member.counts[outcome])
                for kind in _TOKENS:
                    name = kind.removeprefix("tokens_")
                    tokens.add_metric([*labels, name], member.counts[kind])
                if member.subscriber is not None:
                    for kind, value in member.subscriber.counts.copy().items():
                        events.add_metric([*labels, kind], value)
        yield from (requests, tokens, events, failovers, tokenized)
