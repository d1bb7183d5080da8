"""The reading end of a ledger's database: sums by any column, and single requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from math import ceil, inf
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    and_,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.exc import SQLAlchemyError

from headstart.ledger.address import LedgerError, address_of, cause, shown
from headstart.ledger.connect import check, reading
from headstart.ledger.drops import Drops
from headstart.ledger.rollups import KEYS, rolled
from headstart.ledger.rows import record_of
from headstart.ledger.schema import details, dropped, requests, rollups
from headstart.ledger.sums import SUMS, sums_of
from headstart.ledger.totals import Totals
from headstart.usage import PING, RequestRecord

By = Literal["hour", "tenant", "route", "provider", "model", "prefix", "reason"]


@dataclass(frozen=True, slots=True)
class Which:
    """Requests with ``since <= time < until`` (Unix seconds) that have these values."""

    since: float = -inf
    until: float = inf
    tenant: str | None = None
    route: str | None = None
    model: str | None = None


class Percentiles(NamedTuple):
    """Of seconds, by nearest rank; None where there are none."""

    requests: int
    p50: float | None
    p90: float | None
    p99: float | None


class Reader:
    """Queries in one transaction: they agree with each other while rows come in.

    Methods raise LedgerError.
    """

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        sqlite = connection.dialect.name == "sqlite"
        self._rolled = rolled(connection) if sqlite else None

    @classmethod
    @contextmanager
    def open(cls, url: str | Path) -> Iterator[Self]:
        """Read a ledger that exists; LedgerError for anything else."""
        address = address_of(url)
        engine = reading(address)
        if address.get_backend_name() == "sqlite" and not Path(str(address.database)).is_file():
            raise LedgerError(f"{shown(address)}: there is no such ledger")
        try:
            with engine.connect() as connection, connection.begin():
                check(connection)
                yield cls(engine, connection)
        except SQLAlchemyError as error:
            raise LedgerError(f"{shown(address)} cannot be read: {cause(error)}") from None
        finally:
            engine.dispose()

    def totals(self, which: Which) -> Totals:
        """Sums over all of them."""
        return _totals(self._connection.execute(self._summed((), which)).one())

    def by(self, column: By, which: Which, most: int | None = None) -> dict[Any, Totals]:
        """Sums by one column's values; those of the ``most`` that have the most input tokens.
        ``hour`` is whole hours since 1970."""
        query = self._summed((column,), which)
        if most is not None:
            tokens: ColumnElement[int] = literal_column("fresh + read + written")
            found = query.subquery()
            query = select(found).order_by(tokens.desc(), found.c[column]).limit(most)
        return {row[0]: _totals(row[1:]) for row in self._connection.execute(query)}

    def by_hour_route_model(self, which: Which) -> dict[tuple[int, str, str], Totals]:
        """Sums by three columns at once: what each of them is summed from, in one pass."""
        query = self._summed(("hour", "route", "model"), which)
        return {tuple(row[:3]): _totals(row[3:]) for row in self._connection.execute(query)}

    def reasons(self, which: Which) -> list[tuple[str, bool, Totals]]:
        """Why tokens were not read, whether the provider said so, and the sums; the dearest
        first."""
        query = self._summed(("reason", "confirmed"), which)
        rows = [row for row in self._connection.execute(query) if row[0] is not None]
        found = [(row[0], bool(row[1]), _totals(row[2:])) for row in rows]
        found = [cell for cell in found if cell[2].requests]
        return sorted(found, key=lambda r: (-r[2].lost_cost, -r[2].lost, r[0]))

    def new_prefixes(self, since: float, until: float, history: float) -> int:
        """Prefix versions of that time that the ``history`` seconds before it did not have."""
        earlier = requests.alias()
        known = (
            select(earlier.c.seq)
            .where(earlier.c.prefix == requests.c.prefix)
            .where(earlier.c.time >= since - history, earlier.c.time < since)
            .exists()
        )
        versions = _where(select(requests.c.prefix), Which(since, until)).distinct()
        versions = versions.where(requests.c.prefix.is_not(None), ~known)
        count = select(func.count()).select_from(versions.subquery())
        return int(self._connection.execute(count).scalar_one())

    def ttft(self, which: Which) -> dict[bool, Percentiles]:
        """Of successful requests that read from the cache (True) and that did not."""
        hit = case((requests.c.read > 0, 1), else_=0)
        query = _where(select(hit, requests.c.ttft), which)
        query = query.where(requests.c.ttft.is_not(None), requests.c.status < 400)
        query = query.where(requests.c.plan != PING)
        # The driver's own rows: wrapping a million of them takes longer than reading them.
        rows = self._connection.execute(query).cursor.fetchall()
        hits = [seconds for was_hit, seconds in rows if was_hit]
        misses = [seconds for was_hit, seconds in rows if not was_hit]
        return {True: _percentiles(hits), False: _percentiles(misses)}

    def dropped(self, which: Which) -> Drops:
        """Requests without a row; of which tenant, route or model is not known."""
        columns = [column.name for column in dropped.columns if column.name != "seq"]
        query = select(*(dropped.c[name] for name in columns)).where(
            dropped.c.until >= which.since, dropped.c.time < which.until
        )
        rows = self._connection.execute(query)
        return sum((Drops(**row._mapping) for row in rows), Drops())

    def find(self, request_id: str) -> RequestRecord | None:
        """One request, with its outline and prompt where they were kept."""
        row = self._mapping(select(requests).where(requests.c.id == request_id))
        more = self._mapping(select(details).where(details.c.id == request_id))
        return record_of(dict(row), dict(more) if more else None) if row else None

    def records(self, which: Which, most: int) -> Iterator[RequestRecord]:
        """The latest ``most`` requests, the last first, with their outlines."""
        query = _where(select(requests, details.c.outline, details.c.prompt), which)
        query = query.select_from(requests.outerjoin(details, details.c.id == requests.c.id))
        for row in self._connection.execute(query.order_by(requests.c.time.desc()).limit(most)):
            columns = dict(row._mapping)
            yield record_of(columns, columns)

    def _summed(self, keys: Sequence[str], which: Which) -> Select[Any]:
        """Sums by columns: from those by hour as far as there are any, else from the rows."""
        columns = [requests.c[name] for name in keys]
        raw = _where(select(*columns, *SUMS), which).group_by(*columns)
        found = self._rolled.within(which.since, which.until) if self._rolled else None
        if found is None or not set(keys) <= set(KEYS):
            return raw
        cells = [rollups.c[name] for name in keys]
        rolled = _alike(select(*cells, *sums_of(rollups)).where(found.summed()), rollups, which)
        parts = union_all(raw.where(found.rest()), rolled.group_by(*cells)).subquery()
        merged = [parts.c[name] for name in keys]
        return select(*merged, *sums_of(parts)).group_by(*merged)

    def _mapping(self, query: Select[Any]) -> Any:
        return self._connection.execute(query).mappings().first()


def _where(query: Select[Any], which: Which) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if which.since > -inf:
        conditions.append(requests.c.time >= which.since)
    if which.until < inf:
        conditions.append(requests.c.time < which.until)
    return _alike(query.where(and_(True, *conditions)), requests, which)


def _alike(query: Select[Any], table: Table, which: Which) -> Select[Any]:
    for name in ("tenant", "route", "model"):
        if (value := getattr(which, name)) is not None:
            query = query.where(table.c[name] == value)
    return query


_KINDS = {f.name: float if f.type == "float" else int for f in fields(Totals)}


def _totals(row: Any) -> Totals:
    """From a row of ``SUMS``. Null is the sum of nothing; PostgreSQL sums to decimals."""
    values: dict[str, Any] = {}
    for name, value in zip(_KINDS, row, strict=True):
        if value is not None:
            values[name] = _KINDS[name](value)
    return Totals(**values)


def _percentiles(values: list[float]) -> Percentiles:
    values.sort()
    count = len(values)
    ranks = (values[ceil(count * share) - 1] if count else None for share in (0.5, 0.9, 0.99))
    return Percentiles(count, *ranks)
