"""Where a request's prompt is kept: who shares it, and on which machine."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from headstart.prompt import CUT_BYTES, Chain
from headstart.providers.rules import Rules

_LONG = 1024
"""Characters of what names partitions, beyond which it is not remembered: a client's may be any
text."""
_ROUTED_BY = 256
"""Tokens of the prompt's start that choose a machine, beside the routing key."""


def partition(rules: Rules, chain: Chain, scope: str) -> str:
    """Opaque name of those who share entries with this request."""
    controls = chain.controls
    parts = (
        scope,
        controls.key if rules.key_partitions else None,
        controls.user if rules.user_partitions else None,
        controls.salt if rules.salt_partitions else None,
        controls.resource if rules.resources else None,
    )
    if not any(parts):
        return ""
    short = sum(len(part) for part in parts if part is not None) <= _LONG
    return _remembered(parts) if short else _name(parts)


def _name(parts: tuple[str | None, ...]) -> str:
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


_remembered = lru_cache(maxsize=1024)(_name)


class Router:
    """Which machine gets a request: certain with one machine, else by a hash of the routing
    key (or conversation) and the prompt's first tokens. Beyond ``Rules.overflow`` requests
    a minute the next machine gets them, as OpenAI documents."""

    def __init__(self, rules: Rules, limit: int) -> None:
        if rules.machines < 1 or (rules.overflow is not None and rules.overflow < 1):
            raise ValueError(f"no routing over {rules.machines} machines by {rules.overflow}")
        self.machines = rules.machines
        self._overflow = rules.overflow
        self._limit = limit
        self._minute = 0
        self._seen: dict[bytes, int] = {}

    def machine(self, chain: Chain, place: str, now: float) -> int:
        """Where a request would go now."""
        if self.machines == 1:
            return 0
        route = _route(chain, place)
        spill = 0
        if self._overflow is not None and now // 60 == self._minute:
            spill = self._seen.get(route, 0) // self._overflow
        return (int.from_bytes(route[:8], "big") + spill) % self.machines

    def sent(self, chain: Chain, place: str, now: float) -> None:
        """A request went out."""
        if self.machines == 1 or self._overflow is None:
            return
        if now // 60 != self._minute or len(self._seen) >= self._limit:
            self._minute = int(now // 60)
            self._seen.clear()
        route = _route(chain, place)
        self._seen[route] = self._seen.get(route, 0) + 1


def _route(chain: Chain, place: str) -> bytes:
    cuts = chain.cuts
    count = sum(1 for end in cuts.ends[:_ROUTED_BY] if end <= _ROUTED_BY)
    start = cuts.symbols[max(0, count - 1) * CUT_BYTES : max(1, count) * CUT_BYTES]
    key, session = chain.controls.key, chain.controls.session
    named = repr((place, key, session)).encode("utf-8", "surrogatepass")
    by_session = session is not None and key is None
    return blake2b(named if by_session else named + start, digest_size=16).digest()
