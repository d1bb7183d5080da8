"""Forks writers, kills them at random points, and looks at what they left.

``python -m tests.kv.tiers.killed ROOT KILLS SEED``; prints the pages that were loaded after
kills. A helper process of its own: forking is safe and fast where no thread runs, and it
proves that a writer needs no torch.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from headstart.kv.open import open_store
from headstart.kv.seal import MasterKey
from headstart.kv.store import TieredStore
from headstart.kv.tiers import PinBudgetExceeded
from headstart.kv.tiers.disk import DiskTier
from headstart.prefix import Scope
from tests.kv.tiers.support import ACME, FINGERPRINT, fill, load, page_files, tokens

OBJECT_BYTES = FINGERPRINT.page_bytes + 192
LIMIT = 60 * OBJECT_BYTES
SEEDS = 10
FORGOTTEN = Scope("forgotten")


def opened(root: Path) -> TieredStore:
    return open_store(FINGERPRINT, disk=f"{root}:{LIMIT}", master=MasterKey(b"m" * 32))


def write(root: Path, dice: random.Random, ready: int) -> None:
    """Everything that changes the directory, for ever."""
    store = opened(root)
    os.write(ready, b"r")
    while True:
        seed = dice.randrange(SEEDS)
        fill(store, dice.randint(1, 9), seed)
        prefix = store.prefix(tokens(3, seed), ACME)
        store.lease(prefix, time.time() + dice.random())
        if dice.random() < 0.2:
            with contextlib.suppress(PinBudgetExceeded):
                (store.pin if dice.random() < 0.5 else store.unpin)(prefix)
        if dice.random() < 0.1:
            fill(store, 2, seed, FORGOTTEN)
            store.forget(FORGOTTEN.tenant)
        load(store, 9, dice.randrange(SEEDS))


def check(root: Path) -> int:
    """Pages loaded; AssertionError if anything is not as it should be."""
    store = opened(root)
    tier = store.tiers[0]
    assert isinstance(tier, DiskTier)
    assert store.flush(10)
    files = page_files(root)
    assert {path.name.partition(".")[0] for path in files} == {
        entry.key.name for entry in tier.entries()
    }
    stats = tier.stats()
    assert stats.stored_bytes == sum(path.stat().st_size for path in files) <= LIMIT
    assert stats.pinned_bytes <= LIMIT / 2
    assert [path.name for path in (root / "tmp").iterdir()] == [tier._files._own.name]
    assert not list((root / "tmp").glob("*/*"))
    held = {entry.key.scope for entry in tier.entries()}
    assert held <= store.keyring.scopes()
    loaded = sum(load(store, 9, seed) for seed in range(SEEDS))
    stats = tier.stats()
    assert (stats.damaged, stats.misses, stats.errors) == (0, 0, 0), stats
    store.close()
    return loaded


def forked(work: Callable[[], object]) -> int:
    """Run in a child that ends with ``work``: status 0, or 1 with the error printed."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        sys.stderr.flush()
    finally:
        os._exit(status)


def main() -> None:
    """See above."""
    root, kills, dice = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    assert not {"torch", "transformers"} & set(sys.modules)
    results, report = os.pipe()
    for _ in range(kills):
        waiting, ready = os.pipe()
        seed = dice.random()
        writer = forked(lambda seed=seed, ready=ready: write(root, random.Random(seed), ready))  # type: ignore[misc]
        os.close(ready)
        # One in four dies while it opens the store.
        if dice.random() < 0.75 and os.read(waiting, 1) != b"r":
            sys.exit("the writer failed")
        time.sleep(dice.random() * 0.04)
        os.kill(writer, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(writer, 0)[1])
        os.close(waiting)
        checker = forked(lambda: os.write(report, check(root).to_bytes(4, "little")))
        if os.waitpid(checker, 0)[1]:
            sys.exit("the check failed")
    os.close(report)
    data = os.read(results, 1 << 16)
    loaded = sum(int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4))
    sys.stdout.write(f"{loaded}\n")


if __name__ == "__main__":
    main()
