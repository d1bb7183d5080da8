"""Why not all that was ever seen of a prompt is read, at a provider with breakpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from headstart.prompt import Chain
from headstart.providers.breakpoints_places import Boundaries, LookBack, Places
from headstart.providers.contract import Divergence
from headstart.providers.recall import Nearest, Recall
from headstart.providers.state import Entries
from headstart.usage import MissReason

_BRANCHED: Final = (MissReason.DIVERGED, MissReason.TOOLS_CHANGED)
_IN_PLACE: Final = (None, *_BRANCHED)
"""The nearest earlier prompt is keyed as this one."""


class Why(NamedTuple):
    """Part of a ``Lookup``."""

    reason: MissReason | None
    lost: int
    divergence: Divergence | None


class Case(NamedTuple):
    """What was looked up, and what came of it."""

    chain: Chain
    keys: Sequence[bytes]
    scope: str
    now: float
    places: Places
    able: bool
    """At least one breakpoint is long enough."""
    hit: int
    expired: int
    """Last segments of the entry that is read and of the longest expired one; -1: none."""


class Reasons:
    """Finds them for one emulator."""

    def __init__(
        self, minimum: int, how: LookBack | Boundaries, entries: Entries, recall: Recall
    ) -> None:
        self._minimum = minimum
        self._by_boundary = isinstance(how, Boundaries)
        self._entries = entries
        self._recall = recall

    def explain(self, case: Case) -> Why:
        """The reason that costs most. Nothing that is marked, or nothing long enough, is a
        reason even for a prompt that nobody has sent before."""
        chain, ends, hit = case.chain, case.chain.ends, case.hit
        near = self._recall.nearest(chain, case.scope)
        read = ends[hit] if hit >= 0 else 0
        seen = ends[near.shared - 1] if near is not None and near.shared else 0
        at, state = self._held(case, near)
        held = ends[at] if state is not None else 0
        lost = max(seen, held) - read
        if lost <= 0 and read:
            return Why(None, 0, None)
        divergence = None
        if near is not None and near.reason in _BRANCHED:
            divergence = Divergence(near.shared, None, None, near.request)
        reason = self._structural(case)
        if reason is None and (state is None or seen > held):
            reason = self._elsewhere(case, near, held)
        if reason is None:
            reason = state or self._unheld(case, near, seen)
        return Why(reason, max(0, lost), divergence)

    def _structural(self, case: Case) -> MissReason | None:
        """What no earlier request has to do with."""
        if case.places.refused:
            return MissReason.TOO_MANY_BREAKPOINTS
        if case.able:
            return None
        if case.places.writes or case.chain.tokens < self._minimum:
            return MissReason.BELOW_MINIMUM
        return MissReason.NO_BREAKPOINT

    def _held(self, case: Case, near: Nearest | None) -> tuple[int, MissReason | None]:
        """The longest prefix past the hit of which an entry's fate is known."""
        entries, keys = self._entries, case.keys
        top = max(case.expired + 1, near.shared if near is not None else 0)
        if entries.pending:
            for at in range(len(keys) - 1, case.hit, -1):
                if keys[at] in entries.pending:
                    return at, MissReason.NOT_YET_READABLE
        get, gone = entries.held.get, entries.gone
        for at in range(top - 1, case.hit, -1):
            entry = get(keys[at])
            if entry is not None:
                return at, self._unread(case, at) if entry[0] > case.now else MissReason.EXPIRED
            if gone and keys[at] in gone:
                return at, gone[keys[at]]
        return -1, None

    def _unread(self, case: Case, at: int) -> MissReason:
        """Why a live entry is not found."""
        chain = case.chain
        if not self._by_boundary or any(mark.segment == at for mark in chain.marks):
            return MissReason.LOOKBACK_EXCEEDED
        implicit = chain.controls.mode != "explicit" and at in chain.boundaries
        return MissReason.LOOKBACK_EXCEEDED if implicit else MissReason.NO_BREAKPOINT

    def _elsewhere(self, case: Case, near: Nearest | None, held: int) -> MissReason | None:
        """Cached under another key, further than anything that is known under this one."""
        if near is None or near.reason in _IN_PLACE:
            return None
        common = min(near.shared, near.cached)
        return near.reason if common and case.chain.ends[common - 1] > held else None

    def _unheld(self, case: Case, near: Nearest | None, seen: int) -> MissReason:
        """Nothing is known to be, or to have been, cached of what is lost."""
        if near is None:
            return MissReason.FIRST_SIGHT
        if near.reason in _BRANCHED and near.cached > near.shared:
            return near.reason or MissReason.DIVERGED
        if near.reason in _IN_PLACE and near.cached > case.hit + 1:
            return MissReason.EVICTED
        if not near.shared:
            return near.reason or MissReason.FIRST_SIGHT
        return MissReason.BELOW_MINIMUM if seen < self._minimum else MissReason.NO_BREAKPOINT
