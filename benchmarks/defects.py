"""Logs with planted defects, made from real sessions, and the truth about them.

    python -m benchmarks.defects --sessions PATHS --seed N --logs 240 --out FOLDER

writes FOLDER/0000.jsonl ... and FOLDER/truth.jsonl. Sessions are chats (``{messages}``) or
whole prompts (``{session_id, timestamp, input, output}``), one JSON object a line, ``.gz``
too. What a log loses by a defect is what its requests would have read without it, by replay
in the emulator of the log with the defect taken away.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.progress import track

from benchmarks.defect_parts.logs import Defect, Material, planted, truth_of, write
from benchmarks.defect_parts.plants import PLANTS
from benchmarks.defect_parts.sessions import documents, sessions

CLEAN, DOUBLE = 0.15, 0.2
"""Shares of the logs without a defect, and with two (each in an app of its own)."""


class Plan(NamedTuple):
    """What goes into one log."""

    plants: tuple[str, ...]
    mixed: bool
    named: bool


def plans(count: int, chance: random.Random) -> Iterator[Plan]:
    """Every plant about as often as any other."""
    names: list[str] = []
    for number in range(count):
        kind = (number + 0.5) / count
        size = 0 if kind < CLEAN else 2 if kind < CLEAN + DOUBLE else 1
        if len(names) < size:
            names = [*chance.sample(sorted(PLANTS), len(PLANTS)), *names]
        taken = tuple(names.pop() for _ in range(size))
        mixed = chance.random() < 0.5
        yield Plan(taken, mixed, not mixed and chance.random() < 0.5)


def make(paths: Sequence[Path], seed: int, count: int, out: Path) -> None:
    """Write the logs and their truth; ValueError if the sessions do not suffice."""
    material = Material(sessions(paths), documents(paths))
    chance = random.Random(seed)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "truth.jsonl").open("wb") as truth:
        every = list(plans(count, chance))
        for number, plan in enumerate(track(every, "writing logs", transient=True)):
            rows, defects = [], list[Defect]()
            for index, plant in enumerate(plan.plants or ("",)):
                name = f"app{number}-{index}"
                more, defect = planted(material, name, plant, chance, mixed=plan.mixed)
                rows += more
                defects += [defect] if defect is not None else []
            path = out / f"{number:04}.jsonl"
            write(path, rows, chance, named=plan.named)
            truth.write(truth_of(path.name, defects, rows))


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--sessions", type=Path, nargs="+", required=True)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--logs", type=int, default=240)
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    make(given.sessions, given.seed, given.logs, given.out)


if __name__ == "__main__":
    main()
