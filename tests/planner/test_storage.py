"""Break-even of stored caches, at Gemini's published prices."""

from __future__ import annotations

from math import inf

import pytest

from headstart.planner.storage import hold, least_reads, worth_creating


@pytest.mark.parametrize(
    ("price", "storage", "minutes"), [(1.25, 4.5, 15), (2.0, 4.5, 24)], ids=["2.5 Pro", "3.1 Pro"]
)
def test_an_unused_object_is_held_a_fraction_of_the_default_hour(
    price: float, storage: float, minutes: float
) -> None:
    assert hold(storage / price, 0.1) == pytest.approx(60 * minutes)


def test_implicit_hits_make_an_object_worth_less() -> None:
    assert least_reads(3.6, 0.1) == pytest.approx(4)
    assert least_reads(3.6, 0.1, 0.5) == pytest.approx(8)
    assert worth_creating(5, 3.6, 0.1)
    assert not worth_creating(5, 3.6, 0.1, 0.5)
    assert not worth_creating(1e9, 3.6, 0.1, 1.0)


def test_free_storage_is_held_for_ever() -> None:
    assert hold(0, 0.1) == inf
    assert worth_creating(0.001, 0, 0.1)


@pytest.mark.parametrize(("storage", "read"), [(-1, 0.1), (1, 1.5), (1, -0.1)])
def test_impossible_prices_are_refused(storage: float, read: float) -> None:
    with pytest.raises(ValueError, match="storage"):
        hold(storage, read)
    with pytest.raises(ValueError, match="storage"):
        least_reads(storage, read)
