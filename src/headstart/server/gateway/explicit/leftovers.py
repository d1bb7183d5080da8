"""Objects of gateways that are no more: deleted with the first credential that may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from headstart.server.gateway.explicit.calls import Calls
from headstart.server.gateway.explicit.journal import Entry, Journal
from headstart.server.gateway.explicit.site import Site

_MOST_TRIED: Final = 4096


class Leftovers:
    """By route. What nobody may delete lapses by itself."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._left: dict[str, dict[str, Entry]] = {}
        for entry in entries:
            self._left.setdefault(entry.route, {})[entry.path] = entry
        self._tried: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return sum(map(len, self._left.values()))

    @property
    def routes(self) -> list[str]:
        """Where there are any."""
        return list(self._left)

    def new(self, route: str, credential: str) -> bool:
        """Whether to try that credential there; once."""
        if route not in self._left or (route, credential) in self._tried:
            return False
        if len(self._tried) >= _MOST_TRIED:
            return False
        self._tried.add((route, credential))
        return True

    async def sweep(self, route: str, site: Site, calls: Calls, journal: Journal | None) -> int:
        """Delete what this credential may; how many are deleted."""
        deleted = 0
        for path in list(self._left.get(route, ())):
            answer = await calls.delete(site, path)
            deleted += answer.good
            if answer.good:
                self._forget(route, path, journal)
        return deleted

    def expire(self, now: float, journal: Journal | None) -> None:
        """What is over needs nobody."""
        for route, entries in list(self._left.items()):
            for path, entry in list(entries.items()):
                if entry.expires <= now:
                    self._forget(route, path, journal)

    def _forget(self, route: str, path: str, journal: Journal | None) -> None:
        entries = self._left.get(route, {})
        entries.pop(path, None)
        if not entries:
            self._left.pop(route, None)
        if journal is not None:
            journal.remove(path)
