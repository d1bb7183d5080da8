"""Which conversation a request belongs to, where the log does not say: the one that it goes on.

A request goes on with the conversation whose prompt it shares the longest beginning with,
also when many run at once. Prompts that merely begin alike (the same tools and system text,
the same examples) are conversations of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from headstart.prompt.cuts import digest

MOST: Final = 500_000
"""Digests that are remembered; the ones that were used longest ago go first."""


class _Latest(NamedTuple):
    """A conversation's last request."""

    length: int
    """Segments beyond tools and system text."""
    turns: int


class Conversations:
    """Numbers conversations, from 0, one request after the other in the order of time.

    Memory is bounded by ``most``; a conversation that is forgotten begins anew.
    """

    def __init__(self, most: int = MOST) -> None:
        if most < 1:
            raise ValueError(f"at least one digest has to be remembered, not {most}")
        self._most = most
        self._owners: OrderedDict[bytes, int] = OrderedDict()
        """Who came last through a prefix. A prefix is always used later than what goes on
        from it, so that it is forgotten later as well."""
        self._latest: OrderedDict[int, _Latest] = OrderedDict()
        self._next = 0

    def __len__(self) -> int:
        """Digests in memory."""
        return len(self._owners)

    def of(self, keys: Sequence[bytes], base: int = 0, outputs: Sequence[bytes] = ()) -> int:
        """The number of the conversation of a request.

        ``keys`` are chained digests, one a segment (or a block); the first ``base`` of them
        end within tools and system text. (Chained from the first message on, with a ``base``
        of 0, they are the same whatever a system text says that changes.) ``outputs`` are
        digests of what the model is said to have written before, each on its own, in order:
        by them a conversation is found again whose first message changes.
        """
        turns = len(outputs)
        said = _chained(outputs)
        own = keys[base:]
        shared = next((n for n in range(len(own), 0, -1) if own[n - 1] in self._owners), 0)
        found = self._continued(own, shared, turns) if shared else None
        if found is None:
            found = self._answered(said, turns)
        if found is None:
            found, self._next = self._next, self._next + 1
        self._remember(found, own, said, turns)
        return found

    def _continued(self, own: Sequence[bytes], shared: int, turns: int) -> int | None:
        """Whose beginning it has, if it goes on from the end of that, or has grown since and
        shares at least half of it."""
        owner = self._owners[own[shared - 1]]
        latest = self._latest.get(owner)
        if latest is None:
            return None
        if shared == latest.length:
            return owner
        return owner if turns > latest.turns and 2 * shared >= latest.length else None

    def _answered(self, said: Sequence[bytes], turns: int) -> int | None:
        """Whose answers it repeats."""
        for key in reversed(said):
            owner = self._owners.get(key)
            if owner is not None:
                latest = self._latest.get(owner)
                return owner if latest is not None and turns > latest.turns else None
        return None

    def _remember(
        self, owner: int, own: Sequence[bytes], said: Sequence[bytes], turns: int
    ) -> None:
        for key in (*reversed(said), *reversed(own)):
            self._owners[key] = owner
            self._owners.move_to_end(key)
        while len(self._owners) > self._most:
            self._owners.popitem(last=False)
        self._latest[owner] = _Latest(len(own), turns)
        self._latest.move_to_end(owner)
        while len(self._latest) > self._most:
            self._latest.popitem(last=False)


def _chained(outputs: Sequence[bytes]) -> list[bytes]:
    found, last = [], b"said"
    for output in outputs:
        last = digest(last, output)
        found.append(last)
    return found
