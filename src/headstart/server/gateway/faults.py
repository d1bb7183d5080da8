"""Faults of ours that no client may notice: counted, and told once for each kind."""

from __future__ import annotations

import logging
from collections import Counter

from headstart.server.logs import FIELDS, fault_of

_logger = logging.getLogger("headstart.server")


class Faults:
    """Counts by kind: "plan", "read", "record" ..."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()

    def note(self, kind: str, error: BaseException) -> None:
        """Count one; the first of its kind and place is logged, without its text."""
        self.counts[kind] += 1
        place = fault_of(error)
        if (kind, place) not in self._told and len(self._told) < 256:
            self._told.add((kind, place))
            fields = {"kind": kind, "fault": place}
            _logger.warning("request passed on as it was", extra={FIELDS: fields})
