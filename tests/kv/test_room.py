from __future__ import annotations

from array import array

import pytest

from headstart.kv.arena import Arena
from headstart.kv.room import Room
from headstart.prefix import RadixTree, Scope

PAGE = 16


def packed(*tokens: int) -> bytes:
    return array("I", tokens).tobytes()


class House:
    """Ten pages for tenants that are each sure of ``floor``."""

    def __init__(self, floor: int, strict: bool = False) -> None:
        self.arena = Arena(10 * PAGE, PAGE)
        self.index = RadixTree(page=1)
        self.room = Room(self.arena, self.index, floor, strict)

    def hold(self, tenant: str, pages: int, now: float = 0.0) -> bytes:
        self.room.tenants.add(tenant)
        key = packed(*range(pages))
        slots = array("i", self.arena.allocate(pages))
        self.index.insert(key, slots, Scope(tenant), now, start=0)
        return key

    def pages(self, tenant: str) -> int:
        return self.index.size_info(tenant).pages


def test_what_is_free_is_given_without_evicting() -> None:
    house = House(floor=5)
    house.hold("a", 4)
    assert house.room.make(6, "b", 1.0) == 6
    assert house.room.evicted == 0


def test_a_tenant_above_its_floor_gives_and_no_more_than_that() -> None:
    house = House(floor=5)
    house.hold("a", 8)
    house.hold("b", 2)
    assert house.room.reclaimable("b") == 2 + 3
    assert house.room.make(3, "b", 1.0) == 3
    assert (house.pages("a"), house.pages("b")) == (5, 2)
    assert house.room.evicted == 3


def test_a_strict_tenant_gets_no_more_than_its_floor() -> None:
    house = House(floor=4, strict=True)
    house.hold("a", 3)
    assert house.room.make(9, "a", 1.0) == 4
    assert house.pages("a") == 0


def test_leases_go_last_and_are_counted() -> None:
    house = House(floor=10)
    key = house.hold("a", 10)
    house.index.lease(key[: 4 * 6], Scope("a"), 100.0, 0.0)
    house.room.evict(4, "a", 1.0)
    assert (house.room.evicted, house.room.leases_broken) == (4, 0)
    house.room.evict(1, "a", 1.0)
    assert house.room.leases_broken == 1


@pytest.mark.parametrize(
    ("most", "spare", "over"),
    [(4, 10, 0), (3, 10, 1), (4, 3, 0), (4, 2, 1)],
    ids=["within both", "all together", "one that fits", "one tenant's own"],
)
def test_pins_beyond_the_budget(most: int, spare: int, over: int) -> None:
    house = House(floor=3)
    for tenant, pages in (("a", 3), ("b", 1)):
        key = house.hold(tenant, pages)
        house.index.pin(key, Scope(tenant))
    assert house.room.pins_over(most, spare) == over
