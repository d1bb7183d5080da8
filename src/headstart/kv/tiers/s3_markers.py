"""Which pages of a bucket to keep: an empty object for the last page of a lease or a pin.

S3 has no place for a time beside an object that others may write, so that the marker's own
name says until when.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from headstart.kv.tiers.s3_bucket import Bucket

RENEW_SECONDS = 60.0
"""A lease that grows by less is not written down anew."""
_KEEP = re.compile(r"keep/([0-9a-f]{40})/(pin|\d+)")


class Markers:
    """``keep/NAME/UNTIL`` and ``keep/NAME/pin``; this process knows those it has listed or
    written."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._until: dict[str, float] = {}
        """Expiry by name; infinity for a pin."""

    def lease(self, name: str, until: float) -> None:
        """Write down a lease, unless one that ends as late is."""
        if until > self._until.get(name, 0.0) + RENEW_SECONDS:
            self._write(name, math.ceil(until))

    def pin(self, name: str) -> None:
        """Write down a pin."""
        self._write(name, math.inf)

    def unpin(self, names: Iterable[str]) -> None:
        """Remove the pins among what is marked."""
        pins = [name for name in names if self._until.get(name) == math.inf]
        self._remove([(name, math.inf) for name in pins])

    def refresh(self, now: float) -> Iterator[tuple[str, float]]:
        """List the markers anew: each page's name and until when. Removes those that are over."""
        expired = []
        for path, _, _ in self._bucket.list("keep/"):
            if not (match := _KEEP.fullmatch(path)):
                continue
            name, text = match.groups()
            until = math.inf if text == "pin" else float(text)
            if until <= now:
                expired.append((name, until))
                continue
            self._until[name] = max(until, self._until.get(name, 0.0))
            yield name, until
        self._remove(expired)

    def _write(self, name: str, until: float) -> None:
        old = self._until.get(name)
        self._until[name] = max(until, old or 0.0)
        self._bucket.put(_path(name, until))
        if old is not None and old != until and old != math.inf:
            self._remove([(name, old)])

    def _remove(self, marks: Sequence[tuple[str, float]]) -> None:
        for name, until in marks:
            if self._until.get(name) == until:
                del self._until[name]
            self._bucket.remove([_path(name, until)])


def _path(name: str, until: float) -> str:
    return f"keep/{name}/{'pin' if until == math.inf else int(until)}"
