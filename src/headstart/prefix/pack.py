"""Token ids or block hashes as the packed keys that the index compares."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

_TYPECODES: Final = {array(code).itemsize: code for code in "HILQ"}
"""Bytes of a symbol to the typecode of its array, in native byte order."""


def pack(symbols: Iterable[int], width: int = 4, page: int = 1) -> bytes:
    """A key of ``width`` bytes a symbol, cut to whole pages of ``page`` symbols.

    ValueError if ``width`` is none of 2, 4 and 8 or a symbol does not fit into it.
    """
    typecode = _typecode(width)
    try:
        if isinstance(symbols, list):
            packed = array(typecode)
            packed.fromlist(symbols)  # a fifth faster than the constructor
        else:
            packed = array(typecode, symbols)
    except OverflowError as error:
        raise ValueError(f"a symbol does not fit into {width} bytes: {error}") from None
    if rest := len(packed) % page:
        del packed[-rest:]
    return packed.tobytes()


def unpack(key: bytes, width: int = 4) -> array[int]:
    """The symbols of a key; ValueError if it is not whole symbols."""
    symbols = array(_typecode(width))
    symbols.frombytes(key)
    return symbols


def whole_pages(key: bytes, page: int, width: int = 4) -> bytes:
    """The key without the symbols that fill no page; the same object if there are none."""
    rest = len(key) % (page * width)
    return key[: len(key) - rest] if rest else key


def common(a: bytes, b: bytes, unit: int = 4) -> int:
    """How many leading units of ``unit`` bytes two keys share: a binary search that
    compares each byte once at most."""
    low, high = 0, min(len(a), len(b)) // unit
    while low < high:
        middle = (low + high + 1) // 2
        if b.startswith(a[low * unit : middle * unit], low * unit):
            low = middle
        else:
            high = middle - 1
    return low


def _typecode(width: int) -> str:
    if width not in _TYPECODES:
        raise ValueError(f"symbols of {width} bytes: only {sorted(_TYPECODES)} are known")
    return _TYPECODES[width]
