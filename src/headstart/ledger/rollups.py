"""Sums by hour over the rows of a SQLite ledger, so that a report need not read them all.

All rows up to one number (``seq``) are summed up, whatever their hour; each exactly once, in
the transaction that moves that number on. What is deleted takes the sums of its hours with it.
"""

from __future__ import annotations

from math import floor, inf, isfinite
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from headstart.ledger.schema import about, requests, rollups
from headstart.ledger.sums import SUMS

CHUNK = 50_000
"""Rows summed up in one transaction."""
MOST_PREFIXES = 200
"""Prefix versions of a chunk that are told apart, those with the most requests."""
KEYS = ("hour", "tenant", "route", "model", "prefix", "reason", "confirmed")
_UPTO, _FROM, _HOUR = "rolled_upto", "rolled_from", "rolled_hour"


class Rolled(NamedTuple):
    """What the sums cover: whole hours ``first`` to ``last`` of rows numbered up to ``upto``."""

    upto: int
    first: int
    last: float

    def within(self, since: float, until: float) -> Rolled | None:
        """The part of whole hours between two moments; None if there is none."""
        first = max(self.first, -floor(-since / 3600)) if since > -inf else self.first
        last = min(self.last, floor(until / 3600) - 1) if until < inf else self.last
        return Rolled(self.upto, first, last) if first <= last else None

    def summed(self) -> ColumnElement[bool]:
        """Which sums count."""
        hours = rollups.c.hour >= self.first
        return and_(hours, rollups.c.hour <= self.last) if isfinite(self.last) else hours

    def rest(self) -> ColumnElement[bool]:
        """Which rows are in none of these sums. Each part of it has an index."""
        parts = [requests.c.seq > self.upto, requests.c.time < self.first * 3600.0]
        if isfinite(self.last):
            parts.append(requests.c.time >= (self.last + 1) * 3600.0)
        return or_(*parts)


def rolled(connection: Connection) -> Rolled | None:
    """What there are sums of; None without any."""
    marks = _marks(connection)
    if _UPTO not in marks:
        return None
    return Rolled(marks[_UPTO], marks.get(_FROM, 0), inf)


def roll(connection: Connection, now: float) -> bool:
    """Sum up the next chunk of rows, if there are that many or an hour has passed since the
    last one; whether there may be more to do."""
    marks = _marks(connection)
    upto, hour = marks.get(_UPTO, 0), floor(now / 3600)
    top = _top(connection)
    if top <= upto or (top - upto < CHUNK and marks.get(_HOUR) == hour):
        return False
    until = min(top, upto + CHUNK)
    some = and_(requests.c.seq > upto, requests.c.seq <= until)
    count = func.count().desc()
    known = select(requests.c.prefix).where(some, requests.c.prefix.is_not(None))
    known = known.group_by(requests.c.prefix).order_by(count).limit(MOST_PREFIXES)
    prefix = case((requests.c.prefix.in_(known), requests.c.prefix))
    keys = [prefix if name == "prefix" else requests.c[name] for name in KEYS]
    cells = select(*keys, *SUMS).where(some).group_by(*keys)
    connection.execute(rollups.insert().from_select([*KEYS, *(s.name for s in SUMS)], cells))
    _mark(connection, _UPTO, until)
    _mark(connection, _HOUR, hour)
    return until < top


def forget(connection: Connection, until: float) -> None:
    """Rows up to that moment were deleted: sums of its hour, and of those before, go too.
    Without the last row its number is given once more, to one that was not summed up."""
    marks, first = _marks(connection), floor(until / 3600) + 1
    top = _top(connection)
    if marks.get(_UPTO, 0) > top:
        _mark(connection, _UPTO, top)
    if marks.get(_FROM, 0) < first:
        connection.execute(delete(rollups).where(rollups.c.hour < first))
        _mark(connection, _FROM, first)


def _top(connection: Connection) -> int:
    return connection.execute(select(func.max(requests.c.seq))).scalar() or 0


def _marks(connection: Connection) -> dict[str, int]:
    names = (_UPTO, _FROM, _HOUR)
    found = connection.execute(select(about).where(about.c.name.in_(names)))
    return {name: int(value) for name, value in found}


def _mark(connection: Connection, name: str, value: int) -> None:
    row = insert(about).values(name=name, value=str(value))
    same = {"index_elements": ["name"], "set_": {"value": row.excluded.value}}
    connection.execute(row.on_conflict_do_update(**same))  # type: ignore[arg-type]
