"""Any nest of loops is found from where elements went, and moves pages without loss."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from headstart.integrations.vllm.layout import Arrangement, PageLayout, arrangement, copy
from headstart.kv.layout import KVLayout

HEADS, TOKENS, DIMS, LAYERS = 2, 32, 16, 3


def naive(fine: list[tuple[str, int]]) -> NDArray[np.int64]:
    """Positions of a block stored in these loops, outermost first, one element at a time.

    Loops of one name split that coordinate, the first one being the coarsest.
    """
    sizes = [size for _, size in fine]
    positions = np.empty((HEADS, TOKENS, DIMS), np.int64)
    for at, steps in enumerate(product(*map(range, sizes))):
        place = {"h": 0, "t": 0, "d": 0}
        for (name, size), step in zip(fine, steps, strict=True):
            place[name] = place[name] * size + step
        positions[place["h"], place["t"], place["d"]] = at
    return positions


def factors(total: int) -> st.SearchStrategy[list[int]]:
    """Ways to split a coordinate into nested loops."""
    powers = total.bit_length() - 1
    return st.lists(st.integers(1, powers), min_size=1, max_size=powers).map(
        lambda cuts: _split(total, cuts)
    )


def _split(total: int, cuts: list[int]) -> list[int]:
    sizes = []
    for cut in cuts:
        size = min(2**cut, total)
        if size > 1:
            sizes.append(size)
            total //= size
    return [*sizes, total] if total > 1 else sizes


@st.composite
def loops(draw: st.DrawFn) -> list[tuple[str, int]]:
    made = [
        (name, size)
        for name, total in (("h", HEADS), ("t", TOKENS), ("d", DIMS))
        for size in draw(factors(total))
    ]
    return draw(st.permutations(made))


def page_layout(keys: Arrangement, values: Arrangement, dtype: str = "bfloat16") -> PageLayout:
    layout = KVLayout(LAYERS, HEADS, DIMS, dtype, (None,) * LAYERS)
    return PageLayout(layout, TOKENS, keys, values)


@settings(deadline=None, max_examples=60)
@given(loops(), loops(), st.sampled_from(["bfloat16", "float32"]))
def test_a_page_becomes_what_a_naive_loop_makes_of_it(
    keys: list[tuple[str, int]], values: list[tuple[str, int]], dtype: str
) -> None:
    half = HEADS * TOKENS * DIMS
    where = [naive(keys), naive(values) + half]
    layout = page_layout(arrangement(where[0]), arrangement(where[1]), dtype)
    shape = (TOKENS, LAYERS, 2, HEADS, DIMS)
    page = np.arange(np.prod(shape)).astype(layout.element).reshape(shape)
    memory = [np.zeros(3 * layout.block_elements, layout.element) for _ in range(LAYERS)]
    views = [layout.blocks(flat, 3) for flat in memory]
    for layer in range(LAYERS):
        copy(views[layer], 1, layout.page(page), layer)
        expected = np.zeros(2 * half, layout.element)
        for kind, positions in enumerate(where):
            expected[positions] = page[:, layer, kind].transpose(1, 0, 2)
        block = memory[layer][layout.block_elements : 2 * layout.block_elements]
        assert (block == expected).all()
        assert not memory[layer][: layout.block_elements].any()
        assert not memory[layer][2 * layout.block_elements :].any()
    back = np.zeros_like(page)
    for layer in range(LAYERS):
        copy(layout.page(back), layer, views[layer], 1)
    assert (back == page).all()


def test_the_kernels_of_vllm_s_cpu_backend_are_nests_of_loops() -> None:
    transposed = naive([("h", HEADS), ("d", DIMS), ("t", TOKENS)])
    assert [axis.length for axis in arrangement(transposed).axes] == [HEADS, DIMS, TOKENS]
    # Matrix tiles: 16 tokens of a pair of elements each.
    tiles = naive([("h", HEADS), ("t", TOKENS // 16), ("d", DIMS // 2), ("t", 16), ("d", 2)])
    assert [axis.length for axis in arrangement(tiles).axes] == [2, 2, 8, 16, 2]


def shuffled(seed: int) -> NDArray[np.int64]:
    count = HEADS * TOKENS * DIMS
    order = np.random.default_rng(seed).permutation(count - 1) + 1
    return np.concatenate([[0], order]).reshape(HEADS, TOKENS, DIMS)


@pytest.mark.parametrize(
    ("positions", "what"),
    [
        (shuffled(1), "nested loops"),
        (np.zeros((2, 2, 2), np.int64), "one place"),
        (np.arange(8).reshape(2, 2, 2)[::-1], "first element"),
    ],
)
def test_other_orders_are_refused(positions: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        arrangement(positions)
