"""Content addresses: what a page holds depends on every token before it.

``h[0]`` is the fingerprint; ``h[i] = SHA-256(h[i-1] || tokens of page i)``. A page's name is
a keyed hash of its chain value, so that names can neither be guessed nor compared across
scopes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

NAME_BYTES = 20
TOKEN_BYTES = 4


def chain(tokens: bytes | memoryview, page_tokens: int, fingerprint: bytes) -> list[bytes]:
    """Chain values of the full pages of packed 4-byte tokens, first page first."""
    width = page_tokens * TOKEN_BYTES
    view = memoryview(tokens)
    value = fingerprint
    values = []
    for start in range(0, len(view) - width + 1, width):
        digest = hashlib.sha256(value)
        digest.update(view[start : start + width])
        value = digest.digest()
        values.append(value)
    return values


def names(key: bytes, values: Sequence[bytes]) -> list[str]:
    """Object names of chain values under one scope's key: 40 hex digits each."""
    return [hmac.digest(key, value, "sha256")[:NAME_BYTES].hex() for value in values]
