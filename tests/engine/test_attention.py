from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from headstart.engine.attention import Span, _attend_in_two, attend
from headstart.engine.lanes import Lane
from headstart.kv import KVLayout

HEADS, KV_HEADS, DIM = 6, 2, 16
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}
CPU = torch.device("cpu")


def naive(query: Tensor, keys: Tensor, values: Tensor, start: int, window: int | None) -> Tensor:
    """Position by position, in float64. [1, heads, n, dim] of everything."""
    query, keys, values = query.double(), keys.double(), values.double()
    rows = []
    for n in range(query.shape[2]):
        position = start + n
        first = 0 if window is None else max(0, position - window + 1)
        heads = []
        for head in range(query.shape[1]):
            group = head // (query.shape[1] // keys.shape[1])
            seen = keys[0, group, first : position + 1]
            weights = torch.softmax(seen @ query[0, head, n] / DIM**0.5, 0)
            heads.append(weights @ values[0, group, first : position + 1])
        rows.append(torch.stack(heads))
    return torch.stack(rows, 1)[None]


def some(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("start", "count"), [(1, 2), (5, 7), (64, 32), (300, 33), (33, 130)])
def test_two_passes_joined_equal_one_with_a_mask(
    dtype: torch.dtype, start: int, count: int
) -> None:
    query = some(1, HEADS, count, DIM, dtype=dtype, seed=1)
    keys = some(1, KV_HEADS, start + count, DIM, dtype=dtype, seed=2) * 2
    values = some(1, KV_HEADS, start + count, DIM, dtype=dtype, seed=3)
    visible = torch.ones(count, start + count).tril(start).bool()
    expected = scaled_dot_product_attention(
        query.double(), keys.double(), values.double(), attn_mask=visible, enable_gqa=True
    )
    seen = _attend_in_two(query, keys, values, start, None)
    assert seen.dtype == dtype
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(seen.double(), expected, atol=tolerance, rtol=tolerance)


def test_two_passes_hold_where_one_side_outweighs_the_other() -> None:
    query, keys = some(1, HEADS, 4, DIM), some(1, KV_HEADS, 20, DIM, seed=1)
    values = some(1, KV_HEADS, 20, DIM, seed=2)
    for factor in (1e3, -1e3):
        keys[:, :, :16] = query[:, :KV_HEADS, :1] * factor
        seen = _attend_in_two(query, keys, values, 16, None)
        expected = naive(query, keys, values, 16, None).float()
        torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("window", [None, 1, 3, 8, 50])
@pytest.mark.parametrize(
    ("start", "count"), [(0, 1), (0, 9), (4, 1), (30, 1), (7, 2), (3, 20), (30, 12)]
)
def test_every_path_equals_the_definition(window: int | None, start: int, count: int) -> None:
    lane = filled_lane(start, window, seed=4)
    query, key, value = new_rows(count, seed=5)
    span = Span(lane, start, count)
    out, _ = run(query, key, value, [span], window)
    keys = lane.keys[0][None, :, : start + count]
    values = lane.values[0][None, :, : start + count]
    torch.testing.assert_close(keys[:, :, start:], key)
    torch.testing.assert_close(values[:, :, start:], value)
    expected = naive(query, keys, values, start, window).float()
    torch.testing.assert_close(out, expected.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_spans_of_one_pass_do_not_touch_each_other() -> None:
    places = [(0, 5), (9, 1), (17, 6), (30, 1)]
    alone, together = [], []
    query, key, value = new_rows(sum(count for _, count in places), seed=6)
    for number, (start, count) in enumerate(places):
        together.append(Span(filled_lane(start, None, seed=10 + number), start, count))
    out, _ = run(query, key, value, together, None)
    offset = 0
    for number, (start, count) in enumerate(places):
        rows = slice(offset, offset + count)
        span = Span(filled_lane(start, None, seed=10 + number), start, count)
        one = (t[:, :, rows].contiguous() for t in (query, key, value))
        alone.append(run(*one, [span], None)[0])
        torch.testing.assert_close(together[number].lane.kv, span.lane.kv)
        offset += count
    torch.testing.assert_close(out, torch.cat(alone, 1), atol=1e-6, rtol=1e-6)


def test_without_spans_it_says_what_is_wrong() -> None:
    query, key, value = new_rows(3, seed=1)
    with pytest.raises(ValueError, match="does not hand our arguments down"):
        run(query, key, value, [], None)


def filled_lane(tokens: int, window: int | None, seed: int) -> Lane:
    lane = Lane(KVLayout(1, KV_HEADS, DIM, "float32", (window,)), 64, CPU)
    lane.kv[:, :, :, :tokens] = some(1, 2, KV_HEADS, tokens, DIM, seed=seed)
    return lane


def new_rows(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    return (
        some(1, HEADS, count, DIM, seed=seed),
        some(1, KV_HEADS, count, DIM, seed=seed + 100),
        some(1, KV_HEADS, count, DIM, seed=seed + 200),
    )


def run(
    query: Tensor, key: Tensor, value: Tensor, spans: list[Span], window: int | None
) -> tuple[Tensor, None]:
    layer = nn.Module()
    layer.layer_idx = 0  # type: ignore[assignment]
    return attend(
        layer, query, key, value, None, scaling=DIM**-0.5, sliding_window=window, spans=spans
    )
