"""One stored page: a fixed header, then the payload. docs/kv-format.md has the offsets."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import xxhash

from headstart.kv.fingerprint import Fingerprint
from headstart.kv.seal import NONCE_BYTES, DataKey
from headstart.kv.tiers.contract import Buffer, PageKey

MAGIC = b"HSKV"
VERSION = 1
HEADER_BYTES = 192
CHECKSUM_AT = HEADER_BYTES - 16
SEALED = 1
DTYPES = ("float32", "bfloat16", "float16")
_FIELDS = struct.Struct("<4sHHIIIHHHBBHH16s16s20s20s8sQ12s44s")
_NO_KEY = bytes(8)
_NO_NONCE = bytes(NONCE_BYTES)


class FormatError(Exception):
    """Bytes that are not a page of this format, or not the page asked for."""


@dataclass(frozen=True)
class Header:
    """The fields of a page's header, but for its checksum."""

    sealed: bool
    page: int
    tokens: int
    layers: int
    kv_heads: int
    head_dim: int
    dtype: str
    layout_version: int
    rank: int
    ranks: int
    model: bytes
    scope: bytes
    name: bytes
    parent: bytes
    key_id: bytes
    payload_bytes: int
    nonce: bytes

    def pack(self) -> bytes:
        """The ``CHECKSUM_AT`` bytes that the checksum covers."""
        return _FIELDS.pack(
            MAGIC,
            VERSION,
            SEALED if self.sealed else 0,
            HEADER_BYTES,
            self.page,
            self.tokens,
            self.layers,
            self.kv_heads,
            self.head_dim,
            DTYPES.index(self.dtype),
            self.layout_version,
            self.rank,
            self.ranks,
            self.model,
            self.scope,
            self.name,
            self.parent,
            self.key_id,
            self.payload_bytes,
            self.nonce,
            b"",
        )


def parse(data: Buffer) -> tuple[Header, bytes]:
    """Header and checksum of any bytes; FormatError. Nothing is trusted or allocated."""
    if len(data) < HEADER_BYTES:
        raise FormatError(f"{len(data)} bytes are no header")
    fields = _FIELDS.unpack_from(data)
    magic, version, flags, size, page, tokens, *shape = fields[:13]
    if magic != MAGIC:
        raise FormatError("not a page: wrong magic")
    if version != VERSION:
        raise FormatError(f"format version {version} is not {VERSION}")
    if flags & ~SEALED or size != HEADER_BYTES or any(fields[20]):
        raise FormatError("flags, header length or reserved bytes are not of this version")
    layers, kv_heads, head_dim, dtype, layout_version, rank, ranks = shape
    if dtype >= len(DTYPES):
        raise FormatError(f"unknown dtype code {dtype}")
    model, scope, name, parent, key_id, payload, nonce = fields[13:20]
    header = Header(
        bool(flags), page, tokens, layers, kv_heads, head_dim, DTYPES[dtype],
        layout_version, rank, ranks, model, scope, name, parent, key_id, payload, nonce,
    )  # fmt: skip
    return header, bytes(data[CHECKSUM_AT:HEADER_BYTES])


class Codec:
    """Builds and verifies the pages of one model."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self.fingerprint = fingerprint
        self.object_bytes = HEADER_BYTES + fingerprint.page_bytes

    def encode(self, key: PageKey, payload: Buffer, seal: DataKey | None) -> list[Buffer]:
        """The object's parts: header and payload, or header and ciphertext."""
        if len(payload) != self.fingerprint.page_bytes:
            raise ValueError(f"{len(payload)} bytes are not a page of this model")
        if seal is None:
            head = self.header(key, None, _NO_NONCE).pack()
            return [head + _checksum(head, [payload]), payload]
        nonce = os.urandom(NONCE_BYTES)
        head = self.header(key, seal, nonce).pack()
        sealed, tag = seal.seal(head, payload, nonce)
        return [head + tag, sealed]

    def decode(
        self,
        key: PageKey,
        head: Buffer,
        pieces: Sequence[memoryview],
        seal: DataKey | None,
    ) -> None:
        """Verify a page that was read into ``pieces``, decrypting it there.

        FormatError if it is not, bit for bit, the page of this key, model and tenant.
        """
        check = self.check(key, seal)
        check(memoryview(head))
        for piece in pieces:
            check(piece)
        check.finish()

    def check(self, key: PageKey, seal: DataKey | None) -> Check:
        """What verifies a page while it is being read."""
        return Check(self, key, seal)

    def header(self, key: PageKey, seal: DataKey | None, nonce: bytes) -> Header:
        """The only header that this page may have."""
        made = self.fingerprint
        return Header(
            sealed=seal is not None,
            page=key.page,
            tokens=made.page_tokens,
            layers=made.layout.layers,
            kv_heads=made.layout.kv_heads,
            head_dim=made.layout.head_dim,
            dtype=made.layout.dtype,
            layout_version=made.layout_version,
            rank=made.rank,
            ranks=made.ranks,
            model=made.digest,
            scope=bytes.fromhex(key.scope),
            name=bytes.fromhex(key.name),
            parent=bytes.fromhex(key.parent),
            key_id=seal.id if seal else _NO_KEY,
            payload_bytes=made.page_bytes,
            nonce=nonce,
        )


class Check:
    """Verifies one page, decrypting in place: call it with the header, then with the
    payload piece by piece, then ``finish``."""

    def __init__(self, codec: Codec, key: PageKey, seal: DataKey | None) -> None:
        self._codec = codec
        self._key = key
        self._seal = seal
        self._feed: Callable[[memoryview], None] | None = None
        self._finish: Callable[[], bool] | None = None
        self._fault = "nothing was read"

    def __call__(self, piece: memoryview) -> None:
        """Take the next piece; a fault shows at the end."""
        if self._feed is not None:
            self._feed(piece)
        elif self._finish is None:
            try:
                self._begin(piece)
            except FormatError as error:
                self._fault = str(error)
                self._finish = lambda: False

    def finish(self) -> None:
        """FormatError unless this was, bit for bit, the page asked for."""
        if self._finish is None or not self._finish():
            raise FormatError(self._fault)

    def _begin(self, head: memoryview) -> None:
        found, checksum = parse(head)
        seal = self._seal
        expected = self._codec.header(self._key, seal, found.nonce if seal else _NO_NONCE)
        if found != expected:
            raise FormatError(_difference(found, expected))
        self._fault = "the checksum does not match"
        covered = bytes(head[:CHECKSUM_AT])
        if seal is not None:
            opening = seal.opening(covered, found.nonce, checksum)
            self._feed, self._finish = opening.update, opening.verify
            return
        state = xxhash.xxh3_128(covered)
        self._feed = state.update
        self._finish = lambda: state.digest() == checksum


def _checksum(head: bytes, pieces: Sequence[Buffer]) -> bytes:
    state = xxhash.xxh3_128(head)
    for piece in pieces:
        state.update(piece)
    return state.digest()


def _difference(found: Header, expected: Header) -> str:
    wrong = [
        field
        for field in Header.__dataclass_fields__
        if getattr(found, field) != getattr(expected, field)
    ]
    return f"another page than the one asked for: {', '.join(wrong)} differ"
