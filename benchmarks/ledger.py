"""How long a report on a large ledger takes, and what writing that ledger takes.

``python -m benchmarks.ledger [--rows N] [--quick]``. A week of rows of 10 tenants, 2 routes,
3 models and 90 prefix versions with 6 reasons, evenly mixed: as many different sums an hour
as such traffic can have. The report is timed as the command makes it, from opening the file.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import finish, parser, target
from headstart.ledger import Reader, Which, report_of
from headstart.ledger.address import address_of
from headstart.ledger.rows import row_of
from headstart.ledger.store import Store
from headstart.usage import MissReason, RequestRecord, Usage

NOW, WEEK = 1_795_000_000.0, 7 * 86_400.0
BATCH, ROUNDS = 256, 3
REASONS = (None, None, None, MissReason.EXPIRED, MissReason.DIVERGED, MissReason.FIRST_SIGHT)


def records(count: int) -> Iterator[RequestRecord]:
    """A week's requests, oldest first."""
    chance = random.Random(1)
    for number in range(count):
        tokens = chance.randint(1000, 50_000)
        read = tokens * 9 // 10 if chance.random() < 0.7 else 0
        usage = Usage(fresh=100, read=read, write_5m=tokens - read, output=chance.randint(10, 900))
        cost = tokens * 1e-6
        yield RequestRecord(
            id=f"req_{number:024x}",
            time=NOW - WEEK + number * WEEK / count,
            tenant=f"tenant{chance.randint(0, 9)}",
            route=chance.choice(("a", "b")),
            provider="anthropic",
            model=chance.choice(("m1", "m2", "m3")),
            usage=usage,
            status=200 if chance.random() < 0.98 else 429,
            prefix=f"{number * 30 // count * 3 + chance.randint(0, 2):016x}",
            cost=cost,
            cost_uncached=3 * cost,
            cost_automatic=2 * cost,
            predicted=usage,
            predicted_cost=cost,
            plan="short;0:300",
            reason=chance.choice(REASONS),
            lost=chance.randint(0, 5000),
            lost_cost=0.001,
            ttft=2 * chance.random(),
            latency=3.0,
        )


def written(store: Store, count: int) -> float:
    """CPU seconds of making rows and writing them, those of making records left out."""
    spent, batch = 0.0, []
    for record in records(count):
        batch.append(record)
        if len(batch) == BATCH:
            began = time.process_time()
            store.write(list(map(row_of, batch)), [], None)
            spent += time.process_time() - began
            batch.clear()
    store.write(list(map(row_of, batch)), [], None)
    return spent


def timed(path: Path) -> tuple[float, float]:
    """Median seconds, and CPU seconds, of a week's report."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        with Reader.open(path) as reader:
            report_of(reader, Which(NOW - WEEK, NOW))
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def main() -> None:
    """Run it."""
    options = parser(__doc__, "50,000 rows")
    options.add_argument("--rows", type=int, default=1_000_000)
    given = options.parse_args()
    count = 50_000 if given.quick else given.rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        store = Store(address_of(path))
        write = written(store, count)
        plain = timed(path)
        began = time.process_time()
        while store.roll(NOW):
            pass
        roll = time.process_time() - began
        store.close()
        summed = timed(path)
        size = path.stat().st_size
    figures = {
        "rows": count,
        "write_us_a_row": write / count * 1e6,
        "roll_us_a_row": roll / count * 1e6,
        "bytes_a_row": size / count,
        "report_s": summed[0],
        "report_cpu_s": summed[1],
        "report_without_sums_s": plain[0],
        "report_without_sums_cpu_s": plain[1],
    }
    for name, value in figures.items():
        print(f"{name:28} {value:,.3f}")
    targets = [target(f"seconds of a report on {count:,} rows", summed[0], at_most=3.0)]
    finish("ledger", figures, targets)


if __name__ == "__main__":
    main()
