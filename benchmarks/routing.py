"""Replicas that hold the prefix: token hit rate, waiting and balance of ways to route.

``python -m benchmarks.routing [--quick] [TRACES...]``: files, or folders, each folder that has
traces in it being one load, beside bursts of hot prefixes. Replicas are simulated
(``routing_parts/fleet.py``): one prefill at a time at the measured speed of the built-in
engine, an exact LRU prefix cache each. Arrivals are scaled to a utilisation of 0.7 of what one
cache that never forgets would need; what a policy computes twice comes on top. "Ample" caches
hold together twice what all prompts have in distinct tokens, "tight" ones half of it.
Imbalance is the work of the busiest replica in a window over the mean, a window being a
quarter of the run, the first one left out. Decoding is not simulated. The imbalance
that a load itself forces (``routing_parts/bounds.py``) stands above each table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.report import Target, finish, parser, target
from benchmarks.routing_parts.bounds import least_imbalance
from benchmarks.routing_parts.fleet import Outcome, run
from benchmarks.routing_parts.load import Load, Pace, bursts, coarser, spread
from benchmarks.routing_parts.policies import POLICIES, Ours
from benchmarks.routing_parts.state import State, measured
from headstart.cli.simulate.traces import Reader, TraceError, folders_of
from headstart.prefix.workload import Workload

OURS: Final = "ours"
FULL: Final = {8: 800, 64: 800}
QUICK: Final = {8: 300, 64: 40}
"""Calls a replica, by number of replicas. Of few calls most are made while caches are cold."""
CAPACITIES: Final = {"ample": 2.0, "tight": 0.5}
BLOCK: Final = 256
"""Tokens of a simulated block at least, where a trace's are smaller."""
SCALE: Final = (8, 64, 1000)
"""Replicas that a decision is measured with."""


class Row(NamedTuple):
    """One load on one number of replicas, at one capacity."""

    load: str
    replicas: int
    capacity: str
    calls: int
    ceiling: float
    least_imbalance: float
    """See ``routing_parts/bounds.py``."""
    outcomes: dict[str, Outcome]
    decision_us: float


def workloads(paths: list[Path]) -> Iterator[Workload]:
    """Traces, in blocks of 64 tokens at least, long prompts' of 256."""
    for path in paths:
        for files in folders_of(path):
            reader = Reader()
            for file in files:
                reader.add(file)
            load = reader.workload(files[0].parent.name)
            long = load.tokens / len(load.calls) > 16_000
            least = BLOCK if long else 64
            yield coarser(load, max(1, least // load.block_tokens))


def measure(load: Load, replicas: int, capacity: str, pace: Pace, progress: Progress) -> Row:
    """All policies."""
    blocks = max(1, int(load.footprint * CAPACITIES[capacity] / replicas))
    task = progress.add_task(f"{load.name}, {replicas}, {capacity}", total=len(POLICIES))
    outcomes, decision = {}, 0.0
    for name, kind in POLICIES.items():
        policy = kind(replicas, blocks, load.block_tokens)
        outcomes[name] = run(load, replicas, blocks, policy, pace)
        if isinstance(policy, Ours):
            decision = 1e6 * sum(policy.seconds) / len(policy.seconds)
        progress.advance(task)
    return Row(
        load.name,
        replicas,
        capacity,
        load.calls,
        load.ceiling,
        least_imbalance(load, replicas, pace),
        outcomes,
        decision,
    )


def targets_of(row: Row) -> list[Target]:
    """Those of the routing figures."""
    ours = row.outcomes[OURS]
    where = f"{row.load}, {row.replicas} replicas, {row.capacity}"
    best = min(o.p95 for name, o in row.outcomes.items() if name != OURS)
    found = [
        target(f"{where}: p95 over the best of the others", ours.p95 / best, at_most=1.0),
        target(f"{where}: imbalance", ours.imbalance, at_most=1.25),
    ]
    if row.capacity == "ample":
        share = ours.hit / row.ceiling
        found.append(target(f"{where}: token hits of an infinite cache's", share, at_least=0.97))
    return found


def table_of(row: Row) -> Table:
    """Policies down."""
    title = (
        f"{row.load}: {row.calls} calls, {row.replicas} replicas, {row.capacity} caches;"
        f" an infinite cache hits {row.ceiling:.3f}; ours takes {row.decision_us:.0f} µs;"
        f" imbalance is at least {row.least_imbalance:.2f} if sessions stay"
    )
    table = Table("policy", *Outcome._fields, title=title, title_justify="left")
    for name, outcome in row.outcomes.items():
        figures = [f"{value:.3f}" for value in outcome]
        table.add_row(name, *figures, style="bold" if name == OURS else "")
    return table


def state_of(state: State) -> Table:
    """What routing's own state costs."""
    table = Table("state", "", title="state and speed, one core")
    table.add_row("history: bytes a held piece", f"{state.history_bytes:.0f}")
    table.add_row("events: bytes a held block", f"{state.index_bytes:.0f}")
    table.add_row("events: blocks a second", f"{state.events_a_second:,.0f}")
    for replicas, took in state.decision_us.items():
        table.add_row(f"a decision over {replicas} replicas, µs", f"{took:.0f}")
    return table


def main() -> None:
    """Command line."""
    options = parser(__doc__, "few calls a replica, ample caches only; 64 replicas on bursts only")
    options.add_argument("traces", nargs="*", type=Path, metavar="TRACES")
    options.add_argument("--speed", type=float, default=Pace().tokens_a_second, metavar="TOKENS/S")
    options.add_argument("--replicas", type=int, metavar="N", help="so many, ample caches only")
    options.add_argument("--calls", type=int, default=20, metavar="N", help="a replica, with it")
    given = options.parse_args()
    pace, rows = Pace(given.speed), []
    sizes = {given.replicas: given.calls} if given.replicas else QUICK if given.quick else FULL
    capacities = ["ample"] if given.quick or given.replicas else list(CAPACITIES)
    with Progress(console=Console(stderr=True)) as progress:
        try:
            traces = list(workloads(given.traces))
        except (TraceError, OSError) as error:
            raise SystemExit(f"error: {error}") from error
        for replicas, each in sizes.items():
            some = traces if not given.quick or replicas == 8 else []
            loads = [spread(trace, replicas, each, pace) for trace in some]
            for load in [*loads, bursts(replicas, each, pace)]:
                for capacity in capacities:
                    rows.append(measure(load, replicas, capacity, pace, progress))
        state = measured(SCALE, 20_000 if given.quick else 200_000)
    console = Console(width=None if sys.stdout.isatty() else 160)
    for row in rows:
        console.print(table_of(row))
    console.print(state_of(state))
    figures = {
        "pace": pace._asdict(),
        "rows": [
            {**row._asdict(), "outcomes": {n: o._asdict() for n, o in row.outcomes.items()}}
            for row in rows
        ],
        "state": state._asdict(),
    }
    finish("routing", figures, [goal for row in rows for goal in targets_of(row)])


if __name__ == "__main__":
    main()
