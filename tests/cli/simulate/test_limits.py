from __future__ import annotations

from math import inf

import pytest

from headstart.cli.simulate.limits import capacity_blocks, size_bytes, spoken, ttl_seconds


@pytest.mark.parametrize(
    ("text", "blocks"),
    [("500", 500), ("10%", 100), ("0.5%", 5), ("1MiB", 16), ("1 mib", 16), ("64kB", 1), ("0", 1)],
)
def test_capacities(text: str, blocks: int) -> None:
    assert capacity_blocks(text, footprint=1000, block_bytes=65_536) == blocks


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300", 300), ("5m", 300), ("1h", 3600), ("1.5 min", 90), ("2d", 172_800), ("none", inf)],
)
def test_lifetimes(text: str, seconds: float) -> None:
    assert ttl_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "much", "-5", "10 parsecs"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|is blocks"):
        capacity_blocks(text, 10, 10)
    with pytest.raises(ValueError, match=r"not a|is seconds"):
        ttl_seconds(text)


def test_sizes() -> None:
    assert size_bytes("128KiB") == 131_072
    assert size_bytes("1000") == 1000
    for text in ("0", "10%", "x"):
        with pytest.raises(ValueError, match="not a"):
            size_bytes(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(300, "5m"), (3600, "1h"), (90, "90s"), (0.5, "0.5s"), (inf, "no limit")]
)
def test_lifetimes_as_people_write_them(seconds: float, text: str) -> None:
    assert spoken(seconds) == text
