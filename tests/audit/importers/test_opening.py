from __future__ import annotations

import gzip
import io
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from headstart.audit.importers.opening import PIECE, pieces

Pack = Callable[[bytes], bytes]
each = pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])


def unpacked(data: bytes) -> tuple[bytes, list[str], int]:
    notes: list[str] = []
    advanced: list[int] = []
    found = b"".join(pieces(io.BytesIO(data), advanced.append, notes.append))
    return found, notes, sum(advanced)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_members_and_frames_follow_one_another(parts: list[bytes]) -> None:
    plain = b"".join(parts)
    for pack in (gzip.compress, zstandard.compress):
        data = b"".join(pack(part) for part in parts)
        assert unpacked(data) == (plain, [], len(data))


@each
@given(st.data())
def test_what_comes_before_a_cut_is_given(pack: Pack, data: st.DataObject) -> None:
    plain = bytes(range(256)) * 40
    packed = pack(plain)
    cut = data.draw(st.integers(5, len(packed) - 1))
    found, notes, _ = unpacked(packed[:cut])
    assert plain.startswith(found)
    assert notes == ["ends in the middle of its compressed data: what came before was read"]


@each
def test_most_of_it_comes_before_a_cut(pack: Pack) -> None:
    import random

    plain = random.Random(1).randbytes(4 * PIECE)
    packed = pack(plain)
    found, notes, _ = unpacked(packed[: len(packed) - 100])
    # A zstd block, of at most 128 KiB, is given as a whole or not at all.
    assert len(found) >= len(plain) - (1 << 17) - 100
    assert len(notes) == 1


@each
@given(st.data())
def test_damage_is_told(pack: Pack, data: st.DataObject) -> None:
    packed = bytearray(pack(b"some text that is longer than nothing" * 20))
    at = data.draw(st.integers(4, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    found, notes, advanced = unpacked(bytes(packed))
    assert isinstance(found, bytes)
    assert len(notes) <= 1
    assert advanced == len(packed)


@each
def test_bytes_behind_the_end_are_told_and_padding_is_not(pack: Pack) -> None:
    packed = pack(b"text")
    assert unpacked(packed + b"garbage")[:2] == (
        b"text",
        ["bytes behind the compressed ones: what came before was read"],
    )
    assert unpacked(packed + b"\0" * 1000)[:2] == (b"text", [])


def test_a_bomb_comes_in_pieces() -> None:
    zeros = b"\0" * (64 << 20)
    for pack in (gzip.compress, zstandard.compress):
        sizes = [len(piece) for piece in pieces(io.BytesIO(pack(zeros)), _no, _no)]
        assert sum(sizes) == len(zeros)
        assert max(sizes) <= 64 << 20
    assert max(len(p) for p in pieces(io.BytesIO(gzip.compress(zeros)), _no, _no)) <= PIECE


def test_a_part_of_a_file() -> None:
    data = bytes(range(256)) * 100
    file = io.BytesIO(data)
    assert b"".join(pieces(file, _no, _no, 1000, 2000)) == data[1000:2000]
    assert b"".join(pieces(file, _no, _no, 25_000)) == data[25_000:]


def _no(_: object) -> None: ...
