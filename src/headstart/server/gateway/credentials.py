"""Who is asking, and with whose credential the request goes on."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping

from multidict import CIMultiDict

from headstart.server.auth import DEFAULT_TENANT, Tenants
from headstart.server.config import ConfigError
from headstart.server.gateway.headers import KEY
from headstart.server.upstreams import Upstream

_CREDENTIALS = (b"x-api-key", b"api-key", b"x-goog-api-key", b"authorization")
CREDENTIAL_HEADERS = frozenset(_CREDENTIALS)
_AWS_HEADERS = frozenset(
    {b"authorization", b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256"}
)
_DIGITS = 16


class Unknown(Exception):
    """No key of this gateway came with the request."""


class Credentials:
    """Tenants and injected keys. Keys stay in memory, and in nothing that is written."""

    def __init__(
        self, upstreams: Mapping[str, Upstream], keys: Mapping[str, str], secret: bytes | None
    ) -> None:
        """``keys``: gateway keys by tenant; ``secret`` makes tenants of credentials, and is
        drawn at random without one. ConfigError for a variable that is not set."""
        self._tenants = Tenants(keys) if keys else None
        self._secret = secret or secrets.token_bytes(32)
        self._known: dict[bytes, str] = {}
        self._injected = {
            name: _key_of(name, upstream)
            for name, upstream in upstreams.items()
            if upstream.auth == "inject"
        }

    def tenant(self, upstream: Upstream, headers: Mapping[bytes, bytes], query: bytes) -> str:
        """A gateway key's name, or a keyed digest of the credential that goes on; Unknown."""
        if self._tenants is not None:
            return self._keyed(upstream, headers, query)
        if not upstream.isolated:
            return DEFAULT_TENANT
        credential = _credential(headers, query)
        if not credential:
            return DEFAULT_TENANT
        found = self._known.get(credential)
        if found is None:
            if len(self._known) >= 4096:
                self._known.clear()
            found = self._known[credential] = self.digest(credential)
        return found

    def digest(self, value: bytes) -> str:
        """Tells values apart without telling them."""
        return hmac.new(self._secret, value, hashlib.sha256).hexdigest()[:_DIGITS]

    def named(self, upstream: Upstream, headers: Mapping[bytes, bytes], query: bytes) -> str:
        """A name for the credential that goes on; empty where it is ours."""
        return self.digest(_credential(headers, query)) if upstream.isolated else ""

    def apply(self, name: str, upstream: Upstream, headers: CIMultiDict[str]) -> None:
        """Put our credential in the place of the client's, where the upstream wants it."""
        key = self._injected.get(name)
        if key is None:
            return
        for header in _CREDENTIALS:
            headers.popall(header.decode(), None)
        if upstream.speech == "anthropic":
            headers["x-api-key"] = key
        elif upstream.speech == "gemini":
            headers["x-goog-api-key"] = key
        elif upstream.speech == "azure":
            headers["api-key"] = key
        else:
            headers["authorization"] = f"Bearer {key}"

    def _keyed(self, upstream: Upstream, headers: Mapping[bytes, bytes], query: bytes) -> str:
        assert self._tenants is not None
        key = headers.get(KEY)
        if key is None and not upstream.isolated:
            key = _credential(headers, query)
        given = {"x-api-key": (key or b"").decode("latin-1").removeprefix("Bearer ")}
        tenant = self._tenants.authenticate(given)
        if tenant is None:
            raise Unknown
        return tenant


def without_key(query: bytes) -> bytes:
    """A query string without its ``key``, which is a credential."""
    return b"&".join(part for part in query.split(b"&") if not part.startswith(b"key="))


def dropped_headers(upstream: Upstream) -> frozenset[bytes]:
    """The client's own credentials, where they must not go on."""
    if upstream.auth == "aws":
        return CREDENTIAL_HEADERS | _AWS_HEADERS
    return CREDENTIAL_HEADERS if upstream.auth == "inject" else frozenset()


def _credential(headers: Mapping[bytes, bytes], query: bytes) -> bytes:
    for name in _CREDENTIALS:
        value = headers.get(name)
        if value:
            if name == b"authorization" and value.startswith(b"AWS4-"):
                return value.partition(b"Credential=")[2].partition(b"/")[0]
            return value.removeprefix(b"Bearer ")
    for part in query.split(b"&"):
        if part.startswith(b"key="):
            return part[4:]
    return b""


def _key_of(name: str, upstream: Upstream) -> str:
    assert upstream.key_env is not None
    key = os.environ.get(upstream.key_env, "").strip()
    if not key:
        raise ConfigError(f"[upstream.{name}] key_env: {upstream.key_env} is not set")
    return key
