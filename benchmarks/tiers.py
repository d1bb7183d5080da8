"""Each tier's speed beside its raw limit, and the time to first token from each.

``python -m benchmarks.tiers [--quick] [--directory DIR]``. Raw limits (memcpy, sequential
file read cold and warm) are measured in the same run, in turn. TTFT at 8,000 tokens: cold,
from memory, from disk, from disk right after a restart of the engine (model load excluded),
from an S3 server (moto) and from a Valkey or Redis server on loopback where they are there.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import torch
from rich.console import Console

from benchmarks import servers, tier_raw
from benchmarks.engine_client import Timing, ask
from benchmarks.prompts import tokens
from benchmarks.report import finish, parser, target
from headstart.engine import TierOptions, builtin, load
from headstart.engine.lanes import ArenaView, Lane
from headstart.engine.transformers_engine import TransformersEngine
from headstart.kv import KVCache
from headstart.kv.layout import KVLayout

SIZE, SCOPE = 8000, "default"
REST = 0.05
"""Seconds until torch's workers, which wait for more by spinning, have gone to sleep."""
SMOLLM = KVLayout(30, 3, 64, "bfloat16", (None,) * 30)
console = Console(stderr=True)


class Prompts:
    """Real text behind a first token that was never used before."""

    def __init__(self) -> None:
        from transformers import AutoTokenizer

        self._text = tokens(AutoTokenizer.from_pretrained(str(builtin.ensure())), SIZE)
        self._unique = itertools.count(1000)

    def new(self, size: int = SIZE) -> list[int]:
        """Nothing of it is held anywhere."""
        return [next(self._unique), *self._text[: size - 1]]


def engine(tiers: TierOptions | None = None) -> TransformersEngine:
    """The built-in model with these tiers below its memory."""
    return cast(TransformersEngine, load(tiers=tiers or TierOptions()))


def memory_rates(rounds: int) -> dict[str, float]:
    """Bytes a second of arena -> lane and back, and of one plain copy of as many bytes.

    Each on an idle machine, as a hit finds it; the load also right behind an operation of
    torch, whose workers still keep the cores busy.
    """
    cache = KVCache(SMOLLM, (SIZE + 64) * SMOLLM.token_bytes)
    view = ArenaView(cache.arena, SMOLLM, 1)
    lane = Lane(SMOLLM, SIZE, torch.device("cpu"))
    rows = torch.arange(SIZE).numpy()
    size = SIZE * SMOLLM.token_bytes
    source, into = torch.ones(size, dtype=torch.uint8), torch.ones(size, dtype=torch.uint8)
    view.save(lane, 0, rows)
    work = {
        "memcpy": lambda: into.copy_(source),
        "memory load": lambda: view.load(lane, 0, rows),
        "memory store": lambda: view.save(lane, 0, rows),
    }
    rates: dict[str, list[float]] = {name: [] for name in [*work, "memory load behind torch"]}
    for _ in range(rounds):
        for name, act in work.items():
            time.sleep(REST)
            rates[name].append(tier_raw.rate(size, act))
        into.copy_(source)
        rates["memory load behind torch"].append(tier_raw.rate(size, work["memory load"]))
    return {name: statistics.median(values) for name, values in rates.items()}


def tier_ttft(name: str, tiers: TierOptions, prompts: Prompts, rounds: int) -> dict[str, float]:
    """Cold, memory, tier after restart (page cache warm and dropped), tier again."""
    rows: list[dict[str, float]] = []
    for number in range(rounds):
        console.print(f"{name}, round {number + 1} of {rounds}", style="dim")
        prompt = prompts.new()
        first = engine(tiers)
        row = {"cold": _timed(first, prompt, 0).ttft}
        row["memory"] = _timed(first, prompt, SIZE - 1).ttft
        assert first.tiers is not None
        if not first.tiers.flush(120):
            raise RuntimeError("write-back did not finish")
        first.close()
        second = engine(tiers)
        assert second.tiers is not None
        row["restart"] = _timed(second, prompt, 7900).ttft
        second.tiers.cache.forget(SCOPE)
        row["tier"] = _timed(second, prompt, 7900).ttft
        if tiers.disk:
            second.tiers.cache.forget(SCOPE)
            tier_raw.drop_page_cache(Path(tiers.disk.rpartition(":")[0]))
            row["tier, page cache dropped"] = _timed(second, prompt, 7900).ttft
        second.close()
        rows.append(row)
    result = {key: statistics.median(r[key] for r in rows) for key in rows[0]}
    result["cold / restart"] = statistics.median(r["cold"] / r["restart"] for r in rows)
    return result


def _timed(engine: TransformersEngine, prompt: list[int], least: int) -> Timing:
    timing = ask(engine, prompt)
    if timing.read < least or (least == 0 and timing.read):
        raise RuntimeError(f"{timing.read} tokens were read, {least} expected")
    return timing


def unused_cost(directory: str, prompts: Prompts, rounds: int) -> float:
    """TTFT with a disk tier that never hits, over TTFT without one: median of ratios."""
    plain, tiered = engine(), engine(TierOptions(disk=f"{directory}:2G"))
    ratios = []
    try:
        for number in range(rounds + 1):
            pair = [ask(e, prompts.new(512)).ttft for e in (plain, tiered)]
            assert tiered.tiers is not None
            tiered.tiers.flush(30)
            if number:
                ratios.append(pair[1] / pair[0])
    finally:
        plain.close()
        tiered.close()
    return statistics.median(ratios)


def main() -> None:
    """Measure and report."""
    options = parser(__doc__, "memory and disk speeds only, one round")
    options.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    rounds = 1 if chosen.quick else chosen.rounds
    builtin.ensure(console.print)
    with ExitStack() as stack:
        work = stack.enter_context(tempfile.TemporaryDirectory(dir=chosen.directory))
        console.print("raw speeds", style="dim")
        speeds = memory_rates(15)
        speeds |= {f"file {k}": v for k, v in tier_raw.measure(Path(work), SIZE, rounds).items()}
        ttft: dict[str, dict[str, float]] = {}
        unused = None
        if not chosen.quick:
            prompts = Prompts()
            disk = TierOptions(disk=f"{work}/plain:8G")
            ttft["disk"] = tier_ttft("disk", disk, prompts, rounds)
            unused = unused_cost(f"{work}/unused", prompts, 20)
            if servers.s3_available():
                url = stack.enter_context(servers.s3())
                ttft["s3"] = tier_ttft("s3", TierOptions(remotes=[url]), prompts, 1)
            if (program := servers.valkey_program()) is not None:
                url = stack.enter_context(servers.valkey(program))
                ttft["valkey"] = tier_ttft("valkey", TierOptions(remotes=[url]), prompts, 1)
    for name, value in speeds.items():
        console.print(f"{name:24} {value / 1e9:6.2f} GB/s")
    for name, row in ttft.items():
        console.print(name, {key: round(value, 3) for key, value in row.items()})
    cold = speeds["file raw cold read"]
    targets = [
        target("memory load / memcpy", speeds["memory load"] / speeds["memcpy"], at_least=0.7),
        target("disk cold load / raw", speeds["file plain cold load"] / cold, at_least=0.7),
        target(
            "disk warm load / raw",
            speeds["file plain warm load"] / speeds["file raw warm read"],
            at_least=0.7,
        ),
        target(
            "sealing's cost in cold load",
            1 - speeds["file sealed cold load"] / speeds["file plain cold load"],
            at_most=0.3,
        ),
        target("disk restart: cold / hit", ttft.get("disk", {}).get("cold / restart"), at_least=40),
        target("unused disk tier", unused, at_most=1.02),
    ]
    finish("tiers", {"bytes_per_second": speeds, "ttft": ttft, "unused": unused}, targets)


if __name__ == "__main__":
    main()
