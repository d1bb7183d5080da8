"""How far two sequences are equal from their start: items, tokens or characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def equal_beginning(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Leading items that are equal; by comparing slices, which costs far less than items."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
