from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.prefix import pack, unpack, whole_pages


@given(st.lists(st.integers(0, 2**32 - 1)), st.integers(1, 5))
def test_packing_and_back(tokens: list[int], page: int) -> None:
    assert list(unpack(pack(tokens))) == tokens
    whole = len(tokens) // page * page
    assert pack(tokens, page=page) == pack(tokens[:whole])
    assert whole_pages(pack(tokens), page) == pack(tokens, page=page)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_block_hashes_take_eight_bytes(hashes: list[int]) -> None:
    assert len(pack(hashes, width=8)) == 8 * len(hashes)
    assert list(unpack(pack(hashes, width=8), width=8)) == hashes


def test_any_iterable_of_ints_packs_alike() -> None:
    tokens = [3, 1, 2]
    assert pack(tokens) == pack(tuple(tokens)) == pack(iter(tokens)) == pack(array("q", tokens))


@pytest.mark.parametrize("tokens", [[1, 2**32], [-1], (2**32,)])
def test_symbols_that_do_not_fit_are_refused(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match="does not fit into 4 bytes"):
        pack(tokens)


def test_an_unknown_width_and_half_a_symbol_are_refused() -> None:
    with pytest.raises(ValueError, match="symbols of 3 bytes"):
        pack([1], width=3)
    with pytest.raises(ValueError, match="multiple of item size"):
        unpack(b"123")


def test_whole_keys_are_not_copied() -> None:
    key = pack([1, 2, 3, 4])
    assert whole_pages(key, 2) is key
