"""How vLLM's kernels arrange a block of KV, as strides, and copying between it and a page.

A page is ``[token, layer, K or V, kv_head, head_dim]``. A kernel keeps the same elements of
one layer and block in an order of its own: CPU kernels transpose keys, or interleave pairs
for matrix tiles. As far as such an order is a nest of loops it is found from where each
element went, and both sides are copied as strided views of one shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from headstart.kv.layout import KVLayout

_SHORT = 4
"""An innermost loop of so few steps is not worth numpy's overhead: it is unrolled."""

Elements = NDArray[Any]


class Axis(NamedTuple):
    """One loop: so many steps, each of ``native`` elements in the block and of
    (head, token, dim) in the page."""

    length: int
    native: int
    step: tuple[int, int, int]


@dataclass(frozen=True)
class Arrangement:
    """Where the keys, or the values, of a block lie: outermost loop first."""

    start: int
    """Element of the block that has head 0, token 0, dim 0."""
    axes: tuple[Axis, ...]


def arrangement(positions: NDArray[np.int64]) -> Arrangement:
    """The loops behind ``positions[head, token, dim]``, each element's place in the block.

    ValueError if there are none: the kernel does more than to move elements around.
    """
    heads, tokens, dims = positions.shape
    flat = positions.reshape(-1)
    if len(np.unique(flat)) != flat.size:
        raise ValueError("two elements of a block lie in one place")
    order = np.argsort(flat)
    native = flat[order]
    places = np.stack(np.unravel_index(order, (heads, tokens, dims)), axis=1)
    if places[0].any():
        raise ValueError("a block does not begin with its first element")
    start, axes = int(native[0]), []
    while len(native) > 1:
        axis = _innermost(native, places)
        axes.append(axis)
        native, places = native[:: axis.length], places[:: axis.length]
    return Arrangement(start, tuple(reversed(axes)))


def _innermost(native: NDArray[np.int64], places: NDArray[np.int64]) -> Axis:
    steps = np.column_stack([np.diff(native), np.diff(places, axis=0)])
    breaks = np.flatnonzero((steps != steps[0]).any(axis=1))
    count = int(breaks[0]) + 1 if len(breaks) else len(native)
    rows = len(native) // count
    if rows * count != len(native):
        raise ValueError("a block's elements are not in nested loops")
    whole = np.column_stack([native, places]).reshape(rows, count, 4)
    if not (np.diff(whole, axis=1) == steps[0]).all():
        raise ValueError("a block's elements are not in nested loops")
    head, token, dim = (int(step) for step in steps[0][1:])
    return Axis(count, int(steps[0][0]), (head, token, dim))


class Views(NamedTuple):
    """Keys and values of the same tokens, in one order of loops; the first axis counts
    layers (of a page) or blocks (of a layer)."""

    keys: Elements
    values: Elements


class PageLayout:
    """Pages and blocks of one model, each as views whose elements correspond one to one."""

    def __init__(
        self, layout: KVLayout, tokens: int, keys: Arrangement, values: Arrangement
    ) -> None:
        """``tokens`` a page and a block; ``keys`` and ``values`` count from a block's start."""
        self._layout = layout
        self._tokens = tokens
        self._parts = (keys, values)
        self.element = np.dtype(f"u{layout.item_size}")
        self.block_elements = 2 * tokens * layout.kv_heads * layout.head_dim

    def page(self, buffer: Any) -> Views:
        """One page's bytes."""
        made = self._layout
        size = made.kv_heads * made.head_dim
        token = made.token_bytes // made.item_size
        views = []
        for kind, part in enumerate(self._parts):
            steps = [
                axis.step[0] * made.head_dim + axis.step[1] * token + axis.step[2]
                for axis in part.axes
            ]
            views.append(self._view(buffer, kind * size, made.layers, 2 * size, part, steps))
        return Views(*views)

    def blocks(self, buffer: Any, count: int) -> Views:
        """One layer's ``count`` blocks, which lie one behind the other."""
        views = []
        for part in self._parts:
            steps = [axis.native for axis in part.axes]
            views.append(self._view(buffer, part.start, count, self.block_elements, part, steps))
        return Views(*views)

    def _view(
        self, buffer: Any, start: int, count: int, stride: int, part: Arrangement, steps: list[int]
    ) -> Elements:
        item = self.element.itemsize
        return np.ndarray(
            (count, *(axis.length for axis in part.axes)),
            self.element,
            buffer,
            start * item,
            [step * item for step in (stride, *steps)],
        )


def copy(into: Views, place: int, source: Views, origin: int) -> None:
    """Copy one layer of a page from or into one block."""
    for target, elements in zip(into, source, strict=True):
        _copy(target[place], elements[origin])


def _copy(into: Elements, source: Elements) -> None:
    if into.shape and into.shape[-1] <= _SHORT < into.size:
        for step in range(into.shape[-1]):
            _copy(into[..., step], source[..., step])
        return
    into[...] = source
