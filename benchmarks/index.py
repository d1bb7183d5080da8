"""How fast the prefix tree is, and how small, beside the indexes of two engines.

``python -m benchmarks.index [--quick] [--sglang-python PATH] [--vllm-python PATH]``.
The engines run in child processes of interpreters that have them; what is not there is
not measured, and a published figure stands in, marked as such.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import subprocess
import sys
import time
import tracemalloc
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from benchmarks.index_workload import percentiles, requests
from benchmarks.report import Target, finish, parser, target
from headstart.prefix import RadixTree, Scope, pack

HERE = Path(__file__).resolve().parent
SCOPE = Scope("bench")
PAGES = (16, 1)
VLLM_PYTHON = HERE.parent / ".venv-vllm" / "bin" / "python"
Figures: TypeAlias = Mapping[str, Mapping[str, float]]
Timings: TypeAlias = list[tuple[float, float]]
PUBLISHED: Figures = {
    "page 16": {"packed_p50_us": 200.0},
    "eviction_us 50000": {"median": 44_000.0},
    "bytes_a_token": {"page 16": 9.1},
}
"""SGLang 0.5.23's RadixCache on this workload, from one earlier run on 2 cores."""


class Ours:
    """The tree and a counter of slots."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.tree = RadixTree(page=page)
        self.slots = 0
        self.served = 0

    def serve(self, prompt: list[int]) -> tuple[float, float]:
        """Seconds to pack a prompt, and to match and insert it."""
        self.served += 1
        now = float(self.served)
        began = time.perf_counter()
        key = pack(prompt, page=self.page)
        packed = time.perf_counter()
        match = self.tree.match(key, SCOPE, now)
        matched = time.perf_counter()
        fresh = len(key) // (4 * self.page) - match.length // self.page
        slots = array("i", range(self.slots, self.slots + fresh))
        self.slots += fresh
        numbered = time.perf_counter()
        self.tree.insert(key, slots, SCOPE, now, start=match.length)
        return packed - began, (matched - packed) + (time.perf_counter() - numbered)


def bytes_a_token(prompts: list[list[int]], page: int) -> float:
    """Memory of the whole index, slots included, per stored token."""
    index = Ours(page)
    tracemalloc.start()
    for prompt in prompts:
        index.serve(prompt)
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return traced / (index.tree.size_info().pages * page)


def eviction(leaves: int, evictions: int = 500) -> dict[str, float]:
    """Microseconds of one eviction (one page, which is one leaf) at so many leaves.

    ``median`` as they were stored, ``touched`` after every leaf was used in random order;
    ``touched first`` is the very first one after that.
    """
    rng = random.Random(5)
    tree = RadixTree(page=16)
    keys = []
    for number in range(leaves + 2 * evictions):
        tokens = [number % 8] * 16 + [rng.randrange(150_000) for _ in range(16)]
        keys.append(pack(tokens))
    for number, key in enumerate(keys):
        tree.insert(key, array("i", [number, number]), SCOPE, 0.0)
    plain = _evictions(tree, evictions)
    rng.shuffle(keys)
    for key in keys:
        tree.match(key, SCOPE, 1.0)
    touched = _evictions(tree, evictions)
    return {
        "median": sorted(plain)[evictions // 2],
        "touched": sorted(touched)[evictions // 2],
        "touched first": touched[0],
    }


def _evictions(tree: RadixTree, times: int) -> list[float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        given = tree.evict(1, 2.0).slots
        taken.append((time.perf_counter() - began) * 1e6)
        assert len(given) == 1
    return taken


def rival(name: str, python: Path | None, quick: bool) -> Figures | None:
    """Figures of another engine's index; None where it cannot be measured."""
    if python is None or not python.exists():
        return None
    command = [str(python), str(HERE / "index_rivals.py"), name, *["--quick"][: int(quick)]]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if child.returncode:
        reason = (child.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"{name}: not measured ({reason})", file=sys.stderr)
        return None
    figures: Figures = json.loads(child.stdout.strip().splitlines()[-1])
    return figures


def passes(prompts: list[list[int]], page: int) -> Timings:
    """Timings of one pass of the whole workload through a fresh tree."""
    index = Ours(page)
    return [index.serve(prompt) for prompt in prompts]


def show(name: str, figures: Mapping[str, object]) -> None:
    """One line for people."""
    cells = (f"{key} {value:,.1f}" for key, value in figures.items() if isinstance(value, float))
    print(f"{name:<26}", "   ".join(cells), flush=True)


def rivals(options: argparse.Namespace) -> dict[str, Figures]:
    """What of the other engines can be measured here; when in a hurry, those asked for."""
    default = None if options.quick else VLLM_PYTHON
    pythons = {"sglang": options.sglang_python, "vllm": options.vllm_python or default}
    found = {name: rival(name, python, options.quick) for name, python in pythons.items()}
    return {name: figures for name, figures in found.items() if figures is not None}


def targets(ours: Figures, others: Mapping[str, Figures]) -> list[Target]:
    """Ours against SGLang's measured figure, or its published one."""
    measured = "sglang" in others
    source = "" if measured else " (published, not measured here)"
    base = others.get("sglang", PUBLISHED)["page 16"]["packed_p50_us"]
    packed, listed = ours["page 16"]["packed_p50_us"], ours["page 16"]["list_p50_us"]
    return [
        target(f"page 16, packed / SGLang{source}", packed / base, at_most=1 / 8),
        target(f"page 16, list / SGLang{source}", listed / base, at_most=1 / 2),
        target("eviction at 50,000 leaves, us", ours["eviction_us 50000"]["median"], at_most=20),
        target("the same, all leaves used, us", ours["eviction_us 50000"]["touched"], at_most=20),
        target("bytes a token, page 16", ours["bytes_a_token"]["page 16"], at_most=6),
    ]


def main() -> None:
    """Measure in turn: ours, the others, ours again."""
    options = parser(__doc__, "other engines only if asked for, and with less to do")
    options.add_argument("--sglang-python", type=Path, help="an interpreter that has SGLang")
    options.add_argument("--vllm-python", type=Path, help="one that has vLLM [.venv-vllm]")
    given = options.parse_args()
    prompts = requests()
    gc.collect()
    gc.freeze()  # so that no collection walks the workload in the middle of a timing
    first = {page: passes(prompts, page) for page in PAGES}
    others = rivals(given)
    second = first if given.quick else {page: passes(prompts, page) for page in PAGES}
    ours = {f"page {page}": percentiles(first[page] + second[page]) for page in PAGES}
    for leaves in (1000, 50_000):
        ours[f"eviction_us {leaves}"] = eviction(leaves)
    few = prompts[:500] if given.quick else prompts  # tracing memory is slow
    ours["bytes_a_token"] = {f"page {page}": bytes_a_token(few, page) for page in PAGES}
    for name, figures in {"headstart": ours, **others}.items():
        for what, cells in figures.items():
            show(f"{name}, {what}", cells)
    if "sglang" not in others:
        for what, cells in PUBLISHED.items():
            show(f"sglang, {what}", cells)
        print("(sglang: published figures, not measured here)")
    finish("index", {"headstart": ours, **others}, targets(ours, others))


if __name__ == "__main__":
    main()
