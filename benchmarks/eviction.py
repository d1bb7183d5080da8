"""Token hit rates of the eviction policies on real traces, beside the bound.

``python -m benchmarks.eviction [--quick] [TRACES...]``: files, or folders, each folder that
has traces in it being one workload. Every policy is replayed through the tree that serves.
Without arguments the trace is generated.
"""

from __future__ import annotations

import random
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.eviction_workload import generated
from benchmarks.report import Target, finish, parser, target
from headstart.cli.simulate.traces import Reader, TraceError, folders_of
from headstart.prefix import FIFO, LFU, LRU, Policy, RadixTree, Scope
from headstart.prefix.belady import belady, foresee
from headstart.prefix.curve import curve_of, flatten
from headstart.prefix.learned import Learned
from headstart.prefix.simulate import Cache, replay
from headstart.prefix.workload import Workload

SHARES = (0.01, 0.03, 0.1, 0.3)
SMALL = 0.03
"""Capacities up to this share of the footprint are those that the gap's target is for."""
LEAST_GAP = 0.001
"""A gap of less than 0.1 points between LRU and the bound is none: no share of it is told."""
QUICK_CALLS = 3000
POLICIES: dict[str, Callable[[], Policy]] = {
    "LRU": LRU,
    "LFU": LFU,
    "FIFO": FIFO,
    "learned": Learned,
}


class Row(NamedTuple):
    """Token hit rates at one capacity of one trace; ``MIN`` is among them."""

    trace: str
    share: float
    blocks: int
    rates: dict[str, float]

    def closed(self, policy: str) -> float | None:
        """The share of the gap between LRU and the bound that a policy closes."""
        gap = self.rates["MIN"] - self.rates["LRU"]
        return (self.rates[policy] - self.rates["LRU"]) / gap if gap >= LEAST_GAP else None


def workloads(paths: list[Path]) -> Iterator[Workload]:
    """One for each file given and for each folder that has traces in it."""
    for path in paths:
        for files in folders_of(path):
            reader = Reader()
            for file in files:
                reader.add(file)
            for problem in reader.problems:
                print(f"left out {problem}", file=sys.stderr)
            name = files[0].parent.name if path.is_dir() else path.name
            try:
                yield reader.workload(name)
            except TraceError as error:
                print(f"left out {name}: {error}", file=sys.stderr)


def measure(workload: Workload, shares: tuple[float, ...], progress: Progress) -> Iterator[Row]:
    """Every policy at every capacity."""
    future = foresee(workload)
    total = len(shares) * len(POLICIES) * len(workload.calls)
    task = progress.add_task(workload.name, total=total)
    for share in shares:
        capacity = max(1, int(workload.footprint * share))
        rates = {}
        for name, policy in POLICIES.items():
            hits = 0
            for step in replay(workload, policy, capacity):
                hits += step.hit
                progress.advance(task)
            rates[name] = workload.rate(hits)
        rates["MIN"] = workload.rate(belady(future, capacity))
        yield Row(workload.name, share, capacity, rates)
    progress.remove_task(task)


def curve_speed(largest: Workload) -> dict[str, float]:
    """Million blocks a second of the one-pass curve; with and without the time to lay
    the blocks out in one array."""
    began = time.perf_counter()
    flat = flatten(largest)
    laid_out = time.perf_counter()
    curve_of(flat, largest.footprint)
    done = time.perf_counter()
    million = largest.touches / 1e6
    return {"pass": million / (done - laid_out), "with layout": million / (done - began)}


def request_time(workload: Workload) -> dict[str, float]:
    """Microseconds of one request (look up, store, evict), median and mean, of the first calls of a
    workload, in a cache of 3% of it; ``learned`` keeps its history and its shadow meanwhile."""
    workload = workload.first(QUICK_CALLS)
    found = {}
    for name in ("LRU", "learned"):
        cache = Cache(RadixTree(policy=POLICIES[name]), max(1, int(workload.footprint * SMALL)))
        taken = []
        for call in workload.calls:
            key = call.blocks.tobytes()
            began = time.perf_counter()
            cache.call(key, call.time)
            taken.append((time.perf_counter() - began) * 1e6)
        found[name] = sorted(taken)[len(taken) // 2]
        found[f"{name}, mean"] = sum(taken) / len(taken)
    return found


def eviction_time(leaves: int, evictions: int = 500) -> dict[str, float]:
    """Microseconds of one eviction by each policy with so many leaves, all used at random
    times; ``learned gittins`` is the learned policy while it follows the index."""
    found = {}
    for name, policy in {**POLICIES, "learned gittins": _by_index}.items():
        rng = random.Random(3)
        tree = RadixTree(policy=policy)
        scope = Scope("trace")
        now = 0.0
        keys = [array("I", [n % 64, 1_000_000 + n]).tobytes() for n in range(leaves + evictions)]
        for key in keys:
            now += rng.expovariate(10.0)
            stored = tree.match(key, scope, now).length
            tree.insert(key, array("i", bytes(4 * (2 - stored))), scope, now, start=stored)
        for key in rng.choices(keys, k=leaves // 4):
            now += rng.expovariate(10.0)
            tree.match(key, scope, now)
        tree.evict(1, now, "trace")
        taken = []
        for _ in range(evictions):
            began = time.perf_counter()
            tree.evict(1, now, "trace")
            taken.append((time.perf_counter() - began) * 1e6)
            now += 0.1
        found[name] = sorted(taken)[evictions // 2]
    return found


def _by_index() -> Policy:
    policy = Learned()
    policy.guard.trusts = True
    return policy


def table(rows: list[Row]) -> Table:
    """One line for each trace and capacity."""
    shown = Table("trace", "of footprint", "blocks", *POLICIES, "MIN", "gap closed by learned, %")
    for row in rows:
        closed = row.closed("learned")
        shown.add_row(
            row.trace,
            f"{row.share:.0%}",
            f"{row.blocks:,}",
            *(f"{100 * rate:.2f}" for rate in row.rates.values()),
            "no gap" if closed is None else f"{100 * closed:.0f}",
        )
    return shown


def targets(rows: list[Row], speed: float) -> list[Target]:
    """What the learned policy, and the curve, are held to."""
    behind = max(100 * (row.rates["LRU"] - row.rates["learned"]) for row in rows)
    over = max(100 * (rate - row.rates["MIN"]) for row in rows for rate in row.rates.values())
    closed = [c for row in rows if row.share <= SMALL and (c := row.closed("learned")) is not None]
    mean = 100 * sum(closed) / len(closed) if closed else None
    return [
        target("learned behind LRU at worst, points", behind, at_most=0.1),
        target("gap closed by learned at 1 to 3%, mean, %", mean, at_least=35),
        target("any policy above MIN, points", over, at_most=1e-9),
        target("one-pass curve, million blocks/s", speed, at_least=10),
    ]


def main() -> None:
    """Replay, print, report."""
    options = parser(__doc__, f"1 and 3% only, the first {QUICK_CALLS} calls of a trace")
    options.add_argument("traces", nargs="*", type=Path, metavar="TRACE")
    given = options.parse_args()
    console = Console(width=120)
    shares = SHARES[:2] if given.quick else SHARES
    rows: list[Row] = []
    largest: Workload | None = None
    source = workloads(given.traces) if given.traces else iter([generated()])
    if not given.traces:
        console.print("No traces given: a generated one stands in, which proves little.")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for workload in source:
            if given.quick:
                workload = workload.first(QUICK_CALLS)
            if largest is None or workload.touches > largest.touches:
                largest = workload
            rows.extend(measure(workload, shares, progress))
    if largest is None:
        sys.exit("nothing to replay")
    console.print(table(rows))
    speed = curve_speed(largest)
    evictions = eviction_time(5_000 if given.quick else 50_000)
    for name, value in speed.items():
        console.print(f"one-pass curve, {name}: {value:,.0f} million blocks/s")
    requests = request_time(largest)
    for name, value in requests.items():
        console.print(f"one request, {name}: {value:,.1f} us")
    for name, value in evictions.items():
        console.print(f"one eviction, {name}: {value:,.1f} us")
    figures = {
        "rows": [row._asdict() | {"closed": row.closed("learned")} for row in rows],
        "curve_million_blocks_s": speed,
        "request_us": requests,
        "eviction_us": evictions,
        "generated": not given.traces,
    }
    finish("eviction", figures, targets(rows, speed["with layout"]))


if __name__ == "__main__":
    main()
