"""The connector's figures on vLLM's own ``/metrics``: pages, tiers, failures."""

from __future__ import annotations

import threading
from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.metrics import (
    KVConnectorPromMetrics,
    KVConnectorStats,
)

from headstart.kv.store import TieredStore

REFRESH_SECONDS = 5.0
"""How often the tiers are asked for their figures."""
COUNTERS = {
    "loaded_pages": "Pages loaded into vLLM's blocks.",
    "failed_pages": "Pages that were to be loaded and had to be computed.",
    "load_seconds": "Seconds that requests waited for pages, all of them together.",
    "saved_pages": "Pages copied out of vLLM's blocks.",
    "dropped_pages": "Pages not written: the queue was full.",
    "damaged_pages": "Pages that failed verification.",
    "faults": "Errors in background work.",
}
TIER_GAUGES = {
    "bytes": ("stored_bytes", "Bytes held."),
    "limit_bytes": ("limit_bytes", "Most bytes held."),
    "pages": ("objects", "Pages held."),
    "pinned_bytes": ("pinned_bytes", "Bytes pinned."),
    "leased_bytes": ("leased_bytes", "Bytes leased."),
    "paused": ("paused", "1 while the tier is spared after failures."),
}
TIER_COUNTERS = {
    "load_hits": ("hits", "Pages read."),
    "load_misses": ("misses", "Pages that had gone, and questions not asked of a paused tier."),
    "stores": ("stored", "Pages written."),
    "evictions": ("evicted", "Pages evicted."),
    "damaged": ("damaged", "Pages that failed verification."),
    "refused": ("dropped", "Writes given up: no room, a full disk, a paused tier."),
    "errors": ("errors", "Failed or late operations."),
    "leases_broken": ("leases_broken", "Leases ended early."),
}


class StoreStats(KVConnectorStats):  # type: ignore[misc]
    """``{"counters": {...}, "gauges": {...}}`` by metric name, a tier's with ``@tier``
    appended. Counters are what was added since the last report."""

    def reset(self) -> None:
        """Forget all."""
        self.data: dict[str, Any] = {"counters": {}, "gauges": {}}

    def aggregate(self, other: StoreStats) -> StoreStats:
        """Counters of ranks and intervals add up; of gauges the later one counts."""
        mine = self.data.setdefault("counters", {})
        for name, value in other.data.get("counters", {}).items():
            mine[name] = mine.get(name, 0) + value
        self.data.setdefault("gauges", {}).update(other.data.get("gauges", {}))
        return self

    def reduce(self) -> dict[str, int | float]:
        """For vLLM's log."""
        return {k: round(v, 3) for k, v in self.data.get("counters", {}).items() if v}

    def is_empty(self) -> bool:
        """Nothing was added and no gauge is known."""
        return not any(self.data.get("counters", {}).values()) and not self.data.get("gauges")


class Reporter:
    """Differences between what was reported and what the counters say now."""

    def __init__(self, store: TieredStore) -> None:
        self._store = store
        self._told: dict[str, float] = {}
        self._tiers: dict[str, float] = {}
        self._gauges: dict[str, float] = {}
        self._fresh = False
        self._stop = threading.Event()
        threading.Thread(target=self._follow, name="headstart-stats", daemon=True).start()

    def report(self, counters: dict[str, float]) -> StoreStats | None:
        """None if nothing changed. Asks no tier: that is done in the background."""
        now = {**counters, **self._tiers}
        added = {k: v - self._told.get(k, 0) for k, v in now.items() if v != self._told.get(k, 0)}
        if not added and not self._fresh:
            return None
        self._told, self._fresh = now, False
        return StoreStats(data={"counters": added, "gauges": dict(self._gauges)})

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            tiers = self._store.stats().tiers
            gauges = {
                f"{metric}@{name}": float(getattr(stats, source))
                for name, stats in tiers.items()
                for metric, (source, _) in TIER_GAUGES.items()
            }
            self._tiers = {
                f"{metric}@{name}": float(getattr(stats, source))
                for name, stats in tiers.items()
                for metric, (source, _) in TIER_COUNTERS.items()
            }
            self._fresh = self._fresh or gauges != self._gauges
            self._gauges = gauges


class StorePromMetrics(KVConnectorPromMetrics):  # type: ignore[misc]
    """``headstart_connector_*``, and ``headstart_tier_*`` as the built-in server has them."""

    def __init__(self, config: Any, types: Any, labels: list[str], engines: Any) -> None:
        super().__init__(config, types, labels, engines)
        self._plain = {
            name: self._counter_cls(f"headstart_connector_{name}", text, labels)
            for name, text in COUNTERS.items()
        }
        tiered = [*labels, "tier"]
        self._counters = {
            name: self._counter_cls(f"headstart_tier_{name}", text, tiered)
            for name, (_, text) in TIER_COUNTERS.items()
        }
        self._gauges = {
            name: self._gauge_cls(f"headstart_tier_{name}", text, tiered)
            for name, (_, text) in TIER_GAUGES.items()
        }

    def observe(self, transfer_stats_data: dict[str, Any], engine_idx: int = 0) -> None:
        """Take in one report."""
        labels = self.per_engine_labelvalues[engine_idx]
        for name, value in transfer_stats_data.get("counters", {}).items():
            metric, _, tier = name.partition("@")
            counter: Any = self._counters[metric] if tier else self._plain[metric]
            counter.labels(*labels, *([tier] if tier else [])).inc(value)
        for name, value in transfer_stats_data.get("gauges", {}).items():
            metric, _, tier = name.partition("@")
            gauge: Any = self._gauges[metric]
            gauge.labels(*labels, tier).set(value)
