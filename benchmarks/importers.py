"""How fast each kind of log is read: detection, parsing, usage; one process, one core.

    python -m benchmarks.importers [--quick] [PATHS...]

PATHS are real sessions (see ``benchmarks.defects``), by default those of ``../shared/data``, of
which raw JSONL is made. The other logs are made of documented rows around a prompt of
``PROMPT`` characters. Seconds are CPU seconds of the reading process; MB are decompressed.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import zstandard

from benchmarks.audit_parts.bulk import bulk
from benchmarks.report import Target, finish, parser, target
from headstart.audit.importers import Reading, planned
from headstart.audit.record import Record
from tests.audit.importers.samples import SAMPLES, claude_body, claude_message, lines

DATA = Path("../shared/data")
SESSIONS = (DATA / "tau-airline", DATA / "agent-sessions")
PROMPT = 8_000
FULL, QUICK = 64 << 20, 6 << 20
RAW_FULL, RAW_QUICK = 256 << 20, 16 << 20
LARGE = 100_000_000
"""Characters of one row."""
RAW_MB_A_SECOND = 1000 / 15
"""Half of what the audit of 1 GB may take, on one core."""
LARGE_MB = 1500.0


def measured(log: Path) -> dict[str, float]:
    """Of one log, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.importers", "--read", str(log)],
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def read(log: Path) -> dict[str, float]:
    """Records, CPU seconds, peak resident MB."""
    import resource

    started, records, broken = time.process_time(), 0, 0
    for work in planned([log]):
        for item in Reading(work):
            if isinstance(item, Record):
                records += 1
            else:
                broken += 1
    seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"records": records, "broken": broken, "seconds": seconds, "rss_mb": peak}


def made(folder: Path, size: int) -> Iterator[tuple[str, Path, int]]:
    """Name, file and decompressed bytes of a log of each kind."""
    text = "You are a careful assistant that answers in one sentence. " * (PROMPT // 58)
    for sample in SAMPLES:
        name = sample.make.__name__
        count = max(1, size // max(1, len(sample.make(2, text)) // 2))
        data = sample.make(count, text)
        path = folder / f"{name}{sample.suffix}"
        path.write_bytes(data)
        yield name, path, len(data)
        if name == "raw_anthropic":
            for suffix, pack in (("gz", gzip.compress), ("zst", zstandard.compress)):
                packed = folder / f"{name}.jsonl.{suffix}"
                packed.write_bytes(pack(data))
                yield f"{name}.{suffix}", packed, len(data)


def main() -> None:
    options = parser(__doc__, "files of 6 MB, raw logs of 16 MB")
    options.add_argument("paths", nargs="*", type=Path, default=SESSIONS)
    options.add_argument("--read", type=Path, help="read one log and print what it took")
    given = options.parse_args()
    if given.read is not None:
        print(json.dumps(read(given.read)))
        return
    figures: dict[str, dict[str, float]] = {}
    targets: list[Target] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, path, size in made(folder, QUICK if given.quick else FULL):
            figures[name] = _shown(name, measured(path), size)
            path.unlink()
        raw = None
        if all(path.exists() for path in given.paths):
            path = folder / "sessions.jsonl"
            bulk(given.paths, RAW_QUICK if given.quick else RAW_FULL, path)
            size = path.stat().st_size
            figures["raw_sessions"] = _shown("raw, real sessions", measured(path), size)
            raw = figures["raw_sessions"]["mb_s"]
            path.unlink()
        path = folder / "large.jsonl"
        row = {"request": claude_body(0, "x" * LARGE), "response": claude_message(0)}
        path.write_bytes(lines([row]))
        large = figures["large_row"] = _shown("one row of 100 MB", measured(path), LARGE)
    targets.append(target("raw JSONL, MB a CPU second", raw, at_least=RAW_MB_A_SECOND))
    targets.append(target("resident MB for one row of 100 MB", large["rss_mb"], at_most=LARGE_MB))
    finish("importers", figures, targets)


def _shown(name: str, found: dict[str, float], size: int) -> dict[str, float]:
    if not found["records"] or found["broken"]:
        raise SystemExit(f"{name}: {found}")
    seconds = max(found["seconds"], 1e-3)
    shown = {
        "mb_s": round(size / 1e6 / seconds, 1),
        "records_s": round(found["records"] / seconds),
        "rss_mb": round(found["rss_mb"]),
    }
    print(f"{name:24} {shown['mb_s']:9,.1f} MB/s {shown['records_s']:9,} records/s", flush=True)
    return shown


if __name__ == "__main__":
    main()
