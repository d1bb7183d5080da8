from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.providers.state import Entries, Saved
from headstart.usage import MissReason


def test_the_least_recently_used_entry_goes() -> None:
    entries = Entries(2)
    entries.write(b"a", 300, 300)
    entries.write(b"b", 301, 300)
    entries.use(b"a", 302, 300)
    entries.write(b"c", 303, 300)
    assert list(entries.held) == [b"a", b"c"]


def test_a_write_over_an_entry_keeps_the_longer_life() -> None:
    entries = Entries(2)
    entries.write(b"a", 3600, 3600)
    entries.write(b"a", 400, 300)
    assert entries.held[b"a"] == (3600, 3600)
    entries.write(b"a", 4000, 300)
    assert entries.held[b"a"] == (4000, 300)


def test_a_use_never_shortens_a_life_and_brings_nothing_back() -> None:
    entries = Entries(2)
    entries.write(b"a", 300, 300)
    entries.use(b"a", 200, 300)
    entries.use(b"b", 900, 300)
    assert dict(entries.held) == {b"a": (300, 300)}


def test_why_an_entry_is_gone_is_known_until_it_is_written_again() -> None:
    entries = Entries(2)
    entries.write(b"a", 300, 300)
    entries.drop(b"a", MissReason.EVICTED)
    assert (len(entries.held), entries.gone[b"a"]) == (0, MissReason.EVICTED)
    entries.write(b"a", 900, 300)
    assert not entries.gone


def test_reasons_and_promises_are_bounded_too() -> None:
    entries = Entries(3)
    for i in range(50):
        entries.drop(b"%d" % i, MissReason.EVICTED)
        entries.promise([b"%d" % i])
    assert (len(entries.gone), len(entries.pending)) == (3, 3)


def test_a_key_is_pending_until_the_last_request_that_writes_it_is_settled() -> None:
    entries = Entries(3)
    entries.promise([b"a", b"b"])
    entries.promise([b"a"])
    entries.settle([b"a", b"b"])
    assert list(entries.pending) == [b"a"]
    entries.settle([b"a"])
    entries.settle([b"a"])
    assert not entries.pending


def test_there_must_be_room_for_one() -> None:
    with pytest.raises(ValueError, match="at least 1 entry"):
        Entries(0)


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "use", "drop"]), st.integers(0, 9), st.integers(0, 99))
)


@given(STEPS, st.integers(1, 5))
def test_saved_and_loaded_it_is_the_same(steps: list[tuple[str, int, int]], limit: int) -> None:
    entries = Entries(limit)
    for what, number, expiry in steps:
        key = b"%d" % number
        if what == "drop":
            entries.drop(key, MissReason.EVICTED)
        elif what == "write":
            entries.write(key, float(expiry), 300.0)
        else:
            entries.use(key, float(expiry), 300.0)
        assert max(len(entries.held), len(entries.gone)) <= limit
    other = Entries(limit)
    other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(entries.save()), type=Saved))
    assert list(other.held.items()) == list(entries.held.items())
    assert list(other.gone.items()) == list(entries.gone.items())
