"""One replica of a route: where it is, whether it lives, and what became of its requests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from headstart.planner.affinity import Affinity
from headstart.server.replica_tables import DEFAULT_CAPACITY, ReplicaTable
from headstart.server.replicas.events import Subscriber
from headstart.server.replicas.health import Health, State

if TYPE_CHECKING:
    from headstart.server.upstreams import Upstream

RANK_HEADER: Final = "x-data-parallel-rank"
"""Names a data-parallel rank to vLLM."""


class Member:
    """Keeps the affinity's books in step with what is known of the replica."""

    def __init__(
        self,
        table: ReplicaTable,
        upstream: Upstream,
        affinity: Affinity,
        subscriber: Subscriber | None = None,
    ) -> None:
        self.table = table
        self.name = table.name
        self.upstream = upstream.model_copy(update={"base_url": table.url, "replicas": ()})
        """The route's upstream as if there were this one alone."""
        self.health = Health()
        self.draining = False
        self.subscriber = subscriber
        self.counts: Counter[str] = Counter()
        """Requests by outcome, and tokens expected to be read, read, and held by the best."""
        self._affinity = affinity
        self._left = False
        affinity.add(self.name, table.capacity or DEFAULT_CAPACITY, table.weight)

    @property
    def state(self) -> str:
        """up, trying, down; draining where it is told to take no more."""
        return "draining" if self.draining else self.health.state.value

    @property
    def outstanding(self) -> int:
        """Requests under way."""
        replica = self._affinity[self.name]
        return len(replica.pending) + self._affinity.loads.running[replica.slot]

    def drain(self, on: bool) -> None:
        """Take no more requests; those under way go on."""
        self.draining = on
        self.settle()

    def settle(self) -> None:
        """Tell the affinity whether it may be chosen, and what a dead process has lost. Of one
        that is no part of the route any more, requests may still be under way."""
        if self._left:
            return
        replica, state = self._affinity[self.name], self.health.state
        alive = state is State.UP or (state is State.TRYING and not self.outstanding)
        replica.open = alive and not self.draining
        if alive and self.health.cold:
            self.health.cold = False
            # Our own server keeps its pages on disk; the others hold theirs in memory.
            if self.table.kind != "headstart":
                self._affinity.clear(self.name)

    def sized(self, tokens: int) -> None:
        """It said how much it holds; what was configured counts for more."""
        if self.table.capacity is None and tokens > 0:
            self._affinity.history.resize(self._affinity[self.name].slot, tokens)

    def leave(self) -> None:
        """It is no part of the route any more."""
        self._left = True
        self._affinity.remove(self.name)

    def row(self) -> dict[str, object]:
        """For the admin API. Free of tenants."""
        replica, affinity = self._affinity[self.name], self._affinity
        return {
            "replica": self.name,
            "url": self.table.url,
            "kind": self.table.kind,
            "state": self.state,
            "outstanding": self.outstanding,
            "waiting_tokens": affinity.loads.waiting[replica.slot],
            "history_tokens": affinity.history.held(replica.slot),
            "blocks": affinity.blocks.held(replica.slot),
            "exact": replica.exact,
            "requests": dict(self.counts),
            "events": dict(self.subscriber.counts) if self.subscriber is not None else None,
        }
