from __future__ import annotations

import pytest

from headstart.kv import KVLayout


def test_bytes_of_a_token_are_those_of_smollm2() -> None:
    # 30 layers, K and V, 3 KV heads of 64, bfloat16.
    assert KVLayout(30, 3, 64, "bfloat16", (None,) * 30).token_bytes == 23_040


def test_float32_takes_twice_as_much() -> None:
    assert KVLayout(2, 1, 8, "float32", (None, 4)).token_bytes == 2 * 2 * 8 * 4


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ValueError, match="int8"):
        KVLayout(1, 1, 8, "int8", (None,))


def test_every_layer_needs_its_window() -> None:
    with pytest.raises(ValueError, match="1 windows given for 2 layers"):
        KVLayout(2, 1, 8, "float32", (None,))
