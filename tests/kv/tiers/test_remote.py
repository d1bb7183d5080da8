"""Servers that are slow, silent, gone: bounded, counted, never an exception."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from headstart.kv.keyring import Keyring
from headstart.kv.open import open_remote
from headstart.kv.store import TieredStore
from headstart.kv.tiers import PageKey, Selection, Tier, TierStats
from headstart.kv.tiers.contract import Buffer
from headstart.kv.tiers.memory import MemoryTier
from headstart.kv.tiers.remote import FAILURES, PAUSE_SECONDS, PROBE_SECONDS, Breaker, Guard
from tests.kv.tiers.support import (
    ACME,
    FINGERPRINT,
    Collector,
    fill,
    free_port,
    line,
    load,
    tokens,
    valkey_server,
)

SLACK = 10.0
"""Seconds that a busy machine may add to a stated time."""


class Broken(MemoryTier):
    """Raises, or waits, when told to."""

    local = False
    failing = False
    deaf = False
    """Whether its figures are out of reach too."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.gate = threading.Event()
        self.gate.set()
        self.asked = 0

    def _be_so(self) -> None:
        self.asked += 1
        self.gate.wait(30)
        if self.failing:
            raise ConnectionError("as told")

    def has(self, keys: Sequence[PageKey]) -> int:
        self._be_so()
        return super().has(keys)

    def get(self, key: PageKey) -> Buffer | None:
        self._be_so()
        return super().get(key)

    def put(self, key: PageKey, parts: Sequence[Buffer]) -> bool:
        self._be_so()
        return super().put(key, parts)

    def stats(self) -> TierStats:
        if self.deaf:
            self._be_so()
        return super().stats()


def every_call(tier: Tier) -> None:
    """Everything a store does with a tier; none may raise."""
    keys = line(3)
    assert tier.has(keys) == 0
    assert tier.get(keys[0]) is None
    assert tier.read(keys[0], [memoryview(bytearray(3))]) is None
    assert not tier.put(keys[0], [b"abc"])
    tier.touch(keys, 1.0)
    tier.delete(keys[0], damaged=True)
    assert tier.drop(Selection()) == 0
    assert tier.lease(keys, 2.0, 1.0) == 0
    assert tier.pin(keys) == tier.unpin(keys) == 0
    assert list(tier.entries()) == []


def test_the_breaker_opens_and_lets_one_through_after_its_pause() -> None:
    now = 0.0
    breaker = Breaker(clock=lambda: now)
    for _ in range(FAILURES):
        assert breaker.admit()
        breaker.report(False)
    assert breaker.open
    assert not breaker.admit()
    now = PAUSE_SECONDS
    assert not breaker.open
    assert breaker.admit()
    assert not breaker.admit()
    breaker.report(False)
    assert not breaker.admit()
    now = 2 * PAUSE_SECONDS
    assert breaker.admit()
    breaker.report(True)
    assert breaker.admit()
    assert breaker.admit()


def test_what_a_tier_raises_is_counted_and_then_spared() -> None:
    tier = Broken()
    guard = Guard(tier)
    assert guard.put(line(1)[0], [b"abc"])
    tier.failing = True
    asked = tier.asked
    for _ in range(FAILURES + 5):
        assert guard.has(line(1)) == 0
    assert tier.asked == asked + FAILURES
    assert guard.paused
    stats = guard.stats()
    assert stats.errors == FAILURES
    assert stats.misses >= 5
    assert stats.paused
    guard.close()


def test_a_tier_comes_back_after_its_pause() -> None:
    now = 0.0
    tier = Broken()
    guard = Guard(tier, Breaker(clock=lambda: now))
    guard.put(line(1)[0], [b"abc"])
    tier.failing = True
    for _ in range(FAILURES):
        guard.has(line(1))
    tier.failing = False
    assert guard.has(line(1)) == 0
    now = PAUSE_SECONDS
    assert guard.has(line(1)) == 1
    assert not guard.paused
    guard.close()


def test_asking_for_figures_does_not_end_a_pause() -> None:
    now = 0.0
    tier = Broken()
    guard = Guard(tier, Breaker(clock=lambda: now))
    tier.failing = True
    for _ in range(FAILURES):
        assert not guard.paused
        assert guard.stats().objects == 0
        guard.has(line(1))
    assert guard.stats().paused
    now = PAUSE_SECONDS
    guard.stats()
    asked = tier.asked
    for _ in range(5):
        guard.has(line(1))
    assert tier.asked == asked + 1
    guard.close()


def test_figures_out_of_reach_are_the_latest_known() -> None:
    tier = Broken()
    guard = Guard(tier)
    for key in line(3):
        guard.put(key, [b"abc"])
    assert (guard.stats().stored, guard.stats().stored_bytes) == (3, 9)
    tier.deaf = tier.failing = True
    for failures in range(1, FAILURES + 3):
        stats = guard.stats()
        assert (stats.stored, stats.stored_bytes) == (3, 9)
        assert stats.errors == min(failures, FAILURES)
        assert stats.paused == (failures >= FAILURES)
    guard.close()


def test_a_tier_that_hangs_costs_the_stated_time() -> None:
    tier = Broken()
    guard = Guard(tier)
    tier.gate.clear()
    begin = time.monotonic()
    for _ in range(FAILURES + 5):
        assert guard.has(line(1)) == 0
    assert time.monotonic() - begin < FAILURES * PROBE_SECONDS + SLACK
    assert guard.stats().errors == FAILURES
    tier.gate.set()
    guard.close()


def test_a_load_is_over_when_its_time_is() -> None:
    tier = Broken()
    store = TieredStore([Guard(tier)], Keyring(), FINGERPRINT)
    fill(store, 4)
    located = store.probe(store.prefix(tokens(4), ACME))
    assert len(located.keys) == 4
    tier.gate.clear()
    threading.Timer(0.5, tier.gate.set).start()
    sink = Collector()
    assert store.load(located, sink, seconds=0.1).pages == 0
    assert sink.pages == {}
    assert load(store, 4) == 4
    store.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield server.getsockname()[1]


URLS = ["valkey://127.0.0.1:{port}/0", "s3://bucket/x?endpoint=http://127.0.0.1:{port}&anonymous=1"]


def opened(url: str) -> Tier:
    pytest.importorskip("obstore" if url.startswith("s3") else "valkey")
    return open_remote(url)[0]


@pytest.mark.parametrize("url", URLS, ids=["valkey", "s3"])
def test_a_server_that_is_not_there_is_a_miss(url: str) -> None:
    tier = opened(url.format(port=free_port()))
    begin = time.monotonic()
    every_call(tier)
    assert time.monotonic() - begin < FAILURES * PROBE_SECONDS + SLACK
    assert tier.stats().errors == FAILURES
    tier.close()


@pytest.mark.parametrize("url", URLS, ids=["valkey", "s3"])
def test_a_server_that_never_answers_is_a_miss(
    url: str, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client's own limit ends the abandoned calls: no need to wait for the usual one.
    monkeypatch.setattr("headstart.kv.tiers.valkey.WRITE_SECONDS", 1.0)
    monkeypatch.setattr("headstart.kv.tiers.s3_bucket.WRITE_SECONDS", 1.0)
    tier = opened(url.format(port=silent))
    begin = time.monotonic()
    for _ in range(FAILURES + 5):
        assert tier.has(line(2)) == 0
    assert time.monotonic() - begin < FAILURES * PROBE_SECONDS + SLACK
    assert tier.paused
    every_call(tier)
    tier.close()


def test_a_server_that_goes_away_and_comes_back() -> None:
    now = 0.0
    port = free_port()

    def opened_with(clock: Callable[[], float]) -> TieredStore:
        from headstart.kv.tiers import valkey

        client = valkey.connect(f"valkey://127.0.0.1:{port}/0")
        guard = Guard(valkey.ValkeyTier(client, 1 << 20), Breaker(clock=clock))
        return TieredStore([MemoryTier(1 << 20), guard], Keyring(), FINGERPRINT)

    pytest.importorskip("valkey")
    with valkey_server(port):
        store = opened_with(lambda: now)
        fill(store, 3)
        store.tiers[0].drop(Selection())
        assert load(store, 3) == 3
    store.flush(10)
    store.tiers[0].drop(Selection())
    assert load(store, 3) == 0
    fill(store, 3, seed=1)
    assert load(store, 3, seed=1) == 3
    assert store.stats().tiers["valkey"].errors > 0
    for _ in range(FAILURES):
        load(store, 3)
    with valkey_server(port):
        now += PAUSE_SECONDS
        fill(store, 3, seed=2)
        assert store.tiers[1].has(store.prefix(tokens(3, 2), ACME).keys) == 3
        store.close()


def test_no_room_for_a_page_is_no_error() -> None:
    guard = Guard(Broken())
    assert not guard.put(line(1)[0], [b"x" * (2 << 20)])
    stats = guard.stats()
    assert (stats.errors, stats.dropped) == (0, 1)
    guard.close()
