"""Workloads for tests: random ones, and the real ones where they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from headstart.cli.simulate.traces import Reader, files_of
from headstart.prefix import FIFO, LFU, LRU, Policy
from headstart.prefix.learned import Learned
from headstart.prefix.workload import Call, Numbering, Workload

SHARED = Path(os.environ.get("HEADSTART_SHARED") or Path(__file__).parents[3] / "shared")
REAL = ("mooncake", "tau-airline", "agent-sessions/taubench", "agent-sessions/magagent")
POLICIES: dict[str, Callable[[], Policy]] = {
    "lru": LRU,
    "lfu": LFU,
    "fifo": FIFO,
    "learned": Learned,
}


def of_paths(paths: list[list[int]], times: list[float] | None = None) -> Workload:
    """A workload of prompts given as blocks; one call a second, unless ``times`` are given."""
    numbering = Numbering()
    calls = [
        Call(
            float(number) if times is None else times[number],
            numbering.path(path, numbering.root(None)),
            len(path),
        )
        for number, path in enumerate(paths)
    ]
    return Workload("test", 1, len(numbering), calls)


# Two symbols, so that prompts meet and diverge inside each other; gaps from 0 to long.
prompts = st.lists(st.lists(st.integers(0, 1), max_size=7), min_size=1, max_size=40)
gaps = st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0, 100.0]), min_size=40, max_size=40)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    paths = draw(prompts)
    now, times = 0.0, []
    for gap in draw(gaps)[: len(paths)]:
        now += gap
        times.append(now)
    return of_paths(paths, times)


def real(name: str, calls: int) -> Workload:
    """The first calls of a real workload; skips the test where the data is not there."""
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"no real traces at {folder}: set HEADSTART_SHARED to where data/ is")
    reader = Reader()
    for file in files_of(folder):
        reader.add(file)
    return reader.workload(name).first(calls)
