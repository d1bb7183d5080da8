"""Blocks to the store and back through real threads and files, with a kernel of our own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from headstart.integrations.vllm.blocks import BlockMemory, in_order
from headstart.integrations.vllm.loading import Loaded, Loader
from headstart.integrations.vllm.options import Options
from headstart.integrations.vllm.plan import Pages, Use
from headstart.integrations.vllm.probe import UnknownLayout
from headstart.integrations.vllm.saving import Saver
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.layout import KVLayout
from headstart.kv.store import TieredStore
from headstart.prefix import Scope, pack
from tests.kv.tiers.support import page_files

LAYERS, HEADS, DIMS, PAGE, BLOCKS = 3, 2, 8, 16, 12
LAYOUT = KVLayout(LAYERS, HEADS, DIMS, "bfloat16", (None,) * LAYERS)
MADE = Fingerprint("00", LAYOUT, page_tokens=PAGE)
SCOPE = Scope("default", "_operator")
TOKENS = pack(list(range(6 * PAGE)))


class Kernel:
    """Keys transposed, values as they come: what vLLM's CPU kernels do."""

    def do_kv_cache_update(self, layer: Any, key: Any, value: Any, cache: Any, slots: Any) -> None:
        flat = cache.view(cache.shape[0], HEADS, 2, -1)
        for at, slot in enumerate(slots.tolist()):
            block, token = divmod(slot, PAGE)
            flat[block, :, 0].view(HEADS, DIMS, PAGE)[:, :, token] = key[at]
            flat[block, :, 1].view(HEADS, PAGE, DIMS)[:, token] = value[at]


class Rounding(Kernel):
    """Changes what it stores."""

    def do_kv_cache_update(self, layer: Any, key: Any, value: Any, cache: Any, slots: Any) -> None:
        super().do_kv_cache_update(layer, (key / 2).round(), value, cache, slots)


def tensors(seed: int = 0) -> list[torch.Tensor]:
    torch.manual_seed(seed)
    shape = (BLOCKS, HEADS, PAGE, 2 * DIMS)
    return [torch.randn(shape).to(torch.bfloat16) for _ in range(LAYERS)]


def memory(made: list[torch.Tensor], kernel: Any = None) -> BlockMemory:
    layer = SimpleNamespace(impl=kernel or Kernel())
    return BlockMemory(LAYOUT, PAGE, [layer] * LAYERS, made)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TieredStore]:
    made = Options.parse({"disk": f"{tmp_path}:64M"}).open(MADE)
    yield made
    made.close()


def pages(first: int, *blocks: int) -> Pages:
    tokens = TOKENS[: (first + len(blocks)) * PAGE * 4]
    return Pages("r", tokens, SCOPE, first, blocks)


def save(store: TieredStore, held: BlockMemory, *saves: Pages, layers: int = LAYERS) -> Saver:
    saver = Saver(store, held, 1 << 30)
    saver.begin(saves)
    for number in range(layers):
        saver.layer(number)
    saver.end([])
    assert saver.flush(30)
    saver.close()
    return saver


def load(store: TieredStore, held: BlockMemory, wanted: Pages) -> tuple[Loader, Loaded]:
    loader = Loader(store, held)
    loader.start(wanted)
    deadline = time.monotonic() + 30
    while not (done := loader.finished(0.05)):
        assert time.monotonic() < deadline
    loader.close()
    return loader, done[0]


@pytest.mark.parametrize("layers", [LAYERS, 0], ids=["layer by layer", "at the end"])
def test_blocks_come_back_bit_for_bit_in_other_places(store: TieredStore, layers: int) -> None:
    there = tensors()
    save(store, memory(there), pages(0, 3, 1), pages(2, 7), layers=layers)
    here = tensors(seed=1)
    untouched = [tensor.clone() for tensor in here]
    loader, done = load(store, memory(here), pages(0, 5, 0, 2))
    assert done == Loaded("r", ())
    assert loader.pages == 3
    for layer in range(LAYERS):
        for source, target in ((3, 5), (1, 0), (7, 2)):
            assert torch.equal(there[layer][source], here[layer][target])
        for block in set(range(BLOCKS)) - {5, 0, 2}:
            assert torch.equal(untouched[layer][block], here[layer][block])


def test_a_page_is_what_the_built_in_engine_stores(store: TieredStore) -> None:
    there = tensors()
    save(store, memory(there), pages(0, 4))
    prefix = store.prefix(TOKENS[: PAGE * 4], SCOPE)
    page = np.zeros((PAGE, LAYERS, 2, HEADS, DIMS), np.uint16)

    class Sink:
        def target(self, page_number: int) -> list[memoryview]:
            return [page.data.cast("B")]

        def commit(self, page_number: int) -> None: ...

    assert store.load(store.probe(prefix), Sink()).pages == 1
    for layer, tensor in enumerate(there):
        block = tensor[4].view(torch.int16).numpy().view(np.uint16).reshape(HEADS, 2, -1)
        keys = block[:, 0].reshape(HEADS, DIMS, PAGE).transpose(2, 0, 1)
        values = block[:, 1].reshape(HEADS, PAGE, DIMS).transpose(1, 0, 2)
        assert (page[:, layer, 0] == keys).all()
        assert (page[:, layer, 1] == values).all()


def test_a_damaged_page_and_all_behind_it_fail(store: TieredStore, tmp_path: Path) -> None:
    there = tensors()
    save(store, memory(there), pages(0, 0, 1, 2, 3))
    file = next(path for path in page_files(tmp_path) if ".2." in path.name)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    loader, done = load(store, memory(tensors(1)), pages(0, 8, 9, 10, 11))
    assert done.failed == (10, 11)
    assert (loader.pages, loader.failed, store.damaged) == (2, 2, 1)


def test_pages_that_are_gone_fail(store: TieredStore) -> None:
    _, done = load(store, memory(tensors()), pages(0, 1, 2))
    assert done.failed == (1, 2)


def test_what_is_stored_is_not_written_twice(store: TieredStore) -> None:
    held = memory(tensors())
    for _ in range(2):
        save(store, held, pages(0, 0, 1))
    assert store.stats().offered == 2


def test_pages_beyond_the_limit_are_dropped_from_the_end(store: TieredStore) -> None:
    saver = Saver(store, memory(tensors()), 2 * MADE.page_bytes)
    saver.begin([pages(0, 0, 1, 2)])
    saver.end([])
    assert saver.flush(30)
    assert (saver.pages, saver.dropped) == (2, 1)
    # The room is free again.
    saver.begin([pages(2, 2, 3)])
    saver.end([])
    saver.close()
    assert saver.dropped == 1


def test_a_step_that_can_t_be_copied_whole_stores_nothing(store: TieredStore) -> None:
    held = memory(tensors())
    saver = Saver(store, held, 1 << 30)
    saver.begin([pages(0, 0)])
    saver.layer(0)
    saver._layers.discard(1)
    saver._step[0] = (saver._step[0][0], [saver._step[0][1][0]._replace(block=10**6)])
    saver.layer(1)
    saver.end([])
    assert saver.flush(30)
    saver.close()
    assert store.stats().offered == 0


def test_a_use_leases_the_prompt(store: TieredStore) -> None:
    saver = Saver(store, memory(tensors()), 1 << 30)
    saver.begin([pages(0, 0, 1)])
    saver.end([Use(TOKENS[: 2 * PAGE * 4], SCOPE, time.time() + 600)])
    assert saver.flush(30)
    saver.close()
    assert store.flush(30)
    assert store.stats().tiers["disk"].leased_bytes > 0


def test_memory_on_a_device_goes_through_the_host(store: TieredStore) -> None:
    there, here = memory(tensors()), memory(tensors(1))
    for held in (there, here):
        held._views = None  # as if the tensors were not the CPU's
    save(store, there, pages(0, 3))
    load(store, here, pages(0, 5))
    for source, target in zip(there._words, here._words, strict=True):
        assert torch.equal(source[3], target[5])


def test_kernels_that_do_not_just_move_elements_are_refused() -> None:
    with pytest.raises(UnknownLayout, match="changes KV"):
        memory(tensors(), Rounding())
    with pytest.raises(UnknownLayout, match="does not write KV"):
        memory(tensors(), object())
    heads_first = torch.zeros(HEADS, BLOCKS, PAGE, 2 * DIMS, dtype=torch.bfloat16)
    with pytest.raises(UnknownLayout, match="12 blocks first"):
        memory([*tensors()[:2], heads_first.transpose(0, 1)])


def test_layers_come_in_the_model_s_order() -> None:
    assert in_order(["a.0.b", "a.1.b"], {"a.1.b": 1, "a.0.b": 0}) == [0, 1]
    with pytest.raises(ValueError, match=r"no KV was registered for a\.2\.b"):
        in_order(["a.2.b"], {})
