from __future__ import annotations

import pytest
import torch
from torch import nn

from headstart.engine.linear import PackedLinear, pack_linears

pytestmark = pytest.mark.skipif(
    not (torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
    reason="this CPU has no bfloat16 kernels to pack for",
)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.inner = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32, bias=False))
        self.head = nn.Linear(32, 50, bias=False)
        self.head.weight = self.embed.weight


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 3, 16, 200])
def test_equals_the_plain_layer_up_to_rounding(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(96, 160, bias=bias).bfloat16()
    x = torch.randn(1, rows, 96).bfloat16()
    with torch.inference_mode():
        packed = PackedLinear(plain)(x)
        exact = nn.functional.linear(
            x.double(), plain.weight.double(), plain.bias.double() if bias else None
        )
        torch.testing.assert_close(packed.double(), exact, atol=1e-2, rtol=1e-2)
        torch.testing.assert_close(packed, plain(x), atol=1e-2, rtol=1e-2)
    assert packed.dtype == torch.bfloat16
    assert packed.shape == (1, rows, 160)


def test_tied_layers_keep_their_weight() -> None:
    model = Tied().bfloat16().eval()
    ids = torch.arange(5)[None]
    with torch.inference_mode():
        before = model.head(model.inner(model.embed(ids)))
        assert pack_linears(model) == 2
        after = model.head(model.inner(model.embed(ids)))
    assert type(model.head) is nn.Linear
    assert model.head.weight is model.embed.weight
    torch.testing.assert_close(before, after, atol=2e-2, rtol=2e-2)


def test_other_types_are_left_alone() -> None:
    assert pack_linears(Tied().float()) == 0
