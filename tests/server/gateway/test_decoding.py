from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.server.gateway import decoding
from headstart.server.gateway.decoding import decoder_of


def raw_deflate(data: bytes) -> bytes:
    state = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return state.compress(data) + state.flush()


ENCODERS: dict[str, list[Callable[[bytes], bytes]]] = {
    "": [bytes],
    "identity": [bytes],
    "gzip": [gzip.compress],
    "x-gzip": [gzip.compress],
    " GZIP ": [gzip.compress],
    "deflate": [zlib.compress, raw_deflate],
    "br": [brotli.compress],
    "zstd": [zstandard.compress],
}
PAIRS = [(name, encode) for name, encoders in ENCODERS.items() for encode in encoders]


@pytest.mark.parametrize(("encoding", "encode"), PAIRS)
@settings(deadline=None)
@given(data=st.binary(max_size=500), cuts=st.lists(st.integers(0, 500), max_size=5))
def test_any_cut(
    encoding: str, encode: Callable[[bytes], bytes], data: bytes, cuts: list[int]
) -> None:
    sent = encode(data * 20)
    decoder = decoder_of(encoding)
    assert decoder is not None
    found, at = b"", 0
    for cut in [*sorted(cuts), len(sent)]:
        found += decoder.decode(sent[at : max(at, cut)])
        at = max(at, cut)
    assert found == data * 20


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "x", "aes128gcm"])
def test_one_that_nobody_knows(encoding: str) -> None:
    assert decoder_of(encoding) is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_garbage_raises_and_nothing_hangs(encoding: str) -> None:
    decoder = decoder_of(encoding)
    assert decoder is not None
    with pytest.raises(Exception, match=r".+"):
        decoder.decode(b"\x07garbage\xff" * 5000)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.compress)],
)
def test_a_bomb_is_given_up(
    encoding: str, encode: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MOST_BYTES", 4 << 20)
    bomb = encode(b"\0" * (16 << 20))
    assert len(bomb) < 100_000
    decoder = decoder_of(encoding)
    assert decoder is not None
    with pytest.raises(ValueError, match="too large"):
        decoder.decode(bomb)
