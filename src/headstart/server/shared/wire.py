"""Facts as they lie in Valkey: packed, and sealed with what all gateways know."""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from typing import Any, Final

import msgspec

from headstart.planner import Fact
from headstart.providers import Trace

VERSION: Final = 1
GATEWAY_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_MOST_KEYS: Final = 256


class Unreadable(Exception):
    """Bytes that no gateway with our secret and our version wrote."""


class Entries(msgspec.Struct, array_like=True, frozen=True):
    """What one request left behind at a provider's cache, and at the one that stands for its
    automatic mode."""

    provider: str
    model: str
    trace: Trace | None
    automatic: Trace | None = None


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """What one gateway tells at a time."""

    version: int
    number: int
    """Rises by one a batch; a batch that was sent twice has one number."""
    sent: float
    """Unix seconds on the sender's clock, right before it went out."""
    facts: list[Fact]
    entries: list[Entries]


class Seal:
    """AES-256-GCM, with a key for each gateway's life that the common secret gives. Whoever
    reads Valkey learns sizes and times; whoever writes to it can repeat and leave out, and
    not make up."""

    def __init__(self, secret: bytes) -> None:
        """ModuleNotFoundError without ``cryptography``."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM
        self._secret = secret
        self._keys: OrderedDict[bytes, Any] = OrderedDict()

    def close(self, batch: Batch, gateway: bytes) -> bytes:
        """A batch's bytes as that gateway sends them."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed: bytes = self._key(gateway).encrypt(nonce, _ENCODER.encode(batch), gateway)
        return nonce + sealed

    def open(self, data: bytes, gateway: bytes) -> Batch:
        """The other way round; Unreadable."""
        from cryptography.exceptions import InvalidTag

        if len(gateway) != GATEWAY_BYTES:
            raise Unreadable("not a gateway's")
        try:
            plain = self._key(gateway).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], gateway)
            batch = _DECODER.decode(plain)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise Unreadable(type(error).__name__) from None
        if batch.version != VERSION:
            raise Unreadable(f"version {batch.version}")
        return batch

    def _key(self, gateway: bytes) -> Any:
        key = self._keys.get(gateway)
        if key is None:
            made = hmac.digest(self._secret, b"headstart shared state\0" + gateway, "sha256")
            key = self._keys[gateway] = self._cipher(made)
            if len(self._keys) > _MOST_KEYS:
                self._keys.popitem(last=False)
        return key


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Batch)
