"""Routing keys: requests that share a beginning should meet the same machine."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from headstart.planner.contract import PlannedRequest

MOST_FAMILIES: Final = 4096
_WINDOW: Final = 60.0


class Routing:
    """One key for all prompts that begin alike, as long as they come no faster than one
    machine takes them (``Rules.overflow`` a minute); then one for each conversation."""

    def __init__(self, limit: int = MOST_FAMILIES) -> None:
        self._limit = limit
        self._rates: OrderedDict[tuple[str, bytes], tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rates)

    def key(self, request: PlannedRequest, now: float) -> str | None:
        """The key to set; None where routing does not choose by one, or the client set it."""
        chain, rules = request.chain, request.rules
        if not rules.routed or chain.controls.key is not None or not chain.keys:
            return None
        family = family_of(request)
        rate = self.count(request.key.tenant, family, now)
        if rules.overflow is not None and rate > rules.overflow:
            family += request.conversation
        return family.hex()[:64]

    def count(self, tenant: str, beginning: bytes, now: float) -> float:
        """Requests in the last minute or so, this one included: a leaky count."""
        family = tenant, beginning
        since, count = self._rates.pop(family, (now, 0.0))
        now = max(now, since)
        count = max(0.0, count - count * min(1.0, (now - since) / _WINDOW)) + 1
        self._rates[family] = (now, count)
        if len(self._rates) > self._limit:
            self._rates.popitem(last=False)
        return count


def family_of(request: PlannedRequest) -> bytes:
    """What stands for all prompts that begin like this one, which is not empty."""
    chain = request.chain
    return chain.keys[max(0, chain.system - 1)]
