"""Room in the disk tier: which pages go for a new one, and books that match the files again.

Both run inside a change of the catalogue.
"""

from __future__ import annotations

from typing import NamedTuple

from headstart.kv.tiers.books import crowded
from headstart.kv.tiers.catalogue import Catalogue
from headstart.kv.tiers.contract import PageKey
from headstart.kv.tiers.directory import Directory


class Quota(NamedTuple):
    """Bytes: of all pages, and what each scope is sure of (None: no floors)."""

    limit: int
    floor: int | None
    strict: bool
    """No scope may have more than its floor."""


class NoRoom(Exception):
    """What would have to go may not. Undoes a change."""


def choose(
    catalogue: Catalogue, quota: Quota, now: float, key: PageKey | None = None, size: int = 0
) -> list[PageKey]:
    """Strike out what must go for ``size`` more bytes under this key, and return it; NoRoom.
    Without a key: what may go of what is beyond the quota."""
    victims: list[PageKey] = []
    held = catalogue.crowd()
    scope, parent = (key.scope, key.parent) if key else ("", "")
    while among := crowded(held, scope, size, *quota):
        for candidate in among:
            victim = catalogue.victim(candidate, parent, now)
            if victim is not None:
                break
        else:
            if key is None:
                break
            raise NoRoom
        catalogue.remove([victim[0].name])
        held[victim[0].scope] -= victim[1]
        victims.append(victim[0])
    return victims


def reconcile(catalogue: Catalogue, files: Directory, quota: Quota, now: float) -> int:
    """Make the catalogue list exactly the files there are, from their names and sizes alone;
    then evict down to the limit. Returns how many rows were wrong."""
    listed = catalogue.listed_names()
    found = set()
    orphans = []
    for key, entry in files.walk():
        found.add(key.name)
        if key.name not in listed:
            stat = entry.stat()
            orphans.append((stat.st_mtime, -key.page, key, stat.st_size))
    catalogue.remove(list(listed - found))
    for changed, _, key, size in sorted(orphans):
        catalogue.add(key, size, changed)
    catalogue.recount()
    for victim in choose(catalogue, quota, now):
        files.remove(victim)
    # Under the lock: nobody may be about to put a file there.
    files.prune()
    return len(orphans) + len(listed - found)
