"""Linear layers with weights in the CPU kernel's own block order.

On a CPU a decode step is little more than reading every weight once, and a plain bfloat16
``Linear`` reorders its weight at each call. Reordering once, as torch's own compiler does
when it freezes a model, made a decode step's linear layers 1.8 times as fast on two cores
with AMX (20.7 -> 11.7 ms for SmolLM2-135M) and long prefills 10% faster.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BATCH_HINT = 16
"""The row count that the block order is chosen for; any row count is correct."""


class PackedLinear(nn.Module):
    """``y = x W^T + b``, equal to ``nn.Linear`` up to rounding."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), BATCH_HINT)
        self.bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features]."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return out


def pack_linears(model: nn.Module) -> int:
    """Replace the model's bfloat16 CPU linear layers, tied ones excepted; returns how many.

    A machine or a torch whose kernels can't do this keeps the layers it has.
    """
    kernels = torch.ops.mkldnn
    if not (torch._C._has_mkldnn and kernels._is_mkldnn_bf16_supported()):
        return 0
    shared = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    packed = 0
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is not nn.Linear or id(child.weight) in shared:
                continue
            if child.weight.device.type != "cpu" or child.weight.dtype != torch.bfloat16:
                continue
            setattr(parent, name, PackedLinear(child))
            packed += 1
    return packed
