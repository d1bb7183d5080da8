"""From pages to prefixes, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headstart.kv.pages import StoredPrefix
from headstart.kv.tiers.contract import PageKey, Selection, Tier, TierEntry


def prefixes(
    tier: Tier, which: Selection, page_tokens: int, tenant: Callable[[str], str]
) -> Iterator[StoredPrefix]:
    """A tier's prefixes: one for each page that no other continues, and one for each pinned
    page that no pinned page continues."""
    pages = {entry.key.name: entry for entry in tier.entries(which)}
    continued = {entry.key.parent for entry in pages.values()}
    pins = {entry.key.parent for entry in pages.values() if entry.pinned}
    sizes: dict[str, int] = {}
    for entry in sorted(pages.values(), key=lambda entry: entry.key.page):
        name = entry.key.name
        sizes[name] = entry.size + sizes.get(entry.key.parent, 0)
        if name not in continued or (entry.pinned and name not in pins):
            yield _prefix(tier.name, entry, sizes[name], page_tokens, tenant)


def walk_up(tier: Tier, name: str) -> list[PageKey]:
    """The keys of a stored page and all before it, first page first; empty if it is not
    there."""
    pages = {entry.key.name: entry.key for entry in tier.entries()}
    keys = []
    # Each page once: names come from outside and may claim to go in a circle.
    while key := pages.pop(name, None):
        keys.append(key)
        name = key.parent
    return keys[::-1]


def _prefix(
    tier: str, entry: TierEntry, size: int, page_tokens: int, tenant: Callable[[str], str]
) -> StoredPrefix:
    return StoredPrefix(
        tier=tier,
        tenant=tenant(entry.key.scope),
        model=entry.key.model,
        name=entry.key.name,
        tokens=(entry.key.page + 1) * page_tokens,
        size=size,
        hits=entry.hits,
        used=entry.used,
        leased_until=entry.leased_until,
        pinned=entry.pinned,
    )
