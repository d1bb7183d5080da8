"""The audit: how fast it reads, what memory it takes, and whether it names the right causes.

    python -m benchmarks.audit [--quick] [--seed N] [--logs N] [--peers PYTHON] [PATHS...]

PATHS are real sessions (see ``benchmarks.defects``), by default those of ``../shared/data``.
Speed is that of the whole ``headstart audit`` on raw JSONL, in a process of its own.
PYTHON is the interpreter of an environment with peers: ``pip install promptcachelint kvlint
prompt-cache-doctor cacheeconomics kvleak``, those of them that there are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.audit_parts.accuracy import accuracy
from benchmarks.audit_parts.bulk import bulk
from benchmarks.audit_parts.peers import peers
from benchmarks.audit_parts.scoring import Score
from benchmarks.report import Target, finish, parser, target

DATA = Path("../shared/data")
SESSIONS = (DATA / "tau-airline", DATA / "agent-sessions")
FULL, QUICK = 10**9, 10**8
SECONDS_A_GB = 30.0
RSS_MB = 1500.0
NAMED = 0.95
_EVERY = 0.1


def measured(log: Path) -> dict[str, float]:
    """Seconds and peak resident memory (all processes, MB) of one audit."""
    started = time.perf_counter()
    child = psutil.Popen(
        [sys.executable, "-m", "headstart", "audit", str(log), "--json", "-"],
        stdout=subprocess.DEVNULL,
    )
    peak = 0
    while child.poll() is None:
        peak = max(peak, _resident(child))
        time.sleep(_EVERY)
    if child.returncode:
        raise SystemExit(f"headstart audit ended with status {child.returncode}")
    return {"seconds": time.perf_counter() - started, "rss_mb": peak / 1e6}


def _resident(child: psutil.Process) -> int:
    total = 0
    try:
        for one in (child, *child.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def speed(paths: Sequence[Path], size: int, folder: Path) -> tuple[dict[str, Any], list[Target]]:
    """The whole audit on ``size`` bytes of raw JSONL."""
    log = folder / "bulk.jsonl"
    rows = bulk(paths, size, log)
    found = measured(log)
    gigabytes = log.stat().st_size / 1e9
    log.unlink()
    seconds = found["seconds"] / gigabytes
    figures = {
        "gb": gigabytes,
        "rows": rows,
        **found,
        "mb_s": 1000 * gigabytes / found["seconds"],
        "records_s": rows / found["seconds"],
    }
    print(f"whole audit: {json.dumps(figures)}", flush=True)
    return figures, [
        target("seconds a GB", seconds, at_most=SECONDS_A_GB),
        target("peak RSS, MB", found["rss_mb"], at_most=RSS_MB),
    ]


def right(
    paths: Sequence[Path], seed: int, count: int, folder: Path
) -> tuple[dict[str, Any], list[Target], list[Score]]:
    """Planted defects named, clean logs left alone."""
    scores, figures = accuracy(paths, seed, count, folder)
    for one in scores:
        if not one.named:
            print(f"  {one.log}: {one.why}", flush=True)
    print(f"planted defects: {json.dumps(figures)}", flush=True)
    found = [
        target("logs whose defects are named", figures["named"], at_least=NAMED),
        target("clean logs accused", figures["accused"], at_most=0),
    ]
    return figures, found, scores


def main() -> None:
    """The command."""
    options = parser(__doc__, "100 MB and 24 logs instead of 1 GB and 240")
    options.add_argument("paths", type=Path, nargs="*", default=list(SESSIONS))
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--logs", type=int)
    options.add_argument("--peers", type=Path, metavar="PYTHON")
    given = options.parse_args()
    missing = [str(path) for path in given.paths if not path.exists()]
    if missing:
        raise SystemExit(f"no such sessions: {', '.join(missing)}")
    if given.peers and not given.peers.is_file():
        raise SystemExit(f"no such interpreter: {given.peers}")
    count = given.logs or (24 if given.quick else 240)
    with tempfile.TemporaryDirectory() as folder:
        fast, goals = speed(given.paths, QUICK if given.quick else FULL, Path(folder))
        logs = Path(folder) / "defects"
        named, more, scores = right(given.paths, given.seed, count, logs)
        beside = peers(given.peers, logs, scores)
    figures = {"speed": fast, "accuracy": named, "peers": beside, "seed": given.seed}
    finish("audit", figures, [*goals, *more])


if __name__ == "__main__":
    main()
