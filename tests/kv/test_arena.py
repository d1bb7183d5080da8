from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headstart.kv import Arena

PAGE = 5_000  # Not a multiple of the operating system's page.
PAGES = 40
CAPACITY = PAGES * PAGE + 1_234


class ArenaMachine(RuleBasedStateMachine):
    """Against a dictionary of pages and what was written to them."""

    def __init__(self) -> None:
        super().__init__()
        self.arena = Arena(CAPACITY, PAGE)
        self.held: dict[int, bytes] = {}
        self.reserved: list[int] = []
        self.serial = 0

    def room(self) -> int:
        return CAPACITY - sum(self.reserved) - len(self.held) * PAGE

    @rule(pages=st.integers(0, 12))
    def allocate(self, pages: int) -> None:
        available = self.arena.available()
        assert available == min(self.room() // PAGE, PAGES - len(self.held))
        if pages > available:
            with pytest.raises(MemoryError):
                self.arena.allocate(pages)
            return
        taken = self.arena.allocate(pages)
        assert len(taken) == pages
        assert taken == sorted(taken)
        assert not self.held.keys() & set(taken), "a page was handed out twice"
        for page in taken:
            self.serial += 1
            content = self.serial.to_bytes(4, "big") * (PAGE // 4)
            self.arena.buffer[page * PAGE : (page + 1) * PAGE] = content
            self.held[page] = content

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        pages = data.draw(st.lists(st.sampled_from(sorted(self.held)), unique=True))
        self.arena.free(pages)
        for page in pages:
            del self.held[page]

    @rule(size=st.integers(0, CAPACITY))
    def warm(self, size: int) -> None:
        self.arena.warm(size)

    @rule(size=st.integers(0, CAPACITY // 2))
    def reserve(self, size: int) -> None:
        fits = size <= self.room()
        assert self.arena.missing(size) == max(0, size - self.room())
        assert self.arena.reserve(size) is fits
        if fits:
            self.reserved.append(size)

    @precondition(lambda self: self.reserved)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.reserved) - 1))
        self.arena.release(self.reserved.pop(place))

    @invariant()
    def books_agree(self) -> None:
        assert self.arena.used_bytes == len(self.held) * PAGE
        assert self.arena.reserved_bytes == sum(self.reserved)

    @invariant()
    def resident_stays_within_the_budget(self) -> None:
        assert self.arena.used_bytes + self.arena.reserved_bytes <= CAPACITY
        assert self.arena.resident_bytes <= CAPACITY

    @invariant()
    def contents_survive(self) -> None:
        for page, content in self.held.items():
            assert self.arena.buffer[page * PAGE : (page + 1) * PAGE] == content


TestArena = ArenaMachine.TestCase
TestArena.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_budget_without_room_for_a_page_is_refused() -> None:
    with pytest.raises(ValueError, match="do not hold one page"):
        Arena(PAGE - 1, PAGE)


def _resident() -> int:
    """Bytes of anonymous memory that this process really holds."""
    text = Path("/proc/self/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="reads Linux's own memory figures"
)


def _filled(page_bytes: int, size: int) -> tuple[Arena, list[int]]:
    arena = Arena(size, page_bytes)
    pages = arena.allocate(arena.available())
    for page in pages:
        arena.buffer[page * page_bytes : (page + 1) * page_bytes] = b"x" * page_bytes
    return arena, pages


@needs_proc
def test_cooled_pages_leave_resident_memory() -> None:
    size = 64 << 20
    arena, pages = _filled(23_040, size)
    full = _resident()
    arena.free(pages)
    assert full - _resident() < size // 20, "pages given back stay warm"
    assert arena.reserve(size // 2)
    assert full - _resident() > size // 2 * 0.95
    assert arena.reserve(size // 2)
    assert full - _resident() > size * 0.95


@needs_proc
def test_address_space_is_not_touched_before_it_is_used() -> None:
    before = _resident()
    arena = Arena(1 << 30, 23_040)
    arena.allocate(10_000)
    assert _resident() - before < 1 << 20


@needs_proc
def test_pages_are_touched_ahead_as_far_as_the_budget_goes() -> None:
    size = 64 << 20
    before = _resident()
    arena = Arena(size, 23_040)
    assert arena.reserve(size // 2)
    arena.warm(size)
    assert size // 2 * 0.95 < _resident() - before < size // 2 * 1.05
    assert arena.resident_bytes <= size


def test_pages_touched_ahead_are_handed_out_in_one_piece() -> None:
    arena = Arena(CAPACITY, PAGE)
    arena.warm(20 * PAGE)
    assert [arena.allocate(8) for _ in range(3)] == [
        list(range(start, start + 8)) for start in (0, 8, 16)
    ]


@needs_proc
def test_pages_cooled_one_by_one_leave_too() -> None:
    size = 32 << 20
    arena, pages = _filled(23_040, size)
    full = _resident()
    for page in pages[::2] + pages[1::2]:
        arena.free([page])
        assert arena.reserve(23_040)
    assert full - _resident() > size * 0.95
