"""The disk tier beside the disk: ``python -m benchmarks.tier_raw [--directory DIR]``.

Stores and loads the same pages through the store (plain and sealed) and as one plain file,
in turn, several rounds; prints the medians and what share of the raw limit is reached. The
page cache is dropped with ``posix_fadvise`` before a cold round; no fsync is in the timing
of a write, neither raw nor through the store.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from headstart.kv.fingerprint import Fingerprint
from headstart.kv.layout import KVLayout
from headstart.kv.open import open_store
from headstart.kv.pages import Prefix
from headstart.kv.seal import MasterKey
from headstart.kv.store import TieredStore
from headstart.prefix import Scope

LAYOUT = KVLayout(30, 3, 64, "float32", (None,) * 30)
"""A 135-million-parameter model's: 5.9 MB a page of 128 tokens."""
RAW_PIECE = 8 << 20


class Rows:
    """A sink over one buffer, as an arena with consecutive rows is."""

    def __init__(self, pages: int, page_bytes: int) -> None:
        self.buffer = memoryview(bytearray(os.urandom(1)) * (pages * page_bytes))
        self.page_bytes = page_bytes
        self.committed = 0

    def target(self, page: int) -> Sequence[memoryview]:
        """The page's place."""
        return [self.buffer[page * self.page_bytes : (page + 1) * self.page_bytes]]

    def commit(self, page: int) -> None:
        """Count it."""
        self.committed += 1


def rate(size: int, work: Callable[[], object]) -> float:
    """Bytes per second of one run."""
    begin = time.perf_counter()
    work()
    return size / (time.perf_counter() - begin)


def drop_page_cache(directory: Path) -> None:
    """Write back, and forget, what the kernel holds of the files below a directory."""
    for path in directory.rglob("*"):
        if path.is_file():
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def raw_write(path: Path, data: memoryview) -> float:
    """Bytes per second of writing one new file in large pieces."""
    path.unlink(missing_ok=True)

    def work() -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(data), RAW_PIECE):
                file.write(data[start : start + RAW_PIECE])

    return rate(len(data), work)


def raw_read(path: Path, into: memoryview) -> float:
    """Bytes per second of reading one file in large pieces, by one thread."""

    def work() -> None:
        with path.open("rb", buffering=0) as file:
            for start in range(0, len(into), RAW_PIECE):
                file.readinto(into[start : start + RAW_PIECE])

    return rate(len(into), work)


def memcpy(source: memoryview, into: memoryview) -> float:
    """Bytes per second of one thread's copy."""

    def work() -> None:
        into[:] = source

    return rate(len(source), work)


def store_pages(store: TieredStore, prefix: Prefix, data: memoryview) -> float:
    """Bytes per second from the first offer until the last page has its file."""
    size = store.fingerprint.page_bytes

    def work() -> None:
        for page in store.wanted(prefix):
            store.offer(prefix, page, data[page * size : (page + 1) * size])
        if not store.flush(120):
            raise RuntimeError("write-back did not finish")

    return rate(prefix.pages * size, work)


def load_pages(store: TieredStore, prefix: Prefix, sink: Rows) -> float:
    """Bytes per second of probe and load."""
    sink.committed = 0
    result = rate(len(sink.buffer), lambda: store.load(store.probe(prefix), sink))
    if sink.committed != prefix.pages:
        raise RuntimeError(f"{sink.committed} of {prefix.pages} pages were loaded")
    return result


def measure(directory: Path, tokens: int, rounds: int) -> dict[str, float]:
    """Median bytes per second of everything."""
    fingerprint = Fingerprint("benchmark", LAYOUT)
    keys = os.urandom(4 * tokens)
    pages = tokens // fingerprint.page_tokens
    size = pages * fingerprint.page_bytes
    data = memoryview(os.urandom(1 << 20) * (size // (1 << 20) + 1))[:size]
    sink = Rows(pages, fingerprint.page_bytes)
    roots = {"plain": None, "sealed": MasterKey(os.urandom(32))}
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    raw = directory / "raw"
    for _ in range(rounds):
        note("raw write", raw_write(raw, data))
        drop_page_cache(directory)
        note("raw cold read", raw_read(raw, sink.buffer))
        note("raw warm read", raw_read(raw, sink.buffer))
        note("memcpy", memcpy(data, sink.buffer))
        raw.unlink()
        for name, master in roots.items():
            with tempfile.TemporaryDirectory(dir=directory) as root:
                store = open_store(
                    fingerprint, disk=f"{root}:{4 * size}", master=master, queue_bytes=2 * size
                )
                prefix = store.prefix(keys, Scope("benchmark"))
                note(f"{name} store", store_pages(store, prefix, data))
                drop_page_cache(Path(root))
                note(f"{name} cold load", load_pages(store, prefix, sink))
                note(f"{name} warm load", load_pages(store, prefix, sink))
                if sink.buffer != data:
                    raise RuntimeError("what was loaded is not what was stored")
                store.close()
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        found = measure(Path(directory), options.tokens, options.rounds)
    limits = {"store": "raw write", "cold load": "raw cold read", "warm load": "raw warm read"}
    for name, value in found.items():
        limit = limits.get(name.partition(" ")[2]) if not name.startswith("raw") else None
        share = f"  {100 * value / found[limit]:4.0f}% of {limit}" if limit else ""
        print(f"{name:18} {value / 1e9:6.2f} GB/s{share}")


if __name__ == "__main__":
    main()
