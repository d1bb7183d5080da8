"""Rows that stand in the logs twice, found by their ids."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from headstart.audit.record import Record

MOST: Final = 1 << 20
"""Ids that are remembered, some 100 bytes each; the oldest go first."""


class Duplicates:
    """Ask it once a record, over all files."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def seen(self, record: Record) -> bool:
        """Whether a record of the same id came before; one without an id is new."""
        if record.id is None:
            return False
        key = blake2b(record.id.encode("utf-8", "replace"), digest_size=8).digest()
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return False
