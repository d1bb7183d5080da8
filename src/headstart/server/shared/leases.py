"""Who may ping: a lease for each prefix, which ends with its holder, and a fencing token.

A token is higher than all that were given before it. It is asked for once more right before
the ping goes out: a gateway that was stopped in between finds that its lease is another's.
"""

from __future__ import annotations

import hmac
import time
from typing import Any, Final, NamedTuple

from headstart.server.shared.link import client, space_of

SHARE: Final = 0.8
"""Of the time from one ping to the next: a lease that is not taken again has ended when
another gateway's own ping of the prefix comes up, and none before that is doubled."""
_FRESH: Final = 5.0
"""Seconds on our own clock after which a lease is not relied on, whatever Valkey says."""
_TAKE: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. token, 'PX', ARGV[2])
return token
"""


class Lease(NamedTuple):
    """Leave to ping one prefix."""

    key: str
    value: str
    token: int
    taken: float
    """Monotonic seconds."""


class Leases:
    """Of one gateway. Methods raise what the client raises where Valkey can't be asked: no
    lease, no ping."""

    def __init__(self, url: str, secret: bytes, gateway: bytes, *, share: float = SHARE) -> None:
        self._url = url
        self._space = space_of(url)
        self._secret = secret
        self._gateway = gateway.hex() + ":"
        self._share = share
        self._client: Any = None

    async def take(self, names: tuple[str, ...], prefix: bytes, period: float) -> Lease | None:
        """Leave to ping what these names and this digest stand for; ``period`` is the seconds
        to its next ping. None: another gateway has it."""
        told = repr((names, prefix)).encode()
        name = hmac.digest(self._secret, b"lease\0" + told, "sha256").hex()[:32]
        key, now = f"{self._space}:lease:{name}", time.monotonic()
        ms = max(1, int(1000 * period * self._share))
        token = await self._open().eval(_TAKE, 2, key, f"{self._space}:token", self._gateway, ms)
        return Lease(key, f"{self._gateway}{token}", token, now) if token else None

    async def holds(self, lease: Lease) -> bool:
        """Whether it still is ours, and the latest of its prefix."""
        found = await self._open().get(lease.key)
        fresh = time.monotonic() - lease.taken < _FRESH
        return bool(found == lease.value.encode() and fresh)

    async def close(self) -> None:
        """Close the connection. Leases end by themselves."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> Any:
        if self._client is None:
            self._client = client(self._url)
        return self._client
