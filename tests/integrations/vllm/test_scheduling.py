"""The scheduler's end against a real store, with requests that look like vLLM's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.integrations.vllm.options import LEASE_PARAMETER, Options
from headstart.integrations.vllm.plan import Step
from headstart.integrations.vllm.scheduler import Scheduling
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.layout import KVLayout
from headstart.kv.store import TieredStore
from headstart.prefix import Scope, pack

PAGE = 4
LAYOUT = KVLayout(2, 1, 4, "float16", (None, None))
RANKS = tuple(Fingerprint("00", LAYOUT, page_tokens=PAGE, rank=rank, ranks=2) for rank in range(2))
BLOCKS = list(range(100, 140))


def request(tokens: int, name: str = "r", **fields: Any) -> Any:
    ids = list(range(tokens))
    known = {
        "request_id": name,
        "prompt_token_ids": ids,
        "all_token_ids": list(ids),
        "num_tokens": tokens,
        "num_prompt_tokens": tokens,
        "num_computed_tokens": 0,
        "cache_salt": None,
        "prompt_embeds": None,
        "mm_features": [],
        "lora_request": None,
        "pooling_params": None,
        "kv_transfer_params": None,
    }
    return SimpleNamespace(**{**known, **fields})


class Site:
    def __init__(self, disk: Path) -> None:
        self.options = Options.parse({"disk": f"{disk}:64M"})
        self.scheduling = Scheduling(self.options, RANKS)
        self.stores = [self.options.open(made) for made in RANKS]

    def fill(self, pages: int, rank: int, salt: str = "") -> None:
        store = self.stores[rank]
        prefix = store.prefix(pack(list(range(pages * PAGE))), Scope("default", None, salt))
        for page in range(pages):
            store.offer(prefix, page, bytes(RANKS[rank].page_bytes))
        assert store.flush(30)

    def matched(self, made: Any, computed: int = 0) -> int:
        deadline = time.monotonic() + 30
        while (tokens := self.scheduling.matched(made, computed)) is None:
            assert time.monotonic() < deadline
        return tokens

    def step(self, **scheduled: int) -> Step:
        output = SimpleNamespace(
            num_scheduled_tokens=scheduled, total_num_scheduled_tokens=sum(scheduled.values())
        )
        return self.scheduling.step(output, lambda name: BLOCKS)

    def close(self) -> None:
        self.scheduling.close()
        for store in self.stores:
            store.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "kv")
    yield made
    made.close()


def test_a_page_counts_if_every_rank_has_it(site: Site) -> None:
    site.fill(5, rank=0)
    site.fill(3, rank=1)
    made = request(22)
    site.scheduling.arrived(made)
    assert site.matched(made) == 3 * PAGE
    assert site.matched(made, computed=2 * PAGE) == PAGE
    assert site.matched(made, computed=4 * PAGE) == 0


def test_the_last_token_is_left_to_compute(site: Site) -> None:
    for rank in range(2):
        site.fill(3, rank)
    for size, tokens in ((12, 8), (13, 12), (4, 0), (3, 0)):
        made = request(size, f"r{size}")
        site.scheduling.arrived(made)
        assert site.matched(made) == tokens


def test_salts_are_apart(site: Site) -> None:
    for rank in range(2):
        site.fill(3, rank, salt="a")
    for salt, tokens in (("a", 12), ("b", 0), (None, 0)):
        made = request(16, f"r{salt}", cache_salt=salt)
        site.scheduling.arrived(made)
        assert site.matched(made) == tokens


@pytest.mark.parametrize(
    "field", ["mm_features", "lora_request", "prompt_embeds", "pooling_params"]
)
def test_requests_whose_kv_is_not_their_tokens_alone_are_left_alone(site: Site, field: str) -> None:
    for rank in range(2):
        site.fill(3, rank)
    made = request(16, **{field: ["something"]})
    site.scheduling.arrived(made)
    assert site.matched(made) == 0
    assert site.step(r=16) == Step()


def test_loads_name_the_blocks_behind_vllm_s_own(site: Site) -> None:
    for rank in range(2):
        site.fill(5, rank)
    made = request(22)
    site.scheduling.arrived(made)
    external = site.matched(made, computed=PAGE)
    site.scheduling.allocated(made, BLOCKS, external)
    assert site.scheduling.local_tokens["r"] == 4 * PAGE
    step = site.step()
    (load,) = step.loads
    assert (load.request, load.first, load.blocks) == ("r", 1, tuple(BLOCKS[1:5]))
    assert load.tokens == pack(list(range(20)))
    assert step.idle
    assert not site.step().loads


def test_a_prompt_is_saved_page_by_page_and_used_once(site: Site) -> None:
    made = request(18, kv_transfer_params={LEASE_PARAMETER: 60})
    site.scheduling.arrived(made)
    assert site.matched(made) == 0
    first = site.step(r=10)
    assert [(save.first, save.blocks) for save in first.saves] == [(0, (100, 101))]
    assert not first.uses
    made.num_computed_tokens = 10
    second = site.step(r=8)
    assert [(save.first, save.blocks) for save in second.saves] == [(2, (102, 103))]
    (use,) = second.uses
    assert use.tokens == pack(list(range(16)))
    assert 50 < use.lease_until - time.time() <= 60
    # Then it decodes: a page is saved when its last token's KV is there.
    made.num_computed_tokens = 18
    for token in range(18, 21):
        made.all_token_ids.append(token)
        step = site.step(r=1)
        made.num_computed_tokens += 1
        assert bool(step.saves) == (made.num_computed_tokens == 20)
        assert not step.uses


def test_what_could_not_be_loaded_is_saved_again(site: Site) -> None:
    for rank in range(2):
        site.fill(5, rank)
    made = request(22)
    site.scheduling.arrived(made)
    site.scheduling.allocated(made, BLOCKS, site.matched(made))
    site.step()
    site.scheduling.loaded(["r"], {103, 104})
    # The blocks are others' by then.
    site.scheduling.loaded([], {100, 101})
    made.num_computed_tokens = 3 * PAGE
    (save,) = site.step(r=10).saves
    assert (save.first, save.blocks) == (3, (103, 104))


def test_what_another_request_has_just_saved_is_not_copied_again(site: Site) -> None:
    first, second = request(18, "first"), request(18, "second")
    site.scheduling.arrived(first)
    site.matched(first)
    assert site.step(first=18).saves
    site.scheduling.arrived(second)
    assert site.matched(second, computed=16) == 0
    second.num_computed_tokens = 16
    assert not site.step(second=2).saves


def test_vllm_s_hit_that_the_store_lost_is_saved_again(site: Site) -> None:
    made = request(18)
    site.scheduling.arrived(made)
    assert site.matched(made, computed=16) == 0
    made.num_computed_tokens = 16
    (save,) = site.step(r=2).saves
    assert (save.first, len(save.blocks)) == (0, 4)


def test_a_fault_costs_the_request_its_saves_and_nothing_else(site: Site) -> None:
    made = request(18)
    site.scheduling.arrived(made)
    site.matched(made)
    output = SimpleNamespace(num_scheduled_tokens={"r": 18}, total_num_scheduled_tokens=18)

    def broken(name: str) -> list[int]:
        raise LookupError(name)

    assert site.scheduling.step(output, broken) == Step()
    assert not site.step(r=18).saves


def test_a_reset_drops_every_rank_s_pages(site: Site) -> None:
    for rank in range(2):
        site.fill(3, rank)
    assert site.scheduling.drop()
    store: TieredStore = site.stores[1]
    assert not store.probe(store.prefix(pack(list(range(12))), Scope("default"))).keys
