"""Prometheus metrics of the tiers below memory, by tier; of tenants they say nothing.

They are the tiers' own figures (``TierStats``), read at scrape time on the scrape's thread:
the model's thread is not asked, and a remote tier that does not answer costs the scrape
0.5 s, until it is paused. Counters are this process's, gauges the whole tier's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headstart.engine.contract import Engine

if TYPE_CHECKING:
    from headstart.kv.tiers.contract import TierStats

_Family = type[GaugeMetricFamily] | type[CounterMetricFamily]


class _Figure(NamedTuple):
    """``of(stats, object_bytes)`` is the sample's value."""

    family: _Family
    name: str
    text: str
    of: Callable[[TierStats, int], float]


_FIGURES = (
    _Figure(GaugeMetricFamily, "bytes", "Bytes held.", lambda t, _: t.stored_bytes),
    _Figure(GaugeMetricFamily, "limit_bytes", "Most bytes held.", lambda t, _: t.limit_bytes),
    _Figure(GaugeMetricFamily, "pages", "Pages held.", lambda t, _: t.objects),
    _Figure(GaugeMetricFamily, "pinned_bytes", "Bytes pinned.", lambda t, _: t.pinned_bytes),
    _Figure(GaugeMetricFamily, "leased_bytes", "Bytes leased.", lambda t, _: t.leased_bytes),
    _Figure(
        GaugeMetricFamily,
        "paused",
        "1 while a disk is not written to, or a remote tier not asked, after failures.",
        lambda t, _: t.paused,
    ),
    _Figure(CounterMetricFamily, "load_hits", "Pages read.", lambda t, _: t.hits),
    _Figure(
        CounterMetricFamily,
        "load_misses",
        "Reads of pages that had gone, and questions not asked of a paused tier.",
        lambda t, _: t.misses,
    ),
    _Figure(
        CounterMetricFamily, "loaded_bytes", "Bytes of pages read.", lambda t, size: t.hits * size
    ),
    _Figure(CounterMetricFamily, "stores", "Pages written.", lambda t, _: t.stored),
    _Figure(
        CounterMetricFamily,
        "stored_bytes",
        "Bytes of pages written.",
        lambda t, size: t.stored * size,
    ),
    _Figure(CounterMetricFamily, "evictions", "Pages evicted.", lambda t, _: t.evicted),
    _Figure(
        CounterMetricFamily,
        "damaged",
        "Pages that failed verification; a disk keeps them in quarantine.",
        lambda t, _: t.damaged,
    ),
    _Figure(
        CounterMetricFamily,
        "refused",
        "Writes given up: no room, a full disk, a paused tier.",
        lambda t, _: t.dropped,
    ),
    _Figure(CounterMetricFamily, "errors", "Failed or late operations.", lambda t, _: t.errors),
    _Figure(
        CounterMetricFamily, "leases_broken", "Leases ended early.", lambda t, _: t.leases_broken
    ),
)


class TierCollector(Collector):
    """Nothing for an engine without tiers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """One family a figure, one sample a tier."""
        admin = self._engine.admin
        tiers = admin.tier_stats() if admin else {}
        if admin is None or not tiers:
            return
        for figure in _FIGURES:
            family = figure.family(f"headstart_tier_{figure.name}", figure.text, labels=["tier"])
            for name, stats in tiers.items():
                family.add_metric([name], figure.of(stats, admin.object_bytes))
            yield family
