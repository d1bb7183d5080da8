"""The ledger's tables, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

from headstart.ledger.totals import Totals

VERSION = 1
"""Of the schema. A ledger of another version is refused, never changed."""

metadata = MetaData(naming_convention={"ix": "headstart_%(table_name)s_%(column_0_name)s"})

_Sequence = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the column is called INTEGER."""

about = Table(
    "headstart_ledger",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

requests = Table(
    "headstart_requests",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("id", String(256), nullable=False),
    Column("time", Float(53), nullable=False),
    Column("hour", Integer, nullable=False),
    Column("tenant", String(256), nullable=False),
    Column("route", String(256), nullable=False),
    Column("provider", String(256), nullable=False),
    Column("model", String(256), nullable=False),
    Column("prefix", String(256)),
    Column("fresh", BigInteger, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("write_5m", BigInteger, nullable=False),
    Column("write_30m", BigInteger, nullable=False),
    Column("write_1h", BigInteger, nullable=False),
    Column("write_12h", BigInteger, nullable=False),
    Column("write_other", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("cost", Float(53)),
    Column("cost_uncached", Float(53)),
    Column("cost_automatic", Float(53)),
    Column("predicted_fresh", BigInteger),
    Column("predicted_read", BigInteger),
    Column("predicted_write_5m", BigInteger),
    Column("predicted_write_30m", BigInteger),
    Column("predicted_write_1h", BigInteger),
    Column("predicted_write_12h", BigInteger),
    Column("predicted_write_other", BigInteger),
    Column("predicted_cost", Float(53)),
    Column("read_error", BigInteger),
    Column("write_error", BigInteger),
    Column("cost_error", Float(53)),
    Column("plan", String(256), nullable=False),
    Column("reason", String(32)),
    Column("confirmed", Boolean, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("lost_cost", Float(53)),
    Column("ttft", Float(53)),
    Column("latency", Float(53)),
    Column("waited", Float(53), nullable=False),
    Column("against", String(256)),
)
"""One row a request. ``hour``, ``written`` and the errors (absolute differences from what was
predicted, where the provider reported usage) follow from the rest: what every report sums is
worked out once."""
Index(None, requests.c.id, unique=True)
Index(None, requests.c.time)
Index(None, requests.c.prefix, requests.c.time)

details = Table(
    "headstart_details",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("time", Float(53), nullable=False, index=True),
    Column("outline", LargeBinary),
    Column("prompt", Text),
)
"""What only the explanation of one request needs, apart so that reports do not read it."""

rollups = Table(
    "headstart_rollups",
    metadata,
    Column("hour", Integer, nullable=False, index=True),
    Column("tenant", String(256), nullable=False),
    Column("route", String(256), nullable=False),
    Column("model", String(256), nullable=False),
    Column("prefix", String(256)),
    Column("reason", String(32)),
    Column("confirmed", Boolean, nullable=False),
    *(
        Column(field.name, Float(53) if field.type == "float" else BigInteger)
        for field in fields(Totals)
    ),
)
"""Sums over rows that agree in these; several may agree with each other."""

dropped = Table(
    "headstart_dropped",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("time", Float(53), nullable=False, index=True),
    Column("until", Float(53), nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("fresh", BigInteger, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("cost", Float(53), nullable=False),
    Column("cost_uncached", Float(53), nullable=False),
)
"""Requests that have no row, summed: one row for each time that rows had to be dropped."""
