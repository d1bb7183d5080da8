"""How capacities and lifetimes are written on the command line."""

from __future__ import annotations

import re
from math import inf

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z%]*)")
_BYTES = {
    **{unit: 1000**power for power, unit in enumerate(("b", "kb", "mb", "gb", "tb"))},
    **{unit: 1024**power for power, unit in enumerate(("kib", "mib", "gib", "tib"), 1)},
}
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def capacity_blocks(text: str, footprint: int, block_bytes: int) -> int:
    """Blocks: ``500`` as they are, ``10%`` of the footprint, ``2GiB`` of KV; at least 1.

    ValueError if it is none of these.
    """
    number, unit = _split(text)
    if unit == "%":
        blocks = footprint * number / 100
    elif unit == "":
        blocks = number
    elif unit in _BYTES:
        blocks = number * _BYTES[unit] / block_bytes
    else:
        raise ValueError(f"{text!r}: a capacity is blocks (500), a share (10%) or a size (2GiB)")
    return max(1, int(blocks))


def size_bytes(text: str) -> int:
    """Bytes of a size such as ``128KiB``; ValueError if it is none, or nothing."""
    number, unit = _split(text)
    size = int(number * _BYTES.get(unit or "b", 0))
    if size < 1:
        raise ValueError(f"{text!r}: not a size such as 128KiB")
    return size


def ttl_seconds(text: str) -> float:
    """Seconds of ``300``, ``5m``, ``1h`` or ``none``, which is without end."""
    if text.strip().lower() == "none":
        return inf
    number, unit = _split(text)
    if unit not in _SECONDS:
        raise ValueError(f"{text!r}: a lifetime is seconds (300), 5m, 1h, 1d or none")
    return number * _SECONDS[unit]


def spoken(seconds: float) -> str:
    """A lifetime as people write it."""
    if seconds == inf:
        return "no limit"
    for unit in ("d", "h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds:g}s"


def _split(text: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r}: not a number, with or without a unit")
    return float(match[1]), match[2].lower()
