from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.kv.chain import chain, names
from headstart.kv.fingerprint import Fingerprint
from headstart.kv.format import CHECKSUM_AT, HEADER_BYTES, Codec, FormatError, parse
from headstart.kv.layout import KVLayout
from headstart.kv.seal import DataKey
from headstart.kv.tiers.contract import PageKey
from tests.kv.tiers.support import FINGERPRINT, payload, tokens

CODEC = Codec(FINGERPRINT)
SEAL = DataKey(b"\x07" * 8, b"\x09" * 32)
KEY = PageKey(FINGERPRINT.hex, "12" * 16, "34" * 20, "56" * 20, 3)
SEALS = pytest.mark.parametrize("seal", [None, SEAL], ids=["plain", "sealed"])


def stored(seal: DataKey | None, key: PageKey = KEY) -> bytes:
    return b"".join(CODEC.encode(key, payload(0, 3), seal))


def read(data: bytes, seal: DataKey | None, key: PageKey = KEY, cut: int = 50) -> bytes:
    buffer = bytearray(data[HEADER_BYTES:])
    view = memoryview(buffer)
    CODEC.decode(key, data[:HEADER_BYTES], [view[:cut], view[cut:]], seal)
    return bytes(buffer)


@SEALS
@pytest.mark.parametrize("cut", [0, 1, 16, 50, 128])
def test_what_was_stored_is_read_back(seal: DataKey | None, cut: int) -> None:
    assert read(stored(seal), seal, cut=cut) == payload(0, 3)


def test_a_sealed_object_hides_its_payload_and_differs_each_time() -> None:
    assert b"payload" in stored(None)
    first, second = stored(SEAL), stored(SEAL)
    assert b"payload" not in first
    assert first[HEADER_BYTES:] != second[HEADER_BYTES:]


@SEALS
def test_no_flipped_bit_survives(seal: DataKey | None) -> None:
    data = stored(seal)
    places = [*range(HEADER_BYTES), *range(HEADER_BYTES, len(data), 7)]
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(FormatError):
            read(bytes(damaged), seal)


@SEALS
@pytest.mark.parametrize(
    "wrong",
    [
        KEY._replace(scope="ab" * 16),
        KEY._replace(name="ab" * 20),
        KEY._replace(parent="ab" * 20),
        KEY._replace(page=4),
    ],
    ids=["tenant", "name", "parent", "page"],
)
def test_a_page_answers_to_its_own_key_alone(seal: DataKey | None, wrong: PageKey) -> None:
    with pytest.raises(FormatError):
        read(stored(seal), seal, wrong)


@SEALS
def test_a_page_of_another_model_is_refused(seal: DataKey | None) -> None:
    other = Codec(replace(FINGERPRINT, weights="01"))
    data = b"".join(other.encode(KEY, payload(0, 3), seal))
    with pytest.raises(FormatError, match="model"):
        read(data, seal)


def test_sealed_and_plain_do_not_stand_in_for_each_other() -> None:
    with pytest.raises(FormatError, match="sealed"):
        read(stored(SEAL), None)
    with pytest.raises(FormatError, match="sealed"):
        read(stored(None), SEAL)


def test_another_tenants_key_does_not_open_a_page() -> None:
    for other in (DataKey(b"\x08" * 8, SEAL.key), DataKey(SEAL.id, b"\x08" * 32)):
        with pytest.raises(FormatError):
            read(stored(SEAL), other)


@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse(data)


@given(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255))
def test_any_header_is_parsed_or_refused(place: int, value: int) -> None:
    data = bytearray(stored(None)[:HEADER_BYTES])
    data[place] = value
    try:
        header, checksum = parse(bytes(data))
    except FormatError:
        return
    assert header.pack() + checksum == data


def test_the_header_says_what_the_document_says() -> None:
    data = stored(SEAL)

    def number(start: int, stop: int) -> int:
        return int.from_bytes(data[start:stop], "little")

    assert data[:4] == b"HSKV"
    assert (number(4, 6), number(6, 8), number(8, 12)) == (1, 1, HEADER_BYTES)
    assert (number(12, 16), number(16, 20)) == (3, FINGERPRINT.page_tokens)
    layout = FINGERPRINT.layout
    shape = (number(20, 22), number(22, 24), number(24, 26))
    assert shape == (layout.layers, layout.kv_heads, layout.head_dim)
    assert (data[26], data[27], number(28, 30), number(30, 32)) == (2, 1, 0, 1)
    assert data[32:48] == FINGERPRINT.digest
    assert data[48:64].hex() == KEY.scope
    assert data[64:84].hex() == KEY.name
    assert data[84:104].hex() == KEY.parent
    assert data[104:112] == SEAL.id
    assert number(112, 120) == FINGERPRINT.page_bytes == len(data) - HEADER_BYTES
    assert data[120:132] != bytes(12)
    assert data[132:CHECKSUM_AT] == bytes(44)


def test_a_payload_of_another_size_is_no_page() -> None:
    with pytest.raises(ValueError, match="not a page"):
        CODEC.encode(KEY, b"short", None)


def test_chain_values_depend_on_every_token_before() -> None:
    data = tokens(4, extra=3)
    values = chain(data, FINGERPRINT.page_tokens, FINGERPRINT.digest)
    assert len(values) == len(set(values)) == 4
    changed = chain(b"\xff" + data[1:], FINGERPRINT.page_tokens, FINGERPRINT.digest)
    assert not set(values) & set(changed)
    longer = chain(tokens(6), FINGERPRINT.page_tokens, FINGERPRINT.digest)
    assert longer[:4] == values
    assert chain(data[:60], FINGERPRINT.page_tokens, FINGERPRINT.digest) == values[:3]


def test_names_of_two_keys_have_nothing_in_common() -> None:
    values = [os.urandom(32) for _ in range(5)]
    first, second = names(b"a" * 32, values), names(b"b" * 32, values)
    assert not set(first) & set(second)
    assert {len(name) for name in first} == {40}


def test_every_field_of_a_fingerprint_counts_but_its_label() -> None:
    base = FINGERPRINT
    others = [
        replace(base, weights="ff"),
        replace(base, layout=KVLayout(2, 1, 4, "bfloat16", (None, None))),
        replace(base, layout=KVLayout(2, 1, 4, "float16", (None, 8))),
        replace(base, chunk=16),
        replace(base, rope='{"theta":1}'),
        replace(base, numerics="torch 2"),
        replace(base, page_tokens=8),
        replace(base, ranks=2),
        replace(base, rank=1, ranks=2),
        replace(base, layout_version=2),
    ]
    assert len({made.digest for made in [base, *others]}) == len(others) + 1
    assert replace(base, model="a label").digest == base.digest
    with pytest.raises(ValueError, match="rank"):
        Fingerprint("00", base.layout, rank=2, ranks=2)
