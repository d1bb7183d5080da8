"""The same index workload on SGLang's RadixCache and vLLM's KVCacheManager.

Runs by itself under an interpreter that has the package:
``python index_rivals.py sglang|vllm [--quick]``. Prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
import tracemalloc
from array import array
from collections.abc import Callable

from index_workload import percentiles, requests

VLLM_BLOCKS = 260_000


class SGLang:
    """RadixCache without memory pools. Its keys are arrays of 8 bytes a token.

    Timed: ``match_prefix`` and ``insert``. Collecting the matched slots
    (``path_device_indices``) is left out, though our match includes it.
    """

    def __init__(self, page: int) -> None:
        from sglang.srt.mem_cache.radix_cache import RadixCache

        self.page = page
        self.cache = RadixCache.create_simulated(page_size=page, mock_allocator=_NoPool())

    def serve(self, prompt: list[int]) -> tuple[float, float]:
        """Seconds to make the key, and to match and insert it."""
        import torch
        from sglang.srt.mem_cache.base_prefix_cache import InsertParams, MatchPrefixParams
        from sglang.srt.mem_cache.radix_cache import RadixKey

        values = torch.arange(len(prompt), dtype=torch.int64)
        began = time.perf_counter()
        tokens = array("q", prompt)
        packed = time.perf_counter()
        self.cache.match_prefix(MatchPrefixParams(key=RadixKey(tokens)))
        self.cache.insert(InsertParams(key=RadixKey(tokens), value=values))
        return packed - began, time.perf_counter() - packed

    def evict(self) -> None:
        """Give up one page, which is one leaf here."""
        from sglang.srt.mem_cache.base_prefix_cache import EvictParams

        self.cache.evict(EvictParams(num_tokens=self.page))

    def slot_bytes(self) -> tuple[int, int]:
        """Bytes of slots, which tracemalloc does not see in a tensor; and tokens stored."""
        values = self.cache.all_values_flatten()
        return values.numel() * values.element_size(), values.numel()


class _NoPool:
    device = "cpu"

    def free_segment(self, slots: object, start_pos: int) -> None:
        """There are no slots to free."""


class VLLM:
    """KVCacheManager with blocks of 16 hashed by sha256, its default.

    Timed: the ``Request`` (which hashes), the lookup and the allocation.
    """

    def __init__(self, page: int) -> None:
        import torch
        from vllm.utils.hashing import sha256
        from vllm.v1.core.kv_cache_manager import KVCacheManager
        from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
        from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec

        init_none_hash(sha256)
        self.page = page
        self.served = 0
        self.hasher = get_request_block_hasher(page, sha256)
        spec = FullAttentionSpec(block_size=page, num_kv_heads=1, head_size=1, dtype=torch.float32)
        config = KVCacheConfig(
            num_blocks=VLLM_BLOCKS,
            kv_cache_tensors=[],
            kv_cache_groups=[KVCacheGroupSpec(["layer"], spec)],
        )
        self.manager = KVCacheManager(
            config, max_model_len=65_536, scheduler_block_size=page, hash_block_size=page
        )

    def serve(self, prompt: list[int]) -> tuple[float, float]:
        """0.0, and the seconds to hash, look up and allocate."""
        from vllm.sampling_params import SamplingParams
        from vllm.v1.request import Request

        parameters = SamplingParams(max_tokens=1)
        self.served += 1
        began = time.perf_counter()
        request = Request(str(self.served), prompt, parameters, None, block_hasher=self.hasher)
        blocks, hit, *_ = self.manager.get_computed_blocks(request)
        taken = self.manager.allocate_slots(request, len(prompt) - hit, hit, blocks)
        took = time.perf_counter() - began
        if taken is None:
            raise MemoryError(f"{VLLM_BLOCKS} blocks are too few")
        self.manager.free(request)
        return 0.0, took

    def fill(self) -> None:
        """Cache blocks until none is unused."""
        rng = random.Random(3)
        for _ in range(VLLM_BLOCKS // 1000 + 1):
            self.serve([rng.randrange(150_000) for _ in range(16_000)])

    def evict(self) -> None:
        """Take one cached block out of the free list."""
        pool = self.manager.block_pool
        pool.free_blocks(pool.get_new_blocks(1))


def sglang_eviction(leaves: int) -> float:
    """Median microseconds of one eviction at so many leaves."""
    index = SGLang(16)
    rng = random.Random(5)
    for number in range(leaves):
        index.serve([number % 8] * 16 + [rng.randrange(150_000) for _ in range(16)])
    return median_us(index.evict, 20)


def median_us(call: Callable[[], None], times: int) -> float:
    """Median microseconds of a call."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return sorted(taken)[times // 2] * 1e6


def sglang_bytes(prompts: list[list[int]]) -> float:
    """Bytes a stored token at page 16."""
    index = SGLang(16)
    tracemalloc.start()
    for prompt in prompts:
        index.serve(prompt)
    gc.collect()
    traced = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    slots, tokens = index.slot_bytes()
    return (traced + slots) / tokens


def sglang(prompts: list[list[int]], quick: bool) -> dict[str, dict[str, float]]:
    """RadixCache at both page sizes; at many leaves an eviction takes it long."""
    figures = {}
    for page in (16, 1):
        index = SGLang(page)
        figures[f"page {page}"] = percentiles([index.serve(prompt) for prompt in prompts])
    for leaves in (1000,) if quick else (1000, 50_000):
        figures[f"eviction_us {leaves}"] = {"median": sglang_eviction(leaves)}
    if not quick:
        figures["bytes_a_token"] = {"page 16": sglang_bytes(prompts)}
    return figures


def vllm(prompts: list[list[int]], quick: bool) -> dict[str, dict[str, float]]:
    """KVCacheManager; its eviction takes one block off a list, whatever is cached."""
    index = VLLM(16)
    served = prompts[:400] if quick else prompts
    what = f"page 16, {len(served)} requests" if quick else "page 16"
    figures = {what: percentiles([index.serve(prompt) for prompt in served])}
    if not quick:
        index.fill()
        figures["eviction_us"] = {"median": median_us(index.evict, 1000)}
    return figures


def main(rival: str, quick: bool) -> None:
    """Measure one rival and print its figures."""
    prompts = requests()
    gc.collect()
    gc.freeze()
    measure = {"sglang": sglang, "vllm": vllm}[rival]
    print(json.dumps(measure(prompts, quick)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], "--quick" in sys.argv)
