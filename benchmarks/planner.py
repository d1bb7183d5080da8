"""Input cost per token of cache plans on real and adversarial traffic, beside the bounds.

``python -m benchmarks.planner [--quick] [TRACES...]``: files or folders, each folder that
has traces in it being one traffic; without any, adversarial traffic alone. Costs are in
units of plain input (write 1.25 for 5 minutes, 2 for an hour, read 0.1), and are those of
the replay model of ``benchmarks/replay/model.py``; on the first calls of each traffic our
plans and a static policy's are billed by the emulator as well, which must agree to the
token. Directives stand at ends of requests, answers, tools and system text where a trace
tells these (Claude Code), and at ends of blocks elsewhere. The planner starts cold on each
traffic. Pings are taken to be legal, and to force one token of output.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from statistics import mean, quantiles
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.replay.adversarial import traffics
from benchmarks.replay.bound import bound
from benchmarks.replay.calls import Traffic
from benchmarks.replay.emulated import disagreements
from benchmarks.replay.files import TraceError, folders, traffic
from benchmarks.replay.planned import ours
from benchmarks.replay.static import STATIC, cost_of, oracle
from benchmarks.report import Target, finish, parser, target
from headstart.planner import CREDIT

REFERENCE: Final = {
    "never": 1.0,
    "5m at the end (automatic)": 0.237,
    "5m end + system": 0.235,
    "1h at the end": 0.208,
    "1h end + system": 0.205,
    "next-use oracle": 0.169,
}
TOLERANCE: Final = 0.002
REFERENCE_FILES: Final = (120, "trace_0002.json.gz")
"""The folder that the figures above were measured on: how many files, and the first one."""
OURS, KEPT = "ours", "ours with keep-alive"
BOUND, BOUND_PINGS = "bound", "bound with pings"
QUICK_CALLS, QUICK_ADVERSARIAL, ADVERSARIAL = 4000, 500, 2000
CHECKED: Final = 400


class Row(NamedTuple):
    """One traffic: units a token by policy."""

    traffic: str
    kind: str
    calls: int
    tokens: int
    costs: dict[str, float]
    pings: int
    disagreed: int
    plan_ms: tuple[float, float]
    """Mean and 99th percentile of planning one call, the look into the cache included."""

    @property
    def best(self) -> float:
        """The best static policy, never caching being one."""
        return min(self.costs[name] for name in STATIC)


def measure(load: Traffic, progress: Progress) -> Row:
    """Every policy on one traffic."""
    calls, tokens = load.calls, load.tokens
    task = progress.add_task(load.name, total=len(STATIC) + 5)
    costs: dict[str, float] = {}
    for name, policy in STATIC.items():
        costs[name] = sum(cost_of(policy, calls)) / tokens
        progress.advance(task)
    costs["next-use oracle"] = sum(oracle(calls)) / tokens
    progress.advance(task)
    plain, kept = ours(pings=False), ours(pings=True)
    for name, replay in ((OURS, plain), (KEPT, kept)):
        costs[name] = (sum(replay.run(calls)) + replay.finish()) / tokens
        progress.advance(task)
    for name, pings in ((BOUND, False), (BOUND_PINGS, True)):
        costs[name] = bound(calls, pings) / tokens
        progress.advance(task)
    some = calls[:CHECKED]
    static = [STATIC["1h end + system"](call) for call in some]
    wrong = disagreements(some, plain.plans[:CHECKED]) + disagreements(some, static)
    times = [1e3 * seconds for seconds in plain.seconds]
    spread = (mean(times), quantiles(times, n=100)[-1])
    return Row(load.name, load.kind, len(calls), tokens, costs, kept.ping_count, wrong, spread)


def unreproduced(load: Traffic) -> list[str]:
    """What the replay model gives otherwise than the reference says; [] if nothing."""
    problems = []
    for name, expected in REFERENCE.items():
        costs = oracle(load.calls) if name not in STATIC else cost_of(STATIC[name], load.calls)
        found = sum(costs) / load.tokens
        if abs(found - expected) > TOLERANCE:
            problems.append(f"{name}: {found:.4f}, not {expected}")
    return problems


def targets_of(row: Row) -> list[Target]:
    """The targets that are set for a traffic of its kind."""
    costs, name = row.costs, row.traffic
    found = [
        target(f"{name}: planning, mean ms", row.plan_ms[0], at_most=1.0),
        target(f"{name}: calls that the emulator bills otherwise", row.disagreed, at_most=0),
    ]
    if row.kind == "adversarial":
        for policy in (OURS, KEPT):
            beyond = (costs[policy] - 1.01 * costs["never"]) * row.tokens
            label = f"{name}: {policy}, credit used beyond 1.01 of never"
            found.append(target(label, beyond / CREDIT, at_most=1.0))
        return found
    if row.kind == "claude-code":
        found.append(target(f"{name}: {OURS}", costs[OURS], at_most=0.174))
        found.append(target(f"{name}: {KEPT}", costs[KEPT], at_most=0.172))
        for policy, least in ((OURS, BOUND), (KEPT, BOUND_PINGS)):
            ratio = costs[policy] / costs[least]
            found.append(target(f"{name}: {policy}, of its bound", ratio, at_most=1.05))
    for policy in (OURS, KEPT):
        ratio = costs[policy] / row.best
        found.append(target(f"{name}: {policy}, of the best static", ratio, at_most=1.01))
    return found


def table_of(rows: list[Row]) -> Table:
    """Policies down, traffic across."""
    table = Table("units per input token", title="input cost by policy")
    for row in rows:
        table.add_column(f"{row.traffic}\n{row.calls} calls", justify="right")
    for name in rows[0].costs:
        style = "bold" if name in (OURS, KEPT) else "dim" if name.startswith("bound") else ""
        table.add_row(name, *(f"{row.costs[name]:.4f}" for row in rows), style=style)
    table.add_row("pings sent", *(str(row.pings) for row in rows))
    table.add_row("planning, ms mean", *(f"{row.plan_ms[0]:.3f}" for row in rows))
    table.add_row("planning, ms p99", *(f"{row.plan_ms[1]:.3f}" for row in rows))
    return table


def loads(paths: list[Path], quick: bool, console: Console) -> list[Traffic]:
    """All traffic; SystemExit where the reference figures do not come out."""
    found = []
    for path in paths:
        for name, files in folders(path):
            load = traffic(name, files)
            if (len(files), files[0].name) == REFERENCE_FILES:
                if problems := unreproduced(load):
                    raise SystemExit("reference figures not reproduced: " + "; ".join(problems))
                console.print(f"{name}: reference figures reproduced within {TOLERANCE}")
            elif load.kind == "claude-code":
                console.print(f"{name}: other sessions than those the reference figures are of")
            if quick and load.kind != "claude-code":
                load = load._replace(calls=list(islice(load.calls, QUICK_CALLS)))
            found.append(load)
    return found + traffics(QUICK_ADVERSARIAL if quick else ADVERSARIAL)


def main() -> None:
    """Command line."""
    options = parser(__doc__, f"other traffic than Claude Code's: its first {QUICK_CALLS} calls")
    options.add_argument("traces", nargs="*", type=Path, metavar="TRACES")
    given = options.parse_args()
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        try:
            todo = loads(given.traces, given.quick, console)
        except (TraceError, OSError) as error:
            raise SystemExit(f"error: {error}") from error
        rows = [measure(load, progress) for load in todo]
    Console(width=None if sys.stdout.isatty() else 200).print(table_of(rows))
    figures = {"traffic": [row._asdict() for row in rows], "credit": CREDIT}
    finish("planner", figures, [goal for row in rows for goal in targets_of(row)])


if __name__ == "__main__":
    main()
