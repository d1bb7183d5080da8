"""Looks at the ledger from time to time, and tells the sinks which alarms begin and end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from headstart.ledger.address import LedgerError
from headstart.ledger.alerts import ALL, AlertRules, Alerts, Looked
from headstart.ledger.reader import Reader, Which
from headstart.ledger.report import folded
from headstart.ledger.sinks import Sink
from headstart.ledger.totals import Totals

logger = logging.getLogger("headstart.ledger")

WEEK = 7 * 86_400.0
MOST_GROUPS = 50
"""Clients name models: those with the most input tokens are watched."""
_WEEK_KEPT = 3600.0
"""The week before is summed once an hour: it is the dear part, and changes little."""


class Watch(threading.Thread):
    """Looks every ``rules.every`` seconds until ``stop``. One process of those that share a
    ledger should watch it: each would raise the same alarms."""

    def __init__(
        self,
        url: str,
        rules: AlertRules,
        sinks: Sequence[Sink],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name="headstart-alerts", daemon=True)
        self._url, self._rules, self._sinks, self._clock = url, rules, sinks, clock
        self._alerts = Alerts(rules)
        self._week: tuple[float, dict[str, Totals]] | None = None
        self._over = threading.Event()
        self._failing = False

    def run(self) -> None:
        """Until ``stop``."""
        while not self._over.wait(self._rules.every):
            try:
                self.look()
                self._failing = False
            except Exception as error:
                if not self._failing:
                    told = str(error) if isinstance(error, LedgerError) else type(error).__name__
                    logger.warning("alerts: %s", told)
                self._failing = True

    def look(self) -> None:
        """Look once, now. LedgerError."""
        now = self._clock()
        with Reader.open(self._url) as reader:
            found = self._found(reader, now)
        changed = self._alerts.look(found, now)
        standing = self._alerts.standing
        for sink in self._sinks:
            sink.tell(changed, standing)

    def stop(self, timeout: float = 5.0) -> None:
        """Look no more; the sinks are closed."""
        self._over.set()
        if self.is_alive():
            self.join(timeout)
        for sink in self._sinks:
            sink.close()

    def _found(self, reader: Reader, now: float) -> Looked:
        start = now - self._rules.window
        window = _groups(reader, Which(start, now))
        total = sum(window.values(), Totals())
        busiest = sorted(window, key=lambda group: -window[group].input)[:MOST_GROUPS]
        if self._week is None or now - self._week[0] >= _WEEK_KEPT:
            self._week = (now, _groups(reader, Which(start - WEEK, start)))
        return Looked(
            {ALL: total, **{group: window[group] for group in busiest}},
            self._week[1],
            reader.new_prefixes(start, now, WEEK),
        )


def _groups(reader: Reader, which: Which) -> dict[str, Totals]:
    def name(key: Any) -> str:
        return f"{key[1]}/{key[2]}"

    return folded(reader.by_hour_route_model(which), name)
