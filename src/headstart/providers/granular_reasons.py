"""Why not all that was ever seen of a prompt is read, at a provider without markers."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from headstart.prompt import Chain
from headstart.providers.contract import Divergence
from headstart.providers.granular_request import Found, Place
from headstart.providers.granular_steps import Steps
from headstart.providers.recall import Nearest, Recall
from headstart.usage import MissReason

_PARTED: Final = (MissReason.DIVERGED, MissReason.TOOLS_CHANGED)
"""The nearest earlier prompt is of the same place, and goes another way."""


class Why(NamedTuple):
    """Part of a ``Lookup``."""

    reason: MissReason | None
    lost: int
    divergence: Divergence | None


def explain(steps: Steps, chain: Chain, place: Place, found: Found, recall: Recall) -> Why:
    """The reason that costs most; nothing seen before is a first sight."""
    near = recall.nearest(chain, place.owners)
    shared = chain.ends[near.shared - 1] if near is not None and near.shared else 0
    divergence = _divergence(chain, found, near)
    total = place.before + chain.tokens
    if not steps.supported:
        return Why(MissReason.UNSUPPORTED, shared, divergence)
    if not steps.cacheable(total):
        if place.before and not shared:
            return Why(None, 0, None)
        return Why(MissReason.BELOW_MINIMUM, shared, divergence)
    lost, reason = max(found.missed, key=lambda miss: miss[0], default=(0, None))
    if near is not None:
        could = steps.readable(place.before + shared, total, place.before)
        if could > max(lost, found.read):
            lost, reason = could, near.reason or MissReason.EVICTED
            if reason in _PARTED:
                reason = found.parted or reason
    if lost > found.read:
        return Why(reason, lost - found.read, divergence)
    if divergence is not None:
        return Why(near.reason if near is not None else MissReason.DIVERGED, 0, divergence)
    if near is None and not found.seen and not place.before:
        return Why(MissReason.FIRST_SIGHT, 0, None)
    return Why(None, 0, None)


def _divergence(chain: Chain, found: Found, near: Nearest | None) -> Divergence | None:
    """Where an earlier prompt of the same place goes another way, if one does."""
    if (near.reason not in _PARTED) if near is not None else not found.seen:
        return None
    within = bisect_right(chain.ends, found.seen)
    segment = max(within, near.shared) if near is not None else within
    return Divergence(segment, None, None, near.request if near is not None else None)
