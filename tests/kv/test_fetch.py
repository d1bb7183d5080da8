from __future__ import annotations

from collections.abc import Sequence

from headstart.kv.fetch import AHEAD, EXPECTED
from headstart.kv.keyring import Keyring
from headstart.kv.store import TieredStore
from headstart.kv.tiers import PageKey
from headstart.kv.tiers.contract import Seen, ignore
from headstart.kv.tiers.memory import MemoryTier
from tests.kv.tiers.support import FINGERPRINT, fill, load


class Watched(MemoryTier):
    """Notes what it is told to expect and what it is asked for, by page number."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.expected: list[int] = []
        self.surprises: list[int] = []

    def expect(self, key: PageKey) -> None:
        self.expected.append(key.page)

    def read(self, key: PageKey, into: Sequence[memoryview], seen: Seen = ignore) -> int | None:
        if key.page not in self.expected:
            self.surprises.append(key.page)
        return super().read(key, into, seen)


def test_every_page_is_announced_once() -> None:
    for pages in (1, 2, EXPECTED, EXPECTED + 1, EXPECTED + 2, 40):
        tier = Watched()
        store = TieredStore([tier], Keyring(), FINGERPRINT)
        fill(store, pages)
        assert load(store, pages) == pages
        assert sorted(tier.expected) == list(range(pages))
        store.close()


def test_a_page_is_announced_well_before_it_is_read() -> None:
    tier = Watched()
    store = TieredStore([tier], Keyring(), FINGERPRINT)
    fill(store, 40)
    assert load(store, 40) == 40
    # The next ones may be read while the first still announces.
    assert set(tier.surprises) <= set(range(1, AHEAD))
    store.close()
