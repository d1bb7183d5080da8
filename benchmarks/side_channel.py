"""Can one tenant tell from its TTFT what another tenant has cached?

``python -m benchmarks.side_channel [--quick]``. A victim caches half of a list of secret
prefixes. An attacker then asks for every prefix once, in random order, and guesses "cached"
from the time to first token. The figure is the ROC AUC of that guess with a bootstrap 95%
interval: 0.5 is blind, 1 is certain. First across tenants, then from within the victim's own
tenant, where sharing is the point and the attacker sees everything.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from benchmarks.engine_client import Probe
from benchmarks.prompts import tokens
from benchmarks.report import finish, target
from headstart.engine import Engine, builtin, load

PROBES, PREFIX = 300, 192
VICTIM, ATTACKER = "alice", "mallory"
console = Console(stderr=True)
Floats = npt.NDArray[np.float64]


def auc(present: Floats, absent: Floats) -> float:
    """Chance that a random present prefix answers faster than a random absent one."""
    faster = (present[:, None] < absent[None, :]).mean()
    return float(faster + 0.5 * (present[:, None] == absent[None, :]).mean())


def interval(present: Floats, absent: Floats, draws: int = 2000) -> tuple[float, float]:
    """Bootstrap 95% confidence interval of the AUC."""
    rng = np.random.default_rng(0)
    samples = [
        auc(rng.choice(present, len(present)), rng.choice(absent, len(absent)))
        for _ in range(draws)
    ]
    low, high = np.quantile(samples, [0.025, 0.975])
    return float(low), float(high)


def paired(count: int, rng: random.Random) -> list[int]:
    """Random order, but one present and one absent in every two: a machine that grows slower
    while it is measured must not look like a cache."""
    present, absent = list(range(0, count, 2)), list(range(1, count, 2))
    rng.shuffle(present)
    rng.shuffle(absent)
    pairs = [list(pair) for pair in zip(present, absent, strict=True)]
    for pair in pairs:
        rng.shuffle(pair)
    return [index for pair in pairs for index in pair]


def probe(engine: Engine, secrets: Sequence[list[int]], attacker: str) -> dict[str, float]:
    """Cache every other secret for the victim, probe them all, report the AUC."""
    for secret in track(secrets[::2], "victim", console=console):
        Probe(engine, secret, 1, VICTIM).wait()
    order = paired(len(secrets), random.Random(1))
    times: dict[bool, list[float]] = {True: [], False: []}
    for index in track(order, f"attacker is {attacker}", console=console):
        # One own token behind the guess, so that a present prefix is never a whole prompt.
        timing = Probe(engine, [*secrets[index], 7], 1, attacker).wait()
        times[index % 2 == 0].append(timing.ttft)
    present, absent = np.array(times[True]), np.array(times[False])
    low, high = interval(present, absent)
    return {
        "auc": auc(present, absent),
        "low": low,
        "high": high,
        "median_present_ms": float(np.median(present) * 1e3),
        "median_absent_ms": float(np.median(absent) * 1e3),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="60 probes")
    options = parser.parse_args()
    count = 60 if options.quick else PROBES
    from transformers import AutoTokenizer

    text = tokens(AutoTokenizer.from_pretrained(str(builtin.ensure(console.print))), 20_000)
    rng = random.Random(0)

    def secrets() -> list[list[int]]:
        starts = [rng.randrange(len(text) - PREFIX) for _ in range(count)]
        return [[rng.randrange(1000, 40_000), *text[s : s + PREFIX - 1]] for s in starts]

    engine = load(tenants=2)
    try:
        across = probe(engine, secrets(), ATTACKER)
        within = probe(engine, secrets(), VICTIM)
    finally:
        engine.close()
    console.print({"across tenants": across, "within a tenant": within})
    targets = [
        target("AUC across tenants, low end", across["low"], at_most=0.5),
        target("AUC across tenants, high end", across["high"], at_least=0.5),
    ]
    finish("side_channel", {"across": across, "within": within}, targets)


if __name__ == "__main__":
    main()
