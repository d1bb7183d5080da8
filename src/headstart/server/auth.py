"""Who is asking: API key to tenant."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from headstart.prefix.tenancy import DEFAULT_TENANT, OPERATOR, scope_of

__all__ = ["DEFAULT_TENANT", "OPERATOR", "Tenants", "credential_of", "scope_of"]


class Tenants:
    """Maps API keys to tenants. Holds digests, not keys.

    Without keys everybody is the tenant ``default``, whatever credential is sent.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        """``keys`` maps tenant names to their API keys."""
        self._digests = {name: _digest(key) for name, key in keys.items()}

    def authenticate(self, headers: Mapping[str, str]) -> str | None:
        """The caller's tenant, or None; ``x-api-key`` wins over ``Authorization``.

        Every key is compared, in constant time, so that the time taken tells nothing.
        """
        if not self._digests:
            return DEFAULT_TENANT
        credential = _digest(credential_of(headers) or "")
        found = None
        for name, digest in self._digests.items():
            if hmac.compare_digest(digest, credential):
                found = name
        return found


def credential_of(headers: Mapping[str, str]) -> str | None:
    """The key a request carries, by either of the two headers that SDKs send."""
    key = headers.get("x-api-key")
    if key is not None:
        return key.strip()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
