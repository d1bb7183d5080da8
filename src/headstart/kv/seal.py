"""AES-256-GCM over pages, in place, and the wrapping of keys by a master key."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

from headstart.kv.tiers.contract import Buffer

NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32


class SealError(Exception):
    """Base of what goes wrong with keys."""


class BadMasterKey(SealError):
    """A master key that can't be read, or is not 32 bytes in hex or base64."""


class Unsealable(SealError):
    """Authentication failed: a wrong key, or bytes that were changed."""


class DataKey(NamedTuple):
    """The key that seals one tenant's pages.

    Nonces are random, 96 bits: one key is good for 2**32 pages (NIST SP 800-38D, 8.3).
    """

    id: bytes
    """8 random bytes, stored in each page's header."""
    key: bytes

    def seal(self, header: bytes, payload: Buffer, nonce: bytes) -> tuple[bytes, bytes]:
        """Ciphertext as long as the payload, and the tag, which covers the header too."""
        context = Cipher(AES256(self.key), GCM(nonce)).encryptor()
        context.authenticate_additional_data(header)
        sealed = context.update(payload)
        context.finalize()
        return sealed, context.tag

    def opening(self, header: bytes, nonce: bytes, tag: bytes) -> Opening:
        """What decrypts a page in place, piece by piece."""
        return Opening(self.key, header, nonce, tag)


class Opening:
    """Decryption under way. Nothing of it may be used before ``verify`` is True."""

    def __init__(self, key: bytes, header: bytes, nonce: bytes, tag: bytes) -> None:
        self._context = Cipher(AES256(key), GCM(nonce, tag)).decryptor()
        self._context.authenticate_additional_data(header)

    def update(self, piece: memoryview) -> None:
        """Decrypt the next piece where it is."""
        self._context.update_into(piece, piece)

    def verify(self) -> bool:
        """Whether header and all pieces are what was sealed."""
        try:
            self._context.finalize()
        except InvalidTag:
            return False
        return True


class MasterKey:
    """Wraps what must not lie on disk in the clear."""

    def __init__(self, key: bytes) -> None:
        """BadMasterKey unless 32 bytes long."""
        if len(key) != KEY_BYTES:
            raise BadMasterKey(f"a master key has {KEY_BYTES} bytes, this one has {len(key)}")
        self._aead = AESGCM(key)
        self.id = hmac.digest(key, b"headstart master key id", "sha256")[:8]
        """Tells master keys apart without revealing them."""

    @classmethod
    def parse(cls, text: str) -> MasterKey:
        """From 64 hex digits or base64; BadMasterKey."""
        text = text.strip()
        try:
            key = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise BadMasterKey("the master key is neither 64 hex digits nor base64") from None
        return cls(key)

    @classmethod
    def load(cls, source: str) -> MasterKey:
        """``file:PATH`` or ``env:NAME``; BadMasterKey."""
        kind, _, where = source.partition(":")
        if kind == "env":
            if where not in os.environ:
                raise BadMasterKey(f"the environment variable {where} is not set")
            return cls.parse(os.environ[where])
        if kind != "file":
            raise BadMasterKey("name the master key as file:PATH or env:NAME")
        try:
            return cls.parse(Path(where).read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise BadMasterKey(f"the master key can't be read: {error}") from None

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Nonce, ciphertext and tag; ``context`` is authenticated with it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Unsealable if the key, the wrapped bytes or the context differ."""
        if len(wrapped) < NONCE_BYTES + TAG_BYTES:
            raise Unsealable("a wrapped key is too short")
        try:
            return self._aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag:
            raise Unsealable("a wrapped key does not open under this master key") from None
