"""Two tensor-parallel ranks: each stores its heads, and a page counts if both have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.vllm_server import VLLMServer
from tests.conftest import tiny_llama
from tests.integrations.vllm.conftest import PAGE, Site
from tests.integrations.vllm.prompts import prompt


@pytest.fixture(scope="module")
def ranks(site: Site) -> Iterator[VLLMServer]:
    """Of a model in shapes that vLLM's CPU kernels take and two ranks can share."""
    model = tiny_llama(
        site.folder / "two-ranks",
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        head_dim=32,
        max_position_embeddings=2048,
    )
    server = VLLMServer(
        model,
        site.folder / "ranks.log",
        site.options,
        ["--tensor-parallel-size", "2"],
        dtype="float32",
        VLLM_CPU_OMP_THREADS_BIND="0|1",
    )
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_both_ranks_store_and_load_their_heads(ranks: VLLMServer, site: Site) -> None:
    tokens = prompt("ranks", 4 * PAGE + 20)
    before, known = site.rest(), set(site.pages())
    cold = ranks.ask(tokens)
    site.written(before + 2 * 4)
    ranks.reset()
    ours = ranks.ask(tokens)
    assert (cold.cached, ours.cached) == (0, 4 * PAGE)
    assert ours.text == cold.text
    # Two fingerprints, one a rank, with four pages each.
    made = [path for path in site.pages() if path not in known]
    models = [path.parents[2].name for path in made]
    assert len(made) == 8
    assert {models.count(model) for model in models} == {4}


def test_a_page_that_one_rank_lost_is_not_read_by_either(ranks: VLLMServer, site: Site) -> None:
    tokens = prompt("lost", 4 * PAGE + 20)
    before, known = site.rest(), set(site.pages())
    cold = ranks.ask(tokens)
    site.written(before + 2 * 4)
    made = [path for path in site.pages() if path not in known]
    damaged = next(path for path in made if ".1." in path.name)
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    ranks.reset()
    assert ranks.ask(tokens).text == cold.text
    site.written(before + 2 * 4)
    ranks.reset()
    healed = ranks.ask(tokens)
    assert (healed.cached, healed.text) == (4 * PAGE, cold.text)
